"""Networks of sequences as ONNX: its own operators of recurrent layers, which have the times outermost."""

import numpy as np
import onnx  # type: ignore[import-not-found]
from onnx import TensorProto, helper, numpy_helper

from benchmarks.peers.onnx_model import IR, OPSET
from benchmarks.peers.transformer_onnx import build_block_model
from benchmarks.sequences.network import TRANSFORMER, WeightedSequence, in_order


def build_sequence_model(network: WeightedSequence) -> bytes:
    """Return the network as a serialised ONNX model with input `x` and output `y`, of any batch size."""
    description, units = network.description, network.description.units
    if description.cell == TRANSFORMER:
        return build_block_model(network)
    is_gru = description.cell == "gru"
    order, gates = ("zrh", "zrh") if is_gru else ("iofc", "ifco")

    def turned(array: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        return np.ascontiguousarray(in_order(array, units, order, gates).T[None])

    biases = (
        network.weights["bias"]
        if is_gru
        else np.stack([network.weights["bias"], np.zeros_like(network.weights["bias"])])
    )
    bias = in_order(biases, units, order, gates).reshape(1, -1)
    arrays = {
        "w": turned(network.weights["kernel"]),
        "r": turned(network.weights["recurrent"]),
        "b": bias,
        "first": np.array([0], np.int64),
    }
    attributes = {"hidden_size": units, **({"linear_before_reset": 1} if is_gru else {})}
    nodes = [
        helper.make_node("Transpose", ["x"], ["times"], perm=[1, 0, 2]),
        helper.make_node(
            description.cell.upper(), ["times", "w", "r", "b"], ["", "last"], **attributes
        ),
        helper.make_node("Squeeze", ["last", "first"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "sequence",
        [
            helper.make_tensor_value_info(
                "x", TensorProto.FLOAT, ["batch", *description.sample_shape]
            )
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", units])],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=IR)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
