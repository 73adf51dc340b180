"""The door to the kernels refuses what no family covers, before any code is written."""

import numpy as np
import pytest

from engine.core.errors import UnknownFamilyError, UnsupportedKernelError
from engine.core.functions import FusedActivation
from engine.core.layers import DenseLayer
from engine.core.target import Isa
from engine.kernels.abi import KernelSpec
from engine.kernels.registry import FAMILIES, emit, fields_of, kernel_candidates

RELU = FusedActivation.RELU
GOOD = KernelSpec("spmm_rows", Isa.AVX512, 16, RELU, (("rows", 4), ("spread", "permute")))


def changed(**changes: object) -> KernelSpec:
    values = {
        "family": GOOD.family,
        "isa": GOOD.isa,
        "lanes": GOOD.lanes,
        "activation": GOOD.activation,
        "variant": GOOD.variant,
    }
    return KernelSpec(**{**values, **changes})  # type: ignore[arg-type]


def test_a_covered_specification_has_code_and_fields() -> None:
    assert f"@{GOOD.symbol}(" in emit(GOOD)
    assert fields_of(GOOD)[0].name == "x"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lanes": 0}, "multiple of the vector width"),
        ({"lanes": 2}, "multiple of the vector width"),
        ({"lanes": 24}, "multiple of the vector width"),
        ({"lanes": -16}, "multiple of the vector width"),
        ({"lanes": 1 << 20}, "multiple of the vector width"),
        ({"activation": None}, "an activation"),
        ({"variant": ()}, "the choices rows, spread"),
        ({"variant": (("spread", "permute"), ("rows", 4))}, "the choices rows, spread"),
        ({"variant": (("rows", 100_000), ("spread", "load"))}, "rows one of"),
        ({"variant": (("rows", 4), ("spread", "magic"))}, "spread one of"),
        ({"variant": (("rows", 3), ("spread", "permute"))}, "rows one of"),
        ({"variant": (("rows", 4), ("spread", "load"), ("steps", 3))}, "steps one of"),
        ({"variant": (("rows", 4), ("spread", "load"), ("steps", 2))}, "rows times steps up to 4"),
        ({"isa": Isa.GENERIC}, "AVX2"),
        ({"family": "dense_gemv", "variant": (("unroll", 2), ("vectors", 4))}, "lanes: 1"),
        ({"family": "unpack", "variant": ()}, "no activation"),
        (
            {
                "family": "spmv_window",
                "lanes": 1,
                "isa": Isa.AVX2,
                "variant": (("columns", 64), ("vectors", 2)),
            },
            "level avx512",
        ),
        (
            {
                "family": "spmv_sell",
                "lanes": 1,
                "isa": Isa.GENERIC,
                "variant": (("access", "gather"), ("index", 16)),
            },
            "AVX2 or AVX-512 for gather",
        ),
    ],
)
def test_other_specifications_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(UnsupportedKernelError, match=message):
        emit(changed(**changes))


def test_an_unknown_family_is_refused() -> None:
    with pytest.raises(UnknownFamilyError, match="spmv_window"):
        emit(changed(family="spmv_magic"))


def test_candidates_come_best_guess_first() -> None:
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(512, 256)).astype(np.float32)
    dense = kernel_candidates(DenseLayer(kernel), Isa.AVX512, 16)
    assert not dense[0].sparse
    kernel[rng.random(kernel.shape) < 0.95] = 0
    sparse = kernel_candidates(DenseLayer(kernel), Isa.AVX512, 1)
    assert sparse[0].spec.family == "spmv_sweep"
    kernel[rng.random(kernel.shape) < 0.9] = 0
    thin = kernel_candidates(DenseLayer(kernel), Isa.AVX512, 1)
    assert thin[0].spec.family == "spmv_sell"


def test_every_candidate_is_covered_by_its_family() -> None:
    layer = DenseLayer(np.ones((70, 40), np.float32))
    for isa in Isa:
        for lanes in (1, 4, 8, 16, 48):
            for candidate in kernel_candidates(layer, isa, lanes):
                assert FAMILIES[candidate.spec.family].unmet(candidate.spec) is None


def test_candidates_of_one_format_share_the_packed_layer() -> None:
    layer, other = (DenseLayer(np.ones((70, size), np.float32)) for size in (40, 41))
    first, second = (
        candidate
        for candidate in kernel_candidates(layer, Isa.AVX512, 1)
        if candidate.spec.family == "spmv_sell"
    )
    assert first.pack(layer) is second.pack(layer)
    assert first.pack(other).ints["y_bytes"] == 41 * 4
    assert second.pack(layer).ints["y_bytes"] == 40 * 4
