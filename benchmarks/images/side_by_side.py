"""Time all contenders on networks of images and signals in one run, taking turns; see `benchmarks.side_by_side`."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.images.cases import Case
from benchmarks.images.network import FloatArray, WeightedNetwork, random_network, save_network
from benchmarks.images.prunus_graph import Reals, reference_outputs
from benchmarks.protocol import Contender
from benchmarks.results import Outcome, Place
from benchmarks.side_by_side import SEED, Effort, Field, Trial, line_of, measure_trial

# A call takes milliseconds to a second.
IMAGE_EFFORT = Effort(rounds=7, seconds=0.1, calls=1, enough=2.0)
QUICK_IMAGE_EFFORT = Effort(rounds=3, seconds=0.03, calls=1)
# The reference takes seconds a sample: batches repeat these in turn.
DISTINCT_SAMPLES = 3


@dataclass(frozen=True, slots=True)
class ImagePlan:
    """What to run; see `benchmarks.side_by_side.Plan`. `cpu` is the kind of CPU."""

    cases: Sequence[Case]
    batches: Sequence[int]
    contenders: Sequence[Contender]
    threads: int
    effort: Effort
    run: str
    cpu: str


def run_images_side_by_side(
    plan: ImagePlan, folder: Path, say: Callable[[str], None]
) -> Iterator[dict[Place, dict[str, Outcome]]]:
    """Run the plan; yield the places of one case as they are done.

    Args:
        plan: What to run.
        folder: Where weights, inputs, outputs and the workers' logs go; some hundred megabytes.
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
    plan: ImagePlan, field: Field, case: Case, folder: Path, say: Callable[[str], None]
) -> dict[Place, dict[str, Outcome]]:
    network = random_network(case.description, case.sparsity, SEED)
    save_network(network, folder / "network.npz")
    samples = _samples(case)
    expected = _cached_reference(network, case, samples, folder)
    name = case.description.name
    field.load(name, {"network": str(folder / "network.npz")}, say)
    done: dict[Place, dict[str, Outcome]] = {}
    for batch in plan.batches:
        chosen = np.arange(batch) % DISTINCT_SAMPLES
        trial = write_trial(folder, samples[chosen], expected[chosen])
        outcomes = measure_trial(field, trial, plan.effort, plan.run)
        done[Place(name, case.sparsity, plan.threads, batch, plan.cpu)] = outcomes
        say(f"  batch {batch}: {line_of(outcomes)}")
    return done


def write_trial(folder: Path, inputs: FloatArray, expected: Reals) -> Trial:
    """Write the inputs channels last, and as images with their channels first."""
    np.save(folder / "inputs.npy", inputs, allow_pickle=False)
    images = inputs[:, None] if inputs.ndim == 3 else inputs
    turned = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    np.save(folder / "inputs-first.npy", turned, allow_pickle=False)
    return Trial(
        folder / "inputs.npy", folder / "outputs.npy", expected, folder / "inputs-first.npy"
    )


def _samples(case: Case) -> FloatArray:
    generator = np.random.default_rng(SEED)
    shape = (DISTINCT_SAMPLES, *case.description.sample_shape)
    return generator.standard_normal(shape, np.float32)


def _cached_reference(
    network: WeightedNetwork, case: Case, samples: FloatArray, folder: Path
) -> Reals:
    """Return the reference, which is computed once for all numbers of threads and all runs."""
    text = f"{case} {SEED} {DISTINCT_SAMPLES}"
    path = folder / f"reference-{hashlib.sha256(text.encode()).hexdigest()[:16]}.npy"
    if not path.exists():
        np.save(path, reference_outputs(network, samples), allow_pickle=False)
    expected: Reals = np.load(path, allow_pickle=False)
    return expected
