"""What pruning must know about an op, as one class; `OpRules` itself is the answer for an op that nobody knows.

Every analysis asks the rules of a node (`pruning.rules.table.rules_of`) and never looks at the op itself. A family of
ops is a subclass that overrides what it can prove. What it does not override, and every rule of an op without an entry
in the table, is the most cautious answer: every output element may depend on every input element, no element is
constant or related to another, nothing can be cut out, no bound holds, and no change of an input is small enough.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np

from graph.graph import Node
from graph.op import Op
from pruning.rules.bound import Bound, unknown, zeros
from pruning.rules.relation import Relation, alone

Reals = np.ndarray[Any, np.dtype[Any]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]
Shape = tuple[int, ...]
OpT = TypeVar("OpT", bound=Op, covariant=True)


@dataclass(frozen=True, slots=True)
class Cut:
    """What stays of the values around a node.

    Attributes:
        inputs: flags of each input's sample shape, True where an element stays.
        output: the same for the value that the node makes.
        folded: the constants that the node's bias must take over: for each feature of the first input that goes, its
            number, and 0 for the others. None if the node may not be edited.
        bias_name: a free name for a bias that the node did not have.
    """

    inputs: tuple[Flags, ...]
    output: Flags
    folded: Reals | None
    bias_name: str


@dataclass(frozen=True, eq=False)
class OpRules(Generic[OpT]):
    """One node, and the rules of its op.

    Sample shapes leave the batch axis out. Arguments that stand for values or inputs are in the op's order. Facts about
    elements are arrays of the shapes `shapes` and `shape`; see `pruning.rules.grains`.

    Attributes:
        node: the node.
        op: its op.
        arrays: its weights, float32 or float64.
        shapes: the sample shapes of its inputs, with 1 on axes along which the facts do not tell elements apart.
        shape: the same of its value.
        sample_shapes: the sample shapes of its inputs.
        sample_shape: the sample shape of its value.
    """

    node: Node
    op: OpT
    arrays: tuple[Reals, ...]
    shapes: tuple[Shape, ...]
    shape: Shape
    sample_shapes: tuple[Shape, ...]
    sample_shape: Shape

    # Whether an output element may depend on any input element: then nothing can be cut out of the node.
    mixes: ClassVar[bool] = True
    # Whether every output element is a copy of one input element.
    only_moves: ClassVar[bool] = False
    # Whether an input may change by what float32 rounding of that input hides. If not, no weight upstream is dropped or
    # replaced.
    bears_rounding: ClassVar[bool] = False

    # Whether it is applied over the spatial axes, all but the last, along which elements are then not told apart.
    is_spatial: ClassVar[bool] = False

    def links(self) -> Sequence[tuple[int, int, int]]:
        """Return which axes belong together: input, axis of its sample, axis of the output's sample.

        Along both, elements are told apart or not. An op that relates elements along other axes names none.
        """
        return ()

    def taken_grains(
        self, inputs: tuple[Shape, ...], output: Shape
    ) -> tuple[tuple[Shape, ...], Shape]:
        """Return the grains in which these rules take facts about the inputs and the output: here about every element.

        Args:
            inputs: the grains of the inputs.
            output: the grain of the output.
        """
        return self.sample_shapes, self.sample_shape

    def weights(self) -> list[Reals]:
        """Return the weights in float64."""
        return [np.asarray(array, np.float64) for array in self.arrays]

    def constants(self, inputs: Sequence[Reals]) -> Reals:
        """Return the elements that are the same number for every input.

        Args:
            inputs: float64: the number, or NaN where the element depends on the input.

        Returns:
            The same for the output; numbers that are not finite do not count.
        """
        return np.full(self.shape, np.nan)

    def needed(self, place: int, wanted: Flags) -> Flags:
        """Return the elements of input `place` on which a wanted output element may depend."""
        return np.ones(self.shapes[place], np.bool_)

    def keep(self, inputs: Sequence[Flags], output: Flags) -> None:
        """Set, in place, what else must stay because of what stays already."""
        for flags in (*inputs, output):
            flags[...] = True

    def cut(self, cut: Cut) -> tuple[Node, Mapping[str, Reals]]:
        """Return the node with fewer elements, as `keep` allows, and its weights by name where they changed."""
        return self.node, {}

    def silenced(self, own: Reals) -> Mapping[str, Reals]:
        """Return the weights that change, by name, where the op reads zeros of its own value no longer.

        Args:
            own: the constants of the op's value; see `constants`.
        """
        return {}

    def unfoldable(self, constants: Reals, *, editable: bool) -> Flags:
        """Return which constants of the first input must stay, because no bias of the op can take them over.

        Only a linear op (`graph.linear`) takes constants over; what another op reads must stay for its own reasons.

        Args:
            constants: see `constants`.
            editable: whether the op's weights may be recomputed.
        """
        return np.zeros(self.shapes[0], np.bool_)

    def is_identity(self) -> bool:
        """Return whether the output is the first input."""
        return False

    def relation(self, inputs: Sequence[Relation]) -> Relation:
        """Return which output elements are multiples of others."""
        return alone(self.shape)

    def bound(self, inputs: Sequence[Bound]) -> Bound:
        """Return how large the output can get, from how large the inputs can get."""
        return unknown(self.shape)

    def error(self, errors: Sequence[Bound], values: Sequence[Bound]) -> Bound:
        """Return how far the output can move when the inputs, of sizes up to `values`, move by up to `errors`."""
        return unknown(self.shape)

    def removal_error(self, removed: Reals, values: Sequence[Bound]) -> Bound:
        """Return how far the output can move when weights are taken from the kernel.

        Args:
            removed: the weights, of the kernel's shape; 0 where nothing was taken.
            values: how large the inputs can get.
        """
        return unknown(self.shape)

    def tolerance(self, place: int, allowed: Bound, value: Bound) -> Bound:
        """Return how far input `place`, of a size up to `value`, may move while the output moves by at most `allowed`.

        All inputs may use their tolerance at once.
        """
        return zeros(self.shapes[place])

    def argument_units(self) -> float:
        """By how many units of rounding the op's own float32 arithmetic may move its arguments and weights."""
        return 0.0

    def arithmetic_error(self, sizes: Sequence[Reals], result: Reals) -> Reals:
        """How far, besides, the op's own float32 arithmetic may move its result: nothing is granted to an unknown op.

        Args:
            sizes: magnitudes of the inputs, (batch, *sample shape), float64.
            result: the exact result, (batch, *sample shape), float64.
        """
        return np.zeros_like(result)


def told_along(axes: Collection[int], grain: Shape, sample_shape: Shape) -> Shape:
    """Return a grain in which elements are told apart along these axes, which may be negative."""
    rank = len(grain)
    whole = {axis % rank for axis in axes}
    return tuple(sample_shape[axis] if axis in whole else n for axis, n in enumerate(grain))


def axis_mask(kept: Flags, axis: int) -> Flags:
    """Return what stays along one axis of a value's sample shape."""
    others = tuple(other for other in range(kept.ndim) if other != axis % kept.ndim)
    mask: Flags = np.asarray(kept.any(axis=others))
    return mask


def constants_of_mixture(rules: OpRules[Any], inputs: Sequence[Reals]) -> Reals:
    """Return the value of an op that mixes its inputs: constant where all of them are."""
    if any(np.isnan(x).any() for x in inputs):
        return np.full(rules.shape, np.nan)
    value: Reals = rules.op.evaluate([x[None] for x in inputs], rules.weights())[0]
    return value


# The rules of each op, by its exact class; what makes them takes the arguments of `OpRules`.
RuleTable = Mapping[type[Any], Callable[..., OpRules[Any]]]
