"""Models that take texts and integers, over HTTP and on the command line, beside Keras: every form of body, every refusal."""

import base64
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner

from app.cli import main
from app.core.settings import Settings
from app.services.storage import KERNELS_FOLDER
from tests.app.conftest import TUNE_SECONDS
from tests.app.live import Live, live, seed_objects
from tests.app.test_predict import NPY, NPZ, npy, npz, slug

CITIES = ["oslo", "bern", "kyōto"]
WORDS = ["good", "bad", "film", "the", "not"]
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")


def table_model() -> Any:
    """A city, an identifier, an age and a text beside plain numbers."""
    layers = keras.layers
    given = {
        "city": keras.Input((1,), dtype="string", name="city"),
        "user": keras.Input((1,), dtype="int64", name="user"),
        "age": keras.Input((1,), name="age"),
        "review": keras.Input((), dtype="string", name="review"),
        "numbers": keras.Input((3,), name="numbers"),
    }
    vectorization = layers.TextVectorization(output_mode="count")
    vectorization.adapt(tf.constant([" ".join(WORDS)]))
    parts = [
        layers.StringLookup(vocabulary=CITIES, output_mode="one_hot")(given["city"]),
        layers.Hashing(16, output_mode="one_hot")(given["user"]),
        layers.Discretization([18.0, 40.0], output_mode="one_hot")(given["age"]),
        vectorization(given["review"]),
        given["numbers"],
        given["age"],
    ]
    hidden = layers.Dense(8, activation="relu")(layers.Concatenate()(parts))
    return keras.Model(list(given.values()), layers.Dense(2, name="score")(hidden))


def classifier() -> Any:
    """Texts alone: their characters as numbers, of a fixed length."""
    x = keras.Input((), dtype="string", name="text")
    found = keras.layers.TextVectorization(
        vocabulary=list("abcdefgh "), split="character", output_sequence_length=5
    )(x)
    found = keras.layers.CategoryEncoding(12, output_mode="one_hot")(found)
    found = keras.layers.GlobalAveragePooling1D()(found)
    return keras.Model(x, keras.layers.Dense(3)(found))


def embedded() -> Any:
    """Texts of any length, whose words an embedding has a row for; padding is masked."""
    x = keras.Input((1,), dtype="string", name="text")
    numbers = keras.layers.TextVectorization(vocabulary=WORDS)(x)
    found = keras.layers.Embedding(7, 4, mask_zero=True)(numbers)
    found = keras.layers.GlobalAveragePooling1D()(found)
    return keras.Model(x, keras.layers.Dense(2, activation="softmax")(found))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("front")
    found = {"table": table_model(), "texts": classifier(), "words": embedded()}
    for name, model in found.items():
        model.save(folder / f"{name}.keras")
    return {**found, "folder": folder}


@pytest.fixture(scope="module")
def served(
    models: dict[str, Any], objects: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Live]:
    data = tmp_path_factory.mktemp("data")
    seed_objects(data, objects)
    samples = models["folder"] / "samples.npz"
    np.savez(samples, **rows(40), labels=np.arange(40) % 2)
    with live(Settings(data_dir=data, job_tune_seconds=TUNE_SECONDS)) as running:
        for name in ("table", "texts", "words"):
            path = models["folder"] / f"{name}.keras"
            files = {"file": path.read_bytes()}
            if name == "table":
                files["calibration"] = samples.read_bytes()
            answer = running.http.post("/models?wait=300", data={"name": name}, files=files)
            assert answer.status_code == 201, answer.text
        yield running
    shutil.copytree(data / KERNELS_FOLDER, objects, dirs_exist_ok=True)


def rows(count: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(count)
    return {
        "city": rng.choice([*CITIES, "nowhere", ""], (count, 1)),
        "user": rng.integers(-(2**62), 2**62, (count, 1)),
        "age": rng.uniform(0, 80, (count, 1)).astype(np.float32),
        "review": np.array(
            [" ".join(rng.choice([*WORDS, "GOOD!", "odd"], 6)) for _ in range(count)]
        ),
        "numbers": rng.standard_normal((count, 3)).astype(np.float32),
    }


def wanted(model: Any, arrays: dict[str, np.ndarray]) -> np.ndarray:
    given = [
        tf.constant(np.char.encode(array, "utf-8") if array.dtype.kind == "U" else array)
        for array in arrays.values()
    ]
    return np.asarray(model(given if len(given) > 1 else given[0]))


def close(found: Any, expected: np.ndarray) -> None:
    np.testing.assert_allclose(np.asarray(found), expected, atol=1e-5 * np.abs(expected).max())


def ask(served: Live, name: str, inputs: Any) -> Any:
    answer = served.predict(model=name, inputs=inputs)
    assert answer.status_code == 200, answer.text
    return answer.json()["outputs"]


@pytest.mark.parametrize("count", [1, 7, 200])
def test_a_table_of_texts_and_numbers_answers_json_as_keras_does(
    served: Live, models: dict[str, Any], count: int
) -> None:
    given = rows(count)
    found = ask(served, "table", {name: array.tolist() for name, array in given.items()})
    close(found["score"], wanted(models["table"], given))


@pytest.mark.parametrize("kind", ["U", "S", ">U"])
def test_arrays_of_texts_are_read_from_npz(served: Live, models: dict[str, Any], kind: str) -> None:
    given = rows(30)
    sent = {
        name: array
        if array.dtype.kind != "U"
        else np.char.encode(array, "utf-8")
        if kind == "S"
        else array.astype(array.dtype.newbyteorder(">" if kind == ">U" else "="))
        for name, array in given.items()
    }
    answer = served.http.post("/predict?model=table", content=npz(**sent), headers=NPZ)
    assert answer.status_code == 200, answer.text
    body = models["folder"] / "answer.npz"
    body.write_bytes(answer.content)
    close(np.load(body)["score"], wanted(models["table"], given))


def test_texts_are_read_from_json_npy_and_base64(served: Live, models: dict[str, Any]) -> None:
    texts = np.array(["abc", "", "h a", "ABCDEFGH", "ägx"])
    expected = wanted(models["texts"], {"text": texts})
    close(ask(served, "texts", texts.tolist()), expected)
    coded = [{"b64": base64.b64encode(text.encode()).decode()} for text in texts]
    close(ask(served, "texts", coded), expected)
    answer = served.http.post("/predict?model=texts", content=npy(texts), headers=NPY)
    assert answer.status_code == 200, answer.text
    body = models["folder"] / "answer.npy"
    body.write_bytes(answer.content)
    close(np.load(body), expected)


@pytest.mark.parametrize("length", [1, 5, 30])
def test_texts_of_any_length_are_classified_by_their_words(
    served: Live, models: dict[str, Any], length: int
) -> None:
    rng = np.random.default_rng(length)
    texts = [" ".join(rng.choice([*WORDS, "odd"], rng.integers(1, length + 1))) for _ in range(9)]
    given = np.array([[text] for text in texts])
    close(ask(served, "words", given.tolist()), wanted(models["words"], {"text": given}))


def test_a_batch_without_any_word_is_refused(served: Live) -> None:
    answer = served.predict(model="words", inputs=[[""], [" . "]])
    assert (answer.status_code, slug(answer)) == (422, "unknown-value")


def test_bytes_that_are_no_text_are_what_they_are_to_keras(
    served: Live, models: dict[str, Any]
) -> None:
    raw = [b"\xff\xfea", b"ab\xc3"]
    expected = np.asarray(models["texts"](tf.constant(raw)))
    coded = [{"b64": base64.b64encode(text).decode()} for text in raw]
    close(ask(served, "texts", coded), expected)


def test_large_bodies_of_texts_are_read_in_threads(served: Live, models: dict[str, Any]) -> None:
    texts = np.array(["abcdefgh " * 12] * 3000)
    close(ask(served, "texts", texts.tolist()), wanted(models["texts"], {"text": texts}))


@pytest.mark.parametrize(
    ("inputs", "problem", "got"),
    [
        ([1, 2], "wrong-dtype", "1 at [0]"),
        (["a", None], "wrong-dtype", "null at [1]"),
        (["a", True], "wrong-dtype", "true at [1]"),
        (["a", {"b64": "%"}], "wrong-dtype", '"%" at [1]'),
        (["a", {"b64": 1}], "wrong-dtype", "an object at [1]"),
        (["a", {"b64": "YQ==", "x": 1}], "wrong-dtype", "an object at [1]"),
        (["a", ["b"]], "ragged-input", ""),
        ([["a"], ["b", "c"]], "ragged-input", ""),
        ([["a"]], "wrong-shape", "[1, 1]"),
        ([], "empty-batch", ""),
    ],
)
def test_what_is_no_text_is_refused_with_its_place(
    served: Live, inputs: Any, problem: str, got: str
) -> None:
    answer = served.predict(model="texts", inputs=inputs)
    assert (answer.status_code, slug(answer)) == (422, problem), answer.text
    assert got in answer.json().get("got", "")


def test_numbers_are_no_texts_and_texts_no_numbers_in_one_request(served: Live) -> None:
    given = {name: array.tolist() for name, array in rows(2).items()}
    answer = served.predict(model="table", inputs={**given, "age": [["1"], [2]]})
    assert slug(answer) == "wrong-dtype"
    assert answer.json()["got"] == '"1" at inputs["age"][0][0]'
    answer = served.predict(model="table", inputs={**given, "city": [[1], ["oslo"]]})
    assert (slug(answer), answer.json()["got"]) == ("wrong-dtype", "1 at [0][0]")
    answer = served.predict(model="table", inputs={**given, "user": [[1.5], [2]]})
    assert slug(answer) == "wrong-dtype"


def test_arrays_of_another_kind_are_refused(served: Live) -> None:
    for array in (np.array([1, 2]), np.array([1.0])):
        answer = served.http.post("/predict?model=texts", content=npy(array), headers=NPY)
        assert (answer.status_code, slug(answer)) == (422, "wrong-dtype")
    bad = npy(np.array(["ab"])).replace("ab".encode("utf-32-le"), b"\xff\xff\xff\x7f" * 2)
    answer = served.http.post("/predict?model=texts", content=bad, headers=NPY)
    assert (answer.status_code, slug(answer)) == (422, "wrong-dtype"), answer.text


def test_the_description_of_a_model_says_which_inputs_are_texts(served: Live) -> None:
    shown = served.http.get("/models/table/versions/1").json()
    inputs = {one["name"]: (one["dtype"], one["shape"]) for one in shown["summary"]["inputs"]}
    assert inputs["city"] == ("string", [None, 1])
    assert inputs["user"] == ("int64", [None, 1])
    assert list(inputs) == ["city", "user", "age", "review", "numbers"]
    assert shown["summary"]["quality"]["basis"] == "labels"


def test_the_command_line_predicts_from_texts(models: dict[str, Any], objects: Path) -> None:
    given = rows(3)
    path = models["folder"] / "inputs.json"
    path.write_text(json.dumps({"inputs": {name: array.tolist() for name, array in given.items()}}))
    arguments = [
        "predict", str(models["folder"] / "table.keras"), str(path), "--cache-dir",
        str(models["folder"] / "cache"),
    ]  # fmt: skip
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    close(json.loads(done.output)["outputs"]["score"], wanted(models["table"], given))
