"""The networks as the reader gives them to Prunus: the kernel for what comes in is a Dense layer over all times."""

import numpy as np
import numpy.typing as npt

from benchmarks.sequences.network import FloatArray, WeightedSequence
from graph import reference
from graph.graph import Graph, Input, Node, Output
from graph.ops import Dense
from graph.recurrent_ops import Cell, GruCell, LstmCell, Recurrent
from graph.tensor_type import DType, TensorType

INPUT, OUTPUT = "x", "y"


def build_graph(network: WeightedSequence) -> Graph:
    """Return the graph, from input `x` to output `y`."""
    description = network.description
    is_gru = description.cell == "gru"
    cell: Cell = GruCell() if is_gru else LstmCell()
    weights = {
        "kernel": network.kernel,
        "recurrent_kernel": network.recurrent,
        "bias": network.bias[0] if is_gru else network.bias,
    }
    names = ["recurrent_kernel"]
    if is_gru:
        weights["recurrent_bias"] = network.bias[1]
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


def reference_outputs(network: WeightedSequence, inputs: FloatArray) -> npt.NDArray[np.float64]:
    """Return what the network means, in double precision: [batch, units]."""
    outputs: npt.NDArray[np.float64] = reference.run(
        build_graph(network), {INPUT: inputs}, np.float64
    )[OUTPUT]
    return outputs
