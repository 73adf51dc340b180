"""Graphs of embeddings, products and attention drawn at random."""

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st

from graph.attention_ops import Attention, Embedding, MaskedSoftmax, Masking, MatMul
from graph.graph import Graph
from graph.tensor_type import DType, TensorType
from tests.builders import GraphBuilder

Drawn = tuple[Graph, dict[str, np.ndarray]]
BATCH = 5


def integers(*sample_shape: int) -> TensorType:
    return TensorType(DType.INT32, (None, *sample_shape))


def flags(*sample_shape: int) -> TensorType:
    return TensorType(DType.BOOL, (None, *sample_shape))


def values(graph: Graph, seed: int, most: int) -> dict[str, np.ndarray]:
    """Normal numbers, indices below `most`, and masks in which some rows see nothing."""
    rng = np.random.default_rng(seed)
    found = {}
    for one in graph.inputs:
        shape = (BATCH, *one.type.static_sample_shape)
        match one.type.dtype:
            case DType.INT32:
                found[one.name] = rng.integers(0, most, shape).astype(np.int32)
            case DType.BOOL:
                found[one.name] = rng.random(shape) < 0.7
                found[one.name][0] = False
            case _:
                found[one.name] = rng.standard_normal(shape).astype(np.float32)
    return found


def embedding(draw: st.DrawFn, b: GraphBuilder) -> str:
    shape = tuple(draw(st.lists(st.integers(1, 5), max_size=2)))
    rows, features = draw(st.integers(1, 9)), draw(st.integers(1, 37))
    table = b.weight("table", b.rng.standard_normal((rows, features)))
    x = b.add(Embedding(rows, features), [b.input(*shape, type_=integers(*shape))], [table])
    return b.dense(x, draw(st.integers(1, 5))) if draw(st.booleans()) else x


def matmul(draw: st.DrawFn, b: GraphBuilder) -> str:
    rows, terms, columns = (draw(st.integers(1, 21)) for _ in range(3))
    turned = draw(st.booleans()), draw(st.booleans())
    groups = draw(st.lists(st.integers(1, 3), max_size=4))
    before = [[draw(st.sampled_from((1, n))) for n in groups] for _ in range(2)]
    a = (terms, rows) if turned[0] else (rows, terms)
    other = (columns, terms) if turned[1] else (terms, columns)
    left, right = b.input(*before[0], *a), b.input(*before[1], *other)
    if draw(st.booleans()):
        left = b.dense(left, a[-1])
    return b.add(MatMul(*turned), [left, right])


def drawn_mask(draw: st.DrawFn, b: GraphBuilder, shape: tuple[int, ...]) -> list[str]:
    own = tuple(draw(st.sampled_from((1, n))) for n in shape)
    return [b.input(*own, type_=flags(*own))] if draw(st.booleans()) else []


def softmax(draw: st.DrawFn, b: GraphBuilder) -> str:
    shape = tuple(draw(st.lists(st.integers(1, 19), min_size=1, max_size=4)))
    x = b.input(*shape)
    mask = drawn_mask(draw, b, shape)
    placed = len(shape) > 1
    op = MaskedSoftmax(
        draw(st.sampled_from(Masking)),
        masked=bool(mask),
        causal=placed and draw(st.booleans()),
        window=draw(st.sampled_from((None, 1, 3))) if placed else None,
    )
    return b.add(op, [x, *mask])


def attention(draw: st.DrawFn, b: GraphBuilder) -> str:
    lead = tuple(draw(st.lists(st.integers(1, 3), max_size=2)))
    key_heads, repeats = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    queries, keys = draw(st.integers(1, 35)), draw(st.integers(1, 21))
    size, value_size = draw(st.integers(1, 5)), draw(st.integers(1, 7))
    heads = key_heads * repeats
    x, y = b.input(*lead, queries, 6), b.input(*lead, keys, 4)
    arguments = [
        b.dense(x, heads * size, sparsity=0.5),
        b.dense(y, key_heads * size),
        b.dense(y, key_heads * value_size),
    ]
    mask = drawn_mask(draw, b, (*lead, heads, queries, keys))
    op = Attention(
        heads,
        key_heads,
        0.6,
        draw(st.sampled_from(Masking)),
        masked=bool(mask),
        causal=draw(st.booleans()),
        window=draw(st.sampled_from((None, 2))),
    )
    return b.dense(b.add(op, [*arguments, *mask]), 3)


KINDS: dict[str, Callable[[st.DrawFn, GraphBuilder], str]] = {
    one.__name__: one for one in (embedding, matmul, softmax, attention)
}


@st.composite
def attention_graphs(draw: st.DrawFn, kind: str) -> Drawn:
    """A graph of one kind of op, and its inputs."""
    seed = draw(st.integers(0, 999))
    b = GraphBuilder(seed)
    graph = b.build(KINDS[kind](draw, b))
    most = min((op.rows for node in graph.nodes if isinstance(op := node.op, Embedding)), default=1)
    return graph, values(graph, seed, most)


def every_attention_step() -> Graph:
    """Tokens, attention under a mask and by places, and a product of two values."""
    b = GraphBuilder(1)
    tokens = b.input(6, type_=integers(6))
    x = b.add(Embedding(9, 8), [tokens], [b.weight("table", b.rng.standard_normal((9, 8)))])
    mask = b.input(1, 1, 6, type_=flags(1, 1, 6))
    projected = [b.dense(x, width, sparsity=0.5) for width in (8, 4, 4)]
    op = Attention(4, 2, 0.7, Masking.ZERO, masked=True, causal=True, window=4)
    y = b.dense(b.add(op, [*projected, mask]), 8)
    return b.build(b.add(MatMul(transpose_b=True), [y, x]))
