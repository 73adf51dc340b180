"""Layers of images and signals that are read compute what Keras computes, in each version and container."""

from collections.abc import Callable
from typing import Any

import pytest

from graph.errors import CustomCodeError
from graph.keras.read import ModelFile
from tests.graph.keras.conftest import assert_same_outputs, set_random_weights
from tests.graph.keras.spatial_zoo import APPLICATIONS, COMMON, KERAS2, KERAS3, NETWORKS
from tests.graph.keras.zoo import Build

Saved = Callable[[Any, str], ModelFile]

pytestmark = [
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy"),
    pytest.mark.filterwarnings("ignore:The structure of `inputs` doesn't match"),
]
OF_KERAS3 = {**COMMON, **KERAS3, **NETWORKS}
OF_KERAS2 = {**COMMON, **KERAS2, **NETWORKS}


def check(saved: Saved, build: Build, keras: Any, suffix: str) -> None:
    model = build(keras)
    set_random_weights(model)
    assert_same_outputs(saved(model, suffix).graph, model, 5e-6)


@pytest.mark.parametrize("name", OF_KERAS3)
def test_keras3(keras: Any, saved: Saved, name: str) -> None:
    check(saved, OF_KERAS3[name], keras, ".keras")


@pytest.mark.parametrize("name", OF_KERAS2)
def test_keras2(tf_keras: Any, saved: Saved, name: str) -> None:
    check(saved, OF_KERAS2[name], tf_keras, ".h5")


# The containers differ in where weights are, which only layers that have some can show.
WITH_WEIGHTS = [
    *(name for name in COMMON if "conv" in name or "able" in name or "wise" in name),
    *(name for name in COMMON if "group normalization" in name),
    *NETWORKS,
]


@pytest.mark.parametrize("name", [*WITH_WEIGHTS, "spectral normalization"])
def test_keras3_in_hdf5(keras: Any, saved: Saved, name: str) -> None:
    check(saved, OF_KERAS3[name], keras, ".h5")


@pytest.mark.parametrize("name", [*WITH_WEIGHTS, "names with slashes", *APPLICATIONS])
def test_keras2_in_an_archive(tf_keras: Any, saved: Saved, name: str) -> None:
    check(saved, (OF_KERAS2 | APPLICATIONS)[name], tf_keras, ".keras")


@pytest.mark.parametrize("name", APPLICATIONS)
def test_a_file_that_does_not_say_whose_class_it_is_is_refused(
    keras: Any, saved: Saved, name: str
) -> None:
    """HDF5 files of Keras 3 have no modules, and anybody may call a class LayerScale."""
    with pytest.raises(CustomCodeError, match=r"does not come from keras\.applications"):
        saved(APPLICATIONS[name](keras), ".h5")
