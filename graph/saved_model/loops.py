"""The loops that Keras writes for recurrent layers: read as one step, which must be that of a known cell.

A loop counts from 0 to the length of a sequence, takes the element at that place, changes its states, and puts its
output into a list. Its step is read like any other graph; `cells` says which cell it is. Everything else is refused.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from graph.errors import UnsupportedLayerError
from graph.graph import Graph
from graph.ops import Dense
from graph.recurrent_ops import Recurrent, RecurrentResult
from graph.saved_model.cells import FoundCell, cell_of
from graph.saved_model.constants import as_tensor
from graph.saved_model.flat import FlatGraph, FlatNode, Ref
from graph.saved_model.lengths import BATCH, ONE, Length
from graph.saved_model.site import Rules, Site
from graph.saved_model.values import (
    Handle,
    Items,
    Known,
    Repeated,
    Tensor,
    TimeMajor,
    Value,
)
from graph.saved_model.variables import behind_identities
from graph.slice_ops import Slice

LOOPS = frozenset({"While", "StatelessWhile"})
ARGUMENT = "Argument"
# Reads the step of a loop as a graph: from its operations, the values of what is given, and the outputs by name.
ReadStep = Callable[[FlatGraph, Mapping[int, Value], Mapping[str, Ref]], Graph]


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop with its functions opened; the first nodes of each stand for its arguments.

    Attributes:
        arguments: what stands for the arguments of the body.
        body: the operations of a step; its results are the arguments of the next one.
        condition_arguments: what stands for the arguments of the condition.
        condition: the operations of the condition.
    """

    arguments: Sequence[FlatNode]
    body: FlatGraph
    condition_arguments: Sequence[FlatNode]
    condition: FlatGraph


def read_loop(site: Site, loop: Loop, read_step: ReadStep) -> tuple[Value, ...]:
    """Return the results of a loop.

    Raises:
        UnsupportedLayerError: it is none that Keras writes for a recurrent layer without masks.
    """
    named = replace(site, label=site.label.rpartition("/")[0] or site.label)
    return _Reader(named, loop, read_step).results()


class _Reader:
    def __init__(self, site: Site, loop: Loop, read_step: ReadStep) -> None:
        self._site = site
        self._loop = loop
        self._read_step = read_step
        self._places = {id(node): place for place, node in enumerate(loop.arguments)}
        self._next = [behind_identities(ref) for ref in loop.body.results]

    def refusal(self, what: str) -> UnsupportedLayerError:
        return UnsupportedLayerError(
            f"{self._site.where} is a loop that is not read: {what}",
            expected="an LSTM, GRU or SimpleRNN layer without masks, of a fixed length",
            hint="if it is a model of Keras, save it with model.save('model.keras') and upload that",
        )

    def results(self) -> tuple[Value, ...]:
        given = self._site.inputs
        if not len(given) == len(self._next) == len(self._loop.arguments):
            raise self.refusal("its body has other arguments than the loop")
        changed = [place for place in range(len(given)) if not self._stays(place)]
        counters = [place for place in changed if self._counts(place)]
        lists = [place for place in changed if isinstance(given[place], Items)]
        states = [place for place in changed if place not in counters and place not in lists]
        items, source = self._source(counters)
        count = self._count(counters)
        if len(lists) != 1 or count is None or items.shape[1].fixed != count or not states:
            raise self.refusal("it does not go once through a sequence of a fixed length")
        written, is_last = self._written(lists[0], counters)
        body = self._body(items, source, states, written)
        cell = cell_of(body)
        if cell is None:
            raise self.refusal("its step is none of the cells that are known")
        made = self._recurrent(items, states, cell, body)
        found: dict[int, Value] = dict(made.states)
        found[lists[0]] = Items(_last_of_one(made.last) if is_last else made.sequence)
        for place in counters:
            found[place] = Known(np.array(count, np.int32), self._site.label)
        return tuple(found.get(place, given[place]) for place in range(len(given)))

    def _stays(self, place: int) -> bool:
        return self._places.get(id(self._next[place].node)) == place

    def _is_argument(self, ref: Ref, places: Sequence[int]) -> bool:
        return self._places.get(id(behind_identities(ref).node), -1) in places

    def _counts(self, place: int) -> bool:
        """Return whether an argument is a number that begins at 0 and grows by 1."""
        value, node = self._site.inputs[place], self._next[place].node
        if not isinstance(value, Known) or value.array.size != 1 or value.array.any():
            return False
        if node.op not in ("AddV2", "Add") or len(node.inputs) != 2:
            return False
        return self._is_argument(node.inputs[0], [place]) and _number(node.inputs[1]) == 1

    def _source(self, counters: Sequence[int]) -> tuple[Tensor, FlatNode]:
        """Return the sequence that the loop reads, and the operation that reads one element of it."""
        found = [node for node in self._loop.body.nodes if node.op == "TensorListGetItem"]
        if len(found) != 1 or not self._is_argument(found[0].inputs[1], counters):
            raise self.refusal("it does not read one sequence, element by element")
        place = self._places.get(id(behind_identities(found[0].inputs[0]).node), -1)
        value = self._site.inputs[place] if place >= 0 and self._stays(place) else None
        if not isinstance(value, Items) or value.tensor is None or len(value.tensor.shape) != 3:
            raise self.refusal("it does not read a sequence of vectors")
        return value.tensor, found[0]

    def _count(self, counters: Sequence[int]) -> int | None:
        """Return how often the loop runs: up to the least number that the condition compares a counter with."""
        places = {id(node): place for place, node in enumerate(self._loop.condition_arguments)}
        pending = [behind_identities(ref) for ref in self._loop.condition.results]
        limits = []
        while pending:
            node = pending.pop().node
            if node.op == "LogicalAnd":
                pending += [behind_identities(ref) for ref in node.inputs]
                continue
            if node.op != "Less" or len(node.inputs) != 2:
                return None
            left, right = (behind_identities(ref) for ref in node.inputs)
            place = places.get(id(right.node), -1)
            limit = _number(right) if place < 0 else self._constant(place)
            if places.get(id(left.node), -1) not in counters or limit is None:
                return None
            limits.append(limit)
        return min(limits, default=None)

    def _constant(self, place: int) -> int | None:
        value = self._site.inputs[place]
        if not self._stays(place) or not isinstance(value, Known) or value.array.size != 1:
            return None
        return int(value.array.reshape(-1)[0])

    def _written(self, place: int, counters: Sequence[int]) -> tuple[Ref, bool]:
        """Return what a step puts into the list, and whether only the last one stays."""
        node, value = self._next[place].node, self._site.inputs[place]
        if node.op != "TensorListSetItem" or not self._is_argument(node.inputs[0], [place]):
            raise self.refusal("it does not put its output into a list")
        if not isinstance(value, Items) or value.tensor is not None:
            raise self.refusal("it puts its output into a list that is not empty")
        if self._is_argument(node.inputs[1], counters):
            return node.inputs[2], False
        if _number(behind_identities(node.inputs[1])) == 0:
            return node.inputs[2], True
        raise self.refusal("it puts its outputs into a list out of order")

    def _body(self, items: Tensor, source: FlatNode, states: Sequence[int], written: Ref) -> Graph:
        """Read the step as a graph of its own, with inputs x, s0 and so on."""
        float32 = np.dtype(np.float32)
        presets: dict[int, Value] = {id(source): Tensor("x", (BATCH, items.shape[2]), float32)}
        for number, place in enumerate(states):
            shape = self._state_shape(place)
            presets[id(self._loop.arguments[place])] = Tensor(f"s{number}", shape, float32)
        for place, value in enumerate(self._site.inputs):
            if isinstance(value, (Known, Handle)) and self._stays(place):
                presets[id(self._loop.arguments[place])] = value
        outputs = {"y": written}
        outputs |= {f"s{n}": self._loop.body.results[place] for n, place in enumerate(states)}
        return self._read_step(self._loop.body, presets, outputs)

    def _state_shape(self, place: int) -> tuple[Length, ...]:
        value = self._site.inputs[place]
        if isinstance(value, (Tensor, Repeated)) and len(value.shape) == 2:
            return value.shape
        raise self.refusal("its states are no vectors")

    def _recurrent(
        self, items: Tensor, states: Sequence[int], found: FoundCell, body: Graph
    ) -> "_Made":
        site, cell = self._site, found.cell
        initial = [site.inputs[place] for place in states]
        is_zero = [isinstance(one, Repeated) and not one.known.array.any() for one in initial]
        kernel = [found.kernel] if found.bias is None else [found.kernel, found.bias]
        recurrent = [] if found.recurrent_bias is None else [found.recurrent_bias]
        names = {
            name: site.builder.add_weight(name, body.weights[name]) for name in kernel + recurrent
        }
        parts = [body.weights[name] for name in found.recurrent_kernels]
        whole = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
        state_kernel = site.builder.add_weight(found.recurrent_kernels[0], whole)
        units = body.weights[found.kernel].shape[1]
        dense = Dense(units, use_bias=found.bias is not None)
        projected = site.add(
            dense, site.value(items), weights=[names[name] for name in kernel], name="projection"
        )
        inputs = [projected]
        if not all(is_zero):
            inputs += [site.value(as_tensor(site, one, items)) for one in initial]

        def made(result: RecurrentResult) -> Tensor:
            op = Recurrent(
                cell,
                result=result,
                stateful_inputs=len(inputs) > 1,
                use_recurrent_bias=found.recurrent_bias is not None,
            )
            weights = [state_kernel, *(names[name] for name in recurrent)]
            return site.made(site.add(op, *inputs, weights=weights))

        last = made(RecurrentResult.LAST)
        values: dict[int, Value] = {states[0]: last}
        if len(states) > 1:
            both = made(RecurrentResult.SEQUENCE_AND_STATES)
            time = site.number(items.shape[1])
            for number, place in enumerate(states[1:], 1):
                row = site.add(Slice(1, time + number, time + number + 1), both.value, name="state")
                lengths = site.builder.lengths(row)
                values[place] = Tensor(row, (BATCH, lengths[-1]), last.dtype)
        return _Made(made(RecurrentResult.SEQUENCE), last, values)


@dataclass(frozen=True, slots=True)
class _Made:
    sequence: Tensor
    last: Tensor
    states: Mapping[int, Value]


def _last_of_one(last: Tensor) -> Tensor:
    return Tensor(last.value, (last.shape[0], ONE, *last.shape[1:]), last.dtype)


def _number(ref: Ref) -> int | None:
    node = behind_identities(ref).node
    if node.op != "Const":
        return None
    array = node.attributes.tensor()
    return int(array.reshape(-1)[0]) if array.size == 1 and array.dtype.kind in "iu" else None


def _reserve(_site: Site) -> Value:
    return Items(None)


def _from_tensor(site: Site) -> Value:
    value = site.input(0)
    if not isinstance(value, TimeMajor):
        raise site.refusal("makes a list of something else than the steps of a sequence")
    return Items(value.tensor)


def _stack(site: Site) -> Value:
    value = site.input(0)
    if not isinstance(value, Items) or value.tensor is None:
        raise site.refusal("joins a list that is empty")
    return TimeMajor(value.tensor)


RULES: Rules = {
    "TensorListReserve": _reserve,
    "TensorListFromTensor": _from_tensor,
    "TensorListStack": _stack,
}
