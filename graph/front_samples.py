"""Made-up inputs of models with a front part: values that its lookups know, and others among them."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from graph.front import MOVES
from graph.graph import Front, Input
from graph.lookup_ops import Discretize, Encode, Lookup, TokenAt
from graph.op import Op
from graph.tensor_type import DType
from graph.text_ops import Split, Vectorize
from graph.vocabulary import Token

Array = npt.NDArray[Any]

_UNKNOWN_SHARE = 0.2
_UNKNOWN_WORDS = (b"quux", b"Zyzzyva", "日本語".encode(), b"42", b"x-y")
_MOST_WORDS = 12
_PUNCTUATION = (b"", b"", b"", b",", b".", b"!")
_WHOLE = 1_000


def example(front: Front) -> dict[str, Array]:
    """Return one sample that every lookup has a place for."""
    rng = np.random.default_rng(0)
    return {given.name: sample(front, given, "ones", 1, rng) for given in front.inputs}


def sample(
    front: Front,
    given: Input,
    kind: str,
    count: int,
    rng: np.random.Generator,
    length: int | None = None,
) -> Array:
    """Draw values for one input of a front part.

    Args:
        front: the front part.
        given: one of its inputs.
        kind: "zeros" for what is empty or least, "ones" for the first of what is known; all else is drawn at random.
        count: the number of samples.
        rng: what draws.
        length: the length of axes that vary, and the most words of a text.
    """
    shape = (count, *(length or 1 if axis is None else axis for axis in given.type.sample_shape))
    size = math.prod(shape)
    readers = list(_readers(front, given.name))
    texts = next((op for op in readers if isinstance(op, Vectorize)), None)
    if texts is not None:
        values: Sequence[Token] = [_text(texts, kind, rng, length, place) for place in range(size)]
    elif given.type.dtype is DType.STRING or any(isinstance(op, Lookup) for op in readers):
        values = _tokens([op for op in readers if isinstance(op, Lookup)], given, kind, size, rng)
    else:
        return _numbers(readers, kind, size, rng).astype(given.type.dtype.numpy).reshape(shape)
    found = np.empty(size, object if given.type.dtype is DType.STRING else np.int64)
    found[:] = values
    return found.reshape(shape).astype(given.type.dtype.numpy)


def is_drawn(front: Front, given: Input) -> bool:
    """Return whether what an input takes follows from lookups, so that any numbers will not do."""
    known = (Lookup, Encode, Discretize, TokenAt, Vectorize)
    return given.type.dtype is DType.STRING or any(
        isinstance(op, known) for op in _readers(front, given.name)
    )


def _readers(front: Front, name: str) -> Iterator[Op]:
    """Yield the lookups that read a value, also after it was moved."""
    names = {name}
    for node in front.nodes:
        if names.isdisjoint(node.inputs):
            continue
        if isinstance(node.op, MOVES):
            names.add(node.name)
        else:
            yield node.op


def _tokens(
    lookups: Sequence[Lookup], given: Input, kind: str, size: int, rng: np.random.Generator
) -> list[Token]:
    """Draw tokens that each lookup has a place for, most of them from its vocabulary."""
    is_text = given.type.dtype is DType.STRING
    closed = [op for op in lookups if op.unknown_places == 0]
    known: list[Token] = [token for op in (closed or lookups)[:1] for token in op.vocabulary.tokens]
    if kind == "zeros" and not closed:
        return [b"" if is_text else 0] * size
    if kind in ("zeros", "ones") and known:
        return known[:1] * size
    unknown: Sequence[Token] = (
        _UNKNOWN_WORDS if is_text else rng.integers(-_WHOLE, _WHOLE, 8).tolist()
    )
    share = 0.0 if closed else _UNKNOWN_SHARE if known else 1.0
    masks: list[Token] = [op.mask for op in lookups if op.mask is not None]
    unknown = [*unknown, *masks]
    strange = rng.random(size) < share
    places = rng.integers(max(1, len(known)), size=size).tolist()
    others = rng.integers(len(unknown), size=size).tolist()
    return [
        unknown[other] if is_strange else known[place]
        for place, other, is_strange in zip(places, others, strange.tolist(), strict=True)
    ]


def _text(
    op: Vectorize, kind: str, rng: np.random.Generator, length: int | None, place: int
) -> bytes:
    """Draw a text of words of the vocabulary, upper and lower case, and others."""
    tokens = op.vocabulary.tokens
    most = length or _MOST_WORDS
    if kind == "zeros" and op.length is not None:
        return b""
    # Where all texts are padded to the longest, the first one has the wanted length.
    count = most if place == 0 and op.length is None else int(rng.integers(1, most + 1))
    words = []
    for number in rng.integers(len(tokens), size=count).tolist():
        word = tokens[0 if kind == "ones" else number]
        is_known = isinstance(word, bytes) and bool(word.split()) and rng.random() >= _UNKNOWN_SHARE
        word = word if is_known and isinstance(word, bytes) else _UNKNOWN_WORDS[number % 2]
        words.append(word.split()[0].upper() if number % 5 == 1 else word.split()[0])
    if op.split is Split.CHARACTER:
        return b"".join(words)[:most] if all(word.isascii() for word in words) else b"a" * most
    return b" ".join(words) + _PUNCTUATION[int(rng.integers(len(_PUNCTUATION)))]


def _numbers(readers: Sequence[Op], kind: str, size: int, rng: np.random.Generator) -> Array:
    """Draw numbers that lie about the boundaries of bins, or within the range that is encoded."""
    depths = [op.depth for op in readers if isinstance(op, Encode)]
    depths += [len(op.vocabulary) + op.first for op in readers if isinstance(op, TokenAt)]
    if kind in ("zeros", "ones"):
        return np.full(size, float(kind == "ones" and min(depths, default=2) > 1))
    if depths:
        return rng.integers(min(depths), size=size).astype(np.float64)
    bounds = [bound for op in readers if isinstance(op, Discretize) for bound in op.boundaries]
    if not bounds:
        return rng.integers(-_WHOLE, _WHOLE, size).astype(np.float64)
    spread = (max(bounds) - min(bounds)) or 1.0
    return rng.uniform(min(bounds) - spread / 4, max(bounds) + spread / 4, size)
