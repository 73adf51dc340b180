"""Images and signals of Keras 1, and of files that Theano computed for: other names, other layouts, turned kernels."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from graph import reference
from graph.errors import UnsupportedArgumentError, UnsupportedLayerError, WeightsMismatchError
from graph.keras.read import ModelFile, read_model
from tests.graph.keras.handmade import layer, sequential, write_legacy

rng = np.random.default_rng(0)
IMAGE = (7, 8, 3)
X = rng.standard_normal((2, *IMAGE)).astype(np.float32)
X1 = rng.standard_normal((2, 9, 3)).astype(np.float32)
KERNEL = rng.standard_normal((3, 2, 3, 4)).astype(np.float32)
KERNEL1 = rng.standard_normal((3, 3, 4)).astype(np.float32)
BIAS = rng.standard_normal(4).astype(np.float32)
TENSORFLOW, THEANO = ":0", ""


def keras1(class_name: str, shape: Sequence[int] | None = None, **arguments: Any) -> dict[str, Any]:
    """A layer as Keras 1.2.2 writes it, the first one of its model if it has a shape."""
    common: dict[str, Any] = {"init": "glorot_uniform", "W_regularizer": None, "b_constraint": None}
    if "nb_filter" not in arguments:
        common = {}
    if shape is not None:
        common |= {"batch_input_shape": [None, *shape], "input_dtype": "float32"}
    return layer(class_name, "one" if shape is not None else "", **{**common, **arguments})


def conv2d(**arguments: Any) -> dict[str, Any]:
    given = {
        "nb_filter": 4, "nb_row": 3, "nb_col": 2, "activation": "linear", "border_mode": "valid",
        "subsample": [1, 1], "dim_ordering": "tf", "bias": True,
    } | arguments  # fmt: skip
    return keras1("Convolution2D", IMAGE if given["dim_ordering"] == "tf" else (3, 7, 8), **given)


def read(
    folder: Path,
    *layers: Any,
    kernel: np.ndarray | None = KERNEL,
    suffix: str = TENSORFLOW,
    roles: Sequence[tuple[str, np.ndarray]] | None = None,
    version: str = "1.2.2",
    backend: str | None = None,
) -> ModelFile:
    if roles is None:
        roles = [] if kernel is None else [("W", kernel), ("b", BIAS)]
    weights = {"one": [(f"one_{role}{suffix}", array) for role, array in roles]} if roles else {}
    path = write_legacy(folder / "m.h5", sequential(*layers), weights, version=version)
    if backend is not None:
        with h5py.File(path, "a") as file:
            file.attrs["backend"] = backend.encode()
    return read_model(path)


def outputs(file: ModelFile, x: np.ndarray) -> np.ndarray:
    (found,) = reference.run(file.graph, {file.graph.inputs[0].name: x}).values()
    return found


def of_keras3(keras_layer: Any, x: np.ndarray, *weights: np.ndarray) -> np.ndarray:
    keras_layer.build(x.shape)
    keras_layer.set_weights(list(weights))
    return np.asarray(keras_layer(x))


def close(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def first(x: np.ndarray) -> np.ndarray:
    """The same images with their channels first."""
    return np.moveaxis(x, -1, 1)


def theano_conv2d(x: np.ndarray, kernel: np.ndarray, strides: tuple[int, int], mode: str) -> Any:
    """Convolution as Theano defines it, by its definition: the kernel turned around, half of it in front for "half"."""
    rows, columns = kernel.shape[:2]
    before = (rows // 2, columns // 2) if mode == "half" else (0, 0)
    padded = np.pad(x, ((0, 0), (before[0],) * 2, (before[1],) * 2, (0, 0)))
    counts = [
        (padded.shape[1] - rows) // strides[0] + 1,
        (padded.shape[2] - columns) // strides[1] + 1,
    ]
    if mode == "half":
        # What Keras cuts off where a side of the kernel is even.
        counts = [-(-n // s) for n, s in zip(x.shape[1:3], strides, strict=True)]
    y = np.zeros((len(x), *counts, kernel.shape[-1]))
    for i in range(counts[0]):
        for j in range(counts[1]):
            a, b = i * strides[0], j * strides[1]
            window = padded[:, a : a + rows, b : b + columns]
            y[:, i, j] = np.einsum("nrci,rcio->no", window[:, ::-1, ::-1], kernel)
    return y


def test_convolution_with_channels_last(keras: Any, tmp_path: Path) -> None:
    file = read(tmp_path, conv2d(activation="tanh", border_mode="same", subsample=[2, 2]))
    twin = keras.layers.Conv2D(4, (3, 2), 2, "same", activation="tanh")
    close(outputs(file, X), of_keras3(twin, X, KERNEL, BIAS))


def test_convolution_with_channels_first(keras: Any, tmp_path: Path) -> None:
    file = read(tmp_path, conv2d(dim_ordering="th"), kernel=KERNEL.transpose(3, 2, 0, 1))
    expected = of_keras3(keras.layers.Conv2D(4, (3, 2)), X, KERNEL, BIAS)
    close(outputs(file, first(X)), first(expected))


def test_atrous_convolution(keras: Any, tmp_path: Path) -> None:
    given = conv2d(atrous_rate=[2, 2]) | {"class_name": "AtrousConvolution2D"}
    file = read(tmp_path, given)
    twin = keras.layers.Conv2D(4, (3, 2), dilation_rate=2)
    close(outputs(file, X), of_keras3(twin, X, KERNEL, BIAS))


@pytest.mark.parametrize("strides", [(1, 1), (2, 2)])
@pytest.mark.parametrize(("mode", "border"), [("valid", "valid"), ("half", "same")])
@pytest.mark.parametrize("dim_ordering", ["tf", "th"])
def test_theano_turns_kernels_around(
    tmp_path: Path, strides: tuple[int, int], mode: str, border: str, dim_ordering: str
) -> None:
    is_first = dim_ordering == "th"
    file = read(
        tmp_path,
        conv2d(dim_ordering=dim_ordering, border_mode=border, subsample=list(strides)),
        kernel=KERNEL.transpose(3, 2, 0, 1) if is_first else KERNEL,
        suffix=THEANO,
    )
    expected = theano_conv2d(X, KERNEL, strides, mode) + BIAS
    found = outputs(file, first(X) if is_first else X)
    close(found, first(expected) if is_first else expected)
    assert "Theano, which turns the kernels of convolutions around" in file.notes[0]


def test_theano_behind_keras2_says_so(tmp_path: Path) -> None:
    given = layer("Conv2D", "one", filters=4, kernel_size=[3, 2], batch_input_shape=[None, *IMAGE])
    weights = [("kernel", KERNEL), ("bias", BIAS)]
    names = {"one": [(f"one/{role}", array) for role, array in weights]}
    path = write_legacy(tmp_path / "m", sequential(given), names, version="2.1.3")
    with h5py.File(path, "a") as file:
        file.attrs["backend"] = b"theano"
    expected = theano_conv2d(X, KERNEL, (1, 1), "valid") + BIAS
    close(outputs(read_model(path), X), expected)


@pytest.mark.parametrize("is_of_keras_1_0", [True, False])
@pytest.mark.parametrize("suffix", [TENSORFLOW, THEANO])
def test_convolution_of_signals(
    keras: Any, tmp_path: Path, is_of_keras_1_0: bool, suffix: str
) -> None:
    given = keras1(
        "Convolution1D", X1.shape[1:], nb_filter=4, filter_length=3, border_mode="valid",
        subsample_length=2, activation="relu", bias=True, input_dim=3, input_length=9,
    )  # fmt: skip
    image = KERNEL1[:, None]
    stored = image.transpose(3, 2, 0, 1) if is_of_keras_1_0 else image
    file = read(tmp_path, given, kernel=stored, suffix=suffix)
    kernel = KERNEL1[::-1] if suffix == THEANO else KERNEL1
    twin = keras.layers.Conv1D(4, 3, 2, activation="relu")
    close(outputs(file, X1), of_keras3(twin, X1, kernel, BIAS))


@pytest.mark.parametrize("dim_ordering", ["tf", "th"])
def test_transposed_convolution(keras: Any, tmp_path: Path, dim_ordering: str) -> None:
    is_first = dim_ordering == "th"
    shape = [None, 4, 16, 17] if is_first else [None, 16, 17, 4]
    given = conv2d(dim_ordering=dim_ordering, subsample=[2, 2], output_shape=shape)
    given["class_name"] = "Deconvolution2D"
    kernel = KERNEL.transpose(3, 2, 0, 1) if is_first else KERNEL
    found = outputs(read(tmp_path, given, kernel=kernel), first(X) if is_first else X)
    twin = keras.layers.Conv2DTranspose(4, (3, 2), 2, output_padding=(1, 1))
    expected = of_keras3(twin, X, KERNEL.transpose(0, 1, 3, 2), BIAS)
    close(found, first(expected) if is_first else expected)


def test_an_output_shape_that_cannot_be_is_refused(tmp_path: Path) -> None:
    given = conv2d(subsample=[2, 2], output_shape=[None, 9, 17, 4])
    given["class_name"] = "Deconvolution2D"
    with pytest.raises(UnsupportedArgumentError, match="output_shape"):
        read(tmp_path, given)


def test_separable_convolution(keras: Any, tmp_path: Path) -> None:
    given = conv2d(depth_multiplier=1) | {"class_name": "SeparableConvolution2D"}
    depthwise = rng.standard_normal((3, 2, 3, 1)).astype(np.float32)
    pointwise = rng.standard_normal((1, 1, 3, 4)).astype(np.float32)
    roles = [("depthwise_kernel", depthwise), ("pointwise_kernel", pointwise), ("b", BIAS)]
    expected = of_keras3(keras.layers.SeparableConv2D(4, (3, 2)), X, depthwise, pointwise, BIAS)
    close(outputs(read(tmp_path, given, roles=roles), X), expected)
    with pytest.raises(UnsupportedLayerError, match="Theano"):
        read(tmp_path, given, roles=roles, suffix=THEANO)


def test_volumes(keras: Any, tmp_path: Path) -> None:
    x = rng.standard_normal((2, 5, 4, 6, 2)).astype(np.float32)
    kernel = rng.standard_normal((2, 3, 2, 2, 4)).astype(np.float32)
    given = keras1(
        "Convolution3D", (2, 5, 4, 6), nb_filter=4, kernel_dim1=2, kernel_dim2=3, kernel_dim3=2,
        border_mode="same", subsample=[1, 1, 1], dim_ordering="th", bias=True, activation="linear",
    )  # fmt: skip
    file = read(tmp_path, given, kernel=kernel.transpose(4, 3, 0, 1, 2))
    twin = keras.layers.Conv3D(4, (2, 3, 2), padding="same")
    close(outputs(file, first(x)), first(of_keras3(twin, x, kernel, BIAS)))


def test_pooling(keras: Any, tmp_path: Path) -> None:
    signal = keras1("MaxPooling1D", X1.shape[1:], pool_length=3, stride=2, border_mode="same")
    close(
        outputs(read(tmp_path, signal, kernel=None), X1),
        keras.layers.MaxPooling1D(3, 2, "same")(X1),
    )
    image = keras1(
        "AveragePooling2D", (3, 7, 8), pool_size=[3, 2], strides=[2, 2], border_mode="valid",
        dim_ordering="th",
    )  # fmt: skip
    expected = first(np.asarray(keras.layers.AveragePooling2D((3, 2), 2)(X)))
    close(outputs(read(tmp_path, image, kernel=None), first(X)), expected)
    both = [
        conv2d(),
        keras1(
            "MaxPooling2D", pool_size=[2, 2], strides=[2, 2], border_mode="same", dim_ordering="tf"
        ),
    ]
    with pytest.raises(UnsupportedArgumentError, match="in a file that theano computed for"):
        read(tmp_path, *both, suffix=THEANO)


def test_a_data_format_that_is_left_out_is_that_of_the_other_layers(
    keras: Any, tmp_path: Path
) -> None:
    plain = [keras1("UpSampling2D", size=[2, 1]), keras1("ZeroPadding2D", padding=[1, 2])]
    file = read(tmp_path, conv2d(dim_ordering="th"), *plain, kernel=KERNEL.transpose(3, 2, 0, 1))
    y = of_keras3(keras.layers.Conv2D(4, (3, 2)), X, KERNEL, BIAS)
    y = keras.layers.ZeroPadding2D((1, 2))(keras.layers.UpSampling2D((2, 1))(y))
    close(outputs(file, first(X)), first(np.asarray(y)))
    with pytest.raises(UnsupportedArgumentError, match="data_format"):
        read(tmp_path, keras1("UpSampling2D", IMAGE, size=[2, 1]), kernel=None)


@pytest.mark.parametrize(
    "padding",
    [[1, 2, 0, 3], {"top_pad": 1, "bottom_pad": 2, "right_pad": 3}],
    ids=["four numbers", "an object"],
)
def test_padding_of_each_side(keras: Any, tmp_path: Path, padding: Any) -> None:
    file = read(tmp_path, conv2d(), keras1("ZeroPadding2D", padding=padding))
    y = of_keras3(keras.layers.Conv2D(4, (3, 2)), X, KERNEL, BIAS)
    close(outputs(file, X), np.asarray(keras.layers.ZeroPadding2D(((1, 2), (0, 3)))(y)))


@pytest.mark.parametrize("shape", [(2, 3, 3, 4), (3, 2, 4, 3), (4, 3, 3, 2)])
def test_a_kernel_of_another_shape_is_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(WeightsMismatchError, match="does not fit the architecture"):
        read(tmp_path, conv2d(), kernel=np.zeros(shape, np.float32))


@pytest.mark.parametrize(
    ("version", "backend", "is_from_corner"),
    [("2.3.1", "tensorflow", True), ("2.2.4", "tensorflow", True), ("2.3.0-tf", "tensorflow", False),
     ("2.2.4-tf", "tensorflow", False),
     ("2.4.0", "tensorflow", False), ("3.0.0", "jax", False)],
)  # fmt: skip
def test_bilinear_upsampling_before_tensorflow_2(
    keras: Any, tmp_path: Path, version: str, backend: str, is_from_corner: bool
) -> None:
    import tensorflow as tf

    given = layer("UpSampling2D", "one", size=[2, 3], interpolation="bilinear", data_format="channels_last",
                  batch_input_shape=[None, *IMAGE])  # fmt: skip
    file = read(tmp_path, given, kernel=None, version=version, backend=backend)
    old, new = tf.compat.v1.image.resize_bilinear(X, (14, 24)), tf.image.resize(X, (14, 24))
    close(outputs(file, X), np.asarray(old if is_from_corner else new))
    assert len(file.notes) == (version == "2.2.4-tf")
    assert np.abs(np.asarray(old - new)).max() > 0.1


def test_bilinear_upsampling_of_theano_is_refused(tmp_path: Path) -> None:
    given = layer("UpSampling2D", "one", size=[2, 3], interpolation="bilinear",
                  batch_input_shape=[None, *IMAGE])  # fmt: skip
    with pytest.raises(UnsupportedArgumentError, match="interpolation"):
        read(tmp_path, given, kernel=None, version="2.3.1", backend="theano")


def of_keras2(class_name: str, shape: Sequence[int | None] = IMAGE, **arguments: Any) -> Any:
    return layer(class_name, "one", batch_input_shape=[None, *shape], padding="same", **arguments)


DEPTHWISE = rng.standard_normal((3, 2, 3, 1)).astype(np.float32)


@pytest.mark.parametrize(
    ("given", "backend", "kernels"),
    [
        (of_keras2("Conv2DTranspose", filters=4, kernel_size=[3, 2]), "theano", [KERNEL]),
        (of_keras2("DepthwiseConv2D", kernel_size=[3, 2]), "cntk", [DEPTHWISE]),
        (of_keras2("MaxPooling2D", pool_size=2), "cntk", []),
        (of_keras2("Conv2D", filters=4, kernel_size=[3, 2]), "cntk", [KERNEL]),
        (of_keras2("Conv2D", [None, 8, 3], filters=4, kernel_size=[3, 2]), "theano", [KERNEL]),
    ],
    ids=["transposed", "depthwise", "pooling", "even", "varying size"],
)
def test_same_padding_of_other_backends_that_is_not_known_is_refused(
    tmp_path: Path, given: Any, backend: str, kernels: list[np.ndarray]
) -> None:
    roles = [("kernel", kernel) for kernel in kernels] + ([("bias", BIAS)] if kernels else [])
    names = {"one": [(f"one/{role}", array) for role, array in roles]} if roles else {}
    path = write_legacy(tmp_path / "m", sequential(given), names, version="2.1.3")
    with h5py.File(path, "a") as file:
        file.attrs["backend"] = backend.encode()
    with pytest.raises(UnsupportedArgumentError, match="padding"):
        read_model(path)


def test_odd_kernels_without_strides_are_the_same_for_all_backends(
    keras: Any, tmp_path: Path
) -> None:
    kernel = rng.standard_normal((3, 1, 3, 4)).astype(np.float32)
    given = of_keras2("Conv2D", filters=4, kernel_size=[3, 1])
    names = {"one": [("one/kernel", kernel), ("one/bias", BIAS)]}
    path = write_legacy(tmp_path / "m", sequential(given), names, version="2.1.3")
    with h5py.File(path, "a") as file:
        file.attrs["backend"] = b"cntk"
    twin = keras.layers.Conv2D(4, (3, 1), padding="same")
    close(outputs(read_model(path), X), of_keras3(twin, X, kernel, BIAS))


def test_a_kernel_of_another_rank_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsMismatchError, match="does not fit the architecture"):
        read(tmp_path, conv2d(), kernel=KERNEL[0])
