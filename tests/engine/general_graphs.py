"""Graphs of general operations drawn at random: slices, functions of two values, selection, folds."""

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st

from graph import element_ops, ops, reduction_ops, resizing_ops, slice_ops
from graph.activations import ActivationFunction, Function
from graph.element_ops import BinaryFunction
from graph.graph import Graph
from graph.reduction_ops import CumulativeKind, ReduceKind
from graph.tensor_type import DType
from tests.builders import GraphBuilder

# What jumps is drawn behind inputs only: behind anything else a rounding decides.
_SMOOTH = [Function.SIN, Function.COS, Function.ATAN, Function.ASINH, Function.ERF, Function.ABS]


def shape_of(b: GraphBuilder, x: str) -> tuple[int, ...]:
    return b.type(x).static_sample_shape


def _axis(draw: st.DrawFn, b: GraphBuilder, x: str) -> int:
    return draw(st.integers(1, len(shape_of(b, x))))


def sliced(draw: st.DrawFn, b: GraphBuilder, x: str) -> str:
    axis = _axis(draw, b, x)
    length = shape_of(b, x)[axis - 1]
    bound = st.none() | st.integers(-length, length)
    start, stop, step = draw(bound), draw(bound), draw(st.sampled_from([1, 1, 2, -1, -2, 3]))
    if not range(length)[start:stop:step]:
        start, stop = None, None
    return b.add(slice_ops.Slice(axis, start, stop, step), [x])


def gathered(draw: st.DrawFn, b: GraphBuilder, x: str) -> str:
    axis = _axis(draw, b, x)
    places = st.integers(0, shape_of(b, x)[axis - 1] - 1)
    indices = draw(st.lists(places, min_size=1, max_size=6))
    return b.add(slice_ops.Gather(axis, tuple(indices)), [x])


def reshaped(draw: st.DrawFn, b: GraphBuilder, x: str) -> str:
    """A new axis that is repeated, or one of length 1 dropped."""
    shape = shape_of(b, x)
    ones = [axis for axis, length in enumerate(shape, 1) if length == 1]
    if len(shape) > 3 or (ones and draw(st.booleans())):
        return b.add(slice_ops.Squeeze((ones[0],)), [x]) if ones else x
    axis = draw(st.integers(1, len(shape) + 1))
    y = b.add(slice_ops.ExpandDims((axis,)), [x])
    wanted = [length if length > 1 else draw(st.integers(1, 3)) for length in shape_of(b, y)]
    return b.add(slice_ops.BroadcastTo(tuple(wanted)), [y])


def _operand(draw: st.DrawFn, b: GraphBuilder, x: str) -> str:
    """A value that broadcasts with x: itself, a constant, or what is left of some axes."""
    shape = shape_of(b, x)
    kind = draw(st.sampled_from(["itself", "constant", "number", "reduced"]))
    if kind == "itself" or not shape:
        return x
    if kind == "reduced":
        axes = draw(st.sets(st.integers(1, len(shape)), min_size=1))
        kept = reduction_ops.Reduce(ReduceKind.MAX, tuple(sorted(axes)), keepdims=True)
        return b.add(kept, [x])
    own = [length if draw(st.booleans()) else 1 for length in shape] if kind == "constant" else []
    own = own[draw(st.integers(0, len(own))) :]
    array = np.rint(b.rng.standard_normal(own) * 4) / 2
    return b.add(element_ops.Constant(), [x], [b.weight(f"c{len(b._nodes)}", array)])


def combined(draw: st.DrawFn, b: GraphBuilder, x: str) -> str:
    smooth = [f for f in BinaryFunction if not f.gives_truth and f is not BinaryFunction.POWER]
    operands = draw(st.permutations([x, _operand(draw, b, x)]))
    if draw(st.booleans()):
        return b.add(ops.Merge(draw(st.sampled_from(list(ops.MergeKind)))), operands)
    return b.add(element_ops.Binary(draw(st.sampled_from(smooth))), operands)


def compared(draw: st.DrawFn, b: GraphBuilder, x: str) -> str:
    """A truth value of one comparison, or of two joined."""
    comparisons = [f for f in BinaryFunction if f.gives_truth and not f.is_logical]
    found = []
    for _ in range(2):
        op = element_ops.Binary(draw(st.sampled_from(comparisons)))
        found.append(b.add(op, draw(st.permutations([x, _operand(draw, b, x)]))))
    logical = [f for f in BinaryFunction if f.is_logical]
    return b.add(element_ops.Binary(draw(st.sampled_from(logical))), found)


def selected(draw: st.DrawFn, b: GraphBuilder, x: str) -> str:
    condition = compared(draw, b, x)
    a, other = draw(st.permutations([x, _operand(draw, b, x)]))
    return b.add(element_ops.Select(), [condition, a, other])


def cast(draw: st.DrawFn, b: GraphBuilder, x: str) -> str:
    kind = draw(st.sampled_from([DType.BOOL, DType.INT32, DType.FLOAT32]))
    y = b.add(element_ops.Cast(kind), [x])
    return b.add(element_ops.Cast(DType.FLOAT32), [y]) if draw(st.booleans()) else y


def reduced(draw: st.DrawFn, b: GraphBuilder, x: str) -> str:
    shape = shape_of(b, x)
    kind, keepdims = draw(st.sampled_from(list(ReduceKind))), draw(st.booleans())
    axes = tuple(sorted(draw(st.sets(st.integers(1, len(shape)), min_size=1))))
    source = compared(draw, b, x) if kind.is_logical else x
    return b.add(reduction_ops.Reduce(kind, axes, keepdims), [source])


def found(draw: st.DrawFn, b: GraphBuilder, x: str) -> str:
    op = reduction_ops.ArgReduce(draw(st.booleans()), _axis(draw, b, x), draw(st.booleans()))
    return b.add(op, [x])


def running(draw: st.DrawFn, b: GraphBuilder, x: str) -> str:
    kind = draw(st.sampled_from(list(CumulativeKind)))
    return b.add(reduction_ops.Cumulative(kind, _axis(draw, b, x)), [x])


def mapped(draw: st.DrawFn, b: GraphBuilder, x: str) -> str:
    return b.activation(x, ActivationFunction(draw(st.sampled_from(_SMOOTH))))


OPERATIONS: dict[str, Callable[[st.DrawFn, GraphBuilder, str], str]] = {
    operation.__name__: operation
    for operation in (
        *(sliced, gathered, reshaped, combined, compared, selected, cast),
        *(reduced, found, running, mapped),
    )
}
# They only move elements, so that what jumps may follow them.
_MOVES = ("sliced", "gathered", "reshaped")


@st.composite
def general_graphs(draw: st.DrawFn, name: str) -> Graph:
    """A graph of moves and one other kind of operation, which may lie in channels."""
    b = GraphBuilder(draw(st.integers(0, 999)))
    rank = draw(st.integers(1, 3))
    lengths = [draw(st.integers(1, 6)) for _ in range(rank)]
    x = b.input(*lengths, draw(st.integers(1, 40)))
    if draw(st.booleans()):
        # In channels, with every element as it was.
        x = b.add(resizing_ops.Pad(((1, 0),) * rank), [x])
    for move in draw(st.lists(st.sampled_from(_MOVES), max_size=2)):
        x = OPERATIONS[move](draw, b, x)
    y = OPERATIONS[name](draw, b, x)
    if shape_of(b, y) and draw(st.booleans()):
        y = b.dense(y, 3)
    return b.build(y)


def every_step() -> Graph:
    """A graph whose program has every kind of step that general operations have."""
    b = GraphBuilder()
    x = b.input(6, 5)
    row = b.add(element_ops.Constant(), [x], [b.weight("row", np.arange(5) - 2)])
    mean = b.add(reduction_ops.Reduce(ReduceKind.MEAN, (1,), keepdims=True), [x])
    less = b.add(element_ops.Binary(BinaryFunction.LESS), [mean, x])
    power = b.add(element_ops.Binary(BinaryFunction.MOD), [x, row])
    chosen = b.add(element_ops.Select(), [less, x, power])
    total = b.add(reduction_ops.Cumulative(CumulativeKind.SUM, 2), [chosen])
    place = b.add(reduction_ops.ArgReduce(True, 1), [b.add(slice_ops.Slice(1, 1, -1), [x])])
    return b.build(b.dense(total, 3), b.add(ops.Merge(ops.MergeKind.ADD), [mean, place]))
