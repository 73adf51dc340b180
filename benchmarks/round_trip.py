"""Time of one prediction over HTTP, one after the other on one connection."""

import http.client
import json
import time
from dataclasses import dataclass

import numpy as np

from benchmarks.results import Cell, summarise
from loadtest.service import REPOSITORY, Service, ServiceError

DEMO = REPOSITORY / "app" / "demo"
REQUESTS = 3000
WARM_UP = 300


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """What a client waits for, in microseconds, by the form of the bodies."""

    form: str
    cell: Cell
    p99: float


def time_round_trips(service: Service, model: str) -> tuple[RoundTrip, ...]:
    """Ask `model` (a copy of the demo) for the demo's two samples, as JSON and as .npy.

    Raises:
        ServiceError: An answer was not 200.
    """
    body = json.loads((DEMO / "request.json").read_text()) | {"model": model}
    array = (DEMO / "request.npy").read_bytes()
    return (
        _time(service, "JSON", "/predict", json.dumps(body).encode(), "application/json"),
        _time(service, ".npy", f"/predict?model={model}", array, "application/x-npy"),
    )


def _time(service: Service, form: str, path: str, body: bytes, kind: str) -> RoundTrip:
    connection = http.client.HTTPConnection(service.url.removeprefix("http://"))
    nanoseconds = []
    for _ in range(WARM_UP + REQUESTS):
        started = time.perf_counter_ns()
        connection.request("POST", path, body, {"Content-Type": kind})
        answer = connection.getresponse()
        content = answer.read()
        nanoseconds.append(time.perf_counter_ns() - started)
        if answer.status != 200:
            raise ServiceError(f"{path}: expected 200, got {answer.status}: {content[:200]!r}")
    connection.close()
    measured = nanoseconds[WARM_UP:]
    return RoundTrip(form, summarise(measured), float(np.percentile(measured, 99)) / 1000)
