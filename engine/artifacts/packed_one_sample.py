"""Checks of packed layers from a file for the sparse kernels of one sample; see `engine.artifacts.packed_checks`."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from engine.artifacts.packed_view import PackedView
from engine.core.target import Isa
from engine.formats.bitmask import MASK_BITS
from engine.formats.sweep import MAX_WIDTH
from engine.formats.unit_blocks import BlockShape
from engine.formats.window import WINDOW_STEP
from engine.kernels import (
    spmm_sweep,
    spmv_blocks,
    spmv_delta,
    spmv_expand,
    spmv_sell,
    spmv_sweep,
    spmv_window,
)
from engine.kernels.weight_loads import OPTIONAL_VARIANTS

NARROW = frozenset(OPTIONAL_VARIANTS)


def _check_chunks(view: PackedView, height: int, lanes: Sequence[int] = (1,)) -> int:
    """Return what formats of sorted rows share: see `engine.kernels.one_sample`; the number of steps."""
    view.expect(view.lanes in lanes, "samples per tile that the kernel has")
    steps = view.array("steps", np.uint32, (None,)).astype(np.int64)
    rows = view.array("rows", np.uint32, (steps.size * height,))
    view.array("bias", np.float32, (rows.size,))
    row_bytes = view.lanes * 4
    view.expect_ints(
        {
            "chunks": steps.size,
            "x_bytes": view.inputs * row_bytes,
            "y_bytes": view.units * row_bytes,
        }
    )
    view.expect_all_rows(rows)
    return int(steps.sum())


def _check_sell(view: PackedView) -> None:
    """See `engine.formats.sell`."""
    view.expect_variants("access", "index", optional=NARROW)
    view.variant_word("access", [access.value for access in spmv_sell.Access])
    width = view.isa.vector_floats
    entries = _check_chunks(view, width) * width
    kind = np.uint16 if view.variant_number("index", (16, 32)) == 16 else np.uint32
    view.weights("values", entries)
    view.expect_below(view.array("columns", kind, (entries,)), view.inputs, "columns")


def _check_window(view: PackedView) -> None:
    """See `engine.formats.window`."""
    view.expect_variants("columns", "vectors", optional=NARROW)
    view.expect(view.isa is Isa.AVX512, "AVX-512")
    width = view.variant_number("columns", (32, 64, 128))
    height = view.variant_number("vectors", range(1, 9)) * view.isa.vector_floats
    steps = _check_chunks(view, height)
    view.weights("values", steps * height)
    view.array("columns", np.uint8, (steps * height,))
    # A window may end behind the last column, but not behind the 64 bytes that it lies in.
    last = (-(-view.inputs // WINDOW_STEP) * WINDOW_STEP - width) // WINDOW_STEP
    view.expect(last >= 0, "windows inside the input")
    view.expect_below(view.array("windows", np.uint16, (steps,)), last + 1, "windows")


def _check_blocks(view: PackedView) -> None:
    """See `engine.formats.unit_blocks`."""
    view.expect_variants("shape", "size", optional=NARROW)
    shape = view.variant_word("shape", [shape.value for shape in BlockShape])
    width = view.isa.vector_floats
    view.variant_number("size", [size for size in spmv_blocks.SIZES if size <= width])
    vectors = spmv_blocks.vectors_of(view.spec)
    steps = _check_chunks(view, width if shape == BlockShape.RUN else vectors * width)
    view.weights("values", steps * vectors * width)
    # A run may end behind the last input, by less than the room that kernels may read.
    columns = view.array("columns", np.uint16, (steps * spmv_blocks.bands_of(view.spec),))
    view.expect_below(columns, view.inputs, "columns")


def _check_tile_sweep(view: PackedView) -> None:
    """See `engine.kernels.spmm_sweep`."""
    view.expect(view.isa in spmm_sweep.ISAS, "AVX-512")
    view.expect(view.inputs <= spmm_sweep.MAX_INPUTS, "inputs that fit the stack")
    _check_sweep(view, spmm_sweep.LANES)


def _check_sweep(view: PackedView, lanes: Sequence[int] = (1,)) -> None:
    """See `engine.formats.sweep`."""
    view.expect_variants("vectors", optional=NARROW)
    view.expect(view.isa is not Isa.GENERIC, "AVX2 or AVX-512")
    width = view.isa.vector_floats
    vectors = view.variant_number("vectors", (1, 2, 4))
    _check_chunks(view, vectors * width, lanes)
    steps = view.array("steps", np.uint32, (None,))
    slide, count = view.ints["slide"], view.ints["count"]
    # A window may end behind the last input, by less than the room that kernels may read.
    view.expect(0 < slide <= MAX_WIDTH and 0 <= count <= MAX_WIDTH, "a pace of windows")
    windows = -(-view.inputs // slide)
    view.expect(bool((steps == windows).all()), "every window in every chunk")
    entries = steps.size * windows * count * vectors * width
    view.weights("values", entries)
    view.array("columns", np.uint8, (entries,))
    rest = view.array("rest", np.uint32, (steps.size * vectors,)).astype(np.int64)
    entries = int(rest.sum()) * width
    view.weights("rest_values", entries)
    columns = view.array("rest_columns", np.uint16, (entries,))
    view.expect_below(columns, view.inputs, "columns")


def _check_expand(view: PackedView) -> None:
    """See `engine.formats.bitmask`."""
    view.expect_variants("vectors")
    view.expect(view.isa is Isa.AVX512, "AVX-512")
    height = view.variant_number("vectors", (4,)) * MASK_BITS
    _check_chunks(view, height)
    steps = view.array("steps", np.uint32, (None,))
    view.expect(bool((steps == view.inputs).all()), "every input in every chunk")
    places = steps.size * view.inputs * height
    masks = view.array("masks", np.uint16, (places // MASK_BITS,))
    bits = int(np.unpackbits(masks.view(np.uint8)).sum(dtype=np.int64))
    view.array("values", np.float32, (bits + MASK_BITS,))


def _check_delta(view: PackedView) -> None:
    """See `engine.formats.delta`."""
    view.expect_variants(optional=NARROW)
    view.expect(view.isa is not Isa.GENERIC, "AVX2 or AVX-512")
    width = view.isa.vector_floats
    steps = _check_chunks(view, width)
    view.weights("values", steps * width)
    deltas = view.array("deltas", np.uint8, (steps * width,)).reshape(steps, width)
    counts = view.array("steps", np.uint32, (None,)).astype(np.int64)
    # The last column of each lane is its furthest: the sum over the chunk.
    ends = np.concatenate(
        (np.zeros((1, width), np.int64), np.cumsum(deltas, axis=0, dtype=np.int64))
    )
    chunk_ends = np.cumsum(counts)
    columns = ends[chunk_ends] - ends[chunk_ends - counts]
    view.expect_below(columns, view.inputs, "columns")


ONE_SAMPLE_CHECKS: Mapping[str, Callable[[PackedView], None]] = {
    spmv_sell.FAMILY: _check_sell,
    spmv_window.FAMILY: _check_window,
    spmv_blocks.FAMILY: _check_blocks,
    spmv_sweep.FAMILY: _check_sweep,
    spmm_sweep.FAMILY: _check_tile_sweep,
    spmv_delta.FAMILY: _check_delta,
    spmv_expand.FAMILY: _check_expand,
}
