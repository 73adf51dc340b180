"""Write a network of images as a LiteRT model: `python -m benchmarks.peers.litert_convert_images NETWORK MODEL`.

Runs in TensorFlow's environment.
"""

import sys
from pathlib import Path

import tensorflow as tf  # type: ignore[import-untyped]

from benchmarks.images.network import load_network
from benchmarks.peers.tensorflow_images import build_module


def main() -> None:
    """Convert."""
    source, target = map(Path, sys.argv[1:])
    module = build_module(load_network(source))
    functions = [module.network.get_concrete_function()]
    converter = tf.lite.TFLiteConverter.from_concrete_functions(functions, module)
    target.write_bytes(converter.convert())


if __name__ == "__main__":
    main()
