"""Which cell of a recurrent layer the body of a loop computes, found by comparing expressions.

The body is read as a small graph: `x` is the element of the sequence, `s0`, `s1` are the states. Each of its outputs
becomes an expression, in which sums and products do not say the order of their parts. It must equal the expression of
a cell exactly; nothing is taken for one that is only alike.
"""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass

import numpy as np

from graph.activations import LINEAR, ActivationFunction, Function
from graph.graph import Graph, Node
from graph.ops import Activation, BatchNormalization, Dense, Merge, MergeKind, Rescaling
from graph.recurrent_ops import Cell, GruCell, LstmCell, SimpleRnnCell
from graph.slice_ops import Slice

_Expression = Hashable
_KINDS = {MergeKind.ADD: "add", MergeKind.MULTIPLY: "multiply"}


@dataclass(frozen=True, slots=True)
class FoundCell:
    """A cell, with the names of its weights in the graph of the body.

    Attributes:
        cell: the cell.
        kernel: the kernel for the input.
        recurrent_kernels: the kernel for the state, in one part or in several, side by side.
        bias: what is added to both products, or to that of the input; None where nothing is.
        recurrent_bias: what is added to the product with the state.
    """

    cell: Cell
    kernel: str
    recurrent_kernels: tuple[str, ...]
    bias: str | None
    recurrent_bias: str | None


def cell_of(body: Graph) -> FoundCell | None:
    """Return the cell that a body computes, with outputs `y`, `s0` and so on; None where it is none that is known."""
    reader = _Expressions(body)
    outputs = {output.name: reader.of(output.value) for output in body.outputs}
    found = list(reader.products())
    products = dict(found)
    if len(found) != len(products) or outputs.get("y") != outputs.get("s0"):
        return None
    if not {"x", "s0"} <= set(products) <= {"x", "s0", ""}:
        return None
    x, h = products["x"], products["s0"]
    states = [outputs[name] for name in sorted(outputs) if name != "y"]
    units = body.weights[h.weights[0]].shape[0]
    last = products.get("")
    kernels = (h.weights[0], *([last.weights[0]] if last is not None else []))
    found_cells = (
        _candidates(reader, x, h, units)
        if last is None
        else _candidates_in_parts(reader, x, h, last, units)
    )
    for cell, wanted, bias in found_cells:
        if states == wanted:
            own = x.weights[1] if len(x.weights) > 1 else bias
            recurrent = h.weights[1] if len(h.weights) > 1 else None
            return FoundCell(cell, x.weights[0], kernels, own, recurrent)
    return None


def _candidates_in_parts(
    reader: "_Expressions", x: Node, h: Node, last: Node, units: int
) -> Iterator[tuple[Cell, list[_Expression], str | None]]:
    """Yield GRU cells that reset the state before their last product, which has a kernel and no bias of its own."""
    if len(h.weights) > 1 or len(last.weights) > 1:
        return
    left, right = reader.of(x.name), reader.of(h.name)
    for outer in [LINEAR, *reader.functions()]:
        for inner in [LINEAR, *reader.functions()]:
            r = _act(inner, _add(_part(left, units, units), _part(right, units, units)))
            product = ("product", _multiply(r, ("input", "s0")), last.weights)
            z = _act(inner, _add(_part(left, 0, units), _part(right, 0, units)))
            candidate = _act(outer, _add(_part(left, 2 * units, units), product))
            yield GruCell(outer, inner, reset_after=False), _next_state(z, candidate), None


def _candidates(
    reader: "_Expressions", x: Node, h: Node, units: int
) -> Iterator[tuple[Cell, list[_Expression], str | None]]:
    """Yield cells with the expressions of their states, and with the bias that is added to the sum of both products."""
    left, right = reader.of(x.name), reader.of(h.name)
    both = _add(left, right)
    sums: list[tuple[_Expression, str | None]] = [(both, None)]
    if len(x.weights) == 1:
        sums += [(("bias", both, name), name) for name in reader.biases()]
    functions = [LINEAR, *reader.functions()]
    for outer in functions:
        for z, bias in sums:
            yield SimpleRnnCell(outer), [_act(outer, z)], bias
        for inner in functions:
            for z, bias in sums:
                yield LstmCell(outer, inner), _lstm(z, units, outer, inner), bias
            yield GruCell(outer, inner), _gru(left, right, units, outer, inner), None


def _lstm(
    z: _Expression, units: int, outer: ActivationFunction, inner: ActivationFunction
) -> list[_Expression]:
    i, f, candidate, o = (_part(z, place * units, units) for place in range(4))
    c = _add(
        _multiply(_act(inner, f), ("input", "s1")),
        _multiply(_act(inner, i), _act(outer, candidate)),
    )
    return [_multiply(_act(inner, o), _act(outer, c)), c]


def _gru(
    x: _Expression, h: _Expression, units: int, outer: ActivationFunction, inner: ActivationFunction
) -> list[_Expression]:
    (x_z, x_r, x_h), (h_z, h_r, h_h) = (
        tuple(_part(one, place * units, units) for place in range(3)) for one in (x, h)
    )
    z, r = _act(inner, _add(x_z, h_z)), _act(inner, _add(x_r, h_r))
    candidate = _act(outer, _add(x_h, _multiply(r, h_h)))
    return _next_state(z, candidate)


def _next_state(z: _Expression, candidate: _Expression) -> list[_Expression]:
    """z * h + (1 - z) * candidate."""
    rest = ("shift", ("function", ActivationFunction(Function.NEGATIVE), z), 1.0)
    return [_add(_multiply(z, ("input", "s0")), _multiply(rest, candidate))]


def _add(*parts: _Expression) -> _Expression:
    return ("add", frozenset(parts)) if len(set(parts)) == len(parts) else ("twice", parts)


def _multiply(*parts: _Expression) -> _Expression:
    return ("multiply", frozenset(parts)) if len(set(parts)) == len(parts) else ("square", parts)


def _act(function: ActivationFunction, x: _Expression) -> _Expression:
    return x if function == LINEAR else ("function", function, x)


def _part(x: _Expression, start: int, length: int) -> _Expression:
    return ("part", x, start, start + length)


class _Expressions:
    """Expressions of the values of a body."""

    def __init__(self, body: Graph) -> None:
        self._body = body
        self._nodes = body.producers()
        self._lengths = {name: one.shape[-1] for name, one in body.value_types().items()}
        self._found: dict[str, _Expression] = {
            given.name: ("input", given.name) for given in body.inputs
        }
        for node in body.nodes:
            self._found[node.name] = self._expression(node)

    def of(self, value: str) -> _Expression:
        """Return the expression of a value."""
        return self._found[value]

    def products(self) -> Iterator[tuple[str, Node]]:
        """Yield the Dense nodes, with the input that each is applied to; with no name where it is none."""
        for node in self._body.nodes:
            if isinstance(node.op, Dense):
                is_input = node.inputs[0] not in self._nodes
                yield (node.inputs[0] if is_input else ""), node

    def biases(self) -> Iterator[str]:
        """Yield the weights that are added to something along its last axis."""
        for node in self._body.nodes:
            if isinstance(node.op, BatchNormalization):
                yield node.weights[0]

    def functions(self) -> list[ActivationFunction]:
        """Return the activation functions that occur."""
        found = [node.op.function for node in self._body.nodes if isinstance(node.op, Activation)]
        return [one for one in dict.fromkeys(found) if one.is_elementwise]

    def _expression(self, node: Node) -> _Expression:
        inputs = [self._found[name] for name in node.inputs]
        op = node.op
        if isinstance(op, Dense):
            return ("product", inputs[0], node.weights)
        if isinstance(op, Merge) and op.kind in _KINDS and len(inputs) == 2:
            return _add(*inputs) if op.kind is MergeKind.ADD else _multiply(*inputs)
        if isinstance(op, Activation):
            return ("function", op.function, inputs[0])
        if isinstance(op, Slice) and op.step == 1 and op.axis == 1:
            stop = self._lengths[node.inputs[0]] if op.stop is None else op.stop
            return ("part", inputs[0], op.start or 0, stop)
        if isinstance(op, Rescaling) and op.scale == (1.0,) and len(op.offset) == 1:
            return ("shift", inputs[0], op.offset[0])
        if isinstance(op, BatchNormalization) and self._is_bias(node, op):
            return ("bias", inputs[0], node.weights[0])
        return ("other", node.name)

    def _is_bias(self, node: Node, op: BatchNormalization) -> bool:
        mean, variance = (self._body.weights[name] for name in node.weights[-2:])
        is_shift = op.center and not op.scale and op.epsilon == 0.0 and op.axis == 1
        return is_shift and not np.any(mean) and bool((variance == 1).all())
