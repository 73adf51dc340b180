"""The command line of the grid, and environments that cannot be had."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import contenders, environments
from benchmarks.bench_peers import Recorder, measure, parse_arguments
from benchmarks.contenders import ENTRIES, Entry
from benchmarks.environments import LOCKS, MissingEnvironmentError, set_up
from benchmarks.networks import Network
from benchmarks.results import Absent, Place, Run, Timing, load
from benchmarks.side_by_side import QUICK

PIECE = ["--networks", "9-5", "--sparsities", "0.5", "--batches", "1", "--threads", "1", "--quick"]


def test_the_whole_grid_is_measured_unless_pieces_are_named() -> None:
    whole = parse_arguments([])
    assert len(whole.networks) * len(whole.sparsities) * len(whole.batches) == 3 * 4 * 5
    assert whole.threads == (1, 2)
    assert whole.entries == ENTRIES
    piece = parse_arguments(PIECE)
    assert (piece.networks, piece.sparsities, piece.threads) == ((Network((9, 5)),), (0.5,), (1,))
    assert piece.effort == QUICK


def test_prunus_takes_part_in_every_piece() -> None:
    piece = parse_arguments(["--contenders", "DeepSparse, PyTorch CSR"])
    names = [entry.name for entry in piece.entries]
    assert names == ["Prunus", "DeepSparse", "PyTorch CSR"]


def test_an_unknown_contender_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_arguments(["--contenders", "DeepThought"])
    assert "got DeepThought" in capsys.readouterr().err


def test_every_peer_has_a_lock_with_hashes_and_no_addresses() -> None:
    wanted = {entry.environment for entry in ENTRIES if entry.environment}
    assert wanted == {path.stem for path in LOCKS.glob("*.txt")}
    for path in LOCKS.glob("*.txt"):
        text = path.read_text()
        assert "--hash=sha256:" in text
        assert "://" not in text
        assert "--index-url" not in text
        assert "--find-links" not in text


def test_an_environment_that_cannot_be_installed_tells_why(tmp_path: Path) -> None:
    hash_of_nothing = "--hash=sha256:" + "0" * 64
    (tmp_path / "peer.txt").write_text(f"./no-such-file-1.0-py3-none-any.whl {hash_of_nothing}\n")
    said: list[str] = []
    with pytest.raises(MissingEnvironmentError, match="no-such-file"):
        set_up("peer", said.append, tmp_path, tmp_path)
    assert said == ["installing the environment of peer"]


def test_an_environment_is_made_once_for_each_lock(tmp_path: Path) -> None:
    lock = tmp_path / "peer.txt"
    lock.write_text("# nothing\n")
    said: list[str] = []
    python = set_up("peer", said.append, tmp_path, tmp_path)
    assert python.exists()
    assert set_up("peer", said.append, tmp_path, tmp_path) == python
    assert len(said) == 1
    lock.write_text("# nothing else\n")
    set_up("peer", said.append, tmp_path, tmp_path)
    assert len(said) == 2


def test_a_missing_peer_says_why_in_its_cells_and_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = (
        Entry("Prunus", "benchmarks.peers.scipy_csr", None),
        Entry("gone", "benchmarks.peers.deepsparse", "gone"),
        Entry("elsewhere", "benchmarks.peers.deepsparse", "gone", only=("3-2",)),
    )

    def refuse(name: str, say: object) -> Path:
        raise MissingEnvironmentError("no wheel for this Python")

    monkeypatch.setattr(contenders, "set_up", refuse)
    options = parse_arguments([*PIECE, "--folder", str(tmp_path)])
    said: list[str] = []
    run = Run("Test CPU", 2, "3.11", "today", 0.0, "make bench-peers", 0.0, 100.0)
    measure(
        replace(options, threads=(1, 4096), entries=entries),
        Recorder(tmp_path / "grid.json", run),
        said.append,
    )
    results = load(tmp_path / "grid.json")
    (cells,) = results.grid.values()
    assert list(results.grid) == [Place("9-5", 0.5, 1, 1)]
    assert isinstance(cells["Prunus"], Timing)
    assert cells["gone"] == Absent("no wheel for this Python", "today")
    assert "elsewhere" not in cells
    assert results.runs["today"].seconds > 0
    assert any("4096 threads: left out" in line for line in said)


def test_the_last_error_is_the_reason() -> None:
    messages = "ERROR: first\nWARNING: x\nERROR: No matching distribution found for torch\nnotice\n"
    assert environments.reason(messages) == "No matching distribution found for torch"
    assert environments.reason("") == "no message"
