"""Hypothesis strategies that draw whole graphs: every op, odd sizes, several inputs and outputs, shared weights."""

from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from graph.activations import AXIS_FUNCTIONS, ActivationFunction, Function
from graph.element_functions import ELEMENT_FUNCTIONS
from graph.graph import Graph
from graph.ops import Activation, Dense, Dot, Merge, MergeKind, Rescaling
from graph.shape_ops import Concatenate, Permute, RepeatVector, Reshape
from tests.builders import GraphBuilder

OPERATIONS = frozenset({*map(Function, ELEMENT_FUNCTIONS), Function.CLIP})
ELEMENTWISE = sorted(set(Function) - AXIS_FUNCTIONS - OPERATIONS - {Function.LINEAR})
# No step makes a value larger than this, so that drawn graphs stay quick.
MAX_ELEMENTS = 160


@st.composite
def activation_functions(draw: DrawFn) -> ActivationFunction:
    """An elementwise function with drawn parameters."""
    function = draw(st.sampled_from(ELEMENTWISE))
    if function is Function.RELU:
        return ActivationFunction(
            function,
            negative_slope=draw(st.sampled_from([0.0, 0.25])),
            max_value=draw(st.sampled_from([None, 6.0, 1.0])),
            threshold=draw(st.sampled_from([0.0, 0.5])),
        )
    if function in (Function.ELU, Function.CELU):
        return ActivationFunction(function, alpha=draw(st.sampled_from([1.0, 0.5])))
    if function is Function.GELU:
        return ActivationFunction(function, approximate=draw(st.booleans()))
    if function in (Function.SOFT_SHRINK, Function.HARD_SHRINK, Function.THRESHOLD):
        return ActivationFunction(function, threshold=0.5)
    return ActivationFunction(function)


def _grow_dense(draw: DrawFn, b: GraphBuilder, x: str) -> str:
    rows = b.type(x).sample_size // int(b.type(x).shape[-1] or 1)
    units = draw(st.integers(1, max(1, min(40, MAX_ELEMENTS // rows))))
    return b.dense(
        x,
        units,
        sparsity=draw(st.sampled_from([0.0, 0.5, 0.9, 0.97, 1.0])),
        bias=draw(st.booleans()),
        activation=draw(activation_functions()) if draw(st.booleans()) else Function.LINEAR,
    )


def _grow_pointwise(draw: DrawFn, b: GraphBuilder, x: str) -> str:
    kind = draw(st.sampled_from(["activation", "prelu", "batch_norm", "rescaling"]))
    if kind == "activation":
        return b.activation(x, draw(activation_functions()))
    if kind == "prelu":
        rank = b.type(x).rank
        return b.prelu(x, (1,) if rank > 2 and draw(st.booleans()) else ())
    if kind == "batch_norm":
        axis = draw(st.integers(1, b.type(x).rank - 1))
        return b.batch_normalization(x, axis, scale=draw(st.booleans()), center=draw(st.booleans()))
    return b.add(Rescaling((0.5,), (0.25,)), [x])


def _grow_normalizing(draw: DrawFn, b: GraphBuilder, x: str) -> str:
    axis = draw(st.integers(1, b.type(x).rank - 1))
    kind = draw(st.sampled_from(["softmax", "log_softmax", "sparsemax", "glu", "layer", "rms"]))
    if kind in ("layer", "rms"):
        return b.layer_normalization(x, (axis,), rms=kind == "rms")
    length = b.type(x).shape[axis] or 0
    if kind == "glu" and length % 2:
        kind = "softmax"
    return b.add(Activation(ActivationFunction(Function(kind), axis=axis)), [x])


def _grow_moving(draw: DrawFn, b: GraphBuilder, x: str) -> str:
    shape = b.type(x).static_sample_shape
    size = b.type(x).sample_size
    if len(shape) > 1:
        if draw(st.booleans()):
            return b.add(Reshape((size,)), [x])
        return b.add(Permute(tuple(draw(st.permutations(range(1, len(shape) + 1))))), [x])
    if draw(st.booleans()) and size * 3 <= MAX_ELEMENTS:
        return b.add(RepeatVector(draw(st.integers(1, 3))), [x])
    factor = draw(st.sampled_from([d for d in (1, 2, 3, 5) if size % d == 0]))
    return b.add(Reshape((factor, size // factor)), [x])


def _grow_joining(draw: DrawFn, b: GraphBuilder, x: str) -> str:
    shape = b.type(x).static_sample_shape
    units = shape[-1]
    other = b.dense(x, units, sparsity=0.8)
    kind = draw(st.sampled_from(["merge", "concatenate", "dot", "shared"]))
    if kind == "shared":
        kernel = b.weight(f"{other}/shared", b.rng.standard_normal((units, units)) * 0.3)
        twice = b.add(Dense(units, use_bias=False), [x], [kernel])
        return b.add(Dense(units, use_bias=False), [twice], [kernel])
    if kind == "concatenate" and 2 * b.type(x).sample_size <= MAX_ELEMENTS:
        return b.add(Concatenate(draw(st.integers(1, len(shape)))), [x, other])
    if kind == "dot" and len(shape) == 1:
        return b.add(Dot((1, 1), draw(st.booleans())), [x, other])
    merge = draw(st.sampled_from(list(MergeKind)))
    return b.add(Merge(merge), [x, other])


_STEPS: list[Callable[[DrawFn, GraphBuilder, str], str]] = [
    _grow_dense,
    _grow_dense,
    _grow_pointwise,
    _grow_normalizing,
    _grow_moving,
    _grow_joining,
]


@st.composite
def graphs(draw: DrawFn, max_steps: int = 6) -> Graph:
    """A verified graph; weights come from a drawn seed."""
    b = GraphBuilder(draw(st.integers(0, 2**32 - 1)))
    shapes = st.sampled_from([(1,), (3,), (7,), (16,), (33,), (64,), (2, 5), (4, 3), (2, 3, 4)])
    values = [b.input(*draw(shapes)) for _ in range(draw(st.integers(1, 2)))]
    for _ in range(draw(st.integers(1, max_steps))):
        step = draw(st.sampled_from(_STEPS))
        values.append(step(draw, b, draw(st.sampled_from(values[-3:]))))
    outputs = [values[-1]]
    if draw(st.booleans()):
        outputs.append(draw(st.sampled_from(values)))
    return b.build(*outputs)
