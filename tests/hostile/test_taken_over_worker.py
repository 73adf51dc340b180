"""A worker that was taken over: every act is refused that the kernel of this machine can refuse.

The acts are those of docs/reliability.md, tried by a process that the real server started and confined.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.sandbox.landlock import landlock_version
from benchmarks.reliability import taken_over_worker
from benchmarks.reliability.hostile_acts import ACTS, Act
from benchmarks.reliability.taken_over_worker import Row, Server, hostile_server, section, try_acts

pytestmark = pytest.mark.skipif(landlock_version() == 0, reason="the kernel has no Landlock")


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of each act, by its place, with all that the machine offers and without namespaces."""

    own_root: Mapping[int, str]
    no_own_root: Mapping[int, str]
    limits: Mapping[str, Any]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with hostile_server(tmp_path_factory.mktemp("hostile") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def tried(server: Server) -> Tried:
    own_root = try_acts(server, own_root=True)
    limits = server.http.get("/jobs").json()["jobs"][0]["limits"]
    return Tried(own_root, try_acts(server, own_root=False), limits)


def test_all_acts_were_tried(tried: Tried) -> None:
    assert tried.own_root.keys() == tried.no_own_root.keys() == set(range(len(ACTS)))


@pytest.mark.parametrize("place", range(len(ACTS)), ids=[act.name for act in ACTS])
def test_an_act_is_refused(tried: Tried, place: int) -> None:
    act: Act = ACTS[place]
    if act.needs_own_root and tried.limits["other_files"] != "do not exist for it":
        pytest.skip("this machine gives no root folder of its own: " + tried.limits["other_files"])
    assert tried.own_root[place].startswith("refused")


@pytest.mark.parametrize("place", range(len(ACTS)), ids=[act.name for act in ACTS])
def test_an_act_is_refused_without_namespaces(tried: Tried, place: int) -> None:
    if ACTS[place].needs_own_root:
        pytest.skip("is refused only by a root folder or a user of the process's own")
    assert tried.no_own_root[place].startswith("refused")


def test_stages_of_its_own_become_no_metrics(server: Server) -> None:
    assert taken_over_worker.unknown_stages(server) == "0 series; the job fails: job-crashed"


def test_a_title_of_its_own_is_not_shown(server: Server) -> None:
    assert "evil" not in taken_over_worker.own_title(server)
    assert taken_over_worker.own_title(server).endswith("source 'worker'")
    error = server.http.get("/jobs").json()["jobs"][0]["error"]
    assert (error["source"], error["detail"]) == ("worker", "now")


def test_its_disk_and_threads_are_limited(server: Server) -> None:
    fillers = [
        run for _, name, _, run in taken_over_worker.JOBS if name.startswith("fill the disk")
    ]
    assert len(fillers) >= 3
    for fill in fillers:
        assert fill(server).endswith("job-disk-limit")
    assert taken_over_worker.kept_threads(server).endswith("the job has too many threads")


def test_it_ends_with_its_server(tmp_path: Path) -> None:
    with hostile_server(tmp_path / "data") as own:
        assert taken_over_worker.outliving(own).startswith("gone after")


def test_the_table_counts_what_was_refused() -> None:
    rows = [Row("A", "x", "possible", "refused (EPERM)", "possible"), Row("A", "y", "b", "c", "d")]
    text = section(rows)
    assert "Of 2 acts 2 were refused" in text
    assert text.count("| **A** |") == 1
    assert "| x | possible | refused (EPERM) | possible |" in text
