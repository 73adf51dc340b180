"""What a fuzz target is, and the loop that feeds one; it runs in a process of its own, which may crash or hang."""

import random
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

# Written by the process that tries cases, read by the one that watches it.
CASE_FILE, COUNT_FILE = "case", "counts"


@dataclass(frozen=True, slots=True)
class Target:
    """Something that is fed hostile input.

    Attributes:
        name: a word for it.
        make: draws a case.
        attempt: feeds it; whether it was accepted, or False where it was refused as it should be. Any exception is a
            fault.
        close: called at the end.
    """

    name: str
    make: Callable[[random.Random], bytes]
    attempt: Callable[[bytes], bool]
    close: Callable[[], None] = lambda: None


# From a folder for files of its own to the target.
MakeTarget = Callable[[Path], Target]


@dataclass(slots=True)
class Counts:
    """What came of the cases so far, and how long it took; preparing a target does not count."""

    tried: int = 0
    accepted: int = 0
    errors: int = 0
    milliseconds: int = 0

    def text(self) -> str:
        """The counts as they are kept in a file."""
        return f"{self.tried} {self.accepted} {self.errors} {self.milliseconds}"

    @classmethod
    def of(cls, text: str) -> "Counts":
        """The counts in a file; none where it is empty."""
        numbers = [int(word) for word in text.split()]
        return cls(*numbers) if len(numbers) == 4 else cls()


def rng_of(target: str, seed: int, number: int) -> random.Random:
    """The generator of one case: the same whatever was tried before."""
    return random.Random(f"{target}:{seed}:{number}")  # noqa: S311  # repeatable, no secret


def feed(target: Target, folder: Path, findings: Path, seed: int, seconds: float) -> None:
    """Try cases until the time is over; write each case down before it is tried, and each unexpected error with it.

    Args:
        target: what to feed.
        folder: where the watching process finds the case and the counts.
        findings: where reproducers go.
        seed: seed of all cases.
        seconds: how long in all, with what the counts in the folder have.
    """
    counts = Counts.of((folder / COUNT_FILE).read_text())
    start = time.monotonic() - counts.milliseconds / 1000
    try:
        while time.monotonic() - start < seconds:
            number = counts.tried
            case = target.make(rng_of(target.name, seed, number))
            (folder / CASE_FILE).write_bytes(case)
            try:
                counts.accepted += target.attempt(case)
            except MemoryError:
                pass  # The limit of the process held, as that of a worker process would.
            except Exception:  # noqa: BLE001  # whatever it is, it is a finding
                counts.errors += 1
                keep(findings, f"{target.name}-{seed}-{number}", case, traceback.format_exc())
            counts.tried += 1
            counts.milliseconds = int(1000 * (time.monotonic() - start))
            (folder / COUNT_FILE).write_text(counts.text())
    finally:
        target.close()


def keep(findings: Path, name: str, case: bytes, reason: str) -> None:
    """Write a reproducer: the case, and why it is one."""
    findings.mkdir(parents=True, exist_ok=True)
    (findings / f"{name}.bin").write_bytes(case)
    (findings / f"{name}.txt").write_text(reason)


def all_targets() -> Mapping[str, MakeTarget]:
    """The targets by name; what one needs is imported when it is made."""
    from benchmarks.reliability.fuzzing.artifacts import artifacts
    from benchmarks.reliability.fuzzing.codecs import codecs
    from benchmarks.reliability.fuzzing.live import live
    from benchmarks.reliability.fuzzing.readers import readers
    from benchmarks.reliability.fuzzing.saved_models import saved_models

    return {
        "readers": readers,
        "saved_models": saved_models,
        "artifacts": artifacts,
        "codecs": codecs,
        "live": live,
    }
