"""Kernels whose LLVM IR is kept as text, so that a refactor shows what it changes.

`python -m tests.engine.kernels.golden_kernels` writes the files anew; review the difference.
"""

from pathlib import Path

from engine.core.functions import FusedActivation
from engine.core.target import Isa
from engine.kernels.abi import KernelSpec
from engine.kernels.elementwise import activation_spec
from engine.kernels.layout import pack_spec
from engine.kernels.registry import emit

FOLDER = Path(__file__).parent / "golden"
SPECS = (
    activation_spec(Isa.GENERIC, FusedActivation.RELU),
    pack_spec(Isa.GENERIC, 4, "float16"),
    KernelSpec(
        "spmv_window",
        Isa.AVX512,
        1,
        FusedActivation.RELU,
        (("columns", 64), ("vectors", 2)),
    ),
    KernelSpec(
        "spmm_rows",
        Isa.AVX512,
        16,
        FusedActivation.LINEAR,
        (("rows", 4), ("spread", "permute")),
    ),
    KernelSpec("dense_gemm", Isa.AVX2, 8, FusedActivation.RELU, (("rows", 3),)),
)


def path_of(spec: KernelSpec) -> Path:
    return FOLDER / f"{spec.symbol}.ll"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for kept in SPECS:
        path_of(kept).write_text(emit(kept))
