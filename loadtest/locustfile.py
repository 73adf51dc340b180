"""Predictions at a constant rate, as JSON and as .npy bodies; passes or fails by thresholds.

    locust -f loadtest/locustfile.py --headless --host http://127.0.0.1:8000 --rate 500

`loadtest/README.md` lists the options and says how to read the result; `make load` starts a service too.
"""

import json
import random
import sys
import time
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gevent  # type: ignore[import-untyped]
from locust import FastHttpUser, LoadTestShape, events, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment

from loadtest.thresholds import Outcome, Thresholds, violations

DEMO = Path(__file__).parent.parent / "app" / "demo"
# Each user sends this many requests a second, as long as an answer takes less than 1 / 5 s.
REQUESTS_PER_USER_SECOND = 5.0
NPY_TYPE = "application/x-npy"


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]
def add_options(parser: LocustArgumentParser) -> None:
    """Declare the options; each can also be set by its environment variable."""
    group = parser.add_argument_group("Prunus")

    def option(name: str, default: object, text: str) -> None:
        variable = "PRUNUS_LOAD_" + name.upper().replace("-", "_")
        group.add_argument(
            f"--{name}", type=type(default), default=default, env_var=variable, help=text
        )

    option("rate", 200.0, "requests a second")
    option("seconds", 20.0, "length of the measurement after the warm-up")
    option("warm-up-seconds", 3.0, "requests in this time are not counted")
    option("model", "digits", "name of the model, for .npy bodies")
    option("binary-share", 0.5, "share of the requests with an .npy body, 0 to 1")
    option("json-body", str(DEMO / "request.json"), "file with the body of a JSON request")
    option("npy-body", str(DEMO / "request.npy"), "file with the body of an .npy request")
    option("max-failure-ratio", 0.0, "failed requests over all")
    option("max-p95-milliseconds", 50.0, "95th percentile of the response time")
    option("max-p99-milliseconds", 100.0, "99th percentile of the response time")
    option("min-rate-ratio", 0.95, "answered over asked requests a second")
    option("result", "", "also write what was measured to this file, as JSON")


def options_of(environment: Environment) -> Namespace:
    """Return the parsed command line."""
    if environment.parsed_options is None:
        raise RuntimeError("this file needs the locust command line")
    return environment.parsed_options


class Client(FastHttpUser):
    """A client that keeps its connection and its pace."""

    connection_timeout = 10.0
    network_timeout = 10.0

    def on_start(self) -> None:
        """Read the bodies and choose when in its period this user sends: users start together.

        locust's own `constant_throughput` counts from the user's creation, which is the same for all:
        they would send in step, and measure the queue that they make.
        """
        options = options_of(self.environment)
        self._json = Path(options.json_body).read_bytes()
        self._npy = Path(options.npy_body).read_bytes()
        self._npy_path = f"/predict?model={options.model}"
        self._binary_share = options.binary_share
        stagger = random.random() / REQUESTS_PER_USER_SECOND  # noqa: S311  # not for security
        self._due = time.perf_counter() + stagger
        # A task's first wait is only after it, so the stagger comes before.
        gevent.sleep(stagger)

    def wait_time(self) -> float:
        """Return the seconds until the next request is due; a late user catches up."""
        self._due += 1 / REQUESTS_PER_USER_SECOND
        return max(0.0, self._due - time.perf_counter())

    @task
    def predict(self) -> None:
        """Send one prediction in one of the two forms."""
        if random.random() < self._binary_share:  # noqa: S311  # not for security
            self._post(self._npy_path, self._npy, NPY_TYPE, "predict .npy")
        else:
            self._post("/predict", self._json, "application/json", "predict JSON")

    def _post(self, path: str, body: bytes, content_type: str, name: str) -> None:
        headers = {"Content-Type": content_type}
        with self.client.post(
            path,
            data=body,  # type: ignore[arg-type]  # bytes are sent as they are
            headers=headers,
            name=name,
            catch_response=True,
        ) as answer:
            # Status 0 is locust's own for a connection that broke.
            if answer.status_code != 200:
                answer.failure(f"status {answer.status_code}: {(answer.content or b'')[:200]!r}")
            elif not answer.content:
                answer.failure("empty answer")


class ConstantRate(LoadTestShape):
    """As many users as the rate needs from the first second; forgets the warm-up; ends by itself."""

    _measuring = False

    def tick(self) -> tuple[int, float] | None:
        """Return (users, users started a second), or nothing at the end."""
        if self.runner is None:
            raise RuntimeError("locust asks the shape only while a test runs")
        environment = self.runner.environment
        options = options_of(environment)
        elapsed: float = self.get_run_time()  # type: ignore[no-untyped-call]
        if elapsed > options.warm_up_seconds + options.seconds:
            return None
        if not self._measuring and elapsed > options.warm_up_seconds:
            self._measuring = True
            environment.stats.reset_all()
        users = max(1, round(options.rate / REQUESTS_PER_USER_SECOND))
        return users, float(users)


@events.quitting.add_listener  # type: ignore[untyped-decorator]
def judge(environment: Environment, **_: Any) -> None:
    """Compare with the thresholds, print what was missed, set the exit code."""
    options, total = options_of(environment), environment.stats.total
    outcome = Outcome(
        requests=total.num_requests,
        failure_ratio=total.fail_ratio,
        median_milliseconds=total.get_response_time_percentile(0.5),
        p95_milliseconds=total.get_response_time_percentile(0.95),
        p99_milliseconds=total.get_response_time_percentile(0.99),
        rate_ratio=total.total_rps / options.rate,
    )
    thresholds = Thresholds(
        options.max_failure_ratio,
        options.max_p95_milliseconds,
        options.max_p99_milliseconds,
        options.min_rate_ratio,
    )
    missed = violations(outcome, thresholds)
    verdict = "\n".join(f"FAILED {line}" for line in missed) or "PASSED all thresholds"
    sys.stdout.write(verdict + "\n")
    if options.result:
        Path(options.result).write_text(json.dumps(asdict(outcome)))
    environment.process_exit_code = 1 if missed else 0
