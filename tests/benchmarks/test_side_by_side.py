"""The runner with real workers on a small network."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.networks import Network, load_layers, random_layers, save_layers
from benchmarks.protocol import Contender, Worker, WorkerError
from benchmarks.side_by_side import Effort, Plan, run_side_by_side

SMALL = Network((40, 30, 20, 7))
BRIEF = Effort(rounds=2, seconds=0.001, calls=3)
CORES = (min(os.sched_getaffinity(0)),)


def contender(name: str, module: str) -> Contender:
    return Contender(name, module, Path(sys.executable), CORES)


def plan(*contenders: Contender) -> Plan:
    return Plan((SMALL,), (1, 5), contenders, 0.9, BRIEF)


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
    said: list[str] = []
    results, versions = run_side_by_side(
        plan(
            contender("Prunus", "benchmarks.prunus_sparse"),
            contender("SciPy CSR", "benchmarks.peers.scipy_csr"),
        ),
        tmp_path,
        said.append,
    )
    assert results.contenders == ("Prunus", "SciPy CSR")
    assert versions["SciPy CSR"].startswith("SciPy ")
    assert all(error < 1e-6 for error in results.largest_errors.values())
    for batch in (1, 5):
        for cell in results.cells[SMALL.name][batch].values():
            assert cell.calls >= BRIEF.rounds * BRIEF.calls
            assert 0 < cell.p10 <= cell.median <= cell.p90
    assert any("batch 5" in line for line in said)


def test_an_engine_that_computes_something_else_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match=r"wrong: outputs are off by"):
        run_side_by_side(
            plan(contender("wrong", "tests.benchmarks.wrong_engine")), tmp_path, lambda _: None
        )


def test_an_engine_that_is_not_installed_says_so(tmp_path: Path) -> None:
    with (
        Worker(contender("absent", "benchmarks.no_such_engine"), tmp_path / "log") as worker,
        pytest.raises(WorkerError, match="absent died"),
    ):
        worker.ask("load", layers="none.npz")
    assert "No module named" in (tmp_path / "log").read_text()
