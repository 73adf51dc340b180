"""The file that comes back of an image or signal model: layers, names and arguments stay, channels may be fewer."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graph.graph import Graph
from graph.keras.export import write_keras
from graph.keras.read import read_model
from pruning.prune import prune
from pruning.recipe_parser import parse_recipe
from tests.graph.keras.conftest import assert_same_outputs, set_random_weights
from tests.graph.keras.spatial_zoo import COMMON, KERAS2, KERAS3, NETWORKS

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy"),
    pytest.mark.filterwarnings("ignore:The structure of `inputs` doesn't match"),
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
    # The state of the optimizer is not in the file, and the notes say so.
    pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer"),
    pytest.mark.filterwarnings("ignore:A total of 1 objects could not be loaded"),
]

# Not layers of Keras 3, or not loaded by it from its own files.
GONE = (
    "RandomShear", "random crop", "random height", "random width", "slashes", "layer scale",
    "stochastic depth", "scaled sum", "spectral normalization",
)  # fmt: skip
OTHER_RESIZINGS = ("area", "gaussian", "mitchellcubic")


def layers_of(path: Path) -> list[tuple[str, str]]:
    with zipfile.ZipFile(path) as archive:
        layers = json.loads(archive.read("config.json"))["config"]["layers"]
    return [(item["class_name"], item["config"]["name"]) for item in layers]


def returned(keras: Any, graph: Graph, origin: Any, folder: Path) -> tuple[Any, tuple[str, ...]]:
    notes = write_keras(graph, folder / "returned.keras", origin)
    return keras.saving.load_model(folder / "returned.keras"), notes


@pytest.mark.parametrize("name", {**COMMON, **KERAS3, **NETWORKS})
def test_models_of_keras3_come_back_as_they_were(keras: Any, tmp_path: Path, name: str) -> None:
    model = {**COMMON, **KERAS3, **NETWORKS}[name](keras)
    set_random_weights(model)
    model.save(tmp_path / "original.keras")
    file = read_model(tmp_path / "original.keras")
    back, notes = returned(keras, file.graph, file.origin, tmp_path)
    assert_same_outputs(file.graph, back, 5e-6)
    if name.endswith(GONE):
        assert notes
        return
    assert notes == ()
    assert layers_of(tmp_path / "returned.keras") == layers_of(tmp_path / "original.keras")
    for one, other in zip(back.layers, model.layers, strict=True):
        mine, theirs = one.get_config(), other.get_config()
        for key in theirs.keys() & {"factor", "mode", "padding", "strides", "activation", "groups"}:
            assert mine[key] == theirs[key]


@pytest.mark.parametrize("name", {**COMMON, **KERAS2, **NETWORKS})
def test_models_of_keras2_come_back_for_keras3(
    keras: Any, tf_keras: Any, tmp_path: Path, name: str
) -> None:
    model = {**COMMON, **KERAS2, **NETWORKS}[name](tf_keras)
    set_random_weights(model)
    model.save(tmp_path / "original.h5")
    file = read_model(tmp_path / "original.h5")
    back, notes = returned(keras, file.graph, file.origin, tmp_path)
    assert_same_outputs(file.graph, back, 5e-6)
    assert bool(notes) == name.endswith((*GONE, *OTHER_RESIZINGS))


def dead_channels(keras: Any, data_format: str) -> Any:
    """A residual network of which half of the inner channels, and a tail of Dense units, make nothing but zeros."""
    layers = keras.layers
    shape = (10, 9, 3) if data_format == "channels_last" else (3, 10, 9)
    given: dict[str, Any] = {"padding": "same", "data_format": data_format}
    x = keras.Input(shape, name="image")
    h = layers.Conv2D(8, 3, activation="relu", name="stem", **given)(x)
    y = layers.Conv2D(12, 3, activation="relu", name="inner", **given)(h)
    y = layers.Conv2D(8, 1, name="outer", **given)(y)
    h = layers.Add(name="sum")([h, y])
    h = layers.SeparableConv2D(10, 3, activation="relu", name="separable", **given)(h)
    h = layers.Dropout(0.25, name="drop")(h)
    h = layers.Conv2DTranspose(
        6, 2, strides=2, activation="relu", name="up", data_format=data_format
    )(h)
    h = layers.GlobalAveragePooling2D(data_format=data_format, name="pool")(h)
    model = keras.Model(x, layers.Dense(4, activation="softmax", name="last")(h), name="net")
    set_random_weights(model)
    for name, kept in (("inner", 5), ("separable", 4), ("up", 3)):
        weights = model.get_layer(name).get_weights()
        kernel, bias = weights[-2:]
        units = (
            (Ellipsis, slice(kept, None), slice(None))
            if name == "up"
            else (Ellipsis, slice(kept, None))
        )
        kernel[units] = 0
        bias[kept:] = 0
        model.get_layer(name).set_weights([*weights[:-2], kernel, bias])
    return model


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_layers_that_lose_channels_keep_their_names(
    keras: Any, tmp_path: Path, data_format: str
) -> None:
    model = dead_channels(keras, data_format)
    model.save(tmp_path / "original.keras")
    file = read_model(tmp_path / "original.keras")
    pruned = prune(file.graph, parse_recipe({})).graph
    back, notes = returned(keras, pruned, file.origin, tmp_path)
    assert notes == ()
    assert layers_of(tmp_path / "returned.keras") == layers_of(tmp_path / "original.keras")
    assert back.get_layer("inner").filters == 5
    assert back.get_layer("inner").activation is keras.activations.relu
    assert back.get_layer("separable").filters == 4
    assert back.get_layer("up").filters == 3
    assert back.count_params() < model.count_params()
    assert_same_outputs(file.graph, back, 1e-5)
    assert np.prod(back.get_layer("last").get_weights()[0].shape) == 3 * 4


def test_a_flat_model_keeps_flatten_and_the_activations_of_convolutions(
    keras: Any, tmp_path: Path
) -> None:
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((6, 5, 2)),
            layers.Conv2D(4, 3, use_bias=False, name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.Conv2D(3, 3, activation="relu", name="second"),
            layers.Flatten(name="flat"),
            layers.Dense(2, name="last"),
        ]
    )
    set_random_weights(model)
    model.save(tmp_path / "original.keras")
    file = read_model(tmp_path / "original.keras")
    pruned = prune(file.graph, parse_recipe({})).graph
    back, (note,) = returned(keras, pruned, file.origin, tmp_path)
    assert type(back) is keras.Sequential
    found = [(layer.name, type(layer).__name__) for layer in back.layers]
    assert found[-3:] == [("second", "Conv2D"), ("flat", "Flatten"), ("last", "Dense")]
    assert back.get_layer("second").activation is keras.activations.relu
    assert "'norm'" in note
    assert_same_outputs(file.graph, back, 1e-5)


@pytest.mark.shared
@pytest.mark.parametrize(
    "file_name",
    [
        "mltk_visual_wake_words/visual_wake_words.h5",
        "mltk_keyword_spotting/keyword_spotting.h5",
    ],
)
def test_real_models_come_back_smaller_and_answer_the_same(
    keras: Any, shared_models: Path, tmp_path: Path, file_name: str
) -> None:
    file = read_model(shared_models / file_name)
    pruned = prune(file.graph, parse_recipe({})).graph
    back, _ = returned(keras, pruned, file.origin, tmp_path)
    kept = sum(weight.size for weight in pruned.weights.values())
    assert back.count_params() == kept <= sum(w.size for w in file.graph.weights.values())
    assert_same_outputs(file.graph, back, 1e-5)
