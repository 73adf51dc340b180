"""Hostile forms and fields around a healthy model: each a request that must be refused with a reason, or do no harm."""

import io
import pickle
import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Field:
    """One request to `POST /models`.

    Attributes:
        name: what it tries.
        fields: form fields beside the file.
        files: more parts with a file each.
        filename: name of the model's file.
        query: query parameters.
        body: the whole body, in place of a form; with `content_type`.
        may_be_served: it is harmless, and a served model is a right answer, too.
    """

    name: str
    fields: dict[str, str] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    filename: str = "model.keras"
    query: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    content_type: str = "multipart/form-data; boundary=b"
    may_be_served: bool = False


NAMES = (
    "", " ", ".", "..", "../x", "../../etc/passwd", "/etc/passwd", "a/b", "a\\b", "a b", "a\nb", "a\rb", "a\tb", "a\x00b",
    "a\x1b[2J", "<script>alert(1)</script>", "{{7*7}}", "${jndi:ldap://x}", "'; DROP TABLE versions; --", "%2e%2e%2f",
    "a" * 300, "\u202egnp", "\U0001f600", "\u0430dmin", "-rf", "a:b", "a*b", "a?b", "a#b", "con|x", "~root",
)  # fmt: skip
VERSIONS = (
    "0", "-1", "1.5", "1e9", "NaN", "", " 1", "0x10", "9" * 5000, "2147483649", "\u0661", "1;2", "true",
)  # fmt: skip
RECIPES = (
    "{", "[]", "null", "1", '"lossless"', "{}x", '{"mode": "sudo"}', '{"mode": ["lossless"]}', '{"mode": null}',
    '{"mode": "magnitude"}', '{"mode": "magnitude", "sparsity": 2}', '{"mode": "magnitude", "sparsity": -0.1}',
    '{"mode": "magnitude", "sparsity": NaN}', '{"mode": "magnitude", "sparsity": 1e999}',
    '{"mode": "magnitude", "sparsity": "0.5"}', '{"mode": "magnitude", "sparsity": true}',
    '{"mode": "threshold", "threshold": -1}', '{"mode": "threshold", "threshold": 1e400}',
    '{"mode": "lossless", "mode": "magnitude", "sparsity": 0.5}', '{"mode": "lossless", "run": "os.system"}',
    '{"mode": "lossless", "__class__": "x"}', "[" * 100_000, '{"a":' * 5000 + "1" + "}" * 5000,
    '{"mode": "' + "a" * 200_000 + '"}',
)  # fmt: skip


def _npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


class _Touch:
    def __reduce__(self) -> tuple[Any, tuple[str, ...]]:
        import os

        return os.system, ("touch executed",)


def _pickled() -> bytes:
    """An object array whose unpickling runs a command."""
    head = "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(117) + "\n"
    return (
        b"\x93NUMPY\x01\x00"
        + struct.pack("<H", len(head))
        + head.encode()
        + pickle.dumps([_Touch()])
    )


def _zip(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


def _claims(shape: str) -> bytes:
    head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + bytes(16)


def calibrations() -> dict[str, bytes]:
    """Calibration files that are none, or lie."""
    return {
        "empty": b"",
        "text": b"1,2,3",
        "pickle": pickle.dumps(_Touch()),
        "npy with a pickle": _pickled(),
        "npz with a pickle": _zip(input_layer=_pickled()),
        "npz of zeros": _npz(input_layer=np.zeros((2000, 20_000), np.float32)),
        "npz of text": _npz(input_layer=np.array(["a" * 1000])),
        "npz with a claim of 4 TB": _zip(input_layer=_claims("(1000000, 1000000)")),
        "npz with a negative shape": _zip(input_layer=_claims("(-1, 64)")),
        "npz with a shape that is code": _zip(input_layer=_claims("__import__('os').system('id')")),
        "npz cut short": _npz(input_layer=np.ones((4, 64)))[:-40],
        "npz of other names": _npz(**{"../x": np.ones((4, 64), np.float32)}),
        "npz of NaN": _npz(input_layer=np.full((4, 64), np.nan, np.float32)),
    }


def _bodies() -> dict[str, bytes]:
    part = b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
    end = b"--b--\r\n"
    file = b'--b\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n\r\nno model\r\n'
    return {
        "nothing": b"",
        "no parts": end,
        "no file": part % (b"name", b"m") + end,
        "no end": part % (b"name", b"m") + file % b"m",
        "another boundary": (part % (b"name", b"m")).replace(b"--b", b"--c"),
        "two files": part % (b"name", b"m") + file % b"a" + file % b"b" + end,
        "two names": part % (b"name", b"a") + part % (b"name", b"b") + file % b"m" + end,
        "an unknown part": part % (b"name", b"m") + part % (b"evil", b"1") + file % b"m" + end,
        "a part without a name": b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n" + end,
        "a part without a head": b"--b\r\n\r\nx\r\n" + end,
        "very many parts": (part % (b"name", b"m")) * 3000 + end,
        "a very long head": b"--b\r\nX: " + b"a" * 200_000 + b"\r\n\r\nx\r\n" + end,
        "a name that is not UTF-8": part % (b"name", b"\xff\xfe") + file % b"m" + end,
        "a filename that climbs": part % (b"name", b"m") + file % b"../../../etc/passwd" + end,
        "a filename with NUL": part % (b"name", b"m") + file % b"a\x00b" + end,
        "random bytes": np.random.default_rng(1).bytes(5000),
    }


def all_fields() -> Iterator[tuple[str, Field]]:
    """(kind, request) of every hostile form."""
    for index, name in enumerate(NAMES):
        yield "model names", Field(f"name {index}: {name[:20]!r}", {"name": name})
    for version in VERSIONS:
        # An empty field counts as one that was left out.
        yield (
            "versions",
            Field(
                f"version {version[:20]!r}",
                {"name": "m", "version": version},
                may_be_served=not version,
            ),
        )
    for recipe in RECIPES:
        # A null counts as a field that was left out.
        is_default = recipe == '{"mode": null}'
        yield (
            "recipes",
            Field(
                f"recipe {recipe[:40]!r}", {"name": "m", "recipe": recipe}, may_be_served=is_default
            ),
        )
    for name, content in calibrations().items():
        yield (
            "calibration files",
            Field(f"calibration: {name}", {"name": "m"}, {"calibration": content}),
        )
        both = {"calibration": _npz(input_layer=np.ones((4, 64), np.float32)), "labels": content}
        yield "calibration files", Field(f"labels: {name}", {"name": "m"}, both)
    for name, body in _bodies().items():
        yield "forms", Field(f"form: {name}", body=body)
    for filename in ("../../etc/cron.d/x", "a\\b.keras", "a" * 1000, "<script>.keras"):
        yield (
            "forms",
            Field(
                f"filename {filename[:20]!r}", {"name": "f"}, filename=filename, may_be_served=True
            ),
        )
    for wait in ("-1", "nan", "inf", "1e300", "soon", "0x10"):
        # A long wait is cut to the longest that is allowed.
        yield (
            "forms",
            Field(
                f"wait={wait}", {"name": "m"}, query={"wait": wait}, may_be_served=wait[0] in "1i"
            ),
        )


def healthy_model(folder: Path) -> bytes:
    """A small model with one input of 64 numbers, called input_layer."""
    from tests.graph.keras.handmade import folders, input_layer, layer, sequential, write_archive

    kernel = np.arange(128, dtype=np.float32).reshape(64, 2) / 64
    arrays = {"layers/dense/vars/0": kernel, "layers/dense/vars/1": np.ones(2, np.float32)}
    config = sequential(input_layer(64, name="input_layer"), layer("Dense", units=2))
    return write_archive(folder / "healthy.keras", config, folders(arrays)).read_bytes()
