"""Kernels over windows of one channel, and moves, against NumPy: every level, one sample and many."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.target import Isa, available_isas
from engine.formats.position_vectors import Grid, Stores, cover
from engine.kernels import moves
from engine.kernels.window_candidates import WindowLayer, window_arguments, window_spec
from engine.kernels.window_channels import WindowKind
from tests.engine.kernels.conv_oracle import Shape, drawn_layer, drawn_value, rows_of
from tests.engine.kernels.step_runner import StepInput, run_step

LANES = st.sampled_from([1, 4, 8, 16, 32])
SIZES = st.integers(1, 9)


@pytest.mark.parametrize("isa", available_isas())
@pytest.mark.parametrize("kind", WindowKind)
@settings(max_examples=15)
@given(
    data=st.data(),
    channels=st.integers(1, 4),
    multiplier=st.integers(1, 3),
    rank=st.integers(1, 3),
    lanes=LANES,
    seed=st.integers(0, 99),
)
def test_windows_of_channels(
    isa: Isa,
    kind: WindowKind,
    data: st.DataObject,
    channels: int,
    multiplier: int,
    rank: int,
    lanes: int,
    seed: int,
) -> None:
    sizes = tuple(data.draw(st.integers(1, 40 if rank == 1 else 8)) for _ in range(rank))
    window = tuple(data.draw(st.integers(1, 3)) for _ in range(rank))
    multiplier = multiplier if kind is WindowKind.WEIGHTED else 1
    like = drawn_layer(Shape(channels, channels, channels, sizes, window, 1, 0.0), seed)
    x = drawn_value(like, lanes, seed)
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 5, like.positions).astype(np.float32)
    layer = WindowLayer(
        kind=kind,
        channels=channels,
        multiplier=multiplier,
        taps=like.taps,
        channel_rows=like.channel_rows,
        sizes=like.sizes,
        strides=like.strides,
        weights=rng.normal(size=(channels * multiplier, len(like.taps))).astype(np.float32),
        bias=rng.normal(size=channels * multiplier).astype(np.float32),
        counts=counts,
    )
    spec = window_spec(layer, isa, lanes)
    constants, ints = window_arguments(layer, spec)
    step = StepInput(
        values={"x": x},
        outputs={"y": (channels * multiplier, like.positions, lanes)},
        constants=constants,
        ints=ints,
    )
    y = run_step(spec, step)["y"]
    samples = np.repeat(x[rows_of(like)].astype(np.float64), multiplier, axis=0)
    if kind is WindowKind.MAXIMUM:
        wanted = samples.max(axis=1)
    elif kind is WindowKind.AVERAGE:
        wanted = samples.sum(axis=1) / counts[:, None]
    else:
        wanted = np.einsum("ct,ctpl->cpl", layer.weights.astype(np.float64), samples)
        wanted += layer.bias[:, None, None]
    np.testing.assert_allclose(y, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("isa", available_isas())
@settings(max_examples=30)
@given(
    data=st.data(),
    outer=st.integers(1, 3),
    counts=st.tuples(SIZES, SIZES, SIZES, st.integers(1, 40)),
    lanes=LANES,
    filled=st.booleans(),
)
def test_moves(
    isa: Isa,
    data: st.DataObject,
    outer: int,
    counts: tuple[int, int, int, int],
    lanes: int,
    filled: bool,
) -> None:
    last = data.draw(st.sampled_from([(1, 1), (2, 1), (3, 1), (1, 2), (0, 1)]))
    # Rows of an axis lie behind those of the axes inside it, with a gap.
    x_steps, y_steps = [last[0]], [last[1]]
    x_span, y_span = (counts[3] - 1) * last[0] + 1, (counts[3] - 1) * last[1] + 1
    for count in reversed(counts[:3]):
        x_steps.insert(0, x_span + 1)
        y_steps.insert(0, y_span + 1)
        x_span, y_span = (count - 1) * x_steps[0] + x_span, (count - 1) * y_steps[0] + y_span
    first_x, first_y = data.draw(st.integers(0, 2)), data.draw(st.integers(0, 2))
    x_rows, y_rows = first_x + x_span, first_y + y_span
    x = np.random.default_rng(0).normal(size=(outer, x_rows, lanes)).astype(np.float32)
    box = [first_x, first_y]
    for numbers in zip(counts, x_steps, y_steps, strict=True):
        box += numbers
    step = StepInput(
        values={"x": x},
        outputs={"y": (outer, y_rows, lanes)},
        constants={"boxes": np.array([box], np.int64)},
        ints={
            "box_count": 1,
            "outer": outer,
            "x_rows": x_rows,
            "y_rows": y_rows,
            "filled": y_rows if filled else 0,
            "fill": int(np.float32(-2.5).view(np.uint32)),
        },
    )
    y = run_step(moves.move_spec(isa, lanes), step)["y"]
    wanted = np.full(y.shape, -2.5 if filled else np.nan, np.float32)
    places = np.indices(counts).reshape(4, -1)
    wanted[:, first_y + np.array(y_steps) @ places] = x[:, first_x + np.array(x_steps) @ places]
    np.testing.assert_array_equal(y, wanted)


@given(
    sizes=st.lists(SIZES, min_size=1, max_size=3),
    gaps=st.integers(0, 5),
    lanes=LANES,
    width=st.sampled_from([4, 8, 16]),
)
def test_vectors_store_every_position_and_read_what_lies_beside_it(
    sizes: list[int], gaps: int, lanes: int, width: int
) -> None:
    strides = [1]
    for size in reversed(sizes[1:]):
        strides.insert(0, strides[0] * size + gaps)
    grid = Grid(tuple(sizes), tuple(strides))
    vectors = cover(grid, lanes, width)
    rows = np.repeat(grid.rows() * lanes, lanes) + np.tile(np.arange(lanes), grid.positions)
    stored = np.full(rows.size, -1)
    for start, out, mask in vectors.table.astype(np.int64):
        kept = [element for element in range(width) if mask >> element & 1]
        stored[out // 4 : out // 4 + len(kept)] = start // 4 + np.array(kept)
        assert vectors.stores is not Stores.WHOLE or len(kept) == width
        assert vectors.stores is Stores.PARTIAL or kept == list(range(len(kept)))
    np.testing.assert_array_equal(stored, rows)
    assert vectors.blocks(3).shape[1:] == (3, 3)
