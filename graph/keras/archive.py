"""Opens an uploaded `.keras` archive or legacy HDF5 file under limits, by its content and not by its name.

A `.keras` file is a zip archive of config.json, metadata.json and model.weights.h5. Keras also knows
model.weights.npz but no public function of it writes that, so it is refused. Sizes are checked in the archive's
directory first and then again on the bytes that really come out.
"""

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import h5py

from graph import limits as bounds
from graph.errors import (
    ArchiveError,
    ConfigError,
    DamagedFileError,
    EntryNameError,
    FileLimitError,
    NotAModelFileError,
    WeightsOnlyError,
    ZipBombError,
)
from graph.file_kind import FORMATS_HINT, HDF5_SIGNATURE, START_BYTES, refuse_other_kinds
from graph.keras.hdf5 import child, names_attribute, open_hdf5, string_attribute
from graph.keras.json_text import JsonObject, parse_object
from graph.limits import FileLimits
from graph.zip_directory import measure_zip_directory

_CONFIG, _METADATA, _WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
_ALLOWED_COMPRESSION = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_READ_BYTES = 1024 * 1024


class FileFormat(StrEnum):
    """The two containers that Keras writes models into."""

    KERAS = "keras"
    HDF5 = "h5"


@dataclass(frozen=True, slots=True)
class ModelArchive:
    """An opened model file.

    Attributes:
        format: the kind of container.
        keras_version: the version that the file names; "1" if an HDF5 file names none, as Keras assumes.
        config: the architecture: class_name and config, at least.
        weights: the group that holds the weights; valid while the archive is open.
        backend: what computed for Keras when the file was written: "tensorflow", "theano" and so on.
    """

    format: FileFormat
    keras_version: str
    config: JsonObject
    weights: h5py.Group
    backend: str = "tensorflow"


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
        config, version, weights = _read_zip(path, limits)
        if weights.getbuffer()[: len(HDF5_SIGNATURE)] != HDF5_SIGNATURE:
            raise DamagedFileError(f"{_WEIGHTS} in the archive is not HDF5")
        with open_hdf5(weights, limits) as hdf5:
            yield ModelArchive(FileFormat.KERAS, version, config, hdf5)


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
            expected="architecture and weights in one file",
            hint="save the whole model with model.save('model.keras') and upload that",
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
        backend or _backend_by_names(weights, version or "1"),
    )


def _backend_by_names(weights: h5py.Group, version: str) -> str:
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


def _read_zip(path: Path, limits: FileLimits) -> tuple[JsonObject, str, io.BytesIO]:
    """Return the architecture, the Keras version and the weights file, in memory."""
    _check_directory(path)
    try:
        with zipfile.ZipFile(path) as archive:
            entries = _check_entries(archive, path.stat().st_size, limits)
            config = _parse(_read_text(archive, entries[_CONFIG], limits), _CONFIG, limits)
            metadata = _parse(_read_text(archive, entries[_METADATA], limits), _METADATA, limits)
            weights = _read_entry(archive, entries[_WEIGHTS], limits.file_max_bytes)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        NotImplementedError,
        struct.error,
    ) as error:
        raise DamagedFileError("the zip archive is damaged", got=str(error)[:200]) from error
    version = metadata.get("keras_version")
    if not isinstance(version, str):
        raise ConfigError(
            "metadata.json does not say which Keras wrote the file", expected="keras_version"
        )
    return config, version, weights


def _check_directory(path: Path) -> None:
    """Bound the directory before the zip library reads it into memory."""
    with path.open("rb") as file:
        directory = measure_zip_directory(
            file, bounds.MAX_ARCHIVE_ENTRIES, bounds.MAX_ARCHIVE_DIRECTORY_BYTES
        )
    if directory is None:
        raise DamagedFileError(
            "the zip archive has no directory", hint="the upload may be truncated"
        )
    if directory.is_zip64:
        raise ArchiveError(
            "the archive is in the zip64 form", expected="a plain zip, as Keras writes"
        )
    if not directory.is_small:
        raise FileLimitError(
            "the archive has too many entries",
            expected=f"at most {bounds.MAX_ARCHIVE_ENTRIES}",
            got=f"{directory.entries} in {directory.size_bytes} bytes",
        )


def _check_entries(
    archive: zipfile.ZipFile, size: int, limits: FileLimits
) -> dict[str, zipfile.ZipInfo]:
    entries: dict[str, zipfile.ZipInfo] = {}
    stored = inflated = 0
    for entry in archive.infolist():
        _check_name(entry)
        _check_kind(entry)
        _check_size(entry, limits)
        if entry.filename in entries:
            raise ArchiveError(f"the archive has two entries named {entry.filename!r}")
        entries[entry.filename] = entry
        stored += entry.compress_size
        inflated += bounds.inflated_bytes(entry.file_size, entry.compress_size)
    if inflated > bounds.MAX_INFLATED_BYTES:
        raise ZipBombError(
            f"entries of the archive expand more than {bounds.MAX_ARCHIVE_RATIO} times, to more than is allowed",
            expected=f"at most {bounds.MAX_INFLATED_BYTES} bytes",
            got=f"{inflated} bytes from a file of {size}",
            hint="store the archive's entries uncompressed, as Keras does",
        )
    if stored > size:
        raise ZipBombError(
            "entries of the archive overlap", expected=f"at most {size} bytes", got=f"{stored}"
        )
    _check_contents(entries)
    return entries


def _check_contents(entries: dict[str, zipfile.ZipInfo]) -> None:
    if any(name.split("/")[-1] == "saved_model.pb" for name in entries):
        raise NotAModelFileError(
            "the archive holds a SavedModel, which is not read yet",
            hint="save the model with model.save('model.keras') and upload that",
        )
    if _CONFIG in entries and _WEIGHTS in entries and _METADATA in entries:
        return
    if _CONFIG in entries and "model.weights.npz" in entries:
        raise ArchiveError("the weights are stored as .npz", expected=_WEIGHTS)
    if _WEIGHTS in entries and _CONFIG not in entries:
        raise WeightsOnlyError(
            "the archive holds weights without config.json",
            hint="save the whole model with model.save('model.keras') and upload that",
        )
    missing = [name for name in (_CONFIG, _METADATA, _WEIGHTS) if name not in entries]
    raise NotAModelFileError(
        "the zip archive is not a Keras model", expected=", ".join(missing), hint=FORMATS_HINT
    )


def _check_name(entry: zipfile.ZipInfo) -> None:
    # `filename` is cut at the first NUL by the library; the original is what another reader may act on.
    name = entry.orig_filename
    parts = name.removesuffix("/").split("/")
    plain = name.isprintable() and "\\" not in name and ":" not in name
    if not plain or not name or len(name) > bounds.MAX_NAME_LENGTH or {"", ".", ".."} & set(parts):
        raise EntryNameError(
            "an archive entry's name is not a plain relative path",
            expected="names such as config.json",
            got=repr(name[:100]),
        )


def _check_kind(entry: zipfile.ZipInfo) -> None:
    if entry.flag_bits & 0x2041:  # encrypted, strongly encrypted, or with a hidden directory
        raise ArchiveError(f"archive entry {entry.filename!r} is encrypted")
    mode = stat.S_IFMT(entry.external_attr >> 16)
    if mode not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise ArchiveError(
            f"archive entry {entry.filename!r} is not a regular file",
            expected="files and folders",
            got="a symbolic link" if mode == stat.S_IFLNK else f"file type {mode:o}",
        )
    if entry.compress_type not in _ALLOWED_COMPRESSION:
        raise ArchiveError(
            f"archive entry {entry.filename!r} is compressed in an unusual way",
            expected="stored or deflate",
            got=f"method {entry.compress_type}",
        )


def _check_size(entry: zipfile.ZipInfo, limits: FileLimits) -> None:
    if entry.file_size > limits.file_max_bytes:
        raise FileLimitError(
            f"archive entry {entry.filename!r} is too large",
            expected=f"at most {limits.file_max_bytes} bytes",
            got=f"{entry.file_size}",
        )
    if bounds.is_beyond_deflate(entry.file_size, entry.compress_size):
        raise ZipBombError(
            f"archive entry {entry.filename!r} claims to expand further than deflate can",
            expected=f"at most {bounds.MAX_DEFLATE_RATIO} times its stored size",
            got=f"{entry.file_size} bytes from {entry.compress_size}",
        )


def _read_text(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limits: FileLimits) -> str:
    data = _read_entry(archive, entry, limits.config_max_bytes).getvalue()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{entry.filename} is not UTF-8 text", got=str(error)[:200]) from error


def _read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, max_bytes: int) -> io.BytesIO:
    """Read an entry; the library stops at the size that the directory states, and then compares checksums."""
    if entry.file_size > max_bytes:
        raise FileLimitError(
            f"{entry.filename} is too large",
            expected=f"at most {max_bytes} bytes",
            got=f"{entry.file_size}",
        )
    data = io.BytesIO()
    with archive.open(entry) as stream:
        while chunk := stream.read(_READ_BYTES):
            data.write(chunk)
    if data.tell() != entry.file_size:
        raise DamagedFileError(f"{entry.filename} is not as long as the archive's directory says")
    data.seek(0)
    return data
