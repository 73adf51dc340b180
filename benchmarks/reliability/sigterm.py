"""Stop the service under load, again and again: no request that was sent whole may be lost.

python -m benchmarks.reliability.sigterm [--rounds 50] [--clients 12] [--print-only]

Each round starts a service, lets clients ask over connections that stay open (and open new ones where they are told
to close), sends SIGTERM at a random time and counts what became of every request.
"""

import argparse
import asyncio
import os
import random
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import median

from benchmarks.machine import describe_cpu
from benchmarks.page import replace_section, table
from benchmarks.reliability.http_client import Connection, LostError, Request
from loadtest.network import MODEL, write_bodies, write_network
from loadtest.service import HOST, REPOSITORY, Service, free_port

NAME = "python -m benchmarks.reliability.sigterm"
PAGE = REPOSITORY / "docs" / "reliability.md"
STOP_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Round:
    """One stop.

    Attributes:
        answered: requests that were answered with 200.
        refused: requests that were answered with another status.
        lost: requests that were sent whole and not answered.
        kept_open: answers sent after the signal that did not say `Connection: close`.
        stop_seconds: time from the signal to the end of the process.
        exit_status: exit status of the process.
    """

    answered: int
    refused: int
    lost: int
    kept_open: int
    stop_seconds: float
    exit_status: int


class Clients:
    """Clients that ask without a pause until nobody listens any more."""

    def __init__(self, url: str, requests: Sequence[Request]) -> None:
        self._url = url
        self._requests = requests
        self.counts: Counter[str] = Counter()
        self.signalled = False

    async def run(self, many: int) -> None:
        """Run clients, each with one kind of request."""
        await asyncio.gather(
            *(self._client(self._requests[n % len(self._requests)]) for n in range(many))
        )

    async def _client(self, request: Request) -> None:
        while True:
            try:
                connection = await Connection.to(self._url)
            except OSError:
                return
            await self._ask_all(connection, request)
            connection.close()

    async def _ask_all(self, connection: Connection, request: Request) -> None:
        while connection.is_open:
            was_signalled = self.signalled
            try:
                answer = await connection.ask(request)
            except LostError:
                self.counts["lost"] += 1
                return
            self.counts["answered" if answer.status == 200 else "refused"] += 1
            self.counts["kept open"] += was_signalled and not answer.closes


async def stop_once(data: Path, requests: Sequence[Request], clients: int, drain: float) -> Round:
    """Start the service, load it, stop it."""
    port = free_port()
    url = f"http://{HOST}:{port}"
    variables = {
        "PRUNUS_DATA_DIR": str(data),
        "PRUNUS_RETUNE": "0",
        "PRUNUS_SHUTDOWN_DRAIN_SECONDS": str(drain),
        "PRUNUS_PREDICT_QUEUE_MAX_SECONDS": "60",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.cli", "serve", "--port", str(port)),
        cwd=REPOSITORY,
        env={**os.environ, **variables},
        stderr=asyncio.subprocess.DEVNULL,
    )
    service = Service(url, process.pid, 0.0)
    while not await asyncio.to_thread(service.is_ready):
        await asyncio.sleep(0.05)
    load = Clients(url, requests)
    running = asyncio.create_task(load.run(clients))
    await asyncio.sleep(random.uniform(0.3, 1.0))  # noqa: S311  # no secret
    start = asyncio.get_running_loop().time()
    process.send_signal(signal.SIGTERM)
    # The process hears of it a moment later; answers to requests that are sent after this say that it closes.
    await asyncio.sleep(0.2)
    load.signalled = True
    status = await asyncio.wait_for(process.wait(), STOP_TIMEOUT_SECONDS)
    stop_seconds = asyncio.get_running_loop().time() - start
    await running
    counts = load.counts
    return Round(
        counts["answered"],
        counts["refused"],
        counts["lost"],
        counts["kept open"],
        stop_seconds,
        status,
    )


def prepare(data: Path, folder: Path) -> list[Request]:
    """Upload the model, and return a request of each form and one of the kind that a pool runs."""
    from loadtest.service import running_service

    model = folder / "mlp.keras"
    write_network(model)
    with running_service(data) as service:
        service.upload(MODEL, model)
    path = f"/predict?model={MODEL}"
    return [
        Request.post(path, body.media_type, body.path.read_bytes()) for body in write_bodies(folder)
    ]


def section(rounds: dict[str, list[Round]], clients: int, command: str) -> str:
    """Return the text for the page."""
    rows = [
        (
            name,
            f"{len(found)}",
            f"{sum(one.answered for one in found):,}",
            f"{sum(one.lost for one in found)}",
            f"{sum(one.kept_open for one in found)}",
            f"{median(one.stop_seconds for one in found):.2f}",
            f"{max(one.stop_seconds for one in found):.2f}",
            ", ".join(sorted({str(one.exit_status) for one in found})),
        )
        for name, found in rounds.items()
    ]
    header = ("drain time", "stops", "answered", "lost", "kept open", "median s", "longest s", "rc")
    return f"""{clients} clients ask over connections that they keep open, half of them with JSON and half with .npy, and open
new ones until nobody listens. *Lost*: sent whole, and the connection ended without an answer. *Kept open*: answers to
requests sent 0.2 s or more after the signal without `Connection: close`. Times are from SIGTERM to the end of the
process.

{table(header, rows)}

{describe_cpu()}, {os.cpu_count()} cores, {date.today():%d %B %Y}, `{command}`."""


def main() -> None:
    """Measure, print, and write the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--clients", type=int, default=12)
    parser.add_argument("--print-only", action="store_true", help="leave the page as it is")
    options = parser.parse_args()
    rounds: dict[str, list[Round]] = {"none": [], "0.5 s": []}
    with tempfile.TemporaryDirectory(prefix="prunus-sigterm-") as name:
        folder = Path(name)
        requests = prepare(folder / "data", folder)
        for number in range(options.rounds):
            drain = "0.5 s" if number % 2 else "none"
            seconds = 0.5 if number % 2 else 0.0
            one = asyncio.run(stop_once(folder / "data", requests, options.clients, seconds))
            rounds[drain].append(one)
            print(f"{number + 1}: {one}", flush=True)
    text = section(
        rounds, options.clients, f"{NAME} --rounds {options.rounds} --clients {options.clients}"
    )
    print(text)
    if not options.print_only:
        replace_section(PAGE, NAME, text)


if __name__ == "__main__":
    main()
