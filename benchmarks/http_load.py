"""The load test at rising rates, with its numbers: locust against the service with the demo model."""

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from loadtest.run import DEMO_MODEL, run_locust, wait_for_demo
from loadtest.service import ServiceError, running_service
from loadtest.thresholds import Outcome

RATES = (500, 1000, 2000, 4000)
SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class LoadStep:
    """One rate: requests a second that were asked for, and what came of it."""

    rate: int
    outcome: Outcome

    @property
    def answered_per_second(self) -> float:
        """Return the requests a second that were answered."""
        return self.rate * self.outcome.rate_ratio


def measure_load(say: Callable[[str], None]) -> tuple[LoadStep, ...]:
    """Start a service with the demo and load it at each rate, half JSON, half .npy.

    Raises:
        ServiceError: The load test could not run.
    """
    steps = []
    with (
        tempfile.TemporaryDirectory(prefix="prunus-load-") as name,
        running_service(Path(name) / "data", "--demo") as service,
    ):
        wait_for_demo(service)
        for rate in RATES:
            result, log = Path(name) / f"{rate}.json", Path(name) / f"{rate}.log"
            arguments = ["--rate", str(rate), "--seconds", str(SECONDS), "--model", DEMO_MODEL]
            # Its thresholds are for a pass or a failure; here a missed rate is a finding.
            run_locust(service.url, [*arguments, "--result", str(result)], log)
            if not result.exists():
                raise ServiceError(f"the load test failed: {log.read_text()[-2000:]}")
            steps.append(LoadStep(rate, Outcome(**json.loads(result.read_text()))))
            say(f"load: {steps[-1].answered_per_second:.0f} of {rate} requests a second")
    return tuple(steps)
