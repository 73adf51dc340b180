"""How the runner talks to a worker: one JSON object a line, a command in, an answer out.

    {"command": "load", "layers": "net.npz"}                     -> {"version": "...", "seconds": 0.4}
    {"command": "load", "network": "net.npz"}                        -> as above, for a network of images
    {"command": "load", "sequence": "net.npz"}                       -> as above, for a network of sequences
    {"command": "outputs", "inputs": "in.npy", "outputs": "out.npy"} -> {}
    {"command": "time", "inputs": "in.npy", "seconds": 0.2, "calls": 5, "clock": "wall"}
                                                                     -> {"nanoseconds": [...]}

The answer to a command that failed is {"error": "..."}. End of input ends the worker.
"""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

REPOSITORY = Path(__file__).parent.parent
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "PRUNUS_THREADS",
)
# Nobody calls home from a benchmark, nobody looks for a GPU.
QUIET = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "-1",
    "NM_DISABLE_ANALYTICS": "1",
    "NNCF_CI": "1",
}
# ResNet-50 is compiled and tuned in minutes on a busy machine.
ANSWER_LIMIT_SECONDS = 900.0


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
        exact: Computes in float32: its outputs are held to the reference.
        only: Networks that it runs, by name; empty: all.
        channels_first: Takes images as [batch, channels, height, width], and gets them so.
    """

    name: str
    module: str
    python: Path
    cores: tuple[int, ...]
    exact: bool = True
    only: tuple[str, ...] = ()
    channels_first: bool = False


class Worker:
    """A subprocess that runs one engine on given cores; a context manager that ends it.

    Between commands the process is stopped, so that thread pools that spin for work do not slow the next contender.
    """

    def __init__(self, contender: Contender, log: Path) -> None:
        """Start the process; its messages go to `log`, what workers share into its folder."""
        self.contender = contender
        threads = str(len(contender.cores))
        environment = dict(os.environ) | dict.fromkeys(THREAD_VARIABLES, threads) | QUIET
        environment["PRUNUS_BENCH_FOLDER"] = str(log.parent.absolute())
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
        self._process.send_signal(signal.SIGCONT)
        if self._process.stdin:
            with suppress(BrokenPipeError):
                self._process.stdin.close()
        self._end()
        if self._process.stdout:
            self._process.stdout.close()

    def _end(self) -> None:
        """Wait for the process, which is leaving, and end it if it does not."""
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def alive(self) -> bool:
        """Say whether the process runs, or is stopped between commands."""
        return self._process.poll() is None

    def messages(self) -> str:
        """Return all that the process said besides its answers."""
        return self._log.read_text(errors="replace")

    def ask(self, command: str, **arguments: object) -> Mapping[str, Any]:
        """Send a command and wait for its answer.

        Raises:
            WorkerError: The worker died, answered with an error, or not within `ANSWER_LIMIT_SECONDS`.
        """
        self._process.send_signal(signal.SIGCONT)
        line = self._exchange(json.dumps({"command": command, **arguments}))
        if not line:
            self._end()
            raise WorkerError(f"{self.contender.name} died at '{command}'; see {self._log}")
        self._stop()
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise WorkerError(f"{self.contender.name} at '{command}': {answer['error']}")
        return answer

    def _stop(self) -> None:
        """Stop the process, and wait until all of its threads are: the next contender's turn follows at once."""
        self._process.send_signal(signal.SIGSTOP)
        with suppress(ChildProcessError):  # it has ended, and was waited for
            os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def _exchange(self, message: str) -> str:
        """Return the line that answers `message`; empty if the process is gone."""
        if self._process.stdin is None or self._process.stdout is None:
            raise WorkerError(f"{self.contender.name} has no pipes")
        try:
            self._process.stdin.write(message + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return ""
        ready, _, _ = select.select([self._process.stdout], [], [], ANSWER_LIMIT_SECONDS)
        if not ready:
            self._process.kill()
            self._end()
            raise WorkerError(
                f"{self.contender.name} gave no answer in {ANSWER_LIMIT_SECONDS:.0f} s"
            )
        return self._process.stdout.readline()


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
