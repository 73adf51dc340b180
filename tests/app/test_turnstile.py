"""How many requests start in one turn of the event loop: few, in order, probes first, none after too long a wait."""

import asyncio
import itertools
import time
from dataclasses import dataclass, field
from typing import Any

import uvloop

from app.turnstile import Turnstile


@dataclass
class Cycle:
    scope: dict[str, str]
    disconnected: bool = False


@dataclass
class Starter:
    """Notes what is started, and in which turn of the loop."""

    turn: list[int]
    events: list[tuple[str, str, int]] = field(default_factory=list)

    def start_now(self, cycle: Cycle, app: Any) -> None:
        self.events.append(("start", cycle.scope["path"], self.turn[0]))

    def refuse_request(self, cycle: Cycle) -> None:
        self.events.append(("refuse", cycle.scope["path"], self.turn[0]))


def run(paths: list[str], *, queue_max_seconds: float = 60.0, gone: str = "") -> Starter:
    """Let requests come in one turn; return what was started until all are through."""

    async def steps() -> Starter:
        loop = asyncio.get_running_loop()
        turnstile = Turnstile(loop, queue_max_seconds)
        turns = itertools.count(1)
        starter = Starter([0])

        def count() -> None:
            starter.turn[0] = next(turns)
            if len(starter.events) < len(paths) - bool(gone):
                loop.call_soon(count)
            else:
                done.set()

        done = asyncio.Event()
        loop.call_soon(count)
        for path in paths:
            cycle = Cycle({"path": path}, disconnected=path == gone)
            if turnstile.passes(cycle.scope):
                starter.start_now(cycle, None)
            else:
                turnstile.wait(starter, cycle, None)
        await asyncio.wait_for(done.wait(), 30)
        return starter

    return uvloop.run(steps())


def test_requests_start_in_order_a_few_in_each_turn() -> None:
    paths = [f"/{number}" for number in range(1000)]
    events = run(paths).events
    assert [path for _, path, _ in events] == paths
    turns = [turn for _, _, turn in events]
    assert max(turns.count(turn) for turn in set(turns)) <= 256
    assert turns.count(0) == 48


def test_a_long_turn_starts_no_more_than_a_short_one() -> None:
    async def started() -> list[int]:
        turnstile = Turnstile[Cycle, None](asyncio.get_running_loop(), 60.0)
        counts = []
        for _ in range(2):
            count = 0
            for _ in range(4):
                count += sum(turnstile.passes({"path": "/predict"}) for _ in range(100))
                time.sleep(0.002)  # the time of the loop goes on
            counts.append(count)
            await asyncio.sleep(0)
        return counts

    assert uvloop.run(started()) == [48, 48]


def test_probes_pass_those_that_wait() -> None:
    paths = [*(f"/{number}" for number in range(500)), "/health/live"]
    events = run(paths).events
    assert ("start", "/health/live", 0) in events


def test_many_probes_take_turns_with_the_others() -> None:
    events = run([*["/metrics"] * 100, *["/predict"] * 100]).events
    assert {path for _, path, _ in events[-20:]} == {"/metrics"}
    first = [path for _, path, turn in events if turn == 0]
    assert (first.count("/metrics"), first.count("/predict")) == (8, 48)


def test_whoever_has_waited_too_long_is_refused() -> None:
    events = run([f"/{number}" for number in range(200)], queue_max_seconds=-1.0).events
    assert {kind for kind, _, turn in events if turn == 0} == {"start"}
    assert {kind for kind, _, turn in events if turn > 0} == {"refuse"}
    assert len(events) == 200


def test_a_request_whose_client_has_gone_is_not_started() -> None:
    events = run([f"/{number}" for number in range(200)], gone="/150").events
    assert "/150" not in [path for _, path, _ in events]
    assert len(events) == 199
