"""The floor of coverage refuses what is below it."""

import pytest

from tests.coverage_floor import failures


def report(total: float, **files: float) -> dict[str, object]:
    return {
        "files": {name: {"summary": {"percent_covered": share}} for name, share in files.items()},
        "totals": {"percent_covered": total},
    }


def test_all_above_the_floor() -> None:
    assert failures(report(98.0, a=90.0, b=100.0)) == []


def test_a_file_and_the_total_below_the_floor_are_named() -> None:
    assert failures(report(97.9, a=89.9, b=100.0)) == [
        "a: 89.9 %, expected at least 90 %",
        "all files: 97.9 %, expected at least 98 %",
    ]


def test_a_report_of_nothing_is_refused() -> None:
    with pytest.raises(SystemExit, match="nothing was measured"):
        failures(report(100.0))
