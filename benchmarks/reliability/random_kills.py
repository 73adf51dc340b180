"""Kill a service and its workers at random times; what was acknowledged must be there, what was deleted must be gone.

python -m benchmarks.reliability.random_kills [--kills 200] [--seed 0] [--page docs/reliability.md]

Each round starts the service on what the last kill left, compares what it lists and answers with what was acknowledged,
lets two clients upload, delete, activate and deactivate, and kills the server by SIGKILL: at a random time, and in
every second round right after a deletion or activation began. In every sixth round one of its workers is killed a
moment before. Before every tenth start the database is removed, too.
"""

import argparse
import contextlib
import os
import random
import signal
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from statistics import median

import httpx
import numpy as np

from benchmarks.machine import describe_cpu
from benchmarks.page import replace_section, table
from benchmarks.reliability.ledger import Key, Ledger
from loadtest.service import REPOSITORY, Service, running_service

NAME = "python -m benchmarks.reliability.random_kills"
DEMO = REPOSITORY / "app" / "demo"
CLIENTS = ("ann", "ben")
MAX_VERSIONS = 6
# In lengths of an upload's job: kills come in all of its stages, and after it.
LONGEST_LIFE_JOBS = 2.0
# Deletions and activations take milliseconds: in every second round the server dies so soon after one began.
LONGEST_CHANGE_SECONDS = 0.02
PATIENCE_SECONDS = 60.0
TOLERANCE = 1e-4
ENVIRONMENT = {
    "PRUNUS_JOB_TUNE_SECONDS": "0.05",
    "PRUNUS_RETUNE": "0",
    "PRUNUS_JOB_PARALLEL_MAX_JOBS": "2",
}


@dataclass(slots=True)
class Tally:
    """What happened in all rounds.

    Attributes:
        counts: numbers of kills, and of operations by whether they were acknowledged.
        faults: what should not have been found, one sentence each.
        start_seconds: times from each start until all models answered.
    """

    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    start_seconds: list[float] = field(default_factory=list)


class Client:
    """Works on one model until the server is gone, and keeps the ledger of it."""

    def __init__(self, url: str, name: str, ledger: Ledger, tally: Tally, seed: int) -> None:
        """Work on the model `name` of the service at `url`."""
        self._http = httpx.Client(base_url=url, timeout=PATIENCE_SECONDS)
        self._name = name
        self._ledger = ledger
        self._tally = tally
        self._random = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self.changing = threading.Event()

    def run(self) -> None:
        """Do one thing after another until the server does not answer."""
        with self._http, contextlib.suppress(httpx.TransportError):
            while True:
                self._act()

    def _act(self) -> None:
        versions = self._ledger.versions(self._name)
        choice = self._random.random()
        if not versions or (choice < 0.5 and len(versions) < MAX_VERSIONS):
            self.upload()
        elif choice < 0.75:
            self._delete((self._name, self._random.choice(versions)))
        else:
            self._change((self._name, self._random.choice(versions)))

    def upload(self) -> None:
        """Upload the demo model as the next version."""
        self._ledger.open_uploads[self._name] += 1
        is_active = self._random.random() < 0.7
        answer = self._http.post(
            "/models",
            params={"wait": PATIENCE_SECONDS},
            data={"name": self._name, "activate": str(is_active).lower()},
            files={"file": ("digits.keras", (DEMO / "digits.keras").read_bytes())},
        )
        self._ledger.open_uploads[self._name] -= 1
        if answer.status_code == 201:
            self._ledger.published((self._name, answer.json()["version"]), is_active=is_active)
            self._tally.counts["uploads acknowledged"] += 1
        else:  # a worker was killed: the server has said that there is no version
            self._tally.counts["uploads refused"] += 1

    def _delete(self, key: Key) -> None:
        self._ledger.open_deletions.add(key)
        self.changing.set()
        answer = self._http.delete(f"/models/{key[0]}/versions/{key[1]}")
        self._expect(answer, 204)
        self._ledger.gone(key)
        self._ledger.open_deletions.discard(key)
        self._tally.counts["deletions acknowledged"] += 1

    def _change(self, key: Key) -> None:
        is_active = self._random.random() < 0.5
        verb = "activate" if is_active else "deactivate"
        self._ledger.open_changes.add(key)
        self.changing.set()
        answer = self._http.post(f"/models/{key[0]}/versions/{key[1]}/{verb}")
        self._expect(answer, 200)
        self._ledger.sure[key] = is_active
        self._ledger.open_changes.discard(key)
        self._tally.counts["activations and deactivations acknowledged"] += 1

    def _expect(self, answer: httpx.Response, status: int) -> None:
        if answer.status_code != status:
            self._tally.faults.append(
                f"{answer.request.method} {answer.request.url.path}: {answer.status_code}"
            )


def check(service: Service, data: Path, ledger: Ledger) -> list[str]:
    """Return what a start should not have left, compared with what was acknowledged before."""
    with httpx.Client(base_url=service.url, timeout=PATIENCE_SECONDS) as http:
        models = http.get("/models").json()["models"]
        found = {
            (model["name"], version["version"]): bool(version["active"])
            for model in models
            for version in model["versions"]
        }
        faults = ledger.faults(found)
        faults += [
            f"not readable: {model['name']}" for model in models if model["unreadable_versions"]
        ]
        faults += wrong_answers(http, found)
        states = {job["state"] for job in http.get("/jobs").json()["jobs"]}
        faults += [f"a job is still {state}" for state in states & {"queued", "running"}]
    faults += strays(data, found)
    ledger.adopt(found)
    return faults


def wrong_answers(http: httpx.Client, found: dict[Key, bool]) -> list[str]:
    """Return the versions that do not answer, or not with what the demo model answers."""
    faults = []
    body = {"Content-Type": "application/x-npy"}
    request = (DEMO / "request.npy").read_bytes()
    accept = {**body, "Accept": "application/json"}
    wanted: object = None
    for name, version in sorted(found):
        url = f"/predict?model={name}&version={version}"
        answer = http.post(url, content=request, headers=accept)
        if answer.status_code != 200:
            faults.append(f"no answer: {(name, version)}: {answer.status_code}")
            continue
        outputs = answer.json()["outputs"]
        wanted = outputs if wanted is None else wanted
        if not np.allclose(outputs, wanted, atol=TOLERANCE):
            faults.append(f"another answer: {(name, version)}")
    for name in {name for name, _ in found}:
        active = [
            version for (model, version), is_active in found.items() if model == name and is_active
        ]
        answer = http.post(f"/predict?model={name}", content=request, headers=accept)
        got = answer.json()["version"] if answer.status_code == 200 else answer.status_code
        if got != (max(active) if active else 409):
            faults.append(f"{name!r} without version: answered by {got}, active are {active}")
    return faults


def strays(data: Path, found: dict[Key, bool]) -> list[str]:
    """Return what lies in the data folder and belongs to no version, and what was set aside."""
    folders = {f"{path.parent.name}/{path.name}" for path in (data / "models").glob("*/*")}
    left = sorted(folders ^ {f"{name}/{version}" for name, version in found})
    for place in ("jobs", "uploads", "lost"):
        left += [str(path) for path in (data / place).glob("*")]
    left += [str(path) for path in (data / "trash").glob("*/*")]
    return [f"left on disk: {path}" for path in left]


def workers_of(pid: int) -> list[int]:
    """Return the child processes of a process."""
    children: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            children += map(int, path.read_text().split())
    return children


def first_versions(data: Path, ledger: Ledger, tally: Tally) -> float:
    """Let each client upload one version in peace; return the seconds that the last one took."""
    with running_service(data, environment=ENVIRONMENT) as service:
        for name in CLIENTS:
            began = time.monotonic()
            Client(service.url, name, ledger, tally, 0).upload()
        return time.monotonic() - began


def run_round(
    data: Path,
    number: int,
    ledger: Ledger,
    tally: Tally,
    chance: random.Random,
    longest_life_seconds: float,
) -> None:
    """Start, compare, work, and kill."""
    with running_service(data, environment=ENVIRONMENT) as service:
        tally.start_seconds.append(service.ready_seconds)
        tally.faults += [f"round {number}: {fault}" for fault in check(service, data, ledger)]
        clients = [
            Client(service.url, name, ledger, tally, chance.randrange(2**32)) for name in CLIENTS
        ]
        threads = [threading.Thread(target=client.run) for client in clients]
        for thread in threads:
            thread.start()
        if number % 2:
            time.sleep(chance.uniform(0.0, longest_life_seconds))
        else:
            chance.choice(clients).changing.wait(longest_life_seconds)
            time.sleep(chance.uniform(0.0, LONGEST_CHANGE_SECONDS))
        workers = workers_of(service.process_id)
        if number % 6 == 3 and workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(chance.choice(workers), signal.SIGKILL)
                tally.counts["kills of a worker"] += 1
            time.sleep(chance.uniform(0.0, 0.5))
        os.kill(service.process_id, signal.SIGKILL)
        tally.counts["kills of the server"] += 1
        for thread in threads:
            thread.join(PATIENCE_SECONDS)
    tally.counts["uploads without an answer"] += ledger.open_uploads.total()
    tally.counts["deletions without an answer"] += len(ledger.open_deletions)
    tally.counts["activations and deactivations without an answer"] += len(ledger.open_changes)


def run(kills: int, seed: int, data: Path) -> Tally:
    """Kill so many times, then look at what is left once more."""
    ledger, tally = Ledger(), Tally()
    chance = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
    longest_life_seconds = LONGEST_LIFE_JOBS * first_versions(data, ledger, tally)
    for number in range(1, kills + 1):
        if number % 10 == 0:
            for file in data.glob("prunus.db*"):
                file.unlink()
            tally.counts["starts without the database"] += 1
        run_round(data, number, ledger, tally, chance, longest_life_seconds)
        sys.stderr.write(f"\r{number} of {kills} kills, {len(tally.faults)} faults ")
    with running_service(data, environment=ENVIRONMENT) as service:
        tally.faults += [f"at the end: {fault}" for fault in check(service, data, ledger)]
        tally.counts["versions at the end"] = len(ledger.sure)
    with contextlib.closing(sqlite3.connect(data / "prunus.db")) as connection:
        (verdict,) = connection.execute("PRAGMA integrity_check").fetchone()
    if verdict != "ok":
        tally.faults.append(f"the database is damaged: {verdict}")
    return tally


ROWS = (
    *("kills of the server", "kills of a worker", "starts without the database"),
    *("uploads acknowledged", "uploads refused", "deletions acknowledged"),
    *("activations and deactivations acknowledged", "uploads without an answer"),
    *("deletions without an answer", "activations and deactivations without an answer"),
    "versions at the end",
)


def section(tally: Tally, command: str) -> str:
    """Return the page's section."""
    rows = [(name, f"{tally.counts[name]:,}") for name in ROWS]
    starts = tally.start_seconds
    rows.append(
        (
            "start until all models answer, median and longest",
            f"{median(starts):.1f} s, {max(starts):.1f} s",
        )
    )
    rows.append(("**faults**", f"**{len(tally.faults)}**"))
    text = (
        "After each start the versions that the service lists, their active flags, their answers and the files on disk"
        " are compared with what was acknowledged. An operation without an answer may have happened or not, but not by"
        " half. A fault is a version that is lost, that came back after it was deleted, that appeared without an upload,"
        " whose flag changed, or that does not answer as it should; a file that belongs to nothing; a job that never ends."
    )
    faults = "".join(f"\n- {fault}" for fault in tally.faults[:20])
    made = f"{describe_cpu()}, {date.today().isoformat()}, `{command}`."
    return "\n\n".join(filter(None, (text, table(("what", "number"), rows), faults, made)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print, write the page; return 1 where there was a fault."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--page",
        type=Path,
        default=Path("docs/reliability.md"),
        help="page whose section is written",
    )
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="prunus-kills-") as folder:
        tally = run(options.kills, options.seed, Path(folder) / "data")
    command = f"{NAME} --kills {options.kills} --seed {options.seed}"
    text = section(tally, command)
    sys.stdout.write(text + "\n")
    replace_section(options.page, NAME, text)
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main())
