"""Recurrent models over HTTP: sequences of any length, ragged batches by their mask, each beside the NumPy oracle."""

import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.core.settings import Settings
from graph.graph import Graph
from graph.keras.read import read_model
from graph.reference import run
from tests.app.conftest import TUNE_SECONDS
from tests.app.live import Live, live, seed_objects
from tests.app.test_predict import NPY, close, npy
from tests.graph.keras.conftest import set_random_weights


@pytest.fixture(scope="module")
def file(keras: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    k = keras.layers
    model = keras.Sequential(
        [
            keras.Input((None, 3)),
            k.Masking(0.0),
            k.Bidirectional(k.LSTM(6, return_sequences=True)),
            k.GRU(5),
            k.Dense(4, activation="softmax"),
        ]
    )
    set_random_weights(model)
    path = tmp_path_factory.mktemp("sequences") / "sequences.keras"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(path)
    return path


@pytest.fixture(scope="module")
def network(file: Path) -> Graph:
    return read_model(file).graph


@pytest.fixture(scope="module")
def served(file: Path, objects: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    data = tmp_path_factory.mktemp("data")
    seed_objects(data, objects)
    with live(Settings(data_dir=data, job_tune_seconds=TUNE_SECONDS)) as running:
        answer = running.upload(file, "words")
        assert answer.status_code == 201, answer.text
        yield running


def sequences(batch: int, length: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((batch, length, 3)).astype(np.float32)


def oracle(network: Graph, x: np.ndarray) -> np.ndarray:
    (output,) = network.outputs
    return run(network, {network.inputs[0].name: x}, np.float64)[output.name]


@pytest.mark.parametrize(("batch", "length"), [(1, 1), (1, 9), (5, 40), (17, 3)])
def test_sequences_of_any_length(served: Live, network: Graph, batch: int, length: int) -> None:
    x = sequences(batch, length)
    answer = served.http.post("/predict?model=words", content=npy(x), headers=NPY)
    assert answer.status_code == 200, answer.text
    assert close(np.load(io.BytesIO(answer.content)), oracle(network, x))


def test_a_ragged_batch_is_filled_up_with_the_value_of_the_mask(
    served: Live, network: Graph
) -> None:
    lengths = (2, 7, 5)
    x = np.zeros((3, 7, 3), np.float32)
    for place, length in enumerate(lengths):
        x[place, :length] = sequences(1, length, place)[0]
    answer = served.predict(model="words", inputs=x.tolist())
    assert answer.status_code == 200, answer.text
    alone = [
        oracle(network, sequences(1, length, place))[0] for place, length in enumerate(lengths)
    ]
    assert close(answer.json()["outputs"], np.stack(alone))
