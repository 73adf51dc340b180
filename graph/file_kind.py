"""What a file is, by its first bytes: so that what is no model is refused before anything opens it."""

import struct
from dataclasses import dataclass

from graph import limits as bounds
from graph.errors import NotAModelFileError

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
GZIP_SIGNATURE = b"\x1f\x8b"
ZIP_SIGNATURE = b"PK\x03\x04"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# How many bytes tell: the header of the first entry of a zip archive, with its name.
START_BYTES = 30 + bounds.MAX_NAME_LENGTH
FORMATS_HINT = "upload a .keras file, an .h5/.hdf5 file written by model.save(), or a SavedModel as .zip or .tar.gz"
_UNPACK = "unpack it, and upload the .keras or .h5 file that is in it"
_SOURCE = f"it was converted from another model: {FORMATS_HINT} of that, if it is one of Keras"
_DOWNLOAD = "a link to a page was saved instead of the file behind it: download the file itself"
_LFS = "run git lfs pull to get the model that it stands for"
_WITH_WEIGHTS = "send its weights along, as model.save_weights('NAME.weights.h5') writes them, as the part weights"
_AS_JSON = (
    "YAML is not read, since it can name code: load it where it was written, and send model.to_json() with the weights,"
    " or the whole model as model.save() writes it"
)
_WHOLE = "upload its whole folder, with the variables, as .zip or .tar.gz"


@dataclass(frozen=True, slots=True)
class _Kind:
    """What people upload by mistake.

    Attributes:
        start: its first bytes.
        name: what it is.
        hint: what to do instead.
        place: where the bytes are.
    """

    start: bytes
    name: str
    hint: str = FORMATS_HINT
    place: int = 0


_OTHER_KINDS = (
    *(_Kind(bytes((0x80, version)), "a Python pickle, which could run code and is never opened")
      for version in (2, 3, 4, 5)),
    _Kind(b"\x93NUMPY", "a NumPy array"),
    _Kind(b"TFL3", "a TensorFlow Lite model", _SOURCE, place=4),
    _Kind(b"GGUF", "a GGUF model", _SOURCE),
    _Kind(b'{"', "a safetensors file: weights without the architecture", place=8),
    _Kind(b"\x08\x01\x12", "the saved_model.pb of a TensorFlow SavedModel", _WHOLE),
    *(_Kind(bytes((0x08, version, field)), "an ONNX model", _SOURCE)
      for version in range(2, 32) for field in (0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42)),
    _Kind(b"version https://git-lfs", "a pointer of Git LFS", _LFS),
    _Kind(b"ustar", "a tar archive that is not compressed", f"{_UNPACK}; a SavedModel as .tar.gz", place=257),
    _Kind(b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    _Kind(b"Rar!\x1a\x07", "a RAR archive", _UNPACK),
    _Kind(b"\xfd7zXZ\0", "an xz archive", _UNPACK),
    _Kind(b"BZh", "a bzip2 archive", _UNPACK),
    _Kind(b"\x28\xb5\x2f\xfd", "a Zstandard archive", _UNPACK),
    _Kind(b"PK\x05\x06", "an empty zip archive"),
    _Kind(b"\x89PNG\r\n\x1a\n", "a PNG image"),
    _Kind(b"\xff\xd8\xff", "a JPEG image"),
    _Kind(b"GIF8", "a GIF image"),
    _Kind(b"%PDF", "a PDF document"),
    _Kind(b"\x7fELF", "a program"),
)  # fmt: skip
# The same of texts, whatever the case, behind a byte order mark and white space.
_OTHER_TEXTS = (
    _Kind(b"<!doctype html", "an HTML page", _DOWNLOAD),
    _Kind(b"<html", "an HTML page", _DOWNLOAD),
    _Kind(b"<", "HTML or XML text"),
    _Kind(b"{", "JSON text: an architecture without weights", _WITH_WEIGHTS),
    *(
        _Kind(start, "YAML text: an architecture without weights", _AS_JSON)
        for start in (b"class_name:", b"backend:", b"config:", b"keras_version:")
    ),
)
# The same for zip archives, by how the name of the first entry ends.
_OTHER_ZIPS = (
    *(_Kind(end, "a PyTorch checkpoint") for end in (b"/data.pkl", b"/.format_version")),
    _Kind(b"[Content_Types].xml", "an Office document"),
    _Kind(b"META-INF/MANIFEST.MF", "a Java archive"),
    _Kind(b".npy", "a NumPy archive (.npz)"),
    *(_Kind(end, "a zip archive with a model file in it", _UNPACK)
      for end in (b".keras", b".h5", b".hdf5")),
    *(_Kind(end, "a zip archive with an ONNX or TensorFlow Lite model in it", _SOURCE)
      for end in (b".onnx", b".tflite")),
    *(_Kind(end, "a zip archive of images") for end in (b".png", b".jpg", b".jpeg")),
)  # fmt: skip
# Weights that Keras itself puts into its archives.
_KERAS_ENTRIES = (b"model.weights.h5", b"variables.h5")


def expect_architecture(start: bytes) -> None:
    """Refuse a file that was sent with its weights in another one, and is no architecture.

    Args:
        start: the first `START_BYTES` of the file.

    Raises:
        NotAModelFileError: it is no JSON object.
    """
    if not start.removeprefix(_BYTE_ORDER_MARK).lstrip().startswith(b"{"):
        raise NotAModelFileError(
            "weights were sent along with a file that is no architecture",
            expected="JSON text, as model.to_json() gives it",
            hint="a whole model needs no file of weights",
        )


def refuse_other_kinds(start: bytes) -> None:
    """Refuse what is neither HDF5 nor a zip or gzip archive that may be a model.

    Args:
        start: the first `START_BYTES` of the file.

    Raises:
        NotAModelFileError: it is something else; the error says what.
    """
    if start.startswith((HDF5_SIGNATURE, GZIP_SIGNATURE)):
        return
    if not start.startswith(ZIP_SIGNATURE):
        raise _not_a_model(_kind_of(start))
    kind = _kind_of_zip(start)
    if kind is not None:
        raise _not_a_model(kind)


def _not_a_model(kind: _Kind) -> NotAModelFileError:
    return NotAModelFileError(
        "the file is not a Keras model",
        expected="a .keras archive, HDF5, or a SavedModel as .zip or .tar.gz",
        got=kind.name,
        hint=kind.hint,
    )


def _kind_of(start: bytes) -> _Kind:
    for kind in _OTHER_KINDS:
        if start[kind.place :].startswith(kind.start):
            return kind
    text = start.removeprefix(_BYTE_ORDER_MARK).lstrip().lower()
    for kind in _OTHER_TEXTS:
        if text.startswith(kind.start):
            return kind
    shown = start[: len(HDF5_SIGNATURE)]
    return _Kind(b"", f"a file that starts with {shown!r}" if start else "an empty file")


def _kind_of_zip(start: bytes) -> _Kind | None:
    """Return what else is a zip archive, by its first entry; nothing where it may be a model."""
    # APPNOTE.TXT 4.3.7: the length of the name is at 26, the name at 30.
    (length,) = struct.unpack_from("<H", start.ljust(30, b"\0"), 26)
    name = start[30 : 30 + length]
    if name.endswith(_KERAS_ENTRIES):
        return None
    return next((kind for kind in _OTHER_ZIPS if name.endswith(kind.start)), None)
