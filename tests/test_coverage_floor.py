"""The floor of coverage refuses what is below it."""

import pytest

from tests.conftest import REPOSITORY
from tests.coverage_floor import BELOW, LEAST_PERCENT, failures


def report(total: float, **files: float) -> dict[str, object]:
    return {
        "files": {name: {"summary": {"percent_covered": share}} for name, share in files.items()},
        "totals": {"percent_covered": total},
    }


def test_all_above_the_floor() -> None:
    assert failures(report(96.0, a=90.0, b=100.0)) == []


def test_a_file_and_the_total_below_the_floor_are_named() -> None:
    assert failures(report(95.9, a=89.9, b=100.0)) == [
        "a: 89.9 %, expected at least 90 %",
        "all files: 95.9 %, expected at least 96 %",
    ]


def test_a_file_with_a_floor_of_its_own_is_held_to_that() -> None:
    name, floor = next(iter(BELOW.items()))
    assert all(share < LEAST_PERCENT for share in BELOW.values())
    assert failures({**report(96.0), "files": report(0.0, **{name: floor})["files"]}) == []
    found = failures({**report(96.0), "files": report(0.0, **{name: floor - 1})["files"]})
    assert found == [f"{name}: {floor - 1:.1f} %, expected at least {floor:g} %"]


def test_floors_are_of_files_that_are_there() -> None:
    assert [name for name in BELOW if not (REPOSITORY / name).is_file()] == []


def test_a_report_of_nothing_is_refused() -> None:
    with pytest.raises(SystemExit, match="nothing was measured"):
        failures(report(100.0))
