"""The networks as the reader would give them to Prunus: windows with padding, normalizations not yet folded."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.images.network import (
    EPSILON,
    INPUT,
    Addition,
    Amounts,
    Classifier,
    Convolution,
    FloatArray,
    MaxPooling,
    Step,
    WeightedNetwork,
)
from graph import reference
from graph.activations import ActivationFunction, Function
from graph.conv_ops import Conv, DepthwiseConv
from graph.graph import Graph, Input, Node, Output
from graph.op import Op
from graph.ops import Activation, BatchNormalization, Dense, Merge, MergeKind
from graph.pooling_ops import GlobalPool, Pool, PoolKind
from graph.resizing_ops import Pad
from graph.tensor_type import DType, TensorType
from graph.windows import Padding

OUTPUT = "y"
Reals = np.ndarray[Any, np.dtype[np.float64]]
_ACTIVATIONS = {
    "relu": ActivationFunction(Function.RELU),
    "relu6": ActivationFunction(Function.RELU, max_value=6.0),
}
_VECTORS = ("gamma", "beta", "mean", "variance")


def build_graph(network: WeightedNetwork) -> Graph:
    """Return the graph, from input `x` to output `y`."""
    nodes = _Nodes(network)
    for step in network.description.steps:
        nodes.add_step(step)
    description = network.description
    weights = {
        f"{step}/{name}": array
        for step, arrays in network.weights.items()
        for name, array in arrays.items()
    }
    inputs = (Input(INPUT, TensorType(DType.FLOAT32, (None, *description.sample_shape))),)
    output = Output(OUTPUT, description.steps[-1].name)
    return Graph(description.name, inputs, tuple(nodes.nodes), (output,), weights)


def reference_outputs(network: WeightedNetwork, inputs: FloatArray) -> Reals:
    """Return what the network means, in double precision: [batch, outputs]; sample by sample, to save memory."""
    graph = build_graph(network)
    rows = [reference.run(graph, {INPUT: sample[None]}, np.float64)[OUTPUT][0] for sample in inputs]
    return np.stack(rows)


@dataclass(slots=True)
class _Nodes:
    """Collects nodes. A step may be several; the last one has the step's name."""

    network: WeightedNetwork
    nodes: list[Node] = field(default_factory=list)

    def add_step(self, step: Step) -> None:
        if isinstance(step, Convolution):
            self._add_convolution(step)
        elif isinstance(step, MaxPooling):
            x, padding = self._padded(step.x, step)
            self._add(step.name, Pool(PoolKind.MAX, step.size, step.strides, padding), x)
        elif isinstance(step, Addition):
            inputs = (step.x, step.other)
            self._activated(step.name, Merge(MergeKind.ADD), inputs, (), step.activation)
        elif isinstance(step, Classifier):
            names = (f"{step.name}/kernel", f"{step.name}/bias")
            self._activated(step.name, Dense(step.units), (step.x,), names, "")
        else:
            self._add(step.name, GlobalPool(PoolKind.AVERAGE), step.x)

    def _add_convolution(self, step: Convolution) -> None:
        x, padding = self._padded(step.x, step)
        dilation = (1,) * len(step.size)
        op: Op = Conv(step.strides, dilation, padding, use_bias=False)
        if step.depthwise:
            op = DepthwiseConv(step.strides, dilation, padding, use_bias=False)
        raw = f"{step.name}/raw"
        self.nodes.append(Node(raw, op, (x,), (f"{step.name}/kernel",), layer=raw))
        names = tuple(f"{step.name}/{vector}" for vector in _VECTORS)
        self._activated(step.name, BatchNormalization(-1, EPSILON), (raw,), names, step.activation)

    def _padded(self, x: str, step: Convolution | MaxPooling) -> tuple[str, Padding]:
        """Return what the window moves over, and how: as Keras can say it, if need be after a layer of padding."""
        if not any(map(sum, step.padding)):
            return x, Padding.VALID
        lengths = self.network.description.shapes()[step.x][:-1]
        if isinstance(step, Convolution) and same_amounts(step, lengths) == step.padding:
            return x, Padding.SAME
        self._add(f"{step.name}/padded", Pad(step.padding), x)
        return f"{step.name}/padded", Padding.VALID

    def _activated(
        self, name: str, op: Op, inputs: tuple[str, ...], weights: tuple[str, ...], activation: str
    ) -> None:
        linear = f"{name}/linear" if activation else name
        self.nodes.append(Node(linear, op, inputs, weights, layer=linear))
        if activation:
            self._add(name, Activation(_ACTIVATIONS[activation]), linear)

    def _add(self, name: str, op: Op, x: str) -> None:
        self.nodes.append(Node(name, op, (x,), layer=name))


def same_amounts(step: Convolution, lengths: tuple[int, ...]) -> Amounts:
    """Return how much `padding="same"` would pad."""
    axes = zip(lengths, step.size, step.strides, strict=True)
    return tuple(Padding.SAME.amounts(length, size, stride, 1) for length, size, stride in axes)
