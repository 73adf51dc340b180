"""OpenVINO's CPU plugin on networks of sequences, held to float32; its own operators of recurrent layers."""

from typing import Any

import numpy as np
import openvino  # type: ignore[import-not-found]
from openvino import opset13

from benchmarks.peers.openvino_f32 import OpenVino
from benchmarks.sequences.network import FloatArray, WeightedSequence, in_order


def build_sequence_model(network: WeightedSequence) -> openvino.Model:
    """Return the network as a model of any batch size."""
    description, units = network.description, network.description.units
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
    weights = [turned(network.kernel), turned(network.recurrent)]
    if is_gru:
        first, second = in_order(network.bias, units, order, gates)
        both = 2 * units
        # The biases of z and r are sums; those of h stay apart, since r multiplies the second.
        bias = np.concatenate([(first + second)[:both], first[both:], second[both:]])[None]
        result = opset13.gru_sequence(
            source, state, lengths, *weights, opset13.constant(bias), units, "forward",
            linear_before_reset=True,
        )  # fmt: skip
    else:
        bias = in_order(network.bias, units, order, gates)[None]
        result = opset13.lstm_sequence(
            source, state, state, lengths, *weights, opset13.constant(bias), units, "forward"
        )
    last = opset13.squeeze(result.output(1), opset13.constant(np.array([1])))
    return openvino.Model([last], [source], "sequence")


class OpenVinoSequences(OpenVino):
    """One inference request of a compiled model."""

    def load_sequence(self, network: WeightedSequence) -> None:
        """Compile for the shortest time of a call."""
        self.open(build_sequence_model(network))


def create(threads: int) -> OpenVinoSequences:
    """Return the engine."""
    return OpenVinoSequences(threads)
