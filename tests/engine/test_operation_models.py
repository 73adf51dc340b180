"""Models with operations of Keras 3, read from their files and compiled, answer as the interpreter does."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.compiler import CompileOptions
from engine.core.errors import UnsupportedModelError
from engine.machine_code.object_cache import ObjectCache
from engine.passes.pipeline import build_program
from graph.keras.read import read_model
from tests.builders import random_inputs
from tests.engine.compiled import compiled, oracle
from tests.engine.test_general_graphs import assert_same
from tests.graph.keras.conftest import set_random_weights
from tests.graph.keras.operation_zoo import AXES, ELEMENTS, SHAPES, WITHOUT_KERNEL, model_of
from tests.graph.keras.test_read_operations import MODELS

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")
ONE, MANY = CompileOptions(tune=False, buckets=(1,)), CompileOptions(tune=False, buckets=(16,))


def check(model: Any, path: Path, cache: ObjectCache, options: CompileOptions) -> None:
    model.save(path / "model.keras")
    graph = read_model(path / "model.keras").graph
    inputs = random_inputs(graph, 3)
    with np.errstate(all="ignore"):
        wanted = oracle(graph, inputs)
    assert_same(compiled(graph, cache, None, options).run(inputs), wanted)


@pytest.mark.parametrize("name", {**ELEMENTS, **SHAPES, **AXES})
def test_an_operation(keras: Any, tmp_path: Path, object_cache: ObjectCache, name: str) -> None:
    check(model_of(keras, name), tmp_path, object_cache, MANY if len(name) % 2 else ONE)


@pytest.mark.parametrize("build", MODELS)
def test_a_model(
    keras: Any, tmp_path: Path, object_cache: ObjectCache, build: Callable[[Any], Any]
) -> None:
    model = build(keras)
    set_random_weights(model)
    check(model, tmp_path, object_cache, CompileOptions(tune=False, buckets=(1, 16)))


@pytest.mark.parametrize("name", WITHOUT_KERNEL)
def test_what_has_no_kernel_is_refused(keras: Any, tmp_path: Path, name: str) -> None:
    model_of(keras, name).save(tmp_path / "model.keras")
    with pytest.raises(UnsupportedModelError, match="there is no kernel for Sort"):
        build_program(read_model(tmp_path / "model.keras").graph)
