"""Kernels of tokens and attention against NumPy: every level, one lane and many, odd sizes, NaN around values."""

import numpy as np
import pytest

from engine.core.arrays import FloatArray
from engine.core.attention_steps import MaskedKind, ProductStep
from engine.core.functions import float_bits
from engine.core.places import Place
from engine.core.target import Isa, available_isas
from engine.kernels import lookup, masked_softmax, product
from graph.attention_ops import Masking, places_seen
from graph.attention_ops import masked_softmax as masked_in_numpy
from tests.engine.kernels.step_runner import StepInput, lanes_for, run_step

LEVELS = [
    pytest.param(isa, lanes, id=f"{isa.value}-{lanes}")
    for isa in available_isas()
    for lanes in lanes_for(isa.vector_floats)
]


def drawn(*shape: int, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize(("isa", "lanes"), LEVELS)
@pytest.mark.parametrize(("indices", "rows", "features"), [(1, 1, 1), (5, 9, 37), (3, 4, 16)])
def test_lookup(isa: Isa, lanes: int, indices: int, rows: int, features: int) -> None:
    table = drawn(rows, features)
    x = np.random.default_rng(1).integers(0, rows, (indices, lanes)).astype(np.float32) + 0.75
    wanted = np.moveaxis(table[x.astype(int)], 2, 1)
    step = StepInput(
        values={"x": x},
        outputs={"y": (indices, features, lanes)},
        constants={"table": table},
        ints={"indices": indices, "features": features, "table_rows": rows},
    )
    np.testing.assert_array_equal(run_step(lookup.lookup_spec(isa, lanes), step)["y"], wanted)


BEYOND = [3.0, -1.0, np.nan, np.inf, -np.inf, 2**24, 2.0**31, 2.0**63, -(2.0**63), 3.4e38]


@pytest.mark.parametrize(("isa", "lanes"), LEVELS)
@pytest.mark.parametrize("number", BEYOND)
def test_no_number_leads_outside_of_the_table(isa: Isa, lanes: int, number: float) -> None:
    step = StepInput(
        values={"x": np.full((1, lanes), number, np.float32)},
        outputs={"y": (5, lanes)},
        constants={"table": drawn(3, 5)},
        ints={"indices": 1, "features": 5, "table_rows": 3},
    )
    assert np.isnan(run_step(lookup.lookup_spec(isa, lanes), step)["y"]).all()


def product_of(rows: int, terms: int, columns: int, groups: tuple[int, int, int]) -> ProductStep:
    """Matrices row-major; the middle groups share `a`, the inner ones `b`."""
    outer, middle, inner = groups
    a, b, y = rows * terms, terms * columns, rows * columns
    return ProductStep(
        Place(0, 0, outer * inner * a),
        Place(1, 0, outer * middle * b),
        Place(2, 0, outer * middle * inner * y),
        groups,
        (inner * a, 0, a),
        (middle * b, b, 0),
        (middle * inner * y, inner * y, y),
        rows,
        terms,
        columns,
        terms,
        1,
        columns,
        columns,
        0.5,
    )


@pytest.mark.parametrize(("isa", "lanes"), LEVELS)
@pytest.mark.parametrize(
    ("rows", "terms", "columns", "groups"),
    [
        (1, 1, 1, (1, 1, 1)),
        (7, 5, 3, (2, 1, 2)),
        (9, 3, 37, (1, 2, 2)),
        (25, 9, 16, (1, 1, 1)),
        (3, 800, 70, (1, 1, 1)),
    ],
)
def test_product(
    isa: Isa, lanes: int, rows: int, terms: int, columns: int, groups: tuple[int, int, int]
) -> None:
    step = product_of(rows, terms, columns, groups)
    a = drawn(groups[0], 1, groups[2], rows, terms, lanes)
    b = drawn(groups[0], groups[1], 1, terms, columns, lanes, seed=1)
    wanted = 0.5 * np.einsum(
        "oirtl,omtcl->omircl", a[:, 0].astype(np.float64), b[:, :, 0].astype(np.float64)
    )
    found = run_step(
        product.product_spec(isa, lanes, rows, columns),
        StepInput(
            values={"a": a, "b": b},
            outputs={"y": wanted.shape},
            ints={**product.product_numbers(step), "scale": float_bits(0.5)},
        ),
    )["y"]
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=2e-6 * np.sqrt(terms))


@pytest.mark.parametrize(("isa", "lanes"), LEVELS)
@pytest.mark.parametrize("masking", MaskedKind)
@pytest.mark.parametrize(("masked", "placed"), [(True, False), (False, True), (True, True)])
@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 5, 7), (4, 37, 3), (2, 6, 40)])
def test_masked_softmax(
    isa: Isa,
    lanes: int,
    masking: MaskedKind,
    masked: bool,
    placed: bool,
    shape: tuple[int, int, int],
) -> None:
    outer, keys, queries = shape
    x = drawn(*shape, lanes)
    mask = np.random.default_rng(2).random((1, keys, queries, lanes)) < 0.6
    seen = np.ones_like(x, bool)
    if masked:
        seen &= mask
    if placed:
        seen &= places_seen(queries, keys, True, 3).T[..., None]
    wanted = np.moveaxis(
        masked_in_numpy(
            np.moveaxis(x.astype(np.float64), 1, -1), np.moveaxis(seen, 1, -1), Masking(masking)
        ),
        -1,
        1,
    )
    ints = {"outer": outer, "group": keys, "inner": queries, "share": outer, "ahead": 0, "back": 2}
    spec = masked_softmax.masked_softmax_spec(isa, lanes, masking, masked=masked, placed=placed)
    found = run_step(
        spec,
        StepInput(
            values={"x": x, "mask": mask.astype(np.float32)}, outputs={"y": x.shape}, ints=ints
        ),
    )["y"]
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
