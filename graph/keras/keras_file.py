"""The container of a `.keras` file, written: the same contents give the same bytes."""

import io
import json
import zipfile
from collections.abc import Iterable
from pathlib import Path

import h5py
import numpy as np

from graph.keras.json_text import JsonObject
from graph.keras.keras_layer import Array

# The dialect that is written; every Keras 3 reads it. Since this version the masks of merged tensors mean what they do
# today; see `graph.keras.source`.
KERAS_VERSION = "3.4.0"
# A folder of arrays: its path, the name of its layer, and the arrays in Keras' order.
Folder = tuple[str, str, tuple[Array, ...]]
_EPOCH = (1980, 1, 1, 0, 0, 0)


def write_archive(path: Path, config: JsonObject, weights: bytes, minor: int = -1) -> None:
    """Write the three entries of a `.keras` archive.

    Args:
        path: where to write the file.
        config: the architecture, as config.json.
        weights: the HDF5 file with all arrays.
        minor: minor version of the Keras 3 whose meaning of layers the file has; -1 where any will do.
    """
    version = KERAS_VERSION if minor < 0 else f"3.{minor}.0"
    metadata: JsonObject = {"keras_version": version, "date_saved": "1980-01-01@00:00:00"}
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_STORED) as archive:
        for name, content in (
            ("metadata.json", json.dumps(metadata).encode()),
            ("config.json", json.dumps(config, allow_nan=False).encode()),
            ("model.weights.h5", weights),
        ):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = 0o600 << 16
            archive.writestr(entry, content)
    Path(path).write_bytes(data.getvalue())


def weights_file(folders: Iterable[Folder]) -> bytes:
    """Return the HDF5 file of an archive, as bytes."""
    data = io.BytesIO()
    with h5py.File(data, "w") as file:
        for folder, name, arrays in folders:
            group = file.create_group(f"{folder}/vars")
            group.attrs["name"] = name
            for index, array in enumerate(arrays):
                group.create_dataset(
                    str(index), data=np.ascontiguousarray(array).reshape(array.shape)
                )
    return data.getvalue()
