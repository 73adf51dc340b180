"""The file that comes back of a model with attention: layers, names, arguments and weights stay, for Keras 3."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graph import reference
from graph.errors import ExportError
from graph.graph import Graph
from graph.keras.export import write_keras
from graph.keras.keras2_export import write_keras2
from graph.keras.read import read_model
from tests.graph.keras.attention_zoo import COMMON, KERAS3, attention_inputs
from tests.graph.keras.conftest import drawn_inputs, keras_outputs, set_random_weights

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy"),
    pytest.mark.filterwarnings("ignore:The structure of `inputs` doesn't match"),
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
    pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask attached"),
]
# Layers whose kernels have axes of which the graph does not tell the lengths any more come back as others.
FLAT = {
    "einsum dense of two axes", "einsum dense turned", "einsum dense, some with bias", "einsum dense, any axes",
}  # fmt: skip
# Scalars that went into ops do not come back.
NOT_WRITTEN = {"dot attention of three", "dot attention with padding", "concat attention"}


def assert_answers(graph: Graph, model: Any) -> None:
    inputs = attention_inputs(drawn_inputs(graph))
    names = [output.name for output in graph.outputs]
    found = reference.run(graph, inputs)
    for name, wanted in zip(names, keras_outputs(model, inputs, names), strict=True):
        scale = max(1, np.abs(wanted).max())
        np.testing.assert_allclose(found[name], wanted, rtol=0, atol=5e-6 * scale)


@pytest.mark.parametrize(
    "name", [name for name in COMMON | KERAS3 if name not in NOT_WRITTEN | FLAT]
)
def test_models_of_keras3_come_back_as_they_were(keras: Any, tmp_path: Path, name: str) -> None:
    model = (COMMON | KERAS3)[name](keras)
    set_random_weights(model)
    model.save(tmp_path / "original.keras")
    file = read_model(tmp_path / "original.keras")
    assert write_keras(file.graph, tmp_path / "returned.keras", file.origin) == ()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        back = keras.saving.load_model(tmp_path / "returned.keras")
    assert_answers(file.graph, back)
    assert {one.name for one in back.layers} == {one.name for one in model.layers}


@pytest.mark.parametrize("name", sorted(FLAT))
def test_some_come_back_as_other_layers(keras: Any, tmp_path: Path, name: str) -> None:
    model = COMMON[name](keras)
    set_random_weights(model)
    model.save(tmp_path / "original.keras")
    file = read_model(tmp_path / "original.keras")
    assert "einsum_dense" in " ".join(
        write_keras(file.graph, tmp_path / "returned.keras", file.origin)
    )
    assert_answers(file.graph, keras.saving.load_model(tmp_path / "returned.keras"))


@pytest.mark.parametrize("name", sorted(NOT_WRITTEN))
def test_others_are_refused_by_name(keras: Any, tmp_path: Path, name: str) -> None:
    model = COMMON[name](keras)
    model.save(tmp_path / "original.keras")
    file = read_model(tmp_path / "original.keras")
    with pytest.raises(ExportError):
        write_keras(file.graph, tmp_path / "returned.keras", file.origin)


@pytest.mark.parametrize("name", ["recommender", "embedding", "dot attention", "einsum dense"])
def test_models_of_keras2_come_back_for_tf_keras(tf_keras: Any, tmp_path: Path, name: str) -> None:
    model = COMMON[name](tf_keras)
    set_random_weights(model)
    model.save(tmp_path / "original.h5")
    file = read_model(tmp_path / "original.h5")
    write_keras2(file.graph, tmp_path / "returned.h5", file.origin)
    back = tf_keras.models.load_model(tmp_path / "returned.h5", compile=False)
    assert_answers(file.graph, back)


def test_calls_with_arguments_are_not_written_for_tf_keras(tf_keras: Any, tmp_path: Path) -> None:
    COMMON["three tensors"](tf_keras).save(tmp_path / "original.h5")
    file = read_model(tmp_path / "original.h5")
    with pytest.raises(ExportError, match="no layer for; got Attention"):
        write_keras2(file.graph, tmp_path / "returned.h5", file.origin)
