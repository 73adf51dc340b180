"""Time all contenders on networks that have a name, of images or of sequences; see `benchmarks.side_by_side`.

What differs between the kinds is how a network is written down and what it is fed with: a function of its case.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from benchmarks.protocol import Contender
from benchmarks.results import Outcome, Place
from benchmarks.side_by_side import Effort, Field, Trial, line_of, measure_trial


class Named(Protocol):
    """Something with a name."""

    @property
    def name(self) -> str:
        """Return it."""


class NamedCase(Protocol):
    """A network, and the fraction of zeros in its kernels."""

    @property
    def description(self) -> Named:
        """Return what the network is."""

    @property
    def sparsity(self) -> float:
        """Return the fraction of zeros, in [0, 1)."""


CaseT = TypeVar("CaseT", bound=NamedCase)


@dataclass(frozen=True, slots=True)
class NamedPlan(Generic[CaseT]):
    """What to run; see `benchmarks.side_by_side.Plan`. `cpu` is the kind of CPU."""

    cases: Sequence[CaseT]
    batches: Sequence[int]
    contenders: Sequence[Contender]
    threads: int
    effort: Effort
    run: str
    cpu: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """A case that is written down.

    Attributes:
        arguments: what workers load the network by.
        trial: writes the inputs of a batch size, and says what is expected of them.
    """

    arguments: dict[str, str]
    trial: Callable[[int], Trial]


def run_named(
    plan: NamedPlan[CaseT],
    folder: Path,
    say: Callable[[str], None],
    prepare: Callable[[CaseT, Path], Prepared],
) -> Iterator[dict[Place, dict[str, Outcome]]]:
    """Run the plan; yield the places of one case as they are done.

    Args:
        plan: What to run.
        folder: Where weights, inputs, outputs and the workers' logs go; some hundred megabytes.
        say: Gets a line of progress now and then.
        prepare: Writes a case into the folder.

    Raises:
        WorkerError: Prunus failed, or its outputs differ from the reference.
    """
    for case in plan.cases:
        name = case.description.name
        say(f"{name}, {case.sparsity:.0%} zeros, {plan.threads} threads")
        # New workers for each network: what the last one left behind takes no memory.
        with Field(plan.contenders, folder) as field:
            prepared = prepare(case, folder)
            field.load(name, prepared.arguments, say)
            done: dict[Place, dict[str, Outcome]] = {}
            for batch in plan.batches:
                outcomes = measure_trial(field, prepared.trial(batch), plan.effort, plan.run)
                done[Place(name, case.sparsity, plan.threads, batch, plan.cpu)] = outcomes
                say(f"  batch {batch}: {line_of(outcomes)}")
            yield done
