"""Rules of the ops that only move or repeat elements: Reshape, Permute, RepeatVector and Concatenate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from graph.graph import Node
from graph.op import Op
from graph.shape_ops import Concatenate, Permute, RepeatVector, Reshape
from graph.tensor_type import sample_axis
from pruning.rules.bound import Bound
from pruning.rules.op_rules import Cut, Flags, OpRules, OpT, Reals, RuleTable, Shape, axis_mask
from pruning.rules.relation import Relation, alone, grouped

Indices = np.ndarray[Any, np.dtype[np.int64]]


def is_reshape(node: Node) -> bool:
    """Whether the op is Reshape itself."""
    return type(node.op) is Reshape


@dataclass(frozen=True, slots=True)
class Sources:
    """Origin of every output element of an op that only moves elements.

    Attributes:
        place: the number of the input that each element comes from, of the output's sample shape.
        index: the number of the element in that input, counted row-major, of the output's sample shape.
    """

    place: Indices
    index: Indices


def sources(op: Op, shapes: Sequence[Shape]) -> Sources:
    """Find the origins by sending indices through the op itself.

    Args:
        op: an op that only moves elements.
        shapes: sample shapes of its inputs.
    """
    indices = [np.arange(int(np.prod(shape))).reshape(1, *shape) for shape in shapes]
    places = [np.full((1, *shape), place) for place, shape in enumerate(shapes)]
    return Sources(op.evaluate(places, [])[0], op.evaluate(indices, [])[0])


class MoveRules(OpRules[OpT]):
    """Every output element is a copy of one input element, and whatever holds of that one holds of the copy."""

    mixes = False
    only_moves = True
    bears_rounding = True

    @cached_property
    def origin(self) -> Sources:
        """Where the output's elements come from."""
        return sources(self.op, self.shapes)

    def moved(self, arrays: Sequence[Reals]) -> Reals:
        """Send arrays of the inputs' sample shapes through the op."""
        result: Reals = self.op.evaluate([array[None] for array in arrays], [])[0]
        return result

    def constants(self, inputs: Sequence[Reals]) -> Reals:
        """A copy of a constant is a constant."""
        return self.moved(inputs)

    def needed(self, place: int, wanted: Flags) -> Flags:
        """An element is needed if one of its copies is wanted."""
        result = np.zeros(self.shapes[place], np.bool_)
        result.reshape(-1)[self.origin.index[wanted & (self.origin.place == place)]] = True
        return result

    def keep(self, inputs: Sequence[Flags], output: Flags) -> None:
        """An element and its copies stay or go together."""
        for place, flags in enumerate(inputs):
            here = self.origin.place == place
            flat = flags.reshape(-1)
            flat[self.origin.index[here & output]] = True
            output[here] |= flat[self.origin.index[here]]

    def relation(self, inputs: Sequence[Relation]) -> Relation:
        """Copies of related elements are related, and so are two copies of one element.

        Where no input has related elements, copies are not looked for.
        """
        if all(relation.is_trivial for relation in inputs):
            return alone(self.shape)
        origin, names = self.origin, list(dict.fromkeys(self.node.inputs))
        leader, factor = np.empty(origin.index.size), np.empty(origin.index.size)
        value = np.empty(origin.index.size)
        for place, relation in enumerate(inputs):
            here = (origin.place == place).ravel()
            index = origin.index.ravel()[here]
            leader[here], factor[here] = relation.leader[index], relation.factor[index]
            value[here] = names.index(self.node.inputs[place])
        return grouped([value, leader], factor, self.shape)

    def bound(self, inputs: Sequence[Bound]) -> Bound:
        """A copy has the bound of the element that was copied."""
        return Bound(
            self.moved([x.constant for x in inputs]), self.moved([x.slope for x in inputs])
        )

    def error(self, errors: Sequence[Bound], values: Sequence[Bound]) -> Bound:
        """A copy has the error of the element that was copied."""
        return self.bound(errors)

    def tolerance(self, place: int, allowed: Bound, value: Bound) -> Bound:
        """An element may move as far as the strictest of its copies."""
        here = self.origin.place == place

        def gather(limit: Reals) -> Reals:
            result = np.full(self.shapes[place], np.inf)
            np.minimum.at(result.reshape(-1), self.origin.index[here], limit[here])
            return result

        return allowed.mapped(gather)


class ReshapeRules(MoveRules[Reshape]):
    """A reshape gives the same elements in the same order another shape."""

    def cut(self, cut: Cut) -> tuple[Node, Mapping[str, Reals]]:
        """The new shape is that of the box that stays."""
        kept = cut.output
        shape = tuple(int(axis_mask(kept, axis).sum()) for axis in range(kept.ndim))
        return replace(self.node, op=Reshape(shape)), {}

    def is_identity(self) -> bool:
        """A reshape to the same shape changes nothing."""
        return self.sample_shapes[0] == self.sample_shape


class PermuteRules(MoveRules[Permute]):
    """A permutation brings the axes into another order, which a cut leaves as it is."""

    def links(self) -> Sequence[tuple[int, int, int]]:
        """Every axis goes to another place."""
        return [(0, source - 1, axis) for axis, source in enumerate(self.op.dims)]

    def taken_grains(
        self, inputs: tuple[Shape, ...], output: Shape
    ) -> tuple[tuple[Shape, ...], Shape]:
        """Any grain will do."""
        return inputs, output

    def is_identity(self) -> bool:
        """A permutation to the same order changes nothing."""
        return self.op.dims == tuple(sorted(self.op.dims))


class RepeatRules(MoveRules[RepeatVector]):
    """A vector is repeated several times. All copies of an element stay or go together, so a cut leaves the count."""


class ConcatenateRules(MoveRules[Concatenate]):
    """A concatenation puts values one after the other."""

    @property
    def _axis(self) -> int:
        return sample_axis(self.op.axis) % len(self.sample_shape)

    def links(self) -> Sequence[tuple[int, int, int]]:
        """All axes go through but the one along which values are joined."""
        places, axes = range(len(self.sample_shapes)), range(len(self.sample_shape))
        return [(place, axis, axis) for place in places for axis in axes if axis != self._axis]

    def taken_grains(
        self, inputs: tuple[Shape, ...], output: Shape
    ) -> tuple[tuple[Shape, ...], Shape]:
        """Elements are told apart along the joined axis."""
        wholes = (*self.sample_shapes, self.sample_shape)
        *taken, given = (
            tuple(whole[a] if a == self._axis else n for a, n in enumerate(grain))
            for grain, whole in zip((*inputs, output), wholes, strict=True)
        )
        return tuple(taken), given

    def cut(self, cut: Cut) -> tuple[Node, Mapping[str, Reals]]:
        """Inputs of which nothing stays are left out."""
        pairs = zip(self.node.inputs, cut.inputs, strict=True)
        return replace(self.node, inputs=tuple(name for name, flags in pairs if flags.any())), {}

    def is_identity(self) -> bool:
        """A concatenation of one value changes nothing."""
        return len(self.node.inputs) == 1


RULES: RuleTable = {
    Reshape: ReshapeRules,
    Permute: PermuteRules,
    RepeatVector: RepeatRules,
    Concatenate: ConcatenateRules,
}
