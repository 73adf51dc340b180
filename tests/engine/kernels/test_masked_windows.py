"""Depthwise convolutions that read channels without padding: where their elements lie, and what they give."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.compiler import CompileOptions, compile_graph
from engine.core.functions import ElementFunction, FusedActivation
from engine.core.target import Isa, available_isas, host_target
from engine.execution.assemble import bind_plan
from engine.formats.masked_windows import masked_windows, padded_sources
from engine.kernels.position_blocks import VECTORS
from engine.kernels.window_masked import FAMILY, masked_spec
from engine.machine_code.object_cache import ObjectCache
from graph.conv_ops import DepthwiseConv
from graph.graph import Graph, Input, Node, Output
from graph.tensor_type import DType, TensorType
from graph.windows import Padding
from tests.engine.kernels.step_runner import StepInput, run_step

needs_avx512 = pytest.mark.skipif(
    Isa.AVX512 not in available_isas(), reason="only AVX-512 has the kernel"
)


def _elements(sizes: tuple[int, ...], window: tuple[int, ...], stride: int = 1) -> np.ndarray:
    """Row of the channel of each element of each window with "same" padding, -1 for padding: int64[positions][taps]."""
    places = [np.arange(0, size, stride) for size in sizes]
    found = []
    for position in itertools.product(*places):
        for tap in itertools.product(*map(range, window)):
            place = [p + t - w // 2 for p, t, w in zip(position, tap, window, strict=True)]
            inside = all(0 <= p < size for p, size in zip(place, sizes, strict=True))
            found.append(int(np.ravel_multi_index(place, sizes)) if inside else -1)
    return np.array(found, np.int64).reshape(-1, int(np.prod(window)))


@needs_avx512
@settings(max_examples=40)
@given(
    sizes=st.one_of(
        st.tuples(st.integers(1, 70)), st.tuples(st.integers(1, 12), st.integers(1, 20))
    ),
    width=st.integers(1, 5),
    channels=st.integers(1, 3),
    multiplier=st.integers(1, 2),
    lanes=st.sampled_from([1, 4, 8, 16]),
    seed=st.integers(0, 99),
)
def test_the_kernel_agrees_with_numpy_and_reads_nothing_beside_the_value(
    sizes: tuple[int, ...], width: int, channels: int, multiplier: int, lanes: int, seed: int
) -> None:
    elements = _elements(sizes, (width,) * len(sizes))
    count = len(elements) * lanes
    spec = masked_spec(Isa.AVX512, lanes, FusedActivation.LINEAR, count)
    windows = masked_windows(elements, lanes, 16, spec.number(VECTORS))
    assert windows is not None
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(channels, len(elements), lanes)).astype(np.float32)
    weights = rng.normal(size=(channels * multiplier, elements.shape[1])).astype(np.float32)
    bias = rng.normal(size=channels * multiplier).astype(np.float32)
    step = StepInput(
        values={"x": x},
        outputs={"y": (channels * multiplier, len(elements), lanes)},
        constants={
            "weights": weights,
            "bias": bias,
            "shifts": windows.shifts,
            "masks": windows.masks,
        },
        ints={
            "taps": elements.shape[1],
            "channels": channels,
            "multiplier": multiplier,
            "x_bytes": count * 4,
            "y_bytes": count * 4,
            "elements": count,
            "blocks": len(windows.masks),
            **ElementFunction().as_ints(),
        },
    )
    y = run_step(spec, step)["y"]
    seen = np.where((elements >= 0)[..., None], x.astype(np.float64)[:, elements], 0)
    wanted = np.einsum("ct,cptl->cpl", weights, np.repeat(seen, multiplier, axis=0))
    np.testing.assert_allclose(y, wanted + bias[:, None, None], rtol=1e-5, atol=1e-5)


def test_windows_that_skip_elements_have_no_such_form() -> None:
    assert masked_windows(_elements((9, 9), (3, 3)), 1, 16, 4) is not None
    assert masked_windows(_elements((9, 9), (3, 3), stride=2), 1, 16, 4) is None


def test_an_element_that_no_window_has_is_masked_everywhere() -> None:
    windows = masked_windows(_elements((1, 4), (3, 3)), 1, 16, 1)
    assert windows is not None
    assert not windows.masks[0, [0, 1, 2, 6, 7, 8]].any()
    assert windows.masks[0, 4, 0] == 0b1111


def test_sources_of_a_move_are_those_of_its_boxes() -> None:
    box = [3, 1, 1, 0, 0, 1, 0, 0, 2, 4, 5, 2, 1, 1]
    assert padded_sources(np.array([box], np.int64), 9).tolist() == [-1, 3, 4, -1, -1, -1, 7, 8, -1]


@needs_avx512
@pytest.mark.parametrize(("stride", "expected"), [(1, True), (2, False)])
def test_a_program_reads_what_was_to_be_padded(stride: int, expected: bool) -> None:
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(3, 3, 4, 1)).astype(np.float32)
    op = DepthwiseConv((stride, stride), (1, 1), Padding.SAME, use_bias=False)
    x = Input("x", TensorType(DType.FLOAT32, (None, 8, 8, 4)))
    graph = Graph("g", (x,), (Node("y", op, ("x",), ("k",)),), (Output("y", "y"),), {"k": kernel})
    target = host_target()
    if target.isa is not Isa.AVX512:
        pytest.skip("PRUNUS_ISA asks for another level")
    model = compile_graph(graph, target, CompileOptions(tune=False, threads=1), ObjectCache())
    families = {
        step.spec.family
        for tile in bind_plan(model.program, model.plan)
        for phase in tile.steps
        for step in phase
    }
    assert (FAMILY in families) is expected
