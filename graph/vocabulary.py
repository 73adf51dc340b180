"""Vocabularies: the tokens of a lookup in order, texts or whole numbers, checked once when they are made."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from graph import limits
from graph.errors import VocabularyError

Token = bytes | int
_INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True, repr=False)
class Vocabulary:
    """Tokens, all of them bytes or all of them integers of 64 bits; none twice.

    Attributes:
        tokens: the tokens in order.
    """

    tokens: tuple[Token, ...]
    _places: dict[Token, int] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        _check(self.tokens)
        places: dict[Token, int] = {token: place for place, token in enumerate(self.tokens)}
        if len(places) != len(self.tokens):
            twice = next(token for place, token in enumerate(self.tokens) if places[token] != place)
            raise VocabularyError("a vocabulary has a token twice", got=repr(twice)[:80])
        object.__setattr__(self, "_places", places)

    def __repr__(self) -> str:
        """Return a short form: a node with a vocabulary is shown in errors."""
        return f"Vocabulary({len(self.tokens)} tokens)"

    def __len__(self) -> int:
        """Return the number of tokens."""
        return len(self.tokens)

    @property
    def is_text(self) -> bool:
        """Whether the tokens are texts."""
        return isinstance(self.tokens[0], bytes)

    def places(self, values: Sequence[Token]) -> npt.NDArray[np.int64]:
        """Return the place of each value among the tokens, -1 where it is none of them."""
        get = self._places.get
        return np.fromiter([get(value, -1) for value in values], np.int64, len(values))


def _check(tokens: Sequence[Any]) -> None:
    """Check number, sizes and kinds of tokens.

    Raises:
        VocabularyError: they cannot be used.
    """
    if not 1 <= len(tokens) <= limits.MAX_VOCABULARY_TOKENS:
        raise VocabularyError(
            "a vocabulary has an unusable number of tokens",
            expected=f"1 to {limits.MAX_VOCABULARY_TOKENS:,}",
            got=f"{len(tokens):,}",
        )
    kinds = set(map(type, tokens))
    if kinds == {int}:
        wrong = next((token for token in tokens if token not in _INT64), None)
        if wrong is not None:
            raise VocabularyError("a token is no integer of 64 bits", got=str(wrong)[:80])
    elif kinds == {bytes}:
        _check_texts(tokens)
    else:
        raise VocabularyError(
            "the tokens of a vocabulary are not all texts, or all whole numbers",
            got=", ".join(sorted(kind.__name__ for kind in kinds)),
        )


def _check_texts(tokens: Sequence[bytes]) -> None:
    longest = max(map(len, tokens))
    if longest > limits.MAX_TOKEN_BYTES:
        raise VocabularyError(
            "a token is too long",
            expected=f"at most {limits.MAX_TOKEN_BYTES:,} bytes",
            got=f"{longest:,}",
        )
    total = sum(map(len, tokens))
    if total > limits.MAX_VOCABULARY_BYTES:
        raise VocabularyError(
            "a vocabulary is too large",
            expected=f"at most {limits.MAX_VOCABULARY_BYTES:,} bytes",
            got=f"{total:,}",
        )
    with_nul = next((token for token in tokens if b"\0" in token), None)
    if with_nul is not None:
        raise VocabularyError("a token has a NUL character in it", got=repr(with_nul)[:80])
