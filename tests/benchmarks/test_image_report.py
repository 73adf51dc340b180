"""Sections, goals and runs of networks of images and signals."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.bench_peers import IMAGES_SECTION, parse_arguments, write_pages
from benchmarks.contenders import ENTRIES, IMAGE_ENTRIES
from benchmarks.goals import IMAGE_GOALS, RatioGoal, judge_ratios
from benchmarks.image_report import render_images, render_images_full
from benchmarks.images.architectures import conv1d_resnet, mobilenet_v2
from benchmarks.images.cases import CASES, Case
from benchmarks.images.side_by_side import prepare_image
from benchmarks.named import NamedPlan, run_named
from benchmarks.protocol import Contender, WorkerError
from benchmarks.results import (
    Absent,
    Cell,
    Outcome,
    Place,
    Results,
    Run,
    Timing,
    load,
    part_of,
    save,
)
from benchmarks.side_by_side import Effort, Trial
from tests.benchmarks.test_side_by_side import CORES

ENGINE = "tests.benchmarks.image_engine"


def timing(median: float, own: float, run: str = "day") -> Timing:
    return Timing(Cell(median, median * 0.9, median * 2, 10), own, 3e-7, "Engine 1", run)


def results() -> Results:
    grid: dict[Place, dict[str, Outcome]] = {}
    for cpu, own in (("Kind one", 4000.0), ("Kind two", 8000.0)):
        for threads in (1, 2):
            for batch in (1, 16):
                place = Place("ResNet-50", 0.9, threads, batch, cpu)
                grid[place] = {
                    "Prunus": timing(own * batch, own * batch, cpu),
                    "DeepSparse": timing(10_000.0 * batch, own * batch, cpu),
                    "LiteRT": Absent("no wheel", cpu),
                }
    run = Run("?", 2, "3.11.7", "day", 0.04, "make bench-peers", 720.0, 100.0)
    runs = {cpu: replace(run, cpu=cpu, date=cpu) for cpu in ("Kind one", "Kind two")}
    return Results(grid, runs)


def test_every_kind_of_cpu_has_columns_of_its_own() -> None:
    text = render_images(results())
    assert "- A: Kind one\n- B: Kind two" in text
    header = "| engine | A: 1 thread, batch 1 | A: 1 thread, batch 16 | A: 2 threads, batch 1 |"
    assert header in text
    assert (
        "| DeepSparse | 10.0 (2.5x) | 160 (2.5x) | 10.0 (2.5x) | 160 (2.5x) | 10.0 (1.2x)" in text
    )
    assert "##### ResNet-50, 90% zeros" in text
    assert "MobileNetV2, 85% zeros" not in text
    assert "- LiteRT (8 cells): no wheel" in text


def test_goals_are_judged_on_each_kind_of_cpu() -> None:
    text = render_images(results())
    line = "| DeepSparse | ResNet-50 | 90% | 1 | 2.00x | 2.50x, met | 1.25x, **missed** |"
    assert line in text
    missing = "| ONNX Runtime | MobileNetV2 | 0% | 16 | 0.91x | not measured | not measured |"
    assert missing in text


def test_the_full_page_has_the_spread() -> None:
    assert "| Prunus | 4.00 (3.60 - 8.00) | 64.0 (57.6 - 128) |" in render_images_full(results())


def test_the_goals_of_images_are_those_of_the_issue() -> None:
    assert RatioGoal("DeepSparse", "MobileNetV2", 16, 2.0, 0.85) in IMAGE_GOALS
    assert RatioGoal("ONNX Runtime", "ResNet-50", 1, 6.0, 0.9) in IMAGE_GOALS
    assert RatioGoal("ONNX Runtime", "MobileNetV2", 1, 5.0, 0.85) in IMAGE_GOALS
    dense = [goal for goal in IMAGE_GOALS if not goal.sparsity]
    assert len(dense) == 3 * 2
    assert all(goal.factor == pytest.approx(1 / 1.1) for goal in dense)
    (verdict,) = judge_ratios(results().grid, [IMAGE_GOALS[0]], "Kind two")
    assert (verdict.measured, verdict.met) == (1.25, False)


def test_the_kind_of_cpu_is_kept_in_the_file_and_runs_of_a_part_are_its_own(tmp_path: Path) -> None:
    save(results(), tmp_path / "grid.json")
    found = load(tmp_path / "grid.json")
    assert found == results()
    part = part_of(found, lambda place: place.cpu == "Kind one")
    assert len(part.grid) == 4
    assert list(part.runs) == ["Kind one"]


def test_what_was_not_measured_stays_on_the_pages(tmp_path: Path) -> None:
    begin, end = (f"<!-- {word}: written by {IMAGES_SECTION} -->" for word in ("begin", "end"))
    other = "<!-- begin: written by make bench-peers -->\nkept\n<!-- end: written by make bench-peers -->"
    for name in ("benchmarks.md", "benchmarks-full.md"):
        (tmp_path / name).write_text(f"{other}\n{begin}\nold\n{end}\n")
    write_pages(results(), tmp_path / "benchmarks.md")
    for name in ("benchmarks.md", "benchmarks-full.md"):
        text = (tmp_path / name).read_text()
        assert other in text
        assert "old" not in text
        assert "ResNet-50, 90% zeros" in text


def test_pieces_of_the_image_grid_can_be_named() -> None:
    whole = parse_arguments([])
    assert (whole.cases, whole.image_batches) == (CASES, (1, 16))
    piece = parse_arguments(["--networks", "MobileNetV2,9-5", "--sparsities", "0"])
    assert [(case.description.name, case.sparsity) for case in piece.cases] == [("MobileNetV2", 0)]
    assert [network.name for network in piece.networks] == ["9-5"]
    named = parse_arguments(["--contenders", "PyTorch, LiteRT", "--batches", "4"])
    assert [entry.name for entry in named.entries] == ["Prunus", "LiteRT", "PyTorch"]
    assert [entry.name for entry in named.image_entries] == ["Prunus", "LiteRT"]
    assert named.image_batches == (4,)


def test_an_unknown_network_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_arguments(["--networks", "ResNet-5000"])
    assert "got ResNet-5000" in capsys.readouterr().err


def test_image_engines_have_names_of_the_tables_and_locks_that_exist() -> None:
    known = {entry.name: entry for entry in ENTRIES}
    for entry in IMAGE_ENTRIES:
        assert (entry.environment, entry.exact) == (
            known[entry.name].environment,
            known[entry.name].exact,
        )


CASE = Case(mobilenet_v2(32), 0.85)
SIGNAL = Case(conv1d_resnet(64), 0.9)


def run(folder: Path, *contenders: Contender, case: Case = CASE) -> dict[str, Outcome]:
    effort = Effort(rounds=1, seconds=0.001, calls=1)
    plan = NamedPlan((case,), (5,), contenders, 1, effort, "today", "Kind one")
    ((place, outcomes),) = (
        item
        for grid in run_named(plan, folder, lambda _: None, prepare_image)
        for item in grid.items()
    )
    assert place == Place(case.description.name, case.sparsity, 1, 5, "Kind one")
    return outcomes


def contender(name: str, module: str = ENGINE, *, channels_first: bool = False) -> Contender:
    return Contender(name, module, Path(sys.executable), CORES, channels_first=channels_first)


@pytest.mark.parametrize("case", [CASE, SIGNAL])
def test_engines_get_images_as_they_take_them_and_agree_with_the_reference(
    case: Case, tmp_path: Path
) -> None:
    first = contender("first", "tests.benchmarks.image_engine_first", channels_first=True)
    outcomes = run(tmp_path, contender("Prunus"), first, case=case)
    for outcome in outcomes.values():
        assert isinstance(outcome, Timing)
        assert outcome.error < 1e-5


def test_an_engine_that_gets_images_the_wrong_way_around_gets_no_time(tmp_path: Path) -> None:
    outcomes = run(
        tmp_path, contender("Prunus"), contender("lost", "tests.benchmarks.image_engine_first")
    )
    assert isinstance(outcomes["lost"], Absent)


def test_an_engine_that_knows_perceptrons_only_says_so(tmp_path: Path) -> None:
    outcomes = run(tmp_path, contender("Prunus"), contender("old", "benchmarks.peers.scipy_csr"))
    assert isinstance(absent := outcomes["old"], Absent)
    assert "is not set up for networks of images" in absent.reason


def test_prunus_must_not_fail(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match="is not set up for networks of images"):
        run(tmp_path, contender("Prunus", "benchmarks.peers.scipy_csr"))


def test_only_who_takes_channels_first_gets_them() -> None:
    trial = Trial(Path("last"), Path("out"), np.zeros((1, 1)), Path("first"))
    assert trial.inputs_for(contender("a")) == "last"
    assert trial.inputs_for(contender("b", channels_first=True)) == "first"
    assert replace(trial, channels_first=None).inputs_for(contender("c")) == "last"
