"""The artifact format: what is written is read, and everything else is refused by its own error."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.artifacts import artifact
from engine.artifacts.artifact import (
    ArtifactLimits,
    artifact_bytes,
    open_artifact,
    parse_artifact,
    write_artifact,
)
from engine.compiler import compile_graph
from engine.core.errors import (
    ArtifactChecksumError,
    ArtifactError,
    ArtifactFileError,
    ArtifactProgramError,
    ArtifactTooLargeError,
    ArtifactTruncatedError,
    ArtifactVersionError,
    ManifestError,
    NotAnArtifactError,
    SectionError,
    WeightFormError,
)
from engine.core.target import host_target
from engine.execution.runtime import load
from engine.machine_code.object_cache import ObjectCache
from engine.planning.plan import CompiledModel
from graph.activations import ActivationFunction, Function
from graph.graph import Graph
from graph.shape_ops import Permute, Reshape
from tests.builders import GraphBuilder, random_inputs
from tests.engine.compiled import UNTUNED, assert_close, oracle
from tests.engine.tamper import HEADER, Tampered, seal, write_as_before_version_4


def model_graph() -> Graph:
    b = GraphBuilder(7)
    x = b.dense(b.input(40), 36, sparsity=0.9, activation=Function.RELU, name="first")
    x = b.add(Permute((2, 1, 3)), [b.add(Reshape((2, 3, 6)), [x])])
    x = b.dense(
        b.layer_normalization(x, (3,)), 5, sparsity=0.2, activation=Function.TANH, name="second"
    )
    bounded = ActivationFunction(Function.RELU, negative_slope=0.5, threshold=0.25)
    return b.build(b.activation(b.batch_normalization(x), bounded))


@pytest.fixture(scope="module")
def model(object_cache: ObjectCache) -> CompiledModel:
    return compile_graph(model_graph(), host_target(), UNTUNED, object_cache)


@pytest.fixture(scope="module")
def content(model: CompiledModel) -> bytes:
    return artifact_bytes(model)


def test_what_is_written_is_read(model: CompiledModel, tmp_path: Path) -> None:
    info = write_artifact(model, tmp_path / "a")
    raw = (tmp_path / "a").read_bytes()
    assert info.sha256 == hashlib.sha256(raw).hexdigest()
    assert info.size_bytes == len(raw)
    assert [file.name for file in tmp_path.iterdir()] == ["a"]
    read = open_artifact(tmp_path / "a").model
    assert read.program.steps == model.program.steps
    assert read.program.inputs == model.program.inputs
    assert read.layers == model.layers
    assert read.times == model.times
    assert read.plan.isa is model.plan.isa
    assert [tile.lanes for tile in read.plan.tiles] == [tile.lanes for tile in model.plan.tiles]
    assert artifact_bytes(read) == raw


def test_equal_models_are_equal_bytes(object_cache: ObjectCache, content: bytes) -> None:
    again = compile_graph(model_graph(), host_target(), UNTUNED, object_cache)
    assert artifact_bytes(again) == content


def test_a_file_runs_as_its_model(
    model: CompiledModel, object_cache: ObjectCache, tmp_path: Path
) -> None:
    write_artifact(model, tmp_path / "a")
    inputs = random_inputs(model_graph(), 19)
    executable = load(tmp_path / "a", object_cache)
    (tmp_path / "a").unlink()  # the mapping outlives the name
    assert_close(executable.run(inputs), oracle(model_graph(), inputs))


def test_every_array_is_read_only_and_aligned(content: bytes) -> None:
    aligned = np.zeros(len(content) + 64, np.uint8)
    start = -aligned.ctypes.data % 64
    aligned[start : start + len(content)] = np.frombuffer(content, np.uint8)
    model = parse_artifact(memoryview(aligned)[start : start + len(content)]).model
    choices = [choice for tile in model.plan.tiles for choice in tile.choices.values()]
    packed = [choice.packed for choice in choices if choice.sparse]
    assert packed
    assert all(packed)
    # Dense forms are as large as the weights, which are there already.
    assert all(choice.packed is None for choice in choices if not choice.sparse)
    for layer in (part for parts in packed for part in parts or ()):
        for array in layer.constants.values():
            assert not array.flags.writeable
            assert array.ctypes.data % 64 == 0


def test_a_sparse_kernel_is_stored_by_its_nonzeros(content: bytes) -> None:
    forms = Tampered(content).manifest["program"]["constants"]
    assert forms["first/kernel"]["form"] == "stepped"
    assert forms["second/kernel"]["form"] == "dense"


def test_a_missing_file_is_an_artifact_error(tmp_path: Path) -> None:
    with pytest.raises(ArtifactFileError):
        open_artifact(tmp_path / "none")


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_what_is_no_regular_file_is_refused(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "a")
    with pytest.raises(ArtifactFileError):
        open_artifact(tmp_path / "a")


def test_a_folder_that_is_not_there_cannot_be_written(model: CompiledModel, tmp_path: Path) -> None:
    with pytest.raises(ArtifactFileError):
        write_artifact(model, tmp_path / "none" / "a")


def test_an_empty_file_is_truncated(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(ArtifactTruncatedError):
        open_artifact(tmp_path / "a")


def test_another_kind_of_file_is_refused(content: bytes) -> None:
    with pytest.raises(NotAnArtifactError):
        parse_artifact(b"PK\x03\x04" + content[4:])


@pytest.mark.parametrize("field", [2, 5])
def test_reserved_bytes_are_zero(content: bytes, field: int) -> None:
    head = list(HEADER.unpack(content[:64]))
    head[field] = {2: 1, 5: b"\0\0\0\0\0\0\0\1"}[field]
    with pytest.raises(NotAnArtifactError, match="reserved"):
        parse_artifact(seal(head, content[64:]))


@pytest.mark.parametrize("version", [0, 5])
def test_another_version_is_refused(content: bytes, version: int) -> None:
    head = list(HEADER.unpack(content[:64]))
    head[1] = version
    with pytest.raises(ArtifactVersionError, match=f"expected 1 to 4; got {version}"):
        parse_artifact(seal(head, content[64:]))


def test_limits_on_sizes_hold(content: bytes) -> None:
    with pytest.raises(ArtifactTooLargeError):
        parse_artifact(content, ArtifactLimits(max_bytes=len(content) - 1))
    with pytest.raises(ArtifactTooLargeError, match="manifest"):
        parse_artifact(content, ArtifactLimits(max_manifest_bytes=100))


def test_a_manifest_longer_than_the_file_is_refused(content: bytes) -> None:
    head = list(HEADER.unpack(content[:64]))
    head[3] = len(content)
    with pytest.raises(ArtifactTruncatedError):
        parse_artifact(seal(head, content[64:]))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_truncated_file_is_refused(content: bytes, share: float) -> None:
    with pytest.raises(ArtifactError):
        parse_artifact(content[: int(share * len(content))])


@pytest.mark.parametrize("at_once_bytes", [0, artifact.HASH_AT_ONCE_BYTES])
def test_changed_bytes_break_the_checksum(
    content: bytes, monkeypatch: pytest.MonkeyPatch, at_once_bytes: int
) -> None:
    monkeypatch.setattr(artifact, "HASH_AT_ONCE_BYTES", at_once_bytes)
    assert parse_artifact(content).size_bytes == len(content)
    for place in np.random.default_rng(0).integers(64, len(content), 50):
        changed = bytearray(content)
        changed[place] ^= 1
        with pytest.raises(ArtifactChecksumError):
            parse_artifact(bytes(changed))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"{" * 100_000,
        b'{"a":' * 100_000,
        b'{"sections":[],"sections":[]}',
        b'{"sections":NaN}',
        b'{"sections":' + b"9" * 5000 + b"}",
        b"{}",
        b'{"sections":{}}',
    ],
)
def test_a_manifest_that_is_no_plain_json_object_is_refused(content: bytes, text: bytes) -> None:
    with pytest.raises(ManifestError):
        parse_artifact(Tampered(content).sealed(text))


def test_padding_of_the_manifest_is_zero(content: bytes) -> None:
    tampered = Tampered(content)
    text = tampered.sealed()
    length = HEADER.unpack(text[:64])[3]
    assert length % 64 != 0
    changed = bytearray(text[64:])
    changed[length] = 32
    with pytest.raises(ManifestError, match="padding"):
        parse_artifact(seal(list(HEADER.unpack(text[:64])), bytes(changed)))


Path_ = tuple[Any, ...]
STEP, TILE = ("program", "steps"), ("plan", "tiles", 0)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("surprise",), 1),
        (("program", "name"), ""),
        (("program", "name"), 7),
        (("program", "buffers"), "many"),
        (("program", "buffers", 0), -1),
        (("program", "buffers", 0), 1.5),
        (("program", "buffers", 0), True),
        (("program", "buffers", 0), 2**60),
        ((*STEP, 1), None),
        ((*STEP, 1, "kind"), "system"),
        ((*STEP, 1, "surprise"), 1),
        ((*STEP, 1, "x"), [0, 0]),
        ((*STEP, 1, "x"), [0, 0, 40, 40]),
        ((*STEP, 1, "function"), {"name": "exec", "parameters": []}),
        ((*STEP, 1, "function"), {"name": "relu", "parameters": ["x"]}),
        ((*STEP, 1, "function"), {"name": "relu", "parameters": ["0x1p0"] * 4}),
        (("plan", "isa"), "sve"),
        (("plan", "tiles"), []),
        ((*TILE, "lanes"), 3),
        ((*TILE, "seconds"), "nan"),
        ((*TILE, "seconds"), "-0x1p0"),
        ((*TILE, "half_seconds"), "0x0p0"),
        ((*TILE, "shared_seconds"), "nan"),
        ((*TILE, "shared_seconds"), 1),
        ((*TILE, "spread_seconds"), "inf"),
        (("plan", "threads"), 0),
        (("plan", "threads"), 2**40),
        (("plan", "threads"), None),
        (("plan", "values"), "float64"),
        (("plan", "packing"), "2"),
        (("layers", 0, "buckets", 0, "parts"), 0),
        (("layers", 0, "rounding"), "nan"),
        (("layers", 0, "rounding"), "-0x1p0"),
        ((*TILE, "layers"), []),
        ((*TILE, "layers", 0, "step"), 0),
        ((*TILE, "layers", 0, "family"), 'x"() { ret void }'),
        ((*TILE, "layers", 0, "activation"), "exec"),
        ((*TILE, "layers", 0, "variant"), {"rows": 10**9}),
        ((*TILE, "layers", 0, "variant"), {"rows": "a b"}),
        (("layers", 0, "nonzeros"), 10**6),
        (("sections", 0, "shape"), [-1]),
    ],
)
def test_fields_of_another_kind_or_range_are_refused(
    content: bytes, path: Path_, value: Any
) -> None:
    tampered = Tampered(content)
    place: Any = tampered.manifest
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(ManifestError):
        parse_artifact(tampered.sealed())


def test_a_plan_of_another_packing_version_is_made_anew(
    content: bytes, object_cache: ObjectCache
) -> None:
    tampered = Tampered(content)
    tampered.manifest["plan"]["packing"] = 0
    tampered.layer(1)["variant"] = {"of": "another time"}
    assert_made_anew(tampered, object_cache)


def test_of_an_older_version_the_program_is_read(content: bytes, object_cache: ObjectCache) -> None:
    tampered = Tampered(content)
    tampered.head[1] = 1
    write_as_before_version_4(tampered)
    tampered.manifest["plan"] = {"isa": "of another time"}
    tampered.manifest["layers"] = ["whatever"]
    tampered.manifest["times"] = None
    assert_made_anew(tampered, object_cache)
    tampered.manifest["program"]["buffers"] = []
    with pytest.raises(ArtifactError):
        parse_artifact(tampered.sealed())


def test_of_version_3_rows_have_a_number_each(
    content: bytes, object_cache: ObjectCache, tmp_path: Path
) -> None:
    tampered = Tampered(content)
    tampered.head[1] = 3
    with pytest.raises(ManifestError, match="unknown fields"):
        parse_artifact(tampered.sealed())
    write_as_before_version_4(tampered)
    artifact = parse_artifact(tampered.sealed())
    assert artifact.model.plan.tiles
    inputs = random_inputs(model_graph(), 19)
    assert_close(load(artifact, object_cache).run(inputs), oracle(model_graph(), inputs))
    tampered.head[1] = 4
    with pytest.raises(ManifestError, match="outer"):
        parse_artifact(tampered.sealed())


def assert_made_anew(tampered: Tampered, object_cache: ObjectCache) -> None:
    artifact = parse_artifact(tampered.sealed())
    assert artifact.model.plan.tiles == ()
    executable = load(artifact, object_cache)
    assert not executable.is_tuned_here
    inputs = random_inputs(model_graph(), 19)
    assert_close(executable.run(inputs), oracle(model_graph(), inputs))


def test_tile_widths_rise(content: bytes) -> None:
    tampered = Tampered(content)
    tampered.manifest["plan"]["tiles"].reverse()
    with pytest.raises(ManifestError, match="do not rise"):
        parse_artifact(tampered.sealed())


@pytest.mark.parametrize(
    ("number", "field", "value"),
    [
        (0, "offset", 64),
        (1, "offset", 0),
        (1, "offset", 1),
        (-1, "offset", 2**40),
        (0, "dtype", "object"),
        (0, "dtype", "float64"),
        (-1, "shape", [2**30]),
        (-1, "shape", [2**40, 2**40]),
        (-1, "shape", [1]),
    ],
)
def test_sections_out_of_place_are_refused(
    content: bytes, number: int, field: str, value: Any
) -> None:
    tampered = Tampered(content)
    section = tampered.manifest["sections"][number]
    assert section[field] != value
    if field == "shape":
        tampered.data += bytes(64) if value == [1] else b""
    section[field] = value
    with pytest.raises(SectionError):
        parse_artifact(tampered.sealed())


def test_bytes_behind_the_last_section_are_refused(content: bytes) -> None:
    tampered = Tampered(content)
    tampered.data += bytes(64)
    with pytest.raises(SectionError, match="behind the last"):
        parse_artifact(tampered.sealed())


def test_a_section_that_is_not_there_is_refused(content: bytes) -> None:
    tampered = Tampered(content)
    tampered.manifest["program"]["constants"]["first/bias"]["section"] = 10_000
    with pytest.raises(SectionError, match="no such section"):
        parse_artifact(tampered.sealed())


def _falling_starts(arrays: dict[str, np.ndarray]) -> None:
    arrays["starts"][1] = arrays["starts"][-1] + 1


def _row_outside(arrays: dict[str, np.ndarray]) -> None:
    arrays["steps"][-1] = 255


def _late_start(arrays: dict[str, np.ndarray]) -> None:
    arrays["starts"][0] = 1


@pytest.mark.parametrize("change", [_falling_starts, _row_outside, _late_start])
def test_sparse_weights_that_leave_their_matrix_are_refused(content: bytes, change: Any) -> None:
    tampered = Tampered(content)
    form = tampered.manifest["program"]["constants"]["first/kernel"]
    change({name: tampered.array(form[name]) for name in ("starts", "steps", "values")})
    with pytest.raises(WeightFormError):
        parse_artifact(tampered.sealed())


@pytest.mark.parametrize("shape", [[40, 37], [0, 36], [2**26, 36], [39, 36]])
def test_sparse_weights_of_another_shape_are_refused(content: bytes, shape: list[int]) -> None:
    tampered = Tampered(content)
    form = tampered.manifest["program"]["constants"]["first/kernel"]
    form["shape"] = shape
    with pytest.raises((WeightFormError, ArtifactProgramError)):
        parse_artifact(tampered.sealed())
