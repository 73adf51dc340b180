"""Rules of the ops that work on each channel of an image by itself: pooling, padding, cropping and resizing."""

import math
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from graph.interpolation import Interpolation
from graph.pooling_ops import AdaptivePool, GlobalPool, Pool, PoolKind
from graph.resizing_ops import Crop, Pad, Resize, Upsample
from pruning.rules.arithmetic import few_operations_error, sum_error
from pruning.rules.bound import Bound
from pruning.rules.op_rules import Flags, OpRules, OpT, Reals, RuleTable, Shape
from pruning.rules.relation import Relation, grouped

PoolT = TypeVar("PoolT", bound=Pool | AdaptivePool | GlobalPool, covariant=True)
ResizeT = TypeVar("ResizeT", bound=Upsample | Resize, covariant=True)


class ChannelRules(OpRules[OpT]):
    """Every element of the output comes from elements of the same channel, and is no larger than the largest of them.

    What a subclass does not say otherwise: elements are copied or averaged, so a constant channel stays what it is.
    """

    mixes = False
    bears_rounding = True
    is_spatial = True

    def taken_grains(
        self, inputs: tuple[Shape, ...], output: Shape
    ) -> tuple[tuple[Shape, ...], Shape]:
        """Channels are told apart, pixels are not."""
        (source,) = self.sample_shapes
        pixels = (1,) * (len(output) - 1)
        return ((*(1,) * (len(source) - 1), source[-1]),), (*pixels, output_channels(self))

    def constants(self, inputs: Sequence[Reals]) -> Reals:
        """A constant channel stays constant."""
        return inputs[0].reshape(self.shape)

    def needed(self, place: int, wanted: Flags) -> Flags:
        """The same channels are needed."""
        return wanted.reshape(self.shapes[0])

    def keep(self, inputs: Sequence[Flags], output: Flags) -> None:
        """The same channels stay before and after."""
        (source,) = inputs
        output |= source.reshape(self.shape)
        source |= output.reshape(source.shape)

    def relation(self, inputs: Sequence[Relation]) -> Relation:
        """Multiples stay multiples."""
        (x,) = inputs
        return Relation(x.leader, x.factor, self.shape)

    def bound(self, inputs: Sequence[Bound]) -> Bound:
        """No element is larger than the largest of its channel."""
        return inputs[0].mapped(lambda part: part.reshape(self.shape)).times(self._gain())

    def error(self, errors: Sequence[Bound], values: Sequence[Bound]) -> Bound:
        """No element moves further than the furthest of its channel."""
        return self.bound(errors)

    def tolerance(self, place: int, allowed: Bound, value: Bound) -> Bound:
        """All elements of a channel may move as far as the output may."""
        share = allowed.divided(self._gain())
        return share.mapped(lambda limit: limit.reshape(self.shapes[0]))

    def _gain(self) -> float:
        """By how much a change may grow: the largest sum of |weights| of an element of the output."""
        return 1.0


def output_channels(rules: OpRules[OpT]) -> int:
    """Return the length of the last axis of the output."""
    return rules.sample_shape[-1]


class PoolRules(ChannelRules[PoolT]):
    """The largest element or the average of windows, or of everything; padding counts for neither."""

    def relation(self, inputs: Sequence[Relation]) -> Relation:
        """Averages of multiples are multiples; for a maximum the factor must be positive."""
        (x,) = inputs
        if self.op.kind is PoolKind.AVERAGE:
            return super().relation(inputs)
        return grouped([x.leader, np.sign(x.factor)], np.abs(x.factor), self.shape)

    def arithmetic_error(self, sizes: Sequence[Reals], result: Reals) -> Reals:
        """An average sums over its window; a maximum is exact."""
        if self.op.kind is PoolKind.MAX:
            return super().arithmetic_error(sizes, result)
        return sum_error(self._elements() + 1, self.op.evaluate(list(sizes), []))

    def _elements(self) -> int:
        """Return how many elements a window has at most."""
        return math.prod(self.op.size if isinstance(self.op, Pool) else self.sample_shapes[0][:-1])


class PadRules(ChannelRules[Pad]):
    """Zeros around the spatial axes."""

    def constants(self, inputs: Sequence[Reals]) -> Reals:
        """A channel stays constant without padding, or if it is 0 like the padding."""
        (x,) = inputs
        return x if self.is_identity() else np.where(x == 0.0, x, np.nan)

    def is_identity(self) -> bool:
        """Without padding nothing changes."""
        return not any(map(any, self.op.amounts))


class CropRules(ChannelRules[Crop]):
    """Borders of the spatial axes are cut off."""

    def is_identity(self) -> bool:
        """Without borders nothing changes."""
        return not any(map(any, self.op.amounts))


class ResizeRules(ChannelRules[ResizeT]):
    """The spatial axes get other lengths: elements are copied, or computed from others by a matrix along each axis."""

    def _resize(self) -> Resize | None:
        """Return the op as a Resize; None if it only copies."""
        op = self.op
        if op.interpolation is Interpolation.NEAREST:
            return None
        return op if isinstance(op, Resize) else Resize(self.sample_shape[:-1], op.interpolation)

    def constants(self, inputs: Sequence[Reals]) -> Reals:
        """Copies of a constant are one; the weights of a matrix may not add up to 1 exactly, so only 0 stays 0."""
        (x,) = inputs
        return x if self._resize() is None else np.where(x == 0.0, x, np.nan)

    def arithmetic_error(self, sizes: Sequence[Reals], result: Reals) -> Reals:
        """Each axis adds a few products."""
        op = self._resize()
        if op is None:
            return super().arithmetic_error(sizes, result)
        size = np.abs(sizes[0]).max(axis=tuple(range(1, sizes[0].ndim)), keepdims=True)
        terms = sum(self.sample_shapes[0][:-1])
        return few_operations_error(result) + sum_error(terms, size * self._gain())

    def _gain(self) -> float:
        op = self._resize()
        if op is None:
            return 1.0
        lengths = self.sample_shapes[0][:-1]
        sums = [
            np.abs(op.matrix(axis, length)).sum(axis=1).max() for axis, length in enumerate(lengths)
        ]
        return float(np.prod(sums))


class UpsampleRules(ResizeRules[Upsample]):
    """Every spatial axis becomes several times as long."""

    def is_identity(self) -> bool:
        """Copies that are not repeated change nothing; a Resize may do something at another image size."""
        return self._resize() is None and set(self.op.size) == {1}


RULES: RuleTable = {
    Pool: PoolRules,
    AdaptivePool: PoolRules,
    GlobalPool: PoolRules,
    Pad: PadRules,
    Crop: CropRules,
    Upsample: UpsampleRules,
    Resize: ResizeRules,
}
