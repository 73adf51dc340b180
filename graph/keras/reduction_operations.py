"""Operations that look along axes: sums and their kin, extremes, order, norms, products of matrices."""

from collections.abc import Callable, Mapping

import numpy as np

from graph.activations import ActivationFunction, Function
from graph.attention_ops import MatMul
from graph.element_ops import Binary, BinaryFunction, Cast
from graph.keras.draft import KerasTensor, Tensors
from graph.keras.operation import Operation
from graph.keras.product_layers import lower_einsum
from graph.normalization_ops import UnitNormalization
from graph.ops import Activation, Dense
from graph.reduction_ops import ArgReduce, Cumulative, CumulativeKind, Reduce, ReduceKind, Sort
from graph.slice_ops import ExpandDims, Slice
from graph.tensor_type import DType

Lowering = Callable[[Operation], str | Tensors]

_KINDS: Mapping[str, ReduceKind] = {
    "Sum": ReduceKind.SUM, "Mean": ReduceKind.MEAN, "Max": ReduceKind.MAX, "Min": ReduceKind.MIN,
    "Amax": ReduceKind.MAX, "Amin": ReduceKind.MIN, "Prod": ReduceKind.PROD,
    "Var": ReduceKind.VARIANCE, "Std": ReduceKind.VARIANCE, "Logsumexp": ReduceKind.LOGSUMEXP,
    "Any": ReduceKind.ANY, "All": ReduceKind.ALL,
}  # fmt: skip
# They give whole numbers of whole numbers.
_OF_WHOLE_NUMBERS = frozenset({"Sum", "Prod", "Max", "Min", "Amax", "Amin"})


def _reduce(name: str, kind: ReduceKind) -> Lowering:
    def lower(operation: Operation) -> str:
        value = operation.value("x")
        axes = operation.axes("axis", operation.type(value).rank)
        op = Reduce(kind, axes, operation.flag("keepdims"))
        if operation.has("initial"):
            raise operation.refuse("initial", "no number to begin with")
        if kind.is_logical:
            if operation.type(value).dtype is not DType.BOOL:
                value = operation.add(Cast(DType.BOOL), [value], name="truth")
            return operation.add(op, [value])
        keeps = name in _OF_WHOLE_NUMBERS
        given = operation.kind(value)
        if keeps and given is DType.BOOL and name != "Sum":
            raise operation.refuse("x", "numbers")
        whole = DType.INT32 if given is DType.BOOL else operation.arithmetic_kind(value)
        found = operation.add(op, [value], whole if keeps else DType.FLOAT32)
        if name != "Std":
            return found
        return operation.add(Activation(ActivationFunction(Function.SQRT)), [found], name="root")

    return lower


def _arg_reduce(*, is_max: bool) -> Lowering:
    def lower(operation: Operation) -> str:
        value = operation.value("x")
        rank = operation.type(value).rank
        if not operation.has("axis"):
            raise operation.refuse("axis", "an axis of the sample")
        op = ArgReduce(is_max, operation.axis("axis", rank), operation.flag("keepdims"))
        return operation.add(op, [value], DType.INT32)

    return lower


def _cumulative(kind: CumulativeKind) -> Lowering:
    def lower(operation: Operation) -> str:
        value = operation.value("x")
        if not operation.has("axis"):
            raise operation.refuse("axis", "an axis of the sample")
        for name in ("exclusive", "reverse"):
            if operation.flag(name):
                raise operation.refuse(name, "false")
        whole = operation.arithmetic_kind(value)
        op = Cumulative(kind, operation.axis("axis", operation.type(value).rank))
        return operation.add(op, [value], whole)

    return lower


def _top_k(operation: Operation) -> Tensors:
    """The largest elements of the last axis in order, and where they were."""
    value, count = operation.value("x"), operation.whole("k", 1)
    shape = operation.type(value).shape
    if len(shape) < 2 or shape[-1] is None or not 1 <= count <= shape[-1]:
        raise operation.refuse("k", "at most the length of the last axis")
    axis, found = len(shape) - 1, []
    for indices in (False, True):
        kind = DType.INT32 if indices else operation.kind(value)
        ordered = operation.add(Sort(axis, True, indices), [value], kind, name="ordered")
        found.append(KerasTensor(operation.moved(Slice(axis, 0, count), ordered, "first")))
    return tuple(found)


def _sort(*, indices: bool) -> Lowering:
    def lower(operation: Operation) -> str:
        value = operation.value("x")
        axis = operation.axis("axis", operation.type(value).rank, -1)
        kind = DType.INT32 if indices else operation.kind(value)
        return operation.add(Sort(axis, False, indices), [value], kind)

    return lower


def _norm(operation: Operation) -> str:
    """Euclidean norm of vectors, or the sum or the largest of their sizes."""
    value = operation.value("x")
    axes = operation.axes("axis", operation.type(value).rank)
    keepdims, order = operation.flag("keepdims"), operation.operands.get("ord")
    size = ActivationFunction(Function.ABS)
    if order in (None, 2, 2.0, "euclidean", "fro") and (len(axes) == 1 or order != 2):
        squares = operation.add(Activation(ActivationFunction(Function.SQUARE)), [value])
        total = operation.add(Reduce(ReduceKind.SUM, axes, keepdims), [squares], name="total")
        root = ActivationFunction(Function.SQRT)
        return operation.add(Activation(root), [total], name="root")
    kinds = {1: ReduceKind.SUM, np.inf: ReduceKind.MAX}
    if len(axes) != 1 or not isinstance(order, int | float) or order not in kinds:
        raise operation.refuse("ord", "the Euclidean norm, 1 or infinity")
    sizes = operation.add(Activation(size), [value], name="sizes")
    return operation.add(Reduce(kinds[order], axes, keepdims), [sizes])


def _normalize(operation: Operation) -> str:
    value = operation.value("x")
    if operation.number("order", 2) != 2:
        raise operation.refuse("order", "2")
    rank = operation.type(value).rank
    axes = operation.axes("axis", rank) if operation.has("axis") else (rank - 1,)
    return operation.add(UnitNormalization(axes, operation.number("epsilon", 1e-7)), [value])


def _l2_normalize(operation: Operation) -> str:
    """TensorFlow's, which puts a limit to the square of the norm."""
    value = operation.value("x")
    axes = operation.axes("axis", operation.type(value).rank)
    epsilon = float(np.sqrt(operation.number("epsilon", 1e-12)))
    return operation.add(UnitNormalization(axes, epsilon), [value])


def _one_hot(operation: Operation) -> str:
    """1 in the place that a whole number names, and 0 in all others."""
    value, count = operation.value("x"), operation.whole("num_classes")
    if operation.kind(value) is DType.FLOAT32 or not 1 <= count <= 2**20:
        raise operation.refuse("num_classes", "a number of classes, of whole numbers")
    if operation.flag("sparse"):
        raise operation.refuse("sparse", "false")
    rank = operation.type(value).rank + 1
    if operation.whole("axis", -1) not in (-1, rank - 1):
        raise operation.refuse("axis", "the last axis")
    expanded = operation.add(ExpandDims((rank - 1,)), [value], name="expanded")
    classes = operation.constant(np.arange(count), value, DType.FLOAT32, "classes")
    same = operation.add(Binary(BinaryFunction.EQUAL), [expanded, classes], name="same")
    wanted = operation.element_type("dtype", "float32")
    return operation.add(Cast(wanted), [same], wanted)


def _matmul(operation: Operation) -> str:
    """Products of two tensors of one rank, or of a tensor and a constant matrix."""
    first, second = operation.value("x1"), operation.tensor("x2")
    flags = operation.flag("transpose_a"), operation.flag("transpose_b")
    if second is not None:
        return operation.add(MatMul(*flags), [first, second])
    given = operation.array("x2")
    if given is None or given.array.ndim != 2 or flags[0] or given.dtype == "bool":
        raise operation.refuse("x2", "a tensor of the same rank, or a matrix")
    matrix = given.array.T if flags[1] else given.array
    kernel = np.ascontiguousarray(matrix, np.float32)
    name = operation.site.constant("kernel", kernel)
    return operation.add(Dense(matrix.shape[1], use_bias=False), [first], weights=[name])


def _einsum(operation: Operation) -> str:
    """Einstein's sum of two tensors."""
    text = operation.operands.get("subscripts")
    if not isinstance(text, str):
        raise operation.refuse("subscripts", "an equation such as bij,bjk->bik")
    return lower_einsum(operation.site, text, operation.value("x1"), operation.value("x2"))


LOWERINGS: Mapping[str, Lowering] = {
    **{name: _reduce(name, kind) for name, kind in _KINDS.items()},
    "Argmax": _arg_reduce(is_max=True),
    "Argmin": _arg_reduce(is_max=False),
    "Cumsum": _cumulative(CumulativeKind.SUM),
    "Cumprod": _cumulative(CumulativeKind.PROD),
    "TopK": _top_k,
    "Sort": _sort(indices=False),
    "Argsort": _sort(indices=True),
    "Norm": _norm,
    "Normalize": _normalize,
    "L2Normalize": _l2_normalize,
    "OneHot": _one_hot,
    "Matmul": _matmul,
    "Einsum": _einsum,
}
