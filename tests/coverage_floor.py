"""`python -m tests.coverage_floor .coverage-report.json`: refuse a file that the tests run too little of."""

import json
import sys
from pathlib import Path

LEAST_PERCENT = 90.0
LEAST_TOTAL_PERCENT = 98.0


def failures(report: dict[str, object]) -> list[str]:
    """Return a line for each file below its floor, and one for the whole, from coverage's JSON report."""
    found = [
        f"{name}: {_percent(file):.1f} %, expected at least {LEAST_PERCENT:g} %"
        for name, file in sorted(_files(report).items())
        if _percent(file) < LEAST_PERCENT
    ]
    total = float(_table(report["totals"])["percent_covered"])
    if total < LEAST_TOTAL_PERCENT:
        found.append(f"all files: {total:.1f} %, expected at least {LEAST_TOTAL_PERCENT:g} %")
    return found


def _files(report: dict[str, object]) -> dict[str, object]:
    files = _table(report["files"])
    if not files:
        raise SystemExit("the report names no file: nothing was measured")
    return files


def _percent(file: object) -> float:
    return float(_table(_table(file)["summary"])["percent_covered"])


def _table(value: object) -> dict[str, object]:
    assert isinstance(value, dict)
    return value


if __name__ == "__main__":
    lines = failures(json.loads(Path(sys.argv[1]).read_text()))
    print("\n".join(lines) or "every file of the four rooms is above its floor")  # noqa: T201
    sys.exit(1 if lines else 0)
