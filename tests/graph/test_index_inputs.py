"""Which elements of inputs are indices, and below what."""

import numpy as np

from graph.attention_ops import Embedding
from graph.element_ops import Cast
from graph.index_inputs import index_limits
from graph.ops import Merge, MergeKind
from graph.shape_ops import Concatenate, Permute, Reshape
from graph.slice_ops import Gather, Slice
from graph.tensor_type import DType, TensorType
from tests.builders import GraphBuilder


def looked_up(b: GraphBuilder, x: str, rows: int) -> str:
    table = b.weight(f"table{rows}", np.ones((rows, 2)))
    return b.add(Embedding(rows, 2), [x], [table])


def test_every_column_has_the_limit_of_its_own_table() -> None:
    b = GraphBuilder()
    x = b.input(5, type_=TensorType(DType.INT32, (None, 5)))
    first = looked_up(b, b.add(Slice(1, 0, 1), [x]), 3)
    others = b.add(Cast(DType.INT32), [b.add(Gather(1, (4, 2)), [x])])
    joined = b.add(Concatenate(1), [others, others])
    both = b.add(Permute((2, 1)), [b.add(Reshape((2, 2)), [joined])])
    second = looked_up(b, both, 9)
    third = looked_up(b, b.add(Slice(1, 2, 3), [x]), 7)
    graph = b.build(first, second, third)
    np.testing.assert_array_equal(index_limits(graph)["x0"], [3, np.inf, 7, np.inf, 9])


def test_a_computed_index_has_no_limit_but_a_guess() -> None:
    b = GraphBuilder()
    x, y = b.input(2), b.input(2)
    total = b.add(Merge(MergeKind.ADD), [x, y])
    z = b.input(3)
    graph = b.build(looked_up(b, total, 6), looked_up(b, z, 4), b.dense(b.input(2), 1))
    assert {name: array.tolist() for name, array in index_limits(graph).items()} == {"x2": [4] * 3}
    guessed = index_limits(graph, computed=True)
    assert {name: array.tolist() for name, array in guessed.items()} == {
        "x0": [6, 6],
        "x1": [6, 6],
        "x2": [4, 4, 4],
    }
