"""Networks of images as ONNX, channels first, for every peer that reads it: normalizations folded, no transposes."""

import onnx  # type: ignore[import-not-found]
from onnx import TensorProto, helper, numpy_helper

from benchmarks.images.network import (
    Addition,
    Classifier,
    Convolution,
    FloatArray,
    GlobalAverage,
    MaxPooling,
    Step,
    WeightedNetwork,
    as_image,
)
from benchmarks.peers.onnx_model import IR, OPSET


def build_image_model(network: WeightedNetwork) -> bytes:
    """Return the network as a serialised ONNX model with input `x` [batch, channels, height, width] and output `y`."""
    writer = _Writer(as_image(network))
    description = writer.network.description
    for step in description.steps:
        writer.add(step)
    shape = ["batch", description.sample_shape[-1], *description.sample_shape[:-1]]
    units = description.shapes()[description.steps[-1].name]
    graph = helper.make_graph(
        writer.nodes,
        "images",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", *units])],
        writer.weights,
    )
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=IR)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


class _Writer:
    """Collects nodes and weights."""

    def __init__(self, network: WeightedNetwork) -> None:
        self.network = network
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self._last = network.description.steps[-1].name

    def add(self, step: Step) -> None:
        """Add one step."""
        if isinstance(step, Convolution):
            self._add_convolution(step)
        elif isinstance(step, MaxPooling):
            self._node("MaxPool", [step.x], step.name, **_window(step))
        elif isinstance(step, Addition):
            self._activated("Add", [step.x, step.other], step.name, step.activation)
        elif isinstance(step, GlobalAverage):
            self._node("GlobalAveragePool", [step.x], f"{step.name}/kept")
            self._node("Flatten", [f"{step.name}/kept"], step.name, axis=1)
        else:
            self._add_classifier(step)

    def _add_convolution(self, step: Convolution) -> None:
        kernel, bias = self.network.folded(step)
        # [*size, channels, filters] becomes [filters, channels, *size]; depthwise, [channels, 1, *size].
        kernel = kernel.transpose(2, 3, 0, 1) if step.depthwise else kernel.transpose(3, 2, 0, 1)
        names = self._store(step.name, kernel, bias)
        groups = step.filters if step.depthwise else 1
        arguments = _window(step) | {"group": groups}
        self._activated("Conv", [step.x, *names], step.name, step.activation, **arguments)

    def _add_classifier(self, step: Classifier) -> None:
        names = self._store(step.name, *self.network.folded(step))
        self._node("Gemm", [step.x, *names], step.name)

    def _store(self, step: str, kernel: FloatArray, bias: FloatArray) -> list[str]:
        names = [f"{step}/kernel", f"{step}/bias"]
        for name, array in zip(names, (kernel, bias), strict=True):
            self.weights.append(numpy_helper.from_array(array.copy(order="C"), name))
        return names

    def _activated(
        self, kind: str, inputs: list[str], name: str, activation: str, **arguments: object
    ) -> None:
        linear = f"{name}/linear" if activation else name
        self._node(kind, inputs, linear, **arguments)
        if activation == "relu":
            self._node("Relu", [linear], name)
        elif activation == "relu6":
            limits = [f"{name}/least", f"{name}/greatest"]
            for limit, number in zip(limits, (0.0, 6.0), strict=True):
                self.weights.append(helper.make_tensor(limit, TensorProto.FLOAT, [], [number]))
            self._node("Clip", [linear, *limits], name)

    def _node(self, kind: str, inputs: list[str], output: str, **arguments: object) -> None:
        name = "y" if output == self._last else output
        self.nodes.append(helper.make_node(kind, inputs, [name], name=output, **arguments))


def _window(step: Convolution | MaxPooling) -> dict[str, list[int]]:
    before, after = zip(*step.padding, strict=True)
    return {
        "kernel_shape": list(step.size),
        "strides": list(step.strides),
        "pads": [*before, *after],
    }
