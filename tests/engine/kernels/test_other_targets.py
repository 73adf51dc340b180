"""The plain level is plain: its text compiles for CPUs that this host is not."""

import llvmlite.binding as llvm
import pytest

from engine.core.attention_steps import MaskedKind
from engine.core.functions import FusedActivation, MergeOp
from engine.core.general_steps import BinaryFunction, Fold, Scan
from engine.core.recurrent_steps import Cell, MaskedOutput
from engine.core.target import Isa
from engine.core.window_steps import Reduction, Root
from engine.kernels import (
    binary,
    dot,
    driver,
    elementwise,
    folds,
    group_sums,
    groups,
    layout,
    lookup,
    masked_softmax,
    moves,
    product,
    resample,
    rows,
    sparsemax,
    stamp,
    transpose,
)
from engine.kernels.abi import KernelSpec
from engine.kernels.dense_gemm import GEMM_FAMILY, GEMV_FAMILY
from engine.kernels.groups import SoftmaxKind
from engine.kernels.recurrent import recurrent_spec
from engine.kernels.registry import FAMILIES, emit
from engine.kernels.window_channels import WindowKind

G = Isa.GENERIC
RELU = FusedActivation.RELU
SPECS = [
    KernelSpec("spmm_rows", G, 16, RELU, (("rows", 2), ("spread", "load"))),
    KernelSpec("spmm_patterns", G, 16, RELU, (("spread", "load"),)),
    KernelSpec("spmv_blocks", G, 1, RELU, (("shape", "rows"), ("size", 4))),
    KernelSpec("spmv_blocks", G, 1, RELU, (("shape", "run"), ("size", 4))),
    KernelSpec("spmv_sell", G, 1, RELU, (("access", "load"), ("index", 16))),
    KernelSpec(GEMM_FAMILY, G, 16, RELU, (("rows", 4),)),
    KernelSpec(GEMV_FAMILY, G, 1, RELU, (("unroll", 2), ("vectors", 4))),
    *[elementwise.activation_spec(G, function) for function in FusedActivation],
    elementwise.merge_spec(G, MergeOp.MAXIMUM, 3),
    elementwise.glu_spec(G),
    rows.gather_spec(G, 8),
    rows.affine_spec(G, 8),
    rows.prelu_spec(G, 8),
    groups.softmax_spec(G, 1, SoftmaxKind.LOG_SOFTMAX),
    groups.layer_norm_spec(G, 8, centred=True),
    sparsemax.sparsemax_spec(G, 4),
    *[binary.binary_spec(G, 8, function, swapped=True) for function in BinaryFunction],
    binary.select_spec(G),
    binary.constant_spec(G, 1),
    *[folds.fold_spec(G, fold) for fold in Fold],
    *[folds.scan_spec(G, scan) for scan in Scan],
    transpose.transpose_spec(G, 1),
    transpose.transpose_spec(G, 8),
    dot.dot_spec(G, 4, normalize=True),
    lookup.lookup_spec(G, 1),
    lookup.lookup_spec(G, 8),
    product.product_spec(G, 1, 9, 9),
    product.product_spec(G, 8, 9, 9),
    masked_softmax.masked_softmax_spec(G, 8, MaskedKind.ZERO, masked=True, placed=True),
    KernelSpec(
        "conv_rows",
        G,
        8,
        RELU,
        (("panels", "several"), ("rows", 2), ("stores", "partial"), ("vectors", 4)),
    ),
    KernelSpec("conv_dense", G, 1, RELU, (("rows", 4), ("stores", "partial"), ("vectors", 2))),
    *[
        KernelSpec(
            "window_channels",
            G,
            1,
            RELU,
            (("kind", kind.value), ("stores", "partial"), ("vectors", 2)),
        )
        for kind in WindowKind
    ],
    *[group_sums.reduce_spec(G, 4, reduction) for reduction in Reduction],
    *[group_sums.root_spec(G, 1, root) for root in Root],
    moves.move_spec(G, 1),
    resample.resample_spec(G, 4),
    layout.pack_spec(G, 8, "float16"),
    layout.unpack_spec(G, 8),
    stamp.stamp_spec(G),
    *[recurrent_spec(G, 4, cell, (RELU, RELU), MaskedOutput.NONE) for cell in Cell],
]


def assembly(ir_text: str, triple: str) -> str:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    module = llvm.parse_assembly(ir_text)
    machine = llvm.Target.from_triple(triple).create_target_machine(opt=2)
    module.triple = triple
    module.data_layout = str(machine.target_data)
    module.verify()
    return str(machine.emit_assembly(module))


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.symbol)
def test_compiles_for_arm_without_library_calls(spec: KernelSpec) -> None:
    text = assembly(emit(spec), "aarch64-unknown-linux-gnu")
    calls = [line for line in text.splitlines() if line.split()[:1] == ["bl"]]
    assert calls == [], "a kernel must not need a run-time library"
    assert f"{spec.symbol}:" in text


def test_arm_code_uses_fused_vector_instructions() -> None:
    assert "fmla" in assembly(emit(SPECS[0]), "aarch64-unknown-linux-gnu")


def test_the_driver_compiles_for_arm() -> None:
    text = assembly(driver.emit_driver(G, "aarch64"), "aarch64-unknown-linux-gnu")
    assert "blr" in text
    assert "msr\tFPCR" in text


def test_every_family_that_has_a_plain_level_is_listed() -> None:
    listed = {spec.family for spec in SPECS}
    assert set(FAMILIES) - listed == {
        "dense_columns",
        "spmm_sweep",
        "spmv_delta",
        "spmv_expand",
        "spmv_sweep",
        "spmv_window",
        "window_masked",
    }
