"""Embeddings, products, masked softmax and attention beside Keras' own operations and layers."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.attention_ops import Attention, Embedding, MaskedSoftmax, Masking, MatMul, places_seen
from graph.batches import operations
from graph.errors import ShapeError
from graph.graph import Graph
from graph.reference import run
from graph.tensor_type import DType, TensorType
from tests.builders import GraphBuilder

COVERED = {Embedding, MatMul, MaskedSoftmax, Attention}
TOLERANCE = 2e-6


def bool_type(*sample_shape: int) -> TensorType:
    return TensorType(DType.BOOL, (None, *sample_shape))


def close(found: np.ndarray, expected: Any) -> None:
    np.testing.assert_allclose(found, np.asarray(expected), rtol=TOLERANCE, atol=TOLERANCE)


@pytest.mark.parametrize("shape", [(), (5,), (2, 3)])
@pytest.mark.parametrize("dtype", [DType.INT32, DType.FLOAT32])
def test_embedding_is_that_of_keras(keras: Any, shape: tuple[int, ...], dtype: DType) -> None:
    b = GraphBuilder()
    table = b.weight("table", b.rng.standard_normal((7, 3)))
    x = b.input(*shape, type_=TensorType(dtype, (None, *shape)))
    graph = b.build(b.add(Embedding(7, 3), [x], [table]))
    index = np.random.default_rng(1).integers(0, 7, (4, *shape)).astype(dtype.numpy)
    if dtype is DType.FLOAT32:
        index += np.float32(0.5)  # cut off
    layer = keras.layers.Embedding(7, 3)
    layer.build(())
    layer.set_weights([graph.weights["table"]])
    close(run(graph, {"x0": index})["y0"], layer(index))


def test_an_index_outside_of_the_table_gives_nan() -> None:
    b = GraphBuilder()
    graph = b.build(b.add(Embedding(3, 2), [b.input(6)], [b.weight("t", np.ones((3, 2)))]))
    index = np.array([[0, 2.9, 3, -1, np.nan, np.inf]], np.float32)
    found = run(graph, {"x0": index})["y0"][0]
    np.testing.assert_array_equal(np.isnan(found).all(axis=1), [0, 0, 1, 1, 1, 1])
    np.testing.assert_array_equal(found[:2], np.ones((2, 2)))


@pytest.mark.parametrize("a", [False, True])
@pytest.mark.parametrize("b", [False, True])
@pytest.mark.parametrize("before", [((), ()), ((2,), (2,)), ((2, 1), (1, 3))])
def test_product_is_that_of_keras(
    keras: Any, a: bool, b: bool, before: tuple[tuple[int, ...], tuple[int, ...]]
) -> None:
    shapes = [(*before[0], *((4, 3) if a else (3, 4))), (*before[1], *((5, 4) if b else (4, 5)))]
    builder = GraphBuilder()
    graph = builder.build(builder.add(MatMul(a, b), [builder.input(*shape) for shape in shapes]))
    rng = np.random.default_rng(2)
    x, y = (rng.standard_normal((6, *shape)).astype(np.float32) for shape in shapes)
    left, right = (
        keras.ops.swapaxes(one, -1, -2) if turned else one for one, turned in ((x, a), (y, b))
    )
    close(run(graph, {"x0": x, "x1": y})["y0"], keras.ops.matmul(left, right))
    assert operations(graph) >= np.prod([*before[0], *before[1]], initial=1) // 2 * 60


def masks(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Some rows see nothing at all."""
    mask = rng.random((3, *shape)) < 0.6
    mask[0] = False
    return mask


def test_masked_softmax_is_that_of_keras(keras: Any) -> None:
    b = GraphBuilder()
    graph = b.build(
        b.add(
            MaskedSoftmax(Masking.ZERO),
            [b.input(2, 3, 5), b.input(1, 1, 5, type_=bool_type(1, 1, 5))],
        )
    )
    rng = np.random.default_rng(3)
    x, mask = rng.standard_normal((3, 2, 3, 5)).astype(np.float32), masks(rng, (1, 1, 5))
    expected = keras.layers.Softmax()(x, mask=mask)
    close(run(graph, {"x0": x, "x1": mask})["y0"], expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_masks_that_are_taken_off_round_as_float32(keras: Any, dtype: Any) -> None:
    b = GraphBuilder()
    x, mask = b.input(1, 3), b.input(1, 3, type_=bool_type(1, 3))
    graph = b.build(b.add(MaskedSoftmax(Masking.SHIFT), [x, mask]))
    scores, seen = np.array([[[1.0, 40.0, -50.0]]], np.float32), np.zeros((1, 1, 3), bool)
    query = np.ones((1, 1, 1), np.float32)
    layer = keras.layers.Attention()
    _, expected = layer(
        [query, scores.reshape(1, 3, 1)], mask=[None, seen[:, 0]], return_attention_scores=True
    )
    close(run(graph, {"x0": scores, "x1": seen}, dtype)["y0"], expected)


def test_places_seen() -> None:
    np.testing.assert_array_equal(places_seen(3, 4, True, None), np.tri(3, 4, dtype=bool))
    near = places_seen(4, 4, False, 2)
    np.testing.assert_array_equal(near, np.abs(np.subtract.outer(range(4), range(4))) < 2)


@st.composite
def attentions(draw: st.DrawFn) -> tuple[Graph, dict[str, np.ndarray], tuple[int, int]]:
    key_heads, repeats = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    queries, keys = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    size, value = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    masked, causal = draw(st.booleans()), draw(st.booleans())
    heads = key_heads * repeats
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    b = GraphBuilder()
    arguments = [
        b.input(queries, heads * size),
        b.input(keys, key_heads * size),
        b.input(keys, key_heads * value),
    ]
    given_: dict[str, np.ndarray] = {
        name: rng.standard_normal((3, *b.type(name).static_sample_shape)).astype(np.float32)
        for name in arguments
    }
    if masked:
        shape = tuple(draw(st.sampled_from((1, n))) for n in (heads, queries, keys))
        arguments.append(b.input(*shape, name="mask", type_=bool_type(*shape)))
        given_["mask"] = masks(rng, shape)
    op = Attention(heads, key_heads, 0.7, masked=masked, causal=causal)
    return b.build(b.add(op, arguments)), given_, (heads, key_heads)


@given(attentions())
@settings(max_examples=40)
def test_attention_is_that_of_keras(
    keras: Any, drawn: tuple[Graph, dict[str, np.ndarray], tuple[int, int]]
) -> None:
    graph, inputs, (heads, key_heads) = drawn
    op = graph.nodes[0].op
    assert isinstance(op, Attention)
    q, k, v = (
        inputs[f"x{place}"].reshape(3, inputs[f"x{place}"].shape[1], count, -1)
        for place, count in enumerate((heads, key_heads, key_heads))
    )
    k, v = (np.repeat(x, heads // key_heads, axis=2) for x in (k, v))
    expected = keras.ops.dot_product_attention(
        q, k, v, mask=inputs.get("mask"), scale=0.7, is_causal=op.causal
    )
    found = run(graph, inputs)["y0"]
    close(found.reshape(np.shape(expected)), expected)


ATTENTION = Attention(2, 1, 1.0, masked=True)
LONG = [(4, 6), (5, 3), (5, 2), (2, 4, 5)]


@pytest.mark.parametrize(
    ("op", "shapes"),
    [
        (Embedding(3, 2), []),
        (MatMul(), [(2, 3), (4, 5)]),
        (MatMul(), [(2, 3), (1, 3, 5)]),
        (MatMul(), [(2, 2, 3), (3, 3, 5)]),
        (MaskedSoftmax(), [(2, 3)]),
        (MaskedSoftmax(), [(2, 3), (2, 2)]),
        (MaskedSoftmax(masked=False, causal=True), [(3,)]),
        (ATTENTION, LONG[:3]),
        (ATTENTION, [(4, 5), *LONG[1:]]),
        (ATTENTION, [(4, 4), *LONG[1:]]),
        (ATTENTION, [*LONG[:2], (6, 2), LONG[3]]),
        (ATTENTION, [*LONG[:3], (3, 4, 5)]),
        (ATTENTION, [*LONG[:3], (4, 5)]),
        (Attention(3, 2, 1.0), [(4, 6), (5, 4), (5, 4)]),
    ],
)
def test_what_does_not_fit_is_refused(op: Any, shapes: list[tuple[int, ...]]) -> None:
    types = tuple(
        bool_type(*shape)
        if place in (1, 3) and isinstance(op, (MaskedSoftmax, Attention)) and len(shapes) in (2, 4)
        else TensorType(DType.FLOAT32, (None, *shape))
        for place, shape in enumerate(shapes)
    )
    with pytest.raises(ShapeError):
        op.infer(types, ())


def test_masks_are_bool() -> None:
    types = tuple(TensorType(DType.FLOAT32, (None, 2, 3)) for _ in range(2))
    with pytest.raises(ShapeError, match="mask"):
        MaskedSoftmax().infer(types, ())


def test_tables_that_float32_cannot_count_are_refused() -> None:
    with pytest.raises(ShapeError, match="too many rows"):
        Embedding(2**24 + 1, 1).infer((TensorType(DType.INT32, (None,)),), ((2**24 + 1, 1),))


def test_lengths_may_vary() -> None:
    x = TensorType(DType.FLOAT32, (None, None, 4))
    mask = TensorType(DType.BOOL, (None, 1, 1, None))
    assert Attention(2, 2, 1.0, masked=True).infer((x, x, x, mask), ()).shape == (None, None, 4)
    assert MatMul(transpose_b=True).infer((x, x), ()).shape == (None, None, None)
