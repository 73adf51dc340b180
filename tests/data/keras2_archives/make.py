"""Makes the archives of this folder: small models, saved by tf.keras and tensorflow-model-optimization themselves.

    python make.py FOLDER [--windows]

Run it once with tf-keras 2.20 and tfmot 0.8.0, once with Keras 2.13.1 and tfmot 0.7.5 (Python 3.11), and once more with
the latter and `--windows`: then the names of groups are joined as on Windows, where `tf.io.gfile.join` is
`ntpath.join`. Beside each `NAME.keras` it writes `NAME.npz`: inputs `x0`, ... and the output `y0` of the model that was
saved.
"""

import argparse
import ntpath
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_model_optimization as tfmot

try:
    import tf_keras as keras
except ImportError:
    keras = tf.keras

prune = tfmot.sparsity.keras.prune_low_magnitude
layers = keras.layers
Schedule = dict[str, Any]


def constant(sparsity: float = 0.5, **options: Any) -> Schedule:
    schedule = tfmot.sparsity.keras.ConstantSparsity(sparsity, begin_step=0, frequency=1)
    return {"pruning_schedule": schedule, **options}


def polynomial() -> Schedule:
    schedule = tfmot.sparsity.keras.PolynomialDecay(0.2, 0.7, begin_step=0, end_step=4, frequency=1)
    return {"pruning_schedule": schedule}


def sequential(schedule: Schedule) -> Any:
    """Every kind of layer that may be wrapped: with a kernel, with other weights, with none."""
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(8, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Dense(4, activation="tanh"),
            layers.Dense(2),
        ]
    )
    return prune(model, **schedule)


def two_of_four() -> Any:
    model = keras.Sequential([keras.Input((4,)), layers.Dense(8), layers.Dense(2)])
    return prune(model, **constant(sparsity_m_by_n=(2, 4)))


def never_trained() -> Any:
    return sequential(constant())


def disagreeing() -> Any:
    """A mask with zeros where the kernel has none: the mask counts."""
    model = sequential(constant())
    for layer in model.layers:
        for _, mask, _ in getattr(layer, "pruning_vars", []):
            mask.assign(np.random.default_rng(1).integers(0, 2, mask.shape).astype(np.float32))
    return model


def functional() -> Any:
    """Wrapped and plain layers of the same classes, in two branches."""
    x = keras.Input((4,), name="x")
    a = prune(layers.Dense(4, activation="relu", name="a"), **constant())(x)
    b = layers.Dense(4, name="b")(x)
    c = prune(layers.Dense(4, name="c"), **polynomial())(layers.Add()([a, b]))
    return keras.Model(x, layers.Dense(2, name="d")(c))


def shared() -> Any:
    x, y = keras.Input((4,), name="x"), keras.Input((4,), name="y")
    both = prune(layers.Dense(4, activation="relu", name="shared"), **constant())
    return keras.Model([x, y], layers.Dense(1)(layers.Concatenate()([both(x), both(y)])))


def nested() -> Any:
    """A pruned model inside a model, between layers of its own classes."""
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(4), layers.Dense(4, "relu")])
    x = keras.Input((4,), name="x")
    y = prune(layers.Dense(4, name="before"), **constant())(x)
    return keras.Model(x, layers.Dense(2, name="after")(prune(inner, **constant())(y)))


def plain() -> Any:
    """No wrapper: several layers of each class, with and without weights."""
    model = [keras.Input((4,)), layers.Dense(4), layers.BatchNormalization(), layers.Dropout(0.5)]
    model += [layers.Dense(4), layers.BatchNormalization(), layers.Dropout(0.5), layers.Dense(2)]
    return keras.Sequential(model)


def plain_nested() -> Any:
    """Two nested models, one called twice."""
    one = keras.Sequential([keras.Input((4,)), layers.Dense(4), layers.Dense(4)])
    x, y = keras.Input((4,), name="x"), keras.Input((4,), name="y")
    deep = keras.Model(x, layers.Dense(3)(one(layers.Dense(4)(x))))
    both = layers.Concatenate()([deep(x), deep(y)])
    two = keras.Sequential([keras.Input((6,)), layers.Dense(4), layers.Dense(2)])
    return keras.Model([x, y], two(both))


# Name of the file -> the model, and whether it is trained for some steps.
MODELS: dict[str, tuple[Callable[[], Any], bool]] = {
    "polynomial": (lambda: sequential(polynomial()), True),
    "constant": (lambda: sequential(constant()), True),
    "two_of_four": (two_of_four, True),
    "never_trained": (never_trained, False),
    "disagreeing": (disagreeing, False),
    "functional": (functional, True),
    "shared": (shared, True),
    "nested": (nested, True),
    "plain": (plain, True),
    "plain_nested": (plain_nested, True),
}


def train(model: Any) -> None:
    rng = np.random.default_rng(0)
    inputs = [rng.standard_normal((64, 4)).astype(np.float32) for _ in model.inputs]
    wanted = rng.standard_normal((64, int(model.output_shape[-1]))).astype(np.float32)
    # Plain gradient descent keeps no state of its own, which keeps the files small.
    model.compile(keras.optimizers.SGD(0.05), "mse")
    callbacks = [tfmot.sparsity.keras.UpdatePruningStep()]
    model.fit(inputs, wanted, epochs=3, verbose=0, callbacks=callbacks)


def save_as_on_windows(model: Any, path: Path) -> None:
    from keras.src.saving import saving_lib

    files = saving_lib.tf.io.gfile
    joined = files.join
    files.join = ntpath.join
    model.save(path)
    files.join = joined


def write(name: str, folder: Path, *, windows: bool) -> None:
    keras.utils.set_random_seed(7)
    make, is_trained = MODELS[name]
    model = make()
    if is_trained:
        train(model)
    if windows:
        save_as_on_windows(model, folder / f"{name}.keras")
    else:
        model.save(folder / f"{name}.keras")
    rng = np.random.default_rng(3)
    inputs = [rng.standard_normal((16, 4)).astype(np.float32) for _ in model.inputs]
    arrays = {f"x{i}": x for i, x in enumerate(inputs)}
    np.savez(folder / f"{name}.npz", **arrays, y0=model.predict(inputs, verbose=0))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--windows", action="store_true")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for name in MODELS:
        write(name, options.folder, windows=options.windows)


if __name__ == "__main__":
    main()
