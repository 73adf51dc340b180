"""The meaning of every op is Keras' own: each is compared with the Keras layer it stands for."""

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graph as graph_package
from graph import reference
from graph.activations import ActivationFunction, Function
from graph.element_functions import ELEMENT_FUNCTIONS
from graph.front import LOOKUPS
from graph.graph import Graph
from graph.ops import (
    Activation,
    BatchNormalization,
    Dense,
    Dot,
    LayerNormalization,
    Merge,
    MergeKind,
    Normalization,
    PRelu,
    Rescaling,
)
from graph.shape_ops import Concatenate, Permute, RepeatVector, Reshape
from tests.builders import GraphBuilder, random_inputs
from tests.graph import test_attention_ops, test_general_ops, test_recurrent_ops, test_spatial_ops

# float32 against float32: a few roundings apart, on values of order 1.
TOLERANCE = 2e-6


def assert_same(graph: Graph, layer: Any, *, scale: float = 1.0) -> None:
    """Run the graph and the Keras layer (with the graph's weights) on the same inputs."""
    inputs = {name: x * np.float32(scale) for name, x in random_inputs(graph, 5).items()}
    arguments = [inputs[given.name] for given in graph.inputs]
    layer(arguments[0] if len(arguments) == 1 else arguments)
    layer.set_weights([graph.weights[name] for name in graph.nodes[-1].weights])
    expected = np.asarray(layer(arguments[0] if len(arguments) == 1 else arguments))
    found = reference.run(graph, inputs)["y0"]
    assert found.dtype == np.float32
    assert found.shape == (5, *graph.value_types()[graph.outputs[0].value].static_sample_shape)
    np.testing.assert_allclose(found, expected, rtol=TOLERANCE, atol=TOLERANCE)


@pytest.mark.parametrize("shape", [(7,), (3, 5), (2, 3, 4)])
@pytest.mark.parametrize("bias", [True, False])
def test_dense(keras: Any, shape: tuple[int, ...], bias: bool) -> None:
    b = GraphBuilder()
    y = b.dense(b.input(*shape), 6, bias=bias)
    assert_same(b.build(y), keras.layers.Dense(6, use_bias=bias))


ACTIVATIONS = [
    (ActivationFunction(function), function.value)
    for function in Function
    if function not in (Function.HARD_SIGMOID_KERAS2, Function.GLU, Function.THRESHOLD)
    # Operations, which are compared in test_general_ops.py.
    and function.value not in {*ELEMENT_FUNCTIONS, "clip"}
    and function not in (Function.SOFT_SHRINK, Function.HARD_SHRINK)
]


@pytest.mark.parametrize(("function", "name"), ACTIVATIONS, ids=lambda value: str(value))
@pytest.mark.parametrize("scale", [0.1, 1.0, 20.0])
def test_activation_by_name(
    keras: Any, function: ActivationFunction, name: str, scale: float
) -> None:
    b = GraphBuilder()
    y = b.add(Activation(function), [b.input(9)])
    assert_same(b.build(y), keras.layers.Activation(name), scale=scale)


@pytest.mark.parametrize("slope", [0.0, 0.3])
@pytest.mark.parametrize("top", [None, 1.5, 6.0])
@pytest.mark.parametrize("threshold", [0.0, 0.7])
def test_relu_parameters(keras: Any, slope: float, top: float | None, threshold: float) -> None:
    function = ActivationFunction(
        Function.RELU, negative_slope=slope, max_value=top, threshold=threshold
    )
    b = GraphBuilder()
    y = b.activation(b.input(40), function)
    layer = keras.layers.ReLU(max_value=top, negative_slope=slope, threshold=threshold)
    assert_same(b.build(y), layer, scale=3.0)


@pytest.mark.parametrize(
    ("function", "call"),
    [
        (ActivationFunction(Function.ELU, alpha=0.4), lambda a, x: a.elu(x, alpha=0.4)),
        (ActivationFunction(Function.CELU, alpha=0.4), lambda a, x: a.celu(x, alpha=0.4)),
        (
            ActivationFunction(Function.GELU, approximate=True),
            lambda a, x: a.gelu(x, approximate=True),
        ),
        (ActivationFunction(Function.SQUAREPLUS, b=2.0), lambda a, x: a.squareplus(x, b=2)),
        (ActivationFunction(Function.SOFT_SHRINK, threshold=0.5), lambda a, x: a.soft_shrink(x)),
        (ActivationFunction(Function.HARD_SHRINK, threshold=0.5), lambda a, x: a.hard_shrink(x)),
        (
            ActivationFunction(Function.THRESHOLD, threshold=0.2, default_value=-1.0),
            lambda a, x: a.threshold(x, 0.2, -1.0),
        ),
        (ActivationFunction(Function.GLU, axis=1), lambda a, x: a.glu(x, axis=1)),
        (ActivationFunction(Function.SOFTMAX, axis=1), lambda a, x: a.softmax(x, axis=1)),
        (ActivationFunction(Function.LOG_SOFTMAX, axis=2), lambda a, x: a.log_softmax(x, axis=2)),
        (ActivationFunction(Function.SPARSEMAX, axis=1), lambda a, x: a.sparsemax(x, axis=1)),
    ],
    ids=lambda value: str(value) if isinstance(value, ActivationFunction) else "",
)
def test_activation_parameters(
    keras: Any, function: ActivationFunction, call: Callable[[Any, Any], Any]
) -> None:
    x = np.random.default_rng(3).standard_normal((5, 6, 4)).astype(np.float32) * 2
    expected = call(keras.activations, x)
    np.testing.assert_allclose(function(x), expected, rtol=TOLERANCE, atol=TOLERANCE)


def test_hard_sigmoid_of_keras_2_is_another_function(keras: Any, tf_keras: Any) -> None:
    x = np.linspace(-4, 4, 33, dtype=np.float32)
    old = ActivationFunction(Function.HARD_SIGMOID_KERAS2)(x)
    new = ActivationFunction(Function.HARD_SIGMOID)(x)
    np.testing.assert_allclose(old, tf_keras.layers.Activation("hard_sigmoid")(x), atol=TOLERANCE)
    np.testing.assert_allclose(new, keras.activations.hard_sigmoid(x), atol=TOLERANCE)
    assert np.abs(old - new).max() > 0.05


@pytest.mark.parametrize("function", [f for f, _ in ACTIVATIONS], ids=lambda f: f.function.value)
def test_nan_passes_through_activations(function: ActivationFunction) -> None:
    x = np.array([[np.nan, 1.0], [0.5, -1.0]], np.float32)
    y = function(x)
    assert np.isnan(y[0, 0])
    assert np.isfinite(y[1]).all()


@pytest.mark.parametrize("shared", [(), (1,), (1, 2)])
def test_prelu(keras: Any, shared: tuple[int, ...]) -> None:
    b = GraphBuilder()
    y = b.prelu(b.input(3, 4, 2), shared)
    assert_same(b.build(y), keras.layers.PReLU(shared_axes=list(shared) or None))


@pytest.mark.parametrize("axis", [1, 2, -1])
@pytest.mark.parametrize("flags", [(True, True), (False, True), (True, False), (False, False)])
def test_batch_normalization(keras: Any, axis: int, flags: tuple[bool, bool]) -> None:
    b = GraphBuilder()
    y = b.batch_normalization(b.input(3, 4), axis, scale=flags[0], center=flags[1])
    layer = keras.layers.BatchNormalization(axis=axis, scale=flags[0], center=flags[1])
    assert_same(b.build(y), layer)


@pytest.mark.parametrize("axes", [(1,), (2,), (1, 2)])
def test_layer_normalization(keras: Any, axes: tuple[int, ...]) -> None:
    b = GraphBuilder()
    y = b.layer_normalization(b.input(3, 4), axes)
    assert_same(b.build(y), keras.layers.LayerNormalization(axis=list(axes)))


@pytest.mark.filterwarnings("ignore:.*rms_scaling.*:UserWarning")
def test_layer_normalization_with_rms_scaling(keras: Any) -> None:
    b = GraphBuilder()
    y = b.layer_normalization(b.input(3, 4), (2,), rms=True)
    assert_same(b.build(y), keras.layers.LayerNormalization(rms_scaling=True))


def test_rescaling(keras: Any) -> None:
    b = GraphBuilder()
    y = b.add(Rescaling((0.5, 2.0, 3.0), (1.0,)), [b.input(4, 3)])
    assert_same(b.build(y), keras.layers.Rescaling([0.5, 2.0, 3.0], 1.0))


@pytest.mark.parametrize("invert", [False, True])
def test_normalization(keras: Any, invert: bool) -> None:
    mean, variance = [0.5, -1.0, 2.0], [2.0, 0.0, 0.3]
    b = GraphBuilder()
    weights = [b.weight("mean", np.array([[mean]])), b.weight("variance", np.array([[variance]]))]
    graph = b.build(b.add(Normalization(invert), [b.input(4, 3)], weights))
    layer = keras.layers.Normalization(mean=mean, variance=variance, invert=invert)
    x = random_inputs(graph, 5)
    expected = np.asarray(layer(x["x0"]))
    np.testing.assert_allclose(reference.run(graph, x)["y0"], expected, rtol=1e-5, atol=1e-5)


def test_reshape_and_flatten(keras: Any) -> None:
    b = GraphBuilder()
    assert_same(b.build(b.add(Reshape((6, 2)), [b.input(3, 4)])), keras.layers.Reshape((6, 2)))
    b = GraphBuilder()
    assert_same(b.build(b.add(Reshape((12,)), [b.input(3, 4)])), keras.layers.Flatten())


@pytest.mark.parametrize("dims", [(2, 1, 3), (3, 1, 2), (2, 3, 1)])
def test_permute(keras: Any, dims: tuple[int, ...]) -> None:
    b = GraphBuilder()
    assert_same(b.build(b.add(Permute(dims), [b.input(2, 3, 4)])), keras.layers.Permute(dims))


def test_repeat_vector(keras: Any) -> None:
    b = GraphBuilder()
    assert_same(b.build(b.add(RepeatVector(3), [b.input(4)])), keras.layers.RepeatVector(3))


@pytest.mark.parametrize("axis", [1, 2, -1])
def test_concatenate(keras: Any, axis: int) -> None:
    b = GraphBuilder()
    second = b.input(5, 3) if axis == 1 else b.input(2, 6)
    values = [b.input(2, 3), second]
    graph = b.build(b.add(Concatenate(axis), values))
    x = random_inputs(graph, 4)
    expected = keras.layers.Concatenate(axis=axis)([x[name] for name in values])
    np.testing.assert_array_equal(reference.run(graph, x)["y0"], expected)


@pytest.mark.parametrize("kind", list(MergeKind))
@pytest.mark.parametrize("shapes", [[(3, 4), (3, 4)], [(3, 4), (1, 4)], [(4,), (3, 4)]])
def test_merge(keras: Any, kind: MergeKind, shapes: list[tuple[int, ...]]) -> None:
    b = GraphBuilder()
    graph = b.build(b.add(Merge(kind), [b.input(*shape) for shape in shapes]))
    assert_same(graph, getattr(keras.layers, kind.value.capitalize())())


def test_average_of_three(keras: Any) -> None:
    b = GraphBuilder()
    graph = b.build(b.add(Merge(MergeKind.AVERAGE), [b.input(4) for _ in range(3)]))
    assert_same(graph, keras.layers.Average())


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize(
    ("first", "second", "axes"),
    [
        ((4,), (4,), (1, 1)),
        ((4,), (4, 3), (1, 1)),
        ((3, 4), (4,), (2, 1)),
        ((3, 4), (5, 4), (2, 2)),
        ((3, 4), (3, 2), (1, 1)),
        ((2, 3, 4), (4, 5), (3, 1)),
    ],
)
def test_dot(
    keras: Any,
    first: tuple[int, ...],
    second: tuple[int, ...],
    axes: tuple[int, int],
    normalize: bool,
) -> None:
    b = GraphBuilder()
    graph = b.build(b.add(Dot(axes, normalize), [b.input(*first), b.input(*second)]))
    assert_same(graph, keras.layers.Dot(axes=axes, normalize=normalize))


def test_every_op_is_covered_here() -> None:
    # The list is what the readers may produce; a new op must get its Keras comparison here or in its family's file.
    covered = {Dense, Activation, PRelu, BatchNormalization, LayerNormalization, Rescaling}
    covered |= {Normalization, Reshape, Permute, RepeatVector, Concatenate, Merge, Dot}
    modules = [
        importlib.import_module(module.name)
        for module in pkgutil.iter_modules(graph_package.__path__, "graph.")
        if module.name.endswith("ops")
    ]
    defined = {
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and hasattr(value, "evaluate")
    }
    covered |= test_general_ops.COVERED | test_attention_ops.COVERED | test_recurrent_ops.COVERED
    # Lookups stand in front of the network; tests/graph/keras/test_lookup_layers.py compares them.
    assert defined - set(LOOKUPS) == covered | test_spatial_ops.COVERED
