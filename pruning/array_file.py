"""Arrays from an uploaded .npz or .npy file: hostile until checked. Read in the worker process only."""

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from graph.zip_directory import measure_zip_directory
from pruning.errors import CalibrationError

# What zipfile, zlib and NumPy raise for damaged, encrypted or lying files.
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    OSError,
    ValueError,
    EOFError,
    MemoryError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    SyntaxError,
    KeyError,
)
_NPY_MAGIC = b"\x93NUMPY"

Array = np.ndarray[Any, np.dtype[Any]]

MAX_FILE_BYTES = 512 * 1024 * 1024
MAX_ARRAYS = 64
MAX_DIRECTORY_BYTES = 64 * 1024


def read_array_file(path: Path, field: str, hint: str = "") -> Array | dict[str, Array]:
    """Read a .npy or .npz file, by its content.

    Args:
        path: the file.
        field: what it is for, named in errors.
        hint: how to write such a file.

    Returns:
        The array of a .npy file, or the arrays of a .npz file by name.

    Raises:
        CalibrationError: the file is neither, is damaged or too large, or holds objects.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise CalibrationError(field, f"at most {MAX_FILE_BYTES} bytes", "more", hint)
        with path.open("rb") as file:
            is_npy = file.read(len(_NPY_MAGIC)) == _NPY_MAGIC
        if is_npy:
            return np.asarray(np.load(path, allow_pickle=False))
        return _read_npz(path, field)
    except _UNREADABLE as error:
        raise CalibrationError(
            field, "a .npz or .npy file of plain arrays", str(error)[:200], hint
        ) from error


def _read_npz(path: Path, field: str) -> dict[str, Array]:
    """Read all arrays of a .npz file; number and sizes are checked before anything is unpacked."""
    with path.open("rb") as file:
        directory = measure_zip_directory(file, MAX_ARRAYS, MAX_DIRECTORY_BYTES)
    if directory is None or directory.is_zip64:
        raise zipfile.BadZipFile("the file is not a plain zip file")
    if not directory.is_small:
        raise CalibrationError(field, f"at most {MAX_ARRAYS} arrays", f"{directory.entries} arrays")
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
    size = sum(entry.file_size for entry in entries)
    if size > MAX_FILE_BYTES or len({entry.filename for entry in entries}) != len(entries):
        raise CalibrationError(
            field,
            f"arrays of different names, {MAX_FILE_BYTES} bytes together at most",
            f"{len(entries)} arrays, {size} bytes",
        )
    with np.load(path, allow_pickle=False) as loaded:
        return {name: np.asarray(loaded[name]) for name in loaded.files}
