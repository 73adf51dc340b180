"""Ways to change a file at random: its bytes, its entries with right checksums, its configuration by meaning."""

import copy
import io
import json
import random
import zipfile
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np

from tests.graph.keras.handmade import called, functional, input_layer, layer


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


def changed(data: bytes, rng: random.Random) -> bytes:
    result = bytearray(data)
    rng.choice(CHANGES)(result, rng)
    return bytes(result)


def with_changed_entry(archive: bytes, entry: str, rng: random.Random) -> bytes:
    """A zip archive with one entry changed, and checksums that fit."""
    data = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(data, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, changed(content, rng) if name == entry else content)
    return data.getvalue()


def with_changed_configuration(config: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """A configuration of the right syntax and the wrong meaning."""
    result = copy.deepcopy(config)
    for _ in range(rng.choice([1, 1, 2])):
        container, key = rng.choice(places(result, []))
        others = [item[place] for item, place in places(result, [])]
        container[key] = copy.deepcopy(rng.choice([*JUNK, rng.choice(others)]))
    return result


def with_configuration(legacy: bytes, config: dict[str, Any]) -> bytes:
    """A legacy HDF5 file with another configuration."""
    data = io.BytesIO(legacy)
    with h5py.File(data, "a") as file:
        file.attrs["model_config"] = json.dumps(config).encode()
    return data.getvalue()


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
