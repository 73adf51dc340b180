"""Bytes changed at random: a file is read or refused with one of our errors, and nothing else ever comes out."""

import copy
import io
import json
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from graph.errors import GraphError
from graph.keras.read import read_model
from tests.graph.keras.handmade import called, functional, input_layer, layer, write_legacy
from tests.hostile.files.registry import valid_archive, valid_legacy

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


JUNK: list[Any] = [
    None, True, False, 0, -1, 1, 2, 3, 7, 2**31, 2**70, 0.5, -1.5, 1e300, "", "x", "relu", "dense", "a/b", [], {},
    [None], [None, 3], ["x", 0, 0], [["x", 0, 0, {}]], [0], {"class_name": "Dense"}, {"a": 1},
]  # fmt: skip


def places(value: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """(container, key) of everything in a configuration."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in list(items):
        found.append((value, key))
        if isinstance(item, dict | list):
            places(item, found)
    return found


def everything() -> dict[str, Any]:
    """A configuration with nested models, merges, an operation and most kinds of arguments."""
    inner = functional(
        [
            called(input_layer(3, name="i")),
            called(layer("BatchNormalization", "bn", axis=-1), ["i"]),
            called(layer("Dense", "dense", units=2, activation="relu"), ["bn"]),
        ],
        [["i", 0, 0]],
        [["dense", 0, 0]],
        name="inner",
    )
    layers = [
        called(input_layer(3)),
        called(inner, ["x"], ["x"]),
        called(layer("Normalization", "n", mean=[1.0, 2.0], variance=1.0), [["inner", 1, 0, {}]]),
        called(layer("PReLU", "p", shared_axes=[1]), [["inner", 2, 0, {}]]),
        called(layer("LayerNormalization", "ln", axis=[-1]), ["n"]),
        called(layer("Concatenate", "c", axis=-1), ["ln", "p"]),
        called(layer("Reshape", "r", target_shape=[2, -1]), ["c"]),
        called(layer("Dot", "d", axes=[1, 1], normalize=True), ["r", "r"]),
        called(layer("Flatten", "f", data_format="channels_first"), ["d"]),
        called(layer("Rescaling", "s", scale=[1.0, 2.0, 3.0, 4.0], offset=0.5), ["f"]),
    ]
    return functional(layers, {"x": ["x", 0, 0]}, {"y": ["s", 0, 0], "z": ["c", 0, 0]})


def everything_weights() -> dict[str, list[tuple[str, np.ndarray]]]:
    one = np.ones(3, np.float32)
    norm = [(f"bn/{r}:0", one) for r in ("moving_mean", "moving_variance")]
    trained = [
        ("bn/gamma:0", one),
        ("bn/beta:0", one),
        ("dense/kernel:0", np.ones((3, 2), np.float32)),
    ]
    return {
        "inner": [*trained, ("dense/bias:0", np.ones(2, np.float32)), *norm],
        "p": [("p/alpha:0", np.ones(1, np.float32))],
        "ln": [("ln/gamma:0", np.ones(2, np.float32)), ("ln/beta:0", np.ones(2, np.float32))],
    }


@pytest.mark.parametrize("seed", range(4))
def test_changed_configurations(seed: int, tmp_path: Path) -> None:
    """Values of the right syntax and the wrong meaning, anywhere in a configuration."""
    path = write_legacy(tmp_path / "m", everything(), everything_weights())
    assert len(read_model(path).graph.nodes) > 8
    rng = random.Random(seed)  # noqa: S311
    read = []
    for _ in range(CASES):
        config = copy.deepcopy(everything())
        for _ in range(rng.choice([1, 1, 2])):
            container, key = rng.choice(places(config, []))
            others = [item[place] for item, place in places(config, [])]
            container[key] = copy.deepcopy(rng.choice([*JUNK, rng.choice(others)]))
        with h5py.File(path, "a") as file:
            file.attrs["model_config"] = json.dumps(config).encode()
        try:
            read_model(path)
            read.append(True)
        except GraphError:
            read.append(False)
    assert 5 < sum(read) < CASES - 5
