"""Time all contenders on all networks in one run, taking turns, and check that they compute the same."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from benchmarks.contenders import OWN
from benchmarks.environments import reason
from benchmarks.networks import (
    FloatArray,
    Network,
    random_layers,
    reference_outputs,
    save_layers,
)
from benchmarks.protocol import Contender, Worker, WorkerError
from benchmarks.results import Absent, Cell, Outcome, Place, Timing, summarise

# float32 sums of up to 4096 products in any order stay within this fraction of the largest output.
ERROR_LIMIT = 1e-5
SEED = 2017
LEAST_TURNS = 3


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure.

    Attributes:
        rounds: Turns that each contender gets in every cell.
        seconds: Length of one turn.
        calls: Calls in a turn, at least.
        enough: Once a contender has run this many seconds in a cell, and three turns, its later turns are left out.
        clock: "wall", or "processor": time that all threads of a process spend, whatever others do on the machine.
    """

    rounds: int
    seconds: float
    calls: int
    enough: float = 0.3
    clock: str = "wall"


FULL = Effort(rounds=5, seconds=0.04, calls=1)
QUICK = Effort(rounds=2, seconds=0.01, calls=1)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run.

    Attributes:
        networks: In this order.
        sparsities: Fractions of zeros.
        batches: Samples a call.
        contenders: All with as many threads; the first is the one that the others are compared with.
        threads: How many that is.
        effort: How long.
        run: Name of the run.
    """

    networks: Sequence[Network]
    sparsities: Sequence[float]
    batches: Sequence[int]
    contenders: Sequence[Contender]
    threads: int
    effort: Effort
    run: str


@dataclass(frozen=True, slots=True)
class Trial:
    """Inputs of one batch size and what a network must make of them.

    Attributes:
        inputs: The file of the inputs.
        outputs: The file for what an engine makes of them.
        expected: What it should make of them.
        channels_first: The same inputs for the engines that take images so; None for others than images.
    """

    inputs: Path
    outputs: Path
    expected: npt.NDArray[np.float64]
    channels_first: Path | None = None

    def inputs_for(self, contender: Contender) -> str:
        """Return the file that a contender reads: nobody has to turn images around while the clock runs."""
        turned = self.channels_first if contender.channels_first else None
        return str(turned or self.inputs)


class Field:
    """The workers of one run. A peer that fails sits out until the next network; Prunus must not fail."""

    def __init__(self, contenders: Sequence[Contender], folder: Path) -> None:
        """Start nothing yet; logs and shared files go to `folder`."""
        self._contenders, self._folder = contenders, folder
        self._workers: dict[str, Worker] = {}
        self._stack = ExitStack()
        self._resting: set[str] = set()
        self.out: dict[str, str] = {}
        self.versions: dict[str, str] = {}

    def __enter__(self) -> Self:
        """Return the field."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End all workers."""
        self._stack.close()

    def load(self, network: str, file: Mapping[str, str], say: Callable[[str], None]) -> None:
        """Give everybody who runs it a network, those too that failed at the one before.

        Args:
            network: Its name.
            file: The arguments of the worker's command: "layers", "network" or "sequence", and the path.
            say: Gets a line for each.
        """
        self.out.clear()
        self._resting = {it.name for it in self._contenders if it.only and network not in it.only}
        for index, contender in enumerate(self._contenders):
            if contender.name in self._resting:
                continue
            worker = self._workers.get(contender.name)
            if worker is None or not worker.alive:
                worker = self._stack.enter_context(Worker(contender, self._folder / f"{index}.log"))
                self._workers[contender.name] = worker
            with self.sitting_out(contender.name):
                reply = worker.ask("load", **file)
                self.versions[contender.name] = reply["version"]
                say(f"  {contender.name} ready in {reply['seconds']:.2f} s")

    @contextmanager
    def sitting_out(self, name: str) -> Iterator[None]:
        """Note a failure of `name` instead of raising it, unless it is Prunus'."""
        try:
            yield
        except WorkerError as error:
            if name == OWN:
                raise
            worker = self._workers[name]
            # A worker that lives has answered with its error; a dead one has left a trace at most.
            self.out[name] = str(error) if worker.alive else reason(worker.messages())

    def playing(self) -> Iterator[tuple[str, Worker]]:
        """Yield those who have not failed."""
        for name, worker in self._workers.items():
            if name not in self.out and name not in self._resting:
                yield name, worker

    def check(self, trial: Trial) -> dict[str, float]:
        """Return each contender's largest error, as a fraction of the largest output.

        Raises:
            WorkerError: Prunus failed, or its outputs differ from the reference.
        """
        errors = {}
        exact = {contender.name: contender.exact for contender in self._contenders}
        for name, worker in self.playing():
            with self.sitting_out(name):
                inputs = trial.inputs_for(worker.contender)
                worker.ask("outputs", inputs=inputs, outputs=str(trial.outputs))
                outputs = np.load(trial.outputs, allow_pickle=False)
                errors[name] = measure_error(name, outputs, trial.expected)
                if exact[name] and not errors[name] <= ERROR_LIMIT:  # also true for NaN
                    raise WorkerError(
                        f"{name}: outputs are off by {errors[name]:.1e} of the largest"
                    )
        return errors

    def time(self, trial: Trial, effort: Effort) -> dict[str, Cell]:
        """Give everybody turns, one after the other, and return their times."""
        times: dict[str, list[int]] = {name: [] for name, _ in self.playing()}
        for turn in range(effort.rounds):
            for name, worker in self.playing():
                if turn >= LEAST_TURNS and sum(times[name]) > effort.enough * 1e9:
                    continue
                with self.sitting_out(name):
                    reply = worker.ask(
                        "time",
                        inputs=trial.inputs_for(worker.contender),
                        seconds=effort.seconds,
                        calls=effort.calls,
                        clock=effort.clock,
                    )
                    times[name] += reply["nanoseconds"]
        return {name: summarise(times[name]) for name, _ in self.playing()}


def measure_error(name: str, outputs: FloatArray, expected: npt.NDArray[np.float64]) -> float:
    """Return the largest difference as a fraction of the largest output.

    Raises:
        WorkerError: The shapes differ.
    """
    if outputs.shape != expected.shape:
        raise WorkerError(f"{name}: expected shape {expected.shape}, got {outputs.shape}")
    return float(np.abs(outputs - expected).max() / np.abs(expected).max())


def run_side_by_side(
    plan: Plan, folder: Path, say: Callable[[str], None]
) -> Iterator[dict[Place, dict[str, Outcome]]]:
    """Run the plan; yield the places of one network and sparsity as they are done.

    Args:
        plan: What to run.
        folder: Where weights, inputs, outputs and the workers' logs go; some hundred megabytes.
        say: Gets a line of progress now and then.

    Raises:
        WorkerError: Prunus failed, or its outputs differ from the reference.
    """
    with Field(plan.contenders, folder) as field:
        for network in plan.networks:
            for sparsity in plan.sparsities:
                say(f"{network.name}, {sparsity:.0%} zeros, {plan.threads} threads")
                yield _run_network(plan, field, network, sparsity, folder, say)


def _run_network(
    plan: Plan,
    field: Field,
    network: Network,
    sparsity: float,
    folder: Path,
    say: Callable[[str], None],
) -> dict[Place, dict[str, Outcome]]:
    layers = random_layers(network, sparsity, SEED)
    save_layers(layers, folder / "network.npz")
    field.load(network.name, {"layers": str(folder / "network.npz")}, say)
    done: dict[Place, dict[str, Outcome]] = {}
    for batch in plan.batches:
        inputs = _inputs(network, batch)
        np.save(folder / "inputs.npy", inputs, allow_pickle=False)
        expected = reference_outputs(layers, inputs)
        trial = Trial(folder / "inputs.npy", folder / "outputs.npy", expected)
        outcomes = measure_trial(field, trial, plan.effort, plan.run)
        done[Place(network.name, sparsity, plan.threads, batch)] = outcomes
        say(f"  batch {batch}: {line_of(outcomes)}")
    return done


def measure_trial(field: Field, trial: Trial, effort: Effort, run: str) -> dict[str, Outcome]:
    """Check and time everybody at one batch size.

    Raises:
        WorkerError: Prunus failed, or its outputs differ from the reference.
    """
    errors = field.check(trial)
    cells = field.time(trial, effort)
    own = next(iter(cells.values())).median
    outcomes: dict[str, Outcome] = {
        name: Timing(cell, own, errors[name], field.versions[name], run)
        for name, cell in cells.items()
    }
    return outcomes | {name: Absent(why, run) for name, why in field.out.items()}


def _inputs(network: Network, batch: int) -> FloatArray:
    generator = np.random.default_rng(SEED + batch)
    return generator.standard_normal((batch, network.widths[0]), np.float32)


def line_of(outcomes: Mapping[str, Outcome]) -> str:
    """Return the medians as a line of progress."""
    times = [
        f"{name} {outcome.cell.median:.0f}"
        for name, outcome in outcomes.items()
        if isinstance(outcome, Timing)
    ]
    return ", ".join(times) + " us"
