"""Time all contenders on all networks in one run, taking turns, and check that they compute the same."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.networks import (
    FloatArray,
    Layer,
    Network,
    random_layers,
    reference_outputs,
    save_layers,
)
from benchmarks.protocol import Contender, Worker, WorkerError
from benchmarks.results import Cell, Results, summarise

# float32 sums of up to 4096 products in any order stay within this fraction of the largest output.
ERROR_LIMIT = 1e-5
SEED = 2017


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure.

    Attributes:
        rounds: Turns that each contender gets in every cell.
        seconds: Length of one turn.
        calls: Calls in a turn, at least.
    """

    rounds: int
    seconds: float
    calls: int


FULL = Effort(rounds=7, seconds=0.15, calls=3)
QUICK = Effort(rounds=2, seconds=0.03, calls=2)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run."""

    networks: Sequence[Network]
    batches: Sequence[int]
    contenders: Sequence[Contender]
    sparsity: float
    effort: Effort


def run_side_by_side(
    plan: Plan, folder: Path, say: Callable[[str], None]
) -> tuple[Results, dict[str, str]]:
    """Run the plan; return the results and each contender's version.

    Args:
        plan: What to run.
        folder: Where weights, inputs, outputs and the workers' logs go; some hundred megabytes.
        say: Gets a line of progress now and then.

    Raises:
        WorkerError: An engine failed, or its outputs differ from the reference.
    """
    cells: dict[str, dict[int, dict[str, Cell]]] = {}
    errors = {contender.name: 0.0 for contender in plan.contenders}
    versions: dict[str, str] = {}
    with ExitStack() as stack:
        workers = [
            stack.enter_context(Worker(contender, folder / f"{index}.log"))
            for index, contender in enumerate(plan.contenders)
        ]
        for network in plan.networks:
            layers = random_layers(network, plan.sparsity, SEED)
            save_layers(layers, folder / "network.npz")
            for worker in workers:
                reply = worker.ask("load", layers=str(folder / "network.npz"))
                versions[worker.contender.name] = reply["version"]
                say(f"{network.name}: {worker.contender.name} ready in {reply['seconds']:.2f} s")
            cells[network.name] = {}
            for batch in plan.batches:
                inputs = _inputs(network, batch)
                np.save(folder / "inputs.npy", inputs, allow_pickle=False)
                for name, error in _check(workers, layers, inputs, folder).items():
                    errors[name] = max(errors[name], error)
                cells[network.name][batch] = _time(workers, folder / "inputs.npy", plan.effort)
                say(f"{network.name}, batch {batch}: {_line(cells[network.name][batch])}")
    return Results(plan.sparsity, cells, errors), versions


def _inputs(network: Network, batch: int) -> FloatArray:
    generator = np.random.default_rng(SEED + batch)
    return generator.standard_normal((batch, network.widths[0]), np.float32)


def _check(
    workers: Sequence[Worker], layers: Sequence[Layer], inputs: FloatArray, folder: Path
) -> dict[str, float]:
    """Return each contender's largest error, as a fraction of the largest output."""
    expected = reference_outputs(layers, inputs)
    errors = {}
    for worker in workers:
        worker.ask("outputs", inputs=str(folder / "inputs.npy"), outputs=str(folder / "out.npy"))
        outputs = np.load(folder / "out.npy", allow_pickle=False)
        name = worker.contender.name
        if outputs.shape != expected.shape:
            raise WorkerError(f"{name}: expected shape {expected.shape}, got {outputs.shape}")
        error = float(np.abs(outputs - expected).max() / np.abs(expected).max())
        if not error <= ERROR_LIMIT:  # also true for NaN
            raise WorkerError(f"{name}: outputs are off by {error:.1e} of the largest")
        errors[name] = error
    return errors


def _time(workers: Sequence[Worker], inputs: Path, effort: Effort) -> dict[str, Cell]:
    times: dict[str, list[int]] = {worker.contender.name: [] for worker in workers}
    for _ in range(effort.rounds):
        for worker in workers:
            reply = worker.ask(
                "time", inputs=str(inputs), seconds=effort.seconds, calls=effort.calls
            )
            times[worker.contender.name] += reply["nanoseconds"]
    return {name: summarise(nanoseconds) for name, nanoseconds in times.items()}


def _line(cells: dict[str, Cell]) -> str:
    return ", ".join(f"{name} {cell.median:.0f}" for name, cell in cells.items()) + " us"
