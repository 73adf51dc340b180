"""`python -m benchmarks.reliability.hostile_files`: hostile files and forms sent over HTTP to a running service.

Each must be refused with a reason of its own or, where it is harmless, be served. Checked of each: the status, the
problem document, that no model came to be, that nothing is left in the folders of uploads and jobs. Checked at the end:
that no code of any file ran (all of it would leave a file called `executed` behind), that the service answers and its
log has no traceback, and that the data folder is empty again once what was served is deleted.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx

from benchmarks.machine import describe_cpu
from benchmarks.page import replace_section, table
from benchmarks.reliability.hostile_fields import Field, all_fields, healthy_model
from benchmarks.reliability.service import REPOSITORY, Service
from tests.hostile.catalog import files_by_kind

COMMAND = "python -m benchmarks.reliability.hostile_files"
PAGE = REPOSITORY / "docs" / "reliability.md"
CANARY = "executed"
WAIT_SECONDS = 60
# What holds files of uploads and jobs while these are worked on.
FOLDERS = ("uploads", "jobs")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one request.

    Attributes:
        kind: which group of the table it belongs to.
        name: what it tries.
        was_served: it became a model.
        seconds: time until the answer.
        fault: what is wrong with the outcome, or nothing.
    """

    kind: str
    name: str
    was_served: bool
    seconds: float
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request to make: `send` makes it; what must come of it."""

    kind: str
    name: str
    send: Callable[[httpx.Client], httpx.Response]
    slug: str = ""
    must_be_served: bool = False
    may_be_served: bool = False


def attempts(folder: Path) -> Iterator[Attempt]:
    """Every hostile file, then every hostile form around a healthy file."""
    for kind, files in files_by_kind().items():
        for name, file in files.items():
            path = folder / "upload"
            file.write(path)
            content = path.read_bytes()
            slug = file.error.slug if file.error else ""
            yield Attempt(kind, name, _upload(content), slug, must_be_served=file.error is None)
    healthy = healthy_model(folder)
    for kind, field in all_fields():
        yield Attempt(kind, field.name, _form(field, healthy), may_be_served=field.may_be_served)


def _upload(content: bytes) -> Callable[[httpx.Client], httpx.Response]:
    return lambda http: http.post(
        "/models",
        params={"wait": WAIT_SECONDS},
        data={"name": "hostile"},
        files={"file": ("model.keras", content)},
    )


def _form(field: Field, healthy: bytes) -> Callable[[httpx.Client], httpx.Response]:
    query = {"wait": str(WAIT_SECONDS), **field.query}
    if field.body is not None:
        headers = {"Content-Type": field.content_type}
        return lambda http: http.post("/models", params=query, content=field.body, headers=headers)
    files = {"file": (field.filename, healthy)}
    files |= {name: (f"{name}.npz", content) for name, content in field.files.items()}
    return lambda http: http.post("/models", params=query, data=field.fields, files=files)


def judge(attempt: Attempt, answer: httpx.Response, left: Sequence[str], seconds: float) -> Outcome:
    """Say whether an answer is right: a refusal with a reason, or a model where that does no harm."""
    was_served = answer.status_code == httpx.codes.CREATED
    fault = ""
    if left:
        fault = f"left behind: {', '.join(left[:3])}"
    elif was_served:
        allowed = attempt.must_be_served or attempt.may_be_served
        fault = "" if allowed else "was served"
    elif attempt.must_be_served:
        fault = f"was refused: {answer.status_code} {answer.text[:200]}"
    else:
        fault = _fault_of_refusal(answer, attempt.slug)
    return Outcome(attempt.kind, attempt.name, was_served, seconds, fault)


def _fault_of_refusal(answer: httpx.Response, slug: str) -> str:
    if not httpx.codes.is_client_error(answer.status_code):
        return f"status {answer.status_code}: {answer.text[:200]}"
    try:
        problem = answer.json()
    except ValueError:
        return f"no problem document: {answer.text[:200]}"
    found = str(problem.get("type", "")).removeprefix("/problems/")
    if not found or not problem.get("detail") or not problem.get("title"):
        return f"no reason: {problem}"
    return f"problem {found} in place of {slug}" if slug and found != slug else ""


def left_files(data: Path) -> list[str]:
    """Files in the folders that hold something only while a job runs."""
    return [
        str(path.relative_to(data))
        for name in FOLDERS
        if (data / name).is_dir()
        for path in (data / name).rglob("*")
        if path.is_file()
    ]


def run(service: Service, every: int) -> Iterator[Outcome]:
    """Make every n-th attempt, one after the other; what was served is deleted again."""
    with tempfile.TemporaryDirectory() as scratch:
        for number, attempt in enumerate(attempts(Path(scratch))):
            if number % every:
                continue
            start = time.monotonic()
            answer = attempt.send(service.http)
            seconds = time.monotonic() - start
            outcome = judge(attempt, answer, left_files(service.data), seconds)
            if outcome.was_served:
                service.http.delete(f"/models/{answer.json()['name']}").raise_for_status()
            yield outcome


def final_faults(service: Service) -> list[str]:
    """What must hold when all is over: nothing ran, nothing is left, and the service is well."""
    faults, data = [], service.data
    if service.http.get("/health/ready").status_code != httpx.codes.OK:
        faults.append("the service is not ready")
    if service.http.get("/models").json()["models"]:
        faults.append("a model is left")
    models = [path for path in (data / "models").rglob("*") if path.is_file()]
    faults += [f"left on disk: {path}" for path in models[:3]]
    places = (data, Path.cwd(), REPOSITORY, Path.home(), Path(tempfile.gettempdir()))
    ran = {
        path for place in places for path in (place / CANARY, *data.rglob(CANARY)) if path.exists()
    }
    return faults + [f"code ran: {path}" for path in sorted(ran)]


def section(outcomes: Sequence[Outcome], faults: Sequence[str]) -> str:
    """The section of the page."""
    rows = []
    for kind in dict.fromkeys(outcome.kind for outcome in outcomes):
        found = [outcome for outcome in outcomes if outcome.kind == kind]
        served = sum(outcome.was_served for outcome in found)
        wrong = sum(bool(outcome.fault) for outcome in found)
        slowest = max(outcome.seconds for outcome in found)
        rows.append(
            (kind, str(len(found)), str(len(found) - served), str(served), str(wrong), f"{slowest:.1f}")
        )  # fmt: skip
    header = ("what", "sent", "refused with a reason", "harmless and served", "wrong", "slowest, s")
    wrong = [f"- {o.kind}, {o.name}: {o.fault}" for o in outcomes if o.fault]
    wrong += [f"- afterwards: {fault}" for fault in faults]
    total = len(outcomes)
    verdict = (
        f"{total} hostile files and forms were sent; all came out right, no code of any of them ran, and nothing was left"
        " on disk."
        if not wrong
        else f"{total} hostile files and forms were sent; **{len(wrong)} came out wrong**:\n\n"
        + "\n".join(wrong)
    )
    when = datetime.now(UTC).date().isoformat()
    return (
        f"{verdict}\n\n{table(header, rows)}\n\nBy `{COMMAND}` on {describe_cpu()}, {when}. Code in the files would leave a"
        f" file `{CANARY}` behind; harmless are models with code that only training would run, and odd file names."
    )


def main() -> int:
    """Run all attempts against a service of their own, and write the section; return 1 if anything is wrong, else 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="send only every n-th (default: all)")
    parser.add_argument(
        "--page", type=Path, default=PAGE, help="the page to write; - for the terminal"
    )
    options = parser.parse_args()
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory() as folder, Service(Path(folder)) as service:
        for outcome in run(service, options.every):
            outcomes.append(outcome)
            if outcome.fault:
                print(f"WRONG {outcome.kind}: {outcome.name}: {outcome.fault}", flush=True)
        faults = final_faults(service)
        service.stop()
        if "Traceback" in service.log():
            faults.append("a traceback in the log")
    text = section(outcomes, faults)
    if str(options.page) == "-":
        print(text)
    else:
        replace_section(options.page, COMMAND, text)
    return int(bool(faults) or any(outcome.fault for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
