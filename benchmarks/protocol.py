"""How the runner talks to a worker: one JSON object a line, a command in, an answer out.

    {"command": "load", "layers": "net.npz"}                     -> {"version": "...", "seconds": 0.4}
    {"command": "outputs", "inputs": "in.npy", "outputs": "out.npy"} -> {}
    {"command": "time", "inputs": "in.npy", "seconds": 0.2, "calls": 5}
                                                                     -> {"nanoseconds": [...]}

The answer to a command that failed is {"error": "..."}. End of input ends the worker.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

REPOSITORY = Path(__file__).parent.parent
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class WorkerError(Exception):
    """A worker died, or could not do what it was asked."""


@dataclass(frozen=True, slots=True)
class Contender:
    """One line of the tables.

    Attributes:
        name: Shown in tables and picture.
        module: Has `create(threads) -> Engine`.
        python: Interpreter of the environment that the module needs.
        cores: The CPUs that its process may use; it is told to use as many threads.
    """

    name: str
    module: str
    python: Path
    cores: tuple[int, ...]


class Worker:
    """A subprocess that runs one engine on given cores; a context manager that ends it."""

    def __init__(self, contender: Contender, log: Path) -> None:
        """Start the process; its messages go to `log`."""
        self.contender = contender
        threads = str(len(contender.cores))
        environment = dict(os.environ) | dict.fromkeys(THREAD_VARIABLES, threads)
        environment |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
        cores = ",".join(str(core) for core in contender.cores)
        with log.open("ab") as messages:
            self._process = subprocess.Popen(
                [contender.python, "-m", "benchmarks.worker", contender.module, cores],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=messages,
                cwd=REPOSITORY,
                env=environment,
                text=True,
            )
        self._log = log

    def __enter__(self) -> Self:
        """Return the running worker."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the process: its input closes, and it has a few seconds to leave by itself."""
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()

    def ask(self, command: str, **arguments: object) -> Mapping[str, Any]:
        """Send a command and wait for its answer.

        Raises:
            WorkerError: The worker died or answered with an error.
        """
        if self._process.stdin is None or self._process.stdout is None:
            raise WorkerError(f"{self.contender.name} has no pipes")
        self._process.stdin.write(json.dumps({"command": command, **arguments}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise WorkerError(f"{self.contender.name} died at '{command}'; see {self._log}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise WorkerError(f"{self.contender.name} at '{command}': {answer['error']}")
        return answer


def main_output() -> int:
    """Return a descriptor for answers, and send everything else that prints to standard error.

    Libraries print to standard output at will; an answer must not be torn by that.
    """
    answers = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return answers


def parse_cores(text: str) -> Sequence[int]:
    """Return the CPU numbers of a comma-separated list."""
    return [int(core) for core in text.split(",")]
