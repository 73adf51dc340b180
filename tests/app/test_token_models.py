"""A transformer over HTTP: tokens of any length with padding, beside the NumPy oracle; indices that there are not."""

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
from tests.app.test_predict import NPY, close, npy, slug
from tests.graph.keras.conftest import set_random_weights

WORDS = 40


@pytest.fixture(scope="module")
def file(keras: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    k = keras.layers
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tokens = keras.Input((None,), dtype="int32", name="tokens")
        x = k.Embedding(WORDS, 16, mask_zero=True)(tokens)
        x = k.LayerNormalization()(k.Add()([x, k.MultiHeadAttention(2, 8)(x, x)]))
        x = k.LayerNormalization()(k.Add()([x, k.Dense(16)(k.Dense(32, activation="gelu")(x))]))
        model = keras.Model(tokens, k.Dense(3, activation="softmax")(k.GlobalMaxPooling1D()(x)))
    set_random_weights(model)
    path = tmp_path_factory.mktemp("tokens") / "tokens.keras"
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
        answer = running.upload(file, "tokens")
        assert answer.status_code == 201, answer.text
        yield running


def padded(batch: int, length: int) -> np.ndarray:
    """Tokens, of which some at the end are padding; the last sample is nothing else."""
    rng = np.random.default_rng(length)
    tokens = rng.integers(1, WORDS, (batch, length)).astype(np.int32)
    tokens[np.arange(length) >= rng.integers(1, length + 1, (batch, 1))] = 0
    if batch > 1:
        tokens[-1] = 0
    return tokens


@pytest.mark.parametrize(("batch", "length"), [(1, 1), (1, 130), (5, 9), (17, 20)])
def test_tokens_of_any_length(served: Live, network: Graph, batch: int, length: int) -> None:
    tokens = padded(batch, length)
    answer = served.http.post("/predict?model=tokens", content=npy(tokens), headers=NPY)
    assert answer.status_code == 200, answer.text
    (output,) = network.outputs
    wanted = run(network, {"tokens": tokens}, np.float64)[output.name]
    assert close(np.load(io.BytesIO(answer.content)), wanted)


@pytest.mark.parametrize("index", [WORDS, -1, 2**31 - 1])
def test_an_index_that_there_is_not_is_refused(served: Live, index: int) -> None:
    tokens = padded(3, 9)
    tokens[1, 4] = index
    answer = served.http.post("/predict?model=tokens", content=npy(tokens), headers=NPY)
    assert answer.status_code == 422
    assert slug(answer) == "index-out-of-range"
    assert f"0 to {WORDS - 1}" in answer.text
    assert f"{index} at [1, 4]" in answer.text


def test_the_same_in_json(served: Live) -> None:
    answer = served.predict(model="tokens", inputs=[[3, 99, 0]])
    assert answer.status_code == 422
    assert slug(answer) == "index-out-of-range"
