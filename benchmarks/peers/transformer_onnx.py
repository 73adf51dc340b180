"""A transformer block as ONNX: products, softmax and normalizations, which engines fuse as they can."""

from typing import Any

import numpy as np
import onnx  # type: ignore[import-not-found]
from onnx import TensorProto, helper, numpy_helper

from benchmarks.peers.onnx_model import IR, OPSET
from benchmarks.sequences.network import EPSILON, HEADS, WeightedSequence


class _Nodes:
    """Collects nodes and constants; methods return names of values."""

    def __init__(self, network: WeightedSequence) -> None:
        self.network = network
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, array: Any) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def dense(self, name: str, x: str) -> str:
        kernel, bias = self.network.layer(name)
        return self.add("Add", self.add("MatMul", x, self.constant(kernel)), self.constant(bias))

    def heads(self, name: str, order: list[int]) -> str:
        description = self.network.description
        shape = np.array([0, description.times, HEADS, description.units // HEADS], np.int64)
        parted = self.add("Reshape", self.dense(name, "x"), self.constant(shape))
        return self.add("Transpose", parted, perm=order)

    def normalized(self, name: str, x: str, other: str) -> str:
        total = self.add("Add", x, other)
        centred = self.add("Sub", total, self.add("ReduceMean", total, axes=[-1]))
        squares = self.add("Pow", centred, self.constant(np.float32(2)))
        variance = self.add("ReduceMean", squares, axes=[-1])
        shifted = self.add("Add", variance, self.constant(np.float32(EPSILON)))
        unit = self.add("Div", centred, self.add("Sqrt", shifted))
        gamma, beta = (self.constant(array) for array in self.network.normalization(name))
        return self.add("Add", self.add("Mul", unit, gamma), beta)


def build_block_model(network: WeightedSequence) -> bytes:
    """Return the block as a serialised ONNX model with input `x` and output `y`, of any batch size."""
    description = network.description
    n = _Nodes(network)
    query, value = n.heads("query", [0, 2, 1, 3]), n.heads("value", [0, 2, 1, 3])
    scores = n.add("MatMul", query, n.heads("key", [0, 2, 3, 1]))
    scale = n.constant(np.float32(1 / np.sqrt(description.units / HEADS)))
    shares = n.add("Softmax", n.add("Mul", scores, scale), axis=-1)
    turned = n.add("Transpose", n.add("MatMul", shares, value), perm=[0, 2, 1, 3])
    joined = n.constant(np.array([0, description.times, description.units], np.int64))
    first = n.normalized("first", "x", n.dense("out", n.add("Reshape", turned, joined)))
    second = n.normalized("second", first, n.dense("narrow", n.add("Relu", n.dense("wide", first))))
    n.nodes.append(helper.make_node("Identity", [second], ["y"]))
    shape = ["batch", *description.sample_shape]
    graph = helper.make_graph(
        n.nodes,
        "block",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        n.constants,
    )
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=IR)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
