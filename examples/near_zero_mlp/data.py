"""Images for the example: Fashion-MNIST from a folder, or enlarged digits that need no download."""

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt


class DataError(Exception):
    """A data file is not what its name says."""


@dataclass(frozen=True, slots=True)
class Images:
    """Pixels between 0 and 1, [images, 784], and labels from 0 to 9, [images]."""

    train_pixels: npt.NDArray[np.float32]
    train_labels: npt.NDArray[np.int64]
    test_pixels: npt.NDArray[np.float32]
    test_labels: npt.NDArray[np.int64]


def read_idx(path: Path) -> npt.NDArray[np.uint8]:
    """Return the bytes of a gzip-compressed IDX file in their shape.

    Raises:
        DataError: The file is not an IDX file of unsigned bytes.
    """
    data = gzip.decompress(path.read_bytes())
    if data[:3] != b"\x00\x00\x08":
        raise DataError(f"{path}: expected an IDX file of unsigned bytes, got header {data[:4]!r}")
    rank = data[3]
    shape = np.frombuffer(data, ">u4", count=rank, offset=4).astype(int)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)


def fashion_mnist(folder: Path) -> Images:
    """Return Fashion-MNIST from its four IDX files: 60,000 to train, 10,000 to test.

    Raises:
        DataError: A file is not an IDX file.
        FileNotFoundError: A file is missing.
    """
    return Images(
        _pixels(read_idx(folder / "train-images-idx3-ubyte.gz")),
        read_idx(folder / "train-labels-idx1-ubyte.gz").astype(np.int64),
        _pixels(read_idx(folder / "t10k-images-idx3-ubyte.gz")),
        read_idx(folder / "t10k-labels-idx1-ubyte.gz").astype(np.int64),
    )


def enlarged_digits() -> Images:
    """Return scikit-learn's 8x8 digits, each pixel tripled and framed to 28x28; every fifth tests."""
    from sklearn.datasets import load_digits  # type: ignore[import-untyped]

    images, labels = load_digits(return_X_y=True)
    large = images.reshape(-1, 8, 8).repeat(3, axis=1).repeat(3, axis=2) / 16
    pixels = np.pad(large, ((0, 0), (2, 2), (2, 2))).reshape(-1, 784).astype(np.float32)
    test = np.arange(len(labels)) % 5 == 0
    return Images(pixels[~test], labels[~test], pixels[test], labels[test])


def _pixels(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    return images.reshape(len(images), -1).astype(np.float32) / np.float32(255)
