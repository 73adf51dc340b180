"""The measurement of long dot products: what an error is, and that it is one of the compiled layer."""

from pathlib import Path

import numpy as np

from benchmarks.long_sums import BATCHES, UNIT, Row, error_of, measure, table
from engine.machine_code.object_cache import ObjectCache


def test_an_error_is_in_units_of_the_sum() -> None:
    x, kernel = np.ones((1, 4), np.float32), np.ones((4, 1), np.float32)
    assert error_of(np.array([[4 * (1 + 8 * UNIT)]], np.float64), x, kernel) == 8.0
    assert error_of(x @ kernel, x, kernel) == 0.0


def test_every_batch_size_is_measured(tmp_path: Path) -> None:
    rows = measure(64, 1.0, ObjectCache(tmp_path))
    assert [row.batch for row in rows] == list(BATCHES)
    assert all(0 <= row.prunus < 64 for row in rows)


def test_the_table_leaves_out_what_was_not_measured() -> None:
    text = table([Row(4096, 0.5, 4, None, 1.26), Row(256, 1.0, 1, 4.04, 4.0)])
    assert "| 4,096 | 50% | 4 |  | 1.3 |" in text
    assert "| 256 | 100% | 1 | 4.0 | 4.0 |" in text
