"""The pages say what the grid holds."""

import re
from pathlib import Path

import pytest

from benchmarks.bench_peers import write_pages
from benchmarks.footprint import Footprint, Imports, parse_imports
from benchmarks.http_load import LoadStep
from benchmarks.page import MarkerError, replace_section, wrapped
from benchmarks.report import render, render_full
from benchmarks.results import Absent, Cell, Outcome, Place, Results, Run, Timing
from benchmarks.round_trip import RoundTrip
from benchmarks.service_report import render_footprint, render_load
from loadtest.thresholds import Outcome as LoadOutcome

NETWORK = "784-300-100-10"
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
LOAD = (LoadStep(500, LoadOutcome(4000, 0.0, 1.2, 3.0, 12.0, 0.8)),)
BEGIN, END = "<!-- begin: written by make x -->", "<!-- end: written by make x -->"


def timing(median: float, own: float, error: float = 3e-7) -> Timing:
    return Timing(Cell(median, median * 0.9, median * 2, 10), own, error, "Engine 1", "day")


def results() -> Results:
    grid: dict[Place, dict[str, Outcome]] = {}
    for threads in (1, 2):
        for sparsity in (0.8, 0.95):
            for batch in (1, 64):
                own = 2.0 * batch
                grid[Place(NETWORK, sparsity, threads, batch)] = {
                    "Prunus": timing(own, own),
                    "DeepSparse": timing(own * 6, own),
                    "LiteRT int8": timing(own * (0.5 if batch == 64 else 2), own, 0.012),
                    "PyTorch": Absent("No matching distribution found for torch", "day"),
                }
    run = Run("Test CPU", 2, "3.11.7", "day", 0.04, "make bench-peers", 720.0, 100.0)
    return Results(grid, {"day": run})


def test_the_section_states_times_ratios_goals_and_the_machine() -> None:
    text = render(results(), "images/x.png")
    assert "| DeepSparse | 12.0 (6x) | 768 (6x) |" in text
    assert "#### 784-300-100-10, 95% zeros, 2 threads" in text
    assert "80% zeros, 2 threads" not in text
    assert "| DeepSparse | 784-300-100-10 | 1 | at least 5x | 6.00x | met |" in text
    assert "| DeepSparse | 784-300-100-10 | 16 | at least 10x | not measured | **missed** |" in text
    # 13,310 non-zeros, twice 64 operations each, in 128 microseconds; two cores do 200 GFLOP/s.
    line = "| 784-300-100-10 | 64 | at most 16 µs | 128.0 µs | **missed** | 13 | 7% |"
    assert line in text
    assert "| 784-300-100-10 | 16 | at most 9 µs | not measured | **missed** | - | - |" in text
    assert "Test CPU, 2 cores, Python 3.11.7; load average before the run 0.0" in text
    assert "(images/x.png)" in text


def test_the_section_says_where_a_peer_wins_and_how_far_int8_is_off() -> None:
    text = render(results(), "images/x.png")
    assert "| LiteRT int8 | 0.50 / **1.2** / 2.0 | 0.50 / **1.2** / 2.0 | 4 of 8 |" in text
    assert (
        "| LiteRT int8, 784-300-100-10, 2 threads | 80% batch 64: 0.50; 95% batch 64: 0.50 |"
        in text
    )
    assert "to 3e-07 of the largest output" in text
    assert "int8 is off by up to: LiteRT int8 1.2e-02." in text


def test_the_section_says_why_a_peer_has_no_times() -> None:
    text = render(results(), "images/x.png")
    assert "| PyTorch | not available | not available |" in text
    assert "- PyTorch (8 cells): No matching distribution found for torch" in text


def test_networks_come_in_the_order_of_their_size() -> None:
    grid: dict[Place, dict[str, Outcome]] = {
        Place(name, 0.95, 1, 1): {"Prunus": timing(1.0, 1.0)}
        for name in ("4096-4096-4096-1000", "9-5", "1024-1024-1024-1024-10", NETWORK)
    }
    text = render_full(Results(grid, results().runs))
    titles = [line.split()[1] for line in text.splitlines() if line.startswith("####")]
    names = [NETWORK, "1024-1024-1024-1024-10", "4096-4096-4096-1000", "9-5"]
    assert titles == [f"{name}," for name in names]


def test_no_loss_is_said_to_be_none() -> None:
    only_own = {place: {"Prunus": timing(1.0, 1.0)} for place in results().grid}
    text = render(Results(only_own, results().runs), "images/x.png")
    assert "In none of the measured cells." in text
    assert "Not available" not in text


def test_the_full_page_has_the_spread_of_every_sparsity() -> None:
    text = render_full(results())
    assert "#### 784-300-100-10, 80% zeros, 1 thread\n" in text
    assert "| DeepSparse | 12.0 (10.8 - 24.0) | 768 (691 - 1,536) |" in text


def test_pages_and_picture_are_written(tmp_path: Path) -> None:
    page, full = tmp_path / "benchmarks.md", tmp_path / "benchmarks-full.md"
    for path in (page, full):
        path.write_text(
            "<!-- begin: written by make bench-peers -->\n<!-- end: written by make bench-peers -->\n"
        )
    write_pages(results(), page)
    assert "### Goals" in page.read_text()
    assert "80% zeros, 1 thread" in full.read_text()
    assert (tmp_path / "images" / "benchmarks.png").read_bytes().startswith(b"\x89PNG")


def test_the_service_report_states_start_memory_and_load() -> None:
    text = render_footprint(FOOTPRINT) + render_load(LOAD)
    assert "| start to ready, ten models, object code cached | 0.50 s |" in text
    assert "JSON: median (99th percentile) | 310 (555) µs |" in text
    assert "Not imported: h5py." in text
    assert "| 500 a second | 400 | 1 ms | 3 ms | 12 ms | 0.0% |" in text


def test_only_the_marked_section_is_replaced(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    replace_section(page, "make x", "new")
    replace_section(page, "make x", "newer")
    assert page.read_text() == f"before\n{BEGIN}\n\nnewer\n\n{END}\nafter\n"


def test_a_page_without_markers_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("by hand\n")
    with pytest.raises(MarkerError, match="must hold the lines"):
        replace_section(page, "make x", "new")
    assert page.read_text() == "by hand\n"


def test_import_times_are_read_line_by_line() -> None:
    lines = [
        "import time: self [us] | cumulative | imported package",
        "import time:       412 |       1350 |   numpy.linalg",
        "something else",
    ]
    assert parse_imports(lines) == (Imports("numpy.linalg", 412e-6),)


def test_long_paragraphs_and_items_are_wrapped_and_nothing_else_is(tmp_path: Path) -> None:
    words = "word " * 40
    kept = f"| {words}|\n\n# {words.strip()}\n\n```\n{words}\n\n{words}\n```\n\nshort\nlines"
    assert wrapped(kept) == kept
    text = wrapped(f"`a` {words}\n\n- first {words}\n- second")
    assert max(map(len, text.split("\n"))) <= 120
    assert text.split() == f"`a` {words} - first {words} - second".split()
    assert re.findall(r"^- \w+|^  word", text, re.MULTILINE) == ["- first", "  word", "- second"]
