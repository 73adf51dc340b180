"""The networks as the reader gives them to Prunus: the kernel for what comes in is a Dense layer over all times."""

import numpy as np
import numpy.typing as npt

from benchmarks.sequences.network import (
    EPSILON,
    HEADS,
    TRANSFORMER,
    FloatArray,
    WeightedSequence,
)
from graph import reference
from graph.activations import ActivationFunction, Function
from graph.attention_ops import Attention
from graph.graph import Graph, Input, Node, Output
from graph.op import Op
from graph.ops import Activation, Dense, LayerNormalization, Merge, MergeKind
from graph.recurrent_ops import Cell, GruCell, LstmCell, Recurrent
from graph.tensor_type import DType, TensorType

INPUT, OUTPUT = "x", "y"


def build_graph(network: WeightedSequence) -> Graph:
    """Return the graph, from input `x` to output `y`."""
    description = network.description
    if description.cell == TRANSFORMER:
        return _block(network)
    is_gru = description.cell == "gru"
    cell: Cell = GruCell() if is_gru else LstmCell()
    weights = {
        "kernel": network.weights["kernel"],
        "recurrent_kernel": network.weights["recurrent"],
        "bias": network.weights["bias"][0] if is_gru else network.weights["bias"],
    }
    names = ["recurrent_kernel"]
    if is_gru:
        weights["recurrent_bias"] = network.weights["bias"][1]
        names.append("recurrent_bias")
    nodes = (
        Node("projection", Dense(description.columns), (INPUT,), ("kernel", "bias")),
        Node(
            "recurrent",
            Recurrent(cell, use_recurrent_bias=is_gru),
            ("projection",),
            tuple(names),
        ),
    )
    given = Input(INPUT, TensorType(DType.FLOAT32, (None, *description.sample_shape)))
    return Graph(description.name, (given,), nodes, (Output(OUTPUT, "recurrent"),), weights)


def _block(network: WeightedSequence) -> Graph:
    units = network.description.units
    norm = LayerNormalization((2,), EPSILON, scale=True, center=True, rms_scaling=False)
    nodes: list[Node] = []

    def add(name: str, op: Op, *inputs: str, weights: tuple[str, ...] = ()) -> str:
        nodes.append(Node(name, op, inputs, tuple(f"{name}/{one}" for one in weights)))
        return name

    def dense(name: str, x: str) -> str:
        columns = network.layer(name)[1].size
        return add(name, Dense(columns), x, weights=("kernel", "bias"))

    def added(name: str, *inputs: str) -> str:
        total = add(f"{name}/sum", Merge(MergeKind.ADD), *inputs)
        return add(name, norm, total, weights=("gamma", "beta"))

    projected = [dense(name, INPUT) for name in ("query", "key", "value")]
    scale = 1 / np.sqrt(units / HEADS)
    seen = add("attention", Attention(HEADS, HEADS, float(scale)), *projected)
    first = added("first", INPUT, dense("out", seen))
    relu = Activation(ActivationFunction(Function.RELU))
    wide = add("wide/relu", relu, dense("wide", first))
    added("second", first, dense("narrow", wide))
    given = Input(INPUT, TensorType(DType.FLOAT32, (None, *network.description.sample_shape)))
    output = (Output(OUTPUT, "second"),)
    return Graph(network.description.name, (given,), tuple(nodes), output, dict(network.weights))


def reference_outputs(network: WeightedSequence, inputs: FloatArray) -> npt.NDArray[np.float64]:
    """Return what the network means, in double precision: [batch, units]."""
    outputs: npt.NDArray[np.float64] = reference.run(
        build_graph(network), {INPUT: inputs}, np.float64
    )[OUTPUT]
    return outputs
