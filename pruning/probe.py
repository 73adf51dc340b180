"""Probe inputs: what a pruned model is compared on. Deterministic, of several distributions and magnitudes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graph.batches import operations
from graph.front import run_front, types_of
from graph.front_samples import is_drawn, sample
from graph.graph import Front, Graph, Input
from graph.index_inputs import Limits, index_limits
from graph.tensor_type import DType, TensorType
from pruning.lossless.options import InputRange

Arrays = Mapping[str, np.ndarray[Any, np.dtype[Any]]]

_SEED = 20170403
# What is computed on all probe sets together, in `graph.batches.operations`, by each computation of the graph: a second
# or two in float64 on one core. No network has fewer samples of a set than one, or fewer sets than `_LEAST`.
_MAX_OPERATIONS = 2 * 10**10
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


def probe_sets(
    graph: Graph, ranges: Mapping[str, InputRange], samples: Arrays | None = None
) -> tuple[ProbeSet, ...]:
    """Make the probe sets of a graph.

    Zeros, ones, one-hot samples, normal numbers of three sizes, uniform numbers (over the declared range where there
    is one), and large numbers; every value is brought into the declared range and into its dtype, and an element that
    is an index of an embedding is drawn among those that there are. A network that takes long to compute gets fewer
    samples of each set, and a very large one only the sets of `_LEAST`: what is proven does not rest on them, and one
    sample of an image network goes through each of its weights thousands of times.

    Args:
        graph: verified, with fixed sample shapes.
        ranges: declared ranges by input name; "" stands for every input without its own.
        samples: calibration samples by input name, used as they are.
    """
    most = max(1, _MAX_OPERATIONS // operations(graph))
    limits = index_limits(graph, computed=True)
    made = [
        ProbeSet(name, _drawn(graph, name, count, ranges, limits))
        for name, count in _counts(most).items()
    ]
    if samples is not None:
        count = min(_CALIBRATION_SAMPLES, max(most, len(_LEAST)))
        made.append(ProbeSet("calibration", {name: a[:count] for name, a in samples.items()}))
    return tuple(made)


def _drawn(
    graph: Graph,
    kind: str,
    count: int,
    ranges: Mapping[str, InputRange],
    limits: Mapping[str, Limits],
) -> Arrays:
    """Return samples of one kind for the network's inputs; those of a front part are made from texts and numbers."""
    front = graph.front
    length = None if front is None else _varying_length(front, graph.inputs)
    public = {}
    for one in graph.public_inputs:
        if front is not None and is_drawn(front, one):
            rng = _generator(kind, one)
            public[one.name] = sample(front, one, kind, count, rng, length)
        else:
            given = _at_length(one, length)
            fitted = _fit(_draw(kind, given, count), given, ranges)
            public[one.name] = _indexed(fitted, kind, given, limits)
    if front is None:
        return public
    return run_front(front, public, [given.name for given in graph.inputs])


def _varying_length(front: Front, inputs: Sequence[Input]) -> int | None:
    """Return the length that the network has in place of an axis that varies in the front part, or None."""
    types = types_of(front)
    pairs = [
        (length, own)
        for one in inputs
        for length, own in zip(types[one.name].shape[1:], one.type.shape[1:], strict=True)
    ]
    return next((own for length, own in pairs if length is None), None)


def _at_length(given: Input, length: int | None) -> Input:
    """Return an input with a length in place of axes that vary."""
    shape = (length or 1 if axis is None else axis for axis in given.type.sample_shape)
    return Input(given.name, TensorType(given.type.dtype, (None, *shape)))


def _counts(most: int) -> Mapping[str, int]:
    """Return how many samples each set has if there is time for so many in all."""
    total = sum(_COUNTS.values())
    if most < len(_COUNTS):
        return dict.fromkeys(_LEAST, 1)
    return {name: max(1, min(count, count * most // total)) for name, count in _COUNTS.items()}


def grouped(sets: Sequence[ProbeSet], most: int) -> Iterator[tuple[ProbeSet, ...]]:
    """Yield groups of sets, or of parts of sets, that are computed together: at most so many samples each, in order.

    Small sets share a group, for the interpreter converts all weights for every batch.
    """
    group: list[ProbeSet] = []
    room = most
    for one in sets:
        first = 0
        while first < one.samples:
            part = {name: array[first : first + room] for name, array in one.inputs.items()}
            group.append(ProbeSet(one.name, part))
            first += group[-1].samples
            room -= group[-1].samples
            if room == 0:
                yield tuple(group)
                group, room = [], most
    if group:
        yield tuple(group)


def joined(sets: Sequence[ProbeSet]) -> Arrays:
    """Put the samples of sets behind one another."""
    return {
        name: np.concatenate([one.inputs[name] for one in sets]) if len(sets) > 1 else first
        for name, first in sets[0].inputs.items()
    }


def one_of_each(sets: Sequence[ProbeSet]) -> Arrays:
    """Return the first sample of every set, one behind the other."""
    first = [ProbeSet(one.name, {name: a[:1] for name, a in one.inputs.items()}) for one in sets]
    return joined(first)


def rows_of(sets: Sequence[ProbeSet]) -> Iterator[tuple[ProbeSet, slice]]:
    """Yield each set with the place of its samples in what `joined` returns."""
    start = 0
    for one in sets:
        yield one, slice(start, start + one.samples)
        start += one.samples


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
_LEAST = ("normal", "uniform", "large")
_CALIBRATION_SAMPLES = 256
_SCALES = {"normal": 1.0, "normal / 100": 0.01, "normal * 100": 100.0, "large": 5000.0}


def _draw(kind: str, given: Input, count: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Samples of one distribution; the seed depends on the distribution and the input, not on the order of calls."""
    shape = (count, *given.type.static_sample_shape)
    rng = _generator(kind, given)
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


def _generator(kind: str, given: Input) -> np.random.Generator:
    return np.random.default_rng([_SEED, *f"{kind}/{given.name}".encode()])


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


def _indexed(
    values: np.ndarray[Any, np.dtype[Any]],
    kind: str,
    given: Input,
    limits: Mapping[str, Limits],
) -> np.ndarray[Any, np.dtype[Any]]:
    """Bring elements that are indices of embeddings below their limits: 0 where they were 0, else any index."""
    if given.name not in limits:
        return values
    limit = limits[given.name]
    rng = np.random.default_rng([_SEED, *f"indices/{kind}/{given.name}".encode()])
    drawn = np.floor(rng.random(values.shape) * np.where(np.isinf(limit), 1.0, limit))
    indices = np.where(values == 0, 0, drawn)
    return np.where(np.isinf(limit), values, indices).astype(values.dtype)


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
