"""Model files written by hand, without Keras: configurations as dictionaries, weights as arrays."""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Weights = Mapping[str, Sequence[tuple[str, np.ndarray]]]


def sequential(*layers: Mapping[str, Any], name: str = "model") -> dict[str, Any]:
    return {"class_name": "Sequential", "config": {"name": name, "layers": list(layers)}}


def layer(class_name: str, name: str = "", **arguments: Any) -> dict[str, Any]:
    config = {"name": name or class_name.lower(), "trainable": True, "dtype": "float32"}
    return {"class_name": class_name, "config": {**config, **arguments}}


def input_layer(*shape: int | None, name: str = "x", **arguments: Any) -> dict[str, Any]:
    config = {"batch_input_shape": [None, *shape], "dtype": "float32", "sparse": False}
    return {"class_name": "InputLayer", "config": {**config, "name": name, **arguments}}


def functional(
    layers: Sequence[Mapping[str, Any]], inputs: Any, outputs: Any, name: str = "model"
) -> dict[str, Any]:
    config = {
        "name": name,
        "layers": list(layers),
        "input_layers": inputs,
        "output_layers": outputs,
    }
    return {"class_name": "Model", "config": config}


def called(data: Mapping[str, Any], *nodes: Any) -> dict[str, Any]:
    """A layer of a functional model with its calls in Keras 2's notation; a plain name is that layer's first call."""
    inbound = [
        [[item, 0, 0, {}] if isinstance(item, str) else item for item in node] for node in nodes
    ]
    return {**data, "name": data["config"]["name"], "inbound_nodes": inbound}


def write_legacy(
    path: Path,
    config: Any,
    weights: Weights | None = None,
    *,
    version: str | None = "2.2.4",
) -> Path:
    """A legacy HDF5 file; `config` may be text that is not JSON."""
    weights = weights or {}
    with h5py.File(path, "w") as file:
        text = config if isinstance(config, str) else json.dumps(config)
        file.attrs["model_config"] = text.encode()
        if version is not None:
            file.attrs["keras_version"] = version.encode()
        root = file.create_group("model_weights")
        root.attrs["layer_names"] = [name.encode() for name in weights]
        for name, arrays in weights.items():
            group = root.create_group(name)
            group.attrs["weight_names"] = [stored.encode() for stored, _ in arrays]
            for stored, array in arrays:
                group.create_dataset(stored, data=array)
    return path


def write_archive(
    path: Path,
    config: Any,
    weights: bytes | None = None,
    *,
    version: Any = "3.5.0",
    extra: Mapping[str, bytes] | None = None,
) -> Path:
    """A `.keras` archive."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": version}))
        text = config if isinstance(config, str) else json.dumps(config)
        archive.writestr("config.json", text)
        archive.writestr("model.weights.h5", weights if weights is not None else folders({}))
        for name, data in (extra or {}).items():
            archive.writestr(name, data)
    return path


def folders(arrays: Mapping[str, np.ndarray]) -> bytes:
    """An HDF5 file with arrays at those paths."""
    data = io.BytesIO()
    with h5py.File(data, "w") as file:
        for path, array in arrays.items():
            file.create_dataset(path, data=array)
    return data.getvalue()


KERNEL = np.arange(6, dtype=np.float32).reshape(3, 2) / 4
BIAS = np.array([0.5, -0.25], np.float32)
DENSE = {"dense": [("dense/kernel:0", KERNEL), ("dense/bias:0", BIAS)]}


def dense_config(**arguments: Any) -> dict[str, Any]:
    """x(3) -> Dense(2), named dense."""
    return sequential(input_layer(3), layer("Dense", units=2, **arguments))
