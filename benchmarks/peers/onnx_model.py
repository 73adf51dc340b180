"""The networks as ONNX, for every peer that reads it: one Gemm and one Relu a layer, no transposes."""

from collections.abc import Sequence

import onnx  # type: ignore[import-not-found]
from onnx import TensorProto, helper, numpy_helper

from benchmarks.networks import Layer

# Understood by every ONNX Runtime since 1.12, and by DeepSparse 1.8.
OPSET, IR = 13, 7


def build_model(layers: Sequence[Layer]) -> bytes:
    """Return the network as a serialised ONNX model with input `x` and output `y`, of any batch size."""
    nodes, weights, value = [], [], "x"
    for index, layer in enumerate(layers):
        last = index == len(layers) - 1
        output = "y" if last else f"sum_{index}"
        nodes.append(helper.make_node("Gemm", [value, f"w_{index}", f"b_{index}"], [output]))
        weights.append(numpy_helper.from_array(layer.kernel, f"w_{index}"))
        weights.append(numpy_helper.from_array(layer.bias, f"b_{index}"))
        value = output
        if layer.relu:
            value = f"relu_{index}"
            nodes.append(helper.make_node("Relu", [output], [value]))
    inputs, outputs = layers[0].kernel.shape[0], layers[-1].kernel.shape[1]
    graph = helper.make_graph(
        nodes,
        "mlp",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", inputs])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", outputs])],
        weights,
    )
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=IR)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
