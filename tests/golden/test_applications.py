"""The networks of keras.applications are read, and the reference and the engine compute what Keras computes.

On drawn weights; two small ones by default, all of them with HYPOTHESIS_PROFILE=explore: these take two minutes of processor time together.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.compiler import CompileOptions
from engine.machine_code.object_cache import ObjectCache
from graph import reference
from graph.keras.read import read_model
from tests.engine.compiled import compiled

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")

SIDES = {
    "MobileNetV3Small": 64, "MobileNetV2": 64, "MobileNet": 64, "MobileNetV3Large": 64, "ResNet50": 64,
    "ResNet50V2": 64, "EfficientNetB0": 64, "EfficientNetV2B0": 64, "DenseNet121": 64, "VGG16": 32,
    "InceptionV3": 96, "InceptionResNetV2": 96, "NASNetMobile": 64, "Xception": 96, "ConvNeXtTiny": 64,
}  # fmt: skip
SMALL = ("MobileNetV3Small", "MobileNetV2")
EXPLORES = os.environ.get("HYPOTHESIS_PROFILE") == "explore"


def with_drawn_weights(model: Any, x: np.ndarray) -> None:
    """Draw all weights, and let BatchNormalization see `x`, so that values keep their size through the network."""
    rng = np.random.default_rng(0)
    for variable in model.weights:
        if not variable.dtype.startswith("float"):
            continue
        shape, name = tuple(variable.shape), variable.path.split("/")[-1]
        if "variance" in name:
            variable.assign(rng.uniform(0.5, 1.5, shape))
        elif len(shape) > 1:
            fan_in = np.prod(shape[:-1]) if "depthwise" not in variable.path else np.prod(shape[:2])
            variable.assign(rng.standard_normal(shape) * np.sqrt(2 / fan_in))
        elif "gamma" in name:
            variable.assign(rng.uniform(0.5, 1.5, shape))
        elif "mean" not in name:
            variable.assign(rng.standard_normal(shape) * 0.1)
    adapt(model)
    norms = [layer for layer in model.layers if type(layer).__name__ == "BatchNormalization"]
    for layer in norms:
        layer.momentum = 0.0
    model(x, training=True)


def adapt(model: Any) -> None:
    """Let Normalization layers see their statistics, which they only look at when a file is loaded."""
    for layer in model._flatten_layers():
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()


@pytest.fixture
def in_float64(keras: Any) -> Iterator[Callable[[], None]]:
    """Give a function from which on Keras builds layers that compute in float64."""

    def set_type(name: str) -> None:
        keras.config.set_floatx(name)
        keras.config.set_dtype_policy(name)

    yield lambda: set_type("float64")
    set_type("float32")
    keras.backend.clear_session()


@pytest.mark.parametrize("name", SIDES if EXPLORES else SMALL)
def test_network(keras: Any, in_float64: Callable[[], None], tmp_path: Path, name: str) -> None:
    """Keras and the reference both compute in float64, since a hundred layers may enlarge a rounding of float32.

    Keras keeps some constants in float32 even then, the epsilon of BatchNormalization for one, so some error remains.
    """
    side = SIDES[name]

    def build() -> Any:
        # The scores and not their softmax, which is nearly one number where a network is not trained.
        return getattr(keras.applications, name)(
            weights=None, input_shape=(side, side, 3), classes=10, classifier_activation=None
        )

    x = np.random.default_rng(1).uniform(0, 255, (4, side, side, 3)).astype(np.float32)
    model = build()
    with_drawn_weights(model, x)
    model.save(tmp_path / "model.keras")
    graph = read_model(tmp_path / "model.keras").graph
    in_float64()
    twin = build()
    twin.set_weights(model.get_weights())
    adapt(twin)
    expected = np.asarray(twin(x.astype(np.float64), training=False))
    assert expected.dtype == np.float64
    scale = float(np.abs(expected).max())
    assert np.ptp(expected, axis=0).max() > 0.01 * scale, "the outputs do not depend on the input"
    (found,) = reference.run(graph, {graph.inputs[0].name: x}, np.float64).values()
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5 * scale)
    # The engine rounds in float32, too: it may be a few times as far from float64 as the reference in float32 is.
    (single,) = reference.run(graph, {graph.inputs[0].name: x}).values()
    options = CompileOptions(tune=False, buckets=(1,))
    engine = compiled(graph, ObjectCache(tmp_path / "objects"), None, options)
    (served,) = engine.run({graph.inputs[0].name: x}).values()
    assert np.abs(served - found).max() <= 4 * np.abs(single - found).max() + 1e-6 * scale
