from pathlib import Path

import pytest

from benchmarks.footprint import Footprint, Imports, parse_imports
from benchmarks.http_load import LoadStep
from benchmarks.picture import draw
from benchmarks.report import BEGIN, END, MarkerError, render, replace_section
from benchmarks.results import Cell, Machine, Results, summarise
from benchmarks.round_trip import RoundTrip
from loadtest.thresholds import Outcome

MACHINE = Machine(
    cpu="Test CPU",
    cores=2,
    python="3.11.7",
    versions={"Prunus": "Prunus 1", "SciPy CSR": "SciPy 2", "ONNX Runtime": "ONNX Runtime 3"},
    date="2026-01-02",
    load_average=(0.04, 1.13),
    command="make bench",
    seconds=12.3,
)
FOOTPRINT = Footprint(
    models="ten",
    repeats=3,
    start_seconds=0.5,
    cold_start_seconds=1.5,
    resident_mebibytes=70.2,
    empty_resident_mebibytes=60.1,
    modules=400,
    import_seconds=0.2,
    slowest_imports=(("numpy", 0.05),),
    absent=("h5py",),
    round_trips=(RoundTrip("JSON", Cell(310.0, 300.0, 400.0, 3000), 555.0),),
)

LOAD = (LoadStep(500, Outcome(4000, 0.0, 1.2, 3.0, 12.0, 0.8)),)


def results() -> Results:
    def cells(scale: float) -> dict[str, Cell]:
        medians = {"Prunus": 2.0, "SciPy CSR": 8.0, "ONNX Runtime": 1234.5}
        return {
            who: Cell(scale * median, scale * median * 0.9, scale * median * 2, 10)
            for who, median in medians.items()
        }

    return Results(
        0.95,
        {name: {1: cells(1), 64: cells(10)} for name in ("3-2", "5-4")},
        {"Prunus": 1e-7, "SciPy CSR": 2e-7, "ONNX Runtime": 3e-7},
    )


def test_a_cell_is_the_median_and_the_tenths_in_microseconds() -> None:
    cell = summarise([nanoseconds * 1000 for nanoseconds in range(1, 102)])
    assert (cell.median, cell.p10, cell.p90, cell.calls) == (51, 11, 91, 101)


def test_the_section_states_times_ratios_goals_and_the_machine() -> None:
    text = render(MACHINE, results(), FOOTPRINT, LOAD, "images/x.png")
    assert "| SciPy CSR | **8.0** (7.2 - 16.0) | **80.0** (72.0 - 160) |" in text
    assert "| 3-2, batch 1 | 4.0 | 617.2 |" in text
    assert "- SciPy CSR, batch 1, 5-4: goal 3x, measured 4.0x" in text
    assert "Test CPU, 2 cores, Python 3.11.7" in text
    assert "load average 0.0 before and 1.1 during the run" in text
    assert "Prunus 1, SciPy 2, ONNX Runtime 3." in text
    assert "| start to ready, ten models, object code cached | 0.50 s |" in text
    assert "JSON: median (99th percentile) | 310 (555) µs |" in text
    assert "Not imported: h5py." in text
    assert "| 500 a second | 400 | 1 ms | 3 ms | 12 ms | 0.0% |" in text
    assert "![" in text
    assert "(images/x.png)" in text


def test_only_the_marked_section_is_replaced(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    replace_section(page, "new")
    replace_section(page, "newer")
    assert page.read_text() == f"before\n{BEGIN}\n\nnewer\n\n{END}\nafter\n"


def test_a_page_without_markers_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("by hand\n")
    with pytest.raises(MarkerError, match="must hold the lines"):
        replace_section(page, "new")
    assert page.read_text() == "by hand\n"


def test_the_picture_is_written(tmp_path: Path) -> None:
    draw(results(), tmp_path / "images" / "x.png")
    assert (tmp_path / "images" / "x.png").read_bytes().startswith(b"\x89PNG")


def test_import_times_are_read_line_by_line() -> None:
    lines = [
        "import time: self [us] | cumulative | imported package",
        "import time:       412 |       1350 |   numpy.linalg",
        "something else",
    ]
    assert parse_imports(lines) == (Imports("numpy.linalg", 412e-6),)
