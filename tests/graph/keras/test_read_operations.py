"""Operations of Keras 3 (keras.ops) in functional models are read as what Keras computes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graph.errors import ModelFileError
from graph.keras.export import write_keras
from graph.keras.operation_classes import OPERATION_CLASSES
from graph.keras.operations import LOWERINGS
from graph.keras.read import ModelFile, read_model
from graph.keras.same_layers import is_the_same
from tests.graph.keras.conftest import assert_same_outputs, set_random_weights
from tests.graph.keras.operation_zoo import CALLS, model_of

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")
Saved = Callable[[Any, str], ModelFile]


@pytest.mark.parametrize("name", CALLS)
def test_an_operation(keras: Any, saved: Saved, name: str) -> None:
    model = model_of(keras, name)
    assert_same_outputs(saved(model, ".keras").graph, model)


def test_every_operation_has_its_arguments_and_its_meaning() -> None:
    assert set(LOWERINGS) == set(OPERATION_CLASSES)


def dueling(keras: Any) -> Any:
    """Wang et al. 2016: a state's value, and each action's advantage less the mean of them."""
    layers, ops = keras.layers, keras.ops
    x = keras.Input((8,))
    hidden = layers.Dense(16, "relu")(x)
    value = layers.Dense(1)(layers.Dense(8, "relu")(hidden))
    advantage = layers.Dense(5)(layers.Dense(8, "relu")(hidden))
    return keras.Model(x, value + (advantage - ops.mean(advantage, axis=1, keepdims=True)))


def encoder(keras: Any) -> Any:
    """The half of a variational autoencoder that gives a mean, a variance, and what the loss takes of them."""
    ops = keras.ops
    x = keras.Input((12,))
    hidden = keras.layers.Dense(16, "relu")(x)
    mean, logarithm = ops.split(keras.layers.Dense(6)(hidden), 2, axis=-1)
    deviation = ops.exp(0.5 * logarithm)
    loss = -0.5 * ops.sum(1 + logarithm - ops.square(mean) - ops.exp(logarithm), axis=1)
    return keras.Model(x, [mean, deviation, mean + 0.1 * deviation, loss])


def decoder(keras: Any) -> Any:
    ops = keras.ops
    x = keras.Input((3,))
    hidden = keras.layers.Dense(2 * 2 * 8, "relu")(x)
    image = ops.reshape(hidden, (-1, 2, 2, 8))
    image = keras.layers.Conv2DTranspose(4, 3, strides=2, padding="same")(image)
    return keras.Model(x, ops.clip(image[:, 1:, ::-1], 0, 1))


def gated(keras: Any) -> Any:
    """Parts of a sequence, chosen and joined."""
    ops = keras.ops
    x = keras.Input((6, 4))
    first, last = x[:, 0], x[:, -1]
    strong = ops.where(ops.abs(x) > ops.mean(x, axis=1, keepdims=True), x, 0.0)
    pooled = ops.concatenate([ops.max(strong, axis=1), ops.std(x, axis=1), first, last], axis=-1)
    return keras.Model(x, keras.layers.Dense(3, "softmax")(pooled))


MODELS = [dueling, encoder, decoder, gated]


@pytest.mark.parametrize("build", MODELS)
def test_a_model(keras: Any, saved: Saved, build: Callable[[Any], Any]) -> None:
    model = build(keras)
    set_random_weights(model)
    assert_same_outputs(saved(model, ".keras").graph, model)


def test_any_length(keras: Any, saved: Saved) -> None:
    x = keras.Input((None, 4))
    ops = keras.ops
    y = ops.concatenate([x[:, ::-1], x[:, -1:] * 2, ops.flip(x, 2)], axis=1)
    model = keras.Model(x, [y[:, -1], ops.mean(y, axis=1), ops.cumsum(x, axis=1)])
    graph = saved(model, ".keras").graph
    assert graph.value_types()[graph.outputs[2].value].sample_shape == (None, 4)


REFUSED: dict[str, tuple[Callable[[Any, Any, Any], Any], str]] = {
    "the batch": (lambda o, x, z: o.sum(x), "the axes of the sample"),
    "axis 0": (lambda o, x, z: o.mean(x, axis=0), "axis 0 is the batch"),
    "a sample": (lambda o, x, z: x[0], "all samples of the batch"),
    "ranks": (lambda o, x, z: o.add(x, o.sum(x, axis=(1, 2))[..., None]), "different rank"),
    "batches": (lambda o, x, z: o.transpose(x), "the batch first"),
    "ord": (lambda o, x, z: o.norm(x, ord=3, axis=1), "'ord'"),
    "mode": (lambda o, x, z: o.pad(x, [[0, 0], [1, 1], [0, 0]], "reflect"), "'mode'"),
    "bytes": (lambda o, x, z: o.cast(o.cast(x, "uint8") + 1, "float32"), "calculates with uint8"),
    "decimals": (lambda o, x, z: o.round(x, 2), "'decimals'"),
    "an array by sample": (lambda o, x, z: x * np.ones((3, 5, 4), np.float32), "a sample"),
    "reshape": (lambda o, x, z: o.reshape(x, (5, -1)), "the place of the batch"),
    "einsum": (lambda o, x, z: o.diagonal(x, axis1=1, axis2=2), "Diagonal"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_says_why(keras: Any, saved: Saved, name: str) -> None:
    build, message = REFUSED[name]
    x, z = keras.Input((5, 4), name="x"), keras.Input((6,), name="z")
    model = keras.Model([x, z], [build(keras.ops, x, z), z])
    with pytest.raises(ModelFileError) as caught:
        saved(model, ".keras")
    assert message in str(caught.value)


def test_whole_numbers_are_no_outputs(keras: Any, saved: Saved) -> None:
    x = keras.Input((5,), name="x")
    with pytest.raises(ModelFileError, match="not of a floating type"):
        saved(keras.Model(x, keras.ops.argmax(x, axis=1)), ".keras")


@pytest.mark.parametrize("name", CALLS)
def test_an_operation_comes_back_as_it_was_written(
    keras: Any, saved: Saved, tmp_path: Path, name: str
) -> None:
    model = model_of(keras, name)
    found = saved(model, ".keras")
    written = tmp_path / "written.keras"
    write_keras(found.graph, written, found.origin)
    assert is_the_same(read_model(written).graph, found.graph)
    loaded = keras.saving.load_model(written)
    assert [type(layer) for layer in loaded.operations] == [type(one) for one in model.operations]
    assert_same_outputs(found.graph, loaded)
