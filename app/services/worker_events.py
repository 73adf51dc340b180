"""What a worker process may say, checked: it is not trusted with a single word.

Known events only, each stage of the known list once and in order, the limits once, everything of the documented types
and lengths. A process that says anything else is not doing its work any more, and its job fails.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from app.core.errors import JobCrashedError
from app.core.problems import PROBLEMS, Problem
from app.sandbox.confine import AppliedLimits
from graph.errors import PrunusError

# Honest workers tell their progress at most ten times a second; twice that, and what is told besides.
_EVENTS_PER_SECOND = 20.0
_OTHER_EVENTS = 1_000
_LIMIT_MAX_CHARACTERS = 200
_DETAIL_MAX_CHARACTERS = 2_000


@dataclass(frozen=True, slots=True)
class StageEvent:
    """A stage begins."""

    stage: str


@dataclass(frozen=True, slots=True)
class ProgressEvent:
    """How much of the whole job is done, in [0, 1]."""

    fraction: float


@dataclass(frozen=True, slots=True)
class LimitsEvent:
    """The limits that the worker applied to itself."""

    limits: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class OutcomeEvent:
    """The work has ended; with a problem, or None where it is done."""

    problem: Problem | None


WorkerEvent = StageEvent | ProgressEvent | LimitsEvent
_LIMIT_TYPES = {field.name: field.type for field in fields(AppliedLimits)}


def events_max(seconds: float) -> int:
    """Return how many events a job may have that may take so many seconds."""
    return _OTHER_EVENTS + math.ceil(seconds * _EVENTS_PER_SECOND)


class EventReader:
    """Reads the messages of one worker process."""

    def __init__(self, stages: Sequence[str], max_events: int) -> None:
        """Expect `stages`, in order; any of them may be left out."""
        self._stages = list(stages)
        self._max_events = max_events
        self._has_limits = self._has_ended = False
        self._events = 0

    def read(self, message: Mapping[str, object]) -> WorkerEvent | OutcomeEvent:
        """Return what a message says.

        Raises:
            JobCrashedError: no worker that does its work says this.
        """
        self._events += 1
        if self._events > self._max_events:
            raise _unexpected("too many events", f"at most {self._max_events:,}")
        if self._has_ended:
            raise _unexpected("an event after the last one", "nothing after `done` or `failed`")
        match message:
            case {"event": "stage", "stage": str() as stage, **rest} if not rest:
                return self._stage(stage)
            case {"event": "progress", "fraction": int() | float() as fraction, **rest} if (
                not rest and not isinstance(fraction, bool)
            ):
                return ProgressEvent(min(max(float(fraction), 0.0), 1.0))
            case {"event": "limits", "limits": dict() as limits, **rest} if not rest:
                return self._limits(limits)
            case {"event": "done", **rest} if not rest:
                self._has_ended = True
                return OutcomeEvent(None)
            case {"event": "failed", "problem": dict() as problem, **rest} if not rest:
                self._has_ended = True
                return OutcomeEvent(problem_of_worker(problem))
        raise _unexpected("an event that is not known", "one of the documented events")

    def _stage(self, stage: str) -> StageEvent:
        if stage not in self._stages:
            raise _unexpected(
                f"the stage {stage[:40]!r}",
                f"one of {', '.join(self._stages) or 'none'}, each once and in order",
            )
        del self._stages[: self._stages.index(stage) + 1]
        return StageEvent(stage)

    def _limits(self, limits: Mapping[str, object]) -> LimitsEvent:
        if self._has_limits:
            raise _unexpected("limits for a second time", "limits once")
        self._has_limits = True
        if limits.keys() != _LIMIT_TYPES.keys():
            raise _unexpected("other limits than there are", ", ".join(_LIMIT_TYPES))
        for name, value in limits.items():
            if type(value) is not _LIMIT_TYPES[name]:
                raise _unexpected(f"the limit {name} of another type", str(_LIMIT_TYPES[name]))
            if isinstance(value, str) and len(value) > _LIMIT_MAX_CHARACTERS:
                raise _unexpected(f"a limit {name} that is too long", "a few words")
        return LimitsEvent(
            {
                name: plain_line(value) if isinstance(value, str) else value
                for name, value in limits.items()
            }
        )


def problem_of_worker(record: Mapping[str, object]) -> Problem:
    """Return the problem that a worker reports, in the server's words where the server has them.

    The title is the one that belongs to the slug. What remains the worker's (`detail`, `expected`, `got`, `hint`) is
    cut to readable lines, and the problem says where it is from: `"source": "worker"`.
    """
    slug, title = record.get("slug"), record.get("title")
    if not isinstance(slug, str) or slug not in PROBLEMS:
        return Problem.of(_unexpected("a problem that is not known", "a documented problem"))
    titles = _titles(slug)
    texts = {
        name: plain_line(value)[:_DETAIL_MAX_CHARACTERS] if isinstance(value, str) else ""
        for name in ("detail", "expected", "got", "hint")
        for value in (record.get(name),)
    }
    shown = title if isinstance(title, str) and title in titles else titles[0]
    return Problem(slug=slug, title=shown, source="worker", **texts)


def plain_line(text: str) -> str:
    """Return a text without what is not printable; line ends become spaces."""
    joined = " ".join(text.splitlines())
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in joined)


def _titles(slug: str) -> list[str]:
    """Return the titles that errors of a slug have."""
    # Imported here: a service whose uploads all succeed needs none of these.
    import pruning.errors  # noqa: F401 - known to the tree of errors once it is imported

    titles, waiting = set[str](), [PrunusError]
    while waiting:
        error = waiting.pop()
        waiting.extend(error.__subclasses__())
        if error.slug == slug:
            titles.add(error.title)
    return sorted(titles) or ["The job failed"]


def _unexpected(got: str, expected: str) -> JobCrashedError:
    return JobCrashedError(
        "the worker process said what no worker says",
        expected=expected,
        got=got,
        hint="its work is not used; the service's log has its last lines",
    )
