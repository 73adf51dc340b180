"""Opens an uploaded `.keras` archive or legacy HDF5 file under limits, by its content and not by its name.

A `.keras` file is a zip archive of config.json, metadata.json and model.weights.h5. Keras also knows
model.weights.npz but no public function of it writes that, so it is refused. Sizes are checked in the archive's
directory first and then again on the bytes that really come out.
"""

import io
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import h5py

from graph import limits as bounds
from graph.errors import (
    ArchiveError,
    ConfigError,
    DamagedFileError,
    FileLimitError,
    NotAModelFileError,
    VocabularyError,
    WeightsOnlyError,
)
from graph.file_kind import FORMATS_HINT, HDF5_SIGNATURE, START_BYTES, refuse_other_kinds
from graph.keras.hdf5 import child, names_attribute, open_hdf5, string_attribute
from graph.keras.json_text import JsonObject, parse_object
from graph.limits import FileLimits
from graph.zip_entries import check_directory, check_entries, read_entry, reading_zip

_CONFIG, _METADATA, _WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
_ALLOWED_COMPRESSION = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
# Where Keras puts files of tokens; between the two is the folder that the layer's weights have, too.
_ASSETS, _VOCABULARY = "assets/", "/vocabulary.txt"
_READ_BYTES = 1024 * 1024
_WHOLE_MODEL = "save the whole model with model.save('model.keras') and upload that"
_BOTH = f"{_WHOLE_MODEL}, or send the architecture, model.to_json(), as the file and this one as its weights"


class FileFormat(StrEnum):
    """The containers that models come in: Keras' own two, and TensorFlow's SavedModel."""

    KERAS = "keras"
    HDF5 = "h5"
    SAVED_MODEL = "saved_model"


@dataclass(frozen=True, slots=True)
class ModelArchive:
    """An opened model file.

    Attributes:
        format: the kind of container.
        keras_version: the version that the file names; "1" if an HDF5 file names none, as Keras assumes.
        config: the architecture: class_name and config, at least.
        weights: the group that holds the weights; valid while the archive is open.
        backend: what computed for Keras when the file was written: "tensorflow", "theano" and so on.
        vocabularies: the files of tokens in the archive, by the folder of their layer.
    """

    format: FileFormat
    keras_version: str
    config: JsonObject
    weights: h5py.Group
    backend: str = "tensorflow"
    vocabularies: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def open_archive(path: Path, limits: FileLimits) -> Iterator[ModelArchive]:
    """Open a model file.

    Raises:
        ModelFileError: it is refused; the class says why.
    """
    size = path.stat().st_size
    if size > limits.file_max_bytes:
        raise FileLimitError(
            "the file is too large",
            expected=f"at most {limits.file_max_bytes} bytes",
            got=f"{size}",
        )
    with path.open("rb") as file:
        start = file.read(START_BYTES)
    refuse_other_kinds(start)
    if start.startswith(HDF5_SIGNATURE):
        with open_hdf5(path, limits) as hdf5:
            yield _from_hdf5(hdf5, limits)
    else:
        config, version, weights, vocabularies = _read_zip(path, limits)
        if weights.getbuffer()[: len(HDF5_SIGNATURE)] != HDF5_SIGNATURE:
            raise DamagedFileError(f"{_WEIGHTS} in the archive is not HDF5")
        with open_hdf5(weights, limits) as hdf5:
            yield ModelArchive(FileFormat.KERAS, version, config, hdf5, vocabularies=vocabularies)


def _from_hdf5(file: h5py.File, limits: FileLimits) -> ModelArchive:
    text = string_attribute(file, "model_config")
    weights = child(file, "model_weights")
    if text is None:
        has_weights = "layer_names" in file.attrs or "layers" in file or weights is not None
        if not has_weights:
            raise NotAModelFileError(
                "the HDF5 file holds no Keras model",
                expected="an attribute model_config",
                hint=FORMATS_HINT,
            )
        raise WeightsOnlyError(
            "the file holds weights without the architecture",
            expected="architecture and weights",
            hint=_BOTH,
        )
    if not isinstance(weights, h5py.Group):
        raise ConfigError("the HDF5 file has no group model_weights", hint=FORMATS_HINT)
    version = string_attribute(file, "keras_version") or string_attribute(weights, "keras_version")
    backend = string_attribute(file, "backend") or string_attribute(weights, "backend")
    return ModelArchive(
        FileFormat.HDF5,
        version or "1",
        _parse(text, "model_config", limits),
        weights,
        backend or backend_by_names(weights, version or "1"),
    )


def backend_by_names(weights: h5py.Group, version: str) -> str:
    """Return the backend of a file that does not name it, as Keras 1 never does.

    Only TensorFlow's variables have names such as "kernel:0". Keras 3 has other names, and no Theano.
    """
    for name in weights if version.startswith(("1", "2")) else ():
        group = child(weights, name)
        names = names_attribute(group, "weight_names") if isinstance(group, h5py.Group) else None
        if names:
            return "tensorflow" if ":" in names[0] else "theano"
    return "tensorflow"


def _parse(text: str, what: str, limits: FileLimits) -> JsonObject:
    if len(text) > limits.config_max_bytes:
        raise FileLimitError(
            f"{what} is too large",
            expected=f"at most {limits.config_max_bytes} bytes",
            got=f"{len(text)}",
        )
    return parse_object(text, what)


def _read_zip(
    path: Path, limits: FileLimits
) -> tuple[JsonObject, str, io.BytesIO, Mapping[str, str]]:
    """Return the architecture, the Keras version, the weights file and the files of tokens, in memory."""
    check_directory(path)
    with reading_zip(), zipfile.ZipFile(path) as archive:
        entries = check_entries(archive, path.stat().st_size, limits)
        _check_contents(entries)
        config = _parse(_read_text(archive, entries[_CONFIG], limits), _CONFIG, limits)
        metadata = _parse(_read_text(archive, entries[_METADATA], limits), _METADATA, limits)
        weights = read_entry(archive, entries[_WEIGHTS], limits.file_max_bytes)
        vocabularies = _read_vocabularies(archive, entries)
    version = metadata.get("keras_version")
    if not isinstance(version, str):
        raise ConfigError(
            "metadata.json does not say which Keras wrote the file", expected="keras_version"
        )
    return config, version, weights, vocabularies


def _read_vocabularies(
    archive: zipfile.ZipFile, entries: Mapping[str, zipfile.ZipInfo]
) -> Mapping[str, str]:
    """Return the texts of `assets/FOLDER/vocabulary.txt`, by folder; Keras writes one for each adapted lookup."""
    found, room = {}, 2 * bounds.MAX_VOCABULARY_BYTES
    for name, entry in entries.items():
        folder = name.removeprefix(_ASSETS).removesuffix(_VOCABULARY)
        if name != f"{_ASSETS}{folder}{_VOCABULARY}":
            continue
        try:
            text = read_entry(archive, entry, min(room, bounds.MAX_VOCABULARY_BYTES)).getvalue()
            found[folder] = text.decode("utf-8")
        except UnicodeDecodeError as error:
            raise VocabularyError(f"{name} is not UTF-8 text", got=str(error)[:200]) from None
        room -= len(text)
    return found


def _check_contents(entries: dict[str, zipfile.ZipInfo]) -> None:
    if _CONFIG in entries and _WEIGHTS in entries and _METADATA in entries:
        return
    if _CONFIG in entries and "model.weights.npz" in entries:
        raise ArchiveError("the weights are stored as .npz", expected=_WEIGHTS)
    if _WEIGHTS in entries and _CONFIG not in entries:
        raise WeightsOnlyError("the archive holds weights without config.json", hint=_WHOLE_MODEL)
    missing = [name for name in (_CONFIG, _METADATA, _WEIGHTS) if name not in entries]
    raise NotAModelFileError(
        "the zip archive is not a Keras model", expected=", ".join(missing), hint=FORMATS_HINT
    )


def _read_text(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limits: FileLimits) -> str:
    data = read_entry(archive, entry, limits.config_max_bytes).getvalue()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{entry.filename} is not UTF-8 text", got=str(error)[:200]) from error
