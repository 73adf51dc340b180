"""Dtype policies and quantized weights: what Keras saves is read as float32, and the report says so."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tf_keras

from graph import reference
from graph.errors import UnsupportedDtypeError, WeightsMismatchError
from graph.keras.export import write_keras
from graph.keras.policies import policy_name, quantization_of
from graph.keras.quantized import dequantized
from graph.keras.read import ModelFile, read_model
from tests.graph.keras.conftest import set_random_weights

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy", "ignore:(?s).*:UserWarning"
)
Saved = Callable[[Any, str], ModelFile]
X = np.random.default_rng(1).standard_normal((5, 8)).astype(np.float32)
# How far answers may be from Keras', which rounds what goes through the layers.
ROUNDING = {
    "float16": 2e-3,
    "bfloat16": 2e-2,
    "float64": 1e-6,
    "mixed_float16": 2e-3,
    "mixed_bfloat16": 2e-2,
}


def network(library: Any, policy: str) -> Any:
    x = library.Input((8,))
    y = library.layers.Dense(6, activation="tanh", dtype=policy)(x)
    y = library.layers.BatchNormalization(dtype=policy)(y)
    return library.Model(x, library.layers.Dense(3, dtype=policy)(y))


def answers(graph: Any, x: np.ndarray = X) -> np.ndarray:
    (found,) = reference.run(graph, {graph.inputs[0].name: x}).values()
    return found


@pytest.mark.parametrize("policy", list(ROUNDING))
@pytest.mark.parametrize(
    ("library", "suffix"),
    [(keras, ".keras"), (keras, ".h5"), (tf_keras, ".keras"), (tf_keras, ".h5")],
    ids=["keras3", "keras3-h5", "tf_keras", "tf_keras-h5"],
)
def test_models_of_every_policy_are_computed_in_float32(
    saved: Saved, library: Any, suffix: str, policy: str
) -> None:
    model = network(library, policy)
    set_random_weights(model)
    file = saved(model, suffix)
    expected = np.asarray(model(X)).astype(np.float64)
    limit = ROUNDING[policy] * np.abs(expected).max()
    np.testing.assert_allclose(answers(file.graph), expected, rtol=0, atol=3 * limit)
    assert any(policy in note and "float32" in note for note in file.notes)


def test_weights_of_16_bits_are_read_to_the_bit(saved: Saved) -> None:
    for policy in ("float16", "bfloat16"):
        model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4, dtype=policy)])
        file = saved(model, ".keras")
        kernel = np.asarray(model.layers[0].kernel.numpy(), np.float32)
        assert np.array_equal(
            file.graph.weights["dense/kernel"]
            if "dense/kernel" in file.graph.weights
            else next(a for n, a in file.graph.weights.items() if n.endswith("kernel")),
            kernel,
        )


def test_float32_needs_no_note(saved: Saved) -> None:
    assert not saved(network(keras, "float32"), ".keras").notes


def quantized(mode: str) -> tuple[Any, Any]:
    """A network, and the same with quantized weights."""
    model = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(7, activation="relu"),
            keras.layers.Dense(3, use_bias=False),
        ]
    )
    set_random_weights(model)
    before = keras.models.clone_model(model)
    before.set_weights(model.get_weights())
    model.quantize(mode)
    return before, model


@pytest.mark.parametrize("mode", ["int8", "int4", "float8"])
def test_quantized_weights_are_what_keras_takes_them_for(saved: Saved, mode: str) -> None:
    before, model = quantized(mode)
    file = saved(model, ".keras")
    (note,) = file.notes
    assert mode in note
    weights = [array for name, array in file.graph.weights.items() if name.endswith("kernel")]
    assert len(weights) == 2
    bits = {"int8": 127, "int4": 7, "float8": np.inf}[mode]
    for layer, original, found in zip(model.layers, before.layers, weights, strict=True):
        step = np.abs(original.kernel.numpy()).max() / bits
        np.testing.assert_allclose(found, original.kernel.numpy(), rtol=0, atol=step)
        if mode == "int8":
            wanted = layer._kernel.numpy().astype(np.float32) / layer.kernel_scale.numpy()
            assert np.array_equal(found, wanted)
        if mode == "int4":
            wanted = model_weight_of(layer)
            np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-6)


def model_weight_of(layer: Any) -> np.ndarray:
    """The kernel that a layer computes with, found by its answers on one-hot inputs."""
    count = layer._kernel.shape[0]
    inputs = np.eye(count, dtype=np.float32)
    bias = 0 if layer.bias is None else layer.bias.numpy()
    activation, layer.activation = layer.activation, keras.activations.linear
    try:
        return np.asarray(layer(inputs)) - bias
    finally:
        layer.activation = activation


def test_answers_of_quantized_models_are_near_keras(saved: Saved) -> None:
    _, model = quantized("int8")
    file = saved(model, ".keras")
    expected = np.asarray(model(X))
    np.testing.assert_allclose(
        answers(file.graph), expected, rtol=0, atol=0.03 * np.abs(expected).max()
    )


@pytest.mark.parametrize("mode", ["int8", "int4", "float8"])
def test_quantized_models_come_back_in_float32(saved: Saved, tmp_path: Path, mode: str) -> None:
    _, model = quantized(mode)
    file = saved(model, ".keras")
    back = tmp_path / "back.keras"
    assert write_keras(file.graph, back, file.origin) == ()
    again = keras.models.load_model(back)
    assert [type(layer).__name__ for layer in again.layers] == ["Dense", "Dense"]
    np.testing.assert_allclose(np.asarray(again(X)), answers(file.graph), atol=1e-5)
    assert not read_model(back).notes


@pytest.mark.parametrize(
    "name",
    [
        "int8",
        "int32",
        "float8",
        "gptq_from_float32",
        "int8_from_int8",
        "awq/4/128_from_float32",
        "x",
    ],
)
def test_other_policies_are_refused(tmp_path: Path, name: str) -> None:
    import json
    import zipfile

    path = tmp_path / "m.keras"
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(path)
    with zipfile.ZipFile(path) as archive:
        parts = {entry: archive.read(entry) for entry in archive.namelist()}
    config = json.loads(parts["config.json"])
    config["config"]["layers"][1]["config"]["dtype"] = name
    parts["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for entry, content in parts.items():
            archive.writestr(entry, content)
    with pytest.raises(UnsupportedDtypeError, match="another type than floats"):
        read_model(path)


def test_policies_are_named_in_every_form() -> None:
    assert policy_name({"class_name": "Policy", "config": {"name": "float16"}}) == "float16"
    policy = {
        "class_name": "QuantizedDTypePolicy",
        "config": {"mode": "int8", "source_name": "mixed_bfloat16"},
    }
    assert quantization_of(policy) == "int8"
    assert quantization_of("int4/-1_from_float32") == "int4"
    assert quantization_of("int4/64_from_float32") == "int4 in groups"
    assert quantization_of("int8_from_x") == ""
    assert policy_name({"class_name": "Other", "config": {}}) == "Other"


def test_scales_that_do_not_fit_are_refused(saved: Saved) -> None:
    from dataclasses import replace

    from graph.keras.description import Layer

    layer = Layer("d", "d", "Dense", "Dense", {"units": 3}, quantization="int8")
    kernel = np.ones((2, 3), np.float32)
    for scale in (np.ones(2, np.float32), np.ones((3, 2), np.float32)):
        with pytest.raises(WeightsMismatchError, match="do not fit their scales"):
            dequantized(layer, {"kernel": kernel, "quantized_scale": scale})
    with pytest.raises(WeightsMismatchError, match="are 0"):
        dequantized(layer, {"kernel": kernel, "quantized_scale": np.zeros(3, np.float32)})
    grouped = replace(layer, quantization="int4 in groups")
    packed = np.ones((2, 2), np.float32)
    for groups in ([0.0, 7.0], [-1.0, 0.0], [0.0]):
        arrays = {
            "kernel": packed,
            "quantized_scale": np.ones((1, 3), np.float32),
            "quantized_zero": np.zeros((1, 3), np.float32),
            "quantized_groups": np.array(groups, np.float32),
        }
        with pytest.raises(WeightsMismatchError, match="do not fit their scales"):
            dequantized(grouped, arrays)
    wide = replace(layer, quantization="int4", arguments={"units": 9})
    with pytest.raises(WeightsMismatchError, match="do not fit their scales"):
        dequantized(wide, {"kernel": packed, "quantized_scale": np.ones(9, np.float32)})


@pytest.mark.parametrize("mode", ["int8", "int4"])
def test_quantized_embeddings_are_what_keras_looks_up(saved: Saved, mode: str) -> None:
    x = keras.Input((3,), dtype="int32")
    model = keras.Model(x, keras.layers.Flatten()(keras.layers.Embedding(11, 6)(x)))
    set_random_weights(model)
    model.quantize(mode)
    file = saved(model, ".keras")
    indices = np.arange(33).reshape(11, 3).astype(np.int32) % 11
    found = answers(file.graph, indices)
    np.testing.assert_allclose(found, np.asarray(model(indices)), rtol=0, atol=1e-6)
