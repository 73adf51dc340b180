"""Bytes changed at random: a file is read or refused with one of our errors, and nothing else ever comes out."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from graph.errors import GraphError
from graph.keras.read import read_model
from tests.graph.keras.handmade import write_legacy
from tests.hostile.files.registry import valid_archive, valid_legacy
from tests.hostile.mutations import (
    changed,
    everything,
    everything_weights,
    with_changed_configuration,
    with_changed_entry,
    with_configuration,
)

CASES = 400


def assert_read_or_refused(path: Path, data: bytes) -> bool:
    path.write_bytes(data)
    try:
        read_model(path)
    except GraphError:
        return False
    return True


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
    original = path.read_bytes()
    rng = random.Random(42)  # noqa: S311
    read = [
        assert_read_or_refused(path, with_changed_entry(original, entry, rng)) for _ in range(CASES)
    ]
    assert 5 < sum(read) < CASES - 5


@pytest.mark.parametrize("seed", range(4))
def test_changed_configurations(seed: int, tmp_path: Path) -> None:
    """Values of the right syntax and the wrong meaning, anywhere in a configuration."""
    path = write_legacy(tmp_path / "m", everything(), everything_weights())
    assert len(read_model(path).graph.nodes) > 8
    original = path.read_bytes()
    rng = random.Random(seed)  # noqa: S311
    read = []
    for _ in range(CASES):
        config = with_changed_configuration(everything(), rng)
        read.append(assert_read_or_refused(path, with_configuration(original, config)))
    assert 5 < sum(read) < CASES - 5
