"""What is read computes what Keras computes: every layer, argument and topology, in each version and container."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from graph.errors import WeightsMismatchError
from graph.keras.read import ModelFile
from tests.graph.keras.conftest import assert_same_outputs, set_random_weights
from tests.graph.keras.zoo import MODELS, layer_shared_across_models

Saved = Callable[[Any, str], ModelFile]

pytestmark = [
    # Keras 3 and tf-keras recommend .keras when they write .h5.
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
    # Keras' own conversion of its variables is behind NumPy's protocol.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy"),
    pytest.mark.filterwarnings("ignore:The structure of `inputs` doesn't match"),
]


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("name", MODELS)
def test_keras3(keras: Any, saved: Saved, name: str, suffix: str) -> None:
    model = MODELS[name](keras)
    set_random_weights(model)
    file = saved(model, suffix)
    assert file.keras_version == keras.__version__
    assert_same_outputs(file.graph, model)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("name", MODELS)
def test_keras2(tf_keras: Any, saved: Saved, name: str, suffix: str) -> None:
    model = MODELS[name](tf_keras)
    set_random_weights(model)
    file = saved(model, suffix)
    assert file.keras_version.startswith("2.")
    assert_same_outputs(file.graph, model)


@pytest.mark.parametrize("oracle", ["keras", "tf_keras"])
def test_a_layer_of_two_models(oracle: str, saved: Saved, request: pytest.FixtureRequest) -> None:
    keras = request.getfixturevalue(oracle)
    model = layer_shared_across_models(keras)
    set_random_weights(model)
    # HDF5 has the weights once per model; a .keras file has them once, and Keras itself cannot load it.
    assert_same_outputs(saved(model, ".h5").graph, model)
    with pytest.raises(WeightsMismatchError, match="layer 'second/"):
        saved(model, ".keras")


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("oracle", ["keras", "tf_keras"])
# The optimizers of both warn about their own use of TensorFlow.
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_trained_model(
    oracle: str, suffix: str, saved: Saved, request: pytest.FixtureRequest
) -> None:
    """Optimizer state, metrics and the seeds of dropout lie beside the weights."""
    keras = request.getfixturevalue(oracle)
    model = MODELS["partly frozen"](keras)
    outer = keras.Sequential([keras.Input((4,)), keras.layers.Dropout(0.5), model])
    outer.compile("adam", "mse", metrics=["mae"])
    x = np.random.default_rng(0).standard_normal((32, 4)).astype(np.float32)
    outer.fit(x, x, epochs=2, verbose=0)
    assert_same_outputs(saved(outer, suffix).graph, outer)
