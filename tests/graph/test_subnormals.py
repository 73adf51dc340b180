"""Subnormal weights are counted and replaced by zeros; everything else stays."""

import numpy as np

from graph.subnormals import LEAST_NORMAL, count_subnormals, without_subnormals
from tests.builders import GraphBuilder


def test_only_what_is_subnormal_becomes_zero() -> None:
    values = np.array([0.0, 1e-40, -1e-45, LEAST_NORMAL, -LEAST_NORMAL, 1e-37, np.inf, np.nan])
    b = GraphBuilder()
    graph = b.build(b.dense(b.input(8), 1, kernel=values.astype(np.float32)[:, None], bias=False))
    assert count_subnormals(graph) == 2
    flushed = without_subnormals(graph)
    (kernel,) = flushed.weights.values()
    wanted = [0.0, 0.0, 0.0, LEAST_NORMAL, -LEAST_NORMAL, 1e-37, np.inf, np.nan]
    np.testing.assert_array_equal(kernel[:, 0], np.array(wanted, np.float32))
    assert kernel.dtype == np.float32
    assert count_subnormals(flushed) == 0
    assert count_subnormals(graph) == 2, "the graph itself is not changed"
