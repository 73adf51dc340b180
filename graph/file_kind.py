"""What a file is, by its first bytes: so that what is no model is refused before anything opens it."""

import struct

from graph import limits as bounds
from graph.errors import NotAModelFileError

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
ZIP_SIGNATURE = b"PK\x03\x04"
# How many bytes tell: the header of the first entry of a zip archive, with its name.
START_BYTES = 30 + bounds.MAX_NAME_LENGTH
FORMATS_HINT = "upload a .keras file, or an .h5/.hdf5 file written by model.save()"
# What people upload by mistake: bytes, their place in the file, what it is.
_OTHER_FORMATS = (
    *((bytes((0x80, version)), 0, "a Python pickle, which could run code and is never opened")
      for version in (2, 3, 4, 5)),
    (b"\x93NUMPY", 0, "a NumPy array"),
    (b"\x1f\x8b", 0, "a gzip archive"),
    (b"TFL3", 4, "a TensorFlow Lite model"),
    (b"version https://git-lfs", 0, "a pointer of Git LFS: run git lfs pull to get the model"),
    (b"<", 0, "HTML or XML text"),
    (b"{", 0, "JSON text: an architecture without weights"),
)  # fmt: skip
# The same for zip archives, by how the name of the first entry ends.
_OTHER_ZIPS = {
    "/data.pkl": "a PyTorch checkpoint",
    "/.format_version": "a PyTorch checkpoint",
    "[Content_Types].xml": "an Office document",
    "META-INF/MANIFEST.MF": "a Java archive",
    ".npy": "a NumPy archive (.npz)",
}


def refuse_other_kinds(start: bytes) -> None:
    """Refuse what is neither HDF5 nor a zip archive that may be a model.

    Args:
        start: the first `START_BYTES` of the file.

    Raises:
        NotAModelFileError: it is something else; the error says what.
    """
    if start.startswith(HDF5_SIGNATURE):
        return
    if start.startswith(ZIP_SIGNATURE):
        kind = _kind_of_zip(start)
        if kind:
            raise _not_a_model(kind)
        return
    raise _not_a_model(_kind_of(start))


def _not_a_model(got: str) -> NotAModelFileError:
    return NotAModelFileError(
        "the file is not a Keras model",
        expected="a .keras archive or HDF5",
        got=got,
        hint=FORMATS_HINT,
    )


def _kind_of(start: bytes) -> str:
    for magic, place, kind in _OTHER_FORMATS:
        if start[place:].startswith(magic):
            return kind
    shown = start[: len(HDF5_SIGNATURE)]
    return f"a file that starts with {shown!r}" if start else "an empty file"


def _kind_of_zip(start: bytes) -> str:
    """Name what else is a zip archive, by its first entry; nothing where it may be a model."""
    # APPNOTE.TXT 4.3.7: the length of the name is at 26, the name at 30.
    (length,) = struct.unpack_from("<H", start.ljust(30, b"\0"), 26)
    name = start[30 : 30 + length].decode("utf-8", "replace")
    return next((kind for end, kind in _OTHER_ZIPS.items() if name.endswith(end)), "")
