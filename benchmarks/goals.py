"""The goals of the engine against its peers, and whether a grid meets them; all with two threads.

Perceptrons are judged at 95 % zeros, networks of images and of sequences at their own sparsity, and dense.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.contenders import OWN
from benchmarks.images.cases import CASES
from benchmarks.networks import NETWORKS, Network
from benchmarks.results import Grid, Place, Timing
from benchmarks.sequences.cases import SEQUENCE_CASES
from benchmarks.sequences.network import TRANSFORMER

SPARSITY, THREADS = 0.95, 2
ALL = tuple(network.name for network in NETWORKS)


@dataclass(frozen=True, slots=True)
class RatioGoal:
    """`peer` shall take at least `factor` times as long as Prunus."""

    peer: str
    network: str
    batch: int
    factor: float
    sparsity: float = SPARSITY


@dataclass(frozen=True, slots=True)
class TimeGoal:
    """A call of Prunus shall take at most so many microseconds."""

    network: str
    batch: int
    microseconds: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """A goal and what was measured; `measured` is None where nothing was, and then the goal is not met.

    Attributes:
        subject: Whom it is about.
        network: Name.
        batch: Samples a call.
        goal: A factor, or microseconds.
        measured: In the goal's unit.
        met: Whether it is.
        rate: Billions of useful operations a second, two for each non-zero and sample; None where not measured.
        run: Name of the run that measured it.
    """

    subject: str
    network: str
    batch: int
    goal: float
    measured: float | None
    met: bool
    rate: float | None = None
    run: str | None = None


RATIO_GOALS = (
    *(
        RatioGoal("DeepSparse", network, batch, factor)
        for network in ALL
        for batch, factor in ((1, 5.0), (16, 10.0), (64, 2.5), (256, 2.5))
    ),
    *(RatioGoal("ONNX Runtime", network, batch, 10.0) for network in ALL[1:] for batch in (1, 64)),
)
_SPARSE_IMAGES = (("ResNet-50", 0.9, 6.0), ("MobileNetV2", 0.85, 5.0))
# Dense: at most 1.1 times as long as ONNX Runtime.
_DENSE_FACTOR = 1 / 1.1
IMAGE_GOALS = (
    *(
        RatioGoal("DeepSparse", network, batch, 2.0, sparsity)
        for network, sparsity, _ in _SPARSE_IMAGES
        for batch in (1, 16)
    ),
    *(
        RatioGoal("ONNX Runtime", network, batch, factor, sparsity)
        for network, sparsity, factor in _SPARSE_IMAGES
        for batch in (1, 16)
    ),
    *(
        RatioGoal("ONNX Runtime", case.description.name, batch, _DENSE_FACTOR, 0.0)
        for case in CASES
        if not case.sparsity
        for batch in (1, 16)
    ),
)
SEQUENCE_GOALS = tuple(
    RatioGoal(
        "ONNX Runtime",
        case.description.name,
        batch,
        _DENSE_FACTOR
        if not case.sparsity
        else 3.0
        if case.description.cell == TRANSFORMER
        else 4.0,
        case.sparsity,
    )
    for case in SEQUENCE_CASES
    for batch in (1, 16)
)
TIME_GOALS = tuple(
    TimeGoal(network, batch, microseconds)
    for network, times in zip(
        ALL, ((5, 9, 16, 60), (20, 55, 130, 520), (230, 700, 1700, 6800)), strict=True
    )
    for batch, microseconds in zip((1, 16, 64, 256), times, strict=True)
)


def judge_ratios(
    grid: Grid, goals: Sequence[RatioGoal] = RATIO_GOALS, cpu: str = ""
) -> list[Verdict]:
    """Return what became of each goal against a peer, for networks of images on one kind of CPU."""
    verdicts = []
    for goal in goals:
        place = Place(goal.network, goal.sparsity, THREADS, goal.batch, cpu)
        outcome = grid.get(place, {}).get(goal.peer)
        ratio = outcome.ratio if isinstance(outcome, Timing) else None
        met = ratio is not None and ratio >= goal.factor
        verdicts.append(Verdict(goal.peer, goal.network, goal.batch, goal.factor, ratio, met))
    return verdicts


def judge_times(grid: Grid, goals: Sequence[TimeGoal] = TIME_GOALS) -> list[Verdict]:
    """Return what became of each goal of Prunus alone."""
    verdicts = []
    for goal in goals:
        outcome = grid.get(Place(goal.network, SPARSITY, THREADS, goal.batch), {}).get(OWN)
        time = outcome.cell.median if isinstance(outcome, Timing) else None
        met = time is not None and time <= goal.microseconds
        rate = operations(goal.network, goal.batch) / time / 1e3 if time else None
        run = outcome.run if outcome else None
        verdicts.append(
            Verdict(OWN, goal.network, goal.batch, goal.microseconds, time, met, rate, run)
        )
    return verdicts


def operations(network: str, batch: int) -> int:
    """Return the useful operations of a call at the goals' sparsity: a product and a sum a non-zero and sample."""
    widths = tuple(int(width) for width in network.split("-"))
    return 2 * Network(widths).nonzeros(SPARSITY) * batch
