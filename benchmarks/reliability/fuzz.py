"""`python -m benchmarks.reliability.fuzz`: changed input for the readers, artifacts, codecs and a running service.

Each target is fed for a fixed time in a process of its own, which this one watches: a process that ends by a signal, or
that does not come to the next case in time, is a fault, as is any exception that is not a refusal. Each fault is
written down as a reproducer: the bytes of the case and the reason.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.machine import describe_cpu
from benchmarks.page import replace_section, table
from benchmarks.reliability.fuzzing.target import (
    CASE_FILE,
    COUNT_FILE,
    Counts,
    all_targets,
    feed,
    keep,
)

COMMAND = "python -m benchmarks.reliability.fuzz"
REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = REPOSITORY / "docs" / "reliability.md"
FINDINGS = Path("fuzz-findings")
TARGETS = ("readers", "saved_models", "artifacts", "codecs", "live")
# A case takes milliseconds; an upload to the service takes seconds, and more on a busy machine.
HANG_SECONDS = 120.0
# Preparing a target compiles kernels or starts a service.
START_SECONDS = 300.0
MEMORY_MAX_BYTES = 8 * 1024 * 1024 * 1024


@dataclass(slots=True)
class Result:
    """What came of a target.

    Attributes:
        name: name of the target.
        counts: cases and outcomes.
        crashes: processes that ended by a signal or an unexpected status.
        hangs: cases that did not end in time.
    """

    name: str
    counts: Counts
    crashes: int = 0
    hangs: int = 0

    @property
    def faults(self) -> int:
        """All that must not be."""
        return self.crashes + self.hangs + self.counts.errors


def run_target(name: str, seconds: float, seed: int, findings: Path) -> Result:
    """Feed a target, and start it again with the next case where it crashes or hangs."""
    result = Result(name, Counts())
    while True:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            (folder / COUNT_FILE).write_text(result.counts.text())
            process = _start(name, folder, seed, seconds, findings)
            ending = _watch(process, folder)
            result.counts = Counts.of((folder / COUNT_FILE).read_text())
            if ending:
                case = folder / CASE_FILE
                content = case.read_bytes() if case.exists() else b""
                keep(findings, f"{name}-{seed}-{result.counts.tried}", content, ending)
                result.hangs += ending.startswith("hang")
                result.crashes += not ending.startswith("hang")
                result.counts.tried += 1
                result.counts.milliseconds += 1000
        if not ending or result.counts.milliseconds >= 1000 * seconds:
            return result


def _start(
    name: str, folder: Path, seed: int, seconds: float, findings: Path
) -> "subprocess.Popen[bytes]":
    arguments = [name, str(folder), str(seed), repr(seconds), str(findings.resolve())]
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.reliability.fuzz", "--child", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONFAULTHANDLER": "1"},
    )


def _watch(process: "subprocess.Popen[bytes]", folder: Path) -> str:
    """Wait for the end; return how it ended where that is a fault. A process that hangs is killed."""
    last, changed = "", time.monotonic()
    limit = START_SECONDS
    while process.poll() is None:
        time.sleep(0.1)
        counts = (folder / COUNT_FILE).read_text()
        if counts != last:
            limit = HANG_SECONDS if last else START_SECONDS
            last, changed = counts, time.monotonic()
        elif time.monotonic() - changed > limit:
            process.kill()
            process.wait()
            return f"hang: no case was finished for {limit:.0f} s"
    status = process.returncode
    return f"crash: the process ended with status {status}" if status else ""


def child(arguments: Sequence[str]) -> None:
    """Feed one target; the process that does it."""
    name, folder, seed, seconds, findings = arguments
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX_BYTES, MEMORY_MAX_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    work = Path(folder) / "work"
    work.mkdir()
    target = all_targets()[name](work)
    feed(target, Path(folder), Path(findings), int(seed), float(seconds))


def section(results: Sequence[Result], seed: int) -> str:
    """The section of the page."""
    rows = [
        (r.name, f"{r.counts.milliseconds / 1000:.0f}", f"{r.counts.tried:,}", f"{r.counts.accepted:,}",
         f"{r.counts.tried - r.counts.accepted - r.faults:,}", str(r.crashes), str(r.hangs),
         str(r.counts.errors))
        for r in results
    ]  # fmt: skip
    header = (
        "target",
        "seconds",
        "cases",
        "accepted",
        "refused",
        "crashes",
        "hangs",
        "unexpected errors",
    )
    faults = sum(result.faults for result in results)
    verdict = (
        "No case made anything crash, hang or fail in an unexpected way."
        if not faults
        else f"**{faults} cases made something crash, hang or fail in an unexpected way.**"
    )
    when = datetime.now(UTC).date().isoformat()
    return (
        f"{verdict}\n\n{table(header, rows)}\n\nBy `{COMMAND}` with seed {seed} on {describe_cpu()}, {when}. Readers: Keras"
        " files with changed bytes, entries or configurations, and the writer on what was read. Artifacts: sealed again with"
        " a right checksum, then run. Codecs: bodies of predictions and form fields. Live: raw requests and uploads to a"
        " running service."
    )


def main() -> int:
    """Feed all targets one after the other, and write the section; the status is 1 where there are faults."""
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2:])
        return 0
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--seconds", type=float, default=300.0, help="for each target (default: 300)"
    )
    parser.add_argument("--target", choices=TARGETS, action="append", help="only these")
    parser.add_argument(
        "--seed", type=int, default=int(time.time()), help="of all cases (default: the clock's)"
    )
    parser.add_argument("--findings", type=Path, default=FINDINGS, help="folder for reproducers")
    parser.add_argument(
        "--page", type=Path, default=PAGE, help="the page to write; - for the terminal"
    )
    options = parser.parse_args()
    results = []
    for name in options.target or TARGETS:
        results.append(run_target(name, options.seconds, options.seed, options.findings))
        print(f"{name}: {results[-1]}", flush=True)
    text = section(results, options.seed)
    if str(options.page) == "-":
        print(text)
    else:
        replace_section(options.page, COMMAND, text)
    if any(result.faults for result in results):
        print(f"reproducers are in {options.findings}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
