"""What the engine measures and the caller hands to the report: plain data, for pruning does not know the engine."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LayerTiming:
    """One layer of the served program in one tile width.

    Attributes:
        node: name of the node in the pruned graph.
        batch: samples per tile.
        kernel: the chosen kernel's symbol.
        seconds: median time of the chosen kernel.
        dense_seconds: median time of the fastest dense kernel for the same layer, or None.
    """

    node: str
    batch: int
    kernel: str
    seconds: float
    dense_seconds: float | None


@dataclass(frozen=True, slots=True)
class Latency:
    """Median processor time of a whole call: the original model served dense, and the pruned one as served."""

    batch: int
    dense_seconds: float
    seconds: float

    @property
    def speedup(self) -> float:
        """How many times faster; infinite if the clock saw no time."""
        return self.dense_seconds / self.seconds if self.seconds else math.inf


@dataclass(frozen=True, slots=True)
class EngineMeasurements:
    """What the engine measured on this host; filled by the caller, for pruning does not know the engine.

    Attributes:
        cpu: name of the processor.
        isa: instruction set of the chosen kernels.
        threads: threads per call.
        layers: by layer and batch.
        latency: by batch.
        resident_bytes: memory of the served program: weights and arenas.
        dense_resident_bytes: the same for the original served dense, or None.
        artifact_bytes: size of the artifact file.
    """

    cpu: str
    isa: str
    threads: int
    layers: tuple[LayerTiming, ...]
    latency: tuple[Latency, ...]
    resident_bytes: int
    dense_resident_bytes: int | None
    artifact_bytes: int


@dataclass(frozen=True, slots=True)
class FileSizes:
    """Bytes of the uploaded file and of the pruned `.keras`."""

    uploaded_bytes: int
    keras_bytes: int | None
