"""Opens a SavedModel under limits: a zip archive, a gzipped tar archive, or a folder.

Only three kinds of files are read: saved_model.pb, variables/variables.index and variables/variables.data-*. Nothing
is unpacked to disk, and no name of an archive is used as a path.
"""

import gzip
import re
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from graph.errors import ArchiveError, DamagedFileError, FileLimitError, NotAModelFileError
from graph.file_kind import (
    FORMATS_HINT,
    GZIP_SIGNATURE,
    START_BYTES,
    ZIP_SIGNATURE,
    refuse_other_kinds,
)
from graph.limits import FileLimits
from graph.saved_model.tar_archive import Unpacked, padded, tar_entries
from graph.zip_entries import check_directory, check_entries, read_entry, reading_zip

_MODEL, _INDEX = "saved_model.pb", "variables/variables.index"
_SHARD = re.compile(r"variables/variables\.data-(\d{5}-of-\d{5})")


@dataclass(slots=True)
class SavedModelFiles:
    """The files of a SavedModel, in memory.

    Attributes:
        model: saved_model.pb.
        index: variables.index, or None where the model has no variables.
        shards: the files with the tensors, by the ends of their names.
    """

    model: memoryview
    index: memoryview | None = None
    shards: dict[str, memoryview] = field(default_factory=dict)


def open_files(path: Path, limits: FileLimits) -> SavedModelFiles:
    """Read the files of a SavedModel.

    Args:
        path: a folder, a zip archive or a gzipped tar archive.
        limits: the limits to hold.

    Raises:
        ModelFileError: it is refused; the class says why.
    """
    if path.is_dir():
        return _chosen(_from_folder(path, limits))
    size = path.stat().st_size
    if size > limits.file_max_bytes:
        raise FileLimitError(
            "the file is too large",
            expected=f"at most {limits.file_max_bytes} bytes",
            got=f"{size}",
        )
    with path.open("rb") as file:
        is_gzip = file.read(len(GZIP_SIGNATURE)) == GZIP_SIGNATURE
    return _chosen(_from_tar(path, limits) if is_gzip else _from_zip(path, limits))


def holds_saved_model(path: Path) -> bool:
    """Return whether a path is a folder, a gzip archive, or a zip archive with a saved_model.pb in it.

    Raises:
        ModelFileError: it is no model file, or a zip archive whose directory cannot be read.
    """
    if path.is_dir():
        return True
    with path.open("rb") as file:
        start = file.read(START_BYTES)
    refuse_other_kinds(start)
    if start.startswith(GZIP_SIGNATURE):
        return True
    if not start.startswith(ZIP_SIGNATURE):
        return False
    check_directory(path)
    with reading_zip(), zipfile.ZipFile(path) as archive:
        return any(name.split("/")[-1] == _MODEL for name in archive.namelist())


def _chosen(found: dict[str, memoryview]) -> SavedModelFiles:
    """Return the files of the one SavedModel among some, at the root or within one folder."""
    models = [name for name in found if name.split("/")[-1] == _MODEL]
    if len(models) != 1 or models[0].count("/") > 1:
        raise NotAModelFileError(
            "the archive holds no SavedModel"
            if not models
            else "the archive holds several SavedModels",
            expected="saved_model.pb once, at the root or in one folder",
            got=", ".join(sorted(models)[:4]) or "none",
            hint=FORMATS_HINT,
        )
    root = models[0].removesuffix(_MODEL)
    files = SavedModelFiles(found[models[0]], found.get(root + _INDEX))
    for name, data in found.items():
        match = _SHARD.fullmatch(name.removeprefix(root)) if name.startswith(root) else None
        if match is not None:
            files.shards[match[1]] = data
    return files


def _is_wanted(name: str) -> bool:
    """Return whether a file is one of those that are read, in whichever folder it is."""
    if name.startswith("__MACOSX/"):
        return False
    return name.endswith((_MODEL, _INDEX)) or _SHARD.search(name) is not None


def _from_folder(path: Path, limits: FileLimits) -> dict[str, memoryview]:
    names = [_MODEL, _INDEX]
    if (path / "variables").is_dir():
        entries = (f"variables/{one.name}" for one in (path / "variables").iterdir())
        names += [name for name in entries if _SHARD.fullmatch(name)]
    found: dict[str, memoryview] = {}
    left = limits.file_max_bytes
    for name in names:
        if not (path / name).is_file():
            continue
        size = (path / name).stat().st_size
        left -= size
        if left < 0:
            raise FileLimitError(
                "the SavedModel is too large", expected=f"at most {limits.file_max_bytes} bytes"
            )
        found[name] = memoryview((path / name).read_bytes())
    return found


def _from_zip(path: Path, limits: FileLimits) -> dict[str, memoryview]:
    check_directory(path)
    with reading_zip(), zipfile.ZipFile(path) as archive:
        entries = check_entries(archive, path.stat().st_size, limits)
        wanted = [
            entry for name, entry in entries.items() if _is_wanted(name) and not entry.is_dir()
        ]
        whole = sum(entry.file_size for entry in wanted)
        if whole > limits.file_max_bytes:
            raise FileLimitError(
                "the files of the SavedModel are too large",
                expected=f"at most {limits.file_max_bytes} bytes",
                got=str(whole),
            )
        return {
            entry.filename: read_entry(archive, entry, limits.file_max_bytes).getbuffer()
            for entry in wanted
        }


def _from_tar(path: Path, limits: FileLimits) -> dict[str, memoryview]:
    found: dict[str, memoryview] = {}
    try:
        with gzip.open(path) as file:
            unpacked = Unpacked(file, path.stat().st_size, limits)
            for name, size in tar_entries(unpacked):
                if not _is_wanted(name):
                    unpacked.skip(padded(size))
                    continue
                data = unpacked.read(padded(size))
                if len(data) < padded(size):
                    raise DamagedFileError("the tar archive is cut off")
                if name in found:
                    raise ArchiveError(f"the archive has two entries named {name!r}")
                found[name] = memoryview(data)[:size]
    except (OSError, EOFError, zlib.error) as error:
        raise DamagedFileError("the gzip archive is damaged", got=str(error)[:200]) from error
    return found
