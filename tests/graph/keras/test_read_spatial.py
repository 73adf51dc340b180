"""Layers of images and signals that are read compute what Keras computes, in each version and container."""

from collections.abc import Callable
from typing import Any

import pytest

from graph.errors import CustomCodeError, UnsupportedDtypeError
from graph.keras.read import ModelFile
from tests.graph.keras.conftest import assert_same_outputs, set_random_weights
from tests.graph.keras.spatial_zoo import APPLICATIONS, COMMON, IMAGE, KERAS2, KERAS3, NETWORKS
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


def image_of(dtype: str, *layers: Callable[[Any], Any]) -> Build:
    def build(keras: Any) -> Any:
        given = keras.Input(IMAGE, name="x", dtype=dtype)
        return keras.Sequential([given, *(make(keras.layers) for make in layers)])

    return build


def rescaled(k: Any) -> Any:
    return k.Rescaling(1 / 255)


INTEGERS: dict[str, Build] = {
    "resized to the nearest": image_of("uint8", lambda k: k.Resizing(5, 13, "nearest"), rescaled),
    "cropped": image_of("int32", lambda k: k.CenterCrop(5, 5)),
    "pooled": image_of("uint8", lambda k: k.MaxPooling2D(2), rescaled),
    "pooled globally": image_of("uint8", lambda k: k.GlobalMaxPooling2D(), rescaled),
    "upsampled": image_of("uint8", lambda k: k.UpSampling2D(2), rescaled),
    "padded": image_of("uint8", lambda k: k.ZeroPadding2D(1), rescaled),
    "normalized": image_of("uint8", lambda k: k.BatchNormalization()),
    "augmented": image_of("uint8", lambda k: k.RandomFlip(), rescaled),
}
# Keras 2 makes float32 of them first, Keras 3 integers of the result.
INTERPOLATED: dict[str, Build] = {
    "resized": image_of("uint8", lambda k: k.Resizing(5, 13), rescaled),
    "upsampled": image_of("uint8", lambda k: k.UpSampling2D(2, interpolation="bilinear"), rescaled),
}


@pytest.mark.parametrize("name", INTEGERS)
def test_integers_of_keras3(keras: Any, saved: Saved, name: str) -> None:
    check(saved, INTEGERS[name], keras, ".keras")


@pytest.mark.parametrize("name", INTEGERS)
def test_integers_of_keras2(tf_keras: Any, saved: Saved, name: str) -> None:
    check(saved, INTEGERS[name], tf_keras, ".keras")


@pytest.mark.parametrize("name", INTERPOLATED)
def test_interpolated_integers(keras: Any, tf_keras: Any, saved: Saved, name: str) -> None:
    check(saved, INTERPOLATED[name], tf_keras, ".keras")
    with pytest.raises(UnsupportedDtypeError, match="calculates with integers"):
        saved(INTERPOLATED[name](keras), ".keras")


@pytest.mark.parametrize("pooling", ["AveragePooling2D", "GlobalAveragePooling2D"])
def test_averages_of_integers_are_refused(keras: Any, saved: Saved, pooling: str) -> None:
    """Keras 2 rounds them, and where Keras 3 computes them at all it does not."""
    given = (2,) if pooling == "AveragePooling2D" else ()
    build = image_of("uint8", lambda k: getattr(k, pooling)(*given), rescaled)
    with pytest.raises(UnsupportedDtypeError, match="calculates with integers"):
        saved(build(keras), ".keras")
