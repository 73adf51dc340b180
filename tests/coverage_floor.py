"""`python -m tests.coverage_floor .coverage-report.json`: refuse a file that the tests run too little of."""

import json
import sys
from pathlib import Path

LEAST_PERCENT = 90.0
LEAST_TOTAL_PERCENT = 96.0
# Files below the floor, each with what it must not fall under: a debt, to be paid by tests and then deleted here.
BELOW = {
    "app/commands/sources.py": 84.0,
    "app/services/loading.py": 86.0,
    "engine/core/program_text.py": 75.0,
    "graph/keras/attention_layers.py": 85.0,
    "graph/keras/operation.py": 84.0,
    "graph/keras/product_layers.py": 85.0,
    "graph/keras/reduction_operations.py": 80.0,
    "graph/keras/shape_operations.py": 79.0,
    "graph/keras/slice_operations.py": 83.0,
    "graph/keras/written_attention.py": 86.0,
    "graph/keras/written_recurrent.py": 84.0,
    "graph/saved_model/checkpoint.py": 85.0,
    "graph/saved_model/constants.py": 76.0,
    "graph/saved_model/element_types.py": 86.0,
    "graph/saved_model/loops.py": 84.0,
    "graph/saved_model/lowering.py": 84.0,
    "graph/saved_model/ops_constant.py": 66.0,
    "graph/saved_model/ops_copies.py": 51.0,
    "graph/saved_model/ops_elements.py": 63.0,
    "graph/saved_model/ops_images.py": 83.0,
    "graph/saved_model/ops_indexing.py": 68.0,
    "graph/saved_model/ops_products.py": 79.0,
    "graph/saved_model/ops_reductions.py": 63.0,
    "graph/saved_model/ops_shape.py": 54.0,
    "graph/saved_model/ops_windows.py": 72.0,
    "graph/saved_model/site.py": 79.0,
    "graph/saved_model/tar_archive.py": 83.0,
    "graph/saved_model/tensors.py": 81.0,
    "graph/text.py": 86.0,
    "graph/text_ops.py": 84.0,
}


def failures(report: dict[str, object]) -> list[str]:
    """Return a line for each file below its floor, and one for the whole, from coverage's JSON report."""
    found = [
        f"{name}: {_percent(file):.1f} %, expected at least {_floor(name):g} %"
        for name, file in sorted(_files(report).items())
        if _percent(file) < _floor(name)
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


def _floor(name: str) -> float:
    return BELOW.get(name, LEAST_PERCENT)


def _percent(file: object) -> float:
    return float(_table(_table(file)["summary"])["percent_covered"])


def _table(value: object) -> dict[str, object]:
    assert isinstance(value, dict)
    return value


if __name__ == "__main__":
    lines = failures(json.loads(Path(sys.argv[1]).read_text()))
    print("\n".join(lines) or "every file of the four rooms is above its floor")  # noqa: T201
    sys.exit(1 if lines else 0)
