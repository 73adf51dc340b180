"""What is written, Keras 3 loads: the same outputs and names, shared layers shared, equal bytes for equal graphs."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph import reference
from graph.activations import AXIS_FUNCTIONS, ActivationFunction, Function
from graph.conv_ops import Conv, DepthwiseConv
from graph.element_functions import ELEMENT_FUNCTIONS
from graph.errors import ExportError
from graph.graph import Graph, Output
from graph.interpolation import Interpolation
from graph.keras.export import write_keras
from graph.keras.read import read_model
from graph.normalization_ops import UnitNormalization
from graph.op import Op
from graph.ops import Activation, Dense, Normalization
from graph.resizing_ops import Resize, Upsample
from graph.tensor_type import DType, TensorType
from graph.windows import Padding
from tests.builders import GraphBuilder, random_inputs
from tests.graph.keras.conftest import TOLERANCE, assert_same_outputs, set_random_weights
from tests.graph.keras.spatial_zoo import COMMON, KERAS3, NETWORKS
from tests.graph.keras.zoo import MODELS
from tests.pruning.images import random_image_network
from tests.strategies import graphs
from tests.unknown_ops import SAME_SHAPE, RollingDense

pytestmark = [
    # Keras' own conversion of its variables is behind NumPy's protocol.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy"),
    pytest.mark.filterwarnings("ignore:The structure of `inputs` doesn't match"),
    # Drawn graphs may take the softmax of one element, about which Keras wonders.
    pytest.mark.filterwarnings("ignore:(?s).*You are using a softmax over axis"),
    # LayerNormalization(rms_scaling=True) is deprecated in Keras, and read and written all the same.
    pytest.mark.filterwarnings("ignore:You passed `rms_scaling=True`"),
]

Load = Callable[[Graph], Any]


@pytest.fixture
def load(keras: Any, tmp_path: Path) -> Load:
    """Write a graph and load the file with Keras."""

    def write_and_load(graph: Graph) -> Any:
        write_keras(graph, tmp_path / "written.keras")
        return keras.saving.load_model(tmp_path / "written.keras")

    return write_and_load


def assert_equal_graphs(found: Graph, wanted: Graph, tolerance: float = 1e-12) -> None:
    """Same public names and types, and outputs equal but for the roundings of float64."""
    assert found.inputs == wanted.inputs
    assert sorted(o.name for o in found.outputs) == sorted(o.name for o in wanted.outputs)
    inputs = random_inputs(wanted, 3)
    expected = reference.run(wanted, inputs, np.float64)
    for name, value in reference.run(found, inputs, np.float64).items():
        np.testing.assert_allclose(value, expected[name], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", MODELS)
def test_read_written_and_loaded(keras: Any, tmp_path: Path, load: Load, name: str) -> None:
    model = MODELS[name](keras)
    set_random_weights(model)
    model.save(tmp_path / "original.keras")
    graph = read_model(tmp_path / "original.keras").graph
    assert_same_outputs(graph, load(graph))
    assert_equal_graphs(read_model(tmp_path / "written.keras").graph, graph)


OF_IMAGES = {**COMMON, **KERAS3, **NETWORKS}


@pytest.mark.parametrize("name", OF_IMAGES)
def test_images_read_written_and_loaded(keras: Any, tmp_path: Path, load: Load, name: str) -> None:
    model = OF_IMAGES[name](keras)
    set_random_weights(model)
    model.save(tmp_path / "original.keras")
    graph = read_model(tmp_path / "original.keras").graph
    assert_same_outputs(graph, load(graph), 5e-6)
    assert_equal_graphs(read_model(tmp_path / "written.keras").graph, graph)


@pytest.mark.parametrize("method", list(Interpolation))
@pytest.mark.parametrize("shape", [(7, 3), (5, 7, 3), (4, 5, 6, 2)], ids=["1-D", "2-D", "3-D"])
def test_every_way_of_resizing(
    load: Load, tmp_path: Path, method: Interpolation, shape: tuple[int, ...]
) -> None:
    rank = len(shape) - 1
    for op in (Upsample((2,) * rank, method), Resize((3, 8, 5)[:rank], method)):
        b = GraphBuilder()
        graph = b.build(b.add(op, [b.input(*shape)]))
        assert_same_outputs(graph, load(graph), 5e-6)
        assert_equal_graphs(read_model(tmp_path / "written.keras").graph, graph, 1e-6)


@pytest.mark.parametrize("name", sorted(ELEMENT_FUNCTIONS))
def test_functions_of_numbers_are_written_as_operations(
    load: Load, tmp_path: Path, name: str
) -> None:
    b = GraphBuilder()
    inside = b.activation(b.input(6), Function.SIGMOID)
    graph = b.build(b.add(Activation(ActivationFunction(Function(name))), [inside]))
    if name == "trunc":
        with pytest.raises(ExportError, match="no operation of one tensor"):
            write_keras(graph, tmp_path / "x.keras")
        return
    load(graph)
    assert_equal_graphs(read_model(tmp_path / "written.keras").graph, graph)


@pytest.mark.parametrize("low", [None, -0.5])
def test_limits_are_written_where_there_are_two(load: Load, tmp_path: Path, low: Any) -> None:
    b = GraphBuilder()
    clip = ActivationFunction(Function.CLIP, min_value=low, max_value=0.5)
    graph = b.build(b.add(Activation(clip), [b.input(6)]))
    if low is None:
        with pytest.raises(ExportError, match="no operation of one tensor"):
            write_keras(graph, tmp_path / "x.keras")
        return
    assert_same_outputs(graph, load(graph))
    assert_equal_graphs(read_model(tmp_path / "written.keras").graph, graph)


def test_resizing_of_any_size_without_a_layer_is_refused(tmp_path: Path) -> None:
    b = GraphBuilder()
    image = b.input(5, 5, 2, type_=TensorType(DType.FLOAT32, (None, None, 5, 2)))
    graph = b.build(b.add(Upsample((2, 2), Interpolation.AREA), [image]))
    with pytest.raises(ExportError, match="of images of any size"):
        write_keras(graph, tmp_path / "x.keras")


def test_a_depthwise_convolution_over_three_axes(load: Load) -> None:
    b = GraphBuilder()
    op = DepthwiseConv((1, 2, 1), (1, 1, 1), Padding.SAME)
    kernel = b.weight("kernel", b.rng.standard_normal((2, 3, 1, 4, 2)))
    bias = b.weight("bias", b.rng.standard_normal(8))
    graph = b.build(b.add(op, [b.input(4, 5, 3, 4)], [kernel, bias]))
    assert_same_outputs(graph, load(graph), 5e-6)


def test_unit_normalization_with_the_bound_of_keras2(load: Load) -> None:
    b = GraphBuilder()
    op = UnitNormalization((1,), 1e-6)
    graph = b.build(b.add(op, [b.input(4)]))
    model = load(graph)
    for size in (1.0, 1e-5, 1e-7, 0.0):
        x = np.full((1, 4), size, np.float32)
        wanted = reference.run(graph, {"x0": x})["y0"]
        np.testing.assert_allclose(np.asarray(model(x)), wanted, rtol=1e-5)


def test_an_activation_becomes_the_argument_of_a_convolution(load: Load) -> None:
    b = GraphBuilder()
    kernel = b.weight("kernel", b.rng.standard_normal((3, 3, 2, 4)))
    op = Conv((1, 1), (1, 1), use_bias=False)
    x = b.activation(b.add(op, [b.input(6, 6, 2)], [kernel], name="conv"), Function.RELU)
    model = load(b.build(x))
    assert [type(layer).__name__ for layer in model.layers] == ["InputLayer", "Conv2D"]
    assert model.layers[1].activation.__name__ == "relu"


@pytest.mark.parametrize("seed", range(6))
def test_drawn_networks_of_images(load: Load, tmp_path: Path, seed: int) -> None:
    graph = random_image_network(seed)
    assert_same_outputs(graph, load(graph), 2e-5)
    assert_equal_graphs(read_model(tmp_path / "written.keras").graph, graph, 1e-5)


@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(graph=graphs())
def test_drawn_graphs(keras: Any, load: Load, tmp_path: Path, graph: Graph) -> None:
    model = load(graph)
    assert_equal_graphs(read_model(tmp_path / "written.keras").graph, graph)
    assert_same_outputs(graph, model, tolerance=2e-5)


@pytest.mark.parametrize("axis", [1, 2])
def test_layers_behind_glu_get_half_its_input(load: Load, axis: int) -> None:
    b = GraphBuilder()
    halves = b.add(Activation(ActivationFunction(Function.GLU, axis=axis)), [b.input(4, 6)])
    graph = b.build(b.dense(b.prelu(halves), 3))
    assert_same_outputs(graph, load(graph))


# What Keras has no operation of one tensor for without arguments is refused, as tests above show.
ELSEWHERE = {Function.THRESHOLD, Function.CLIP, Function.TRUNC}


@pytest.mark.parametrize("function", sorted(set(Function) - ELSEWHERE))
@pytest.mark.parametrize("axis", [-1, 1])
def test_activations(load: Load, function: Function, axis: int) -> None:
    if axis == 1 and function not in AXIS_FUNCTIONS:
        axis = -1
    shrinks = function in (Function.SOFT_SHRINK, Function.HARD_SHRINK)
    f = ActivationFunction(function, axis=axis, threshold=0.5 if shrinks else 0.0)
    b = GraphBuilder()
    graph = b.build(b.add(Activation(f), [b.input(4, 6)]))
    assert_same_outputs(graph, load(graph))


@pytest.mark.parametrize(
    "function",
    [
        ActivationFunction(Function.CELU, alpha=0.5),
        ActivationFunction(Function.SQUAREPLUS, b=2.0),
        ActivationFunction(Function.SOFT_SHRINK, threshold=0.1),
        ActivationFunction(Function.HARD_SHRINK, threshold=0.1),
        ActivationFunction(Function.THRESHOLD, threshold=0.25),
        ActivationFunction(Function.RELU, threshold=0.25, max_value=1.5, negative_slope=0.1),
        ActivationFunction(Function.RELU, negative_slope=-0.1),
        ActivationFunction(Function.ELU, alpha=0.3),
        ActivationFunction(Function.GELU, approximate=True),
        ActivationFunction(Function.THRESHOLD, threshold=0.1, default_value=3.0),
    ],
    ids=lambda f: f.function.value,
)
def test_activations_with_parameters(
    load: Load, tmp_path: Path, function: ActivationFunction
) -> None:
    b = GraphBuilder()
    graph = b.build(b.activation(b.input(30), function, name="y"))
    assert_same_outputs(graph, load(graph))
    # A negative slope becomes a weight, in float32.
    assert_equal_graphs(read_model(tmp_path / "written.keras").graph, graph, tolerance=1e-7)


def test_a_shared_layer_stays_one_layer(load: Load) -> None:
    b = GraphBuilder()
    kernel = b.weight("kernel", b.rng.standard_normal((4, 4)))
    x = b.input(4)
    y = b.add(Dense(4, use_bias=False), [x], [kernel])
    z = b.add(Dense(4, use_bias=False), [y], [kernel])
    graph = b.build(z)
    model = load(graph)
    assert sum(layer.count_params() for layer in model.layers) == 16
    assert_same_outputs(graph, model)


def test_names_of_inputs_and_outputs_are_kept(load: Load) -> None:
    b = GraphBuilder()
    first, second = b.input(3, name="age"), b.input(3, name="height")
    graph = b.build(b.dense(first, 2), b.dense(second, 2), b.dense(first, 1))
    model = load(graph)
    assert [x.name for x in model.inputs] == ["age", "height"]
    assert model.output_names == ["y0", "y1", "y2"]


def test_a_dense_layer_keeps_its_activation(load: Load) -> None:
    b = GraphBuilder()
    graph = b.build(b.dense(b.input(3), 2, activation=Function.RELU))
    model = load(graph)
    assert [type(layer).__name__ for layer in model.layers] == ["InputLayer", "Dense"]
    assert model.layers[1].activation.__name__ == "relu"


def test_an_activation_is_not_fused_where_the_sum_is_needed_too(load: Load) -> None:
    b = GraphBuilder()
    s = b.dense(b.input(3), 2)
    graph = b.build(b.activation(s, Function.RELU), s)
    assert_same_outputs(graph, load(graph))


@given(seed=st.integers(0, 1000))
@settings(max_examples=5)
def test_equal_graphs_give_equal_bytes(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    folder = tmp_path_factory.mktemp("bytes")

    def build() -> Graph:
        b = GraphBuilder(seed)
        return b.build(b.batch_normalization(b.dense(b.input(5), 3, activation=Function.TANH)))

    write_keras(build(), folder / "a")
    time.sleep(1.1 if seed == 0 else 0)
    write_keras(build(), folder / "b")
    assert (folder / "a").read_bytes() == (folder / "b").read_bytes()


def test_nonfinite_weights_survive(tmp_path: Path) -> None:
    b = GraphBuilder()
    graph = b.build(b.dense(b.input(2), 2, kernel=np.array([[np.nan, 1], [np.inf, 2]])))
    write_keras(graph, tmp_path / "m.keras")
    found = read_model(tmp_path / "m.keras", allow_nonfinite=True).graph
    np.testing.assert_array_equal(*[next(iter(g.weights.values())) for g in (found, graph)])


def test_normalization_with_axes_of_length_one(load: Load) -> None:
    b = GraphBuilder()
    names = [b.weight(name, np.full((1, 1, 3), value)) for name, value in (("m", 2), ("v", 4))]
    graph = b.build(b.add(Normalization(), [b.input(1, 3)], names))
    assert_same_outputs(graph, load(graph), TOLERANCE)


@pytest.mark.parametrize(
    "function",
    [
        ActivationFunction(Function.RELU, threshold=-0.5),
        ActivationFunction(Function.RELU, max_value=-1.0),
    ],
    ids=lambda f: f.function.value,
)
def test_what_keras_has_no_layer_for_is_refused(
    tmp_path: Path, function: ActivationFunction
) -> None:
    b = GraphBuilder()
    graph = b.build(b.activation(b.input(3), function, name="odd"))
    with pytest.raises(ExportError, match="node 'odd' has an activation that Keras has no layer"):
        write_keras(graph, tmp_path / "m.keras")
    assert not (tmp_path / "m.keras").exists()


def with_outputs(graph: Graph, *outputs: tuple[str, str]) -> Graph:
    return replace(graph, outputs=tuple(Output(name, value) for name, value in outputs))


def test_two_names_for_one_value(load: Load) -> None:
    b = GraphBuilder()
    y = b.dense(b.input(3), 2)
    graph = with_outputs(b.build(y), ("first", y), ("second", y))
    model = load(graph)
    assert model.output_names == ["first", "second"]
    assert_same_outputs(graph, model)


def test_outputs_named_as_no_layer_can_be(load: Load, tmp_path: Path) -> None:
    """A slash, and the name of an input: the outputs become an object with these names as keys."""
    b = GraphBuilder()
    y, z = b.dense(b.input(3), 2), b.dense("x0", 4)
    graph = with_outputs(b.build(y), ("heads/left", y), ("x0", z))
    model = load(graph)
    assert sorted(model(np.zeros((1, 3), np.float32))) == ["heads/left", "x0"]
    assert_same_outputs(graph, model)
    assert_equal_graphs(read_model(tmp_path / "written.keras").graph, graph)


def test_a_shared_layer_as_two_outputs(load: Load) -> None:
    b = GraphBuilder()
    kernel = b.weight("kernel", b.rng.standard_normal((4, 4)))
    y = b.add(Dense(4, use_bias=False), [b.input(4)], [kernel])
    z = b.add(Dense(4, use_bias=False), [y], [kernel])
    graph = with_outputs(b.build(y, z), ("once", y), ("twice", z))
    model = load(graph)
    assert model.output_names == ["once", "twice"]
    assert_same_outputs(graph, model)


def test_what_no_output_needs_is_left_out(load: Load) -> None:
    b = GraphBuilder()
    x = b.input(3)
    b.dense(x, 50)
    model = load(b.build(b.dense(x, 2, bias=False)))
    assert model.count_params() == 6


@pytest.mark.parametrize("op", SAME_SHAPE, ids=lambda op: type(op).__name__)
def test_an_op_that_the_writer_does_not_know_is_refused_a_subclass_too(
    tmp_path: Path, op: Op
) -> None:
    b = GraphBuilder()
    graph = b.build(b.add(op, [b.dense(b.input(4), 3)], name="odd"))
    with pytest.raises(ExportError, match="'odd' has an op that Keras has no layer for"):
        write_keras(graph, tmp_path / "m.keras")


def test_a_subclass_of_dense_is_not_written_as_a_dense(tmp_path: Path) -> None:
    b = GraphBuilder()
    kernel = b.weight("kernel", b.rng.standard_normal((4, 3)))
    odd = b.add(RollingDense(3, use_bias=False), [b.input(4)], [kernel], name="odd")
    with pytest.raises(ExportError, match="'odd' has an op that Keras has no layer for"):
        write_keras(b.build(b.activation(odd, Function.RELU)), tmp_path / "m.keras")
