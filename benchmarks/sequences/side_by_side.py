"""Time all contenders on networks of sequences in one run, taking turns; see `benchmarks.side_by_side`."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.protocol import Contender
from benchmarks.results import Outcome, Place
from benchmarks.sequences.cases import SequenceCase
from benchmarks.sequences.network import random_sequence, save_sequence
from benchmarks.sequences.prunus_graph import reference_outputs
from benchmarks.side_by_side import SEED, Effort, Field, Trial, line_of, measure_trial


@dataclass(frozen=True, slots=True)
class SequencePlan:
    """What to run; see `benchmarks.side_by_side.Plan`. `cpu` is the kind of CPU."""

    cases: Sequence[SequenceCase]
    batches: Sequence[int]
    contenders: Sequence[Contender]
    threads: int
    effort: Effort
    run: str
    cpu: str


def run_sequences_side_by_side(
    plan: SequencePlan, folder: Path, say: Callable[[str], None]
) -> Iterator[dict[Place, dict[str, Outcome]]]:
    """Run the plan; yield the places of one case as they are done.

    Args:
        plan: What to run.
        folder: Where weights, inputs, outputs and the workers' logs go.
        say: Gets a line of progress now and then.

    Raises:
        WorkerError: Prunus failed, or its outputs differ from the reference.
    """
    for case in plan.cases:
        say(f"{case.description.name}, {case.sparsity:.0%} zeros, {plan.threads} threads")
        # New workers for each network: what the last one left behind takes no memory.
        with Field(plan.contenders, folder) as field:
            yield _run_case(plan, field, case, folder, say)


def _run_case(
    plan: SequencePlan, field: Field, case: SequenceCase, folder: Path, say: Callable[[str], None]
) -> dict[Place, dict[str, Outcome]]:
    network = random_sequence(case.description, case.sparsity, SEED)
    save_sequence(network, folder / "network.npz")
    name = case.description.name
    field.load(name, {"sequence": str(folder / "network.npz")}, say)
    done: dict[Place, dict[str, Outcome]] = {}
    for batch in plan.batches:
        generator = np.random.default_rng(SEED + batch)
        inputs = generator.standard_normal((batch, *case.description.sample_shape), np.float32)
        np.save(folder / "inputs.npy", inputs, allow_pickle=False)
        expected = reference_outputs(network, inputs)
        trial = Trial(folder / "inputs.npy", folder / "outputs.npy", expected)
        outcomes = measure_trial(field, trial, plan.effort, plan.run)
        done[Place(name, case.sparsity, plan.threads, batch, plan.cpu)] = outcomes
        say(f"  batch {batch}: {line_of(outcomes)}")
    return done
