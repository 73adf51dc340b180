"""`python -m loadtest.large_bodies`: how long small predictions take while others send large bodies.

A service with the demo model is started; one client asks small questions one after the other, first alone, then beside
clients that send large JSON or .npy bodies without a pause. Every client is a process of its own.
"""

import http.client
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing.synchronize import Event
from pathlib import Path
from urllib.parse import urlsplit

import click
import numpy as np

from app.services.array_files import encode_npy
from loadtest.service import REPOSITORY, Service, running_service

MODEL = "digits"
FEATURES = 64
WARM_UP_SECONDS = 0.5
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Latency:
    """What small predictions took beside large ones.

    Attributes:
        beside: the large bodies.
        requests: small predictions that were measured.
        refused: large bodies that were not answered with 200, for each second.
        answered: large bodies that were, for each second.
    """

    beside: str
    requests: int
    p50_milliseconds: float
    p99_milliseconds: float
    largest_milliseconds: float
    answered: float
    refused: float


Body = tuple[bytes, str]


def json_body(size_bytes: int) -> Body:
    """Return a JSON body of about this many bytes."""
    rows = max(1, size_bytes // (FEATURES * 6))
    values = np.random.default_rng(0).random((rows, FEATURES)).round(3).tolist()
    text = json.dumps({"model": MODEL, "inputs": values}, separators=(",", ":"))
    return text.encode(), "application/json"


def npy_body(size_bytes: int) -> Body:
    """Return a .npy body of about this many bytes, of float64: it must be converted."""
    rows = max(1, size_bytes // (FEATURES * 8))
    return encode_npy(np.random.default_rng(0).random((rows, FEATURES))), "application/x-npy"


def _ask(url: str, body: Body, is_over: Callable[[], bool]) -> tuple[list[float], list[int]]:
    """Send one body again and again; return seconds and statuses."""
    address = urlsplit(url).netloc
    connection = http.client.HTTPConnection(address, timeout=60)
    content, kind = body
    seconds, statuses = [], []
    while not is_over():
        start = time.perf_counter()
        connection.request("POST", f"/predict?model={MODEL}", content, {"Content-Type": kind})
        answer = connection.getresponse()
        answer.read()
        seconds.append(time.perf_counter() - start)
        statuses.append(answer.status)
    connection.close()
    return seconds, statuses


def _send_large(
    url: str, body: Body, stop: Event, counts: "multiprocessing.Queue[list[int]]"
) -> None:
    counts.put(_ask(url, body, stop.is_set)[1])


def measure(url: str, beside: str, body: Body, clients: int, seconds: float) -> Latency:
    """Ask small questions for some time while clients send a body.

    Args:
        url: address of the service.
        beside: what is said of the large bodies.
        body: what each client sends.
        clients: number of clients that do so.
        seconds: how long.
    """
    context = multiprocessing.get_context("spawn")
    stop, counts = context.Event(), context.Queue()
    senders = [
        context.Process(target=_send_large, args=(url, body, stop, counts)) for _ in range(clients)
    ]
    for sender in senders:
        sender.start()
    small = json_body(1)
    _ask(url, small, partial(_is_past, time.perf_counter() + WARM_UP_SECONDS + 2 * bool(clients)))
    start = time.perf_counter()
    times, _ = _ask(url, small, partial(_is_past, start + seconds))
    stop.set()
    statuses = [status for _ in senders for status in counts.get(timeout=120)]
    for sender in senders:
        sender.join()
    p50, p99 = np.percentile(times, [50, 99]) * 1e3
    answered = statuses.count(200)
    return Latency(
        beside,
        len(times),
        round(float(p50), 3),
        round(float(p99), 3),
        round(max(times) * 1e3, 3),
        round(answered / seconds, 1),
        round((len(statuses) - answered) / seconds, 1),
    )


def _is_past(end: float) -> bool:
    return time.perf_counter() >= end


def measure_all(service: Service, clients: int, seconds: float, json_bytes: int) -> list[Latency]:
    """Measure alone, beside large JSON, and beside large .npy bodies."""
    mebibytes = json_bytes / MIB
    cases = (
        ("nothing", json_body(1), 0),
        (f"1 client with {mebibytes:.1f} MiB of JSON", json_body(json_bytes), 1),
        (f"{clients} clients with {mebibytes:.1f} MiB of JSON", json_body(json_bytes), clients),
        (f"{clients} clients with 4 MiB of .npy", npy_body(4 * MIB), clients),
    )
    return [measure(service.url, name, body, count, seconds) for name, body, count in cases]


@click.command()
@click.option("--clients", default=4, help="Clients that send large bodies.")
@click.option("--seconds", default=10.0, help="Length of each measurement.")
@click.option("--json-bytes", default=MIB - 16 * 1024, help="Size of a large JSON body.")
def main(clients: int, seconds: float, json_bytes: int) -> None:
    """Measure how long small predictions take beside large ones; print JSON."""
    with tempfile.TemporaryDirectory(prefix="prunus-large-") as folder:
        environment = {"PRUNUS_PREDICT_JSON_MAX_BYTES": str(max(json_bytes + 64 * 1024, MIB))}
        with running_service(Path(folder) / "data", environment=environment) as service:
            service.upload(MODEL, REPOSITORY / "app" / "demo" / "digits.keras")
            found = measure_all(service, clients, seconds, json_bytes)
    sys.stdout.write(json.dumps([asdict(one) for one in found], indent=1) + "\n")


if __name__ == "__main__":
    main()
