"""The roofs of this host, and layers held against roofs that are given."""

import pytest

from engine.core.functions import FusedActivation
from engine.core.target import Isa, available_isas, host_target
from engine.kernels.abi import KernelSpec
from engine.kernels.family import Lanes
from engine.kernels.probes import Probe, emit_probe, probes_of
from engine.kernels.registry import FAMILIES
from engine.machine_code.object_cache import ObjectCache
from engine.roofline.layer_times import LayerRun
from engine.roofline.roof import MEMORY, MemoryLevel, Roofs, measure_roofs
from engine.roofline.roof_share import FETCHES, Roof, share_of
from tests.engine.kernels.test_other_targets import assembly

ROOFS = Roofs(
    isa=Isa.AVX512,
    threads=1,
    gflops=100.0,
    gather_per_ns=5.0,
    gather_by="loads",
    permute_per_ns=50.0,
    levels=(
        MemoryLevel("L1", 1_000, 200.0),
        MemoryLevel("L2", 10_000, 100.0),
        MemoryLevel(MEMORY, None, 10.0),
    ),
)


def run(family: str, lanes: int = 1, **changes: object) -> LayerRun:
    values: dict[str, object] = {
        "number": 1,
        "name": "layer",
        "spec": KernelSpec(family, Isa.AVX512, lanes, FusedActivation.RELU),
        "sparse": not family.startswith("dense"),
        "nonzeros": 1_000,
        "weights": 20_000,
        "positions": 1,
        "bytes": 8_000,
        "seconds": 1e-6,
    }
    return LayerRun(**{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("isa", available_isas())
@pytest.mark.parametrize("threads", [1, 2])
def test_roofs_are_plausible(isa: Isa, threads: int, object_cache: ObjectCache) -> None:
    roofs = measure_roofs(host_target(isa), object_cache, threads)
    assert roofs.threads == threads
    # The slowest CPU there is multiplies 10^8 times a second; none 10^13 times.
    assert 0.1 < roofs.gflops < 1e4
    assert 0.01 < roofs.gather_per_ns < 1e3
    assert (roofs.permute_per_ns is None) == (isa is Isa.GENERIC)
    names = [level.name for level in roofs.levels]
    assert names[:2] == ["L1", "L2"]
    assert names[-1] == MEMORY
    assert roofs.levels[-1].size_bytes is None
    rates = [level.gigabytes_per_second for level in roofs.levels]
    assert min(rates) > 0.1
    assert rates[0] > 0.8 * rates[-1], "the first-level cache is no slower than memory"


def test_more_bytes_have_no_nearer_home() -> None:
    assert [ROOFS.home(size).name for size in (0, 1_000, 1_001, 10_000, 10**12)] == [
        *("L1", "L1", "L2", "L2", MEMORY)
    ]


def test_one_sample_is_bound_by_what_takes_longest() -> None:
    # 1,000 elements at 5 a nanosecond: 200 ns; 8,000 bytes at 100 GB/s: 80 ns; 2,000 flops: 20 ns.
    share = share_of(run("spmv_sell"), 9_000, ROOFS)
    assert (share.roof, share.share) == (Roof.GATHER, pytest.approx(0.2))
    assert share.limits[Roof.BANDWIDTH] == pytest.approx(80e-9)
    assert share.limits[Roof.FMA] == pytest.approx(20e-9)
    assert share.gflops == pytest.approx(2.0)
    assert share.gigabytes_per_second == pytest.approx(8.0)
    assert share.ns_per_nonzero == pytest.approx(1.0)
    assert share.flops_per_byte == pytest.approx(0.25)


def test_permutations_leave_bandwidth_to_bind() -> None:
    share = share_of(run("spmv_window"), 9_000, ROOFS)
    assert (share.roof_name, share.share) == ("L2 bandwidth", pytest.approx(0.08))
    assert share.limits[Roof.PERMUTE] == pytest.approx(20e-9)
    assert Roof.GATHER not in share.limits


def test_a_network_that_lives_in_memory_pays_memory_first_and_its_own_level_afterwards() -> None:
    far = share_of(run("spmv_window"), 10**6, ROOFS)
    assert (far.roof_name, far.share) == ("memory bandwidth", pytest.approx(0.8))
    again = share_of(run("spmv_window", positions=3), 10**6, ROOFS)
    assert again.limits[Roof.BANDWIDTH] == pytest.approx(800e-9 + 2 * 80e-9)
    assert again.gigabytes_per_second == pytest.approx(24.0)


def test_tiles_are_bound_by_multiplications() -> None:
    share = share_of(run("spmm_rows", lanes=64), 9_000, ROOFS)
    assert (share.roof, share.share) == (Roof.FMA, pytest.approx(1.28))
    assert share.gflops == pytest.approx(128.0)


def test_a_dense_kernel_is_held_against_what_it_multiplies() -> None:
    share = share_of(run("dense_gemm", lanes=16, seconds=10e-6), 9_000, ROOFS)
    assert share.limits[Roof.FMA] == pytest.approx(2 * 20_000 * 16 / 100e9)
    assert share.gflops == pytest.approx(3.2), "of use are non-zeros only"


def test_every_sparse_family_for_one_sample_says_how_it_fetches() -> None:
    families = {
        name
        for name, family in FAMILIES.items()
        if family.lanes is Lanes.ONE and name.startswith("spmv_")
    }
    assert len(families) > 1
    assert families <= FETCHES.keys()


def test_probes_without_vectors_of_a_kind_compile_for_arm() -> None:
    for probe in probes_of(Isa.GENERIC):
        assert f"{probe}:" in assembly(emit_probe(probe, Isa.GENERIC), "aarch64-unknown-linux-gnu")
    assert Probe.PERMUTE not in probes_of(Isa.GENERIC)
