"""A short way to write graphs in tests: every method adds a node and gives the name of its value."""

from collections.abc import Sequence

import numpy as np

from graph.activations import LINEAR, ActivationFunction, Function
from graph.graph import Graph, Input, Node, Output
from graph.op import Op
from graph.ops import Activation, BatchNormalization, Dense, LayerNormalization, PRelu
from graph.tensor_type import TensorType, float32
from graph.verify import verify


class GraphBuilder:
    """Collects inputs, nodes and weights; weights are drawn from `seed` unless given."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self._inputs: list[Input] = []
        self._nodes: list[Node] = []
        self._weights: dict[str, np.ndarray] = {}
        self._types: dict[str, TensorType] = {}

    def input(self, *sample_shape: int, name: str = "", type_: TensorType | None = None) -> str:
        name = name or f"x{len(self._inputs)}"
        given = Input(name, type_ or float32(*sample_shape))
        self._inputs.append(given)
        self._types[name] = given.type
        return name

    def type(self, value: str) -> TensorType:
        return self._types[value]

    def weight(self, name: str, array: np.ndarray) -> str:
        self._weights[name] = np.ascontiguousarray(array, np.float32)
        return name

    def add(
        self, op: Op, inputs: Sequence[str], weights: Sequence[str] = (), name: str = ""
    ) -> str:
        name = name or f"{type(op).__name__.lower()}_{len(self._nodes)}"
        node = Node(name, op, tuple(inputs), tuple(weights), layer=name)
        shapes = tuple(self._weights[w].shape for w in weights)
        self._types[name] = op.infer(tuple(self._types[i] for i in inputs), shapes)
        self._nodes.append(node)
        return name

    def dense(
        self,
        x: str,
        units: int,
        *,
        sparsity: float = 0.0,
        bias: bool = True,
        kernel: np.ndarray | None = None,
        bias_values: np.ndarray | None = None,
        activation: Function | ActivationFunction = LINEAR,
        name: str = "",
    ) -> str:
        """Dense, and an Activation after it unless linear; a share `sparsity` of the kernel is exactly zero."""
        name = name or f"dense_{len(self._nodes)}"
        fan_in = self._types[x].shape[-1]
        assert fan_in is not None
        if kernel is None:
            kernel = self.rng.standard_normal((fan_in, units)) / np.sqrt(fan_in)
            kernel[self.rng.random(kernel.shape) < sparsity] = 0.0
        names = [self.weight(f"{name}/kernel", kernel)]
        if bias:
            values = self.rng.standard_normal(units) * 0.1 if bias_values is None else bias_values
            names.append(self.weight(f"{name}/bias", values))
        y = self.add(Dense(units, bias), [x], names, name=name)
        return self.activation(y, activation, name=f"{name}/activation")

    def activation(self, x: str, f: Function | ActivationFunction, name: str = "") -> str:
        function = f if isinstance(f, ActivationFunction) else ActivationFunction(f)
        if function == LINEAR:
            return x
        return self.add(Activation(function), [x], name=name)

    def batch_normalization(
        self, x: str, axis: int = -1, *, scale: bool = True, center: bool = True
    ) -> str:
        length = self._types[x].shape[axis]
        assert length is not None
        name = f"batchnormalization_{len(self._nodes)}"
        rows = {
            "gamma": self.rng.uniform(0.5, 1.5, length) if scale else None,
            "beta": self.rng.standard_normal(length) if center else None,
            "mean": self.rng.standard_normal(length),
            "variance": self.rng.uniform(0.2, 2.0, length),
        }
        weights = [self.weight(f"{name}/{k}", v) for k, v in rows.items() if v is not None]
        return self.add(BatchNormalization(axis, 1e-3, scale, center), [x], weights, name=name)

    def layer_normalization(self, x: str, axes: tuple[int, ...], *, rms: bool = False) -> str:
        shape = tuple(int(self._types[x].shape[axis] or 0) for axis in axes)
        name = f"layernormalization_{len(self._nodes)}"
        weights = [self.weight(f"{name}/gamma", self.rng.uniform(0.5, 1.5, shape))]
        if not rms:
            weights.append(self.weight(f"{name}/beta", self.rng.standard_normal(shape)))
        op = LayerNormalization(axes, 1e-3, scale=True, center=not rms, rms_scaling=rms)
        return self.add(op, [x], weights, name=name)

    def prelu(self, x: str, shared_axes: tuple[int, ...] = ()) -> str:
        shape = [int(length or 0) for length in self._types[x].sample_shape]
        for axis in shared_axes:
            shape[axis - 1] = 1
        name = f"prelu_{len(self._nodes)}"
        alpha = self.weight(f"{name}/alpha", self.rng.standard_normal(shape) * 0.3)
        return self.add(PRelu(), [x], [alpha], name=name)

    def build(self, *outputs: str, name: str = "model") -> Graph:
        public = tuple(Output(f"y{index}", value) for index, value in enumerate(outputs))
        graph = Graph(name, tuple(self._inputs), tuple(self._nodes), public, self._weights)
        verify(graph)
        return graph


def random_inputs(graph: Graph, batch: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Standard normal inputs of the declared dtypes (rounded where the dtype is an integer)."""
    rng = np.random.default_rng(seed)
    return {
        given.name: rng.standard_normal((batch, *given.type.static_sample_shape)).astype(
            given.type.dtype.numpy
        )
        for given in graph.inputs
    }
