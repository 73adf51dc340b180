"""What people upload by mistake is named by its first bytes, with what to do; what may be a model is let through."""

import io
import pickle
import struct
import tarfile
import zipfile
from contextlib import suppress

import numpy as np
import pytest

from graph.errors import NotAModelFileError
from graph.file_kind import HDF5_SIGNATURE, START_BYTES, refuse_other_kinds


def archive(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, b"content")
    return file.getvalue()


def tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("saved_model.pb"), io.BytesIO())
    return file.getvalue()


def array() -> bytes:
    file = io.BytesIO()
    np.save(file, np.ones(3))
    return file.getvalue()


def refused(content: bytes) -> NotAModelFileError:
    with pytest.raises(NotAModelFileError) as caught:
        refuse_other_kinds(content[:START_BYTES])
    return caught.value


@pytest.mark.parametrize(
    ("content", "kind", "hint"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a PNG image", "model.save()"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "a JPEG image", "model.save()"),
        (b"%PDF-1.7", "a PDF document", "model.save()"),
        (pickle.dumps([1, 2]), "a Python pickle, which could run code", "model.save()"),
        (array(), "a NumPy array", "model.save()"),
        (b"\x1c\0\0\0TFL3", "a TensorFlow Lite model", "converted from another model"),
        (b"GGUF\3\0\0\0", "a GGUF model", "converted from another model"),
        (b"\x08\x07\x12\x0btf2onnx", "an ONNX model", "converted from another model"),
        (b"\x08\x0a:\x80\x01", "an ONNX model", "converted from another model"),
        (b"\x08\x01\x12\xb0\x05", "saved_model.pb", "upload its whole folder"),
        (struct.pack("<Q", 90) + b'{"w":{"dtype"', "a safetensors file", "model.save()"),
        (b"<!DOCTYPE html>\n<html>", "an HTML page", "download the file itself"),
        (b"\xef\xbb\xbf\n  <HTML>", "an HTML page", "download the file itself"),
        (b'<?xml version="1.0"?>', "HTML or XML text", "model.save()"),
        (b' {"class_name": "Model"}', "JSON text: an architecture", "as the part weights"),
        (b"backend: tensorflow\nclass_name: Model", "YAML text: an architecture", "to_json()"),
        (b"version https://git-lfs.github.com", "a pointer of Git LFS", "git lfs pull"),
        (tar(), "a tar archive", "unpack it"),
        (b"PK\x05\x06" + bytes(18), "an empty zip archive", "model.save()"),
        (archive("model.keras"), "a zip archive with a model file in it", "unpack it"),
        (archive("nets/best.h5"), "a zip archive with a model file in it", "unpack it"),
        (archive("x/data.pkl"), "a PyTorch checkpoint", "model.save()"),
        (archive("a.png"), "a zip archive of images", "model.save()"),
        (archive("m.tflite"), "a zip archive with an ONNX or TensorFlow Lite", "converted"),
        (b"", "an empty file", "model.save()"),
        (b"hello", "a file that starts with b'hello'", "model.save()"),
    ],
)
def test_what_is_no_model_is_named(content: bytes, kind: str, hint: str) -> None:
    error = refused(content)
    assert kind in error.got
    assert hint in error.hint


@pytest.mark.parametrize(
    "content",
    [
        HDF5_SIGNATURE,
        archive("metadata.json", "config.json", "model.weights.h5"),
        archive("model.weights.h5", "config.json"),
        archive("unpacked/model.weights.h5", "unpacked/config.json"),
        archive("variables.h5"),
        archive("assets/"),
        archive("m/saved_model.pb"),
        archive("variables/variables.index"),
        b"\x1f\x8b\x08",
        archive("config.json"),
    ],
)
def test_what_may_be_a_model_is_let_through(content: bytes) -> None:
    refuse_other_kinds(content[:START_BYTES])


@pytest.mark.parametrize("length", range(60))
def test_a_file_cut_anywhere_raises_nothing_else(length: int) -> None:
    for content in (archive("metadata.json"), tar(), archive("model.keras")):
        with suppress(NotAModelFileError):
            refuse_other_kinds(content[:length])
