"""Graphs with something to find: dead, constant and duplicate units, and weights that rounding hides."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from graph.activations import Function
from graph.graph import Graph
from graph.ops import Dense, Merge, MergeKind, Rescaling
from graph.shape_ops import Concatenate, Permute, RepeatVector, Reshape
from tests.builders import GraphBuilder
from tests.strategies import graphs

# Factors that float32 multiplies by exactly.
_FACTORS = (1.0, 1.0, 2.0, 0.5, -1.0)


def plant(graph: Graph, seed: int, share: float = 0.3) -> Graph:
    """Zero some units' incoming and some inputs' outgoing weights, and make some units multiples of others."""
    rng = np.random.default_rng(seed)
    changed: dict[str, np.ndarray] = {}
    for node in graph.nodes:
        if not isinstance(node.op, Dense) or node.weights[0] in changed:
            continue
        kernel = np.array(graph.weights[node.weights[0]])
        inputs, units = kernel.shape
        kernel[rng.random(inputs) < share] = 0.0
        kernel[:, rng.random(units) < share] = 0.0
        follower = np.flatnonzero(rng.random(units) < share)
        leader = rng.integers(units, size=len(follower))
        factor = rng.choice(_FACTORS, size=len(follower)).astype(np.float32)
        kernel[:, follower] = kernel[:, leader] * factor
        changed[node.weights[0]] = kernel
        if node.op.use_bias:
            bias = np.array(graph.weights[node.weights[1]])
            bias[follower] = bias[leader] * factor
            bias[rng.random(units) < share / 3] = 0.0
            changed[node.weights[1]] = bias
    return graph.with_weights(changed)


def sprinkle(graph: Graph, seed: int, share: float = 0.5) -> Graph:
    """Turn some weights into tiny ones, 1e-40 to 1e-16."""
    rng = np.random.default_rng(seed)
    changed = {}
    for node in graph.nodes:
        if isinstance(node.op, Dense):
            kernel = np.array(graph.weights[node.weights[0]])
            tiny = rng.choice([-1.0, 1.0], kernel.shape) * 10 ** rng.uniform(-40, -16, kernel.shape)
            changed[node.weights[0]] = np.where(
                rng.random(kernel.shape) < share, tiny, kernel
            ).astype(np.float32)
    return graph.with_weights(changed)


@st.composite
def planted_graphs(draw: DrawFn, max_steps: int = 8) -> Graph:
    """A drawn graph of every op with planted structure."""
    return plant(draw(graphs(max_steps=max_steps)), draw(st.integers(0, 2**32 - 1)))


_ACTIVATIONS = (
    Function.RELU,
    Function.TANH,
    Function.SIGMOID,
    Function.ELU,
    Function.SILU,
    Function.LINEAR,
)


def _block(b: GraphBuilder, x: str) -> str:
    """One random piece of a network on a vector."""
    units = int(b.rng.integers(2, 14))
    activation = _ACTIVATIONS[b.rng.integers(len(_ACTIVATIONS))]
    kind = b.rng.integers(8)
    y = b.dense(x, units, activation=activation, bias=bool(b.rng.random() < 0.8))
    if kind == 0:
        return b.batch_normalization(y)
    if kind == 1:
        return b.add(Merge(MergeKind.ADD), [y, b.dense(y, units, activation=activation)])
    if kind == 2:
        parts = [y, b.dense(x, 5, activation=Function.RELU), y]
        return b.add(Concatenate(), parts)
    if kind == 3:
        rows = b.add(Reshape((3, units)), [b.dense(y, 3 * units, activation=activation)])
        rows = b.dense(rows, 4, activation=Function.RELU)
        rows = b.prelu(b.add(Permute((2, 1)), [rows]), (1,))
        return b.add(Reshape((12,)), [rows])
    if kind == 4:
        twice = b.dense(b.add(RepeatVector(2), [y]), 6, activation=activation)
        gate = b.dense(y, 6, activation=Function.SIGMOID)
        gated = b.add(Merge(MergeKind.MULTIPLY), [twice, gate])
        return b.add(Reshape((12,)), [b.batch_normalization(gated, 1)])
    if kind == 5:
        kernel = b.weight(f"{y}/twin", b.rng.standard_normal((units, 5)))
        bias = b.weight(f"{y}/twin_bias", b.rng.standard_normal(5))
        other = b.dense(x, units, activation=activation)
        twins = [b.add(Dense(5), [given], [kernel, bias]) for given in (y, other)]
        twins = [b.activation(twin, Function.TANH) for twin in twins]
        return b.add(Merge(MergeKind.SUBTRACT), twins)
    if kind == 6:
        return b.prelu(b.add(Rescaling((0.5,), (0.25,)), [y]))
    return y


def random_network(seed: int) -> Graph:
    """A network of three to five blocks with branches, shared layers and reshapes, and planted structure."""
    b = GraphBuilder(seed)
    x = b.input(int(b.rng.integers(2, 9)))
    for _ in range(int(b.rng.integers(3, 6))):
        x = _block(b, x)
    outputs = [b.dense(x, 3, activation=Function.SOFTMAX), b.dense(x, 2)]
    return plant(b.build(*outputs), seed, share=0.12)
