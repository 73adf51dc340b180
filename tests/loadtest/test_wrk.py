"""The measurement by wrk: what it says where wrk or a core is missing, its page, and a short real run."""

import os
import shutil
from pathlib import Path

import pytest

from loadtest import wrk
from loadtest.http_page import page
from loadtest.overhead import Overhead
from loadtest.wrk_result import Sample, WrkReport

needs_wrk = pytest.mark.skipif(
    shutil.which("wrk") is None or len(os.sched_getaffinity(0)) < 2,
    reason="needs wrk and two cores",
)


def test_without_wrk_the_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(wrk.WrkError, match="apt-get install wrk"):
        wrk.find_wrk()


def test_one_core_is_not_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3})
    with pytest.raises(wrk.WrkError, match="two cores"):
        wrk.choose_cores()


def test_the_core_is_given_back() -> None:
    before = os.sched_getaffinity(0)
    core = min(before)
    with wrk.on_core(core):
        assert os.sched_getaffinity(0) == {core}
    assert os.sched_getaffinity(0) == before


def test_the_page_shows_medians_and_the_share_of_the_bare_server() -> None:
    ours = [Sample(1000, 1.0, 100, 200, 300, 0), Sample(3000, 1.0, 120, 220, 320, 0)]
    bare = [Sample(4000, 1.0, 50, 60, 70, 0)]
    lines = (
        wrk.summarise("Prunus", "JSON", 8, ours),
        wrk.summarise("bare", "JSON", 8, bare),
    )
    text = page(WrkReport(lines, (Overhead("JSON", 6.0, 50.0),), {"JSON": 5000}, 1, 2))
    assert "| JSON | 8 | 2,000 (1,000 to 3,000) | 0.11 ms | 0.21 ms | 0.31 ms |" in text
    assert "| 50% |" in text
    assert "| JSON | 6.0 us | 50.0 us | 44.0 us |" in text


@needs_wrk
def test_a_short_run_measures_all_there_is() -> None:
    report = wrk.measure(1, 1, [2])
    kinds = {(line.target, line.form) for line in report.lines}
    assert kinds == {(t, f) for t in ("Prunus", "bare") for f in ("JSON", ".npy")}
    assert all(line.requests_per_second > 100 for line in report.lines)
    assert all(one.added_us > 0 for one in report.overhead)
