"""What a worker process that a hostile file has taken over can do: every act is tried, and a table is written.

python -m benchmarks.reliability.taken_over_worker [--page docs/reliability.md]

A server is started whose worker is `benchmarks.reliability.hostile_worker`, confined by the server's own code. The acts
are tried twice: with all that this machine offers, and as in a container that gives no namespaces.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import orjson
import uvicorn

from app.core.settings import MIB, Settings
from app.main import create_app
from benchmarks.machine import describe_cpu
from benchmarks.page import replace_section
from benchmarks.reliability.hostile_acts import ACTS
from benchmarks.reliability.hostile_worker import DONE_LINE, MAGIC, NO_OWN_ROOT, RESULTS_FILE

NAME = "python -m benchmarks.reliability.taken_over_worker"
WORKER = "benchmarks.reliability.hostile_worker"
_DEADLINE_SECONDS = 120.0
_ATTEMPTS = 10
_DISK_MAX_BYTES = 32 * MIB


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        now: the outcome with a root folder of its own.
        in_container: without one.
    """

    group: str
    name: str
    before: str
    now: str
    in_container: str


@dataclass(frozen=True, slots=True)
class Server:
    """A running server with the hostile worker."""

    http: httpx.Client
    data: Path
    process: subprocess.Popen[bytes]

    def submit(self, program: str, wait_seconds: float | None = None) -> Any:
        """Upload what names a program; return the answer's document."""
        answer = self.http.post(
            "/models",
            params=None if wait_seconds is None else {"wait": wait_seconds},
            data={"name": "hostile"},
            files={"file": ("model.keras", MAGIC + program.encode())},
        )
        document: Any = answer.json()
        return document


@contextmanager
def hostile_server(data: Path) -> Iterator[Server]:
    """Run a server until the block ends."""
    command = [sys.executable, "-m", "benchmarks.reliability.taken_over_worker"]
    socket_path = data.with_suffix(".socket")
    process = subprocess.Popen([*command, "--serve", str(data), str(socket_path)])
    transport = httpx.HTTPTransport(uds=str(socket_path))
    try:
        with httpx.Client(transport=transport, base_url="http://localhost", timeout=90) as http:
            _wait(lambda: socket_path.exists() and _is_ready(http))
            yield Server(http, data, process)
    finally:
        process.kill()
        process.wait()


def _is_ready(http: httpx.Client) -> bool:
    try:
        return http.get("/health/ready").status_code == 200
    except httpx.TransportError:
        return False


def _serve(data: Path, socket_path: Path) -> None:
    settings = Settings(data_dir=data, job_disk_max_bytes=_DISK_MAX_BYTES)
    uvicorn.run(create_app(settings, worker_module=WORKER), uds=str(socket_path), log_config=None)


def try_acts(server: Server, *, own_root: bool) -> dict[int, str]:
    """Let a worker try all acts; return what came of each, by its place in `ACTS`.

    Raises:
        RuntimeError: the job ended before all were tried.
        TimeoutError: they were not tried in time.
    """
    for _ in range(_ATTEMPTS):
        job = server.submit("acts" if own_root else f"acts {NO_OWN_ROOT}")
        results = server.data / "jobs" / job["id"] / RESULTS_FILE
        content, problem = _results(server, job["id"], results)
        if content:
            lines = [orjson.loads(line) for line in content.splitlines()]
            server.http.delete(f"/jobs/{job['id']}")
            return {line[0]: line[1] for line in lines if isinstance(line, list)}
        # The server may look while one act has all its threads, and end the job for them.
        if "too many threads" not in problem:
            break
    raise RuntimeError(f"the job ended before all acts were tried: {problem}")


def _results(server: Server, job_id: str, results: Path) -> tuple[bytes, str]:
    """Wait for all results; return them, or none and why the job has ended."""
    found: list[tuple[bytes, str]] = []

    def are_there() -> bool:
        now = server.http.get(f"/jobs/{job_id}").json()
        content = results.read_bytes() if results.exists() else b""
        if content.endswith(DONE_LINE):
            found.append((content, ""))
        elif now["state"] in {"failed", "refused", "cancelled", "done"}:
            found.append((b"", str(now)))
        return bool(found)

    _wait(are_there)
    return found[0]


def unknown_stages(server: Server) -> str:
    """Tell what became of a worker that names stages of its own."""
    problem = server.submit("unknown_stage", 60)
    series = server.http.get("/metrics").text.count("mine-")
    return f"{series} series; the job fails: {problem['type'].rsplit('/', 1)[1]}"


def own_title(server: Server) -> str:
    """Tell what title a client sees that a worker chose."""
    problem = server.submit("own_title", 60)
    return f"title {problem['title']!r}, source {problem.get('source')!r}"


def filled_disk(program: str) -> Callable[[Server], str]:
    """Return what tells what became of a worker that fills the disk in some way, and of its folder."""

    def run(server: Server) -> str:
        problem = server.submit(program, 60)
        left = "" if not any((server.data / "jobs").iterdir()) else "; its folder is left"
        return f"ended over its quota: {problem['type'].rsplit('/', 1)[1]}{left}"

    return run


def kept_threads(server: Server) -> str:
    """Tell what became of a worker with 600 threads that only the server can limit."""
    problem = server.submit(f"keep_threads {NO_OWN_ROOT}", 60)
    return f"ended by the server: {problem['detail']}"


def outliving(server: Server) -> str:
    """Kill the server while its worker tries to outlive it; tell how long it did."""
    job = server.submit("outlive")
    _wait(lambda: server.http.get(f"/jobs/{job['id']}").json()["stage"] == "read")
    tasks = Path(f"/proc/{server.process.pid}/task").glob("*/children")
    (worker,) = (int(pid) for task in tasks for pid in task.read_text().split())
    server.process.send_signal(signal.SIGKILL)
    started = time.monotonic()
    _wait(lambda: not _lives(worker))
    return f"gone after {time.monotonic() - started:.1f} s"


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def _wait(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.05)


# What is tried by a job as a whole: group, name, before, and what tries it.
JOBS: tuple[tuple[str, str, str, Callable[[Server], str]], ...] = (
    (
        "M6: events",
        "name stages without end",
        "5,631 series, /metrics of 8.8 MB",
        unknown_stages,
    ),
    ("M6: events", "choose the title of a problem", "shown as the server's words", own_title),
    *(
        ("M7: disk and threads", f"fill the disk {how}", "no limit", filled_disk(program))
        for how, program in (
            ("by many files", "fill_disk"),
            ("by files without a name, of which pages are mapped", "hide_by_mapping"),
            (
                "by files without a name, of a process whose first thread ended",
                "hide_by_ended_thread",
            ),
            ("below 1,500 folders within one another", "hide_by_depth"),
        )
    ),
    ("M7: disk and threads", "keep 600 threads", "1500, no limit met", kept_threads),
    # Last: it kills the server.
    ("M11: outliving", "live on after kill -9 of the server", "lived on", outliving),
)


def measure() -> list[Row]:
    """Try everything."""
    with (
        tempfile.TemporaryDirectory(prefix="prunus-hostile-") as folder,
        hostile_server(Path(folder) / "data") as server,
    ):
        own, container = (try_acts(server, own_root=each) for each in (True, False))
        rows = [
            Row(
                act.group,
                act.name,
                act.before,
                own.get(place, "not tried"),
                container.get(place, "not tried"),
            )
            for place, act in enumerate(ACTS)
        ]
        for group, name, before, job in JOBS:
            now = job(server)
            rows.append(Row(group, name, before, now, now))
        return rows


def section(rows: Sequence[Row]) -> str:
    """Return the section of the page."""
    refused = sum(not row.now.startswith("possible") for row in rows)
    contained = sum(not row.in_container.startswith("possible") for row in rows)
    user = "root" if os.geteuid() == 0 else "no root"
    lines = [
        f"{date.today():%Y-%m-%d}, Linux {_kernel_version()}, {describe_cpu()}; the server ran as {user}.",
        f"Of {len(rows)} acts {refused} were refused where the worker has a root folder of its own, and {contained} in"
        " what a container without namespaces leaves of the sandbox.",
        "",
        "| act | before (78f1b7c) | now | now, in a container without namespaces |",
        "|---|---|---|---|",
    ]
    group = ""
    for row in rows:
        if row.group != group:
            group = row.group
            lines.append(f"| **{group}** | | | |")
        lines.append(f"| {row.name} | {row.before} | {row.now} | {row.in_container} |")
    lines += ["", f"`{NAME}`"]
    return "\n".join(lines)


def _kernel_version() -> str:
    """Return the kernel's version without what its builder added."""
    return ".".join(os.uname().release.split(".")[:2])


def main() -> None:
    """Measure, and write the section."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--page", type=Path, default=Path("docs/reliability.md"))
    parser.add_argument("--serve", nargs=2, type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        _serve(*arguments.serve)
    else:
        replace_section(arguments.page, NAME, section(measure()))


if __name__ == "__main__":
    main()
