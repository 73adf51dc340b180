"""What the host offers, and levels by name."""

import os
from pathlib import Path

import pytest

from engine.core.errors import IsaUnavailableError, UnknownIsaError
from engine.core.target import Isa, available_isas, host_target, parse_isa, usable_cores


def test_the_highest_level_is_the_default() -> None:
    target = host_target(environment={})
    assert target.isa is available_isas()[-1]
    assert target.cpu_name
    assert target.l1d_bytes >= 4096
    assert target.l2_bytes >= target.l1d_bytes


@pytest.mark.parametrize("isa", available_isas())
def test_a_level_can_be_lowered_by_argument_and_by_variable(isa: Isa) -> None:
    assert host_target(isa).isa is isa
    assert host_target(environment={"PRUNUS_ISA": isa.value.upper()}).isa is isa
    assert host_target(isa, environment={"PRUNUS_ISA": "generic"}).isa is isa


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(UnknownIsaError, match="avx512"):
        parse_isa("sse9")


def test_a_level_that_the_cpu_lacks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.core.target._host_features", dict)
    assert available_isas() == (Isa.GENERIC,)
    with pytest.raises(IsaUnavailableError, match="generic"):
        host_target(Isa.AVX2)


def test_levels_have_their_vector_widths() -> None:
    assert [isa.vector_floats for isa in Isa] == [4, 8, 16]


def cgroup(tmp_path: Path, line: str, files: dict[str, str]) -> tuple[Path, Path]:
    process = tmp_path / "cgroup"
    process.write_text(line)
    root = tmp_path / "fs"
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root, process


@pytest.mark.parametrize(
    ("line", "files", "limit"),
    [
        ("0::/app/one\n", {"app/one/cpu.max": "max 100000\n"}, None),
        ("0::/app/one\n", {"app/one/cpu.max": "100000 100000\n"}, 1),
        ("0::/app/one\n", {"app/cpu.max": "50000 100000\n"}, 1),
        ("0::/\n", {"cpu.max": "100000 100000\n"}, 1),
        (
            "3:cpu,cpuacct:/x\n0::/\n",
            {"cpu/x/cpu.cfs_quota_us": "100000", "cpu/x/cpu.cfs_period_us": "100000"},
            1,
        ),
        (
            "3:cpu:/x\n",
            {"cpu/x/cpu.cfs_quota_us": "-1", "cpu/x/cpu.cfs_period_us": "100000"},
            None,
        ),
        ("nonsense\n", {}, None),
    ],
)
def test_cgroup_quotas_lower_the_number_of_cores(
    tmp_path: Path, line: str, files: dict[str, str], limit: int | None
) -> None:
    root, process = cgroup(tmp_path, line, files)
    affinity = len(os.sched_getaffinity(0))
    assert usable_cores(root, process) == (affinity if limit is None else min(affinity, limit))
