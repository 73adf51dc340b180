"""Probe inputs: what a pruned model is compared on. Deterministic, of several distributions and magnitudes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from graph.graph import Graph, Input
from graph.tensor_type import DType
from pruning.lossless.options import InputRange

Arrays = Mapping[str, np.ndarray[Any, np.dtype[Any]]]

_SEED = 20170403
_MAX_ELEMENTS_PER_SET = 8_000_000
_FLOATS = (DType.FLOAT16, DType.FLOAT32, DType.FLOAT64)


@dataclass(frozen=True, slots=True)
class ProbeSet:
    """Samples of one kind.

    Attributes:
        name: the distribution, for reports.
        inputs: arrays (samples, *sample shape) of the declared dtypes, by input name.
    """

    name: str
    inputs: Arrays

    @property
    def samples(self) -> int:
        """How many."""
        return len(next(iter(self.inputs.values())))

    @property
    def is_ordinary(self) -> bool:
        """Whether its numbers are of the size that models are fed with: their outputs tell an output's scale."""
        return self.name in _ORDINARY


def most_samples(graph: Graph) -> int:
    """Return how many samples are computed at once.

    The interpreter keeps every value of a set in memory, so the largest value decides, not the largest input.
    """
    largest = max(kind.sample_size for kind in graph.value_types().values())
    return max(1, _MAX_ELEMENTS_PER_SET // largest)


def probe_sets(
    graph: Graph, ranges: Mapping[str, InputRange], samples: Arrays | None = None
) -> tuple[ProbeSet, ...]:
    """Make the probe sets of a graph.

    Zeros, ones, one-hot samples, normal numbers of three sizes, uniform numbers (over the declared range where there
    is one), and large numbers; every value is brought into the declared range and into its dtype.

    Args:
        graph: verified, with fixed sample shapes.
        ranges: declared ranges by input name; "" stands for every input without its own.
        samples: calibration samples by input name, used as they are.
    """
    room = most_samples(graph)
    made = [
        ProbeSet(
            name,
            {
                given.name: _fit(_draw(name, given, min(count, room)), given, ranges)
                for given in graph.inputs
            },
        )
        for name, count in _COUNTS.items()
    ]
    if samples is not None:
        made.append(
            ProbeSet("calibration", {name: a[: min(room, 256)] for name, a in samples.items()})
        )
    return tuple(made)


_ORDINARY = frozenset({"ones", "one-hot", "normal", "uniform", "calibration"})
_COUNTS = {
    "zeros": 1,
    "ones": 1,
    "one-hot": 32,
    "normal": 32,
    "normal / 100": 8,
    "normal * 100": 8,
    "uniform": 32,
    "large": 8,
}
_SCALES = {"normal": 1.0, "normal / 100": 0.01, "normal * 100": 100.0, "large": 5000.0}


def _draw(kind: str, given: Input, count: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Samples of one distribution; the seed depends on the distribution and the input, not on the order of calls."""
    shape = (count, *given.type.static_sample_shape)
    rng = np.random.default_rng([_SEED, *f"{kind}/{given.name}".encode()])
    if kind == "zeros":
        return np.zeros(shape)
    if kind == "ones":
        return np.ones(shape)
    if kind == "uniform":
        return rng.random(shape)
    if kind == "one-hot":
        hot = np.zeros((count, given.type.sample_size))
        hot[np.arange(count), rng.integers(given.type.sample_size, size=count)] = 1.0
        return hot.reshape(shape)
    return rng.standard_normal(shape) * _SCALES[kind]


def _fit(
    values: np.ndarray[Any, np.dtype[np.float64]], given: Input, ranges: Mapping[str, InputRange]
) -> np.ndarray[Any, np.dtype[Any]]:
    """Bring numbers into the declared range (stretching [0, 1] to it) and into the dtype."""
    declared = ranges.get(given.name, ranges.get(""))
    if declared is not None:
        if values.min(initial=0.0) >= 0.0 and values.max(initial=0.0) <= 1.0:
            values = declared.low + values * (declared.high - declared.low)
        values = np.clip(values, declared.low, declared.high)
    dtype = given.type.dtype
    if dtype in _FLOATS:
        return values.astype(dtype.numpy)
    if dtype is DType.BOOL:
        return values > 0.5
    if declared is not None:
        return _whole(values, declared, dtype)
    if values.max(initial=0.0) <= 1.0:
        values = values * 100.0
    low = 0.0 if dtype.value.startswith("u") else -127.0
    return np.clip(np.rint(values), low, 127.0).astype(dtype.numpy)


def _whole(
    values: np.ndarray[Any, np.dtype[np.float64]], declared: InputRange, dtype: DType
) -> np.ndarray[Any, np.dtype[Any]]:
    """Round to integers of the dtype within a declared range, or next to it where it holds none."""
    info = np.iinfo(dtype.value)
    low, high = np.ceil(declared.low), np.floor(declared.high)
    if low > high:
        low = high = np.rint(declared.low)
    # Integers of 64 bits are cut at 2^53, up to which float64 holds each of them.
    low, high = (min(max(end, info.min, -(2.0**53)), info.max, 2.0**53) for end in (low, high))
    return np.clip(np.rint(values), low, high).astype(dtype.numpy)
