"""Networks whose inputs have axes of varying length."""

from dataclasses import replace

import numpy as np

from engine.artifacts.artifact import artifact_bytes, parse_artifact
from engine.compiler import compile_graph
from engine.core.target import host_target
from engine.execution.runtime import load
from engine.execution.sizes import SizeLimits
from engine.execution.varying import VaryingExecutable
from engine.machine_code.object_cache import ObjectCache
from engine.planning.plan import CompiledModel, Varying
from graph.activations import Function
from graph.conv_ops import Conv, DepthwiseConv
from graph.errors import ShapeError
from graph.graph import Graph, Input
from graph.pooling_ops import GlobalPool, Pool, PoolKind
from graph.sizes import Sizes, at_sizes, usual_sizes, with_inputs_of
from graph.tensor_type import TensorType
from graph.windows import Padding
from tests.engine.compiled import UNTUNED
from tests.pruning.images import ImageBuilder, random_image_network


def varying(graph: Graph) -> Graph | None:
    """The graph with no fixed length before its channels; None where its layers do not fit that."""
    inputs = []
    for given in graph.inputs:
        shape = given.type.shape
        free = (None,) * (len(shape) - 1)
        inputs.append(Input(given.name, TensorType(given.type.dtype, (*free, shape[-1]))))
    try:
        return with_inputs_of(graph, replace(graph, inputs=tuple(inputs)))
    except ShapeError:
        return None


def random_varying_networks(first: int, count: int) -> list[Graph]:
    """The first so many random networks, by seed, that take any size."""
    found: list[Graph] = []
    seed = first
    while len(found) < count:
        graph = varying(random_image_network(seed))
        if graph is not None:
            found.append(graph)
        seed += 1
    return found


def small_network() -> Graph:
    """Strides, padding, depthwise and pooling in front of a classifier."""
    b = ImageBuilder(5)
    x = b.input(8, 8, 3, name="image")
    x = b.activation(b.conv(x, 6, 3, padding=Padding.SAME, stride=2), Function.RELU)
    x = b.depthwise(x, 3)
    x = b.add(Pool(PoolKind.MAX, (2, 2), (1, 1), Padding.SAME), [x])
    x = b.activation(b.conv(x, 4, 2, padding=Padding.VALID), Function.RELU)
    x = b.add(GlobalPool(PoolKind.AVERAGE), [x])
    graph = varying(b.build(b.dense(x, 3)))
    assert graph is not None
    assert any(isinstance(node.op, Conv | DepthwiseConv) for node in graph.nodes)
    return graph


def varying_model(graph: Graph, cache: ObjectCache, sizes: tuple[Sizes, ...] = ()) -> CompiledModel:
    """A network compiled at its first size."""
    sizes = sizes or usual_sizes(graph)
    found = Varying(graph, sizes)
    return compile_graph(at_sizes(graph, sizes[0]), host_target(), UNTUNED, cache, varying=found)


def loaded(
    model: CompiledModel, cache: ObjectCache, limits: SizeLimits | None = None
) -> VaryingExecutable:
    """The model, by way of artifact bytes."""
    executable = load(parse_artifact(artifact_bytes(model)), cache, limits=limits)
    assert isinstance(executable, VaryingExecutable)
    return executable


def inputs_at(graph: Graph, lengths: tuple[int, ...], samples: int = 2) -> dict[str, np.ndarray]:
    """Random inputs with these lengths before the channels."""
    rng = np.random.default_rng([samples, *lengths])
    found = {}
    for given in graph.inputs:
        declared = given.type.sample_shape
        shape = (*lengths[: len(declared) - 1], declared[-1] or 0)
        found[given.name] = rng.standard_normal((samples, *shape)).astype(np.float32)
    return found


def sizes_of(inputs: dict[str, np.ndarray]) -> Sizes:
    return {name: array.shape[1:] for name, array in inputs.items()}
