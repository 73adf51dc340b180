"""Texts from arrays and lists: every kind NumPy knows, and what is no text."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph import texts
from graph.texts import TextError, as_bytes, bytes_of


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=1)
)
def test_texts_become_utf8(words: list[str]) -> None:
    array = np.array(words)
    for order in "<>":
        found = bytes_of(array.astype(array.dtype.newbyteorder(order)))
        assert found.dtype == object
        assert found.tolist() == [word.encode() for word in words]


def test_bytes_stay_what_they_are_and_shapes_too() -> None:
    found = bytes_of(np.array([[b"\xff", b"a"], [b"", b"bc"]]))
    assert found.tolist() == [[b"\xff", b"a"], [b"", b"bc"]]
    assert bytes_of(np.empty((0, 3), "<U5")).shape == (0, 3)


@pytest.mark.parametrize("code", [0x110000, 0x7FFFFFFF, 0xFFFFFFFF, 0xD800, 0xDFFF])
@pytest.mark.parametrize("order", ["<", ">"])
def test_numbers_that_are_no_characters_are_refused(code: int, order: str) -> None:
    array = np.array([code, code], f"{order}u4").view(f"{order}U2")
    with pytest.raises(TextError, match="not valid"):
        bytes_of(array)


@pytest.mark.parametrize("array", [np.ones(2), np.array([1, "a"], object), np.array([b"a"], "V1")])
def test_arrays_of_other_things_are_refused(array: np.ndarray) -> None:
    with pytest.raises(TextError, match="texts are needed"):
        bytes_of(array)


def test_long_texts_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "MAX_TEXT_BYTES", 5)
    assert as_bytes(["12345"], (1,)).tolist() == [b"12345"]
    with pytest.raises(TextError, match="too long"):
        as_bytes(["123456"], (1,))
    with pytest.raises(TextError, match="too long"):
        as_bytes(["äöü"], (1,))
