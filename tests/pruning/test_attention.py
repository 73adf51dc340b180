"""What can go of embeddings and attention goes, and answers stay what they were."""

import numpy as np
import pytest

from graph.attention_ops import Attention, Embedding, MaskedSoftmax, Masking, MatMul
from graph.element_ops import Constant
from graph.graph import Graph
from graph.ops import Merge, MergeKind
from graph.reference import run, run_values
from graph.tensor_type import DType, TensorType
from pruning.prune import prune
from pruning.recipe import PruningRecipe
from pruning.rules.bound import Bound
from pruning.rules.table import rules_of
from tests.builders import GraphBuilder

HEADS, SIZE = 4, 3


def planted(
    repeats: int = 1,
    *,
    unread: tuple[int, ...] = (),
    constant: tuple[int, ...] = (),
    masking: Masking = Masking.EQUAL,
    mask_heads: int = 0,
) -> Graph:
    """Attention of which some heads are not read, and some have values that are a bias only."""
    b = GraphBuilder(3)
    x = b.input(6, 8)
    heads = HEADS * repeats
    kernel = b.rng.standard_normal((8, HEADS * SIZE))
    for head in constant:
        kernel[:, head * SIZE : (head + 1) * SIZE] = 0
    back = b.rng.standard_normal((heads * SIZE, 5))
    for head in unread:
        back[head * repeats * SIZE : (head + 1) * repeats * SIZE] = 0
    arguments = [
        b.dense(x, heads * SIZE),
        b.dense(x, HEADS * SIZE),
        b.dense(x, HEADS * SIZE, kernel=kernel),
    ]
    if mask_heads:
        shape = (mask_heads, 6, 6)
        arguments.append(b.input(*shape, name="mask", type_=TensorType(DType.BOOL, (None, *shape))))
    op = Attention(heads, HEADS, 0.5, masking, masked=bool(mask_heads))
    return b.build(b.dense(b.add(op, arguments), 5, kernel=back))


def inputs_of(graph: Graph) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    found = {}
    for one in graph.inputs:
        shape = (4, *one.type.static_sample_shape)
        match one.type.dtype:
            case DType.BOOL:
                found[one.name] = rng.random(shape) < 0.5
                found[one.name][1] = False
            case DType.INT32:
                found[one.name] = rng.integers(0, 7, shape).astype(np.int32)
            case _:
                found[one.name] = rng.standard_normal(shape).astype(np.float32)
    return found


def same_answers(graph: Graph, pruned: Graph) -> None:
    inputs = inputs_of(graph)
    for name, wanted in run(graph, inputs, np.float64).items():
        np.testing.assert_allclose(run(pruned, inputs, np.float64)[name], wanted, rtol=0, atol=1e-6)


def heads_left(graph: Graph) -> tuple[int, int]:
    (op,) = [node.op for node in graph.nodes if isinstance(node.op, Attention)]
    return op.heads, op.key_heads


@pytest.mark.parametrize("repeats", [1, 2])
def test_heads_that_nobody_reads_or_that_are_constant_go(repeats: int) -> None:
    graph = planted(repeats, unread=(1,), constant=(3,))
    pruned = prune(graph, PruningRecipe()).graph
    assert heads_left(pruned) == (2 * repeats, 2)
    shapes = sorted(array.shape for array in pruned.weights.values() if array.ndim == 2)
    assert (8, 2 * SIZE) in shapes
    assert (2 * repeats * SIZE, 5) in shapes
    same_answers(graph, pruned)


def test_shares_of_no_key_are_zero_and_so_constants_are_none() -> None:
    graph = planted(constant=(0,), masking=Masking.ZERO, mask_heads=1)
    pruned = prune(graph, PruningRecipe()).graph
    assert heads_left(pruned) == (HEADS, HEADS)
    same_answers(graph, pruned)


def test_heads_with_masks_of_their_own_stay() -> None:
    graph = planted(unread=(2,), mask_heads=HEADS)
    pruned = prune(graph, PruningRecipe()).graph
    assert heads_left(pruned) == (HEADS, HEADS)
    same_answers(graph, pruned)


def test_columns_of_a_table_that_nobody_reads_go() -> None:
    b = GraphBuilder(1)
    tokens = b.input(5, type_=TensorType(DType.INT32, (None, 5)))
    table = b.rng.standard_normal((7, 6))
    table[:, 4] = 2.5
    x = b.add(Embedding(7, 6), [tokens], [b.weight("table", table)])
    kernel = b.rng.standard_normal((6, 3))
    kernel[1] = 0
    graph = b.build(b.dense(x, 3, kernel=kernel))
    pruned = prune(graph, PruningRecipe()).graph
    (node,) = [node for node in pruned.nodes if isinstance(node.op, Embedding)]
    assert node.op == Embedding(7, 4)
    np.testing.assert_array_equal(
        pruned.weights[node.weights[0]], graph.weights["table"][:, [0, 2, 3, 5]]
    )
    same_answers(graph, pruned)


@pytest.mark.parametrize("masking", Masking)
def test_nothing_in_front_of_shifted_scores_may_change(masking: Masking) -> None:
    b = GraphBuilder()
    x = b.input(4, 5)
    mask = b.input(1, 5, type_=TensorType(DType.BOOL, (None, 1, 5)))
    scores = b.add(MaskedSoftmax(masking), [x, mask])
    graph = b.build(b.add(MatMul(), [scores, b.input(5, 2)]))
    rules = rules_of(graph)
    assert rules[scores].bears_rounding is (masking is not Masking.SHIFT)


@pytest.mark.parametrize("repeats", [1, 2])
def test_a_result_is_no_larger_than_its_bound(repeats: int) -> None:
    graph = planted(repeats)
    inputs = inputs_of(graph)
    values = run_values(graph, inputs, np.float64)
    (node,) = [node for node in graph.nodes if isinstance(node.op, Attention)]
    rules = rules_of(graph)[node.name]
    sizes = [Bound(np.abs(values[name]).max(axis=0), np.zeros(1)) for name in node.inputs]
    known = [Bound(one.constant, np.zeros_like(one.constant)) for one in sizes]
    assert (np.abs(values[node.name]) <= rules.bound(known).constant + 1e-12).all()
    moved = rules.arithmetic_error(
        [np.abs(values[name]) for name in node.inputs], values[node.name]
    )
    narrow = run_values(graph, inputs, np.float32)[node.name]
    assert (np.abs(narrow - values[node.name]) <= 100 * moved).all()


def test_scalars_stay_scalars() -> None:
    b = GraphBuilder()
    x = b.input(4)
    zero = b.add(Constant(), [x], [b.weight("zero", np.array(0.0, np.float32).reshape(1))])
    graph = b.build(b.dense(b.add(Merge(MergeKind.ADD), [x, zero]), 3))
    scalar = np.array(0.5, np.float32)
    graph = graph.with_weights({"zero": scalar})
    pruned = prune(graph, PruningRecipe()).graph
    assert pruned.weights["zero"].shape == ()
    same_answers(graph, pruned)
