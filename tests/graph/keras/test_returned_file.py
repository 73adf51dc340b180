"""The file that comes back: class, layers, names and compile settings, or a sentence on what is missing."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from graph.graph import Graph
from graph.keras.export import write_keras
from graph.keras.older_settings import settings_of_keras3
from graph.keras.read import ModelFile, read_model
from graph.keras.training_settings import compile_settings, inert
from pruning.prune import prune
from pruning.recipe_parser import parse_recipe
from tests.conftest import REPOSITORY
from tests.graph.keras.conftest import assert_same_outputs, set_random_weights
from tests.graph.keras.handmade import DENSE, input_layer, layer, sequential, write_legacy
from tests.graph.keras.zoo import MODELS
from tests.hostile.files.training_only import forms

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy"),
    pytest.mark.filterwarnings("ignore:The structure of `inputs` doesn't match"),
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
    pytest.mark.filterwarnings("ignore:You passed `rms_scaling=True`"),
    # The state of the optimizer is not in the file, and the notes say so.
    pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer"),
    # The optimizers warn about their own use of TensorFlow.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

Returned = Callable[..., tuple[Any, tuple[str, ...]]]


@pytest.fixture
def returned(keras: Any, tmp_path: Path) -> Returned:
    """Save a model, read it, prune it by a recipe, write it, and load that with Keras 3."""

    def run(model: Any, suffix: str = ".keras", **recipe: Any) -> tuple[Any, tuple[str, ...]]:
        model.save(tmp_path / f"original{suffix}")
        file = read_model(tmp_path / f"original{suffix}")
        graph = prune(file.graph, parse_recipe(recipe)).graph if recipe else file.graph
        notes = write_keras(graph, tmp_path / "returned.keras", file.origin)
        return keras.saving.load_model(tmp_path / "returned.keras"), notes

    return run


def structure(path: Path) -> Any:
    """What config.json says of classes, names and arguments; not of shapes that Keras works out anew."""
    with zipfile.ZipFile(path) as archive:
        return _plain(json.loads(archive.read("config.json"))["config"])


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("class_name") == "DTypePolicy":
        return value["config"]["name"]
    if value.get("class_name") == "__keras_tensor__":
        return value["config"]["keras_history"]
    return {
        k: _plain(v)
        for k, v in value.items()
        if v is not None and k not in NOT_COMPARED and (v or k not in DEFAULTS)
    }


# Not written where they are false or empty: an inner model that was not compiled, an argument of some versions only.
DEFAULTS = {"compile_config", "renorm", "rms_scaling"}
NOT_COMPARED = {
    "kwargs",
    "build_config", "build_input_shape", "shared_object_id", "module", "registered_name", "sparse", "ragged",
    "optional", "quantization_config", "dtype", "seed",
}  # fmt: skip


def classifier(keras: Any) -> Any:
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dense(16, "relu", kernel_regularizer="l2", name="first"),
            layers.Dropout(0.25, name="drop"),
            layers.Dense(12, "tanh", name="second", trainable=False),
            layers.Dense(4, "softmax", name="last"),
        ],
        name="classifier",
    )
    model.compile(
        keras.optimizers.Adam(0.002, beta_1=0.8),
        keras.losses.SparseCategoricalCrossentropy(),
        metrics=["accuracy"],
    )
    return model


def test_where_nothing_is_removed_the_file_is_equal_in_structure(
    keras: Any, returned: Returned, tmp_path: Path
) -> None:
    model = classifier(keras)
    x = np.random.default_rng(0).standard_normal((64, 8)).astype(np.float32)
    y = np.arange(64) % 4
    model.fit(x, y, verbose=0)
    back, notes = returned(model, mode="lossless")
    assert structure(tmp_path / "returned.keras") == structure(tmp_path / "original.keras")
    assert type(back) is keras.Sequential
    assert [layer.name for layer in back.layers] == ["first", "drop", "second", "last"]
    for one, other in zip(back.layers, model.layers, strict=True):
        assert one.trainable == other.trainable
        for found, wanted in zip(one.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(back.predict(x, verbose=0), model.predict(x, verbose=0))
    assert notes == (
        "The Keras file that comes back has the compile settings of the upload but not the state of its optimizer,"
        " which starts afresh.",
    )


def test_training_goes_on_with_the_compile_settings(keras: Any, returned: Returned) -> None:
    model = classifier(keras)
    back, _ = returned(model, mode="magnitude", sparsity=0.5)
    assert type(back.optimizer).__name__ == "Adam"
    assert float(back.optimizer.learning_rate) == pytest.approx(0.002)
    assert float(back.optimizer.beta_1) == pytest.approx(0.8)
    x = np.random.default_rng(0).standard_normal((64, 8)).astype(np.float32)
    before = [np.copy(w) for w in back.get_weights()]
    history = back.fit(x, np.arange(64) % 4, verbose=0)
    assert set(history.history) == {"loss", "accuracy"}
    assert not np.array_equal(before[0], back.get_weights()[0])


def with_dead_units(keras: Any) -> Any:
    """A network of which a lossless recipe removes units, so that layers shrink."""
    model = classifier(keras)
    kernel, bias = model.get_layer("first").get_weights()
    kernel[:, 3:9] = 0
    bias[3:9] = 0
    model.get_layer("first").set_weights([kernel, bias])
    return model


def test_layers_that_shrink_keep_their_names(
    keras: Any, returned: Returned, tmp_path: Path
) -> None:
    model = with_dead_units(keras)
    back, _ = returned(model, mode="lossless")
    assert type(back) is keras.Sequential
    assert [layer.name for layer in back.layers] == ["first", "drop", "second", "last"]
    assert back.get_layer("first").units == 10
    assert back.get_layer("last").activation is keras.activations.softmax
    assert [w.shape for w in back.get_layer("last").get_weights()] == [(12, 4), (4,)]
    x = np.random.default_rng(0).standard_normal((64, 8)).astype(np.float32)
    np.testing.assert_allclose(
        back.predict(x, verbose=0), model.predict(x, verbose=0), rtol=0, atol=1e-6
    )
    assert len(read_model(tmp_path / "returned.keras").graph.nodes) == 6


def test_where_layers_are_joined_it_is_said(keras: Any, returned: Returned) -> None:
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dense(16, name="first", kernel_regularizer="l1"),
            layers.BatchNormalization(name="norm"),
            layers.Activation("relu", name="act"),
            layers.Dropout(0.5, name="drop"),
            layers.Dense(4, "softmax", name="last"),
        ]
    )
    set_random_weights(model)
    back, notes = returned(model, mode="lossless")
    assert type(back) is keras.Sequential
    assert "last" in [layer.name for layer in back.layers]
    assert back.get_layer("last").get_weights()[0].shape == (16, 4)
    assert type(back.get_layer("first").kernel_regularizer).__name__ == "L1"
    (note,) = notes
    assert note.startswith(
        "The Keras file that comes back has no layers of these names and classes, as"
    )
    assert "'norm'" in note
    assert "'drop'" in note


def test_an_activation_that_is_a_layer_stays_one_beside_a_flat_model(
    keras: Any, returned: Returned
) -> None:
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dense(6, name="first"),
            layers.BatchNormalization(name="norm"),
            layers.Dense(4, name="last"),
            layers.Activation("softmax", name="probabilities"),
        ]
    )
    set_random_weights(model)
    back, _ = returned(model, mode="lossless")
    assert [layer.name for layer in back.layers] == ["last", "probabilities"]
    assert len(back.get_layer("last").get_weights()) == 2


@pytest.mark.parametrize("name", MODELS)
def test_every_kind_of_model_comes_back_as_it_was(
    keras: Any, returned: Returned, tmp_path: Path, name: str
) -> None:
    model = MODELS[name](keras)
    set_random_weights(model)
    back, notes = returned(model)
    graph = read_model(tmp_path / "original.keras").graph
    assert_same_outputs(graph, back)
    if not notes:
        assert type(back).__name__ == type(model).__name__
        assert [layer.name for layer in back.layers] == [layer.name for layer in model.layers]
        assert structure(tmp_path / "returned.keras") == structure(tmp_path / "original.keras")


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_models_of_keras2_come_back_with_their_names(
    tf_keras: Any, keras: Any, returned: Returned, suffix: str
) -> None:
    """For Keras 3, with the compile settings as Keras 3 writes them."""
    layers = tf_keras.layers
    model = tf_keras.Sequential(
        [
            tf_keras.Input((8,)),
            layers.Dense(16, "relu", name="first"),
            layers.Dropout(0.25, name="drop"),
            layers.Dense(4, "softmax", name="last"),
        ]
    )
    optimizer = tf_keras.optimizers.SGD(0.125, momentum=0.5, nesterov=True)
    model.compile(optimizer, "categorical_crossentropy", metrics=["accuracy", "mae"])
    x = np.random.default_rng(0).standard_normal((16, 8)).astype(np.float32)
    y = np.eye(4, dtype=np.float32)[np.arange(16) % 4]
    model.fit(x, y, verbose=0)
    back, notes = returned(model, suffix, mode="magnitude", sparsity=0.5)
    assert type(back) is keras.Sequential
    assert [layer.name for layer in back.layers] == ["first", "drop", "last"]
    assert back.get_layer("drop").rate == 0.25
    assert type(back.optimizer) is keras.optimizers.SGD
    assert (float(back.optimizer.learning_rate), back.optimizer.momentum) == (0.125, 0.5)
    assert back.optimizer.nesterov is True
    assert set(back.fit(x, y, verbose=0).history) == {"loss", "accuracy", "mae"}
    (note,) = notes
    assert "but not the state of its optimizer" in note


def test_settings_of_keras3_in_hdf5_come_back(keras: Any, returned: Returned) -> None:
    back, _ = returned(classifier(keras), ".h5")
    assert float(back.optimizer.beta_1) == pytest.approx(0.8)
    assert type(back.loss) is keras.losses.SparseCategoricalCrossentropy


OLD = {
    "loss": "mean_squared_error",
    "metrics": ["acc", {"class_name": "MeanMetricWrapper", "config": {"name": "mae", "fn": "f"}}],
    "sample_weight_mode": None,
    "optimizer_config": {"class_name": "RMSprop", "config": {"lr": 0.25, "rho": 0.5, "decay": 0.0}},
}


def test_settings_of_old_versions_are_rewritten(keras: Any, tmp_path: Path) -> None:
    assert settings_of_keras3(OLD, is_keras3=False) == {
        "loss": "mean_squared_error",
        "loss_weights": None,
        "metrics": ["acc", "mae"],
        "weighted_metrics": None,
        "optimizer": {
            "module": "keras.optimizers",
            "class_name": "RMSprop",
            "config": {"learning_rate": 0.25, "rho": 0.5},
            "registered_name": None,
        },
    }
    path = with_settings(tmp_path / "m", json.dumps(OLD))
    file = read_model(path)
    write_keras(file.graph, tmp_path / "r.keras", file.origin)
    assert float(keras.saving.load_model(tmp_path / "r.keras").optimizer.rho) == 0.5


def with_settings(path: Path, text: Any) -> Path:
    config = sequential(input_layer(3), layer("Dense", units=2))
    with h5py.File(write_legacy(path, config, DENSE), "a") as file:
        file.attrs["training_config"] = text
    return path


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "they cannot be read"),
        ("[1]", "they cannot be read"),
        (np.zeros(3), "they cannot be read"),
        ('{"a": ' * 300 + "1" + "}" * 300, "they cannot be read"),
        ('{"loss": "mine"}', "'mine' is not Keras'"),
        ('{"optimizer_config": {"class_name": "Mine", "config": {}}}', "'Mine' is not Keras' own"),
        ('{"optimizer_config": {"class_name": ["Adam"], "config": {}}}', "\"['Adam']\" is not Keras' own"),
        ('{"optimizer_config": {"class_name": "Adam", "config": {"lr": {"class_name": "X"}}}}', "'X' is not Keras' own"),
        (json.dumps({"metrics": [forms()["lambda_of_keras2"]]}), "'__lambda__' is not Keras' own"),
    ],
    ids=range(9),
)  # fmt: skip
def test_strange_settings_are_no_reason_to_refuse_a_model(
    text: Any, reason: str, tmp_path: Path
) -> None:
    origin = read_model(with_settings(tmp_path / "m", text)).origin
    assert origin.compile_config is None
    assert origin.was_compiled
    assert origin.why_not_compiled == reason


# What must not come back.


@pytest.mark.parametrize("form", forms())
def test_code_is_never_passed_on(form: str) -> None:
    code = forms()[form]
    for config in (
        {"loss": code},
        {"optimizer": "adam", "metrics": [["mse", code]]},
        {"loss": {"a": code}},
    ):
        settings, reason = compile_settings(config)
        assert settings is None
        assert "Keras'" in reason
    assert not inert(code).is_inert


@pytest.mark.parametrize(
    "value",
    [
        "mine", "os.system", "../x", "__import__", "mse\n", float("nan"),
        {"module": "keras.losses", "class_name": "Loss2", "config": {}},
        {"module": "keras.metrics", "class_name": "Adam", "config": {}},
        {"module": "keras.losses", "class_name": "Huber", "config": {}, "registered_name": "mine>Huber"},
        {"module": "keras.losses", "class_name": "Huber", "config": {"fn": {"class_name": "__lambda__"}}},
        {"module": "keras.losses", "class_name": "Huber", "config": {"name": "a b; import os"}},
        {"module": "keras.losses", "class_name": "Huber", "config": {}, "build_config": {}},
        {"module": "builtins", "class_name": "function", "config": "eval"},
        {"module": ["keras.losses"], "class_name": "Huber", "config": {}},
        {"class_name": ["Huber"], "config": {}},
        {"a\x1b[2J": 1},
    ],
    ids=repr,
)  # fmt: skip
def test_settings_that_are_not_keras_own(value: Any) -> None:
    assert not inert(value).is_inert
    assert compile_settings({"loss": value})[0] is None


def test_settings_that_are_nested_too_deeply() -> None:
    value: Any = "mse"
    for _ in range(30):
        value = [value]
    assert inert(value).reason == "they are nested too deeply"


def test_unknown_settings_are_not_passed_on() -> None:
    assert compile_settings({"callbacks": None}) == (None, "'callbacks' is not known")
    assert compile_settings([1]) == (None, "they are not an object")


@pytest.mark.parametrize(
    "settings",
    [
        lambda k: ("adam", "mse", ["mae", "acc"]),
        lambda k: (k.optimizers.SGD(k.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9), momentum=0.9),
                   k.losses.Huber(delta=0.5), [k.metrics.AUC(), k.metrics.Precision(top_k=2)]),
        lambda k: ("rmsprop", {"last": k.losses.CategoricalCrossentropy(label_smoothing=0.1)}, None),
        lambda k: (k.optimizers.AdamW(weight_decay=0.01, clipnorm=1.0), ["kl_divergence"], [["mse"]]),
        *[lambda k, name=name: (name, "mse", None) for name in
          ("adadelta", "adafactor", "adagrad", "adamax", "adamw", "ftrl", "lion", "nadam", "rmsprop", "sgd")],
    ],
)  # fmt: skip
def test_keras_own_settings_are_passed_on(keras: Any, returned: Returned, settings: Any) -> None:
    x = keras.Input((4,))
    model = keras.Model(x, keras.layers.Dense(3, "softmax", name="last")(x))
    optimizer, loss, metrics = settings(keras)
    model.compile(optimizer, loss, metrics=metrics)
    back, _ = returned(model)
    assert type(back.optimizer) is type(model.optimizer)
    # Keras 3.15 itself cannot train a model with one output by losses with names.
    if not isinstance(loss, dict):
        back.fit(np.ones((4, 4), np.float32), np.eye(4, 3, dtype=np.float32), verbose=0)


def test_every_class_on_the_list_is_one_of_keras(keras: Any) -> None:
    from graph.keras.training_settings import _CLASSES

    for module, names in _CLASSES.items():
        place = keras
        for part in module.split(".")[1:]:
            place = getattr(place, part)
        assert [name for name in sorted(names) if not hasattr(place, name)] == []


def test_a_name_that_keras3_does_not_allow_is_changed_and_said(keras: Any, tmp_path: Path) -> None:
    arrays = [("a/b/kernel:0", np.ones((3, 2), np.float32))]
    config = sequential(input_layer(3), layer("Dense", "a/b", units=2, use_bias=False))
    file: ModelFile = read_model(write_legacy(tmp_path / "m", config, {"a/b": arrays}))
    (note,) = write_keras(file.graph, tmp_path / "r.keras", file.origin)
    assert note.startswith("Slashes in the names of layers")
    assert keras.saving.load_model(tmp_path / "r.keras").layers[0].name == "a_b"


@pytest.mark.parametrize("name", ["dice_adult/adult.h5", "mmsplice_Donor/Donor.h5"])
def test_real_models(keras: Any, name: str, tmp_path: Path) -> None:
    file = read_model(REPOSITORY / "tests" / "data" / name)
    write_keras(file.graph, tmp_path / "r.keras", file.origin)
    graph: Graph = read_model(tmp_path / "r.keras").graph
    assert graph.nodes == file.graph.nodes
    assert_same_outputs(graph, keras.saving.load_model(tmp_path / "r.keras"))
