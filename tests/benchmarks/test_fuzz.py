"""The fuzzer writes down what crashes, hangs or fails, and goes on with the next case."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.reliability import fuzz
from benchmarks.reliability.fuzzing.codecs import codecs
from benchmarks.reliability.fuzzing.readers import readers
from benchmarks.reliability.fuzzing.target import (
    CASE_FILE,
    COUNT_FILE,
    Counts,
    Target,
    all_targets,
    feed,
    rng_of,
)


def feed_numbers(tmp_path: Path, attempt: object) -> Counts:
    """Feed a target whose cases are their own numbers, for some cases."""
    (tmp_path / COUNT_FILE).write_text("")
    target = Target("numbers", lambda rng: b"case", attempt)  # type: ignore[arg-type]
    feed(target, tmp_path, tmp_path / "findings", 7, 0.05)
    return Counts.of((tmp_path / COUNT_FILE).read_text())


def test_unexpected_errors_are_kept_with_their_case(tmp_path: Path) -> None:
    outcomes = iter([True, False, KeyError("unexpected"), MemoryError()])

    def attempt(case: bytes) -> bool:
        assert (tmp_path / CASE_FILE).read_bytes() == case
        result = next(outcomes, False)
        if isinstance(result, BaseException):
            raise result
        return result

    counts = feed_numbers(tmp_path, attempt)
    assert counts.tried >= 4
    assert (counts.accepted, counts.errors) == (1, 1)
    assert (tmp_path / "findings" / "numbers-7-2.bin").read_bytes() == b"case"
    assert "KeyError: 'unexpected'" in (tmp_path / "findings" / "numbers-7-2.txt").read_text()


def test_cases_depend_on_nothing_but_their_number() -> None:
    assert rng_of("a", 1, 2).random() == rng_of("a", 1, 2).random()
    assert len({rng_of(t, s, n).random() for t in "ab" for s in (1, 2) for n in (1, 2)}) == 8


def process(code: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", code])


def test_a_crash_is_seen(tmp_path: Path) -> None:
    (tmp_path / COUNT_FILE).write_text("")
    killed = process("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert (
        fuzz._watch(killed, tmp_path) == f"crash: the process ended with status {-signal.SIGKILL}"
    )
    assert fuzz._watch(process("raise SystemExit(3)"), tmp_path).endswith("status 3")
    assert fuzz._watch(process(""), tmp_path) == ""


def test_a_hang_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / COUNT_FILE).write_text("1 0 0 5")
    monkeypatch.setattr(fuzz, "HANG_SECONDS", 0.3)
    monkeypatch.setattr(fuzz, "START_SECONDS", 0.3)
    hanging = process("import time; time.sleep(600)")
    assert fuzz._watch(hanging, tmp_path).startswith("hang: no case was finished")
    with pytest.raises(ProcessLookupError):
        os.kill(hanging.pid, 0)


def test_a_crash_is_kept_and_the_next_case_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []

    def start(name: str, folder: Path, *_: object) -> "subprocess.Popen[bytes]":
        started.append((folder / COUNT_FILE).read_text())
        (folder / CASE_FILE).write_bytes(b"bad")
        if len(started) == 1:
            return process("import os; os.abort()")
        (folder / COUNT_FILE).write_text("9 4 0 9000")
        return process("")

    monkeypatch.setattr(fuzz, "_start", start)
    result = fuzz.run_target("codecs", 5, 3, tmp_path / "findings")
    assert started == ["0 0 0 0", "1 0 0 1000"]
    assert (result.crashes, result.hangs, result.faults) == (1, 0, 1)
    assert (tmp_path / "findings" / "codecs-3-0.bin").read_bytes() == b"bad"


def test_the_section_says_what_was_found() -> None:
    clean = fuzz.Result("readers", Counts(1200, 200, 0, 300_000))
    text = fuzz.section([clean], 5)
    assert "No case made anything crash" in text
    assert "| readers | 300 | 1,200 | 200 | 1,000 | 0 | 0 | 0 |" in text
    bad = fuzz.Result("live", Counts(10, 5, 1, 1000), crashes=1, hangs=1)
    assert "**3 cases made something crash" in fuzz.section([clean, bad], 5)


def test_all_targets_are_named() -> None:
    assert tuple(all_targets()) == fuzz.TARGETS


@pytest.mark.parametrize("make", [readers, codecs])
def test_some_cases_of_a_target(make: object, tmp_path: Path) -> None:
    target = make(tmp_path)  # type: ignore[operator]
    found = [target.attempt(target.make(random.Random(seed))) for seed in range(60)]  # noqa: S311
    assert set(found) == {True, False}
