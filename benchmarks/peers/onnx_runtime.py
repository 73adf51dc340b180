"""ONNX Runtime's CPU provider: one Gemm and one Relu a layer, all its graph optimisations on."""

from collections.abc import Sequence

import numpy as np
import onnx  # type: ignore[import-not-found]
import onnxruntime  # type: ignore[import-not-found]
from onnx import TensorProto, helper, numpy_helper

from benchmarks.networks import FloatArray, Layer


def build_model(layers: Sequence[Layer]) -> bytes:
    """Return the network as a serialised ONNX model with input `x` and output `y`."""
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
    # Opset 17 and IR 8 are understood by every ONNX Runtime since 1.12.
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


class OnnxRuntime:
    """An `InferenceSession` with a set number of threads."""

    version = f"ONNX Runtime {onnxruntime.__version__}"

    def __init__(self, threads: int) -> None:
        """Remember the number of threads."""
        self._threads = threads

    def load(self, layers: Sequence[Layer]) -> None:
        """Create the session."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        self._session = onnxruntime.InferenceSession(
            build_model(layers), options, providers=["CPUExecutionProvider"]
        )

    def run(self, inputs: FloatArray) -> FloatArray:
        """Run the session on NumPy arrays."""
        return np.asarray(self._session.run(["y"], {"x": inputs})[0])


def create(threads: int) -> OnnxRuntime:
    """Return the engine."""
    return OnnxRuntime(threads)
