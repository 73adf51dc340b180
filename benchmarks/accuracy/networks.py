"""Networks to prune, trained by Keras as a user would: Adam, a lower rate at the end. Kept as files, by seed."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.accuracy.data import Data, load

_BATCH = 128


@dataclass(frozen=True, slots=True)
class Network:
    """A network and what it is trained on.

    Attributes:
        data: the name of the data set.
        layers: makes its layers, given `keras.layers` and the number of classes.
        epochs: epochs at the rate 1e-3, then a third as many at 2e-4.
    """

    data: str
    layers: Callable[[Any, int], list[Any]]
    epochs: int


def _lenet_300_100(layers: Any, classes: int) -> list[Any]:
    return [
        layers.Flatten(),
        layers.Dense(300, "relu"),
        layers.Dense(100, "relu"),
        layers.Dense(classes, "softmax"),
    ]


def _lenet_5(layers: Any, classes: int) -> list[Any]:
    return [
        layers.Reshape((28, 28, 1)),
        layers.Conv2D(20, 5, activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(50, 5, activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(500, "relu"),
        layers.Dense(classes, "softmax"),
    ]


def _letter(layers: Any, classes: int) -> list[Any]:
    return [
        layers.Dense(300, "relu"),
        layers.Dense(100, "relu"),
        layers.Dense(classes, "softmax"),
    ]


NETWORKS: Mapping[str, Network] = {
    "fashion 784-300-100-10": Network("fashion", _lenet_300_100, 12),
    "fashion LeNet-5": Network("fashion", _lenet_5, 6),
    "mnist10k 784-300-100-10": Network("mnist10k", _lenet_300_100, 15),
    "letter 16-300-100-26": Network("letter", _letter, 30),
}


def trained(name: str, seed: int, data_folder: Path, work: Path) -> tuple[Path, Data]:
    """Return the file of a trained network and its data; train it where there is no file of it yet.

    Args:
        name: a key of `NETWORKS`.
        seed: of weights and of the order of samples.
        data_folder: where the data lie, see `benchmarks.accuracy.data`.
        work: a folder for the files.
    """
    network = NETWORKS[name]
    data = load(network.data, data_folder)
    path = work / f"{name.replace(' ', '-')}-{seed}.keras"
    if not path.exists():
        _train(network, data, seed).save(path)
    return path, data


def _train(network: Network, data: Data, seed: int) -> Any:
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    keras.utils.set_random_seed(seed)
    layers = network.layers(keras.layers, data.classes)
    model = keras.Sequential([keras.layers.Input(data.x.shape[1:]), *layers])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(data.x, data.y, batch_size=_BATCH, epochs=network.epochs, verbose=0)
    model.optimizer.learning_rate = 2e-4
    model.fit(data.x, data.y, batch_size=_BATCH, epochs=max(1, network.epochs // 3), verbose=0)
    return model
