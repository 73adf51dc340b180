"""How many requests start in one turn of the event loop, so that a turn stays short however many clients ask at once.

All that one turn of the loop starts runs before anything that comes later is even looked at: 2,000 clients that ask at
the same time would keep a probe of `/health/live` waiting for all of them. Here a turn starts as many requests as fit
into a few milliseconds; the others wait in order, and are refused when they have waited too long. Probes and the
metrics do not wait behind predictions.

A refusal costs a good part of what a small prediction costs. So it is made without a task, and nobody is refused as
long as the wait is bearable: a client that waits asks nothing else meanwhile, which is the better brake.
"""

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from typing import Generic, Protocol, TypeVar

PROBES = frozenset({"/health/live", "/health/ready", "/metrics"})
_TURN_SECONDS = 0.004
_LEAST_STARTS = 16
_MOST_STARTS = 256
_PROBE_STARTS = 8
_SMOOTHING = 0.2


class Cycle(Protocol):
    """A request under way, as the HTTP server keeps it."""

    @property
    def scope(self) -> Mapping[str, object]:
        """What ASGI says of it."""

    @property
    def disconnected(self) -> bool:
        """Whether its client has gone."""


CycleT = TypeVar("CycleT", bound=Cycle)
# The application that answers, as the HTTP server names it; here it is only handed on.
AppT = TypeVar("AppT")
_CycleT = TypeVar("_CycleT", contravariant=True)
_AppT = TypeVar("_AppT", contravariant=True)


class Starter(Protocol[_CycleT, _AppT]):
    """A connection that can start a request."""

    def start_now(self, cycle: _CycleT, app: _AppT) -> None:
        """Begin to answer."""

    def refuse_request(self, cycle: _CycleT) -> None:
        """Answer that the service is overloaded."""


Waiting = tuple[Starter[CycleT, AppT], CycleT, AppT, float]


class Turnstile(Generic[CycleT, AppT]):
    """Starts requests, a few in each turn."""

    def __init__(self, loop: asyncio.AbstractEventLoop, queue_max_seconds: float) -> None:
        """Start with nobody waiting.

        Args:
            loop: the event loop that the requests are answered in.
            queue_max_seconds: a request that has waited longer than this is refused.
        """
        self._loop = loop
        self._queue_max_seconds = queue_max_seconds
        # Whether a request has come in this turn; the loop's time is no sign of that, as it goes on within one.
        self._is_counting = False
        self._starts = 0
        self._probe_starts = 0
        self._most_starts = 48
        self._pumped_at = 0.0
        self._pumped = 0
        self._waiting: deque[Waiting[CycleT, AppT]] = deque()
        self._probes: deque[Waiting[CycleT, AppT]] = deque()

    def passes(self, scope: Mapping[str, object]) -> bool:
        """Tell whether a request may start in this turn."""
        if not self._is_counting:
            self._is_counting = True
            self._loop.call_soon(self._end_turn)
        if scope["path"] in PROBES:
            self._probe_starts += 1
            return self._probe_starts <= _PROBE_STARTS and not self._probes
        if self._waiting or self._starts >= self._most_starts:
            return False
        self._starts += 1
        return True

    def wait(self, starter: Starter[CycleT, AppT], cycle: CycleT, app: AppT) -> None:
        """Start a request in one of the next turns."""
        if not self._waiting and not self._probes:
            self._pumped = 0
            self._loop.call_soon(self._pump)
        if cycle.scope["path"] in PROBES:
            self._probes.append((starter, cycle, app, self._loop.time()))
        else:
            self._waiting.append((starter, cycle, app, self._loop.time()))

    def _end_turn(self) -> None:
        self._is_counting = False
        self._starts = self._probe_starts = 0

    def _pump(self) -> None:
        self._measure()
        latest = self._loop.time() - self._queue_max_seconds
        for _ in range(min(_PROBE_STARTS, len(self._probes))):
            starter, cycle, app, _since = self._probes.popleft()
            starter.start_now(cycle, app)
        waiting, self._pumped = self._waiting, 0
        while waiting and self._pumped < self._most_starts:
            starter, cycle, app, since = waiting.popleft()
            if cycle.disconnected:
                continue
            self._pumped += 1
            if since >= latest:
                starter.start_now(cycle, app)
            else:
                starter.refuse_request(cycle)
        if waiting or self._probes:
            self._loop.call_soon(self._pump)

    def _measure(self) -> None:
        """Fit the number of starts to the processor time that those of the last turn have cost."""
        before, self._pumped_at = self._pumped_at, time.thread_time()
        if self._pumped:
            cost = max(self._pumped_at - before, 1e-6) / self._pumped
            self._most_starts += round(_SMOOTHING * (_TURN_SECONDS / cost - self._most_starts))
            self._most_starts = max(_LEAST_STARTS, min(_MOST_STARTS, self._most_starts))
