"""What the service decodes in its own process: bodies of predictions, and the fields of the upload form."""

import copy
import io
import json
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from app.core.errors import ServiceError
from app.routes.forms import job_request
from app.services.array_files import NpzBody, decode_npy
from app.services.codecs import decode_json, peek_model, sniff
from app.services.uploads import Upload
from benchmarks.reliability.fuzzing.target import Target
from benchmarks.reliability.hostile_fields import NAMES, RECIPES, VERSIONS, calibrations
from graph.errors import PrunusError
from pruning.recipe_parser import parse_recipe
from tests.hostile.mutations import JUNK, changed, places

_DECODED_MAX_BYTES = 64 * 1024 * 1024


def _npy(array: "np.ndarray[tuple[int, ...], np.dtype[np.float32]]") -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _npz(body: bytes) -> object:
    found = NpzBody(body, _DECODED_MAX_BYTES)
    return found.headers(), found.arrays()


def _recipe(body: bytes) -> object:
    return parse_recipe(json.loads(body))


def codecs(folder: Path) -> Target:
    """JSON, .npy, .npz, form fields and recipes; the first byte of a case says which."""

    def form(body: bytes) -> object:
        fields = dict(json.loads(body))
        return job_request(Upload("0", folder, fields, {"file": "m"}, {"file": 1}))

    decoders: list[Callable[[bytes], object]] = [
        *(decode_json, decode_npy, _npz, form, _recipe),
        lambda body: (sniff(body), peek_model(body)),
    ]
    corpora = _corpora()

    def make(rng: random.Random) -> bytes:
        kind = rng.randrange(len(decoders))
        return bytes([kind]) + rng.choice(corpora[kind])(rng)

    def attempt(case: bytes) -> bool:
        try:
            decoders[case[0]](case[1:])
        except (PrunusError, ServiceError):
            return False
        except ValueError:
            # Not JSON: the service parses fields and recipes elsewhere.
            if case[0] not in (3, 4) or _is_json(case[1:]):
                raise
            return False
        return True

    return Target("codecs", make, attempt)


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except ValueError:
        return False
    return True


Draw = Callable[[random.Random], bytes]

# Values of a .npy header as Python writes them; hexadecimal integers are read at any length, and not shown.
_LITERALS = (
    *("'<f4'", "'|O'", "()", "(2, 3)", "(0,)", "False", "True", "None", "[]", "{}", "1.5", "-1"),
    *("1" * 3000, "0x" + "f" * 3600, "(0x" + "f" * 3600 + ",)", "[('a', 0x" + "f" * 3600 + ")]"),
    *("(1, (2, -0x" + "f" * 3600 + "))", "b'<f4'", "1j", "(True,)", "(2**40,)", "(" * 300),
)


def _corpora() -> list[list[Draw]]:
    """Ways to draw a body for each decoder."""
    document = {
        "model": "m",
        "version": 1,
        "inputs": {"a": [[1.5, -2, 3e10], [0, 1, 2]], "b": [[True]]},
    }
    npy = _npy(np.arange(24, dtype=np.float32).reshape(2, 3, 4))
    npzs = [content for content in calibrations().values() if content]
    text = json.dumps(document).encode()
    fields: list[Draw] = [lambda rng: _fields(rng)]
    recipe = {"mode": "magnitude", "sparsity": 0.5, "scope": "global"}
    return [
        [lambda rng: changed(text, rng), lambda rng: _meant(document, rng)],
        [lambda rng: changed(npy, rng), _npy_literals],
        [lambda rng: changed(rng.choice(npzs), rng), _npz_literals],
        fields,
        [lambda rng: _meant(recipe, rng)],
        [lambda rng: rng.randbytes(rng.randrange(40)), lambda rng: changed(npy[:64], rng)],
    ]


def _meant(document: object, rng: random.Random) -> bytes:
    """The document with one or two values replaced."""
    result = json.loads(json.dumps(document))
    for _ in range(rng.choice([1, 1, 2])):
        found = places(result, [])
        if found:
            container, key = rng.choice(found)
            # A copy: what was put in is changed in its turn.
            container[key] = copy.deepcopy(rng.choice(JUNK))
    return json.dumps(result).encode()


def _npy_literals(rng: random.Random) -> bytes:
    """A .npy file whose header has literals of all kinds in the place of what it means."""
    fields = {"descr": "'<f4'", "fortran_order": "False", "shape": "(2, 3)"}
    for name in rng.sample(sorted(fields), rng.choice([1, 1, 2])):
        fields[name] = rng.choice(_LITERALS)
    text = ", ".join(f"{name!r}: {value}" for name, value in fields.items())
    header = f"{{{text}}}".ljust(117).encode() + b"\n"
    start = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little")
    return start + header + bytes(rng.choice([0, 24]))


def _npz_literals(rng: random.Random) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.npy", _npy_literals(rng))
    return file.getvalue()


def _fields(rng: random.Random) -> bytes:
    fields = {"name": rng.choice(["m", *NAMES])}
    for key, values in (
        ("version", VERSIONS),
        ("recipe", RECIPES),
        ("values", ("float32", "f", "")),
    ):
        if rng.random() < 0.4:
            fields[key] = rng.choice(values)
    for key in ("allow_nonfinite", "activate", "mine"):
        if rng.random() < 0.1:
            fields[key] = rng.choice(["true", "false", "1", "yes", "", "\x00"])
    return json.dumps(fields).encode()
