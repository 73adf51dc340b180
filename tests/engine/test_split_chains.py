"""A convolution and the depthwise one behind it go through their channels in runs where that saves memory."""

from dataclasses import replace

import numpy as np
import pytest

from engine.artifacts.artifact import artifact_bytes, parse_artifact
from engine.compiler import CompileOptions, compile_graph
from engine.core.program import Program
from engine.core.steps import ConvStep, DepthwiseStep
from engine.core.target import host_target
from engine.execution.runtime import Executable
from engine.machine_code.object_cache import ObjectCache
from engine.passes import split_chains
from engine.passes.pipeline import build_program
from engine.planning.memory import plan_arena
from graph import reference
from graph.activations import ActivationFunction, Function
from graph.conv_ops import Conv, DepthwiseConv
from graph.graph import Graph, Input, Node, Output
from graph.ops import Activation, Merge, MergeKind
from graph.resizing_ops import Pad
from graph.tensor_type import DType, TensorType
from graph.windows import Padding

ONE = ((1, 1), (1, 1), Padding.SAME)
RELU = Activation(ActivationFunction(Function.RELU))


def chain_graph(
    size: int = 10, channels: int = 10, *, multiplier: int = 1, padding: Padding = Padding.SAME
) -> Graph:
    """An expansion with a sum and an activation, a depthwise convolution, and a projection."""
    rng = np.random.default_rng(0)
    shapes = {
        "expand": (1, 1, 3, channels),
        "side": (1, 1, 3, channels),
        "depthwise": (3, 3, channels, multiplier),
        "project": (1, 1, channels * multiplier, 5),
    }
    weights = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    weights |= {
        f"{name}/bias": rng.normal(
            size=shape[-1] if name != "depthwise" else channels * multiplier
        ).astype(np.float32)
        for name, shape in shapes.items()
    }
    weights["expand"][rng.random(shapes["expand"]) < 0.5] = 0

    def node(name: str, op: Conv | DepthwiseConv, x: str) -> Node:
        return Node(name, op, (x,), (name, f"{name}/bias"))

    nodes = (
        node("side", Conv(*ONE), "x"),
        node("expand", Conv(*ONE), "x"),
        Node("sum", Merge(MergeKind.ADD), ("expand", "side")),
        Node("active", RELU, ("sum",)),
        Node("padded", Pad(((1, 1), (1, 1))), ("active",)),
        node(
            "depthwise",
            DepthwiseConv((2, 2), (1, 1), padding),
            "active" if padding is Padding.SAME else "padded",
        ),
        node("project", Conv(*ONE), "depthwise"),
    )
    x = Input("x", TensorType(DType.FLOAT32, (None, size, size, 3)))
    return Graph("chain", (x,), nodes, (Output("y", "project"),), weights)


@pytest.fixture
def small_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values of 2 KB are wide, and runs take 1 KB."""
    monkeypatch.setattr(split_chains, "_WIDE_BYTES", 2048)
    monkeypatch.setattr(split_chains, "_RUN_BYTES", 1700)


def kinds(program: Program) -> list[str]:
    return [
        f"{step.name} {step.units}"
        for step in program.steps
        if isinstance(step, ConvStep | DepthwiseStep)
    ]


@pytest.mark.usefixtures("small_runs")
@pytest.mark.parametrize("padding", [Padding.SAME, Padding.VALID])
def test_channels_go_in_runs_and_every_run_has_its_weights(padding: Padding) -> None:
    """Whether windows are padded, or a layer before them does it, whose own result is then read by none."""
    program = build_program(chain_graph(padding=padding))
    # Channels that are left over make a run of their own.
    runs = [f"{name} {count}" for count in (4, 4, 2) for name in ("expand", "depthwise")]
    assert kinds(program) == ["side 10", *runs, "project 5"]
    steps = [step for step in program.steps if isinstance(step, ConvStep | DepthwiseStep)]
    expand = [step for step in steps if step.name == "expand"]
    whole = chain_graph().weights["expand"].reshape(3, 10)
    joined = np.concatenate([program.constants[step.kernel] for step in expand], axis=1)
    np.testing.assert_array_equal(joined, whole)
    assert sum(step.nonzeros for step in expand) == np.count_nonzero(whole)


@pytest.mark.usefixtures("small_runs")
def test_runs_share_memory() -> None:
    program = build_program(chain_graph())
    offsets = plan_arena(program, 1).offsets
    made = [step.y.buffer for step in program.steps if isinstance(step, ConvStep)][1:3]
    assert made[0] != made[1]
    assert offsets[made[0]] == offsets[made[1]]


@pytest.mark.usefixtures("small_runs")
@pytest.mark.parametrize("threads", [1, 2])
def test_outputs_are_those_of_the_graph_and_reports_name_layers_once(
    object_cache: ObjectCache, threads: int
) -> None:
    graph, target = chain_graph(), host_target()
    options = CompileOptions(tune=False, threads=threads, buckets=(1, 4))
    model = compile_graph(graph, target, options, object_cache)
    model = parse_artifact(artifact_bytes(model)).model
    assert [layer.name for layer in model.layers] == ["side", "expand", "depthwise", "project"]
    assert [layer.units for layer in model.layers] == [10, 10, 10, 5]
    x = np.random.default_rng(1).normal(size=(5, 10, 10, 3)).astype(np.float32)
    got = Executable(model, object_cache, target, threads).run({"x": x})["y"]
    wanted = reference.run(graph, {"x": x}, np.float64)["y"]
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5 * np.abs(wanted).max())


@pytest.mark.usefixtures("small_runs")
def test_what_has_another_reader_or_several_outputs_a_channel_stays_whole() -> None:
    several = build_program(chain_graph(multiplier=2))
    assert kinds(several).count("expand 10") == 1
    graph = chain_graph()
    outputs = (*graph.outputs, Output("seen", "active"))
    assert kinds(build_program(replace(graph, outputs=outputs))).count("expand 10") == 1


def test_narrow_values_stay_whole() -> None:
    assert kinds(build_program(chain_graph())).count("expand 10") == 1
