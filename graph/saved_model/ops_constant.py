"""Operations on what is the same for all samples: computed while the graph is read, in NumPy.

Arithmetic is that of the element type, as TensorFlow's. Results are bounded before they are made.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from graph import limits as bounds
from graph.errors import FileLimitError
from graph.saved_model.element_types import numpy_type
from graph.saved_model.meta_graph import Attributes
from graph.saved_model.tensors import Array

_MAX_PRODUCTS = 10**11

_Fold = Callable[[list[Array], Attributes], Array]


class Folding:
    """Computes constants, as many elements in all as are allowed."""

    def __init__(self) -> None:
        self._left = bounds.MAX_FOLDED_ELEMENTS

    def fold(self, op: str, arrays: list[Array], attributes: Attributes) -> Array | None:
        """Return the result of an operation, or None where it is not computed here.

        Raises:
            FileLimitError: the results come to too many elements.
        """
        if op in _ELEMENTS:
            self._spend(_broadcast_size(arrays))
            with np.errstate(all="ignore"):
                return np.asarray(_ELEMENTS[op](arrays, attributes), arrays[0].dtype)
        if op in _COMPARISONS:
            self._spend(_broadcast_size(arrays))
            return np.asarray(_COMPARISONS[op](*arrays[:2]), np.bool_)
        if op == "MatMul":
            self._spend_on_product(*arrays)
        if op in _OTHERS:
            self._spend(sum(array.size for array in arrays))
            return _OTHERS[op](arrays, attributes)
        return None

    def is_elementwise(self, op: str) -> bool:
        """Return whether an operation works element by element."""
        return op in _ELEMENTS or op in _COMPARISONS

    def filled(self, shape: tuple[int, ...], value: Array) -> Array:
        """Return a constant that repeats one element."""
        size = 1
        for length in shape:
            size *= length
        self._spend(size)
        return np.broadcast_to(value.reshape(()), shape)

    def _spend_on_product(self, a: Array, b: Array) -> None:
        """Count the elements of a product of matrices, and bound the work."""
        rows, columns = max(a.shape, default=1), max(b.shape, default=1)
        self._spend(rows * columns)
        if rows * columns * min(max(a.shape, default=1), max(b.shape, default=1)) > _MAX_PRODUCTS:
            raise FileLimitError("a product of constants of the SavedModel is too large")

    def _spend(self, elements: int) -> None:
        self._left -= elements
        if self._left < 0:
            raise FileLimitError(
                "the constants of the SavedModel are too large",
                expected=f"at most {bounds.MAX_FOLDED_ELEMENTS} elements in all",
            )


def _broadcast_size(arrays: list[Array]) -> int:
    size = 1
    rank = max(array.ndim for array in arrays)
    for axis in range(1, rank + 1):
        size *= max(array.shape[-axis] if array.ndim >= axis else 1 for array in arrays)
    return size


def _two(function: Callable[..., Any]) -> _Fold:
    return lambda arrays, _: function(arrays[0], arrays[1])


def _one(function: Callable[..., Any]) -> _Fold:
    return lambda arrays, _: function(arrays[0])


def _sum_of(arrays: list[Array], _: Attributes) -> Array:
    total = arrays[0]
    for array in arrays[1:]:
        total = total + array
    return total


# Results of the type of the first input.
_ELEMENTS: Mapping[str, _Fold] = {
    "Add": _two(np.add),
    "AddV2": _two(np.add),
    "AddN": _sum_of,
    "BiasAdd": _two(np.add),
    "Sub": _two(np.subtract),
    "Mul": _two(np.multiply),
    "RealDiv": _two(np.true_divide),
    "Maximum": _two(np.maximum),
    "Minimum": _two(np.minimum),
    "SquaredDifference": lambda arrays, _: (arrays[0] - arrays[1]) ** 2,
    "Pow": _two(np.power),
    "Neg": _one(np.negative),
    "Abs": _one(np.abs),
    "Square": _one(np.square),
    "Sqrt": _one(np.sqrt),
    "Rsqrt": _one(lambda x: 1 / np.sqrt(x)),
    "Reciprocal": _one(lambda x: 1 / x),
    "Exp": _one(np.exp),
    "Log": _one(np.log),
    "Relu": _one(lambda x: np.maximum(x, 0)),
    "Tanh": _one(np.tanh),
    "LogicalNot": _one(np.logical_not),
    "LogicalAnd": _two(np.logical_and),
    "LogicalOr": _two(np.logical_or),
}
_COMPARISONS: Mapping[str, Callable[..., Any]] = {
    "Equal": np.equal,
    "NotEqual": np.not_equal,
    "Less": np.less,
    "LessEqual": np.less_equal,
    "Greater": np.greater,
    "GreaterEqual": np.greater_equal,
}


def _cast(arrays: list[Array], attributes: Attributes) -> Array:
    with np.errstate(all="ignore"):
        return arrays[0].astype(numpy_type(attributes.dtype("DstT"), attributes.where))


def _matmul(arrays: list[Array], attributes: Attributes) -> Array:
    a, b = arrays
    a = a.T if attributes.flag("transpose_a") else a
    b = b.T if attributes.flag("transpose_b") else b
    return a @ b


def _transpose(arrays: list[Array], _: Attributes) -> Array:
    return np.transpose(arrays[0], [int(axis) for axis in arrays[1].reshape(-1)])


def _reshape(arrays: list[Array], _: Attributes) -> Array:
    return arrays[0].reshape([int(length) for length in arrays[1].reshape(-1)])


def _expand_dims(arrays: list[Array], _: Attributes) -> Array:
    return np.expand_dims(arrays[0], int(arrays[1].reshape(-1)[0]))


def _squeeze(arrays: list[Array], attributes: Attributes) -> Array:
    axes = attributes.integers("squeeze_dims") or attributes.integers("axis")
    return np.squeeze(arrays[0], axes or None)


def _reduction(function: Callable[..., Any]) -> _Fold:
    def reduced(arrays: list[Array], attributes: Attributes) -> Array:
        axes = tuple(int(axis) for axis in arrays[1].reshape(-1))
        kept = attributes.flag("keep_dims")
        return np.asarray(function(arrays[0], axis=axes, keepdims=kept), arrays[0].dtype)

    return reduced


_OTHERS: Mapping[str, _Fold] = {
    "Cast": _cast,
    "MatMul": _matmul,
    "Transpose": _transpose,
    "Reshape": _reshape,
    "ExpandDims": _expand_dims,
    "Squeeze": _squeeze,
    "Sum": _reduction(np.sum),
    "Mean": _reduction(np.mean),
    "Max": _reduction(np.max),
    "Min": _reduction(np.min),
    "Prod": _reduction(np.prod),
}
