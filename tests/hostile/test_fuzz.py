"""Bytes changed at random: a file is read or refused with one of our errors, and nothing else ever comes out."""

import io
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from graph.errors import GraphError
from graph.keras.read import read_model
from tests.hostile.files import valid_archive, valid_legacy

CASES = 400


def flip(data: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice([1, 1, 2, 8])):
        data[rng.randrange(len(data))] = rng.randrange(256)


def cut(data: bytearray, rng: random.Random) -> None:
    start = rng.randrange(len(data))
    del data[start : start + rng.choice([1, 4, 64, 1000])]


def repeat(data: bytearray, rng: random.Random) -> None:
    start = rng.randrange(len(data))
    data[start:start] = data[start : start + rng.choice([1, 8, 64])]


def grow_numbers(data: bytearray, rng: random.Random) -> None:
    """Sizes and offsets are little-endian integers: set some to their extremes."""
    start = rng.randrange(max(1, len(data) - 8))
    data[start : start + 4] = rng.choice([b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\0"])


CHANGES: list[Callable[[bytearray, random.Random], None]] = [flip, flip, cut, repeat, grow_numbers]


def assert_read_or_refused(path: Path, data: bytes) -> bool:
    path.write_bytes(data)
    try:
        read_model(path)
    except GraphError:
        return False
    return True


def changed(data: bytes, rng: random.Random) -> bytes:
    copy = bytearray(data)
    rng.choice(CHANGES)(copy, rng)
    return bytes(copy)


@pytest.mark.parametrize("write", [valid_archive, valid_legacy])
def test_changed_files(write: Callable[[Path], Path], tmp_path: Path) -> None:
    original = write(tmp_path / "upload").read_bytes()
    rng = random.Random(20170524)  # noqa: S311  # a fixed sequence, not a secret
    read = [
        assert_read_or_refused(tmp_path / "upload", changed(original, rng)) for _ in range(CASES)
    ]
    # Both must happen, else the changes are too wild or too tame to test anything.
    assert 5 < sum(read) < CASES - 5


@pytest.mark.parametrize("entry", ["config.json", "model.weights.h5"])
def test_changed_entries_with_right_checksums(entry: str, tmp_path: Path) -> None:
    path = valid_archive(tmp_path / "upload")
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    rng = random.Random(42)  # noqa: S311
    read = []
    for _ in range(CASES):
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as archive:
            for name, content in contents.items():
                archive.writestr(name, changed(content, rng) if name == entry else content)
        read.append(assert_read_or_refused(path, data.getvalue()))
    assert 5 < sum(read) < CASES - 5
