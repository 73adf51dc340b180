"""The networks that every engine runs: relu MLPs whose weights are zero at random places."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Layer:
    """`y = x @ kernel + bias`, then relu unless it is the last: kernel [inputs, units], bias [units]."""

    kernel: FloatArray
    bias: FloatArray
    relu: bool


@dataclass(frozen=True, slots=True)
class Network:
    """A multilayer perceptron by its widths, input first."""

    widths: tuple[int, ...]

    @property
    def name(self) -> str:
        """Return the widths, joined."""
        return "-".join(str(width) for width in self.widths)

    def nonzeros(self, sparsity: float) -> int:
        """Return how many weights `random_layers` leaves, biases apart."""
        sizes = [a * b for a, b in zip(self.widths[:-1], self.widths[1:], strict=True)]
        return sum(size - round(sparsity * size) for size in sizes)


NETWORKS = (
    Network((784, 300, 100, 10)),
    Network((1024, 1024, 1024, 1024, 10)),
    Network((4096, 4096, 4096, 1000)),
)
BATCHES = (1, 4, 16, 64, 256)


def random_layers(network: Network, sparsity: float, seed: int) -> tuple[Layer, ...]:
    """Return layers whose kernels have exactly `round(sparsity * size)` zeros at random places.

    The others are normal with variance 2 / (kept inputs), so that values keep their scale from layer to layer.
    """
    generator = np.random.default_rng(seed)
    layers = []
    last = len(network.widths) - 2
    for index, (inputs, units) in enumerate(
        zip(network.widths[:-1], network.widths[1:], strict=True)
    ):
        size = inputs * units
        kernel = np.zeros(size, np.float32)
        kept = size - round(sparsity * size)
        places = generator.permutation(size)[:kept]
        scale = np.float32(np.sqrt(2 / (inputs * (1 - sparsity))))
        kernel[places] = generator.standard_normal(kept, np.float32) * scale
        bias = generator.standard_normal(units, np.float32) * np.float32(0.1)
        layers.append(Layer(kernel.reshape(inputs, units), bias, relu=index < last))
    return tuple(layers)


def save_layers(layers: Sequence[Layer], path: Path) -> None:
    """Write kernels and biases as one .npz file."""
    arrays = {f"kernel_{index}": layer.kernel for index, layer in enumerate(layers)}
    arrays |= {f"bias_{index}": layer.bias for index, layer in enumerate(layers)}
    np.savez(path, allow_pickle=False, **arrays)


def load_layers(path: Path) -> tuple[Layer, ...]:
    """Read what `save_layers` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        count = len(arrays.files) // 2
        return tuple(
            Layer(arrays[f"kernel_{index}"], arrays[f"bias_{index}"], relu=index < count - 1)
            for index in range(count)
        )


def reference_outputs(layers: Sequence[Layer], inputs: FloatArray) -> npt.NDArray[np.float64]:
    """Return what the network means, in double precision: [batch, outputs]."""
    values = inputs.astype(np.float64)
    for layer in layers:
        values = values @ layer.kernel.astype(np.float64) + layer.bias
        if layer.relu:
            values = np.maximum(values, 0)
    return values
