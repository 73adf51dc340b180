"""Networks of sequences, described once for every engine, with their weights; NumPy only.

Weights of recurrent layers are Keras' own: gates i, f, c, o of an LSTM; z, r, h of a GRU that resets behind its
product. A transformer block is attention of `HEADS` heads and two Dense layers, relu between them, each with what it
reads added to its result and normalized behind (Vaswani et al., 2017, section 3.1).
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
TRANSFORMER = "transformer"
HEADS = 4
# The hidden layer of a block is so many times as wide as the block.
WIDER = 4
EPSILON = 1e-3


@dataclass(frozen=True, slots=True)
class Description:
    """A network without its weights: [batch, times, features] to the last output, [batch, units].

    Of a transformer block to [batch, times, units].

    Attributes:
        name: Shown.
        cell: "lstm", "gru" or "transformer".
        units: Numbers of the state, or of a token.
        features: Numbers that come in at each step of time.
        times: Steps of time, or tokens.
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
        weights: By name. Of a recurrent layer `kernel` [features, gates * units], `recurrent` [units, gates * units],
            `bias` [gates * units]; of a GRU [2, gates * units]: for what comes in, and for the state. Of a transformer
            block `NAME/kernel` [inputs, outputs] and `NAME/bias` of the layers query, key, value, out, wide, narrow,
            and `NAME/gamma` and `NAME/beta` of the normalizations first and second.
    """

    description: Description
    weights: Mapping[str, FloatArray]

    def layer(self, name: str) -> tuple[FloatArray, FloatArray]:
        """Return kernel and bias of a layer of a transformer block."""
        return self.weights[f"{name}/kernel"], self.weights[f"{name}/bias"]

    def normalization(self, name: str) -> tuple[FloatArray, FloatArray]:
        """Return gamma and beta of a normalization of a transformer block."""
        return self.weights[f"{name}/gamma"], self.weights[f"{name}/beta"]


def random_sequence(description: Description, sparsity: float, seed: int) -> WeightedSequence:
    """Return a network whose kernels have exactly `round(sparsity * size)` zeros at random places.

    The others are normal with variance 1 / (kept inputs).
    """
    generator = np.random.default_rng(seed)

    def kernel(inputs: int, columns: int) -> FloatArray:
        size = inputs * columns
        kept = size - round(sparsity * size)
        array = np.zeros(size, np.float32)
        scale = np.float32(np.sqrt(1 / (inputs * (1 - sparsity))))
        array[generator.permutation(size)[:kept]] = (
            generator.standard_normal(kept, np.float32) * scale
        )
        return array.reshape(inputs, columns)

    def vector(*shape: int) -> FloatArray:
        return generator.standard_normal(shape, np.float32) * np.float32(0.1)

    units = description.units
    if description.cell == TRANSFORMER:
        sizes = dict.fromkeys(("query", "key", "value", "out"), (units, units))
        sizes |= {"wide": (units, WIDER * units), "narrow": (WIDER * units, units)}
        weights = {f"{name}/kernel": kernel(*size) for name, size in sizes.items()}
        weights |= {f"{name}/bias": vector(size[1]) for name, size in sizes.items()}
        for name in ("first", "second"):
            weights |= {f"{name}/gamma": 1 + vector(units), f"{name}/beta": vector(units)}
        return WeightedSequence(description, weights)
    columns = description.columns
    weights = {
        "kernel": kernel(description.features, columns),
        "recurrent": kernel(units, columns),
        "bias": vector(2, columns) if description.cell == "gru" else vector(columns),
    }
    return WeightedSequence(description, weights)


def save_sequence(network: WeightedSequence, path: Path) -> None:
    """Write a network as one .npz file."""
    document = np.array(json.dumps(asdict(network.description)))
    np.savez(path, allow_pickle=False, **{_DOCUMENT: document}, **network.weights)


def load_sequence(path: Path) -> WeightedSequence:
    """Read what `save_sequence` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        description = Description(**json.loads(str(arrays[_DOCUMENT])))
        names = [name for name in arrays.files if name != _DOCUMENT]
        return WeightedSequence(description, {name: arrays[name] for name in names})


def in_order(array: FloatArray, units: int, order: str, gates: str) -> FloatArray:
    """Return the last axis with its gates, one letter each in Keras' order, in another order."""
    runs = [
        array[..., gates.index(gate) * units : (gates.index(gate) + 1) * units] for gate in order
    ]
    return np.concatenate(runs, axis=-1)
