"""Recurrent layers as Keras 3 and tf.keras 2 write them: their parts, and their weights out of the graph's."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from graph.graph import Graph
from graph.keras.description import Layer
from graph.keras.json_text import Json, JsonObject
from graph.keras.keras_layer import Array
from graph.keras.recurrent_classes import SEQUENCE_LAYERS

# Layers and cells with weights of their own, with the names that these have in the graph; those of CuDNN are not among
# them, as they come back as what they are to later versions.
RECURRENT_ROLES: Mapping[str, tuple[str, ...]] = dict.fromkeys(
    ("LSTM", "GRU", "SimpleRNN", "LSTMCell", "GRUCell", "SimpleRNNCell", "CuDNNLSTM", "CuDNNGRU"),
    ("kernel", "recurrent_kernel"),
)
# Layers that are called on initial states.
TAKES_STATES = SEQUENCE_LAYERS | {"Bidirectional"}
CUDNN_CLASSES = frozenset({"CuDNNLSTM", "CuDNNGRU"})


def as_plain_cell(layer: Layer) -> Layer:
    """Return a layer of CuDNN as the layer that computes the same on any processor."""
    arguments: dict[str, Json] = {
        **layer.arguments,
        "activation": "tanh",
        "recurrent_activation": "sigmoid",
    }
    if layer.class_name == "CuDNNGRU":
        arguments["reset_after"] = True
    return replace(layer, class_name=layer.class_name.removeprefix("CuDNN"), arguments=arguments)


def written_parts(class_name: str, parts: Sequence[JsonObject]) -> JsonObject:
    """Return the arguments that hold the layers that a layer is made of."""
    match class_name:
        case "Bidirectional":
            return {"layer": parts[0], "backward_layer": parts[1]}
        case "TimeDistributed":
            return {"layer": parts[0]}
        case "RNN":
            return {"cell": parts[0]}
        case "StackedRNNCells":
            return {"cells": list(parts)}
        case _:
            return {}


def recurrent_arrays(
    layer: Layer, graph: Graph, array: Callable[[Layer, str], Array]
) -> tuple[Array, ...]:
    """Return the weights of a recurrent layer or cell in Keras' order; two biases are one array there."""
    found = [array(layer, role) for role in RECURRENT_ROLES[layer.class_name]]
    if f"{layer.path}/recurrent_bias" in graph.weights:
        both = (array(layer, "input_bias"), array(layer, "recurrent_bias"))
        found.append(np.stack(both))
    elif layer.arguments["use_bias"] is True:
        found.append(array(layer, "bias"))
    return tuple(found)
