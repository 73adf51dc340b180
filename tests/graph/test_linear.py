"""Kernels as matrices."""

import numpy as np
import pytest

from graph.graph import Node
from graph.linear import bias_of, is_linear, kernel_layout, kernel_of, matrix_of
from graph.op import Op
from graph.ops import Dense, Dot
from tests.builders import GraphBuilder
from tests.unknown_ops import RollingDense

LAYOUTS = [(Dense(4), (3, 4))]


@pytest.mark.parametrize(("op", "shape"), LAYOUTS, ids=lambda case: type(case).__name__)
def test_a_matrix_holds_every_weight_once_and_goes_back(op: Op, shape: tuple[int, ...]) -> None:
    array = np.arange(np.prod(shape), dtype=np.float64).reshape(shape)
    layout = kernel_layout(op, shape)
    matrix = layout.matrix(array)
    assert matrix.shape == (layout.fan_in, layout.units)
    np.testing.assert_array_equal(np.sort(matrix, axis=None), np.arange(array.size))
    np.testing.assert_array_equal(layout.array(matrix), array)


def test_a_dense_kernel_is_its_own_matrix() -> None:
    b = GraphBuilder()
    graph = b.build(b.dense(b.input(2, 3), 4, name="h"))
    node = graph.node("h")
    layout = kernel_of(graph, node)
    assert (layout.taps, layout.channels, layout.units, layout.groups) == (1, 3, 4, 1)
    np.testing.assert_array_equal(matrix_of(graph, node), graph.weights["h/kernel"])
    np.testing.assert_array_equal(bias_of(graph, node), graph.weights["h/bias"])


def test_a_missing_bias_is_zero() -> None:
    b = GraphBuilder()
    graph = b.build(b.dense(b.input(3), 4, bias=False, name="h"))
    np.testing.assert_array_equal(bias_of(graph, graph.node("h")), np.zeros(4))


def test_other_ops_and_subclasses_are_not_linear() -> None:
    assert is_linear(Node("h", Dense(4), ("x",)).op)
    assert not is_linear(RollingDense(4))
    assert not is_linear(Dot((1, 1)))
