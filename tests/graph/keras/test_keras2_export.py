"""The .h5 file that comes back of models of Keras 1 and 2: tf.keras loads it, with the same layers and outputs."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from graph.activations import ActivationFunction, Function
from graph.errors import ExportError
from graph.graph import Graph
from graph.keras import keras2_export as module
from graph.keras.keras2_export import write_keras2
from graph.keras.read import ModelFile, read_model
from graph.normalization_ops import UnitNormalization
from graph.ops import Activation
from pruning.prune import prune
from pruning.recipe_parser import parse_recipe
from tests.builders import GraphBuilder
from tests.conftest import REPOSITORY
from tests.graph.keras.conftest import assert_same_outputs, set_random_weights
from tests.graph.keras.handmade import (
    BIAS,
    KERNEL,
    folders,
    input_layer,
    layer,
    sequential,
    write_archive,
)
from tests.graph.keras.spatial_zoo import COMMON, KERAS2, NETWORKS
from tests.graph.keras.zoo import MODELS

pytestmark = [
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy"),
    pytest.mark.filterwarnings("ignore:The structure of `inputs` doesn't match"),
]
Returned = Callable[[Graph, ModelFile], Any]
ZOO = {**MODELS, **COMMON, **KERAS2, **NETWORKS}


@pytest.fixture
def returned(tf_keras: Any, tmp_path: Path) -> Returned:
    """Write a graph for tf.keras 2, and load that."""

    def run(graph: Graph, file: ModelFile) -> Any:
        write_keras2(graph, tmp_path / "returned.h5", file.origin)
        return tf_keras.models.load_model(tmp_path / "returned.h5", compile=False)

    return run


def saved(model: Any, path: Path) -> ModelFile:
    set_random_weights(model)
    model.save(path)
    return read_model(path)


def layers_of(model: Any) -> list[tuple[str, str]]:
    return [(layer.name, type(layer).__name__) for layer in model.layers]


@pytest.mark.parametrize("name", ZOO)
def test_every_kind_of_model_comes_back_as_it_was(
    tf_keras: Any, returned: Returned, tmp_path: Path, name: str
) -> None:
    model = ZOO[name](tf_keras)
    file = saved(model, tmp_path / "original.h5")
    back = returned(file.graph, file)
    assert_same_outputs(file.graph, back, 5e-6)
    # That one gets its inputs by name, which is not written for tf.keras: it becomes flat.
    if name != "named inputs of a nested model":
        assert type(back).__name__ == type(model).__name__
        assert layers_of(back) == layers_of(model)


def network(keras: Any) -> Any:
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 9, 3)),
            layers.Conv2D(6, 3, activation="relu", name="first"),
            layers.Dropout(0.25, name="drop"),
            layers.Conv2D(5, 3, activation="hard_sigmoid", name="second"),
            layers.GlobalMaxPooling2D(name="pool"),
            layers.Dense(3, activation="softmax", name="last"),
        ]
    )
    set_random_weights(model)
    kernel, bias = model.get_layer("first").get_weights()
    kernel[..., 2:] = 0
    bias[2:] = 0
    model.get_layer("first").set_weights([kernel, bias])
    return model


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_layers_that_lose_channels_keep_their_names(
    tf_keras: Any, returned: Returned, tmp_path: Path, suffix: str
) -> None:
    model = network(tf_keras)
    model.save(tmp_path / f"original{suffix}")
    file = read_model(tmp_path / f"original{suffix}")
    back = returned(prune(file.graph, parse_recipe({})).graph, file)
    assert layers_of(back) == layers_of(model)
    assert back.get_layer("first").filters == 2
    assert back.get_layer("second").activation is tf_keras.activations.hard_sigmoid
    assert back.get_layer("drop").rate == 0.25
    assert_same_outputs(file.graph, back, 1e-5)


def test_a_flat_model_is_checked_and_loads(
    tf_keras: Any, returned: Returned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers = tf_keras.layers
    model = tf_keras.Sequential(
        [
            tf_keras.Input((9, 3)),
            layers.Conv1D(4, 3, use_bias=False, name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.LeakyReLU(0.2, name="leaky"),
            layers.ZeroPadding1D(1, name="pad"),
            layers.Conv1D(3, 3, activation="relu", name="second"),
            layers.Flatten(name="flat"),
            layers.Dense(2, name="last"),
        ]
    )
    file = saved(model, tmp_path / "original.h5")
    pruned = prune(file.graph, parse_recipe({})).graph
    back = returned(pruned, file)
    assert "norm" not in [layer.name for layer in back.layers]
    assert ("second", "Conv1D") in layers_of(back)
    assert_same_outputs(file.graph, back, 1e-5)
    moved = pruned.with_weights(
        {name: np.float32(1.001) * array for name, array in pruned.weights.items()}
    )
    monkeypatch.setattr(module, "read_model", lambda *_, **__: ModelFile(moved, *parts_of(file)))
    with pytest.raises(ExportError, match="is not the graph's"):
        write_keras2(pruned, tmp_path / "wrong.h5", file.origin)


def test_images_of_any_size(tf_keras: Any, returned: Returned, tmp_path: Path) -> None:
    layers = tf_keras.layers
    model = tf_keras.Sequential(
        [
            tf_keras.Input((None, None, 2)),
            layers.Conv2D(3, 3, use_bias=False, name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.GlobalAveragePooling2D(name="pool"),
        ]
    )
    file = saved(model, tmp_path / "original.h5")
    assert layers_of(returned(file.graph, file)) == layers_of(model)
    # Without a layer of its own the normalization makes a flat model, which is computed at one size.
    (conv, norm, pool) = file.graph.nodes
    nodes = (conv, replace(norm, name="other", layer="other"), replace(pool, inputs=("other",)))
    back = returned(file.graph.with_nodes(nodes), file)
    x = np.ones((1, 7, 5, 2), np.float32)
    np.testing.assert_allclose(back(x), model(x), rtol=1e-5)


def parts_of(file: ModelFile) -> tuple[Any, ...]:
    return file.format, file.keras_version, file.origin


@pytest.mark.parametrize("name", ["mmsplice_Donor/Donor.h5", "dice_adult/adult.h5"])
def test_real_files_of_old_versions_come_back(
    returned: Returned, tmp_path: Path, name: str
) -> None:
    file = read_model(REPOSITORY / "tests" / "data" / name)
    assert_same_outputs(file.graph, returned(file.graph, file), 5e-6)


@pytest.mark.parametrize(("name", "is_written"), [(".", False), ("a/.", True), ("a//b", True)])
def test_names_that_hdf5_does_not_take_are_refused(
    tmp_path: Path, name: str, is_written: bool
) -> None:
    config = sequential(input_layer(3), layer("Dense", name, units=2))
    data = folders({"layers/dense/vars/0": KERNEL, "layers/dense/vars/1": BIAS})
    file = read_model(write_archive(tmp_path / "m", config, data, version="2.15.0"))
    if is_written:
        write_keras2(file.graph, tmp_path / "x.h5", file.origin)
        assert len(read_model(tmp_path / "x.h5").graph.nodes) == 1
        return
    with pytest.raises(ExportError):
        write_keras2(file.graph, tmp_path / "x.h5", file.origin)


def test_long_lists_of_names_are_split(
    tf_keras: Any, returned: Returned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = saved(network(tf_keras), tmp_path / "original.h5")
    monkeypatch.setattr(module, "_NAMES_OF_ATTRIBUTE", 2)
    assert_same_outputs(file.graph, returned(file.graph, file), 5e-6)
    with h5py.File(tmp_path / "returned.h5") as written:
        names = sorted(name for name in written["model_weights"].attrs if "layer_names" in name)
    assert names == ["layer_names0", "layer_names1", "layer_names2"]


def other_graph(op: Any) -> Graph:
    b = GraphBuilder()
    return b.build(b.add(op, [b.input(4)]))


@pytest.mark.parametrize(
    ("op", "message"),
    [
        (Activation(ActivationFunction(Function.HARD_SIGMOID)), "'hard_sigmoid' means in Keras 3"),
        (Activation(ActivationFunction(Function.SPARSEMAX)), "'sparsemax' means in Keras 3"),
        (Activation(ActivationFunction(Function.GELU, approximate=True)), "Gelu is an operation"),
        (UnitNormalization((1,)), "bounds the norm otherwise"),
    ],
)
def test_what_means_something_else_in_keras2_is_refused(
    tf_keras: Any, tmp_path: Path, op: Any, message: str
) -> None:
    file = saved(network(tf_keras), tmp_path / "original.h5")
    with pytest.raises(ExportError, match=message):
        write_keras2(other_graph(op), tmp_path / "x.h5", file.origin)


def test_files_of_keras3_are_not_written_for_keras2(keras: Any, tmp_path: Path) -> None:
    file = saved(network(keras), tmp_path / "original.keras")
    with pytest.raises(ExportError, match="uploads of Keras 1 and 2 only"):
        write_keras2(file.graph, tmp_path / "x.h5", file.origin)
