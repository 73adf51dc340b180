"""What the measurements by wrk found."""

from collections.abc import Mapping
from dataclasses import dataclass

from loadtest.overhead import Overhead


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of wrk; times in microseconds."""

    requests: int
    seconds: float
    p50_us: float
    p90_us: float
    p99_us: float
    failures: int


@dataclass(frozen=True, slots=True)
class Line:
    """All runs of one kind: medians, and the range of the rates."""

    target: str
    form: str
    connections: int
    requests_per_second: float
    lowest_per_second: float
    highest_per_second: float
    p50_us: float
    p90_us: float
    p99_us: float


@dataclass(frozen=True, slots=True)
class WrkReport:
    """One measurement.

    Attributes:
        overhead: time in the process itself, without the HTTP server.
        body_bytes: size of a request's body by form.
        seconds: length of one run of wrk.
        rounds: runs of each kind.
    """

    lines: tuple[Line, ...]
    overhead: tuple[Overhead, ...]
    body_bytes: Mapping[str, int]
    seconds: int
    rounds: int
