"""A TensorFlow `tf.function` over constants, called with a NumPy array: the fast way to call TensorFlow."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf  # type: ignore[import-untyped]

from benchmarks.networks import FloatArray, Layer


class TensorflowFunction:
    """One compiled graph for all batch sizes."""

    version = f"TensorFlow {tf.__version__}"

    def __init__(self, threads: int) -> None:
        """Set the threads, which TensorFlow takes only before its first operation."""
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)

    def load(self, layers: Sequence[Layer]) -> None:
        """Trace the function once."""
        weights = [
            (tf.constant(layer.kernel), tf.constant(layer.bias), layer.relu) for layer in layers
        ]

        signature = [tf.TensorSpec([None, layers[0].kernel.shape[0]])]

        @tf.function(input_signature=signature)  # type: ignore[untyped-decorator]
        def network(values: tf.Tensor) -> tf.Tensor:
            for kernel, bias, relu in weights:
                values = tf.nn.bias_add(tf.linalg.matmul(values, kernel), bias)
                if relu:
                    values = tf.nn.relu(values)
            return values

        self._function = network.get_concrete_function()

    def run(self, inputs: FloatArray) -> FloatArray:
        """Convert, run, convert back."""
        return np.asarray(self._function(tf.constant(inputs)).numpy())


def create(threads: int) -> TensorflowFunction:
    """Return the engine."""
    return TensorflowFunction(threads)
