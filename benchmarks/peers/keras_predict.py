"""Keras' `model.predict`, which is what most people call."""

from collections.abc import Sequence

import keras  # type: ignore[import-untyped]
import numpy as np
import tensorflow as tf  # type: ignore[import-untyped]

from benchmarks.networks import FloatArray, Layer


class KerasPredict:
    """A Sequential model on the TensorFlow back end."""

    version = f"Keras {keras.__version__}"

    def __init__(self, threads: int) -> None:
        """Set the threads, which TensorFlow takes only before its first operation."""
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)

    def load(self, layers: Sequence[Layer]) -> None:
        """Build the model and set its weights."""
        dense = [
            keras.layers.Dense(layer.kernel.shape[1], activation="relu" if layer.relu else None)
            for layer in layers
        ]
        inputs = keras.Input((layers[0].kernel.shape[0],))
        self._model = keras.Sequential([inputs, *dense])
        self._model.set_weights([array for layer in layers for array in (layer.kernel, layer.bias)])

    def run(self, inputs: FloatArray) -> FloatArray:
        """Predict in one batch; the default of 32 would split larger ones."""
        return np.asarray(self._model.predict(inputs, batch_size=len(inputs), verbose=0))


def create(threads: int) -> KerasPredict:
    """Return the engine."""
    return KerasPredict(threads)
