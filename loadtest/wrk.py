"""`make load-wrk`: the most requests a second of one process on one core, with wrk on another core.

python -m loadtest.wrk [--seconds 1] [--rounds 3] [--connections 1 8 32] [--result FILE] [--page FILE]

Beside the service the HTTP server alone is measured (`loadtest/bare.py`), in turns, so that a share can be told that
does not depend on the machine and its other guests.
"""

import argparse
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from loadtest.http_page import page
from loadtest.network import MODEL, Body, write_bodies, write_network
from loadtest.overhead import measure_overhead
from loadtest.service import HOST, REPOSITORY, ServiceError, free_port, running_service
from loadtest.wrk_result import Line, Sample, WrkReport

SCRIPT = REPOSITORY / "loadtest" / "post.lua"
BARE_START_SECONDS = 20.0


class WrkError(Exception):
    """wrk is not there, or did not do what it was asked for."""


@dataclass(frozen=True, slots=True)
class Cores:
    """The core of the server and the core of wrk."""

    server: int
    client: int


def choose_cores() -> Cores:
    """Return the first two cores that this process may use.

    Raises:
        WrkError: There is only one.
    """
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        raise WrkError("two cores are needed, one for the server and one for wrk")
    return Cores(usable[0], usable[1])


def find_wrk() -> str:
    """Return the path of wrk.

    Raises:
        WrkError: It is not installed.
    """
    path = shutil.which("wrk")
    if path is None:
        raise WrkError("wrk is not installed; on Debian and Ubuntu: apt-get install wrk")
    return path


@contextlib.contextmanager
def on_core(core: int) -> Iterator[None]:
    """Let processes that are started inside run on one core only."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def running_bare(log: Path) -> Iterator[str]:
    """Start the bare application on the same server with the same options; give its address.

    Raises:
        ServiceError: It did not start.
    """
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "loadtest.bare:app", "--host", HOST]
    command += ["--port", str(port), "--loop", "uvloop", "--http", "httptools", "--ws", "none"]
    command += ["--no-access-log", "--no-server-header", "--log-level", "warning"]
    with log.open("ab") as output:
        process = subprocess.Popen(command, cwd=REPOSITORY, stdout=output, stderr=output)  # noqa: S603  # our own
    try:
        _wait_for_port(port)
        yield f"http://{HOST}:{port}"
    finally:
        process.terminate()
        process.wait()


def _wait_for_port(port: int) -> None:
    deadline = time.monotonic() + BARE_START_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return
        time.sleep(0.02)
    raise ServiceError(f"nothing listens on port {port} after {BARE_START_SECONDS:g} s")


def ask(wrk: str, core: int, url: str, body: Body, connections: int, seconds: int) -> Sample:
    """Run wrk once with one thread.

    Raises:
        WrkError: It failed, or an answer was an error.
    """
    command = [wrk, "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(SCRIPT), url]
    variables = {"PRUNUS_WRK_BODY": str(body.path), "PRUNUS_WRK_TYPE": body.media_type}
    with on_core(core):
        done = subprocess.run(  # noqa: S603  # found by find_wrk
            command, env={**os.environ, **variables}, capture_output=True, text=True, check=False
        )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        raise WrkError(f"wrk failed: {(done.stderr or done.stdout)[-500:]}")
    sample = Sample(**json.loads(lines[-1]))
    if sample.failures or not sample.requests:
        raise WrkError(f"{url}: {sample.failures} of {sample.requests} requests failed")
    return sample


def summarise(target: str, form: str, connections: int, samples: Sequence[Sample]) -> Line:
    """Return medians over the rounds."""
    rates = [sample.requests / sample.seconds for sample in samples]
    return Line(
        target=target,
        form=form,
        connections=connections,
        requests_per_second=median(rates),
        lowest_per_second=min(rates),
        highest_per_second=max(rates),
        p50_us=median(sample.p50_us for sample in samples),
        p90_us=median(sample.p90_us for sample in samples),
        p99_us=median(sample.p99_us for sample in samples),
    )


def measure(seconds: int, rounds: int, connections: Sequence[int]) -> WrkReport:
    """Start both servers on one core, and load them in turns from another.

    Raises:
        WrkError: wrk or a second core is missing, or requests failed.
        ServiceError: A server did not start.
    """
    wrk, cores = find_wrk(), choose_cores()
    samples: dict[tuple[str, str, int], list[Sample]] = {}
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="prunus-wrk-")))
        model, bodies = folder / "mlp.keras", write_bodies(folder)
        write_network(model)
        with on_core(cores.server):
            service = stack.enter_context(running_service(folder / "data"))
            bare = stack.enter_context(running_bare(folder / "bare.log"))
        service.upload(MODEL, model)
        targets = {"Prunus": f"{service.url}/predict?model={MODEL}", "bare": f"{bare}/predict"}
        for _ in range(rounds):
            for many in connections:
                for body in bodies:
                    for target, url in targets.items():
                        sample = ask(wrk, cores.client, url, body, many, seconds)
                        samples.setdefault((target, body.form, many), []).append(sample)
        lines = tuple(summarise(*key, found) for key, found in samples.items())
        with on_core(cores.server):
            overhead = measure_overhead(folder / "overhead")
        sizes = {body.form: body.path.stat().st_size for body in bodies}
    return WrkReport(lines, overhead, sizes, seconds, rounds)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=1, help="of one run of wrk")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each kind, in turns")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--result", type=Path, help="file for the numbers, as JSON")
    parser.add_argument("--page", type=Path, help="file for the numbers, as Markdown")
    options = parser.parse_args()
    try:
        report = measure(options.seconds, options.rounds, options.connections)
    except (WrkError, ServiceError) as error:
        sys.exit(f"{error}")
    text = page(report)
    sys.stdout.write(text)
    if options.result:
        options.result.write_text(json.dumps(asdict(report), indent=1) + "\n")
    if options.page:
        options.page.write_text(text)


if __name__ == "__main__":
    main()
