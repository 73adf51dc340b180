"""Rules of embeddings, products of two values and attention.

A head of attention can go where nobody reads what it gives, and where it gives the same numbers for every input; what
queries and keys say does not matter then. A column of a table can go where nobody reads it. No weight in front of
these ops is dropped for being small: what that does to the shares of keys is not bounded here.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from graph.attention_ops import Attention, Embedding, MaskedSoftmax, Masking, MatMul
from graph.graph import Node
from pruning.rules.arithmetic import (
    FEW_ARGUMENT_UNITS,
    few_operations_error,
    sum_error,
    sum_units,
)
from pruning.rules.bound import Bound, zeros
from pruning.rules.op_rules import (
    Cut,
    Flags,
    OpRules,
    Reals,
    RuleTable,
    axis_mask,
    constants_of_mixture,
)


class EmbeddingRules(OpRules[Embedding]):
    """Rows of a table: an index must not change, not even by a rounding; columns are told apart."""

    mixes = False

    def constants(self, inputs: Sequence[Reals]) -> Reals:
        """A column that holds one number is constant, for indices that there are."""
        table = self.arrays[0]
        same = (table == table[:1]).all(axis=0)
        column = np.where(same, np.asarray(table[0], np.float64), np.nan)
        return np.broadcast_to(column, self.shape).copy()

    def needed(self, place: int, wanted: Flags) -> Flags:
        """An index is needed if any number of its row is."""
        return np.asarray(wanted.any(axis=-1)).reshape(self.shapes[0])

    def keep(self, inputs: Sequence[Flags], output: Flags) -> None:
        """All indices stay; a column stays for all of them."""
        inputs[0][...] = True
        output[...] |= axis_mask(output, -1)

    def cut(self, cut: Cut) -> tuple[Node, Mapping[str, Reals]]:
        """Leave out the columns of the table that go."""
        kept = axis_mask(cut.output, -1)
        op = Embedding(self.op.rows, int(kept.sum()))
        return replace(self.node, op=op), {self.node.weights[0]: self.arrays[0][:, kept]}

    def bound(self, inputs: Sequence[Bound]) -> Bound:
        """No number is larger than the largest of its column."""
        largest = np.abs(self.weights()[0]).max(axis=0)
        return zeros(self.shape).shifted(np.broadcast_to(largest, self.shape))

    def error(self, errors: Sequence[Bound], values: Sequence[Bound]) -> Bound:
        """Indices do not move."""
        return zeros(self.shape)


class MatMulRules(OpRules[MatMul]):
    """Sums of products of two values."""

    bears_rounding = True

    def constants(self, inputs: Sequence[Reals]) -> Reals:
        """Constant where both values are."""
        return constants_of_mixture(self, inputs)

    def argument_units(self) -> float:
        """A few operations."""
        return FEW_ARGUMENT_UNITS

    def arithmetic_error(self, sizes: Sequence[Reals], result: Reals) -> Reals:
        """Each result is a sum over the contracted axis."""
        terms = sizes[0].shape[-2 if self.op.transpose_a else -1]
        return sum_error(terms, self.op.evaluate(list(sizes), []))


class MaskedSoftmaxRules(OpRules[MaskedSoftmax]):
    """Shares of keys, which add up to 1."""

    bears_rounding = True

    def bound(self, inputs: Sequence[Bound]) -> Bound:
        """A share is at most 1."""
        return Bound(np.ones(self.shape), np.zeros(self.shape))

    def argument_units(self) -> float:
        """A few operations come before the result."""
        return FEW_ARGUMENT_UNITS

    def arithmetic_error(self, sizes: Sequence[Reals], result: Reals) -> Reals:
        """A few operations make the result."""
        return few_operations_error(result)


class AttentionRules(OpRules[Attention]):
    """Heads are told apart, with the queries that share keys and values; positions are mixed."""

    mixes = False
    bears_rounding = True

    def constants(self, inputs: Sequence[Reals]) -> Reals:
        """A feature of the values that is one number at all keys is that number in the result: shares add up to 1."""
        value = inputs[2]
        first = value[..., :1, :]
        same = np.where((value == first).all(axis=-2, keepdims=True), first, np.nan)
        if self.op.masking is Masking.ZERO and self.op.masked:
            same = np.where(same == 0.0, 0.0, np.nan)
        *lead, _, features = value.shape
        by_head = same.reshape(*lead, 1, self.op.key_heads, 1, features // self.op.key_heads)
        shape = (*lead, self.shape[-2], self.op.key_heads, self._repeats, by_head.shape[-1])
        return np.broadcast_to(by_head, shape).reshape(self.shape).copy()

    def needed(self, place: int, wanted: Flags) -> Flags:
        """All that a wanted head reads is needed: all positions, and the whole mask."""
        if place > 2:
            return np.ones(self.shapes[place], np.bool_)
        return self._of_heads(self._heads(wanted), self.shapes[place][-1], place)

    def keep(self, inputs: Sequence[Flags], output: Flags) -> None:
        """Heads of keys stay or go as a whole, with the queries that read them."""
        heads = self._heads(output)
        for flags in inputs[:3]:
            heads = heads | self._heads(flags)
        if self.op.masked:
            inputs[3][...] = True
            if self.shapes[3][-3] > 1:
                heads[...] = True
        for place, flags in enumerate((*inputs[:3], output)):
            flags[...] = self._of_heads(heads, flags.shape[-1], place)

    def cut(self, cut: Cut) -> tuple[Node, Mapping[str, Reals]]:
        """Count the heads that stay."""
        count = int(self._heads(cut.output).sum())
        return replace(
            self.node, op=replace(self.op, heads=count * self._repeats, key_heads=count)
        ), {}

    def bound(self, inputs: Sequence[Bound]) -> Bound:
        """A result is a mean of values: none is larger than the largest of its feature."""
        return inputs[2].mapped(self._largest_of_keys)

    def argument_units(self) -> float:
        """Scores are sums over the features of a head; they are moved by moving what they are made of."""
        size = self.sample_shapes[0][-1] // self.op.heads if self.sample_shapes else 1
        return FEW_ARGUMENT_UNITS + sum_units(size)

    def arithmetic_error(self, sizes: Sequence[Reals], result: Reals) -> Reals:
        """Each result is a sum over all keys, of shares that add up to 1."""
        keys = sizes[2].shape[-2]
        largest = sizes[2].max(axis=-2, keepdims=True)
        largest = _repeated(largest, self.op.key_heads, self._repeats)
        return np.broadcast_to(sum_error(keys, largest), result.shape) + few_operations_error(
            result
        )

    @property
    def _repeats(self) -> int:
        return self.op.heads // self.op.key_heads

    def _heads(self, flags: Flags) -> Flags:
        """Return for each head of keys whether any element of it is set."""
        by_head = axis_mask(flags, -1).reshape(self.op.key_heads, -1)
        return np.asarray(by_head.any(axis=1))

    def _of_heads(self, heads: Flags, features: int, place: int) -> Flags:
        """Return flags of a value from those of heads; `place` 3 is the result."""
        shape = self.shape if place == 3 else self.shapes[place]
        mask = np.repeat(heads, features // self.op.key_heads)
        return np.broadcast_to(mask, shape).copy()

    def _largest_of_keys(self, part: Reals) -> Reals:
        largest = _repeated(part.max(axis=-2, keepdims=True), self.op.key_heads, self._repeats)
        return np.broadcast_to(largest, self.shape).copy()


def _repeated(values: Reals, key_heads: int, repeats: int) -> Reals:
    """Return the features of each head of keys once for each head of queries that reads it."""
    split = values.reshape(*values.shape[:-1], key_heads, 1, -1)
    spread = np.broadcast_to(split, (*split.shape[:-2], repeats, split.shape[-1]))
    return spread.reshape(*values.shape[:-1], math.prod(spread.shape[-3:]))


class ShiftedSoftmaxRules(MaskedSoftmaxRules):
    """Scores of queries that see no key jump where float32 rounds them: nothing in front of them may change."""

    bears_rounding = False


class ShiftedAttentionRules(AttentionRules):
    """Scores of queries that see no key jump where float32 rounds them: nothing in front of them may change."""

    bears_rounding = False


def softmax_rules(node: Node, op: MaskedSoftmax, *rest: Any) -> OpRules[MaskedSoftmax]:
    """Return the rules of a MaskedSoftmax."""
    is_shifted = op.masked and op.masking is Masking.SHIFT
    return (ShiftedSoftmaxRules if is_shifted else MaskedSoftmaxRules)(node, op, *rest)


def attention_rules(node: Node, op: Attention, *rest: Any) -> OpRules[Attention]:
    """Return the rules of an Attention."""
    is_shifted = op.masked and op.masking is Masking.SHIFT
    return (ShiftedAttentionRules if is_shifted else AttentionRules)(node, op, *rest)


RULES: RuleTable = {
    Embedding: EmbeddingRules,
    MatMul: MatMulRules,
    MaskedSoftmax: softmax_rules,
    Attention: attention_rules,
}
