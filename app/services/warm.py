"""Executables that have run before they answer: their code and weights are in memory then."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine.execution.runtime import Executable

_WARM_UP_CALLS = 5

Loader = Callable[[Path], Executable]


@dataclass(frozen=True, slots=True)
class Warm:
    """An executable that has run: its code and weights are in memory."""

    executable: Executable
    sample_seconds: float

    @property
    def inline_seconds(self) -> float:
        """Time to tell by whether it may be run on the event loop: a new size must not be made ready there."""
        return math.inf if self.executable.varies else self.sample_seconds


def load_warm(loader: Loader, artifact: Path) -> Warm:
    """Load an artifact and run it on an example a few times.

    Raises:
        PrunusError: the artifact cannot be loaded.
    """
    executable = loader(artifact)
    given = executable.example()
    times = []
    for _ in range(_WARM_UP_CALLS):
        start = time.perf_counter()
        executable.run(given)
        times.append(time.perf_counter() - start)
    return Warm(executable, min(times))
