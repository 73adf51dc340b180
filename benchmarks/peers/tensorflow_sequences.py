"""A `tf.function` of Keras' own layer on networks of sequences."""

from typing import Any

import keras
import tensorflow as tf  # type: ignore[import-untyped]

from benchmarks.peers.tensorflow_function import TensorflowFunction
from benchmarks.sequences.network import WeightedSequence


def build_layer(network: WeightedSequence) -> Any:
    """Return Keras' layer with the network's weights."""
    description = network.description
    kind = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU}[description.cell]
    layer = kind(description.units)
    layer.build((None, *description.sample_shape))
    layer.set_weights([network.kernel, network.recurrent, network.bias])
    return layer


class TensorflowSequences(TensorflowFunction):
    """One compiled graph for all batch sizes."""

    def load_sequence(self, network: WeightedSequence) -> None:
        """Trace the function once."""
        self._layer = build_layer(network)
        signature = [tf.TensorSpec([None, *network.description.sample_shape])]
        function = tf.function(self._layer.__call__, input_signature=signature)
        self._function = function.get_concrete_function()


def create(threads: int) -> TensorflowSequences:
    """Return the engine."""
    return TensorflowSequences(threads)
