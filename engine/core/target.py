"""What this CPU offers: instruction set level, caches, and the cores this process may use."""

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import llvmlite.binding as llvm

from engine.core.errors import IsaUnavailableError, ThreadCountError, UnknownIsaError

ISA_VARIABLE = "PRUNUS_ISA"
THREADS_VARIABLE = "PRUNUS_THREADS"
CPUS_FOLDER = Path("/sys/devices/system/cpu")
CGROUP_FOLDER = Path("/sys/fs/cgroup")
# Caches that a CPU is asked for: three levels, and the first one twice, have been enough.
MAX_CACHE_INDEX = 8
DEFAULT_L1D_BYTES = 32 * 1024
DEFAULT_L2_BYTES = 1024 * 1024
_AVX2_FEATURES = ("avx2", "fma", "f16c")
_AVX512_FEATURES = ("avx512f", "avx512bw", "avx512dq", "avx512vl")


class Isa(StrEnum):
    """Instruction set levels, lowest first. GENERIC is 128-bit LLVM vectors: any CPU, also NEON."""

    GENERIC = "generic"
    AVX2 = "avx2"
    AVX512 = "avx512"

    @property
    def vector_floats(self) -> int:
        """float32 lanes in one vector register."""
        return {Isa.GENERIC: 4, Isa.AVX2: 8, Isa.AVX512: 16}[self]


@dataclass(frozen=True, slots=True)
class Target:
    """The machine that code is generated for.

    Attributes:
        cpu_name: LLVM's name of the CPU, e.g. "znver4".
        features: LLVM feature string, e.g. "+avx2,-avx512f" (empty: what the CPU name implies).
        isa: instruction set level of the kernels.
        l1d_bytes: first-level data cache of one core.
        l2_bytes: second-level cache of one core.
        cores: cores this process may use, after CPU affinity and cgroup limits; at least 1.
    """

    cpu_name: str
    features: str
    isa: Isa
    l1d_bytes: int
    l2_bytes: int
    cores: int


def parse_isa(name: str) -> Isa:
    """Return the level called `name` (any case).

    Raises:
        UnknownIsaError: no level has this name.
    """
    try:
        return Isa(name.strip().lower())
    except ValueError:
        raise UnknownIsaError(name, tuple(isa.value for isa in Isa)) from None


def available_isas() -> tuple[Isa, ...]:
    """Return the levels this CPU can run, lowest first."""
    highest = _host_isa(_host_features())
    levels = tuple(Isa)
    return levels[: levels.index(highest) + 1]


def host_target(isa: Isa | None = None, environment: Mapping[str, str] | None = None) -> Target:
    """Describe the CPU this process runs on.

    Args:
        isa: a level at or below the CPU's own; default: `PRUNUS_ISA`, else the highest there is.
        environment: variables to read instead of the process's own.

    Raises:
        UnknownIsaError: `PRUNUS_ISA` holds no known level.
        IsaUnavailableError: the level is above what the CPU has.
    """
    variables = os.environ if environment is None else environment
    if isa is None and variables.get(ISA_VARIABLE):
        isa = parse_isa(variables[ISA_VARIABLE])
    features = _host_features()
    highest = _host_isa(features)
    if isa is None:
        isa = highest
    levels = list(Isa)
    if levels.index(isa) > levels.index(highest):
        raise IsaUnavailableError(isa.value, highest.value)
    cpu_name, feature_string = _code_for(isa, highest, features)
    return Target(
        cpu_name=cpu_name,
        features=feature_string,
        isa=isa,
        l1d_bytes=_cache_bytes(1, "Data") or DEFAULT_L1D_BYTES,
        l2_bytes=_cache_bytes(2, "Unified") or DEFAULT_L2_BYTES,
        cores=usable_cores(),
    )


def usable_cores(cgroup: Path = CGROUP_FOLDER, process: Path = Path("/proc/self/cgroup")) -> int:
    """Return how many cores this process may use: affinity, lowered by cgroup CPU quotas."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on this operating system
        cores = os.cpu_count() or 1
    quota = _cgroup_cores(cgroup, process)
    if quota is not None:
        # A quota of 1.5 cores still lets two threads make progress; below one core means one.
        cores = min(cores, max(1, round(quota)))
    return max(1, cores)


def wanted_threads(cores: int, environment: Mapping[str, str] | None = None) -> int:
    """Return how many threads may compute one request: `PRUNUS_THREADS`, else the usable cores.

    Args:
        cores: number of cores that this process may use; see `usable_cores`.
        environment: variables to read instead of the process's own.

    Raises:
        ThreadCountError: `PRUNUS_THREADS` is no whole number above 0.
    """
    return environment_threads(os.environ if environment is None else environment) or cores


def environment_threads(environment: Mapping[str, str]) -> int | None:
    """Return what `PRUNUS_THREADS` says; None where it says nothing.

    Raises:
        ThreadCountError: it is no whole number above 0.
    """
    text = environment.get(THREADS_VARIABLE, "").strip()
    if not text:
        return None
    threads = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    if threads < 1:
        raise ThreadCountError(text)
    return threads


def last_level_bytes() -> int | None:
    """Size of the third-level cache that this process's cores share; None where there is none."""
    return _cache_bytes(3, "Unified")


def _host_features() -> dict[str, bool]:
    return dict(llvm.get_host_cpu_features())


def _host_isa(features: Mapping[str, bool]) -> Isa:
    if all(features.get(name, False) for name in _AVX512_FEATURES + _AVX2_FEATURES):
        return Isa.AVX512
    if all(features.get(name, False) for name in _AVX2_FEATURES):
        return Isa.AVX2
    return Isa.GENERIC


def _code_for(isa: Isa, highest: Isa, features: Mapping[str, bool]) -> tuple[str, str]:
    """Return LLVM's CPU name and features; a lowered level gets the architecture's baseline.

    The baseline, and not the host's name with features taken away: what the lower level then runs
    is what a CPU of that level would run.
    """
    if isa is highest:
        text = ",".join(f"{'+' if on else '-'}{name}" for name, on in sorted(features.items()))
        return llvm.get_host_cpu_name(), text
    if isa is Isa.AVX2:
        return "x86-64-v3", ""
    return ("x86-64" if platform.machine() in {"x86_64", "AMD64"} else "generic"), ""


def _cache_bytes(level: int, kind: str, cpus: Path = CPUS_FOLDER) -> int | None:
    folder = f"{cpus}/cpu0/cache"
    for number in range(MAX_CACHE_INDEX):
        index = f"{folder}/index{number}"
        try:
            if int(_first_line(f"{index}/level")) != level or _first_line(f"{index}/type") != kind:
                continue
            return _parse_size(_first_line(f"{index}/size"))
        except FileNotFoundError:
            break
        except (OSError, ValueError):
            continue
    return None


def _first_line(path: str) -> str:
    with open(path) as file:
        return file.readline().strip()


def _parse_size(text: str) -> int:
    """Return the bytes of a sysfs size such as "32K" or "1M"."""
    factor = {"K": 1024, "M": 1024 * 1024}.get(text[-1:], 1)
    return int(text[:-1] if factor > 1 else text) * factor


def _cgroup_cores(cgroup: Path, process: Path) -> float | None:
    """Return the smallest CPU quota, in cores, of this process's cgroup and its parents."""
    folders = [cgroup, cgroup / "cpu"]
    try:
        for line in process.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            base = cgroup / "cpu" if "cpu" in controllers.split(",") else cgroup
            if controllers and base == cgroup:
                continue
            inner = base / path.lstrip("/")
            folders.extend([inner, *(p for p in inner.parents if p.is_relative_to(base))])
    except (OSError, ValueError):
        pass  # no cgroups here: only the top folders are looked at
    quotas = [quota for folder in folders if (quota := _quota(folder)) is not None]
    return min(quotas, default=None)


def _quota(folder: Path) -> float | None:
    """Read cgroup v2 `cpu.max` or v1 `cpu.cfs_*` of one folder; None where there is no limit."""
    try:
        limit, period = (folder / "cpu.max").read_text().split()
        return None if limit == "max" else int(limit) / int(period)
    except (OSError, ValueError):
        pass  # not a version 2 folder
    try:
        limit_us = int((folder / "cpu.cfs_quota_us").read_text())
        period_us = int((folder / "cpu.cfs_period_us").read_text())
    except (OSError, ValueError):
        return None
    return limit_us / period_us if limit_us > 0 and period_us > 0 else None
