"""Layers that look values up, as tf.keras 2 saves them in both of its forms, beside tf.keras itself."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from graph import reference
from graph.errors import UnknownValueError
from graph.front import run_front
from graph.keras.read import read_model

pytestmark = pytest.mark.filterwarnings(
    "ignore:(?s).*:UserWarning", "ignore:__array__ implementation doesn't accept a copy"
)
TEXTS = np.array([[b"a"], [b"b"], [b"zz"], [b""]], object)
SENTENCES = np.array([[b"A b, b"], [b""], [b"b zz a"]], object)
NUMBERS = np.array([[5], [7], [1], [0]])
FLOATS = np.array([[0.1], [1.5], [60.0], [2.0], [24.7]], np.float32)
DATA = np.random.default_rng(2).uniform(0, 50, (90, 1)).astype(np.float32)
L = tf_keras.layers

# A layer, what it is adapted to or None, its input and samples.
CASES: dict[str, tuple[Any, Any, str, np.ndarray]] = {
    "texts": (lambda mode: L.StringLookup(vocabulary=["a", "b"], output_mode=mode), None, "string", TEXTS),
    "adapted texts": (lambda mode: L.StringLookup(output_mode=mode), [["a"], ["b"], ["b"]], "string", TEXTS),
    "numbers": (
        lambda mode: L.IntegerLookup(vocabulary=[5, 7], num_oov_indices=2, output_mode=mode),
        None, "int64", NUMBERS,
    ),
    "hashes": (lambda mode: L.Hashing(6, salt=3, output_mode=mode), None, "string", TEXTS),
    "bins": (lambda mode: L.Discretization([0.5, 1.5], output_mode=mode), None, "float32", FLOATS),
    "adapted bins": (lambda mode: L.Discretization(num_bins=4, output_mode=mode), DATA, "float32", FLOATS),
}  # fmt: skip


def answers(path: Path, given: np.ndarray) -> np.ndarray:
    graph = read_model(path).graph
    assert graph.front is not None
    names = [one.name for one in graph.inputs]
    made = run_front(graph.front, {graph.front.inputs[0].name: given}, names)
    (found,) = reference.run(graph, made).values()
    return found


def compared(layer: Any, dtype: str, given: np.ndarray, path: Path) -> None:
    x = tf_keras.Input((1,), dtype=dtype)
    model = tf_keras.Model(x, L.Rescaling(0.5)(layer(x)))
    model.save(path)
    wanted = np.asarray(model(tf.constant(given)))
    found = answers(path, given)
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, atol=1e-6)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("mode", ["int", "one_hot", "count"])
def test_files_of_tf_keras_mean_what_they_mean_there(
    tmp_path: Path, case: str, suffix: str, mode: str
) -> None:
    make, data, dtype, given = CASES[case]
    if suffix == ".h5" and case == "adapted texts":
        pytest.skip("tf.keras does not write such files")
    layer = make(mode)
    if data is not None:
        layer.adapt(np.asarray(data))
    compared(layer, dtype, given, tmp_path / f"m{suffix}")


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_weights_of_tokens_are_read(tmp_path: Path, suffix: str) -> None:
    layer = L.StringLookup(vocabulary=["a", "b"], idf_weights=[0.5, 0.75], output_mode="tf_idf")
    compared(layer, "string", TEXTS, tmp_path / f"m{suffix}")


@pytest.mark.parametrize("mode", ["int", "tf_idf", "multi_hot"])
def test_texts_are_split_as_by_tf_keras(tmp_path: Path, mode: str) -> None:
    length = 4 if mode == "int" else None
    layer = L.TextVectorization(output_mode=mode, output_sequence_length=length)
    layer.adapt(np.array([["a b"], ["b"]]))
    compared(layer, "string", SENTENCES, tmp_path / "m.keras")


def test_keras_2_refuses_categories_out_of_range(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    layer = L.CategoryEncoding(6, output_mode="one_hot")
    compared(layer, "int32", np.array([[5], [0]], np.int32), path)
    with pytest.raises(UnknownValueError, match=r"got 6 at \[1\]\[0\]"):
        answers(path, np.array([[5], [6]]))
