"""The graph: inputs, nodes in topological order, outputs and weights, all immutable.

Names of inputs and nodes share one namespace: a node's name is also the name of the one value it makes. Weights have
a namespace of their own; a shared layer is several nodes that name the same weights. Edits return a new graph.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from graph.errors import GraphError
from graph.op import Op
from graph.tensor_type import TensorType

WeightArray = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True, slots=True)
class Input:
    """A value that the caller gives."""

    name: str
    type: TensorType


@dataclass(frozen=True, slots=True)
class Node:
    """One application of an op.

    Attributes:
        name: the name of the node and of the value it makes.
        op: the op, which says what is computed.
        inputs: the names of the values it reads, in the op's order.
        weights: the names of its weights, in the op's order.
        layer: the path of the Keras layer it came from (`outer/inner` for nested models), or nothing.
    """

    name: str
    op: Op
    inputs: tuple[str, ...]
    weights: tuple[str, ...] = ()
    layer: str = ""


@dataclass(frozen=True, slots=True)
class Output:
    """A value that the caller gets, under a public name."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Front:
    """What is done in NumPy before the network; `graph.front` says what may stand in it and what it means.

    Attributes:
        inputs: what the caller gives, in the model's order; texts among them.
        nodes: lookups and moves, each after what it needs.
    """

    inputs: tuple[Input, ...]
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """A network as data.

    Attributes:
        name: the model's own name.
        inputs: the inputs, in the model's order.
        nodes: the nodes, in an order in which every value is made before it is used.
        outputs: the outputs, in the model's order; two may name the same value.
        weights: float32 arrays by name, read-only; the mapping is copied and frozen.
        front: what makes the inputs of what the caller gives, or None where the caller gives the inputs themselves.
    """

    name: str
    inputs: tuple[Input, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[Output, ...]
    weights: Mapping[str, WeightArray]
    front: Front | None = None

    def __post_init__(self) -> None:
        frozen = {name: _read_only(array) for name, array in self.weights.items()}
        object.__setattr__(self, "weights", MappingProxyType(frozen))

    @property
    def public_inputs(self) -> tuple[Input, ...]:
        """What the caller gives, in the model's order."""
        return self.inputs if self.front is None else self.front.inputs

    def value_types(self) -> dict[str, TensorType]:
        """Types of all values by name, from the ops' shape rules.

        Raises:
            ShapeError: an op refuses its inputs or weights.
            GraphError: a name is not known.
        """
        types = {given.name: given.type for given in self.inputs}
        for node in self.nodes:
            try:
                arguments = tuple(types[name] for name in node.inputs)
                shapes = tuple(self.weights[name].shape for name in node.weights)
            except KeyError as unknown:
                raise GraphError(
                    f"node {node.name!r} uses a value or weight that is not there",
                    got=str(unknown),
                ) from unknown
            types[node.name] = node.op.infer(arguments, shapes)
        return types

    def node(self, name: str) -> Node:
        """Return the node of that name.

        Raises:
            GraphError: there is none.
        """
        for node in self.nodes:
            if node.name == name:
                return node
        raise GraphError(f"there is no node {name!r}")

    def producers(self) -> dict[str, Node]:
        """Return the node behind each value; inputs have none."""
        return {node.name: node for node in self.nodes}

    def consumers(self) -> dict[str, tuple[Node, ...]]:
        """Return the nodes that read each value, each once, in order; graph outputs do not count."""
        found: dict[str, list[Node]] = {given.name: [] for given in self.inputs}
        found.update({node.name: [] for node in self.nodes})
        for node in self.nodes:
            for name in dict.fromkeys(node.inputs):
                found[name].append(node)
        return {name: tuple(nodes) for name, nodes in found.items()}

    def output_values(self) -> frozenset[str]:
        """Return the names of the values that are graph outputs."""
        return frozenset(output.value for output in self.outputs)

    def weight_users(self) -> dict[str, tuple[Node, ...]]:
        """Return the nodes that use each weight: more than one for a shared layer."""
        found: dict[str, list[Node]] = {name: [] for name in self.weights}
        for node in self.nodes:
            for name in dict.fromkeys(node.weights):
                found[name].append(node)
        return {name: tuple(nodes) for name, nodes in found.items()}

    def with_nodes(self, nodes: Iterable[Node]) -> "Graph":
        """Return the same graph with other nodes."""
        return replace(self, nodes=tuple(nodes))

    def with_weights(self, changed: Mapping[str, WeightArray]) -> "Graph":
        """Return the same graph with some weights replaced or added."""
        return replace(self, weights={**self.weights, **changed})

    def replacing(self, changed: Mapping[str, Node]) -> "Graph":
        """Return the same graph with the named nodes replaced; each keeps its place."""
        return self.with_nodes(changed.get(node.name, node) for node in self.nodes)

    def rewired(self, renamed: Mapping[str, str]) -> "Graph":
        """Let every reader of value `old` read `new` instead, for each pair; outputs too."""
        nodes = tuple(
            replace(node, inputs=tuple(renamed.get(name, name) for name in node.inputs))
            for node in self.nodes
        )
        outputs = tuple(
            replace(output, value=renamed.get(output.value, output.value))
            for output in self.outputs
        )
        return replace(self, nodes=nodes, outputs=outputs)

    def without_dead(self) -> "Graph":
        """Drop nodes that no output needs and weights that no node uses; inputs stay."""
        live = set(self.output_values())
        kept: list[Node] = []
        for node in reversed(self.nodes):
            if node.name in live:
                live.update(node.inputs)
                kept.append(node)
        used = {name for node in kept for name in node.weights}
        weights = {name: array for name, array in self.weights.items() if name in used}
        return replace(self, nodes=tuple(reversed(kept)), weights=weights)

    def fresh_name(self, wanted: str) -> str:
        """`wanted`, or `wanted_1` and so on where it is taken by a value or a weight."""
        taken = {given.name for given in self.inputs}
        taken.update(node.name for node in self.nodes)
        taken.update(self.weights)
        name, count = wanted, 0
        while name in taken:
            count += 1
            name = f"{wanted}_{count}"
        return name


def _read_only(array: WeightArray) -> WeightArray:
    if not array.flags.writeable:
        return array
    # A copy, so that the caller's own array stays writeable and the graph cannot change under it.
    frozen = np.array(array)
    frozen.flags.writeable = False
    return frozen
