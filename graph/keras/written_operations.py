"""Functions of numbers back to operations of Keras 3 (keras.ops), which has no layers for them."""

from collections.abc import Mapping

from graph.activations import ActivationFunction, Function
from graph.element_functions import ELEMENT_FUNCTIONS
from graph.errors import ExportError
from graph.keras.keras_layer import KerasLayer

# They are no activation functions of Keras, and have no names as such.
NUMBER_FUNCTIONS = frozenset({*map(Function, ELEMENT_FUNCTIONS), Function.CLIP})
_MODULE, _OTHER_MODULE = "keras.src.ops.numpy", "keras.src.ops.math"
_IN_OTHER_MODULE = frozenset({Function.ERF, Function.RSQRT})
# Where the operation is not called as the function is.
_NAMES: Mapping[Function, str] = {
    Function.ABS: "Absolute", Function.ASIN: "Arcsin", Function.ACOS: "Arccos",
    Function.ATAN: "Arctan", Function.ASINH: "Arcsinh", Function.ACOSH: "Arccosh",
    Function.ATANH: "Arctanh",
}  # fmt: skip
# Keras 3.0 has no such operation.
_LATER = frozenset({Function.TRUNC})


def written_operation(function: ActivationFunction, node: str) -> KerasLayer:
    """Return the operation that computes a function of numbers.

    Raises:
        ExportError: Keras has none.
    """
    kind = function.function
    if kind is Function.CLIP and None not in (function.min_value, function.max_value):
        limits = {"x_min": function.min_value, "x_max": function.max_value}
        return KerasLayer("Clip", dict(limits), module=_MODULE)
    if kind is Function.CLIP or kind in _LATER:
        raise ExportError(
            f"node {node!r} has a function that Keras has no operation of one tensor for",
            got=str(function),
        )
    module = _OTHER_MODULE if kind in _IN_OTHER_MODULE else _MODULE
    name = _NAMES.get(kind, kind.value.capitalize())
    config = {"decimals": 0} if kind is Function.ROUND else {}
    return KerasLayer(name, dict(config), module=module)
