"""The ops of a model's front part: texts, exact integers and lookups, computed in NumPy before the network.

Texts are arrays of `bytes` objects, integers are int64. Values that a lookup has no place for raise `UnknownValueError`
where Keras raises an error, too. Sources: the preprocessing layers of Keras 2.15 and 3.15, and the kernels of
TensorFlow that they call; the tests compare with both.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from graph import limits
from graph.errors import ShapeError, UnknownValueError
from graph.fingerprints import UInts, crossed, farm_fingerprints, sip_hashes
from graph.op import WeightShapes, expect_weights, only_input
from graph.tensor_type import DType, TensorType, format_shape
from graph.vocabulary import Token, Vocabulary

Values = npt.NDArray[Any]
Salt = tuple[int, int]
# The place of a mask token where places are encoded: no row of an encoding stands for it.
DROPPED = int(np.iinfo(np.int64).max)


@dataclass(frozen=True, slots=True)
class Discretize:
    """The number of boundaries that are at or below each number; NaN is above all of them."""

    boundaries: tuple[float, ...]

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Keep the shape."""
        x = _expect_numbers(only_input(inputs), weights)
        if len(self.boundaries) > limits.MAX_BINS or list(self.boundaries) != sorted(
            self.boundaries
        ):
            raise ShapeError(
                "the boundaries of bins are not sorted, or too many",
                expected=f"at most {limits.MAX_BINS:,} in order",
            )
        return TensorType(DType.INT32, x.shape)

    def evaluate(self, inputs: list[Values], weights: list[Values]) -> Values:
        """Count in float32, as TensorFlow's Bucketize does."""
        bounds = np.asarray(self.boundaries, np.float32)
        found = np.searchsorted(bounds, inputs[0].astype(np.float32), side="right")
        return found.astype(np.int32)


@dataclass(frozen=True, slots=True)
class Hash:
    """A bin for each text or integer; floats are cut to integers first.

    Attributes:
        bins: the number of bins; with a mask, that of the mask among them.
        mask: the value that gets bin 0, or None.
        salt: the key of SipHash, or None for FarmHash.
    """

    bins: int
    mask: Token | None = None
    salt: Salt | None = None

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Keep the shape."""
        x = only_input(inputs)
        expect_weights(weights)
        _expect_bins(self.bins)
        is_text = x.dtype is DType.STRING
        if x.dtype is DType.BOOL or (
            self.mask is not None and isinstance(self.mask, bytes) is not is_text
        ):
            raise ShapeError("Hashing and its mask fit texts or numbers", got=x.dtype.value)
        return TensorType(DType.INT64, x.shape)

    def evaluate(self, inputs: list[Values], weights: list[Values]) -> Values:
        """y = hash(text of x) % bins."""
        x = inputs[0]
        has_mask = self.mask is not None and self.bins > 1
        found = _buckets(_texts(x), self.bins - has_mask, self.salt).reshape(x.shape)
        if not has_mask:
            return found
        return np.where(x == self.mask, np.int64(0), found + 1)


@dataclass(frozen=True, slots=True)
class Cross:
    """A bin for each combination of several texts or integers: HashedCrossing."""

    bins: int

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Keep the shape, which all inputs have; there is one value of each for a sample."""
        expect_weights(weights)
        _expect_bins(self.bins)
        shapes = {x.shape for x in inputs}
        kinds = {x.dtype for x in inputs}
        if len(inputs) < 2 or shapes - {(None,), (None, 1)} or len(shapes) != 1:
            raise ShapeError(
                "HashedCrossing needs two inputs or more of shape [batch] or [batch, 1]",
                got=", ".join(format_shape(x.shape) for x in inputs),
            )
        if any(kind.is_float or kind is DType.BOOL for kind in kinds):
            raise ShapeError("HashedCrossing crosses texts and integers", got=", ".join(kinds))
        return TensorType(DType.INT64, inputs[0].shape)

    def evaluate(self, inputs: list[Values], weights: list[Values]) -> Values:
        """y = joined fingerprints % bins; an integer is its own fingerprint."""
        found = crossed([_fingerprints(x) for x in inputs]) % np.uint64(self.bins)
        return found.astype(np.int64).reshape(inputs[0].shape)


@dataclass(frozen=True, slots=True)
class Lookup:
    """The place of each value in a vocabulary; places of unknown values come before those of the tokens.

    Attributes:
        vocabulary: the tokens, without the mask and unknown ones.
        unknown_places: the number of places for values that are no tokens; 0 refuses them.
        mask: the value that has place 0, or none where places are encoded; None for no such value.
        is_encoded: whether the places are encoded afterwards, and masked ones left out.
        hashes_integers: whether unknown integers are hashed as texts, and not divided with remainder.
        salt: the key of SipHash for unknown values, or None for FarmHash.
    """

    vocabulary: Vocabulary
    unknown_places: int = 1
    mask: Token | None = None
    is_encoded: bool = False
    hashes_integers: bool = False
    salt: Salt | None = None

    @property
    def first_unknown(self) -> int:
        """The place of the first unknown value."""
        return int(self.mask is not None and not self.is_encoded)

    @property
    def size(self) -> int:
        """The number of places."""
        return self.first_unknown + self.unknown_places + len(self.vocabulary)

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Keep the shape."""
        x = only_input(inputs)
        expect_weights(weights)
        is_text = self.vocabulary.is_text
        if (x.dtype is DType.STRING) is not is_text or x.dtype is DType.BOOL:
            raise ShapeError(
                "the values are of another kind than the vocabulary",
                expected="texts" if is_text else "integers",
                got=x.dtype.value,
            )
        if self.mask is not None and isinstance(self.mask, bytes) is not is_text:
            raise ShapeError("the mask token is of another kind than the vocabulary")
        if not 0 <= self.unknown_places <= limits.MAX_VOCABULARY_TOKENS:
            raise ShapeError("the number of places for unknown values is out of range")
        return TensorType(DType.INT64, x.shape)

    def evaluate(self, inputs: list[Values], weights: list[Values]) -> Values:
        """y = first place of tokens + place of x."""
        x = inputs[0] if self.vocabulary.is_text else _whole(inputs[0])
        values = x.ravel()
        places = self.vocabulary.places(values.tolist())
        strange = np.flatnonzero(places < 0)
        places += self.first_unknown + self.unknown_places
        if len(strange):
            places[strange] = self._unknown(values[strange], strange, x.shape)
        return places.reshape(x.shape)

    def _unknown(self, values: Values, places: Values, shape: tuple[int, ...]) -> Values:
        masked = np.zeros(len(values), np.bool_) if self.mask is None else values == self.mask
        if self.unknown_places == 0 and not masked.all():
            first = int(np.argmin(masked))
            raise UnknownValueError(
                "a value is not in the vocabulary, which has no place for unknown values",
                expected=f"one of {len(self.vocabulary):,} tokens",
                got=f"{_shown(values[first])} at {_place(int(places[first]), shape)}",
            )
        found = np.full(len(values), self.first_unknown, np.int64)
        if self.unknown_places > 1:
            found += self._bucket(values)
        return np.where(masked, DROPPED if self.is_encoded else 0, found)

    def _bucket(self, values: Values) -> Values:
        if self.vocabulary.is_text or self.hashes_integers:
            return _buckets(_texts(values), self.unknown_places, self.salt)
        return np.mod(values, self.unknown_places)


@dataclass(frozen=True, slots=True)
class TokenAt:
    """The token at each place of a vocabulary: a lookup the other way round.

    Attributes:
        vocabulary: the tokens.
        unknown: what stands for all places without a token.
        mask: what stands for place 0, or None.
        first: the place of the first token.
    """

    vocabulary: Vocabulary
    unknown: Token
    mask: Token | None
    first: int

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Keep the shape."""
        x = _expect_numbers(only_input(inputs), weights)
        kinds = {type(self.unknown), type(self.vocabulary.tokens[0])}
        if len(kinds) > 1 or not 0 <= self.first <= limits.MAX_VOCABULARY_TOKENS:
            raise ShapeError("the tokens of a lookup are of several kinds")
        return TensorType(DType.STRING if self.vocabulary.is_text else DType.INT64, x.shape)

    def evaluate(self, inputs: list[Values], weights: list[Values]) -> Values:
        """y = token at place x."""
        places = _whole(inputs[0])
        table = np.empty(len(self.vocabulary) + 1, object if self.vocabulary.is_text else np.int64)
        table[:-1], table[-1] = self.vocabulary.tokens, self.unknown
        own = places - self.first
        found: Values = table[np.where((own >= 0) & (own < len(self.vocabulary)), own, -1)]
        if self.mask is not None:
            found[places == 0] = self.mask
        return found


class Encoding(StrEnum):
    """What is made of whole numbers: a row of zeros and ones for each, or one row for all of a sample."""

    ONE_HOT = "one_hot"
    MULTI_HOT = "multi_hot"
    COUNT = "count"


@dataclass(frozen=True, slots=True)
class Encode:
    """Whole numbers as rows of `depth` floats; numbers from `depth` up have no place in them.

    Attributes:
        encoding: the kind of rows.
        depth: the length of a row.
        is_strict: whether numbers out of range are refused, as by Keras 2, and not left out.
    """

    encoding: Encoding
    depth: int
    is_strict: bool = False

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """Put a row in place of the last axis, or of each number."""
        x = _expect_numbers(only_input(inputs), weights)
        _expect_bins(self.depth)
        if self.encoding is Encoding.ONE_HOT:
            kept = x.shape[:-1] if x.rank > 1 and x.shape[-1] == 1 else x.shape
            return TensorType(DType.FLOAT32, (*kept, self.depth))
        if x.rank != 2:
            raise ShapeError(
                "numbers are counted along the one axis of a sample",
                expected="[batch, numbers]",
                got=format_shape(x.shape),
            )
        return TensorType(DType.FLOAT32, (None, self.depth))

    def evaluate(self, inputs: list[Values], weights: list[Values]) -> Values:
        """y[..., x] = 1, or how often x occurs."""
        numbers = _whole(inputs[0])
        self._check(numbers)
        if self.encoding is Encoding.ONE_HOT:
            if numbers.ndim > 1 and numbers.shape[-1] == 1:
                numbers = numbers[..., 0]
            flat = numbers.ravel()
            rows = np.arange(len(flat))
            shape = (*numbers.shape, self.depth)
        else:
            flat = numbers.ravel()
            rows = np.repeat(np.arange(len(numbers)), numbers.shape[1])
            shape = (len(numbers), self.depth)
        return counted(rows, flat, shape, self.encoding)

    def _check(self, numbers: Values) -> None:
        wrong = numbers < 0 if not self.is_strict else (numbers < 0) | (numbers >= self.depth)
        if self.is_strict:
            wrong &= numbers != DROPPED
        elif self.encoding is Encoding.ONE_HOT:
            return
        if wrong.any():
            first = int(np.argmax(wrong))
            raise UnknownValueError(
                "a number is out of the range that is encoded",
                expected=f"0 to {self.depth - 1}",
                got=f"{numbers.flat[first]} at {_place(first, numbers.shape)}",
            )


def counted(rows: Values, numbers: Values, shape: tuple[int, ...], encoding: Encoding) -> Values:
    """Return float32 rows in which each number is marked, or counted, in the row that it belongs to."""
    depth = shape[-1]
    found = np.zeros(shape, np.float32)
    flat = found.reshape(-1)
    fits = (numbers >= 0) & (numbers < depth)
    places = rows[fits] * depth + numbers[fits]
    if encoding is Encoding.COUNT:
        np.add.at(flat, places, np.float32(1))
    else:
        flat[places] = 1
    return found


def _expect_numbers(x: TensorType, weights: WeightShapes) -> TensorType:
    expect_weights(weights)
    if x.dtype is DType.STRING:
        raise ShapeError("numbers are needed", got="texts")
    return x


def _expect_bins(count: int) -> None:
    if not 1 <= count < 2**63:
        raise ShapeError("a number of bins is out of range", expected="1 or more", got=str(count))


def _whole(values: Values) -> npt.NDArray[np.int64]:
    """Return numbers cut to integers."""
    with np.errstate(invalid="ignore"):
        return values.astype(np.int64)


def _texts(values: Values) -> list[bytes]:
    """Return values as TensorFlow writes them: texts as they are, numbers as integers in decimal digits."""
    if values.dtype.kind == "O":
        return values.ravel().tolist()
    whole = _whole(values) if values.dtype.kind == "f" else values
    return [b"%d" % number for number in whole.ravel().tolist()]


def _buckets(texts: list[bytes], bins: int, salt: Salt | None) -> npt.NDArray[np.int64]:
    hashes = farm_fingerprints(texts) if salt is None else sip_hashes(texts, salt)
    return (hashes % np.uint64(bins)).astype(np.int64)


def _fingerprints(values: Values) -> UInts:
    if values.dtype.kind == "O":
        return farm_fingerprints(values.ravel().tolist())
    return values.ravel().astype(np.int64).view(np.uint64)


def _place(number: int, shape: tuple[int, ...]) -> str:
    """Return where an element of an array is, such as `[0][2]`."""
    return "".join(f"[{index}]" for index in np.unravel_index(number, shape))


def _shown(value: Any) -> str:
    """Return a value for an error, shortened."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else int(value)
    return repr(text)[:80]
