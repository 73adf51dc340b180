"""TextVectorization: texts to token numbers, or to counts of tokens, in one op of a model's front part."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from graph import limits
from graph.errors import ShapeError, UnknownValueError
from graph.lookup_ops import Encoding, Values, counted
from graph.op import WeightShapes, expect_weights, only_input
from graph.tensor_type import DType, TensorType, format_shape
from graph.vocabulary import Vocabulary

# What Keras takes out of texts, byte by byte.
_PUNCTUATION = b"!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~'"


class Standardization(StrEnum):
    """What is done with a text before it is split."""

    NONE = "none"
    LOWER = "lower"
    STRIP = "strip_punctuation"
    LOWER_AND_STRIP = "lower_and_strip_punctuation"


class Split(StrEnum):
    """What becomes tokens of a text."""

    WHITESPACE = "whitespace"
    CHARACTER = "character"


@dataclass(frozen=True, slots=True)
class Vectorize:
    """Texts to tokens, and tokens to their numbers or to rows in which they are counted.

    Numbers: 0 behind the last token, 1 for unknown tokens, the vocabulary from 2. Rows: unknown tokens at 0, the
    vocabulary from 1.

    Attributes:
        vocabulary: the tokens.
        standardization: what is done before.
        split: how texts are split.
        ngrams: lengths of the n-grams that are made of the tokens, in order; empty for the tokens themselves.
        encoding: the kind of rows, or None for numbers.
        length: numbers for each text; None for as many as the longest one of a call has. Unused for rows.
        depth: the length of a row; unused for numbers.
    """

    vocabulary: Vocabulary
    standardization: Standardization = Standardization.LOWER_AND_STRIP
    split: Split = Split.WHITESPACE
    ngrams: tuple[int, ...] = ()
    encoding: Encoding | None = None
    length: int | None = None
    depth: int = 0

    def infer(self, inputs: tuple[TensorType, ...], weights: WeightShapes) -> TensorType:
        """[batch] or [batch, 1] texts to [batch, length] numbers or [batch, depth] floats."""
        x = only_input(inputs)
        expect_weights(weights)
        if x.dtype is not DType.STRING or x.shape not in ((None,), (None, 1)):
            raise ShapeError(
                "texts are split one for each sample",
                expected="texts of shape [batch] or [batch, 1]",
                got=f"{x.dtype.value}{format_shape(x.shape)}",
            )
        lengths_fit = all(1 <= length <= limits.MAX_NGRAM_LENGTH for length in self.ngrams)
        if not lengths_fit or len(self.ngrams) > limits.MAX_NGRAM_LENGTHS:
            raise ShapeError("lengths of n-grams are out of range", got=str(self.ngrams))
        if not self.vocabulary.is_text or self.encoding is Encoding.ONE_HOT:
            raise ShapeError("texts are counted, or looked up among texts")
        if self.encoding is not None:
            if self.depth < 1:
                raise ShapeError("a row is empty", got=str(self.depth))
            return TensorType(DType.FLOAT32, (None, self.depth))
        if self.length is not None and self.length < 1:
            raise ShapeError("a text has no tokens", got=str(self.length))
        return TensorType(DType.INT64, (None, self.length))

    def evaluate(self, inputs: list[Values], weights: list[Values]) -> Values:
        """y[sample] = places of its tokens, padded with 0; or y[sample, place] = how often."""
        tokens = [self._tokens(text) for text in inputs[0].ravel().tolist()]
        counts = np.fromiter(map(len, tokens), np.int64, len(tokens))
        places = self.vocabulary.places([token for text in tokens for token in text])
        rows = np.repeat(np.arange(len(tokens)), counts)
        if self.encoding is not None:
            return counted(rows, places + 1, (len(tokens), self.depth), self.encoding)
        length = self.length or self._longest(counts)
        columns = np.arange(len(places)) - np.repeat(np.cumsum(counts) - counts, counts)
        found = np.zeros((len(tokens), length), np.int64)
        fits = columns < length
        found[rows[fits], columns[fits]] = places[fits] + 2
        return found

    def _longest(self, counts: Values) -> int:
        longest = int(counts.max(initial=0))
        if longest == 0:
            raise UnknownValueError(
                "there is no token in any text", expected="a text with at least one token"
            )
        if longest * len(counts) > limits.MAX_FRONT_ELEMENTS:
            raise UnknownValueError(
                "the texts of a call are too long together: all are padded to the longest",
                expected=f"at most {limits.MAX_FRONT_ELEMENTS:,} tokens with the padding",
                got=f"{len(counts):,} texts of {longest:,}",
                hint="split the batch",
            )
        return longest

    def _tokens(self, text: bytes) -> list[bytes]:
        kind = self.standardization
        if kind in (Standardization.LOWER, Standardization.LOWER_AND_STRIP):
            text = text.lower()
        if kind in (Standardization.STRIP, Standardization.LOWER_AND_STRIP):
            text = text.translate(None, _PUNCTUATION)
        if self.split is Split.WHITESPACE:
            tokens = text.split()
        else:
            tokens = [character.encode() for character in text.decode("utf-8", "replace")]
        if self.ngrams and len(tokens) * len(self.ngrams) <= limits.MAX_TEXT_TOKENS:
            tokens = [
                b" ".join(tokens[start : start + length])
                for length in self.ngrams
                for start in range(len(tokens) - length + 1)
            ]
        elif len(tokens) * max(1, len(self.ngrams)) > limits.MAX_TEXT_TOKENS:
            raise UnknownValueError(
                "a text has too many tokens",
                expected=f"at most {limits.MAX_TEXT_TOKENS:,}",
                got=f"{len(tokens):,}",
            )
        return tokens
