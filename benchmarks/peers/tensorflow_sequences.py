"""A `tf.function` on networks of sequences: of Keras' own recurrent layer, of TensorFlow's operations for a block."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf  # type: ignore[import-untyped]

from benchmarks.peers.tensorflow_function import TensorflowFunction
from benchmarks.sequences.network import EPSILON, HEADS, TRANSFORMER, WeightedSequence


def build_layer(network: WeightedSequence) -> Callable[[Any], Any]:
    """Return Keras' layer with the network's weights, or a function that computes the block."""
    description = network.description
    if description.cell == TRANSFORMER:
        return _block(network)
    kind = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU}[description.cell]
    layer: Callable[[Any], Any] = kind(description.units)
    layer.build((None, *description.sample_shape))  # type: ignore[attr-defined]
    layer.set_weights([network.weights[name] for name in ("kernel", "recurrent", "bias")])  # type: ignore[attr-defined]
    return layer


def _block(network: WeightedSequence) -> Callable[[Any], Any]:
    description = network.description
    size = description.units // HEADS
    weights = {name: tf.constant(array) for name, array in network.weights.items()}

    def dense(name: str, x: Any) -> Any:
        return tf.nn.bias_add(
            tf.linalg.matmul(x, weights[f"{name}/kernel"]), weights[f"{name}/bias"]
        )

    def heads(name: str, x: Any) -> Any:
        parted = tf.reshape(dense(name, x), [-1, description.times, HEADS, size])
        return tf.transpose(parted, [0, 2, 1, 3])

    def normalized(name: str, total: Any) -> Any:
        centred = total - tf.reduce_mean(total, -1, keepdims=True)
        variance = tf.reduce_mean(centred * centred, -1, keepdims=True)
        unit = centred * tf.math.rsqrt(variance + EPSILON)
        return unit * weights[f"{name}/gamma"] + weights[f"{name}/beta"]

    def block(x: Any) -> Any:
        scores = tf.linalg.matmul(heads("query", x), heads("key", x), transpose_b=True)
        shares = tf.nn.softmax(scores * size**-0.5)
        seen = tf.transpose(tf.linalg.matmul(shares, heads("value", x)), [0, 2, 1, 3])
        seen = tf.reshape(seen, [-1, description.times, description.units])
        first = normalized("first", x + dense("out", seen))
        return normalized("second", first + dense("narrow", tf.nn.relu(dense("wide", first))))

    return block


class TensorflowSequences(TensorflowFunction):
    """One compiled graph for all batch sizes."""

    def load_sequence(self, network: WeightedSequence) -> None:
        """Trace the function once."""
        self._layer = build_layer(network)
        signature = [tf.TensorSpec([None, *network.description.sample_shape])]
        function = tf.function(lambda x: self._layer(x), input_signature=signature)
        self._function = function.get_concrete_function()


def create(threads: int) -> TensorflowSequences:
    """Return the engine."""
    return TensorflowSequences(threads)
