"""The ops of tokens and attention: rows of a table, products of two values, softmax under a mask, attention.

Indices are float32 numbers in a graph, exact up to 2^24; masks are values of dtype bool, True where a key may be seen.
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from graph.activations import FloatArray
from graph.errors import ShapeError
from graph.op import WeightShapes, expect_weights, float32_batch, only_input
from graph.tensor_type import DType, TensorType, format_shape

# Exact whole numbers in float32.
MAX_TABLE_ROWS = 2**24
# What Keras writes in place of a score that is masked: `ops.dot_product_attention`, its layers.
_LEAST_SCORE = float(np.float32(-0.7 * 3.38953e38))
_LARGE = 1e9

Flags = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True)
class Embedding:
    """Rows of a table, one for each index; weight: the table (rows, features).

    A fraction is cut off, as by Keras' cast to int32. An index outside of the table, and NaN, give a row of NaN; the
    engine refuses requests that hold such an index.
    """

    rows: int
    features: int

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Add an axis of features."""
        x = only_input(inputs)
        expect_weights(weights, (self.rows, self.features))
        if not 1 <= self.rows <= MAX_TABLE_ROWS:
            raise ShapeError(
                "a table of embeddings has too many rows",
                expected=f"1 to {MAX_TABLE_ROWS:,}",
                got=f"{self.rows:,}",
            )
        return float32_batch((*x.shape, self.features))

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        """y[..., :] = table[x[...]]."""
        index, table = np.trunc(inputs[0]), weights[0]
        inside = (index >= 0) & (index < self.rows)
        y: FloatArray = table[np.where(inside, index, 0).astype(np.int64)]
        y[~inside] = np.nan
        return y


@dataclass(frozen=True, slots=True)
class MatMul:
    """Products of the matrices on the last two axes of two values; the axes before them broadcast.

    Attributes:
        transpose_a: whether the last two axes of the first value are exchanged first.
        transpose_b: the same for the second value.
    """

    transpose_a: bool = False
    transpose_b: bool = False

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """(..., m, k) and (..., k, n) give (..., m, n)."""
        expect_weights(weights)
        if len(inputs) != 2 or inputs[0].rank != inputs[1].rank or inputs[0].rank < 3:
            raise ShapeError(
                "a product of matrices takes two values of one rank",
                expected="[batch, ..., rows, columns] twice",
                got=", ".join(format_shape(x.shape) for x in inputs),
            )
        a, b = (list(x.shape) for x in inputs)
        rows, terms = reversed(a[-2:]) if self.transpose_a else a[-2:]
        others, columns = reversed(b[-2:]) if self.transpose_b else b[-2:]
        _expect_same(terms, others, "the contracted axes of a product of matrices")
        before = [_broadcast(one, other) for one, other in zip(a[1:-2], b[1:-2], strict=True)]
        return float32_batch((None, *before, rows, columns))

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        """y = a @ b."""
        a, b = inputs
        a = a.swapaxes(-1, -2) if self.transpose_a else a
        y: FloatArray = a @ (b.swapaxes(-1, -2) if self.transpose_b else b)
        return y


class Masking(StrEnum):
    """What becomes of masked scores; the kinds differ only where all keys of a query are masked.

    Attributes:
        EQUAL: they become the least number: all keys then get the same weight. Keras' `ops.dot_product_attention`.
        ZERO: so, too, and their weights are zero. Softmax of Keras 3, and its MultiHeadAttention with dropout.
        SHIFT: 1e9 is taken off: the weights of scores that float32 rounds to multiples of 64. Attention, and Keras 2.
    """

    EQUAL = "equal"
    ZERO = "zero"
    SHIFT = "shift"


@dataclass(frozen=True, slots=True)
class MaskedSoftmax:
    """Softmax over the last axis under a mask; inputs: scores, and the mask if `masked`, which broadcasts to them.

    Attributes:
        masking: what becomes of masked scores.
        masked: whether a mask is given.
        causal: whether query i sees the keys 0 to i only; queries are the last axis but one.
        window: whether query i sees only keys less than so many places away; None: it sees all.
    """

    masking: Masking = Masking.EQUAL
    masked: bool = True
    causal: bool = False
    window: int | None = None

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Keep the shape of the scores."""
        expect_weights(weights)
        if len(inputs) != 1 + self.masked:
            raise ShapeError(
                "softmax got the wrong number of inputs",
                expected=str(1 + self.masked),
                got=str(len(inputs)),
            )
        x = inputs[0]
        if x.rank < 2 + (self.causal or self.window is not None):
            raise ShapeError("a mask needs an axis of keys", got=format_shape(x.shape))
        if self.masked:
            expect_mask(inputs[1], x.sample_shape)
        return float32_batch(x.shape)

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        """y = softmax(x under the mask)."""
        x = inputs[0]
        seen = np.ones((1,) * x.ndim, np.bool_)
        if self.masked:
            seen = seen & (inputs[1] != 0)
        if self.causal or self.window is not None:
            seen = seen & places_seen(x.shape[-2], x.shape[-1], self.causal, self.window)
        return masked_softmax(x, np.broadcast_to(seen, x.shape), self.masking)


def places_seen(queries: int, keys: int, causal: bool, window: int | None) -> Flags:
    """Return which keys each query may see by their places alone: bool (queries, keys)."""
    distance = np.arange(queries)[:, None] - np.arange(keys)[None, :]
    seen: Flags = np.ones((queries, keys), np.bool_)
    if causal:
        seen &= distance >= 0
    if window is not None:
        seen &= np.abs(distance) < window
    return seen


def masked_softmax(scores: FloatArray, seen: Flags, masking: Masking) -> FloatArray:
    """Return the softmax over the last axis of scores, under a mask of the same shape."""
    if masking is Masking.SHIFT:
        # Rounded as float32 rounds, also where the oracle computes in float64: this is what Keras' weights come of.
        shifted = scores.astype(np.float32) - np.float32(_LARGE)
        hidden: FloatArray = shifted.astype(scores.dtype)
    else:
        least = _LEAST_SCORE if masking is Masking.EQUAL else -_LARGE
        hidden = np.full((1,) * scores.ndim, least, scores.dtype)
    y = np.where(seen, scores, hidden)
    y = np.exp(y - y.max(axis=-1, keepdims=True))
    y /= y.sum(axis=-1, keepdims=True)
    return np.where(seen, y, 0) if masking is Masking.ZERO else y


@dataclass(frozen=True, slots=True)
class Attention:
    """Scaled dot-product attention of several heads, over features that hold the heads one behind the other.

    Inputs: queries (..., queries, heads * size), keys (..., keys, key_heads * size), values (..., keys, key_heads *
    value size), and the mask (..., 1 or heads, 1 or queries, 1 or keys) if `masked`; output: (..., queries, heads *
    value size). Query head h reads key head h // (heads / key_heads).

    Attributes:
        heads: heads of the queries.
        key_heads: heads of keys and values; `heads` is a multiple of them.
        scale: what products of queries and keys are multiplied with.
        masking: as in `MaskedSoftmax`; so are the others.
        masked: whether a mask is given.
        causal: whether query i sees the keys 0 to i only.
        window: None, or how far away a key that is seen may be.
    """

    heads: int
    key_heads: int
    scale: float
    masking: Masking = Masking.EQUAL
    masked: bool = False
    causal: bool = False
    window: int | None = None

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Give each query the features of the values."""
        expect_weights(weights)
        ranks = {x.rank for x in inputs[:3]}
        if len(inputs) != 3 + self.masked or len(ranks) != 1 or min(ranks) < 3:
            raise ShapeError(
                "attention takes queries, keys and values of one rank",
                expected=f"{3 + self.masked} values [batch, ..., positions, features]",
                got=", ".join(format_shape(x.shape) for x in inputs),
            )
        if min(self.heads, self.key_heads) < 1 or self.heads % self.key_heads:
            raise ShapeError(
                "heads of queries are a multiple of those of keys",
                got=f"{self.heads} and {self.key_heads}",
            )
        query, key, value = (x.sample_shape for x in inputs[:3])
        for one, other in zip(query[:-2], key[:-2], strict=True):
            _expect_same(one, other, "axes in front of queries and keys")
        for one, other in zip(key[:-1], value[:-1], strict=True):
            _expect_same(one, other, "positions of keys and values")
        size = _of_heads(query[-1], self.heads, "queries")
        _expect_same(size, _of_heads(key[-1], self.key_heads, "keys"), "features of a head")
        result = _of_heads(value[-1], self.key_heads, "values")
        if self.masked:
            expect_mask(inputs[3], (*query[:-2], self.heads, query[-2], key[-2]))
        return float32_batch((None, *query[:-1], self.heads * result))

    def evaluate(self, inputs: list[FloatArray], weights: list[FloatArray]) -> FloatArray:
        """y = softmax(scale * q @ k^T under the mask) @ v, head by head."""
        query, key, value = inputs[:3]
        q = _split(query, self.heads)
        k, v = (self._repeated(_split(x, self.key_heads)) for x in (key, value))
        scores = (q @ k.swapaxes(-1, -2)) * q.dtype.type(self.scale)
        softmax = MaskedSoftmax(self.masking, self.masked, self.causal, self.window)
        shares = softmax.evaluate([scores, *inputs[3:]], [])
        y: FloatArray = np.moveaxis(shares @ v, -3, -2)
        return y.reshape(*query.shape[:-1], -1)

    def _repeated(self, x: FloatArray) -> FloatArray:
        return np.repeat(x, self.heads // self.key_heads, axis=-3)


def expect_mask(mask: TensorType, shape: tuple[int | None, ...]) -> None:
    """Check that a mask is one of bool that broadcasts to the sample shape of scores.

    Raises:
        ShapeError: it is not.
    """
    fits = mask.rank == 1 + len(shape) and all(
        own in (1, None) or wanted in (own, None)
        for own, wanted in zip(mask.sample_shape, shape, strict=True)
    )
    if mask.dtype is not DType.BOOL or not fits:
        raise ShapeError(
            "a mask does not fit the scores",
            expected=f"bool, 1 or the length on each axis of {format_shape((None, *shape))}",
            got=str(mask),
        )


def _split(x: FloatArray, heads: int) -> FloatArray:
    """(..., positions, heads * size) -> (..., heads, positions, size)."""
    return np.moveaxis(x.reshape(*x.shape[:-1], heads, -1), -2, -3)


def _of_heads(features: int | None, heads: int, what: str) -> int:
    if features is None or features % heads:
        raise ShapeError(f"features of {what} do not make {heads} heads", got=str(features))
    return features // heads


def _expect_same(one: int | None, other: int | None, what: str) -> None:
    if None not in (one, other) and one != other:
        raise ShapeError(f"{what} differ in length", got=f"{one} and {other}")


def _broadcast(one: int | None, other: int | None) -> int | None:
    if one == 1 or other == 1:
        return other if one == 1 else one
    _expect_same(one, other, "axes in front of two matrices")
    return other if one is None else one


def products_of(op: MatMul | Attention, shapes: tuple[tuple[int, ...], ...]) -> int:
    """Return how many multiplications an op makes for one sample.

    Args:
        op: the op.
        shapes: the sample shapes of its inputs.
    """
    first, second = shapes[:2]
    if isinstance(op, Attention):
        value = shapes[2]
        keys = second[-2]
        return math.prod(first[:-1]) * keys * (first[-1] + value[-1] * op.heads // op.key_heads)
    columns = second[-2] if op.transpose_b else second[-1]
    before = math.prod(max(a, b) for a, b in zip(first[:-2], second[:-2], strict=True))
    return before * first[-2] * first[-1] * columns
