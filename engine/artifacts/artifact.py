"""Reading and writing artifacts: one content-addressed file; docs/artifact-format.md is its definition.

    header    64 bytes: magic, version, length of the manifest, sha256 of everything behind the header
    manifest  JSON, padded with zero bytes to a multiple of 64
    data      arrays, each on a multiple of 64 bytes from the start of the file

A file is mapped read-only, so that processes share one copy of the weights, and everything in it is
checked before anything is used. Native code is never in it.
"""

import hashlib
import json
import mmap
import os
import stat
import struct
import tempfile
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.artifacts.manifest_plan import decode_plan, encode_plan, unplanned
from engine.artifacts.manifest_program import decode_program, encode_program
from engine.artifacts.manifest_reports import decode_layer, decode_time, encode_layer, encode_time
from engine.artifacts.record import Record, parse_json
from engine.artifacts.sections import (
    SectionReader,
    SectionWriter,
    decode_section,
    encode_section,
    padded,
)
from engine.core import limits
from engine.core.errors import (
    ArtifactChecksumError,
    ArtifactFileError,
    ArtifactProgramError,
    ArtifactTooLargeError,
    ArtifactTruncatedError,
    ArtifactVersionError,
    ManifestError,
    NotAnArtifactError,
    ProgramError,
)
from engine.core.program import Program
from engine.core.program_check import check_program
from engine.planning.plan import CompiledModel, Varying

if TYPE_CHECKING:
    from graph.graph import Front

MAGIC = b"PRUNUSA\0"
FIRST_VERSION, VERSION = 1, 4
# Files below this version have a number of scale, shift and alpha for each row, and parts of layers by outputs only.
ROW_GROUPS_VERSION = 4
# Files of these versions were checked with subnormal numbers kept: they keep them.
KEEPING_VERSIONS = (1, 2)
# Files of these older versions: their program is read; their plan is not, and a new one is made.
PROGRAM_ONLY_VERSIONS = (1,)
# magic, version, 4 zero bytes, manifest bytes, sha256, 8 zero bytes
_HEADER = struct.Struct("<8sIIQ32s8s")
_MAX_TIMES = 64
# A shorter file is hashed before a thread would have started.
HASH_AT_ONCE_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class ArtifactLimits:
    """What a file may ask for.

    Attributes:
        max_bytes: largest size of the whole file.
        max_manifest_bytes: largest size of the manifest.
    """

    max_bytes: int = limits.MAX_ARTIFACT_BYTES
    max_manifest_bytes: int = limits.MAX_MANIFEST_BYTES


DEFAULT_LIMITS = ArtifactLimits()


@dataclass(frozen=True, slots=True)
class ArtifactInfo:
    """What was written.

    Attributes:
        sha256: the SHA-256 of the whole file in hexadecimal digits, which stands for its content.
        size_bytes: size of the whole file.
    """

    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, eq=False)
class Artifact:
    """An opened and checked artifact.

    Attributes:
        model: the compiled network; its arrays are read-only views of the file.
        size_bytes: size of the whole file.
    """

    model: CompiledModel
    size_bytes: int


def artifact_bytes(model: CompiledModel) -> bytes:
    """Return the file of a model."""
    sections = SectionWriter()
    manifest: dict[str, Any] = {
        "program": encode_program(model.program, sections),
        "plan": encode_plan(model.plan, model.program, sections),
        "layers": [encode_layer(layer) for layer in model.layers],
        "times": [encode_time(time) for time in model.times],
    }
    if model.varying is not None:
        from engine.artifacts.manifest_graph import encode_varying  # see `_decode_varying`

        manifest["varying"] = encode_varying(model.varying, sections)
    if model.front is not None:
        from engine.artifacts.manifest_front import encode_front  # see `_decode_front`

        manifest["front"] = encode_front(model.front, sections)
    manifest["sections"] = [encode_section(section) for section in sections.sections]
    text = json.dumps(manifest, separators=(",", ":"), ensure_ascii=False).encode()
    body = bytearray(padded(len(text)) + sections.size_bytes)
    body[: len(text)] = text
    first = padded(len(text))
    for section, array in zip(sections.sections, sections.arrays, strict=True):
        start = first + section.offset
        body[start : start + array.nbytes] = np.ascontiguousarray(array).tobytes()
    digest = hashlib.sha256(body).digest()
    return _HEADER.pack(MAGIC, VERSION, 0, len(text), digest, bytes(8)) + bytes(body)


def write_artifact(model: CompiledModel, path: Path) -> ArtifactInfo:
    """Write a model's file; it appears whole or not at all.

    Raises:
        ArtifactFileError: the file cannot be written.
    """
    content = artifact_bytes(model)
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ArtifactFileError(f"cannot write the artifact: {error.strerror}") from error
    return ArtifactInfo(hashlib.sha256(content).hexdigest(), len(content))


def open_artifact(path: Path, allowed: ArtifactLimits = DEFAULT_LIMITS) -> Artifact:
    """Map a file and check everything in it.

    The file must not be changed while it is mapped; artifacts are never written in place.

    Raises:
        ArtifactError: it cannot be opened, or breaks a rule of the format.
    """
    try:
        # A pipe would block without O_NONBLOCK; it is refused below.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise ArtifactFileError(f"cannot open the artifact: {error.strerror}") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ArtifactFileError("the artifact is no regular file")
        _check_size(status.st_size, allowed)
        mapped = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise ArtifactFileError(f"cannot map the artifact: {error.strerror}") from error
    finally:
        os.close(descriptor)
    return parse_artifact(memoryview(mapped), allowed)


def parse_artifact(
    content: memoryview | bytes, allowed: ArtifactLimits = DEFAULT_LIMITS
) -> Artifact:
    """Check the bytes of an artifact; its arrays are views of `content`.

    Raises:
        ArtifactError: a rule of the format is broken.
    """
    data = memoryview(content).toreadonly()
    _check_size(len(data), allowed)
    version, manifest_bytes, digest = _check_header(data, allowed)
    checksum = _Checksum(data[_HEADER.size :])
    try:
        return _parse_body(data, version, manifest_bytes)
    finally:
        if checksum.digest() != digest:  # whatever else is wrong
            raise ArtifactChecksumError("the file is damaged: its checksum differs")


class _Checksum:
    """Hashes bytes on a thread of its own, while everything else in them is checked."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._digest = b""
        self._thread = Thread(target=self._compute, name="prunus-checksum")
        if len(data) < HASH_AT_ONCE_BYTES:
            self._compute()
        else:
            self._thread.start()

    def _compute(self) -> None:
        self._digest = hashlib.sha256(self._data).digest()

    def digest(self) -> bytes:
        """Return the sha256, waited for."""
        if self._thread.ident is not None:
            self._thread.join()
        return self._digest


def _parse_body(data: memoryview, version: int, manifest_bytes: int) -> Artifact:
    """Check and read everything behind the header."""
    first = _HEADER.size + padded(manifest_bytes)
    if first > len(data):
        raise ArtifactTruncatedError(
            "the manifest ends outside the file", expected=f"{first} bytes", got=str(len(data))
        )
    manifest = bytes(data[_HEADER.size : _HEADER.size + manifest_bytes])
    if any(data[_HEADER.size + manifest_bytes : first]):
        raise ManifestError("the padding of the manifest is not zero")
    record = parse_json(manifest)
    sections = SectionReader(
        data[first:], record.items("sections", limits.MAX_SECTIONS, decode_section)
    )
    return Artifact(_decode_model(record, sections, version), len(data))


def _check_size(size: int, allowed: ArtifactLimits) -> None:
    if size > allowed.max_bytes:
        raise ArtifactTooLargeError(
            "the artifact is too large", expected=f"at most {allowed.max_bytes}", got=str(size)
        )
    if size < _HEADER.size:
        raise ArtifactTruncatedError(
            "the file is shorter than a header", expected=str(_HEADER.size), got=str(size)
        )


def _check_header(data: memoryview, allowed: ArtifactLimits) -> tuple[int, int, bytes]:
    """Check the header; the version, the length of the manifest, and the checksum of the rest."""
    magic, version, zero, manifest_bytes, digest, zeros = _HEADER.unpack(data[: _HEADER.size])
    if magic != MAGIC:
        raise NotAnArtifactError("the file is no Prunus artifact", expected=repr(MAGIC))
    if not FIRST_VERSION <= version <= VERSION:
        raise ArtifactVersionError(
            "artifact version",
            expected=f"{FIRST_VERSION} to {VERSION}",
            got=str(version),
            hint="compile the model again",
        )
    if zero or any(zeros):
        raise NotAnArtifactError("reserved bytes of the header are not zero")
    if manifest_bytes > allowed.max_manifest_bytes:
        raise ArtifactTooLargeError(
            "the manifest is too large",
            expected=f"at most {allowed.max_manifest_bytes}",
            got=str(manifest_bytes),
        )
    return int(version), int(manifest_bytes), bytes(digest)


def _decode_model(record: Record, sections: SectionReader, version: int) -> CompiledModel:
    is_new = version >= ROW_GROUPS_VERSION
    program = decode_program(record.record("program"), sections, has_row_groups=is_new)
    try:
        check_program(program)
    except ProgramError as error:
        raise ArtifactProgramError(error.message, expected=error.expected, got=error.got) from error
    if version in PROGRAM_ONLY_VERSIONS:
        for name in ("plan", "layers", "times"):
            record.take(name)
        record.done()
        return CompiledModel(program, unplanned(keeps_subnormals=True), (), ())
    kept = {"keeps_subnormals": True} if version in KEEPING_VERSIONS else {}
    plan = decode_plan(record.record("plan", kept), program, sections, has_split=is_new)
    model = CompiledModel(
        program,
        plan,
        record.items("layers", limits.MAX_STEPS, decode_layer),
        record.items("times", _MAX_TIMES, decode_time),
        _decode_varying(record, program, sections) if "varying" in record else None,
        _decode_front(record, program, sections) if "front" in record else None,
    )
    record.done()
    return model


def _decode_varying(record: Record, program: Program, sections: SectionReader) -> Varying:
    """Read the graph of a model of varying size, whose program is for its first size."""
    # Imported here: models of fixed shapes are served without the ops.
    from engine.artifacts.manifest_graph import decode_varying

    varying = decode_varying(record.record("varying"), sections)
    shapes = {slot.name: slot.sample_shape for slot in program.inputs}
    dtypes = [slot.dtype for slot in program.inputs]
    outputs = [slot.name for slot in program.outputs]
    of_graph = [given.type.dtype.value for given in varying.graph.inputs]
    if (
        shapes != varying.sizes[0]
        or dtypes != of_graph
        or outputs != [one.name for one in varying.graph.outputs]
    ):
        raise ArtifactProgramError("program and graph have other inputs or outputs")
    return varying


def _decode_front(record: Record, program: Program, sections: SectionReader) -> "Front":
    """Read the front part of a model, which makes the inputs of its program."""
    # Imported here: models without one are served without its ops.
    from engine.artifacts.manifest_front import decode_front

    return decode_front(record.record("front"), sections, program.inputs)
