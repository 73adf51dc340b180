"""Offer the service twice what it can do, and look at what it still does.

python -m benchmarks.reliability.overload [--seconds 10] [--factor 2] [--print-only]

Three kinds of load: a model that a pool of threads runs; large JSON for the same model, which is mostly parsing; and a
small model that runs on the event loop itself. The first two are offered in an open loop: a new request at every tick
of a clock, whether or not earlier ones were answered. For the small model a client in Python is too slow for that, so
wrk asks over very many connections (apt-get install wrk). Beside each load another process asks for `/health/live` on
new connections, 50 times a second. The service has one core and the clients have another: who offers twice the load
must not take from the service what it is measured by.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import orjson
import uvloop

from benchmarks.machine import describe_cpu
from benchmarks.networks import Network, random_layers
from benchmarks.page import replace_section, table
from benchmarks.prunus_sparse import build_graph
from benchmarks.reliability.http_client import Connection, LostError, Request
from graph.keras.export import write_keras
from loadtest.network import MODEL, write_bodies, write_network
from loadtest.service import REPOSITORY, Service, running_service
from loadtest.wrk import WrkError, choose_cores, find_wrk, on_core

NAME = "python -m benchmarks.reliability.overload"
PAGE = REPOSITORY / "docs" / "reliability.md"
SLOW = "slow"
SLOW_NETWORK = Network((64, 2048, 2048, 10))
SLOW_SPARSITY = 0.5
SLOW_SAMPLES = 256
# Of the JSON bodies: about 0.3 MiB of text.
JSON_SAMPLES = 480
CONNECTIONS_MAX = 1500
PEAK_CONNECTIONS = (4, 8, 16)
WRK_PEAK_CONNECTIONS = 32
WRK_CONNECTIONS = (512, 2000)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a load.

    Attributes:
        offered: requests a second that were sent; 0 where clients wait for answers.
        good: answers with 200 a second.
        refused: share of the requests that were answered with 503.
        lost: requests without an answer.
        seconds: times of the answers with 200, from when they were due.
    """

    offered: float
    good: float
    refused: float
    lost: int
    seconds: Sequence[float]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table."""

    load: str
    peak: float
    outcome: Outcome
    health: Sequence[float]
    health_failures: int
    memory_bytes: int


async def closed_loop(url: str, request: Request, connections: int, seconds: float) -> float:
    """Ask over some connections, each as soon as it was answered; return answers with 200 a second."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds

    async def client() -> int:
        connection, good = await Connection.to(url), 0
        while loop.time() < end:
            good += (await connection.ask(request)).status == 200
        connection.close()
        return good

    return sum(await asyncio.gather(*(client() for _ in range(connections)))) / seconds


class OpenLoop:
    """Sends requests by the clock."""

    def __init__(self, url: str, request: Request) -> None:
        self._url = url
        self._request = request
        self._idle: list[Connection] = []
        self._open = 0
        self._good: list[float] = []
        self._refused = 0
        self._lost = 0

    async def run(self, rate: float, seconds: float) -> Outcome:
        """Offer `rate` requests a second for so long; then wait for the last answers."""
        loop = asyncio.get_running_loop()
        start, tasks = loop.time(), []
        for number in range(int(rate * seconds)):
            due = start + number / rate
            if due > loop.time():
                await asyncio.sleep(due - loop.time())
            tasks.append(loop.create_task(self._ask(due)))
        took = loop.time() - start
        await asyncio.gather(*tasks)
        sent = len(tasks)
        return Outcome(
            sent / took,
            len(self._good) / (loop.time() - start),
            self._refused / sent,
            self._lost,
            self._good,
        )

    async def _ask(self, due: float) -> None:
        loop = asyncio.get_running_loop()
        try:
            connection = await self._connection()
            answer = await connection.ask(self._request)
        except (LostError, OSError):
            self._lost += 1
            return
        if answer.status == 200:
            self._good.append(loop.time() - due)
        else:
            self._refused += 1
        if connection.is_open:
            self._idle.append(connection)

    async def _connection(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                return connection
        return await Connection.to(self._url)


def quantile(values: Sequence[float], share: float) -> float:
    """Return a quantile, 0 where there are no values."""
    return float(np.quantile(values, share)) if values else 0.0


class Probe:
    """Another process that asks for `/health/live` as long as the block lasts."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.seconds: list[float] = []
        self.failures = 0

    def __enter__(self) -> "Probe":
        command = [sys.executable, "-m", "benchmarks.reliability.probe", self._url]
        self._process = subprocess.Popen(
            command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        output, _ = self._process.communicate("\n")
        found = json.loads(output)
        self.seconds, self.failures = found["seconds"], found["failures"]


def measure_open_loop(
    service: Service, load: str, request: Request, factor: float, seconds: float
) -> Line:
    """Find the highest rate, then offer `factor` times as much."""
    with Probe(service.url):
        peak = max(
            uvloop.run(closed_loop(service.url, request, many, seconds / 2))
            for many in PEAK_CONNECTIONS
        )
    with Probe(service.url) as probe:
        outcome = uvloop.run(OpenLoop(service.url, request).run(factor * peak, seconds))
    return Line(load, peak, outcome, probe.seconds, probe.failures, service.resident_bytes())


def measure_wrk(service: Service, folder: Path, seconds: float) -> list[Line]:
    """Ask a small model over few and over very many connections."""
    wrk, lines = find_wrk(), []
    for body in write_bodies(folder):
        variables = {"PRUNUS_WRK_BODY": str(body.path), "PRUNUS_WRK_TYPE": body.media_type}
        peak = 0.0
        for many in (WRK_PEAK_CONNECTIONS, *WRK_CONNECTIONS):
            url = f"{service.url}/predict?model={MODEL}"
            script = str(REPOSITORY / "loadtest" / "post.lua")
            command = [wrk, "-t1", f"-c{many}", f"-d{round(seconds)}s", "-s", script, url]
            with Probe(service.url) as probe:
                done = subprocess.run(
                    command,
                    env={**os.environ, **variables},
                    capture_output=True,
                    text=True,
                    check=True,
                )
            found = json.loads(done.stdout.splitlines()[-1])
            rate = found["requests"] / found["seconds"]
            peak = peak or rate
            times = [found["p50_us"] / 1e6, found["p99_us"] / 1e6]
            outcome = Outcome(0.0, rate, 0.0, found["failures"], times)
            load = f"small model, {body.form}, {many} connections"
            lines.append(
                Line(load, peak, outcome, probe.seconds, probe.failures, service.resident_bytes())
            )
    return lines


def requests_of_slow_model() -> dict[str, Request]:
    """Return one request of each form."""
    generator = np.random.default_rng(0)
    batch = np.round(generator.random((JSON_SAMPLES, SLOW_NETWORK.widths[0])), 7)
    text = orjson.dumps({"model": SLOW, "inputs": batch.tolist()})
    with tempfile.TemporaryFile() as file:
        np.save(file, batch[:SLOW_SAMPLES].astype(np.float32))
        file.seek(0)
        array = file.read()
    size = f"{len(text) / 2**20:.1f} MiB"
    return {
        f"slow model, .npy, {SLOW_SAMPLES} samples": Request.post(
            f"/predict?model={SLOW}", "application/x-npy", array
        ),
        f"slow model, JSON of {size}": Request.post("/predict", "application/json", text),
    }


def section(lines: Sequence[Line], command: str) -> str:
    """Return the text for the page."""
    rows = [
        (
            line.load,
            f"{line.peak:,.0f}",
            f"{line.outcome.offered:,.0f}" if line.outcome.offered else "-",
            f"{line.outcome.good:,.0f}",
            f"{line.outcome.good / line.peak:.0%}",
            f"{line.outcome.refused:.0%}",
            f"{line.outcome.lost}",
            f"{quantile(line.outcome.seconds, 0.5) * 1e3:,.0f}",
            f"{quantile(line.outcome.seconds, 0.99) * 1e3:,.0f}",
            f"{quantile(line.health, 0.99) * 1e3:,.0f}",
            f"{max(line.health, default=0) * 1e3:,.0f}",
            f"{line.health_failures}",
            f"{line.memory_bytes / 2**20:,.0f}",
        )
        for line in lines
    ]
    header = (
        "load",
        "peak/s",
        "offered/s",
        "goodput/s",
        "of peak",
        "503",
        "lost",
        "p50 ms",
        "p99 ms",
    )
    header += ("health p99 ms", "health max ms", "health failed", "MiB")
    return f"""*Peak* is the highest rate of answers with 200 that clients got who wait for each answer. *p50* and *p99* are times of
answers with 200, from when the request was due. *Health* is `GET /health/live` on a new connection, asked by another
process meanwhile. The service has one core, all clients share another.

{table(header, rows)}

{describe_cpu()}, {os.cpu_count()} cores, {date.today():%d %B %Y}, `{command}`."""


def measure(factor: float, seconds: float) -> list[Line]:
    """Start the service, upload the models, run all loads."""
    cores = choose_cores()
    with tempfile.TemporaryDirectory(prefix="prunus-overload-") as name:
        folder = Path(name)
        write_network(folder / "mlp.keras")
        write_keras(
            build_graph(random_layers(SLOW_NETWORK, SLOW_SPARSITY, seed=0)), folder / "slow.keras"
        )
        with ExitStack() as stack:
            with on_core(cores.server):
                started = running_service(folder / "data", environment={"PRUNUS_RETUNE": "0"})
                service = stack.enter_context(started)
            stack.enter_context(on_core(cores.client))
            service.upload(MODEL, folder / "mlp.keras")
            service.upload(SLOW, folder / "slow.keras")
            lines = [
                measure_open_loop(service, load, request, factor, seconds)
                for load, request in requests_of_slow_model().items()
            ]
            with suppress(WrkError):
                lines += measure_wrk(service, folder, seconds)
    return lines


def main() -> None:
    """Measure, print, and write the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each load")
    parser.add_argument("--factor", type=float, default=2.0, help="offered load over the peak")
    parser.add_argument("--print-only", action="store_true", help="leave the page as it is")
    options = parser.parse_args()
    lines = measure(options.factor, options.seconds)
    text = section(lines, f"{NAME} --seconds {options.seconds:g} --factor {options.factor:g}")
    print(text)
    if not options.print_only:
        replace_section(PAGE, NAME, text)


if __name__ == "__main__":
    main()
