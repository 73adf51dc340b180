"""What is known and counted of one model version, in plain numbers; `app.core.metrics` turns them into samples.

The figures of a prediction are kept as they are and sorted into buckets a few hundred at a time, by NumPy: that costs a
tenth of what it costs one by one.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate

import numpy as np
import numpy.typing as npt
from prometheus_client.utils import floatToGoString

PHASES = ("decode", "queue", "compute", "encode", "total")
# 10 us to 7.4 s, each 1.8 times the one before: a sparse network can take a few microseconds.
DURATION_BUCKETS_SECONDS = tuple(float(f"{1e-5 * 1.8**k:.2g}") for k in range(24))
BATCH_BUCKETS_SAMPLES = tuple(float(2**k) for k in range(14))
_KEPT_MAX_PREDICTIONS = 256


class HistogramCell:
    """Counts per bucket and the sum of what was observed, for one set of label values."""

    __slots__ = ("_bounds", "_counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = np.asarray(bounds)
        self._counts = np.zeros(len(bounds) + 1, np.int64)
        self.sum = 0.0

    def observe(self, values: npt.NDArray[np.float64]) -> None:
        """Count each of `values` in the first bucket whose upper bound is not below it."""
        places = self._bounds.searchsorted(values, side="left")
        self._counts += np.bincount(places, minlength=len(self._counts))
        self.sum += float(values.sum())

    def cumulative(self) -> list[tuple[str, float]]:
        """Return (upper bound, count of values up to it), the last bound being +Inf."""
        names = [*map(floatToGoString, self._bounds.tolist()), "+Inf"]
        return list(zip(names, map(float, accumulate(self._counts.tolist())), strict=True))


@dataclass(frozen=True, slots=True)
class LayerNumbers:
    """What is known of one layer since it was compiled."""

    layer: str
    sparsity: float
    nonzeros: int
    dense_bytes: int
    sparse_bytes: int


@dataclass(frozen=True, slots=True)
class ModelNumbers:
    """What is known of a model version since it was compiled.

    Attributes:
        speedups: dense time over sparse time by batch size, measured when the model was uploaded: 1 where both run the
            same code, and no entry where the readings showed no difference.
        latencies_seconds: measured time of one call by (batch size, "dense" or "sparse").
        tuned_here: whether kernels were timed on a CPU of this kind, for as many threads.
        accuracies: share of right answers on the labelled samples of the upload, by "before" and "after".
        agreement: share of the upload's samples that the version answers as the original does; None without samples.
    """

    sparsity: float
    nonzeros: int
    dense_bytes: int
    sparse_bytes: int
    resident_bytes: int
    layers: tuple[LayerNumbers, ...] = ()
    speedups: Mapping[int, float] = field(default_factory=dict)
    latencies_seconds: Mapping[tuple[int, str], float] = field(default_factory=dict)
    tuned_here: bool = True
    accuracies: Mapping[str, float] = field(default_factory=dict)
    agreement: float | None = None


class ModelSeries:
    """The counters of one model version; only the event loop adds to them."""

    __slots__ = (
        "_lock",
        "_recent",
        "batches",
        "failures",
        "is_active",
        "labels",
        "numbers",
        "phases",
        "samples",
    )

    def __init__(self, name: str, version_number: int, numbers: ModelNumbers) -> None:
        self.labels = (name, str(version_number))
        self.numbers = numbers
        self.is_active = True
        self.phases = tuple(HistogramCell(DURATION_BUCKETS_SECONDS) for _ in PHASES)
        self.batches = HistogramCell(BATCH_BUCKETS_SAMPLES)
        self.samples = 0
        self.failures: dict[str, int] = {}
        # (samples, seconds of each phase but the total), in the order in which they were answered.
        self._recent: list[tuple[float, ...]] = []
        self._lock = threading.Lock()

    def observe(
        self, samples: int, decode: float, queue: float, compute: float, encode: float
    ) -> None:
        """Count one answered prediction: its samples, and the seconds of its phases."""
        self._recent.append((samples, decode, queue, compute, encode))
        if len(self._recent) >= _KEPT_MAX_PREDICTIONS:
            self.settle()

    def settle(self) -> None:
        """Sort what was observed since the last time into the histograms; in any thread."""
        with self._lock:
            # What is added meanwhile comes behind, and stays for the next time.
            rows = np.array(self._recent, np.float64).reshape(-1, len(PHASES))
            del self._recent[: len(rows)]
            seconds = rows[:, 1:]
            for cell, values in zip(self.phases, (*seconds.T, seconds.sum(axis=1)), strict=True):
                cell.observe(values)
            self.batches.observe(rows[:, 0])
            self.samples += int(rows[:, 0].sum())

    def fail(self, reason: str) -> None:
        """Count one refused prediction; `reason` is the slug of the problem."""
        self.failures[reason] = self.failures.get(reason, 0) + 1
