"""Models that Keras builds for images and signals of any size: at every size the engine computes what Keras computes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.artifacts.artifact import artifact_bytes, parse_artifact
from engine.compiler import compile_graph
from engine.core.target import host_target
from engine.execution.runtime import load
from engine.machine_code.object_cache import ObjectCache
from engine.planning.plan import Varying
from graph.keras.read import read_model
from pruning.calibrate import Calibration
from pruning.recipe_parser import parse_recipe
from pruning.varying import prune_any
from tests.engine.compiled import UNTUNED, assert_close

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")


def classifier(keras: Any) -> Any:
    k = keras.layers
    image = keras.Input((None, None, 3), name="image")
    x = k.Conv2D(6, 3, strides=2, padding="same", use_bias=False)(image)
    x = k.ReLU(6.0)(k.BatchNormalization()(x))
    y = k.SeparableConv2D(6, 3, padding="same", activation="swish")(x)
    x = k.Add()([x, y])
    x = k.MaxPooling2D(3, strides=2, padding="same")(x)
    gate = k.GlobalAveragePooling2D(keepdims=True)(x)
    x = k.Multiply()([x, k.Conv2D(6, 1, activation="sigmoid")(gate)])
    x = k.AveragePooling2D(2, strides=1, padding="same")(x)
    x = k.Dropout(0.3)(k.GlobalAveragePooling2D()(x))
    return keras.Model(image, k.Dense(4, activation="softmax")(x))


def unet(keras: Any) -> Any:
    k = keras.layers
    image = keras.Input((None, None, 1), name="image")
    first = k.Conv2D(4, 3, padding="same", activation="relu")(image)
    second = k.Conv2D(6, 3, padding="same", activation="relu")(k.MaxPooling2D(2)(first))
    middle = k.Conv2D(8, 3, padding="same", dilation_rate=2)(k.MaxPooling2D(2)(second))
    up = k.Concatenate()([k.Conv2DTranspose(6, 2, strides=2)(middle), second])
    up = k.UpSampling2D(2, interpolation="bilinear")(k.Conv2D(4, 3, padding="same")(up))
    x = k.Concatenate()([up, first])
    return keras.Model(image, k.Conv2D(2, 1, activation="sigmoid")(x))


def signal(keras: Any) -> Any:
    k = keras.layers
    x = given = keras.Input((None, 4), name="signal")
    x = k.Conv1D(8, 3, padding="causal", dilation_rate=2, activation="relu")(x)
    x = k.LayerNormalization()(x)
    x = k.Add()([x, k.Conv1D(8, 1)(given)])
    x = k.ZeroPadding1D(2)(x)
    x = k.Conv1D(8, 5, strides=2, activation="tanh")(x)
    return keras.Model(given, k.Dense(3, activation="softmax")(x))


CASES: list[tuple[Callable[[Any], Any], list[tuple[int, ...]]]] = [
    (classifier, [(1, 1), (2, 5), (8, 8), (17, 31), (32, 33), (65, 40)]),
    (unet, [(4, 4), (8, 20), (32, 32), (36, 64), (100, 12)]),
    (signal, [(1,), (2,), (7,), (64,), (65,), (333,)]),
]


@pytest.mark.parametrize(("build", "sizes"), CASES, ids=[build.__name__ for build, _ in CASES])
def test_every_size_is_what_keras_computes(
    build: Callable[[Any], Any],
    sizes: list[tuple[int, ...]],
    keras: Any,
    tmp_path: Path,
) -> None:
    object_cache = ObjectCache()
    keras.utils.set_random_seed(3)
    model = build(keras)
    model.save(tmp_path / "model.keras")
    graph = read_model(tmp_path / "model.keras").graph
    (given,) = graph.inputs
    channels = given.type.shape[-1]
    rng = np.random.default_rng(0)
    samples = rng.standard_normal((2, *(24,) * len(sizes[0]), channels)).astype(np.float32)
    pruned = prune_any(graph, parse_recipe({}), Calibration({given.name: samples}))
    assert pruned.varying is not None
    varying = Varying(pruned.varying.graph, pruned.varying.sizes)
    compiled = compile_graph(pruned.graph, host_target(), UNTUNED, object_cache, varying=varying)
    executable = load(parse_artifact(artifact_bytes(compiled)), object_cache)
    for size in sizes:
        x = rng.standard_normal((3, *size, channels)).astype(np.float32)
        wanted = np.asarray(model(x, training=False))
        assert_close(executable.run({given.name: x}), {executable.outputs[0].name: wanted})
