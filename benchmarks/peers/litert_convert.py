"""Write a network as LiteRT models: `python -m benchmarks.peers.litert_convert STEM`, in TensorFlow's environment.

Reads STEM.npz, writes STEM-f32.tflite and STEM-int8.tflite (dynamic range: int8 weights, float32 in and out).
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf  # type: ignore[import-untyped]

from benchmarks.networks import Layer, load_layers


def build_module(layers: Sequence[Layer]) -> tf.Module:
    """Return a module whose `network` takes [batch, inputs]."""
    module = tf.Module()
    weights = [(tf.constant(layer.kernel), tf.constant(layer.bias), layer.relu) for layer in layers]
    signature = [tf.TensorSpec([None, layers[0].kernel.shape[0]])]

    @tf.function(input_signature=signature)  # type: ignore[untyped-decorator]
    def network(values: tf.Tensor) -> tf.Tensor:
        for kernel, bias, relu in weights:
            values = tf.nn.bias_add(tf.linalg.matmul(values, kernel), bias)
            if relu:
                values = tf.nn.relu(values)
        return values

    module.network = network
    return module


def main() -> None:
    """Convert twice."""
    stem = Path(sys.argv[1])
    module = build_module(load_layers(stem.with_suffix(".npz")))
    for form in ("f32", "int8"):
        functions = [module.network.get_concrete_function()]
        converter = tf.lite.TFLiteConverter.from_concrete_functions(functions, module)
        if form == "int8":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        stem.with_name(f"{stem.name}-{form}.tflite").write_bytes(converter.convert())


if __name__ == "__main__":
    main()
