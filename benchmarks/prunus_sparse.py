"""Prunus itself: compile the weights, write the artifact, load it, run it."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import llvmlite

from app.core.version import VERSION
from benchmarks.networks import FloatArray, Layer
from engine.artifacts.artifact import write_artifact
from engine.compiler import CompileOptions, compile_graph
from engine.core.target import host_target
from engine.execution.runtime import load
from engine.machine_code.object_cache import ObjectCache
from graph.activations import ActivationFunction, Function
from graph.graph import Graph, Input, Node, Output, WeightArray
from graph.op import Op
from graph.ops import Activation, Dense
from graph.tensor_type import DType, TensorType


def build_graph(layers: Sequence[Layer]) -> Graph:
    """Return the network as the reader would, from input `x` to output `y`."""
    nodes: list[Node] = []
    weights: dict[str, WeightArray] = {}
    value = "x"
    for index, layer in enumerate(layers):
        names = (f"kernel_{index}", f"bias_{index}")
        weights |= dict(zip(names, (layer.kernel, layer.bias), strict=True))
        op: Op = Dense(layer.kernel.shape[1])
        nodes.append(Node(f"dense_{index}", op, (value,), names, layer=f"dense_{index}"))
        value = f"dense_{index}"
        if layer.relu:
            op = Activation(ActivationFunction(Function.RELU))
            nodes.append(Node(f"relu_{index}", op, (value,), layer=f"dense_{index}"))
            value = f"relu_{index}"
    inputs = (Input("x", TensorType(DType.FLOAT32, (None, layers[0].kernel.shape[0]))),)
    return Graph("mlp", inputs, tuple(nodes), (Output("y", value),), weights)


class Prunus:
    """The compiled network, tuned for the batch sizes of the benchmark's buckets."""

    version = f"Prunus {VERSION} on llvmlite {llvmlite.__version__}"

    def __init__(self, *, allow_sparse: bool) -> None:
        """Choose the kernels: all, or only the dense ones."""
        self._options = CompileOptions(allow_sparse=allow_sparse)
        self._folder = tempfile.TemporaryDirectory(prefix="prunus-bench-")

    def load(self, layers: Sequence[Layer]) -> None:
        """Prepare the network."""
        self.open(build_graph(layers))

    def open(self, graph: Graph) -> None:
        """Go the way of an upload: compile and tune, write, open."""
        folder = Path(self._folder.name)
        cache = ObjectCache(folder / "objects")
        model = compile_graph(graph, host_target(), self._options, cache)
        write_artifact(model, folder / "model.prunus")
        self._executable = load(folder / "model.prunus", cache)

    def run(self, inputs: FloatArray) -> FloatArray:
        """Run the executable."""
        return self._executable.run({"x": inputs})["y"]


def create(threads: int) -> Prunus:  # noqa: ARG001  # every engine is made so
    """Return the engine as it serves."""
    return Prunus(allow_sparse=True)
