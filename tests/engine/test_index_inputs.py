"""Indices of a request: which elements they are, and what is said of one that no table has."""

import numpy as np
import pytest

from engine.compiler import CompileOptions
from engine.core.errors import InputIndexError
from engine.core.index_inputs import index_limits, with_indices
from engine.execution.indices import IndexCheck
from engine.machine_code.object_cache import ObjectCache
from engine.passes.pipeline import build_program
from graph.attention_ops import Embedding
from graph.graph import Graph
from graph.ops import Merge, MergeKind
from graph.resizing_ops import Pad
from graph.shape_ops import Permute, RepeatVector, Reshape
from graph.tensor_type import DType, TensorType
from tests.builders import GraphBuilder
from tests.engine.compiled import assert_close, compiled, oracle

OPTIONS = CompileOptions(tune=False, buckets=(1, 4))


def network(dtype: DType) -> Graph:
    """Two tables for one input, by way of moves; a number beside them; an index that is computed."""
    b = GraphBuilder()
    tables = [b.weight(f"t{rows}", b.rng.standard_normal((rows, 4))) for rows in (5, 9)]
    x = b.input(6, type_=TensorType(dtype, (None, 6)))
    turned = b.add(Permute((2, 1)), [b.add(Reshape((2, 3)), [x])])
    first = b.add(Embedding(9, 4), [turned], [tables[1]])
    copies = b.add(RepeatVector(2), [b.input(3, type_=TensorType(dtype, (None, 3)))])
    second = b.add(Embedding(5, 4), [b.add(Pad(((0, 1),)), [copies])], [tables[0]])
    beside = b.input(2)
    total = b.add(Merge(MergeKind.ADD), [beside, beside])
    third = b.add(Embedding(5, 4), [total], [tables[0]])
    return b.build(first, second, third)


def test_limits_go_through_moves_only() -> None:
    found = index_limits(build_program(network(DType.INT32)))
    assert {name: array.tolist() for name, array in found.items()} == {
        "x0": [9.0] * 6,
        "x1": [5.0] * 3,
    }


def test_there_are_none_without_embeddings() -> None:
    b = GraphBuilder()
    assert index_limits(build_program(b.build(b.dense(b.input(3), 2)))) == {}


@pytest.mark.parametrize(
    "dtype", [DType.INT32, DType.INT64, DType.UINT8, DType.INT8, DType.FLOAT32]
)
def test_requests_with_other_indices_are_refused(object_cache: ObjectCache, dtype: DType) -> None:
    graph = network(dtype)
    executable = compiled(graph, object_cache, None, OPTIONS)
    rng = np.random.default_rng(0)
    right = {
        "x0": rng.integers(0, 9, (7, 6)).astype(dtype.numpy),
        "x1": rng.integers(0, 5, (7, 3)).astype(dtype.numpy),
        "x2": np.full((7, 2), 1.25, np.float32),
    }
    assert_close(executable.run(right), oracle(graph, right))
    wrong: list[tuple[str, float, str]] = [("x0", 9, "0 to 8"), ("x1", 5, "0 to 4")]
    if not dtype.value.startswith("u"):
        wrong.append(("x0", -1, "0 to 8"))
    if dtype is DType.FLOAT32:
        wrong += [("x1", number, "0 to 4") for number in (0.5, np.nan, np.inf, -0.25)]
    for name, number, told in wrong:
        changed = {key: array.copy() for key, array in right.items()}
        changed[name][3, 2] = number
        with pytest.raises(InputIndexError, match=rf"{name}.*{told}.*at \[3, 2\]"):
            executable.run(changed)


def test_other_elements_may_be_anything() -> None:
    check = IndexCheck("x", np.array([4.0, np.inf]))
    check.check(np.array([[3.0, -7.5]], np.float32))
    with pytest.raises(InputIndexError, match=r"0 to 3.*4.0 at \[0, 0\]"):
        check.check(np.array([[4.0, 0.0]], np.float32))


def test_arrays_are_brought_below_limits() -> None:
    limits = {"x": np.array([3.0, np.inf])}
    found = with_indices({"x": np.array([[-4.5, -4.5], [2.0, 9.0]]), "y": np.ones(2)}, limits)
    np.testing.assert_array_equal(found["x"], [[1.0, -4.5], [2.0, 9.0]])
    np.testing.assert_array_equal(found["y"], [1, 1])
