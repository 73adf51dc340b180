"""What was measured survives its file, and pieces merge."""

from pathlib import Path

import pytest

from benchmarks.results import (
    NOTHING,
    Absent,
    Cell,
    Place,
    Results,
    ResultsError,
    Run,
    Timing,
    load,
    merge,
    save,
    summarise,
)

HERE, THERE = Place("3-2", 0.9, 1, 1), Place("3-2", 0.9, 1, 4)


def run(name: str) -> Run:
    return Run("Test CPU", 2, "3.11.7", name, 0.1, "make bench-peers", 12.0, 100.0)


def timing(median: float, name: str) -> Timing:
    return Timing(Cell(median, median - 1, median + 1, 9), 2.0, 1e-7, "Engine 1", name)


def test_a_cell_is_the_median_and_the_tenths_in_microseconds() -> None:
    cell = summarise([nanoseconds * 1000 for nanoseconds in range(1, 102)])
    assert (cell.median, cell.p10, cell.p90, cell.calls) == (51, 11, 91, 101)


def test_a_ratio_is_taken_within_the_run_of_the_timing() -> None:
    assert timing(6.0, "a").ratio == 3.0


def test_a_file_gives_back_what_was_saved(tmp_path: Path) -> None:
    results = Results(
        {HERE: {"Prunus": timing(2.0, "a"), "Peer": Absent("no wheel", "a")}}, {"a": run("a")}
    )
    path = tmp_path / "new" / "grid.json"
    assert load(path) == NOTHING
    save(results, path)
    assert load(path) == results
    assert [found.name for found in path.parent.iterdir()] == ["grid.json"]


@pytest.mark.parametrize("text", ["", "[]", '{"grid": [{}], "runs": {}}', '{"runs": {"a": {}}}'])
def test_another_file_is_refused_with_what_to_do(text: str, tmp_path: Path) -> None:
    path = tmp_path / "grid.json"
    path.write_text(text)
    with pytest.raises(ResultsError, match="delete the file"):
        load(path)


def test_a_new_piece_replaces_its_contenders_at_its_places_and_no_others() -> None:
    old = Results(
        {
            HERE: {"Prunus": timing(2.0, "a"), "Peer": timing(4.0, "a")},
            THERE: {"Peer": timing(8.0, "a")},
        },
        {"a": run("a")},
    )
    new = Results(
        {HERE: {"Prunus": timing(1.0, "b"), "Other": Absent("gone", "b")}}, {"b": run("b")}
    )
    merged = merge(old, new)
    assert merged.grid == {
        HERE: {
            "Prunus": timing(1.0, "b"),
            "Peer": timing(4.0, "a"),
            "Other": Absent("gone", "b"),
        },
        THERE: {"Peer": timing(8.0, "a")},
    }
    assert set(merged.runs) == {"a", "b"}


def test_a_run_of_which_nothing_is_left_is_forgotten() -> None:
    old = Results({HERE: {"Prunus": timing(2.0, "a")}}, {"a": run("a")})
    new = Results({HERE: {"Prunus": timing(1.0, "b")}}, {"b": run("b")})
    assert set(merge(old, new).runs) == {"b"}
