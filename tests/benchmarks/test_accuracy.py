"""The comparison of pruning methods: data from files, and what the page says of measurements."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from benchmarks.accuracy.__main__ import METHODS
from benchmarks.accuracy.data import DATA_SETS, load
from benchmarks.accuracy.networks import NETWORKS
from benchmarks.accuracy.page import Measured, write_page
from pruning.recipe_parser import parse_recipe


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for part, count in (("train", 30), ("t10k", 20)):
        images = bytes(16) + rng.integers(0, 256, count * 784, np.uint8).tobytes()
        labels = bytes(8) + rng.integers(0, 10, count, np.uint8).tobytes()
        (tmp_path / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(images))
        (tmp_path / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))
    digits = rng.integers(0, 256, (10_000, 28, 28), np.uint8)
    np.savez(tmp_path / "mnist10k.npz", x=digits, y=np.arange(10_000) % 10)
    letters = np.repeat(rng.integers(0, 16, (9_000, 16)).astype(np.float32), 2, axis=0)
    np.savez(tmp_path / "LetterRecognition.npz", x=letters, y=np.arange(18_000) % 26)
    return tmp_path


@pytest.mark.parametrize("name", DATA_SETS)
def test_data_are_split_and_scaled(folder: Path, name: str) -> None:
    data = load(name, folder)
    assert data.x.dtype == data.test_x.dtype == np.float32
    assert len(data.x) == len(data.y) > len(data.test_x) == len(data.test_y) > 0
    assert data.y.max() < data.classes
    assert np.abs(data.x).max() < 10


def test_no_row_of_letters_is_in_both_parts(folder: Path) -> None:
    data = load("letter", folder)
    rows = np.concatenate([data.x, data.test_x])
    assert len(np.unique(rows, axis=0)) == len(rows)


def test_every_method_is_a_recipe() -> None:
    for fields in METHODS.values():
        parse_recipe({**fields, "sparsity": 0.9})
    assert {network.data for network in NETWORKS.values()} <= set(DATA_SETS)


def test_the_page_has_means_with_their_spread_and_what_was_lost(tmp_path: Path) -> None:
    found = [
        Measured("net", method, sparsity, seed, accuracy - 0.01 * seed, 2.0)
        for seed in (0, 1)
        for method, sparsity, accuracy in (
            ("dense", 0.0, 0.9),
            ("some", 0.8, 0.88),
            ("some", 0.9, 0.8),
        )
    ]
    page = tmp_path / "page.md"
    write_page(found, page)
    text = page.read_text()
    assert "mean over 2 seeds" in text
    assert "Dense: 0.8950 [0.8900, 0.9000]." in text
    assert (
        "| some | 0.8750 [0.8700, 0.8800] (+2.00) | 0.7950 [0.7900, 0.8000] (+10.00) | 2.0 |"
        in text
    )
