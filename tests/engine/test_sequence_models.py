"""Whole models with recurrent layers, from Keras' file to the compiled network, against the float64 interpreter."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.compiler import CompileOptions
from engine.machine_code.object_cache import ObjectCache
from graph.model_files.read import read_model_file
from tests.builders import random_inputs
from tests.engine.compiled import assert_close, compiled, oracle
from tests.graph.keras.sequence_zoo import COMMON, KERAS3, MODELS

OPTIONS = CompileOptions(tune=False, buckets=(1, 8))
ZOO = {**COMMON, **KERAS3, **MODELS}
NAMES = [
    "masked lstm backwards",
    "masked gru reset before of sequences",
    "masked stacked of sequences",
    "bidirectional states",
    "bidirectional from states",
    "hard sigmoid",
    "encoder and decoder",
    "deep",
    "mask that ends in a convolution",
    "time distributed lstm",
    "time distributed with a mask",
    "lstm states of sequences",
]


@pytest.mark.filterwarnings("ignore")  # what Keras says when it saves is not what is tested
@pytest.mark.parametrize("name", NAMES)
def test_a_model(keras: Any, object_cache: ObjectCache, tmp_path: Path, name: str) -> None:
    ZOO[name](keras).save(tmp_path / "model.keras")
    graph = read_model_file(tmp_path / "model.keras").graph
    inputs = random_inputs(graph, 9, 3)
    for array in inputs.values():
        if array.ndim > 2:  # steps that Masking layers take for none; in the last sample all
            array[:, ::2][np.random.default_rng(1).random(array[:, ::2].shape[:2]) < 0.5] = 0
            array[-1] = 0
    assert_close(compiled(graph, object_cache, options=OPTIONS).run(inputs), oracle(graph, inputs))
