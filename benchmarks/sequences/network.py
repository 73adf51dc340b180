"""Networks of one recurrent layer, described once for every engine, with their weights; NumPy only.

The weights are Keras' own: gates i, f, c, o of an LSTM, z, r, h of a GRU that resets behind its product.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
_DOCUMENT = "description"
GATES: Mapping[str, int] = {"lstm": 4, "gru": 3}


@dataclass(frozen=True, slots=True)
class Description:
    """A network without its weights: [batch, times, features] to the last output, [batch, units].

    Attributes:
        name: Shown.
        cell: "lstm" or "gru".
        units: Numbers of the state.
        features: Numbers that come in at each step of time.
        times: Steps of time.
    """

    name: str
    cell: str
    units: int
    features: int = 64
    times: int = 100

    @property
    def columns(self) -> int:
        """Columns of the kernels."""
        return GATES[self.cell] * self.units

    @property
    def sample_shape(self) -> tuple[int, int]:
        """Return the shape of a sample."""
        return (self.times, self.features)


@dataclass(frozen=True, slots=True)
class WeightedSequence:
    """A network with its weights.

    Attributes:
        description: What it computes.
        kernel: [features, gates * units].
        recurrent: [units, gates * units].
        bias: [gates * units]; of a GRU [2, gates * units]: for what comes in, and for the state.
    """

    description: Description
    kernel: FloatArray
    recurrent: FloatArray
    bias: FloatArray


def random_sequence(description: Description, sparsity: float, seed: int) -> WeightedSequence:
    """Return a network whose kernels have exactly `round(sparsity * size)` zeros at random places.

    The others are normal with variance 1 / (kept inputs).
    """
    generator = np.random.default_rng(seed)

    def kernel(inputs: int) -> FloatArray:
        size = inputs * description.columns
        kept = size - round(sparsity * size)
        array = np.zeros(size, np.float32)
        scale = np.float32(np.sqrt(1 / (inputs * (1 - sparsity))))
        array[generator.permutation(size)[:kept]] = (
            generator.standard_normal(kept, np.float32) * scale
        )
        return array.reshape(inputs, description.columns)

    shape = (2, description.columns) if description.cell == "gru" else (description.columns,)
    bias = generator.standard_normal(shape, np.float32) * np.float32(0.1)
    return WeightedSequence(
        description, kernel(description.features), kernel(description.units), bias
    )


def save_sequence(network: WeightedSequence, path: Path) -> None:
    """Write a network as one .npz file."""
    document = np.array(json.dumps(asdict(network.description)))
    np.savez(
        path,
        allow_pickle=False,
        kernel=network.kernel,
        recurrent=network.recurrent,
        bias=network.bias,
        **{_DOCUMENT: document},
    )


def load_sequence(path: Path) -> WeightedSequence:
    """Read what `save_sequence` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        description = Description(**json.loads(str(arrays[_DOCUMENT])))
        return WeightedSequence(description, arrays["kernel"], arrays["recurrent"], arrays["bias"])


def in_order(array: FloatArray, units: int, order: str, gates: str) -> FloatArray:
    """Return the last axis with its gates, one letter each in Keras' order, in another order."""
    runs = [
        array[..., gates.index(gate) * units : (gates.index(gate) + 1) * units] for gate in order
    ]
    return np.concatenate(runs, axis=-1)
