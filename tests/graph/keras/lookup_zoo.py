"""Layers of the front part with drawn arguments, in models that Keras saves; and inputs for them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

WORDS = ("a", "b", "hello", "wörld", "日本", "x-y", "[MASK]", "7", "")
NUMBERS = (5, 7, -3, 2**40, 0, 12)


def vocabulary(draw: DrawFn, of: Sequence[Any], most: int = 5) -> list[Any]:
    return draw(st.lists(st.sampled_from(of), min_size=1, max_size=most, unique=True))


def modes(draw: DrawFn, *others: str) -> str:
    return draw(st.sampled_from(["int", "one_hot", "multi_hot", "count", *others]))


@st.composite
def lookups(draw: DrawFn, *, is_text: bool) -> dict[str, Any]:
    words = [word for word in WORDS if word not in ("", "[MASK]")]
    found: dict[str, Any] = {
        "vocabulary": vocabulary(draw, words if is_text else [n for n in NUMBERS if n]),
        "num_oov_indices": draw(st.integers(1, 4)),
        "mask_token": draw(st.sampled_from([None, "[MASK]" if is_text else 0])),
        "output_mode": modes(draw, "tf_idf"),
    }
    if draw(st.booleans()):
        found["salt"] = draw(
            st.integers(0, 99) | st.lists(st.integers(0, 99), min_size=2, max_size=2)
        )
        if not is_text:
            found["oov_method"] = "farmhash"
    if found["output_mode"] == "tf_idf":
        found["idf_weights"] = [float(place + 1) / 4 for place in range(len(found["vocabulary"]))]
    if found["output_mode"] != "int" and draw(st.booleans()):
        found |= {"max_tokens": 12, "pad_to_max_tokens": True}
    return found


@st.composite
def vectorizations(draw: DrawFn) -> dict[str, Any]:
    mode = draw(st.sampled_from(["int", "multi_hot", "count", "tf_idf"]))
    found: dict[str, Any] = {
        "vocabulary": vocabulary(draw, ["a", "b", "hello", "wörld", "a b", "b a", "l"]),
        "standardize": draw(
            st.sampled_from([None, "lower", "strip_punctuation", "lower_and_strip_punctuation"])
        ),
        "split": draw(st.sampled_from(["whitespace", "character"])),
        "ngrams": draw(st.sampled_from([None, 1, 2, 3, (2,), (1, 3)])),
        "output_mode": mode,
    }
    if mode == "int":
        found["output_sequence_length"] = draw(st.integers(1, 8))
    if mode == "tf_idf":
        found["idf_weights"] = [0.5 + place for place in range(len(found["vocabulary"]))]
    if mode != "int" and draw(st.booleans()):
        found |= {"max_tokens": 12, "pad_to_max_tokens": True}
    return found


@st.composite
def hashings(draw: DrawFn) -> dict[str, Any]:
    return {
        "num_bins": draw(st.integers(1, 20)),
        "salt": draw(st.none() | st.integers(0, 99)),
        "mask_value": draw(st.none() | st.just("a")),
        "output_mode": modes(draw),
    }


def drawn_texts(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Words of the vocabularies, others, and bytes that are no text."""
    rng = np.random.default_rng(seed)
    words = [*(word.encode() for word in WORDS), b"other", b"\xff\x00z", b"long" * 40]
    found = np.empty(shape, object)
    for place in np.ndindex(shape):
        found[place] = words[int(rng.integers(len(words)))]
    return found


def drawn_sentences(shape: tuple[int, ...], seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    words = ("a", "b", "Hello,", "WÖRLD!", "wörld", "l\tl", "A  B", "b.a", "'quoted'", "日本")
    found = np.empty(shape, object)
    for place in np.ndindex(shape):
        chosen = rng.choice(words, int(rng.integers(0, 7)))
        found[place] = " ".join(chosen).encode()
    return found


def drawn_numbers(shape: tuple[int, ...], seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.choice(np.array([*NUMBERS, -8, 11, 2**62], np.int64), shape)
