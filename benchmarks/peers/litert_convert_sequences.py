"""Write a network of sequences as a LiteRT model: `python -m ... NETWORK MODEL BATCH`.

Runs in TensorFlow's environment. The loop over time needs a fixed batch size.
"""

import sys
from pathlib import Path

import keras
import tensorflow as tf  # type: ignore[import-untyped]

from benchmarks.peers.tensorflow_sequences import build_layer
from benchmarks.sequences.network import TRANSFORMER, load_sequence


def main() -> None:
    """Convert."""
    source, target, batch = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    network = load_sequence(source)
    shape = network.description.sample_shape
    layer = build_layer(network)
    if network.description.cell == TRANSFORMER:
        function = tf.function(layer, input_signature=[tf.TensorSpec([batch, *shape])])
        functions = [function.get_concrete_function()]
        converter = tf.lite.TFLiteConverter.from_concrete_functions(functions)
    else:
        given = keras.Input(shape, batch_size=batch)
        model = keras.Model(given, layer(given))
        converter = tf.lite.TFLiteConverter.from_keras_model(model)
    target.write_bytes(converter.convert())


if __name__ == "__main__":
    main()
