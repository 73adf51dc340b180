"""Random networks over images and signals of one to three spatial axes, with something to find in them."""

from collections.abc import Callable

import numpy as np

from graph.activations import ActivationFunction, Function
from graph.conv_ops import Conv, ConvTranspose, DepthwiseConv
from graph.graph import Graph
from graph.interpolation import Interpolation
from graph.linear import is_linear, kernel_of
from graph.normalization_ops import GroupNormalization, RmsNormalization, UnitNormalization
from graph.ops import Activation, BatchNormalization, Merge, MergeKind, Rescaling
from graph.pooling_ops import AdaptivePool, GlobalPool, Pool, PoolKind
from graph.reference import run
from graph.resizing_ops import Crop, Pad, Resize, Upsample
from graph.shape_ops import Concatenate, Permute, Reshape
from graph.windows import Padding
from tests.builders import GraphBuilder, random_inputs

_FUNCTIONS = (
    Function.RELU,
    Function.RELU,
    Function.TANH,
    Function.SIGMOID,
    Function.SILU,
    Function.LINEAR,
)
# Factors that float32 multiplies by exactly.
_FACTORS = (1.0, 1.0, 2.0, 0.5, -1.0)
MAX_PIXELS = 400


class ImageBuilder(GraphBuilder):
    """Adds spatial layers with drawn weights and arguments."""

    def pick(self, *choices: object) -> int:
        return int(choices[self.rng.integers(len(choices))])  # type: ignore[call-overload]

    def lengths(self, x: str) -> tuple[int, ...]:
        return self.type(x).static_sample_shape[:-1]

    def channels(self, x: str) -> int:
        return self.type(x).static_sample_shape[-1]

    def function(self) -> Function:
        return _FUNCTIONS[self.rng.integers(len(_FUNCTIONS))]

    def parameters(self, name: str, shape: tuple[int, ...], units: int, bias: bool) -> list[str]:
        kernel = self.rng.standard_normal(shape) / np.sqrt(max(1, np.prod(shape[:-1])))
        names = [self.weight(f"{name}/kernel", kernel)]
        if bias:
            names.append(self.weight(f"{name}/bias", self.rng.standard_normal(units) * 0.3))
        return names

    def conv(
        self,
        x: str,
        filters: int,
        size: int | None = None,
        *,
        padding: Padding | None = None,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
        kernel: np.ndarray | None = None,
        bias_values: np.ndarray | None = None,
        name: str = "",
    ) -> str:
        lengths = self.lengths(x)
        rank = len(lengths)
        sizes = tuple(min(size or self.pick(1, 2, 3), n) for n in lengths)
        padding = padding or (Padding.SAME if self.rng.random() < 0.6 else Padding.VALID)
        if any((s - 1) * dilation >= n for s, n in zip(sizes, lengths, strict=True)):
            dilation = 1
        name = name or f"conv_{len(self._nodes)}"
        op = Conv((stride,) * rank, (dilation,) * rank, padding, groups, bias)
        shape = (*sizes, self.channels(x) // groups, filters)
        names = self.parameters(name, shape, filters, bias)
        if kernel is not None:
            self.weight(f"{name}/kernel", kernel)
        if bias_values is not None:
            self.weight(f"{name}/bias", bias_values)
        return self.add(op, [x], names, name=name)

    def depthwise(
        self, x: str, size: int = 3, multiplier: int = 1, *, padding: Padding = Padding.SAME,
        stride: int = 1, bias: bool = True, name: str = "",
    ) -> str:  # fmt: skip
        lengths, channels = self.lengths(x), self.channels(x)
        name = name or f"depthwise_{len(self._nodes)}"
        shape = (*(min(size, n) for n in lengths), channels, multiplier)
        names = self.parameters(name, shape, channels * multiplier, bias)
        rank = len(lengths)
        op = DepthwiseConv((stride,) * rank, (1,) * rank, padding, bias)
        return self.add(op, [x], names, name=name)

    def transposed(self, x: str, filters: int) -> str:
        rank, name = len(self.lengths(x)), f"transposed_{len(self._nodes)}"
        bias = bool(self.rng.random() < 0.7)
        padding = Padding.SAME if self.rng.random() < 0.5 else Padding.VALID
        size = self.pick(1, 2, 3)
        names = self.parameters(name, (*(size,) * rank, filters, self.channels(x)), filters, bias)
        stride = self.pick(1, 2)
        op = ConvTranspose((stride,) * rank, (1,) * rank, padding, None, bias)
        return self.add(op, [x], names, name=name)

    def gate(self, x: str) -> str:
        """Squeeze and excitation: the image times a number for each channel, made from all of it."""
        rank, channels = len(self.lengths(x)), self.channels(x)
        pooled = self.add(GlobalPool(PoolKind.AVERAGE), [x])
        hidden = self.dense(pooled, 3, activation=Function.RELU)
        numbers = self.dense(hidden, channels, activation=Function.SIGMOID)
        shaped = self.add(Reshape((*(1,) * rank, channels)), [numbers])
        return self.add(Merge(MergeKind.MULTIPLY), [x, shaped])


def _convolved(b: ImageBuilder, x: str) -> str:
    channels = b.channels(x)
    groups = b.pick(*[g for g in (1, 1, 2, 3) if channels % g == 0])
    filters = groups * b.pick(1, 2, 3)
    y = b.conv(
        x, filters, stride=b.pick(1, 1, 2), dilation=b.pick(1, 1, 2), groups=groups,
        bias=bool(b.rng.random() < 0.7),
    )  # fmt: skip
    if b.rng.random() < 0.5:
        y = b.batch_normalization(y)
    return b.activation(y, b.function())


def _separable(b: ImageBuilder, x: str) -> str:
    y = b.depthwise(x, multiplier=b.pick(1, 1, 2), stride=b.pick(1, 1, 2))
    y = b.activation(b.batch_normalization(y), b.function())
    return b.activation(b.conv(y, b.pick(2, 4, 6), 1), b.function())


def _residual(b: ImageBuilder, x: str) -> str:
    channels = b.channels(x)
    y = b.activation(b.conv(x, 4, padding=Padding.SAME), b.function())
    y = b.batch_normalization(b.conv(y, channels, padding=Padding.SAME))
    kind = (MergeKind.ADD, MergeKind.ADD, MergeKind.MAXIMUM, MergeKind.MULTIPLY)[b.rng.integers(4)]
    return b.activation(b.add(Merge(kind), [x, y]), Function.RELU)


def _concatenated(b: ImageBuilder, x: str) -> str:
    y = b.activation(b.conv(x, b.channels(x), padding=Padding.SAME), b.function())
    axis = -1 if b.rng.random() < 0.7 else 1
    return b.add(Concatenate(axis), [x, y])


def _pooled(b: ImageBuilder, x: str) -> str:
    rank, shortest = len(b.lengths(x)), min(b.lengths(x))
    kind = PoolKind.MAX if b.rng.random() < 0.5 else PoolKind.AVERAGE
    if b.rng.random() < 0.2:
        return b.add(AdaptivePool(kind, (b.pick(1, 2, 3),) * rank), [x])
    padding = Padding.SAME if b.rng.random() < 0.5 else Padding.VALID
    size = min(shortest, b.pick(1, 2, 3))
    return b.add(Pool(kind, (size,) * rank, (b.pick(1, 2),) * rank, padding), [x])


def _resized(b: ImageBuilder, x: str) -> str:
    rank, shortest = len(b.lengths(x)), min(b.lengths(x))
    kind = b.rng.integers(5)
    if kind == 0:
        return b.add(Pad(tuple((b.pick(0, 1), b.pick(0, 1, 2)) for _ in range(rank))), [x])
    if kind == 1 and shortest > 2:
        return b.add(Crop(tuple((b.pick(0, 1), b.pick(0, 1)) for _ in range(rank))), [x])
    methods = (Interpolation.NEAREST, Interpolation.BILINEAR, Interpolation.BICUBIC)
    if kind == 2:
        return b.add(Upsample((2,) * rank, methods[b.rng.integers(2)]), [x])
    return b.add(
        Resize(b.lengths(x) if kind == 3 else (b.pick(2, 3),) * rank, methods[b.rng.integers(3)]),
        [x],
    )


def _normalized(b: ImageBuilder, x: str) -> str:
    channels, rank = b.channels(x), len(b.lengths(x))
    kind = b.rng.integers(8)
    if kind == 0:
        return b.batch_normalization(x, 1)
    if kind == 1:
        return b.prelu(x, tuple(range(1, rank + 1)) if b.rng.random() < 0.5 else ())
    if kind == 2:
        return b.layer_normalization(x, (rank + 1,))
    if kind == 3:
        return b.add(UnitNormalization((rank + 1,)), [x])
    if kind == 4:
        return b.add(Rescaling((0.5,), (0.25,)), [x])
    if kind == 5:
        return b.add(Activation(ActivationFunction(Function.SOFTMAX, axis=b.pick(1, -1))), [x])
    name = f"norm_{len(b._nodes)}"
    weights = [b.weight(f"{name}/{role}", b.rng.uniform(0.5, 1.5, channels)) for role in ("a", "b")]
    if kind == 6:
        groups = b.pick(*[g for g in (1, 2, channels) if channels % g == 0])
        return b.add(GroupNormalization(groups), [x], weights, name=name)
    return b.add(RmsNormalization((rank + 1,)), [x], weights[:1], name=name)


def _moved(b: ImageBuilder, x: str) -> str:
    """An element function between two permutations, as a layer of channels_first is read."""
    rank = len(b.lengths(x))
    there = b.add(Permute((rank + 1, *range(1, rank + 1))), [x])
    there = b.activation(b.batch_normalization(there, 1), Function.RELU)
    return b.add(Permute((*range(2, rank + 2), 1)), [there])


def _shared(b: ImageBuilder, x: str) -> str:
    """Two images through one layer."""
    rank, channels = len(b.lengths(x)), b.channels(x)
    other = b.activation(b.conv(x, channels, padding=Padding.SAME), Function.RELU)
    name = f"twin_{len(b._nodes)}"
    names = b.parameters(name, (*(2,) * rank, channels, 3), 3, bias=True)
    op = Conv((1,) * rank, (1,) * rank, Padding.SAME)
    twins = [b.add(op, [value], names, name=f"{name}_{i}") for i, value in enumerate((x, other))]
    return b.add(Merge(MergeKind.SUBTRACT), [b.activation(twin, Function.TANH) for twin in twins])


_BLOCKS: tuple[Callable[[ImageBuilder, str], str], ...] = (
    _convolved,
    _convolved,
    _separable,
    _separable,
    _residual,
    _concatenated,
    _pooled,
    _resized,
    _normalized,
    _moved,
    _shared,
    lambda b, x: b.transposed(x, b.pick(1, 3, 4)),
    lambda b, x: b.gate(x),
    lambda b, x: b.dense(x, 4, activation=Function.RELU),
)


def random_image_network(seed: int) -> Graph:
    """Two to six blocks over one to three spatial axes, then a classifier or an image as the output."""
    b = ImageBuilder(seed)
    rank = b.pick(1, 2, 2, 2, 3)
    x = b.input(
        *(b.pick(3, 4, 5) if rank > 2 else b.pick(3, 5, 6, 7) for _ in range(rank)),
        b.pick(1, 2, 3, 6),
    )
    for _ in range(b.pick(2, 3, 4, 5, 6)):
        y = _BLOCKS[b.rng.integers(len(_BLOCKS))](b, x)
        if np.prod(b.lengths(y)) <= MAX_PIXELS and b.channels(y) <= 24:
            x = y
    kind = b.rng.integers(3)
    if kind == 0:
        x = b.add(GlobalPool(PoolKind.MAX if b.rng.random() < 0.5 else PoolKind.AVERAGE), [x])
    elif kind == 1:
        x = b.add(Reshape((b.type(x).sample_size,)), [x])
    outputs = [b.dense(x, 3, activation=Function.TANH)]
    return plant_channels(b.build(*outputs), seed)


def plant_channels(graph: Graph, seed: int, share: float = 0.2) -> Graph:
    """Zero the weights of some channels and units, make some units multiples of others, and some normalized ones 0."""
    rng = np.random.default_rng(seed)
    changed: dict[str, np.ndarray] = {}
    for node in graph.nodes:
        if isinstance(node.op, BatchNormalization) and node.op.scale:
            gamma = np.array(graph.weights[node.weights[0]])
            gamma[rng.random(gamma.shape) < share / 2] = 0.0
            changed[node.weights[0]] = gamma
        if not is_linear(node.op) or node.weights[0] in changed:
            continue
        layout = kernel_of(graph, node)
        kernel = layout.by_group(np.array(graph.weights[node.weights[0]]))
        kernel[:, rng.random(layout.inputs) < share] = 0.0
        matrix = kernel.reshape(layout.fan_in, layout.units)
        matrix[:, rng.random(layout.units) < share] = 0.0
        follower = np.flatnonzero(rng.random(layout.units) < share)
        leader = rng.integers(layout.units, size=len(follower))
        factor = rng.choice(_FACTORS, size=len(follower)).astype(np.float32)
        matrix[:, follower] = matrix[:, leader] * factor
        changed[node.weights[0]] = layout.array(matrix)
        if len(node.weights) > 1:
            bias = np.array(graph.weights[node.weights[1]])
            bias[follower] = bias[leader] * factor
            bias[rng.random(layout.units) < 2 * share] = 0.0
            changed[node.weights[1]] = bias
    return graph.with_weights(changed)


def assert_same_outputs(before: Graph, after: Graph) -> None:
    """Compute both graphs in float64 on random inputs."""
    inputs = random_inputs(before, 5, seed=9)
    old, new = (run(graph, inputs, np.float64) for graph in (before, after))
    for name, value in old.items():
        np.testing.assert_allclose(new[name], value, rtol=1e-9, atol=1e-9)
