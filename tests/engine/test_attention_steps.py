"""What is checked of the steps of tokens and attention, how they are printed, and how they are split."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engine.compiler import CompileOptions
from engine.core.attention_steps import (
    AttentionStep,
    LookupStep,
    MaskedKind,
    MaskedSoftmaxStep,
    ProductStep,
    reads,
)
from engine.core.errors import ProgramError
from engine.core.program import InputSlot, OutputSlot, Program
from engine.core.program_check import check_program
from engine.core.program_text import to_text
from engine.core.steps import Pack, Place, Unpack
from engine.machine_code.object_cache import ObjectCache
from engine.planning.part_ranges import LEAST_NUMBERS
from engine.planning.step_parts import split_step
from graph.attention_ops import Attention, Embedding, MatMul
from tests.builders import GraphBuilder
from tests.engine.attention_graphs import flags, integers, values
from tests.engine.compiled import assert_close, compiled, oracle

X, MASK = Place(0, 0, 24), Place(1, 0, 12)
LOOKUP = LookupStep(X, Place(2, 0, 72), "table", 5)
# Two groups of 3 x 2 times 2 x 4, of which all share one matrix b.
PRODUCT = ProductStep(
    Place(0, 0, 12),
    Place(1, 0, 8),
    Place(2, 0, 24),
    (1, 1, 2),
    (0, 0, 6),
    (0, 0, 0),
    (0, 0, 12),
    3,
    2,
    4,
    2,
    1,
    4,
    4,
    1.0,
)
SOFTMAX = MaskedSoftmaxStep(MaskedKind.EQUAL, X, Place(2, 0, 24), MASK, 2, 3, 4, 1, 0, 3)


def program(step: AttentionStep) -> Program:
    rows = step.y.rows
    return Program(
        "p",
        (InputSlot("x", "float32", (24,)), InputSlot("m", "float32", (12,))),
        (OutputSlot("y", (rows,)),),
        (24, 12, rows),
        (Pack(0, X), Pack(1, MASK), step, Unpack(Place(2, 0, rows), 0)),
        {"table": np.ones((5, 3), np.float32), "other": np.ones((5, 2), np.float32)},
    )


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (LOOKUP, "lookup<5>(%0) [table]"),
        (PRODUCT, "product<2, 3, 2, 4>(%0[0:12], %1[0:8])"),
        (SOFTMAX, "masked_softmax_equal<2, 3, 4> 3 back, 0 ahead(%0, %1)"),
        (replace(SOFTMAX, ahead=2), "masked_softmax_equal<2, 3, 4>(%0, %1)"),
        (replace(SOFTMAX, mask=None), "masked_softmax_equal<2, 3, 4> 3 back, 0 ahead(%0)"),
    ],
)
def test_a_right_step_passes_and_is_printed(step: AttentionStep, text: str) -> None:
    check_program(program(step))
    assert f"%2 = {text}\n" in to_text(program(step))


def of(step: AttentionStep, **changes: Any) -> AttentionStep:
    return replace(step, **changes)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (of(LOOKUP, y=Place(2, 0, 71)), "no features"),
        (of(LOOKUP, table_rows=4), "should be"),
        (of(LOOKUP, table_rows=0), "has 1 to"),
        (of(LOOKUP, table_rows=2**24 + 1), "has 1 to"),
        (of(LOOKUP, table="other"), "should be"),
        (of(LOOKUP, table="nowhere"), "not there"),
        (of(PRODUCT, groups=(2,)), "groups have 3 axes"),
        (of(PRODUCT, a_groups=(0, 0, 0, 6)), "groups have 3 axes"),
        (of(PRODUCT, rows=0), "at least 1"),
        (of(PRODUCT, a_row=-1), "at least 0"),
        (of(PRODUCT, a_term=2**40), "at most"),
        (of(PRODUCT, scale=float("nan")), "not finite"),
        (of(PRODUCT, a_groups=(0, 0, 7)), "row 12 of a"),
        (of(PRODUCT, a_term=2), "row 12 of a"),
        (of(PRODUCT, b_term=5), "row 8 of b"),
        (of(PRODUCT, terms=3), "row 12 of a"),
        (of(PRODUCT, y_row=3), "side by side"),
        (of(PRODUCT, y_groups=(0, 0, 0)), "side by side"),
        (of(PRODUCT, groups=(1, 1, 1)), "12 results for 24 rows"),
        (of(SOFTMAX, keys=4), "2 x 4 x 4 groups"),
        (of(SOFTMAX, mask_outer=2), "12 rows of a mask of 24"),
        (of(SOFTMAX, mask_outer=0), "0 masks"),
        (of(SOFTMAX, ahead=-1), "distances"),
        (of(SOFTMAX, back=2**40), "distances"),
        (of(SOFTMAX, y=Place(2, 0, 23)), "23 rows out"),
    ],
)
def test_a_wrong_step_is_refused(step: AttentionStep, message: str) -> None:
    with pytest.raises(ProgramError, match=message):
        check_program(program(step))


def test_a_step_with_too_many_products_is_refused() -> None:
    large = of(
        PRODUCT, terms=2**26, a_row=0, a_term=0, b_term=0, groups=(1, 1, 2), a_groups=(0, 0, 0)
    )
    huge = replace(program(large), steps=program(large).steps)
    many = (2**20, 1, 1)
    over = of(large, groups=many, y=Place(2, 0, 12 * 2**20), y_groups=(12, 0, 0))
    check_program(huge)
    with pytest.raises(ProgramError, match="takes too long"):
        check_program(program(over))


def large_steps() -> list[AttentionStep]:
    queries = keys = 128
    scores = 4 * queries * keys
    wide = Place(0, 0, 4 * 64 * keys)
    product = ProductStep(
        wide,
        Place(1, 0, 4 * 64 * queries),
        Place(2, 0, scores),
        (1, 4, 1),
        (0, 64 * keys, 0),
        (0, 64 * queries, 0),
        (0, keys * queries, 0),
        keys,
        64,
        queries,
        1,
        keys,
        queries,
        queries,
        1.0,
    )
    one = replace(product, groups=(1, 1, 1), y=Place(2, 0, keys * queries))
    x, y = Place(0, 0, scores), Place(1, 0, scores)
    softmax = MaskedSoftmaxStep(MaskedKind.ZERO, x, y, None, 4, keys, queries, 1, 0, keys)
    each = replace(softmax, mask=Place(2, 0, scores), mask_outer=4)
    both = replace(each, mask=Place(2, 0, scores // 2), mask_outer=2)
    shared = replace(each, mask=Place(2, 0, scores // 4), mask_outer=1)
    rows = 4 * LEAST_NUMBERS // 64
    lookup = LookupStep(Place(0, 0, rows), Place(1, 0, rows * 64), "t", 9)
    return [product, one, softmax, each, both, shared, lookup]


@pytest.mark.parametrize("step", large_steps(), ids=lambda step: type(step).__name__)
def test_parts_write_the_whole_result_once_and_read_inside(step: AttentionStep) -> None:
    parts = split_step(step, 1, 2)
    assert len(parts) == 2
    first, second = parts
    assert isinstance(first, AttentionStep)
    assert isinstance(second, AttentionStep)
    assert first.y.first == 0
    assert second.y.first == first.y.rows
    assert first.y.rows + second.y.rows == step.y.rows
    for part in (first, second):
        for place, whole in zip(reads(part), reads(step), strict=True):
            assert place.first + place.rows <= whole.rows


def test_any_number_of_threads_gives_the_same_bits(object_cache: ObjectCache) -> None:
    b = GraphBuilder()
    tokens = b.input(128, type_=integers(128))
    x = b.add(Embedding(50, 64), [tokens], [b.weight("table", b.rng.standard_normal((50, 64)))])
    mask = b.input(1, 1, 128, type_=flags(1, 1, 128))
    own = [b.dense(x, 256) for _ in range(3)]
    y = b.dense(b.add(Attention(4, 4, 0.1, masked=True, causal=True), [*own, mask]), 64)
    graph = b.build(b.add(MatMul(transpose_b=True), [y, x]))
    inputs = values(graph, 0, 50)
    one, three = (
        compiled(
            graph, object_cache, None, CompileOptions(tune=False, buckets=(1,), threads=threads)
        ).run(inputs)
        for threads in (1, 3)
    )
    np.testing.assert_array_equal(one["y0"], three["y0"])
    assert_close(one, oracle(graph, inputs))
