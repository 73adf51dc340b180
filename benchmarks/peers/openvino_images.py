"""OpenVINO's CPU plugin on networks of images, held to float32; its own operators, channels first."""

from typing import Any

import numpy as np
import openvino  # type: ignore[import-not-found]
from openvino import opset13

from benchmarks.images.network import (
    INPUT,
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
from benchmarks.peers.openvino_f32 import OpenVino


def build_image_model(network: WeightedNetwork) -> openvino.Model:
    """Return the network as a model of any batch size."""
    network = as_image(network)
    shape = network.description.sample_shape
    source = opset13.parameter([-1, shape[-1], *shape[:-1]], np.float32, name="x")
    values: dict[str, Any] = {INPUT: source}
    for step in network.description.steps:
        inputs = [values[step.x]]
        if isinstance(step, Addition):
            inputs.append(values[step.other])
        values[step.name] = _translate(step, network, inputs)
    return openvino.Model([values[network.description.steps[-1].name]], [source], "images")


def _translate(step: Step, network: WeightedNetwork, inputs: list[Any]) -> Any:
    if isinstance(step, Convolution):
        return _convolution(step, inputs[0], *network.folded(step))
    if isinstance(step, MaxPooling):
        before, after = zip(*step.padding, strict=True)
        pooled = opset13.max_pool(inputs[0], step.strides, [1, 1], before, after, step.size)
        return pooled.output(0)
    if isinstance(step, Addition):
        return _activated(opset13.add(*inputs), step.activation)
    if isinstance(step, GlobalAverage):
        return opset13.reduce_mean(inputs[0], np.array([2, 3]), keep_dims=False)
    kernel, bias = network.folded(step)
    return _matmul(step, inputs[0], kernel, bias)


def _convolution(step: Convolution, x: Any, kernel: FloatArray, bias: FloatArray) -> Any:
    before, after = zip(*step.padding, strict=True)
    window = (step.strides, before, after, [1, 1])
    if step.depthwise:
        # [height, width, channels, 1] becomes [groups, 1, 1, height, width].
        arranged = np.ascontiguousarray(kernel.transpose(2, 3, 0, 1)[:, None])
        y = opset13.group_convolution(x, opset13.constant(arranged), *window)
    else:
        arranged = np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))
        y = opset13.convolution(x, opset13.constant(arranged), *window)
    y = opset13.add(y, opset13.constant(bias[None, :, None, None]))
    return _activated(y, step.activation)


def _matmul(step: Classifier, x: Any, kernel: FloatArray, bias: FloatArray) -> Any:
    weights = opset13.constant(np.ascontiguousarray(kernel.T))
    y = opset13.matmul(x, weights, transpose_a=False, transpose_b=True)
    return opset13.add(y, opset13.constant(bias.reshape(1, step.units)))


def _activated(y: Any, activation: str) -> Any:
    if activation == "relu6":
        return opset13.clamp(y, 0.0, 6.0)
    return opset13.relu(y) if activation else y


class OpenVinoImages(OpenVino):
    """One inference request of a compiled model."""

    def load_network(self, network: WeightedNetwork) -> None:
        """Compile for the shortest time of a call."""
        self.open(build_image_model(network))


def create(threads: int) -> OpenVinoImages:
    """Return the engine."""
    return OpenVinoImages(threads)
