"""Models in two files, the architecture as JSON and its weights: read as the whole file is, or refused with advice."""

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from graph import reference
from graph.errors import (
    ConfigError,
    FileLimitError,
    ModelFileError,
    NotAModelFileError,
    WeightsMismatchError,
    WeightsOnlyError,
)
from graph.graph import Graph
from graph.keras.read import read_model
from graph.keras.two_files import ASSUMED_VERSION
from graph.limits import FileLimits
from graph.model_files.read import read_model_file
from tests.graph.keras.conftest import set_random_weights

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy"),
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
]


def network(keras: Any) -> Any:
    layers = keras.layers
    x = keras.Input((6, 6, 2), name="image")
    y = layers.Conv2D(3, 3, activation="relu", name="conv")(x)
    y = layers.BatchNormalization(name="norm")(y)
    inner = keras.Sequential([layers.Dense(4, name="hidden"), layers.ReLU()], name="inner")
    inner.build((None, 48))
    y = layers.Dense(2, name="top")(inner(layers.Flatten(name="flat")(y)))
    model = keras.Model(x, y)
    set_random_weights(model)
    return model


def outputs(graph: Graph) -> np.ndarray:
    x = np.random.default_rng(1).standard_normal((3, 6, 6, 2)).astype(np.float32)
    (found,) = reference.run(graph, {"image": x}, np.float64).values()
    return found


def written(model: Any, folder: Path, weights: str) -> tuple[Path, Path]:
    (folder / "model.json").write_text(model.to_json())
    model.save_weights(folder / weights)
    return folder / "model.json", folder / weights


@pytest.mark.parametrize(
    ("library", "weights"),
    [("keras", "w.weights.h5"), ("tf_keras", "w.weights.h5"), ("tf_keras", "w.h5")],
)
def test_both_files_are_read_as_the_whole_model_is(
    library: str, weights: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    model = network(request.getfixturevalue(library))
    architecture, arrays = written(model, tmp_path, weights)
    whole = tmp_path / "whole.keras"
    model.save(whole)
    read = read_model_file(architecture, weights=arrays)
    np.testing.assert_array_equal(outputs(read.graph), outputs(read_model(whole).graph))
    if library == "keras":
        assert read.keras_version == ASSUMED_VERSION
    else:
        assert read.keras_version.startswith("2.")


def test_the_weights_may_be_in_the_file_of_a_whole_model(tf_keras: Any, tmp_path: Path) -> None:
    model = network(tf_keras)
    architecture, _ = written(model, tmp_path, "w.h5")
    model.save(tmp_path / "whole.h5")
    graph = read_model(architecture, weights=tmp_path / "whole.h5").graph
    np.testing.assert_array_equal(outputs(graph), outputs(read_model(tmp_path / "whole.h5").graph))


def test_kernels_of_theano_are_turned_around(tf_keras: Any, tmp_path: Path) -> None:
    model = network(tf_keras)
    architecture, arrays = written(model, tmp_path, "w.h5")
    plain = outputs(read_model(architecture, weights=arrays).graph)
    config = json.loads(architecture.read_text())
    architecture.write_text(json.dumps(config | {"backend": "theano", "keras_version": "2.2.4"}))
    turned = outputs(read_model(architecture, weights=arrays).graph)
    kernel = model.get_layer("conv").kernel
    kernel.assign(np.flip(kernel.numpy(), (0, 1)))
    model.save_weights(arrays)
    architecture.write_text(json.dumps(config))
    np.testing.assert_array_equal(turned, outputs(read_model(architecture, weights=arrays).graph))
    assert not np.array_equal(turned, plain)


def test_each_half_alone_is_refused_with_what_to_do(keras: Any, tmp_path: Path) -> None:
    architecture, arrays = written(network(keras), tmp_path, "w.weights.h5")
    with pytest.raises(NotAModelFileError, match="as the part weights"):
        read_model_file(architecture)
    with pytest.raises(WeightsOnlyError, match=r"model.to_json\(\)"):
        read_model_file(arrays)


@pytest.mark.parametrize(
    ("architecture", "weights", "error", "match"),
    [
        (b"PK\x03\x04", b"", NotAModelFileError, "no architecture"),
        (b'{"class_name"', None, ConfigError, "the architecture"),
        (b'{"class_name": "\xff"}', None, ConfigError, "UTF-8"),
        (None, b"PK\x03\x04", NotAModelFileError, "not HDF5"),
        (None, b"", NotAModelFileError, "not HDF5"),
    ],
)
def test_what_is_no_pair_is_refused(
    architecture: bytes | None,
    weights: bytes | None,
    error: type[ModelFileError],
    match: str,
    keras: Any,
    tmp_path: Path,
) -> None:
    paths = written(network(keras), tmp_path, "w.weights.h5")
    for path, content in zip(paths, (architecture, weights), strict=True):
        if content is not None:
            path.write_bytes(content)
    with pytest.raises(error, match=match):
        read_model_file(paths[0], weights=paths[1])


def test_weights_of_another_model_are_refused(keras: Any, tf_keras: Any, tmp_path: Path) -> None:
    architecture, _ = written(network(keras), tmp_path, "w.weights.h5")
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    other.save_weights(tmp_path / "other.weights.h5")
    with pytest.raises(WeightsMismatchError):
        read_model_file(architecture, weights=tmp_path / "other.weights.h5")
    h5py.File(tmp_path / "empty.h5", "w").close()
    with pytest.raises(WeightsMismatchError):
        read_model_file(architecture, weights=tmp_path / "empty.h5")


def test_both_files_are_limited(keras: Any, tmp_path: Path) -> None:
    architecture, arrays = written(network(keras), tmp_path, "w.weights.h5")
    for limits in (FileLimits(config_max_bytes=100), FileLimits(file_max_bytes=100)):
        with pytest.raises(FileLimitError, match="too large"):
            read_model_file(architecture, limits, weights=arrays)


@pytest.mark.parametrize(
    "text", ["class_name: Sequential\nconfig: []\n", "backend: tensorflow\nclass_name: Model\n"]
)
def test_yaml_is_refused_with_what_to_do(text: str, tmp_path: Path) -> None:
    (tmp_path / "model.yaml").write_text(text)
    with pytest.raises(NotAModelFileError, match=r"YAML.*to_json"):
        read_model_file(tmp_path / "model.yaml")
