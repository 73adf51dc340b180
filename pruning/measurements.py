"""What the engine measures and the caller hands to the report: plain data, for pruning does not know the engine."""

from dataclasses import dataclass

from pruning.claims import Claim, Spread, Verdict, claim_of

# The row of a call that stands for all of it but its layers with kernels.
EVERYTHING_ELSE = "everything else"


@dataclass(frozen=True, slots=True)
class LayerTiming:
    """One layer with a kernel inside whole calls of one batch size, or everything else in them.

    Attributes:
        node: name of the node; it is the same in the original and in the pruned graph.
        batch: samples of the call.
        kernel: the served layer's symbol; empty where there is none.
        seconds: the time of the layer in the model as it is served; None if the layer is gone.
        dense_seconds: the time of the original's layer by a dense kernel; None if the original has no layer of the
            name.
    """

    node: str
    batch: int
    kernel: str
    seconds: float | None
    dense_seconds: float | None


@dataclass(frozen=True, slots=True)
class Latency:
    """Processor time of whole calls of one batch size, the Python side included: sparse (as served) beside dense.

    Dense is the original model with zeros for its subnormal weights, by dense kernels of the same engine.

    Attributes:
        batch: samples of a call.
        dense_seconds: median.
        seconds: median of the model as it is served.
        dense_low_seconds: 10th percentile.
        dense_high_seconds: 90th percentile.
        low_seconds: 10th percentile of the model as it is served.
        high_seconds: its 90th percentile.
        readings: how many readings of each were taken, in turn.
        verdict: what may be said.
        speedup: how many times as fast the served model is; 1 where both run the same code, None where the readings
            show no difference.
    """

    batch: int
    dense_seconds: float
    seconds: float
    dense_low_seconds: float
    dense_high_seconds: float
    low_seconds: float
    high_seconds: float
    readings: int
    verdict: Verdict
    speedup: float | None

    @property
    def claim(self) -> Claim:
        """What may be said, and by how much."""
        return Claim(self.verdict, self.speedup)


def latency(batch: int, dense: Spread, own: Spread, *, same_code: bool) -> Latency:
    """Judge calls of a batch size; see `pruning.claims.claim_of`."""
    claim = claim_of(dense, own, same_code=same_code)
    return Latency(
        batch,
        dense.median_seconds,
        own.median_seconds,
        dense.low_seconds,
        dense.high_seconds,
        own.low_seconds,
        own.high_seconds,
        min(dense.count, own.count),
        claim.verdict,
        claim.ratio,
    )


@dataclass(frozen=True, slots=True)
class SubnormalCost:
    """What the original's subnormal numbers cost on this host where they are not flushed to zero.

    Attributes:
        weights: how many weights of the original are subnormal.
        batch: samples of the calls that were timed.
        times: how many times as long the original takes, by dense kernels; None where the readings show no difference.
    """

    weights: int
    batch: int
    times: float | None


@dataclass(frozen=True, slots=True)
class EngineMeasurements:
    """What the engine measured on this host; filled by the caller, for pruning does not know the engine.

    Attributes:
        cpu: name of the processor.
        isa: instruction set of the chosen kernels.
        threads: threads per call.
        layers: the times by batch and layer; those of a batch add up to its call.
        latency: the times of whole calls, by batch.
        resident_bytes: memory of the served program: weights and arenas.
        dense_resident_bytes: the same for the original if it is served dense, or None.
        artifact_bytes: size of the artifact file.
        subnormals: what they cost where they are not flushed; None where the original has none.
        keeps_subnormals: whether they are kept while serving.
        weight_type: what weights are stored as.
        against_float32: with 16-bit weights, the comparison by batch with the pruned model in float32 instead of the
            dense one.
    """

    cpu: str
    isa: str
    threads: int
    layers: tuple[LayerTiming, ...]
    latency: tuple[Latency, ...]
    resident_bytes: int
    dense_resident_bytes: int | None
    artifact_bytes: int
    subnormals: SubnormalCost | None = None
    keeps_subnormals: bool = False
    weight_type: str = "float32"
    against_float32: tuple[Latency, ...] = ()


@dataclass(frozen=True, slots=True)
class FileSizes:
    """Bytes of the uploaded file and of the pruned `.keras`."""

    uploaded_bytes: int
    keras_bytes: int | None
