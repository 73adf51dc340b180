"""Networks of images and signals, described once for every engine: steps in order, and their weights; NumPy only.

Values are channels last, their first axis the batch. The input is named `x`, every step's value as the step; the last
step's is the output.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
Amounts = tuple[tuple[int, int], ...]
INPUT = "x"
EPSILON = 1e-3
_DOCUMENT = "description"


@dataclass(frozen=True, slots=True)
class Convolution:
    """Convolution without bias, then BatchNormalization, then an activation.

    Attributes:
        name: Of the step.
        x: The value that it reads.
        size: Of the window.
        filters: Channels that it makes.
        strides: By axis.
        padding: Zeros before and after, by axis.
        activation: "relu", "relu6" or "".
        depthwise: Whether each channel is convolved by itself.
        prunable: Whether its kernel has zeros in a sparse network.
        gain: Mean of gamma: less than 1 where a residual block ends.
    """

    name: str
    x: str
    size: tuple[int, ...]
    filters: int
    strides: tuple[int, ...]
    padding: Amounts
    activation: str
    depthwise: bool = False
    prunable: bool = True
    gain: float = 1.0


@dataclass(frozen=True, slots=True)
class MaxPooling:
    """The largest element of each window. What it reads is at least 0, so that padding with zeros changes nothing."""

    name: str
    x: str
    size: tuple[int, ...]
    strides: tuple[int, ...]
    padding: Amounts


@dataclass(frozen=True, slots=True)
class Addition:
    """The sum of two values, then an activation."""

    name: str
    x: str
    other: str
    activation: str


@dataclass(frozen=True, slots=True)
class GlobalAverage:
    """The average of each channel."""

    name: str
    x: str


@dataclass(frozen=True, slots=True)
class Classifier:
    """`x @ kernel + bias` at the end."""

    name: str
    x: str
    units: int
    prunable: bool = False


Step = Convolution | MaxPooling | Addition | GlobalAverage | Classifier
_STEPS = {
    kind.__name__: kind for kind in (Convolution, MaxPooling, Addition, GlobalAverage, Classifier)
}


@dataclass(frozen=True, slots=True)
class Description:
    """A network without its weights.

    Attributes:
        name: Shown.
        sample_shape: Of its input, channels last.
        steps: In an order in which they can be computed.
    """

    name: str
    sample_shape: tuple[int, ...]
    steps: tuple[Step, ...]

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of a sample of every value."""
        shapes = {INPUT: self.sample_shape}
        for step in self.steps:
            shapes[step.name] = _shape(step, shapes[step.x])
        return shapes

    def kernel_shape(self, step: Convolution | Classifier) -> tuple[int, ...]:
        """Return the shape of a step's kernel: [*size, channels, filters], or [*size, channels, 1] if depthwise."""
        return _kernel_shape(step, self.shapes()[step.x][-1])


def _shape(step: Step, x: tuple[int, ...]) -> tuple[int, ...]:
    if isinstance(step, Convolution | MaxPooling):
        axes = zip(x, step.size, step.strides, step.padding, strict=False)
        lengths = [
            (length + sum(padding) - size) // stride + 1 for length, size, stride, padding in axes
        ]
        return (*lengths, step.filters if isinstance(step, Convolution) else x[-1])
    if isinstance(step, GlobalAverage):
        return x[-1:]
    return (step.units,) if isinstance(step, Classifier) else x


def _kernel_shape(step: Convolution | Classifier, channels: int) -> tuple[int, ...]:
    if isinstance(step, Classifier):
        return (channels, step.units)
    return (*step.size, channels, 1 if step.depthwise else step.filters)


@dataclass(frozen=True, slots=True)
class WeightedNetwork:
    """A network with its weights.

    Attributes:
        description: The network.
        weights: By step and then "kernel", "gamma", "beta", "mean", "variance" of convolutions or "kernel", "bias".
    """

    description: Description
    weights: Mapping[str, Mapping[str, FloatArray]]

    def folded(self, step: Convolution | Classifier) -> tuple[FloatArray, FloatArray]:
        """Return kernel and bias with the BatchNormalization in them, as every engine's converter computes them."""
        arrays = {name: array.astype(np.float64) for name, array in self.weights[step.name].items()}
        if isinstance(step, Classifier):
            return self.weights[step.name]["kernel"], self.weights[step.name]["bias"]
        scale = arrays["gamma"] / np.sqrt(arrays["variance"] + EPSILON)
        shaped = scale[:, None] if step.depthwise else scale
        bias = arrays["beta"] - arrays["mean"] * scale
        return (arrays["kernel"] * shaped).astype(np.float32), bias.astype(np.float32)


def random_network(description: Description, sparsity: float, seed: int) -> WeightedNetwork:
    """Return weights that keep the scale of values from step to step.

    Prunable kernels have exactly `round(sparsity * size)` zeros at random places. The others are normal with variance
    2 / (kept inputs of a filter); the statistics of BatchNormalization are near what such a kernel makes.
    """
    generator = np.random.default_rng(seed)
    shapes = description.shapes()
    weights: dict[str, dict[str, FloatArray]] = {}
    for step in description.steps:
        if isinstance(step, Convolution | Classifier):
            zeros = sparsity if step.prunable else 0.0
            shape = _kernel_shape(step, shapes[step.x][-1])
            fan_in = int(np.prod(shape[:-2] if _is_depthwise(step) else shape[:-1]))
            kernel = random_kernel(generator, shape, fan_in, zeros)
            weights[step.name] = {"kernel": kernel, **_vectors(generator, step)}
    return WeightedNetwork(description, weights)


def _is_depthwise(step: Convolution | Classifier) -> bool:
    return isinstance(step, Convolution) and step.depthwise


def random_kernel(
    generator: np.random.Generator, shape: tuple[int, ...], fan_in: int, sparsity: float
) -> FloatArray:
    """Return a kernel with exactly `round(sparsity * size)` zeros."""
    size = int(np.prod(shape))
    kept = size - round(sparsity * size)
    kernel = np.zeros(size, np.float32)
    places = generator.permutation(size)[:kept] if kept < size else slice(None)
    scale = np.float32(np.sqrt(2 / (fan_in * (1 - sparsity))))
    values = generator.standard_normal(kept, np.float32)
    # One in some ten million is 0 exactly, which would be a zero more.
    values[values == 0] = 1
    kernel[places] = values * scale
    return kernel.reshape(shape)


def _vectors(
    generator: np.random.Generator, step: Convolution | Classifier
) -> dict[str, FloatArray]:
    if isinstance(step, Classifier):
        return {"bias": generator.standard_normal(step.units, np.float32) * np.float32(0.1)}
    gain = np.float32(step.gain)
    noise = {
        name: generator.standard_normal(step.filters, np.float32) * np.float32(0.1)
        for name in ("gamma", "beta", "mean", "variance")
    }
    return noise | {
        "gamma": gain * (1 + noise["gamma"]),
        "variance": np.exp(noise["variance"]).astype(np.float32),
    }


def save_network(network: WeightedNetwork, path: Path) -> None:
    """Write a network as one .npz file: the arrays, and the steps as JSON."""
    description = network.description
    document = {
        "name": description.name,
        "sample_shape": description.sample_shape,
        "steps": [{"kind": type(step).__name__, **asdict(step)} for step in description.steps],
    }
    arrays: dict[str, npt.NDArray[Any]] = {
        f"{step}/{name}": array
        for step, named in network.weights.items()
        for name, array in named.items()
    }
    arrays[_DOCUMENT] = np.frombuffer(json.dumps(document).encode(), np.uint8)
    np.savez(path, allow_pickle=False, **arrays)


def load_network(path: Path) -> WeightedNetwork:
    """Read what `save_network` wrote."""
    weights: dict[str, dict[str, FloatArray]] = {}
    with np.load(path, allow_pickle=False) as arrays:
        document = json.loads(arrays[_DOCUMENT].tobytes())
        for key in arrays.files:
            step, _, name = key.rpartition("/")
            if step:
                weights.setdefault(step, {})[name] = arrays[key]
    steps = tuple(_read_step(fields) for fields in document["steps"])
    shape = tuple(document["sample_shape"])
    return WeightedNetwork(Description(document["name"], shape, steps), weights)


def _read_step(fields: Mapping[str, Any]) -> Step:
    kind = _STEPS[fields["kind"]]
    step: Step = kind(**{name: _tuples(v) for name, v in fields.items() if name != "kind"})
    return step


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def as_image(network: WeightedNetwork) -> WeightedNetwork:
    """Return a network of signals as one of images that are one pixel high, for engines that are best at images."""
    description = network.description
    if len(description.sample_shape) == 3:
        return network
    steps = tuple(_with_height(step) for step in description.steps)
    raised = {step.name for step in description.steps if isinstance(step, Convolution)}
    weights = {
        name: arrays | {"kernel": arrays["kernel"][None]} if name in raised else arrays
        for name, arrays in ((name, dict(arrays)) for name, arrays in network.weights.items())
    }
    shape = (1, *description.sample_shape)
    return WeightedNetwork(Description(description.name, shape, steps), weights)


def _with_height(step: Step) -> Step:
    if not isinstance(step, Convolution | MaxPooling):
        return step
    return replace(
        step,
        size=(1, *step.size),
        strides=(1, *step.strides),
        padding=((0, 0), *step.padding),
    )


def count_weights(steps: Sequence[Step], network: WeightedNetwork) -> tuple[int, int]:
    """Return how many weights the kernels of these steps have, and how many of them are not zero."""
    kernels = [
        network.weights[step.name]["kernel"]
        for step in steps
        if isinstance(step, Convolution | Classifier)
    ]
    return sum(k.size for k in kernels), sum(int(np.count_nonzero(k)) for k in kernels)
