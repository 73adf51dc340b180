"""What the serving process costs: start to ready, memory, imports."""

import shutil
import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.round_trip import RoundTrip, time_round_trips
from loadtest.service import REPOSITORY, running_service

DEMO = REPOSITORY / "app" / "demo" / "digits.keras"
NEAR_ZERO = REPOSITORY / "tests" / "data" / "near_zero_mlp" / "near_zero_mlp.keras"
OBJECT_CACHE = "objects"
REPEATS = 5
MEBIBYTE = 1024 * 1024
# What a serving process must never import.
ABSENT = ("tensorflow", "keras", "h5py", "scipy")


@dataclass(frozen=True, slots=True)
class Footprint:
    """Medians over `repeats` starts.

    Attributes:
        models: What was loaded, in words.
        start_seconds: Start of the process to ready, ten models, object code in the cache.
        cold_start_seconds: The same with an empty object cache.
        resident_mebibytes: With ten models, after the start.
        empty_resident_mebibytes: Without models.
        modules: How many the process imports.
        import_seconds: What these take together.
        slowest_imports: Packages and the seconds of their own modules, longest first.
        absent: Those of `ABSENT` that were not imported.
        round_trips: Predictions over HTTP.
    """

    models: str
    repeats: int
    start_seconds: float
    cold_start_seconds: float
    resident_mebibytes: float
    empty_resident_mebibytes: float
    modules: int
    import_seconds: float
    slowest_imports: tuple[tuple[str, float], ...]
    absent: tuple[str, ...]
    round_trips: tuple[RoundTrip, ...]


@dataclass(frozen=True, slots=True)
class Imports:
    """What `-X importtime` says of one module, in seconds."""

    module: str
    own_seconds: float


def measure_footprint(say: Callable[[str], None]) -> Footprint:
    """Upload ten models to a fresh service, then start it again and again."""
    with tempfile.TemporaryDirectory(prefix="prunus-footprint-") as folder:
        data, empty = Path(folder) / "data", Path(folder) / "empty"
        # What kernels were chosen is not measured here, so little time is spent on choosing.
        with running_service(data, environment={"PRUNUS_JOB_TUNE_SECONDS": "1"}) as service:
            for index in range(5):
                service.upload(f"digits-{index}", DEMO)
                service.upload(f"near-zero-{index}", NEAR_ZERO)
                say(f"{2 * index + 2} of 10 models uploaded")
        starts, resident = _starts(data)
        cold = []
        for _ in range(REPEATS):
            shutil.rmtree(data / OBJECT_CACHE)
            cold += _starts(data, 1)[0]
        _, empty_resident = _starts(empty, 1)
        with running_service(data) as service:
            round_trips = time_round_trips(service, "digits-0")
        imports = trace_imports(data, Path(folder) / "imports.log")
    say(f"ready in {statistics.median(starts):.2f} s")
    packages = {name.partition(".")[0] for name in (one.module for one in imports)}
    return Footprint(
        models="5 x the demo (64-256-128-10), 5 x examples/near_zero_mlp (784-300-100-10)",
        repeats=REPEATS,
        start_seconds=statistics.median(starts),
        cold_start_seconds=statistics.median(cold),
        resident_mebibytes=statistics.median(resident) / MEBIBYTE,
        empty_resident_mebibytes=empty_resident[0] / MEBIBYTE,
        modules=len(imports),
        import_seconds=sum(one.own_seconds for one in imports),
        slowest_imports=_by_package(imports)[:8],
        absent=tuple(name for name in ABSENT if name not in packages),
        round_trips=round_trips,
    )


def _starts(data: Path, repeats: int = REPEATS) -> tuple[list[float], list[int]]:
    """Return the seconds to ready and the resident bytes of some starts."""
    seconds, resident = [], []
    for _ in range(repeats):
        with running_service(data) as service:
            seconds.append(service.ready_seconds)
            resident.append(service.resident_bytes())
    return seconds, resident


def trace_imports(data: Path, log: Path) -> tuple[Imports, ...]:
    """Start the service once more and return all modules that it imports until it is ready."""
    with running_service(data, log=log, environment={"PYTHONPROFILEIMPORTTIME": "1"}):
        pass
    return parse_imports(log.read_text().splitlines())


def parse_imports(lines: Sequence[str]) -> tuple[Imports, ...]:
    """Parse lines such as `import time:       412 |       1350 |   numpy.linalg` (microseconds)."""
    found = []
    for line in lines:
        fields = line.removeprefix("import time:").split("|")
        if line.startswith("import time:") and len(fields) == 3 and fields[0].strip().isdigit():
            found.append(Imports(fields[2].strip(), int(fields[0]) / 1e6))
    return tuple(found)


def _by_package(imports: Sequence[Imports]) -> tuple[tuple[str, float], ...]:
    seconds: dict[str, float] = {}
    for one in imports:
        package = one.module.partition(".")[0]
        seconds[package] = seconds.get(package, 0.0) + one.own_seconds
    return tuple(sorted(seconds.items(), key=lambda item: -item[1]))
