import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graph.activations import Function
from graph.attention_ops import Embedding
from graph.graph import Graph
from graph.tensor_type import DType, TensorType
from pruning import array_file
from pruning.calibrate import read_calibration
from pruning.errors import CalibrationError
from tests.builders import GraphBuilder
from tests.hostile.zip_files import directory_of


def classifier(classes: int = 3, activation: Function = Function.SOFTMAX) -> Graph:
    b = GraphBuilder(1)
    return b.build(b.dense(b.input(4, name="features"), classes, activation=activation))


def saved(folder: Path, **arrays: Any) -> Path:
    path = folder / "calibration.npz"
    np.savez(path, **arrays)
    return path


def test_samples_and_labels_are_read(tmp_path: Path) -> None:
    x, y = np.ones((5, 4), np.float64), np.array([0, 1, 2, 0, 1])
    read = read_calibration(saved(tmp_path, features=x, labels=y), classifier())
    assert read.samples == 5
    assert read.inputs["features"].dtype == np.float32
    assert read.labels is not None
    assert read.labels.tolist() == [0, 1, 2, 0, 1]


@pytest.mark.parametrize("alias", ["x", "inputs", "arr_0"])
def test_the_only_input_may_be_called_x(tmp_path: Path, alias: str) -> None:
    read = read_calibration(saved(tmp_path, **{alias: np.ones((5, 4))}), classifier())
    assert list(read.inputs) == ["features"]


def test_labels_may_come_from_a_file_of_their_own_and_one_hot(tmp_path: Path) -> None:
    path = saved(tmp_path, x=np.ones((2, 4)))
    np.save(tmp_path / "labels.npy", np.array([[0, 0, 1], [1, 0, 0]]))
    read = read_calibration(path, classifier(), tmp_path / "labels.npy")
    assert read.labels is not None
    assert read.labels.tolist() == [2, 0]
    np.savez(tmp_path / "labels.npz", anything=np.array([1.0, 2.0]))
    read = read_calibration(path, classifier(), tmp_path / "labels.npz")
    assert read.labels is not None
    assert read.labels.tolist() == [1, 2]


def test_several_inputs_are_matched_by_name(tmp_path: Path) -> None:
    b = GraphBuilder(1)
    a = b.dense(b.input(2, name="a"), 2)
    pixels = b.input(3, name="p", type_=TensorType(DType.UINT8, (None, 3)))
    graph = b.build(a, b.dense(pixels, 2))
    read = read_calibration(saved(tmp_path, p=np.ones((3, 3)), a=np.ones((3, 2))), graph)
    assert read.inputs["p"].dtype == np.uint8


_GOOD = np.ones((5, 4))
_NAN = np.full((5, 4), np.nan)
_WRONG: list[tuple[dict[str, np.ndarray], str]] = [
    ({"other": _GOOD}, "file"),
    ({"features": _GOOD, "extra": _GOOD}, "file"),
    ({"features": np.ones((5, 3))}, "features"),
    ({"features": np.array(3.0)}, "features"),
    ({"features": np.ones((0, 4))}, "file"),
    ({"features": _NAN}, "features"),
    ({"features": np.full((5, 4), "a")}, "features"),
    ({"features": np.full((5, 4), True)}, "features"),
    ({"features": np.full((5, 4), 1e39)}, "features"),
    ({"features": _GOOD, "labels": np.ones(4)}, "labels"),
    ({"features": _GOOD, "labels": np.full(5, 0.5)}, "labels"),
    ({"features": _GOOD, "labels": np.full(5, -1)}, "labels"),
    ({"features": _GOOD, "labels": np.full(5, np.nan)}, "labels"),
    ({"features": _GOOD, "labels": np.ones((5, 2, 2))}, "labels"),
    ({"features": _GOOD, "labels": np.ones((5, 3))}, "labels"),
    ({"features": _GOOD, "labels": np.zeros((5, 3))}, "labels"),
    ({"features": _GOOD, "labels": np.full((5, 3), np.nan)}, "labels"),
    ({"features": _GOOD, "labels": np.array([[0.2, 0.8]] * 5)}, "labels"),
    ({"features": _GOOD, "labels": np.array([[2, -1]] * 5)}, "labels"),
]


@pytest.mark.parametrize(("arrays", "field"), _WRONG)
def test_what_does_not_fit_is_refused_at_its_array(
    tmp_path: Path, arrays: dict[str, np.ndarray], field: str
) -> None:
    with pytest.raises(CalibrationError) as caught:
        read_calibration(saved(tmp_path, **arrays), classifier())
    assert caught.value.field == field


@pytest.mark.parametrize("index", [7, -1, 0.5])
def test_an_index_that_no_embedding_has_is_refused(tmp_path: Path, index: float) -> None:
    b = GraphBuilder()
    table = b.weight("table", np.ones((7, 2)))
    graph = b.build(b.add(Embedding(7, 2), [b.input(3, name="tokens")], [table]))
    tokens = np.arange(6.0).reshape(2, 3)
    assert read_calibration(saved(tmp_path, tokens=tokens), graph).samples == 2
    tokens[1, 1] = index
    with pytest.raises(CalibrationError, match=f"indices from 0 to 6.*{index}") as caught:
        read_calibration(saved(tmp_path, tokens=tokens), graph)
    assert caught.value.field == "tokens"


def test_the_only_input_may_come_as_npy(tmp_path: Path) -> None:
    np.save(tmp_path / "calibration.npy", np.full((5, 4), 2.0))
    read = read_calibration(tmp_path / "calibration.npy", classifier())
    assert read.inputs["features"].tolist() == [[2.0] * 4] * 5
    assert read.labels is None


def test_one_array_without_a_name_is_not_enough_for_two_inputs(tmp_path: Path) -> None:
    b = GraphBuilder(1)
    graph = b.build(b.dense(b.input(2, name="a"), 2), b.dense(b.input(2, name="b c"), 2))
    np.save(tmp_path / "calibration.npy", np.ones((5, 2)))
    with pytest.raises(CalibrationError) as caught:
        read_calibration(tmp_path / "calibration.npy", graph)
    assert (caught.value.got, caught.value.expected[:11]) == ("(no name)", "arrays a, b")
    assert "numpy.savez(\"calibration.npz\", a=..., **{'b c': ...}" in caught.value.hint


def test_labels_of_another_name_are_refused_and_the_right_name_is_said(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError) as caught:
        read_calibration(saved(tmp_path, x=np.ones((5, 4)), y=np.zeros(5)), classifier())
    assert caught.value.got == "x, y"
    assert "'labels' for class numbers" in caught.value.expected
    assert "features=..., labels=..." in caught.value.hint


@pytest.mark.parametrize("value", [1.5, -1, 300, np.nan])
def test_numbers_that_an_integer_input_cannot_hold_are_refused(
    tmp_path: Path, value: float
) -> None:
    b = GraphBuilder(1)
    pixels = b.input(3, name="p", type_=TensorType(DType.UINT8, (None, 3)))
    with pytest.raises(CalibrationError, match="'p'"):
        read_calibration(
            saved(tmp_path, p=np.array([[0.0, 255.0, value]])), b.build(b.dense(pixels, 2))
        )


@pytest.mark.parametrize(("count", "said"), [(65, 65), (65, 1), (50_000, 50_000), (50_000, 1)])
def test_a_directory_of_many_arrays_is_refused_before_it_is_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, said: int
) -> None:
    def parsed(*_: object, **__: object) -> None:
        raise AssertionError("the directory was parsed")

    monkeypatch.setattr(zipfile, "ZipFile", parsed)
    path = tmp_path / "x.npz"
    path.write_bytes(directory_of(count, said=said))
    with pytest.raises(CalibrationError, match="at most 64 arrays"):
        read_calibration(path, classifier())


@pytest.mark.parametrize("field", ["descr", "shape", "fortran_order"])
def test_an_integer_too_long_to_be_shown_is_refused(tmp_path: Path, field: str) -> None:
    fields = {"descr": "'<f4'", "shape": "(1,)", "fortran_order": "False"}
    fields[field] = "0x" + "f" * 4000
    text = ", ".join(f"'{name}': {value}" for name, value in fields.items())
    header = f"{{{text}}}".encode() + b"\n"
    path = tmp_path / "x.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    with pytest.raises(CalibrationError, match=r"plain arrays|features"):
        read_calibration(path, classifier())


def test_the_same_array_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    path.write_bytes(directory_of(2, name=b"x.npy"))
    with pytest.raises(CalibrationError, match="different names"):
        read_calibration(path, classifier())


def test_pickled_objects_are_never_loaded(tmp_path: Path) -> None:
    path = tmp_path / "evil.npz"
    np.savez(path, features=np.array([{"a": 1}], dtype=object))
    with pytest.raises(CalibrationError, match="plain arrays"):
        read_calibration(path, classifier())


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 nonsense", b"\x93NUMPY"])
def test_what_is_no_npz_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.npz"
    path.write_bytes(content)
    with pytest.raises(CalibrationError):
        read_calibration(path, classifier())


def test_a_damaged_npz_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, features=np.arange(4000.0).reshape(1000, 4))
    data = bytearray(path.read_bytes())
    data[200:260] = b"\xff" * 60
    path.write_bytes(bytes(data))
    with pytest.raises(CalibrationError):
        read_calibration(path, classifier())


def test_an_array_that_claims_to_be_huge_is_refused(tmp_path: Path) -> None:
    """A few bytes whose header promises 10^15 numbers: nothing of that size may be allocated."""
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000000,), }"
    header += b" " * (118 - len(header) - 1) + b"\n"
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("features.npy", b"\x93NUMPY\x01\x00\x76\x00" + header)
    with pytest.raises(CalibrationError):
        read_calibration(path, classifier())


def test_a_file_over_the_limit_is_refused_before_unpacking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(array_file, "MAX_FILE_BYTES", 1000)
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, features=np.zeros((1000, 4)))
    with pytest.raises(CalibrationError, match="1000 bytes"):
        read_calibration(path, classifier())


def test_label_files_that_are_no_plain_array_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, labels = saved(tmp_path, x=np.ones((2, 4))), tmp_path / "labels.npy"
    labels.write_bytes(b"nothing of the kind")
    with pytest.raises(CalibrationError, match="plain array"):
        read_calibration(path, classifier(), labels)
    np.savez(tmp_path / "two.npz", a=np.ones(2), b=np.ones(2))
    with pytest.raises(CalibrationError, match="2 arrays"):
        read_calibration(path, classifier(), tmp_path / "two.npz")
    np.save(labels, np.zeros(1000))
    monkeypatch.setattr(array_file, "MAX_FILE_BYTES", 1000)
    with pytest.raises(CalibrationError, match="1000 bytes"):
        read_calibration(path, classifier(), labels)
