"""Packed layers of every dense kernel family: right ones pass, and no number may point outside."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

from engine.artifacts.packed_checks import check_packed, is_storable
from engine.core.errors import PackedLayerError
from engine.core.functions import ElementFunction, FusedActivation
from engine.core.layers import DenseLayer, ValueType
from engine.core.steps import DenseStep, Place
from engine.core.target import Isa
from engine.formats.narrow import narrow_layer
from engine.kernels.abi import KernelSpec, PackedLayer
from engine.kernels.registry import FAMILIES, kernel_candidates
from tests.engine.kernels.structured_layers import blocked_layer

RELU = ElementFunction(FusedActivation.RELU)
INPUTS, UNITS, POSITIONS = 200, 37, 2
STEP = DenseStep(
    "d",
    Place(0, 0, POSITIONS * INPUTS),
    Place(1, 0, POSITIONS * UNITS),
    "k",
    "b",
    POSITIONS,
    9,
    RELU,
)


def layer(sparsity: float, values: ValueType = ValueType.FLOAT32) -> DenseLayer:
    rng = np.random.default_rng(1)
    kernel = rng.standard_normal((INPUTS, UNITS)).astype(np.float32)
    kernel[rng.random(kernel.shape) < sparsity] = 0
    made = DenseLayer(kernel, rng.standard_normal(UNITS).astype(np.float32), RELU, POSITIONS)
    return narrow_layer(made, values)


def structured_layers() -> Iterator[tuple[KernelSpec, PackedLayer]]:
    """Kernels that are offered only where the weights have a structure."""
    for drawn in BLOCKED:
        for isa, values in product(Isa, ValueType):
            for candidate in kernel_candidates(narrow_layer(drawn, values), isa, 1):
                if candidate.spec.family == "spmv_blocks":
                    yield candidate.spec, candidate.pack(narrow_layer(drawn, values))


def packed_layers(sparsity: float = 0.8) -> Iterator[tuple[KernelSpec, PackedLayer]]:
    """Every candidate on every level and tile width; packing needs no CPU of that level."""
    seen: set[KernelSpec] = set()
    for isa, lanes, values in product(Isa, (1, 8, 16, 64), ValueType):
        drawn = layer(sparsity, values)
        for candidate in kernel_candidates(drawn, isa, lanes):
            if candidate.spec not in seen:
                seen.add(candidate.spec)
                yield candidate.spec, candidate.pack(drawn)


BLOCKED = [
    blocked_layer((INPUTS, UNITS), block, RELU, POSITIONS)
    for block in ((1, 16), (1, 8), (1, 4), (4, 1), (8, 1), (16, 1))
]
STRUCTURED = dict(structured_layers())
# Some kernels are offered for half-full layers only.
PACKED = {**dict(packed_layers(0.5)), **dict(packed_layers(0.8)), **STRUCTURED}
CASES = [pytest.param(*case, id=case[0].symbol) for case in PACKED.items()]


@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.99, 1.0])
def test_what_is_packed_passes_and_is_stored(sparsity: float) -> None:
    for spec, packed in packed_layers(sparsity):
        check_packed(spec, STEP, packed, "layer")
        assert is_storable(spec, STEP, packed)


@pytest.mark.parametrize(("spec", "packed"), STRUCTURED.items(), ids=lambda one: "")
def test_what_is_packed_by_structure_passes_and_is_stored(
    spec: KernelSpec, packed: PackedLayer
) -> None:
    check_packed(spec, STEP, packed, "layer")
    assert is_storable(spec, STEP, packed)


def test_every_family_of_dense_kernels_is_among_the_cases() -> None:
    dense = {name for name in FAMILIES if name.startswith(("spmm_", "spmv_", "dense_"))}
    assert {spec.family for spec in PACKED} == dense


def test_every_size_of_block_is_among_the_cases() -> None:
    assert {spec.option("size") for spec in STRUCTURED} == {4, 8, 16}


@pytest.mark.parametrize(("spec", "packed"), CASES)
def test_other_numbers_are_refused(spec: KernelSpec, packed: PackedLayer) -> None:
    for name, value in packed.ints.items():
        if name == "panel_bytes" and packed.ints["panel_count"] == 1:
            continue  # not used: there is no second panel to step to
        # One more column per move may give as many windows: other numbers, but no other memory.
        near = () if name == "slide" else (value + 1,)
        for wrong in (*near, value + 2**40):
            ints = {**packed.ints, name: wrong}
            with pytest.raises(PackedLayerError):
                check_packed(spec, STEP, replace(packed, ints=ints), "layer")
    with pytest.raises(PackedLayerError, match="other numbers"):
        check_packed(spec, STEP, replace(packed, ints={**packed.ints, "extra": 0}), "layer")


@pytest.mark.parametrize(("spec", "packed"), CASES)
def test_arrays_of_another_length_or_dtype_are_refused(
    spec: KernelSpec, packed: PackedLayer
) -> None:
    for name, array in packed.constants.items():
        for wrong in (array[:-1], array.astype(np.int64), np.concatenate((array, array))):
            constants = {**packed.constants, name: wrong}
            with pytest.raises(PackedLayerError):
                check_packed(spec, STEP, replace(packed, constants=constants), "layer")


@pytest.mark.parametrize(("spec", "packed"), CASES)
def test_the_largest_index_anywhere_is_refused(spec: KernelSpec, packed: PackedLayer) -> None:
    for name, array in packed.constants.items():
        # A permutation's code has no bit that could lead outside of its window.
        is_code = spec.family in {"spmv_window", "spmv_sweep", "spmm_sweep"} and name == "columns"
        if array.dtype == np.float32 or is_code or name in {"values", "weights", "rest_values"}:
            continue
        places = {0, array.size // 2, array.size - 1}
        if name == "masks":  # all bits set: as many values as before only where they were set
            places = {place for place in places if array[place] != 0xFFFF}
        for place in places:
            wrong = array.copy()
            wrong.reshape(-1)[place] = np.iinfo(array.dtype).max
            constants = {**packed.constants, name: wrong}
            with pytest.raises(PackedLayerError):
                check_packed(spec, STEP, replace(packed, constants=constants), "layer")


@pytest.mark.parametrize(("spec", "packed"), CASES)
def test_a_packed_layer_does_not_pass_for_another_layer(
    spec: KernelSpec, packed: PackedLayer
) -> None:
    others: list[dict[str, Any]] = [
        {"x": Place(0, 0, POSITIONS * (INPUTS - 1))},
        {"y": Place(1, 0, POSITIONS * (UNITS - 1))},
        {"y": Place(1, 0, POSITIONS * (UNITS + 1))},
        {"positions": 1},
        {"function": ElementFunction(FusedActivation.TANH)},
        {"function": ElementFunction(FusedActivation.RELU, (1.0,))},
    ]
    for other in others:
        with pytest.raises(PackedLayerError):
            check_packed(spec, replace(STEP, **other), packed, "layer")


@pytest.mark.parametrize(("spec", "packed"), CASES)
def test_kernel_variants_that_were_never_made_are_refused(
    spec: KernelSpec, packed: PackedLayer
) -> None:
    variants = [(), (*spec.variant, ("zz", 1))]
    for place, (name, _) in enumerate(spec.variant):
        for wrong in (0, 77, "exec"):
            changed = list(spec.variant)
            changed[place] = (name, wrong)
            variants.append(tuple(changed))
    for variant in variants:
        with pytest.raises(PackedLayerError):
            check_packed(replace(spec, variant=variant), STEP, packed, "layer")


def test_more_weights_at_once_than_the_kernel_reads_are_refused() -> None:
    found = [
        (spec, packed)
        for spec, packed in packed_layers()
        if spec.family == "spmm_rows" and spec.number("rows") == 4
    ]
    assert found
    for spec, packed in found:
        variant = tuple(sorted((*spec.variant, ("steps", 2))))
        with pytest.raises(PackedLayerError, match="rows times steps"):
            check_packed(replace(spec, variant=variant), STEP, packed, "layer")


def test_a_family_for_other_steps_is_refused() -> None:
    spec, packed = next(packed_layers())
    with pytest.raises(PackedLayerError, match="not stored packed"):
        check_packed(replace(spec, family="softmax"), STEP, packed, "layer")
