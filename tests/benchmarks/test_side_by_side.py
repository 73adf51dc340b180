"""The runner with real workers on small networks."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import protocol
from benchmarks.networks import Network, load_layers, random_layers, save_layers
from benchmarks.protocol import Contender, Worker, WorkerError
from benchmarks.results import Absent, Outcome, Place, Timing
from benchmarks.side_by_side import Effort, Plan, run_side_by_side

SMALL, OTHER = Network((40, 30, 20, 7)), Network((9, 5))
BRIEF = Effort(rounds=2, seconds=0.001, calls=3)
CORES = (min(os.sched_getaffinity(0)),)
SCIPY, SLOW = "benchmarks.peers.scipy_csr", "tests.benchmarks.slow_engine"


def contender(name: str, module: str) -> Contender:
    return Contender(name, module, Path(sys.executable), CORES)


def plan(*contenders: Contender) -> Plan:
    return Plan((SMALL,), (0.9,), (1, 5), contenders, 1, BRIEF, "today")


def outcomes(given: Plan, folder: Path) -> dict[Place, dict[str, Outcome]]:
    found: dict[Place, dict[str, Outcome]] = {}
    for grid in run_side_by_side(given, folder, lambda _: None):
        found |= grid
    return found


def test_kernels_have_exactly_the_zeros_that_were_asked_for(tmp_path: Path) -> None:
    layers = random_layers(SMALL, 0.95, seed=1)
    for layer in layers:
        assert np.count_nonzero(layer.kernel == 0) == round(0.95 * layer.kernel.size)
    assert [layer.relu for layer in layers] == [True, True, False]
    save_layers(layers, tmp_path / "layers.npz")
    for saved, layer in zip(load_layers(tmp_path / "layers.npz"), layers, strict=True):
        assert np.array_equal(saved.kernel, layer.kernel)
        assert np.array_equal(saved.bias, layer.bias)
        assert saved.relu == layer.relu


def test_prunus_and_scipy_take_turns_and_agree_with_the_reference(tmp_path: Path) -> None:
    found = outcomes(
        plan(contender("Prunus", "benchmarks.prunus_sparse"), contender("SciPy CSR", SCIPY)),
        tmp_path,
    )
    assert list(found) == [Place(SMALL.name, 0.9, 1, batch) for batch in (1, 5)]
    for cells in found.values():
        assert list(cells) == ["Prunus", "SciPy CSR"]
        own = cells["Prunus"]
        assert isinstance(own, Timing)
        assert own.ratio == 1
        for timing in cells.values():
            assert isinstance(timing, Timing)
            assert timing.error < 1e-6
            assert timing.own == own.cell.median
            assert timing.cell.calls >= BRIEF.rounds * BRIEF.calls
            assert 0 < timing.cell.p10 <= timing.cell.median <= timing.cell.p90


def test_prunus_computing_something_else_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match=r"Prunus: outputs are off by"):
        outcomes(plan(contender("Prunus", "tests.benchmarks.wrong_engine")), tmp_path)


def test_a_peer_computing_something_else_gets_no_time(tmp_path: Path) -> None:
    wrong = contender("wrong", "tests.benchmarks.wrong_engine")
    found = outcomes(plan(contender("Prunus", SCIPY), wrong), tmp_path)
    for cells in found.values():
        assert isinstance(cells["Prunus"], Timing)
        assert isinstance(absent := cells["wrong"], Absent)
        assert "outputs are off by" in absent.reason


def test_a_rounding_peer_is_timed_and_its_error_kept(tmp_path: Path) -> None:
    wrong = replace(contender("int8", "tests.benchmarks.wrong_engine"), exact=False)
    found = outcomes(plan(contender("Prunus", SCIPY), wrong), tmp_path)
    for cells in found.values():
        assert isinstance(timing := cells["int8"], Timing)
        assert timing.error > 1e-3


def test_a_peer_that_is_not_installed_says_why_in_its_place(tmp_path: Path) -> None:
    absent = contender("absent", "benchmarks.no_such_engine")
    found = outcomes(plan(contender("Prunus", SCIPY), absent), tmp_path)
    for cells in found.values():
        assert isinstance(cells["Prunus"], Timing)
        reason = "ModuleNotFoundError: No module named 'benchmarks.no_such_engine'"
        assert cells["absent"] == Absent(reason, "today")


def test_a_peer_that_dies_sits_out_one_network_and_is_started_again(tmp_path: Path) -> None:
    given = plan(contender("Prunus", SCIPY), contender("dying", "tests.benchmarks.dying_engine"))
    given = replace(given, networks=(OTHER, SMALL, OTHER), sparsities=(0.5,), batches=(1,))
    kinds = [
        type(cells["dying"])
        for grid in run_side_by_side(given, tmp_path, lambda _: None)
        for cells in grid.values()
    ]
    assert kinds == [Timing, Absent, Timing]


def test_a_contender_of_some_networks_rests_at_the_others(tmp_path: Path) -> None:
    few = replace(contender("few", SCIPY), only=(OTHER.name,))
    given = replace(plan(contender("Prunus", SCIPY), few), networks=(SMALL, OTHER), batches=(1,))
    found = outcomes(given, tmp_path)
    assert [list(cells) for cells in found.values()] == [["Prunus"], ["Prunus", "few"]]


def test_a_slow_engine_gets_one_call_a_turn_and_the_environment_of_its_threads(
    tmp_path: Path,
) -> None:
    slow = replace(contender("Prunus", SLOW), cores=CORES)
    given = replace(plan(slow), batches=(1,), effort=Effort(rounds=2, seconds=0.001, calls=1))
    (cells,) = outcomes(given, tmp_path).values()
    assert isinstance(timing := cells["Prunus"], Timing)
    assert timing.cell.calls == 2
    assert timing.cell.median > 30_000
    assert timing.version == "1 1 1"


def test_a_slow_engine_gets_three_turns_when_it_has_run_long_enough(tmp_path: Path) -> None:
    effort = Effort(rounds=7, seconds=0.001, calls=1, enough=0.05)
    slow = contender("slow", SLOW)
    given = replace(plan(contender("Prunus", SCIPY), slow), batches=(1,), effort=effort)
    (cells,) = outcomes(given, tmp_path).values()
    assert isinstance(timing := cells["slow"], Timing)
    assert timing.cell.calls == 3
    assert isinstance(own := cells["Prunus"], Timing)
    assert own.cell.calls >= 7


def test_a_worker_is_stopped_between_commands(tmp_path: Path) -> None:
    save_layers(random_layers(OTHER, 0.5, 1), tmp_path / "net.npz")
    with Worker(contender("it", SCIPY), tmp_path / "log") as worker:
        assert worker.ask("load", layers=str(tmp_path / "net.npz"))["version"].startswith("SciPy")
        (status,) = [
            Path(entry.path, "stat").read_text().rsplit(")", 1)[1].split()[0]
            for entry in os.scandir("/proc")
            if entry.name.isdigit()
            and _parent(entry.path) == os.getpid()
            and b"benchmarks.worker" in Path(entry.path, "cmdline").read_bytes()
        ]
        assert status == "T"
        assert worker.alive
        with pytest.raises(WorkerError, match="unknown command"):
            worker.ask("dance")
    assert not worker.alive


def _parent(process: str) -> int:
    try:
        return int(Path(process, "stat").read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0


def test_a_worker_that_gives_no_answer_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "ANSWER_LIMIT_SECONDS", 0.01)
    with (
        Worker(contender("late", SLOW), tmp_path / "log") as worker,
        pytest.raises(WorkerError, match=r"late gave no answer in 0 s"),
    ):
        worker.ask("load", layers="net.npz")


def test_an_engine_that_is_not_installed_says_so(tmp_path: Path) -> None:
    with (
        Worker(contender("absent", "benchmarks.no_such_engine"), tmp_path / "log") as worker,
        pytest.raises(WorkerError, match="absent died"),
    ):
        worker.ask("load", layers="none.npz")
    assert "No module named" in worker.messages()
