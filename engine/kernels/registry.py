"""The only door to the kernels: which exist, their fields, their code, and which suit a layer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from engine.errors import UnknownFamilyError
from engine.kernels import (
    dense_gemm,
    dot,
    elementwise,
    groups,
    layout,
    rows,
    sparsemax,
    spmm_rows,
    spmv_sell,
    spmv_window,
)
from engine.kernels.abi import Candidate, DenseLayer, Field, KernelSpec
from engine.target import Isa


@dataclass(frozen=True, slots=True)
class Family:
    """One kernel family.

    Attributes:
        fields: argument fields of a specification, in order.
        emit: LLVM IR text of a specification.
    """

    fields: Callable[[KernelSpec], tuple[Field, ...]]
    emit: Callable[[KernelSpec], str]


def _fixed(fields: tuple[Field, ...]) -> Callable[[KernelSpec], tuple[Field, ...]]:
    return lambda _: fields


FAMILIES: Mapping[str, Family] = {
    spmm_rows.FAMILY: Family(_fixed(spmm_rows.FIELDS), spmm_rows.emit),
    spmv_sell.FAMILY: Family(_fixed(spmv_sell.FIELDS), spmv_sell.emit),
    spmv_window.FAMILY: Family(_fixed(spmv_window.FIELDS), spmv_window.emit),
    dense_gemm.GEMM_FAMILY: Family(_fixed(dense_gemm.FIELDS), dense_gemm.emit_gemm),
    dense_gemm.GEMV_FAMILY: Family(_fixed(dense_gemm.FIELDS), dense_gemm.emit_gemv),
    elementwise.ACTIVATION_FAMILY: Family(
        _fixed(elementwise.ACTIVATION_FIELDS), elementwise.emit_activation
    ),
    elementwise.MERGE_FAMILY: Family(elementwise.merge_fields, elementwise.emit_merge),
    elementwise.GLU_FAMILY: Family(_fixed(elementwise.GLU_FIELDS), elementwise.emit_glu),
    rows.GATHER_FAMILY: Family(_fixed(rows.GATHER_FIELDS), rows.emit_gather),
    rows.AFFINE_FAMILY: Family(_fixed(rows.AFFINE_FIELDS), rows.emit_affine),
    rows.PRELU_FAMILY: Family(_fixed(rows.PRELU_FIELDS), rows.emit_prelu),
    groups.SOFTMAX_FAMILY: Family(_fixed(groups.SOFTMAX_FIELDS), groups.emit_softmax),
    groups.LAYER_NORM_FAMILY: Family(_fixed(groups.LAYER_NORM_FIELDS), groups.emit_layer_norm),
    sparsemax.FAMILY: Family(_fixed(sparsemax.FIELDS), sparsemax.emit),
    dot.FAMILY: Family(_fixed(dot.FIELDS), dot.emit),
    layout.PACK_FAMILY: Family(_fixed(layout.PACK_FIELDS), layout.emit_pack),
    layout.UNPACK_FAMILY: Family(_fixed(layout.UNPACK_FIELDS), layout.emit_unpack),
}


def fields_of(spec: KernelSpec) -> tuple[Field, ...]:
    """Return the argument fields of a kernel, in the order of its `args`.

    Raises:
        UnknownFamilyError: no family has this name.
    """
    return _family(spec).fields(spec)


def emit(spec: KernelSpec) -> str:
    """Return the LLVM IR text of a module that defines `spec.symbol`.

    Raises:
        UnknownFamilyError: no family has this name.
        UnsupportedKernelError: the family does not cover the specification.
    """
    return _family(spec).emit(spec)


def dense_candidates(layer: DenseLayer, isa: Isa, lanes: int) -> tuple[Candidate, ...]:
    """Return the kernels that can compute a Dense layer, sparse and dense, best guess first.

    Args:
        layer: weights, bias, activation.
        isa: instruction set level to generate for.
        lanes: samples per tile: 1, or a multiple of the vector width.
    """
    found = [*dense_gemm.candidates(layer, isa, lanes)]
    if lanes > 1:
        found += spmm_rows.candidates(layer, isa, lanes)
    else:
        found += [*spmv_window.candidates(layer, isa), *spmv_sell.candidates(layer, isa)]
    return tuple(sorted(found, key=lambda candidate: candidate.estimated_ns))


def _family(spec: KernelSpec) -> Family:
    try:
        return FAMILIES[spec.family]
    except KeyError:
        raise UnknownFamilyError(spec.family, tuple(FAMILIES)) from None
