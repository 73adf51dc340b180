"""OpenVINO's CPU plugin on networks of sequences, held to float32; its own operators of recurrent layers."""

from typing import Any

import numpy as np
import openvino  # type: ignore[import-not-found]
from openvino import opset13

from benchmarks.peers.openvino_f32 import OpenVino
from benchmarks.sequences.network import (
    EPSILON,
    HEADS,
    TRANSFORMER,
    FloatArray,
    WeightedSequence,
    in_order,
)


def build_sequence_model(network: WeightedSequence) -> openvino.Model:
    """Return the network as a model of any batch size."""
    description, units = network.description, network.description.units
    if description.cell == TRANSFORMER:
        return _block(network)
    is_gru = description.cell == "gru"
    order, gates = ("zrh", "zrh") if is_gru else ("fico", "ifco")

    def turned(array: FloatArray) -> Any:
        return opset13.constant(np.ascontiguousarray(in_order(array, units, order, gates).T[None]))

    source = opset13.parameter([-1, *description.sample_shape], np.float32, name="x")
    batch = opset13.gather(
        opset13.shape_of(source), opset13.constant(np.array([0])), opset13.constant(0)
    )
    shape = opset13.concat([batch, opset13.constant(np.array([1, units]))], 0)
    state = opset13.broadcast(opset13.constant(np.float32(0)), shape)
    lengths = opset13.broadcast(opset13.constant(np.int64(description.times)), batch)
    weights = [turned(network.weights["kernel"]), turned(network.weights["recurrent"])]
    if is_gru:
        first, second = in_order(network.weights["bias"], units, order, gates)
        both = 2 * units
        # The biases of z and r are sums; those of h stay apart, since r multiplies the second.
        bias = np.concatenate([(first + second)[:both], first[both:], second[both:]])[None]
        result = opset13.gru_sequence(
            source, state, lengths, *weights, opset13.constant(bias), units, "forward",
            linear_before_reset=True,
        )  # fmt: skip
    else:
        bias = in_order(network.weights["bias"], units, order, gates)[None]
        result = opset13.lstm_sequence(
            source, state, state, lengths, *weights, opset13.constant(bias), units, "forward"
        )
    last = opset13.squeeze(result.output(1), opset13.constant(np.array([1])))
    return openvino.Model([last], [source], "sequence")


def _block(network: WeightedSequence) -> openvino.Model:
    description = network.description
    shape = np.array([0, description.times, HEADS, description.units // HEADS])
    source = opset13.parameter([-1, *description.sample_shape], np.float32, name="x")

    def dense(name: str, x: Any) -> Any:
        kernel, bias = network.layer(name)
        weights = opset13.constant(np.ascontiguousarray(kernel.T))
        y = opset13.matmul(x, weights, transpose_a=False, transpose_b=True)
        return opset13.add(y, opset13.constant(bias))

    def heads(name: str) -> Any:
        parted = opset13.reshape(dense(name, source), opset13.constant(shape), special_zero=True)
        return opset13.transpose(parted, opset13.constant(np.array([0, 2, 1, 3])))

    def normalized(name: str, x: Any, other: Any) -> Any:
        gamma, beta = (opset13.constant(array) for array in network.normalization(name))
        axes = opset13.constant(np.array([-1]))
        unit = opset13.mvn(opset13.add(x, other), axes, True, EPSILON, "inside_sqrt")
        return opset13.add(opset13.multiply(unit, gamma), beta)

    seen = opset13.scaled_dot_product_attention(heads("query"), heads("key"), heads("value"))
    turned = opset13.transpose(seen, opset13.constant(np.array([0, 2, 1, 3])))
    joined = opset13.constant(np.array([0, description.times, description.units]))
    first = normalized(
        "first", source, dense("out", opset13.reshape(turned, joined, special_zero=True))
    )
    wide = opset13.relu(dense("wide", first))
    second = normalized("second", first, dense("narrow", wide))
    return openvino.Model([second], [source], "block")


class OpenVinoSequences(OpenVino):
    """One inference request of a compiled model."""

    def load_sequence(self, network: WeightedSequence) -> None:
        """Compile for the shortest time of a call."""
        self.open(build_sequence_model(network))


def create(threads: int) -> OpenVinoSequences:
    """Return the engine."""
    return OpenVinoSequences(threads)
