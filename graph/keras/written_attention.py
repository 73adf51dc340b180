"""Layers of attention as Keras 3 and tf.keras 2 write them: weights out of the graph's matrices, arguments of calls."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from graph.errors import ShapeError
from graph.keras.attention_classes import PROJECTING
from graph.keras.description import Call, Layer
from graph.keras.json_text import Json, JsonObject
from graph.keras.keras_layer import Array
from graph.keras.product_layers import Equation, equation_of

# Arguments that only some versions of Keras have, and that say nothing where they are false.
LATER_ARGUMENTS: Mapping[str, frozenset[str]] = {
    "MultiHeadAttention": frozenset({"use_gate", "sliding_window"}),
    "GroupQueryAttention": frozenset({"use_gate", "sliding_window"}),
}
EARLIER_ARGUMENTS: Mapping[str, frozenset[str]] = dict.fromkeys(
    ("Attention", "AdditiveAttention"), frozenset({"causal"})
)
# Returns a weight of the graph by its role, or None.
Find = Callable[[str], Array | None]


def call_arguments(layer: Layer, call: Call, tensor: Callable[[Any], Json]) -> JsonObject:
    """Return the arguments of a call of a layer of attention that are given by name.

    Args:
        layer: the layer.
        call: the call.
        tensor: writes a reference to a tensor.
    """
    named: JsonObject = dict.fromkeys(sorted(call.flags), True)
    if layer.class_name in PROJECTING:
        named |= {name: tensor(refs[0]) for name, refs in sorted(call.keywords.items())}
    return named


def einsum_arrays(layer: Layer, find: Find) -> tuple[Array, ...] | None:
    """Return the weights of an EinsumDense in Keras' shapes; None where the graph's do not tell them.

    Args:
        layer: the layer; of attention, a projection that says its heads as output shape.
        find: gives weights of the graph.
    """
    if layer.arguments["equation"] == "":
        return _projection(layer, find)
    kernel, bias = find("kernel"), find("bias")
    if kernel is not None:
        has_bias = bool(layer.arguments["bias_axes"])
        if has_bias and bias is None:
            return None
        return (kernel, bias) if has_bias and bias is not None else (kernel,)
    return _from_matrix(layer, find)


def _projection(layer: Layer, find: Find) -> tuple[Array, ...] | None:
    """Return a kernel with an axis of heads; what projects back has the heads in front."""
    shape = layer.arguments["output_shape"]
    kernel, bias = find("kernel"), find("bias")
    if not isinstance(shape, list) or kernel is None:
        return None
    sizes = [int(length) for length in shape if isinstance(length, int)]
    if layer.name == "attention_output":
        heads, units = sizes[:2], sizes[2:] or [kernel.shape[1]]
    else:
        heads, units = [kernel.shape[0]], sizes
    if kernel.shape != (np.prod(heads), np.prod(units)):
        return None
    arrays = (kernel.reshape(*heads, *units),)
    if not layer.arguments["bias_axes"]:
        return arrays
    return None if bias is None else (*arrays, bias.reshape(units))


def _from_matrix(layer: Layer, find: Find) -> tuple[Array, ...] | None:
    matrix, bias = find("kernel_matrix"), find("bias_of_units")
    equation = _equation(layer)
    if matrix is None or equation is None or len(equation.contracted) != 1:
        return None
    units = equation.only(equation.second)
    sizes = _unit_sizes(layer, equation)
    lengths = [sizes.get(letter) for letter in units]
    known = [length for length in lengths if length is not None]
    if len(known) != len(units) or int(np.prod(known)) != matrix.shape[1]:
        return None
    letters = equation.contracted + units
    order = [letters.index(letter) for letter in equation.second]
    kernel = matrix.reshape(matrix.shape[0], *known).transpose(order)
    axes = layer.arguments["bias_axes"]
    if not axes:
        return (np.ascontiguousarray(kernel),)
    if bias is not None:
        if set(str(axes)) != set(units):
            return None
        behind = equation.result[min(equation.result.index(x) for x in units) :]
        bias = bias.reshape([sizes[x] if x in units else 1 for x in behind])
    else:
        bias = find("bias")
    return None if bias is None else (np.ascontiguousarray(kernel), bias)


def _equation(layer: Layer) -> Equation | None:
    text = str(layer.arguments["equation"])
    if "." in text:
        return None
    try:
        return equation_of(text, len(text.split(",")[0]))
    except ShapeError:
        return None


def _unit_sizes(layer: Layer, equation: Equation) -> Mapping[str, int]:
    shape = layer.arguments["output_shape"]
    lengths = shape if isinstance(shape, list) else [shape]
    pairs = zip(equation.result[1:], lengths, strict=False)
    return {letter: length for letter, length in pairs if isinstance(length, int)}
