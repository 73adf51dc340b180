"""Recurrent models that Keras builds, through pruning and the engine: at every length what Keras computes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.artifacts.artifact import artifact_bytes, parse_artifact
from engine.compiler import compile_graph
from engine.core.target import host_target
from engine.execution.runtime import load
from engine.machine_code.object_cache import ObjectCache
from engine.planning.plan import Varying
from graph.keras.read import read_model
from graph.sizes import at_sizes
from pruning.calibrate import Calibration
from pruning.prune import prune
from pruning.recipe_parser import parse_recipe
from pruning.varying import prune_any
from tests.conftest import REPOSITORY
from tests.engine.compiled import UNTUNED, assert_close, compiled
from tests.graph.keras.conftest import keras_outputs, set_random_weights
from tests.graph.keras.sequence_zoo import COMMON
from tests.graph.keras.test_read_sequences import masked_inputs

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy"),
    pytest.mark.filterwarnings("ignore:The structure of `inputs` doesn't match"),
    pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask attached"),
]

NAMES = [
    "masked stacked of sequences", "bidirectional gru of sequences", "encoder and decoder", "deep",
    "lstm states of sequences", "time distributed convolution", "conv lstm 2 of sequences",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_models_of_one_length(keras: Any, tmp_path: Path, name: str) -> None:
    model = COMMON[name](keras)
    set_random_weights(model)
    model.save(tmp_path / "model.keras")
    graph = read_model(tmp_path / "model.keras").graph
    result = prune(graph, parse_recipe({}))
    assert result.certificate.rolled_back == ()
    inputs = masked_inputs(graph)
    names = [output.name for output in graph.outputs]
    wanted = dict(zip(names, keras_outputs(model, inputs, names), strict=True))
    assert_close(compiled(result.graph, ObjectCache()).run(inputs), wanted)


def classifier(keras: Any) -> Any:
    k = keras.layers
    return keras.Sequential(
        [
            keras.Input((None, 4)),
            k.Masking(-1.0),
            k.BatchNormalization(),
            k.Dense(6, activation="relu"),
            k.Bidirectional(k.GRU(5, return_sequences=True)),
            k.Bidirectional(k.LSTM(4)),
            k.Dense(3, activation="softmax"),
        ]
    )


def tagger(keras: Any) -> Any:
    k = keras.layers
    return keras.Sequential(
        [
            keras.Input((None, 4)),
            k.Conv1D(6, 3, padding="same", activation="relu"),
            k.LSTM(5, return_sequences=True, go_backwards=True),
            k.TimeDistributed(k.Dense(3, activation="softmax")),
        ]
    )


@pytest.mark.parametrize("build", [classifier, tagger], ids=["classifier", "tagger"])
def test_every_length_is_what_keras_computes(
    build: Callable[[Any], Any], keras: Any, tmp_path: Path
) -> None:
    model = build(keras)
    set_random_weights(model)
    model.save(tmp_path / "model.keras")
    graph = read_model(tmp_path / "model.keras").graph
    (given,) = graph.inputs
    rng, cache = np.random.default_rng(0), ObjectCache()
    samples = rng.standard_normal((2, 12, 4)).astype(np.float32)
    pruned = prune_any(graph, parse_recipe({}), Calibration({given.name: samples}))
    assert pruned.varying is not None
    varying = Varying(pruned.varying.graph, pruned.varying.sizes)
    model_ = compile_graph(pruned.graph, host_target(), UNTUNED, cache, varying=varying)
    executable = load(parse_artifact(artifact_bytes(model_)), cache)
    for length in (1, 2, 7, 33):
        # A ragged batch: what is behind the end of a sequence holds the mask's value.
        x = rng.standard_normal((3, length, 4)).astype(np.float32)
        x[0, length // 2 :] = -1.0
        wanted = np.asarray(model(x, training=False))
        assert_close(executable.run({given.name: x}), {executable.outputs[0].name: wanted})


def test_a_real_model_of_masked_sequences() -> None:
    folder = REPOSITORY / "tests" / "data" / "sleepecg_mesa"
    graph = read_model(folder / "classifier.keras").graph
    with np.load(folder / "golden.npz") as golden:
        x, wanted = golden["x0"].astype(np.float32), golden["y0"]
    (given,), (output,) = graph.inputs, graph.outputs
    result = prune(at_sizes(graph, {given.name: x.shape[1:]}), parse_recipe({}))
    assert result.certificate.rolled_back == ()
    assert_close(compiled(result.graph, ObjectCache()).run({given.name: x}), {output.name: wanted})
