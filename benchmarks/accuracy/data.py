"""Labelled data for the comparison of methods, from a folder; nothing is downloaded.

train-images-idx3-ubyte.gz ...   Fashion-MNIST, four files, as in Debian's package dataset-fashion-mnist and at
github.com/zalandoresearch/fashion-mnist (MIT)
mnist10k.npz                     10,000 digits of MNIST: x (10000, 28, 28) uint8, y; 8,000 train and 2,000 test
LetterRecognition.npz            UCI Letter Recognition: x (20000, 16), y in 0 to 25; split by unique row
"""

import gzip
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

_IDX_HEADER = {"images": 16, "labels": 8}
_LETTER_TEST = 4_000


@dataclass(frozen=True, slots=True)
class Data:
    """Samples as float32, around 0 to 1, and class numbers.

    Attributes:
        x: training samples (samples, *sample shape).
        y: their class numbers (samples,).
        test_x: test samples.
        test_y: their class numbers.
        classes: how many classes there are.
    """

    x: Array
    y: Array
    test_x: Array
    test_y: Array
    classes: int


def load(name: str, folder: Path) -> Data:
    """Read a data set by its name, a key of `DATA_SETS`.

    Raises:
        FileNotFoundError: the folder does not hold it; see the top of this module for where to get it.
    """
    return DATA_SETS[name](folder)


def _fashion_mnist(folder: Path) -> Data:
    x, test_x = (
        _idx(folder / f"{part}-images-idx3-ubyte.gz", "images").reshape(-1, 28, 28)
        for part in ("train", "t10k")
    )
    y, test_y = (
        _idx(folder / f"{part}-labels-idx1-ubyte.gz", "labels").astype(np.int64)
        for part in ("train", "t10k")
    )
    return Data(_scaled(x), y, _scaled(test_x), test_y, 10)


def _idx(path: Path, kind: str) -> Array:
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=_IDX_HEADER[kind])


def _scaled(images: Array) -> Array:
    return images.astype(np.float32) / 255


def _mnist10k(folder: Path) -> Data:
    with np.load(folder / "mnist10k.npz") as arrays:
        x, y = _scaled(arrays["x"]), arrays["y"].astype(np.int64)
    order = np.random.default_rng(0).permutation(len(x))
    train, test = order[:8_000], order[8_000:]
    return Data(x[train], y[train], x[test], y[test], 10)


def _letter(folder: Path) -> Data:
    with np.load(folder / "LetterRecognition.npz") as arrays:
        x, y = arrays["x"].astype(np.float32), arrays["y"].astype(np.int64)
    # Rows that are repeated would be in both parts.
    _, first = np.unique(x, axis=0, return_index=True)
    order = np.random.default_rng(0).permutation(first)
    train, test = order[_LETTER_TEST:], order[:_LETTER_TEST]
    mean, spread = x[train].mean(axis=0), x[train].std(axis=0)
    scaled = (x - mean) / spread
    return Data(scaled[train], y[train], scaled[test], y[test], int(y.max()) + 1)


DATA_SETS: Mapping[str, Callable[[Path], Data]] = {
    "fashion": _fashion_mnist,
    "mnist10k": _mnist10k,
    "letter": _letter,
}
