"""A model in two files: the architecture as JSON, as `model.to_json()` gives it, and the weights as HDF5.

The weights are those of `model.save_weights()`: a group per layer in files of Keras 1 and 2, folders in those that end
in `.weights.h5`. A whole model's HDF5 file will do, too; its own architecture is not looked at then.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

from graph.errors import ConfigError, FileLimitError, NotAModelFileError
from graph.file_kind import HDF5_SIGNATURE, START_BYTES, expect_architecture
from graph.keras.archive import FileFormat, ModelArchive, backend_by_names
from graph.keras.hdf5 import child, open_hdf5, string_attribute
from graph.keras.json_text import JsonObject, parse_object
from graph.limits import FileLimits

# Keras 3 writes no version into the text; it reads one as whatever version it is itself.
ASSUMED_VERSION = "3.15.0"


@contextmanager
def open_two_files(architecture: Path, weights: Path, limits: FileLimits) -> Iterator[ModelArchive]:
    """Open a model in two files.

    Args:
        architecture: the JSON text.
        weights: the HDF5 file.
        limits: the limits to hold.

    Raises:
        ModelFileError: one of them is refused; the class says why.
    """
    config = _read_architecture(architecture, limits)
    size = weights.stat().st_size
    if size > limits.file_max_bytes:
        raise FileLimitError(
            "the file of weights is too large",
            expected=f"at most {limits.file_max_bytes} bytes",
            got=f"{size}",
        )
    with weights.open("rb") as file:
        if file.read(len(HDF5_SIGNATURE)) != HDF5_SIGNATURE:
            raise NotAModelFileError(
                "the file of weights is not HDF5",
                expected="what model.save_weights('NAME.weights.h5') writes",
            )
    with open_hdf5(weights, limits) as hdf5:
        yield _archive(config, hdf5)


def _read_architecture(path: Path, limits: FileLimits) -> JsonObject:
    with path.open("rb") as file:
        expect_architecture(file.read(START_BYTES))
    size = path.stat().st_size
    if size > limits.config_max_bytes:
        raise FileLimitError(
            "the architecture is too large",
            expected=f"at most {limits.config_max_bytes} bytes",
            got=f"{size}",
        )
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError("the architecture is not UTF-8 text", got=str(error)[:200]) from None
    return parse_object(text, "the architecture")


def _archive(config: JsonObject, file: h5py.File) -> ModelArchive:
    whole = child(file, "model_weights")
    weights = whole if isinstance(whole, h5py.Group) else file
    # Keras 1 and 2 list the layers; the folders of newer files are named by themselves.
    is_legacy = "layer_names" in weights.attrs or weights is whole
    version = _text(config, "keras_version") or (
        ASSUMED_VERSION if "module" in config else string_attribute(weights, "keras_version") or "1"
    )
    backend = _text(config, "backend") or string_attribute(weights, "backend")
    if is_legacy and not backend:
        backend = backend_by_names(weights, version)
    return ModelArchive(
        FileFormat.HDF5 if is_legacy else FileFormat.KERAS,
        version,
        config,
        weights,
        backend or "tensorflow",
    )


def _text(config: JsonObject, name: str) -> str | None:
    value = config.get(name)
    return value if isinstance(value, str) and value else None
