"""The table from ops back to Keras 3 layers: each node becomes one layer, or a short chain where Keras has none.

Chains: `hard_sigmoid` of Keras 2 is Rescaling(0.2, 0.5) and ReLU(max_value=1); log_softmax and sparsemax over an axis
other than the last are put between two Permute layers; celu, squareplus and the shrink functions with parameters other
than the defaults are the default function between two Rescalings. What Keras has only as an operation (keras.ops),
gelu's approximation and threshold, is written as one, and so is glu. Refused is only relu with a negative threshold.
Ops of images and signals are in `graph.keras.written_spatial`.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from graph.activations import LINEAR, ActivationFunction, Function
from graph.conv_ops import Conv, ConvTranspose, DepthwiseConv
from graph.errors import ExportError
from graph.graph import Graph, Node
from graph.keras.json_text import JsonObject
from graph.keras.keras_layer import Array, KerasLayer
from graph.keras.written_lookups import lookup_layer
from graph.keras.written_operations import NUMBER_FUNCTIONS, written_operation
from graph.keras.written_spatial import spatial_layers
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
from graph.tensor_type import TensorType, normalize_axis

_OPERATIONS = "keras.src.ops.nn"

# Ops whose layers have an activation of their own.
BEARS_ACTIVATION: frozenset[type[Any]] = frozenset({Dense, Conv, ConvTranspose, DepthwiseConv})
# By exact class: a subclass of one of them may mean something else, which Keras' layer would not compute.
_WRITTEN_OPS: frozenset[type[Any]] = frozenset(
    {
        Activation,
        BatchNormalization,
        Concatenate,
        Dense,
        Dot,
        LayerNormalization,
        Merge,
        Normalization,
        Permute,
        PRelu,
        RepeatVector,
        Rescaling,
        Reshape,
    }
)


def layers_of(graph: Graph, node: Node, types: Mapping[str, TensorType]) -> tuple[KerasLayer, ...]:
    """Return the layers that mean what the node means, in the order in which they are applied.

    Raises:
        ExportError: there are none.
    """
    inputs = tuple(types[name] for name in node.inputs)
    weights = tuple(graph.weights[name] for name in node.weights)
    looked_up = lookup_layer(node.op)
    if looked_up is not None:
        return (looked_up,)
    spatial = spatial_layers(node.op, inputs[0], weights)
    if spatial is not None:
        return spatial
    if type(node.op) not in _WRITTEN_OPS:
        raise ExportError(
            f"node {node.name!r} has an op that Keras has no layer for", got=type(node.op).__name__
        )
    match node.op:
        case Activation(function):
            return _activation(function, inputs[0], node.name)
        case Normalization(invert):
            return (_normalization(invert, weights),)
        case PRelu():
            return (_prelu(inputs[0], weights),)
        case LayerNormalization() as op:
            return (KerasLayer("LayerNormalization", _layer_normalization(op), weights),)
        case Merge(kind):
            return (_merge(kind, len(inputs)),)
        case _:
            class_name, config = _simple(node, inputs)
            return (KerasLayer(class_name, config, weights),)


def _simple(node: Node, inputs: tuple[TensorType, ...]) -> tuple[str, JsonObject]:
    match node.op:
        case Dense(units, use_bias):
            return "Dense", {"units": units, "activation": "linear", "use_bias": use_bias}
        case BatchNormalization(axis, epsilon, scale, center):
            return "BatchNormalization", {
                "axis": axis, "epsilon": epsilon, "scale": scale, "center": center
            }  # fmt: skip
        case Rescaling(scales, offsets):
            return "Rescaling", {"scale": _numbers(scales), "offset": _numbers(offsets)}
        case Reshape(sample_shape):
            return "Reshape", {"target_shape": list(sample_shape)}
        case Permute(dims):
            return "Permute", {"dims": list(dims)}
        case RepeatVector(count):
            return "RepeatVector", {"n": count}
        case Concatenate(axis):
            return "Concatenate", {"axis": axis}
        case Dot(axes, normalize):
            pairs = zip(axes, inputs, strict=True)
            positive = [normalize_axis(axis, x.rank) for axis, x in pairs]
            return "Dot", {"axes": list(positive), "normalize": normalize}
        case _:
            raise ExportError(
                f"node {node.name!r} has an op that Keras has no layer for",
                got=type(node.op).__name__,
            )


def _numbers(values: tuple[float, ...]) -> float | list[Any]:
    return values[0] if len(values) == 1 else list(values)


def _layer_normalization(op: LayerNormalization) -> JsonObject:
    return {
        "axis": list(op.axes), "epsilon": op.epsilon, "scale": op.scale, "center": op.center,
        "rms_scaling": op.rms_scaling,
    }  # fmt: skip


def _normalization(invert: bool, weights: tuple[Array, ...]) -> KerasLayer:
    mean, variance = np.broadcast_arrays(*weights)
    kept = [axis for axis, length in enumerate(mean.shape) if length != 1]
    shape = [mean.shape[axis] for axis in kept]
    # Stored as if adapted; the count of samples seen has no meaning at inference.
    arrays = (mean.reshape(shape), variance.reshape(shape), np.zeros((), np.int32))
    return KerasLayer("Normalization", {"axis": list(kept), "invert": invert}, arrays)


def _prelu(x: TensorType, weights: tuple[Array, ...]) -> KerasLayer:
    lengths = zip(weights[0].shape, x.sample_shape, strict=True)
    shared = [axis for axis, (own, full) in enumerate(lengths, 1) if own == 1 != full]
    return KerasLayer("PReLU", {"shared_axes": list(shared) or None}, weights)


def _merge(kind: MergeKind, count: int) -> KerasLayer:
    return KerasLayer(kind.value.capitalize() if count > 1 else "Identity")


def _activation(function: ActivationFunction, x: TensorType, node: str) -> tuple[KerasLayer, ...]:
    name = activation_name(function)
    if not function.is_elementwise:
        return _along_axis(function, x)
    if function.function in NUMBER_FUNCTIONS:
        return (written_operation(function, node),)
    if name is not None:
        return (KerasLayer("Activation", {"activation": name}),)
    scale = _scale(function)
    if scale is not None:
        default = KerasLayer("Activation", {"activation": function.function.value})
        return _rescaling(1 / scale), default, _rescaling(scale)
    match function.function:
        case Function.RELU:
            return (_relu(function, x, node),)
        case Function.THRESHOLD:
            config: JsonObject = {
                "threshold": function.threshold, "default_value": function.default_value
            }  # fmt: skip
            return (KerasLayer("Threshold", config, module=_OPERATIONS),)
        case Function.GELU:
            return (KerasLayer("Gelu", {"approximate": True}, module=_OPERATIONS),)
        case Function.ELU:
            return (KerasLayer("ELU", {"alpha": function.alpha}),)
        case Function.HARD_SIGMOID_KERAS2:
            return _rescaling(0.2, 0.5), KerasLayer("ReLU", {"max_value": 1.0})
        case _:
            raise _no_layer(function, node)


def _rescaling(scale: float, offset: float = 0.0) -> KerasLayer:
    return KerasLayer("Rescaling", {"scale": scale, "offset": offset})


def _scale(function: ActivationFunction) -> float | None:
    """Return the s for which the function is s * f(x / s), with f the function with default parameters."""
    match function.function:
        case Function.CELU if function.alpha > 0:
            return function.alpha
        case Function.SQUAREPLUS if function.b > 0:
            return math.sqrt(function.b / 4)
        case Function.SOFT_SHRINK | Function.HARD_SHRINK if function.threshold > 0:
            return function.threshold / 0.5
        case _:
            return None


def _no_layer(function: ActivationFunction, node: str) -> ExportError:
    return ExportError(
        f"node {node!r} has an activation that Keras has no layer for",
        expected="a function of Keras with its default parameters",
        got=str(function),
    )


def _relu(function: ActivationFunction, x: TensorType, node: str) -> KerasLayer:
    slope, top, threshold = function.negative_slope, function.max_value, function.threshold
    if top is None and not threshold and slope < 0:
        # No layer of Keras takes a negative slope, but a PReLU may have learned one.
        alpha = np.full([1] * (x.rank - 1), slope, np.float32)
        return KerasLayer("PReLU", {"shared_axes": list(range(1, x.rank))}, (alpha,))
    if slope < 0 or threshold < 0 or (top is not None and top < 0):
        raise _no_layer(function, node)
    if top is None and not threshold:
        return KerasLayer("LeakyReLU", {"negative_slope": slope})
    return KerasLayer("ReLU", {"max_value": top, "negative_slope": slope, "threshold": threshold})


def _along_axis(function: ActivationFunction, x: TensorType) -> tuple[KerasLayer, ...]:
    axis = normalize_axis(function.axis, x.rank)
    last = x.rank - 1
    if function.function is Function.GLU:
        # As a layer Keras takes its result to be as long as its input, and builds what follows wrongly.
        return (KerasLayer("Glu", {"axis": axis}, module=_OPERATIONS),)
    by_name = KerasLayer("Activation", {"activation": function.function.value})
    if axis == last:
        return (by_name,)
    if function.function is Function.SOFTMAX:
        return (KerasLayer("Softmax", {"axis": axis}),)
    # Swapping two axes is its own inverse.
    dims = list(range(1, x.rank))
    dims[axis - 1], dims[last - 1] = last, axis
    swap = KerasLayer("Permute", {"dims": list(dims)})
    return swap, by_name, swap


# Parameters with which a function is known by its name alone, where they are not all at their defaults.
_NAMED: Mapping[ActivationFunction, str] = {
    ActivationFunction(Function.RELU, max_value=6.0): "relu6",
    ActivationFunction(Function.SOFT_SHRINK, threshold=0.5): "soft_shrink",
    ActivationFunction(Function.HARD_SHRINK, threshold=0.5): "hard_shrink",
}
_NOT_NAMED = frozenset(
    {Function.HARD_SIGMOID_KERAS2, Function.THRESHOLD, Function.SOFT_SHRINK, Function.HARD_SHRINK}
)


def activation_name(function: ActivationFunction) -> str | None:
    """Return the name under which Keras 3 knows exactly this function, or None."""
    if function.function in NUMBER_FUNCTIONS:
        return None
    named = _NAMED.get(function)
    if named is not None or function.function in _NOT_NAMED:
        return named
    default = ActivationFunction(function.function)
    plain = function if function.is_elementwise else replace(function, axis=default.axis)
    return function.function.value if plain == default else None


def fused_name(function: ActivationFunction, rank: int) -> str | None:
    """Return the name to write as a layer's own activation, or None where it cannot be one.

    Args:
        function: the activation.
        rank: axes of the layer's output, the batch among them; a function along an axis must act on the last.
    """
    if function == LINEAR or function.function is Function.GLU:
        return None
    if not function.is_elementwise and normalize_axis(function.axis, rank) != rank - 1:
        return None
    return activation_name(function)
