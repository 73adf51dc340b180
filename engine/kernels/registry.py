"""All kernel families: which exist, their fields, their code, and which suit a layer."""

from collections.abc import Mapping
from dataclasses import replace
from typing import assert_never

from engine.core.errors import UnknownFamilyError, UnsupportedKernelError
from engine.core.layers import (
    ConvLayer,
    DenseLayer,
    DepthwiseLayer,
    RecurrentLayer,
    WeightedLayer,
)
from engine.core.rates import Rates, default_rates
from engine.core.target import Isa
from engine.kernels import (
    binary,
    conv_candidates,
    conv_dense,
    conv_rows,
    dense_columns,
    dense_gemm,
    dot,
    elementwise,
    folds,
    group_sums,
    groups,
    layout,
    lookup,
    masked_softmax,
    moves,
    panels,
    product,
    recurrent,
    resample,
    rows,
    sparsemax,
    spmm_patterns,
    spmm_rows,
    spmm_sweep,
    spmv_blocks,
    spmv_delta,
    spmv_expand,
    spmv_sell,
    spmv_sweep,
    spmv_window,
    stamp,
    transpose,
    window_candidates,
    window_channels,
    window_masked,
)
from engine.kernels.abi import Candidate, Field, KernelSpec
from engine.kernels.family import Family, Lanes, fixed
from engine.kernels.weight_loads import OPTIONAL_VARIANTS

_DENSE_FIELDS = fixed(dense_gemm.FIELDS)

FAMILIES: Mapping[str, Family] = {
    spmm_patterns.FAMILY: Family(
        fixed(panels.FIELDS),
        spmm_patterns.emit,
        Lanes.TILE,
        True,
        spmm_patterns.VARIANTS,
        optional=panels.OPTIONAL_VARIANTS,
    ),
    spmm_rows.FAMILY: Family(
        fixed(panels.FIELDS),
        spmm_rows.emit,
        Lanes.TILE,
        True,
        spmm_rows.VARIANTS,
        optional=spmm_rows.OPTIONAL_VARIANTS,
    ),
    spmm_sweep.FAMILY: Family(
        fixed(spmm_sweep.FIELDS),
        spmm_sweep.emit,
        Lanes.TILE,
        True,
        spmm_sweep.VARIANTS,
        spmm_sweep.ISAS,
        OPTIONAL_VARIANTS,
    ),
    spmv_sell.FAMILY: Family(
        fixed(spmv_sell.FIELDS),
        spmv_sell.emit,
        Lanes.ONE,
        True,
        spmv_sell.VARIANTS,
        optional=OPTIONAL_VARIANTS,
    ),
    spmv_blocks.FAMILY: Family(
        fixed(spmv_sell.FIELDS),
        spmv_blocks.emit,
        Lanes.ONE,
        True,
        spmv_blocks.VARIANTS,
        optional=OPTIONAL_VARIANTS,
    ),
    spmv_delta.FAMILY: Family(
        fixed(spmv_delta.FIELDS),
        spmv_delta.emit,
        Lanes.ONE,
        True,
        spmv_delta.VARIANTS,
        (Isa.AVX512, Isa.AVX2),
        OPTIONAL_VARIANTS,
    ),
    spmv_expand.FAMILY: Family(
        fixed(spmv_expand.FIELDS),
        spmv_expand.emit,
        Lanes.ONE,
        True,
        spmv_expand.VARIANTS,
        (Isa.AVX512,),
    ),
    spmv_sweep.FAMILY: Family(
        fixed(spmv_sweep.FIELDS),
        spmv_sweep.emit,
        Lanes.ONE,
        True,
        spmv_sweep.VARIANTS,
        (Isa.AVX512, Isa.AVX2),
        OPTIONAL_VARIANTS,
    ),
    spmv_window.FAMILY: Family(
        fixed(spmv_window.FIELDS),
        spmv_window.emit,
        Lanes.ONE,
        True,
        spmv_window.VARIANTS,
        (Isa.AVX512,),
        OPTIONAL_VARIANTS,
    ),
    dense_gemm.GEMM_FAMILY: Family(
        _DENSE_FIELDS, dense_gemm.emit_gemm, Lanes.TILE, True, dense_gemm.GEMM_VARIANTS
    ),
    dense_gemm.GEMV_FAMILY: Family(
        _DENSE_FIELDS,
        dense_gemm.emit_gemv,
        Lanes.ONE,
        True,
        dense_gemm.GEMV_VARIANTS,
        optional=OPTIONAL_VARIANTS,
    ),
    dense_columns.FAMILY: Family(
        _DENSE_FIELDS,
        dense_columns.emit,
        Lanes.TILE,
        True,
        dense_columns.VARIANTS,
        dense_columns.ISAS,
    ),
    conv_rows.FAMILY: Family(
        conv_rows.fields,
        conv_rows.emit,
        Lanes.ANY,
        True,
        conv_rows.VARIANTS,
        optional=conv_rows.OPTIONAL_VARIANTS,
    ),
    conv_dense.FAMILY: Family(
        conv_dense.fields,
        conv_dense.emit,
        Lanes.ANY,
        True,
        conv_dense.VARIANTS,
        optional=conv_dense.OPTIONAL_VARIANTS,
    ),
    window_channels.FAMILY: Family(
        window_channels.fields,
        window_channels.emit,
        Lanes.ANY,
        True,
        window_channels.VARIANTS,
        optional=window_channels.OPTIONAL_VARIANTS,
    ),
    window_masked.FAMILY: Family(
        fixed(window_masked.FIELDS),
        window_masked.emit,
        Lanes.ANY,
        True,
        window_masked.VARIANTS,
        window_masked.ISAS,
    ),
    recurrent.FAMILY: Family(recurrent.fields, recurrent.emit, Lanes.ANY, True, recurrent.VARIANTS),
    group_sums.REDUCE_FAMILY: Family(
        fixed(group_sums.REDUCE_FIELDS),
        group_sums.emit_reduce,
        Lanes.ANY,
        variants=group_sums.REDUCE_VARIANTS,
    ),
    group_sums.ROOT_FAMILY: Family(
        fixed(group_sums.ROOT_FIELDS),
        group_sums.emit_root,
        Lanes.ANY,
        variants=group_sums.ROOT_VARIANTS,
    ),
    resample.FAMILY: Family(fixed(resample.FIELDS), resample.emit, Lanes.ANY),
    moves.FAMILY: Family(fixed(moves.FIELDS), moves.emit, Lanes.ANY),
    elementwise.ACTIVATION_FAMILY: Family(
        fixed(elementwise.ACTIVATION_FIELDS), elementwise.emit_activation, Lanes.ONE, True
    ),
    elementwise.MERGE_FAMILY: Family(
        elementwise.merge_fields,
        elementwise.emit_merge,
        Lanes.ONE,
        variants=elementwise.MERGE_VARIANTS,
    ),
    elementwise.GLU_FAMILY: Family(fixed(elementwise.GLU_FIELDS), elementwise.emit_glu, Lanes.ONE),
    rows.GATHER_FAMILY: Family(fixed(rows.GATHER_FIELDS), rows.emit_gather, Lanes.ANY),
    rows.AFFINE_FAMILY: Family(fixed(rows.AFFINE_FIELDS), rows.emit_affine, Lanes.ANY),
    rows.PRELU_FAMILY: Family(fixed(rows.PRELU_FIELDS), rows.emit_prelu, Lanes.ANY),
    groups.SOFTMAX_FAMILY: Family(
        fixed(groups.SOFTMAX_FIELDS),
        groups.emit_softmax,
        Lanes.ANY,
        variants=groups.SOFTMAX_VARIANTS,
    ),
    groups.LAYER_NORM_FAMILY: Family(
        fixed(groups.LAYER_NORM_FIELDS),
        groups.emit_layer_norm,
        Lanes.ANY,
        variants=groups.LAYER_NORM_VARIANTS,
    ),
    sparsemax.FAMILY: Family(fixed(sparsemax.FIELDS), sparsemax.emit, Lanes.ANY),
    lookup.FAMILY: Family(fixed(lookup.FIELDS), lookup.emit, Lanes.ANY),
    product.FAMILY: Family(
        fixed(product.FIELDS), product.emit, Lanes.ANY, variants=product.VARIANTS
    ),
    masked_softmax.FAMILY: Family(
        fixed(masked_softmax.FIELDS),
        masked_softmax.emit,
        Lanes.ANY,
        variants=masked_softmax.VARIANTS,
    ),
    dot.FAMILY: Family(fixed(dot.FIELDS), dot.emit, Lanes.ANY, variants=dot.VARIANTS),
    layout.PACK_FAMILY: Family(
        fixed(layout.PACK_FIELDS), layout.emit_pack, Lanes.ANY, variants=layout.PACK_VARIANTS
    ),
    layout.UNPACK_FAMILY: Family(fixed(layout.UNPACK_FIELDS), layout.emit_unpack, Lanes.ANY),
    transpose.FAMILY: Family(fixed(transpose.FIELDS), transpose.emit, Lanes.ANY),
    binary.BINARY_FAMILY: Family(
        fixed(binary.BINARY_FIELDS),
        binary.emit_binary,
        Lanes.ANY,
        variants=binary.BINARY_VARIANTS,
    ),
    binary.SELECT_FAMILY: Family(fixed(binary.SELECT_FIELDS), binary.emit_select, Lanes.ONE),
    binary.CONSTANT_FAMILY: Family(fixed(binary.CONSTANT_FIELDS), binary.emit_constant, Lanes.ANY),
    folds.FOLD_FAMILY: Family(
        fixed(folds.FIELDS), folds.emit_fold, Lanes.ONE, variants=folds.FOLD_VARIANTS
    ),
    folds.SCAN_FAMILY: Family(
        fixed(folds.FIELDS), folds.emit_scan, Lanes.ONE, variants=folds.SCAN_VARIANTS
    ),
    stamp.FAMILY: Family(fixed(stamp.FIELDS), stamp.emit, Lanes.ONE),
}


_ONE_SAMPLE = (spmv_blocks, spmv_sweep, spmv_window, spmv_expand, spmv_sell, spmv_delta)


def fields_of(spec: KernelSpec) -> tuple[Field, ...]:
    """Return the argument fields of a kernel, in the order of its `args`.

    Raises:
        UnknownFamilyError: no family has this name.
    """
    return _family(spec.family).fields(spec)


def emit(spec: KernelSpec) -> str:
    """Return the LLVM IR text of a module that defines `spec.symbol`.

    Raises:
        UnknownFamilyError: no family has this name.
        UnsupportedKernelError: the family does not cover the specification.
    """
    family = _family(spec.family)
    unmet = family.unmet(spec)
    if unmet is not None:
        raise UnsupportedKernelError(spec.symbol, unmet)
    return family.emit(spec)


def kernel_candidates(
    layer: WeightedLayer, isa: Isa, lanes: int, rates: Rates | None = None, copies: float = 1.0
) -> tuple[Candidate, ...]:
    """Return the kernels that can compute a layer, sparse and dense, best guess first.

    Args:
        layer: weights, bias, activation.
        isa: instruction set level to generate for.
        lanes: samples per tile: 1, or a multiple of the vector width.
        rates: what a core can do, for the estimates; default: `default_rates`, which depend on nothing measured.
        copies: how many layers of this size make up the network.
    """
    match layer:
        case DenseLayer():
            found = _dense_candidates(layer, isa, lanes)
        case ConvLayer():
            found = conv_candidates.candidates(layer, isa, lanes)
        case DepthwiseLayer():
            found = window_candidates.candidates(layer, isa, lanes)
        case RecurrentLayer():
            found = _dense_candidates(layer.product, isa, lanes)
        case _:
            assert_never(layer)
    core = rates or default_rates(isa)
    estimated = (
        replace(candidate, estimated_ns=core.nanoseconds(candidate.work, copies))
        for candidate in found
    )
    return tuple(sorted(estimated, key=lambda candidate: candidate.estimated_ns))


def _dense_candidates(layer: DenseLayer, isa: Isa, lanes: int) -> list[Candidate]:
    # Where `dense_columns` is offered it is faster than `dense_gemm`, and gives the same bits.
    found = list(
        dense_columns.candidates(layer, isa, lanes) or dense_gemm.candidates(layer, isa, lanes)
    )
    if lanes > 1:
        found += spmm_rows.candidates(layer, isa, lanes)
        found += spmm_patterns.candidates(layer, isa, lanes)
        found += spmm_sweep.candidates(layer, isa, lanes)
    else:
        for family in _ONE_SAMPLE:
            found += family.candidates(layer, isa)
    return found


def _family(name: str) -> Family:
    try:
        return FAMILIES[name]
    except KeyError:
        raise UnknownFamilyError(name, tuple(FAMILIES)) from None
