"""Models with a front part are written for Keras 3 with their vocabularies, and compute there what they compute here."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from graph import reference
from graph.errors import ExportError
from graph.front import run_front
from graph.keras.export import write_keras
from graph.keras.keras2_export import write_keras2
from graph.keras.read import ModelFile, read_model
from tests.graph.keras import lookup_zoo as zoo

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")
L = keras.layers
Saved = Callable[[Any, str], ModelFile]

LAYERS: dict[str, tuple[Callable[[], Any], str]] = {
    "texts": (lambda: L.StringLookup(vocabulary=["b", "[UNK]", "ä"], num_oov_indices=3, salt=[1, 7]), "text"),
    "masked": (lambda: L.StringLookup(vocabulary=["b", "ä"], mask_token=""), "text"),
    "encoded": (lambda: L.StringLookup(vocabulary=["b", "ä"], output_mode="count"), "text"),
    "weighted": (
        lambda: L.StringLookup(vocabulary=["b", "ä"], output_mode="tf_idf", idf_weights=[0.5, 0.7]),
        "text",
    ),
    "numbers": (lambda: L.IntegerLookup(vocabulary=[5, 2**40], num_oov_indices=2, mask_token=0), "number"),
    "hashed numbers": (
        lambda: L.IntegerLookup(vocabulary=[5], num_oov_indices=4, oov_method="farmhash"),
        "number",
    ),
    "hashes": (lambda: L.Hashing(9, mask_value="a", salt=5, output_mode="one_hot"), "text"),
    "bins": (lambda: L.Discretization([0.25, 6.0], output_mode="multi_hot"), "number"),
    "categories": (lambda: L.CategoryEncoding(9, output_mode="one_hot"), "category"),
    "sentences": (
        lambda: L.TextVectorization(vocabulary=["a", "b", "a b"], ngrams=(1, 2), output_sequence_length=5),
        "sentence",
    ),
    "counts": (
        lambda: L.TextVectorization(
            vocabulary=["a", "b"], output_mode="count", max_tokens=9, pad_to_max_tokens=True,
            standardize=None, split="character",
        ),
        "sentence",
    ),
}  # fmt: skip
GIVEN: dict[str, tuple[tuple[int, ...], str, np.ndarray]] = {
    "text": ((2,), "string", zoo.drawn_texts((6, 2), 3)),
    "number": ((2,), "int64", zoo.drawn_numbers((6, 2), 3)),
    "category": ((2,), "int64", np.arange(12).reshape(6, 2)),
    "sentence": ((), "string", zoo.drawn_sentences((6,), 3)),
}


def answers(graph: Any, given: np.ndarray) -> np.ndarray:
    made = run_front(
        graph.front, {graph.front.inputs[0].name: given}, [one.name for one in graph.inputs]
    )
    (found,) = reference.run(graph, made).values()
    return found


@pytest.mark.parametrize("name", LAYERS)
def test_lookups_come_back(saved: Saved, tmp_path: Path, name: str) -> None:
    make, kind = LAYERS[name]
    shape, dtype, given = GIVEN[kind]
    x = keras.Input(shape, dtype=dtype, name="x")
    file = saved(keras.Model(x, L.Rescaling(0.5)(make()(x))), ".keras")
    path = tmp_path / "back.keras"
    write_keras(file.graph, path, file.origin)
    expected = answers(file.graph, given)
    tensor = tf.constant(given.tolist() if given.dtype == object else given)
    back = keras.models.load_model(path)
    np.testing.assert_allclose(np.asarray(back(tensor)), expected, atol=1e-6)
    np.testing.assert_allclose(answers(read_model(path).graph, given), expected, atol=1e-6)


def test_crossed_and_inverted_lookups_come_back(saved: Saved, tmp_path: Path) -> None:
    x = keras.Input((1,), dtype="int64", name="x")
    tokens = L.StringLookup(vocabulary=["a", "b"], invert=True)(x)
    model = keras.Model(x, L.Rescaling(1.0)(L.HashedCrossing(50)([tokens, x])))
    file = saved(model, ".keras")
    path = tmp_path / "back.keras"
    write_keras(file.graph, path, file.origin)
    given = np.array([[0], [1], [2], [9]])
    back = keras.models.load_model(path)
    assert np.array_equal(np.asarray(back(tf.constant(given))), answers(file.graph, given))


def test_what_cannot_be_written_is_refused(saved: Saved, tmp_path: Path) -> None:
    x = keras.Input((2,), dtype="string", name="x")
    lookup = L.StringLookup(vocabulary=["a"], output_mode="count", mask_token="")
    file = saved(keras.Model(x, L.Rescaling(1.0)(lookup(x))), ".keras")
    with pytest.raises(ExportError, match="mask token cannot be written yet"):
        write_keras(file.graph, tmp_path / "back.keras", file.origin)
    with pytest.raises(ExportError, match=r"cannot be written for tf\.keras 2 yet"):
        write_keras2(file.graph, tmp_path / "back.h5", file.origin)


def test_a_sequential_comes_back_as_one(saved: Saved, tmp_path: Path) -> None:
    layers = [L.TextVectorization(vocabulary=["a", "b"], output_mode="count"), L.Dense(3)]
    model = keras.Sequential([keras.Input((), dtype="string"), *layers])
    file = saved(model, ".keras")
    path = tmp_path / "back.keras"
    write_keras(file.graph, path, file.origin)
    back = keras.models.load_model(path)
    assert type(back).__name__ == "Sequential"
    given = tf.constant(GIVEN["sentence"][2].tolist())
    np.testing.assert_allclose(np.asarray(back(given)), np.asarray(model(given)), atol=1e-6)
