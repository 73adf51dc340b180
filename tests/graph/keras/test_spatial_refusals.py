"""Arguments and shapes of image and signal layers that Keras would not write, or that are not read; and wrappers."""

import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from graph import reference
from graph.errors import (
    ConfigError,
    GraphError,
    ShapeError,
    UnsupportedArgumentError,
    WeightsMismatchError,
)
from graph.keras.read import read_model
from tests.graph.keras.handmade import input_layer, layer, sequential, write_legacy

IMAGE, SIGNAL = (7, 8, 3), (9, 3)
rng = np.random.default_rng(0)
KERNEL = rng.standard_normal((3, 2, 3, 4)).astype(np.float32)
BIAS = rng.standard_normal(4).astype(np.float32)
CONV = {"filters": 4, "kernel_size": [3, 2]}
SIZE = {"height": 4, "width": 4}


def read(path: Path, given: Any, shape: tuple[int | None, ...] = IMAGE, **options: Any) -> Any:
    config = sequential(input_layer(*shape), given)
    weights = {"one": [("one/kernel:0", KERNEL), ("one/bias:0", BIAS)]}
    return read_model(
        write_legacy(path / "m", config, weights if "Conv2D" in str(given) else {}, **options)
    )


@pytest.mark.parametrize(
    ("class_name", "arguments", "words"),
    [
        ("Conv2D", {**CONV, "padding": "full"}, "padding"),
        ("Conv2D", {**CONV, "padding": "causal"}, "padding"),
        ("Conv2D", {**CONV, "padding": 3}, "padding"),
        ("Conv2D", {**CONV, "strides": [1, 1, 1]}, "strides"),
        ("Conv2D", {**CONV, "strides": "two"}, "strides"),
        ("Conv2D", {**CONV, "kernel_size": [3.5, 2]}, "kernel_size"),
        ("Conv2D", {**CONV, "dilation_rate": []}, "dilation_rate"),
        ("Conv2D", {**CONV, "data_format": "channels_middle"}, "data_format"),
        ("Conv2D", {**CONV, "groups": None}, "groups"),
        ("Conv2D", {**CONV, "use_bias": 1}, "use_bias"),
        ("Conv2D", {**CONV, "sparkle": 1}, "unknown argument"),
        ("Conv2DTranspose", {**CONV, "padding": "causal"}, "padding"),
        ("Conv2DTranspose", {**CONV, "output_padding": [1, 1, 1]}, "output_padding"),
        ("Conv2DTranspose", {**CONV, "groups": 2}, "groups"),
        ("DepthwiseConv2D", {"kernel_size": 3, "padding": "causal"}, "padding"),
        ("MaxPooling2D", {"pool_size": [2, 2, 2]}, "pool_size"),
        ("MaxPooling2D", {"padding": "causal"}, "padding"),
        ("GlobalMaxPooling2D", {"keepdims": None}, "keepdims"),
        ("AdaptiveMaxPooling2D", {"output_size": [None, 2]}, "output_size"),
        ("ZeroPadding2D", {"padding": [1, 2, 3]}, "padding"),
        ("ZeroPadding2D", {"padding": [[1, 2, 3], 1]}, "padding"),
        ("Cropping2D", {"cropping": "all"}, "cropping"),
        ("UpSampling2D", {"size": [2]*3}, "size"),
        ("UpSampling2D", {"interpolation": "bilinear_corner"}, "interpolation"),
        ("UpSampling2D", {"interpolation": None}, "interpolation"),
        ("Resizing", {**SIZE, "interpolation": "magic"}, "interpolation"),
        ("Resizing", {**SIZE, "fill_mode": "reflect"}, "fill_mode"),
        ("Resizing", {**SIZE, "fill_value": 7.0}, "fill_value"),
        ("Resizing", {**SIZE, "crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True}, "cropped"),
        ("GroupNormalization", {"axis": 0, "scale": False, "center": False}, "axis"),
        ("LayerScale", {"projection_dim": 3}, "keras.applications"),
    ],
)  # fmt: skip
def test_an_argument_is_refused(
    tmp_path: Path, class_name: str, arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(GraphError) as caught:
        read(tmp_path, layer(class_name, "one", **arguments))
    assert isinstance(caught.value, UnsupportedArgumentError) or class_name == "LayerScale"
    assert words in str(caught.value)
    assert "'one'" in caught.value.message


@pytest.mark.parametrize("missing", ["filters", "kernel_size"])
def test_an_argument_is_missing(tmp_path: Path, missing: str) -> None:
    given = {name: value for name, value in CONV.items() if name != missing}
    with pytest.raises(ConfigError, match=f"has no argument '{missing}'"):
        read(tmp_path, layer("Conv2D", "one", **given))


@pytest.mark.parametrize(
    ("class_name", "arguments", "shape"),
    [
        ("MaxPooling2D", {"pool_size": 9}, IMAGE),
        ("MaxPooling2D", {"pool_size": 2**30, "padding": "same"}, IMAGE),
        ("MaxPooling1D", {}, IMAGE),
        ("MaxPooling2D", {"strides": 0}, IMAGE),
        ("GlobalAveragePooling1D", {}, IMAGE),
        ("AdaptiveMaxPooling2D", {"output_size": 0}, IMAGE),
        ("Cropping2D", {"cropping": 4}, IMAGE),
        ("ZeroPadding2D", {"padding": -1}, IMAGE),
        ("UpSampling1D", {"size": 0}, SIGNAL),
        ("Resizing", {"height": 0, "width": 4}, IMAGE),
        ("Resizing", SIZE, SIGNAL),
        ("Resizing", {**SIZE, "crop_to_aspect_ratio": True}, (None, 8, 3)),
        ("CenterCrop", SIZE, (None, None, 3)),
        ("CenterCrop", SIZE, SIGNAL),
        ("GroupNormalization", {"groups": 2}, IMAGE),
    ],
)
def test_a_shape_is_refused(
    tmp_path: Path, class_name: str, arguments: dict[str, Any], shape: tuple[int | None, ...]
) -> None:
    weights = {"center": False, "scale": False} if class_name == "GroupNormalization" else {}
    with pytest.raises(ShapeError, match="layer 'one'"):
        read(tmp_path, layer(class_name, "one", **arguments, **weights), shape)


def test_random_crop_of_another_size_is_refused_in_keras3(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedArgumentError, match="since versions of Keras 3 differ"):
        read(tmp_path, layer("RandomCrop", "one", **SIZE), version="3.0.0")


def test_a_kernel_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        WeightsMismatchError, match=r"kernel of layer 'one' \(Conv2D\) does not fit"
    ):
        read(tmp_path, layer("Conv2D", "one", filters=5, kernel_size=[3, 2]))


# Wrappers.


def wrapped(path: Path, class_name: str, inner: Any, arrays: list[tuple[str, np.ndarray]]) -> Any:
    given = layer(class_name, "outer", layer=inner)
    names = {"outer": [(f"outer/{name}:0", array) for name, array in arrays]}
    config = sequential(input_layer(*IMAGE), given)
    return read_model(write_legacy(path, config, names, version="2.15.0"))


@pytest.mark.parametrize("is_separable", [False, True])
def test_a_pruned_convolution_has_the_zeros_of_its_mask(tmp_path: Path, is_separable: bool) -> None:
    mask = (rng.random((1, 1, 3, 4)) < 0.5).astype(np.float32)
    pointwise = rng.standard_normal((1, 1, 3, 4)).astype(np.float32)
    depthwise = rng.standard_normal((3, 2, 3, 1)).astype(np.float32)
    class_name, role = "Conv2D", "kernel"
    own = [("kernel", pointwise), ("bias", BIAS)]
    arguments: dict[str, Any] = {"filters": 4, "kernel_size": 1}
    if is_separable:
        class_name, role = "SeparableConv2D", "pointwise_kernel"
        own = [("depthwise_kernel", depthwise), ("pointwise_kernel", pointwise), ("bias", BIAS)]
        arguments["kernel_size"] = [3, 2]
    inner = layer(class_name, "inner", **arguments)
    own += [("mask", mask), ("threshold", np.zeros(())), ("pruning_step", np.zeros((), np.int64))]
    graph = wrapped(tmp_path / "m", "PruneLowMagnitude", inner, own).graph
    np.testing.assert_array_equal(graph.weights[f"outer/{role}"], pointwise * mask)


def test_a_depthwise_convolution_is_never_pruned_by_tfmot(tmp_path: Path) -> None:
    depthwise = rng.standard_normal((3, 2, 3, 1)).astype(np.float32)
    own = [
        ("depthwise_kernel", depthwise),
        ("bias", BIAS[:3]),
        ("pruning_step", np.zeros((), np.int64)),
    ]
    inner = layer("DepthwiseConv2D", "inner", kernel_size=[3, 2])
    graph = wrapped(tmp_path / "m", "PruneLowMagnitude", inner, own).graph
    np.testing.assert_array_equal(graph.weights["outer/depthwise_kernel"], depthwise)


def test_spectral_normalization_is_what_it_stores(tmp_path: Path) -> None:
    own = [("kernel", KERNEL), ("bias", BIAS), ("vector_u", np.ones((1, 4), np.float32))]
    inner = layer("Conv2D", "inner", **CONV)
    graph = wrapped(tmp_path / "m", "SpectralNormalization", inner, own).graph
    np.testing.assert_array_equal(graph.weights["outer/kernel"], KERNEL)
    x = rng.standard_normal((1, *IMAGE)).astype(np.float32)
    assert reference.run(graph, {graph.inputs[0].name: x})["outer"].shape == (1, 5, 7, 4)


@pytest.mark.parametrize(
    "given",
    [
        layer("SpectralNormalization", "outer", layer=layer("Conv2D", **CONV), magic=1),
        layer("SpectralNormalization", "outer"),
        layer("SpectralNormalization", "outer",
              layer=layer("SpectralNormalization", layer=layer("Conv2D", **CONV))),
        layer("SpectralNormalization", "outer", layer=sequential(layer("Conv2D", **CONV))),
    ],
    ids=["an unknown argument", "nothing", "a wrapper", "a model"],
)  # fmt: skip
def test_what_a_wrapper_cannot_wrap_is_refused(tmp_path: Path, given: Any) -> None:
    with pytest.raises(GraphError):
        read_model(write_legacy(tmp_path / "m", sequential(input_layer(*IMAGE), given)))


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")
def test_two_kernels_of_a_wrapper_that_differ_are_refused(keras: Any, tmp_path: Path) -> None:
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input(IMAGE), layers.SpectralNormalization(layers.Conv2D(4, 3))]
    )
    path = tmp_path / "m.keras"
    model.save(path)
    changed = tmp_path / "changed.keras"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(changed, "w") as new:
        for entry in old.namelist():
            data = old.read(entry)
            if entry == "model.weights.h5":
                (tmp_path / "w.h5").write_bytes(data)
                with h5py.File(tmp_path / "w.h5", "a") as file:
                    file["layers/spectral_normalization/vars/0"][...] += 1
                data = (tmp_path / "w.h5").read_bytes()
            new.writestr(entry, data)
    read_model(path)
    with pytest.raises(WeightsMismatchError, match="hold two different kernels"):
        read_model(changed)
