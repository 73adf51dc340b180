"""Which uploads may arrive, and which one yields its place."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack

import pytest
from prometheus_client import CollectorRegistry

from app.core.errors import TooManyUploadsError, UploadTimeoutError
from app.core.metrics import Metrics
from app.core.settings import Settings
from app.services.upload_gate import Passage, UploadGate

Make = Callable[..., Settings]


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gate(make_settings: Make, clock: Clock) -> UploadGate:
    settings = make_settings(
        upload_parallel_max_uploads=2, upload_min_bytes_per_second=1000, upload_rate_seconds=10.0
    )
    return UploadGate(settings, Metrics(CollectorRegistry()), clock)


def test_the_slowest_upload_below_the_rate_yields(gate: UploadGate, clock: Clock) -> None:
    with ExitStack() as stack:
        fast, slow = (stack.enter_context(gate.passage()) for _ in range(2))
        clock.now += 15
        fast.count(15_000, clock.now)
        slow.count(14_000, clock.now)
        stack.enter_context(gate.passage())
        assert (fast._is_ended, slow._is_ended) == (False, True)
        # The new one is not judged yet, and the fast one is fast enough.
        with pytest.raises(TooManyUploadsError):
            stack.enter_context(gate.passage())


def test_no_upload_is_judged_before_its_first_window_has_passed(
    gate: UploadGate, clock: Clock
) -> None:
    with gate.passage(), gate.passage():
        clock.now += 9.9
        with pytest.raises(TooManyUploadsError), gate.passage():
            pass
        clock.now += 0.2
        with gate.passage():
            pass


def test_what_came_long_ago_does_not_count(gate: UploadGate, clock: Clock) -> None:
    with gate.passage() as burst, gate.passage() as steady:
        burst.count(10**9, clock.now)
        for _ in range(4):
            clock.now += 10
            burst.count(1, clock.now)
            steady.count(10_001, clock.now)
        with gate.passage():
            assert (burst._is_ended, steady._is_ended) == (True, False)


def test_an_upload_that_yields_hears_of_it_while_it_waits() -> None:
    async def steps() -> None:
        passage = Passage(60.0, 10.0, 0.0)
        waiting = asyncio.Event()

        async def chunks() -> AsyncIterator[bytes]:
            yield b"first"
            waiting.set()
            await asyncio.Event().wait()

        async def read() -> list[bytes]:
            return [chunk async for chunk in passage.steady(chunks())]

        task = asyncio.create_task(read())
        await waiting.wait()
        passage.end()
        await task

    with pytest.raises(UploadTimeoutError, match="too slowly") as ended:
        asyncio.run(steps())
    assert "PRUNUS_UPLOAD_MIN_BYTES_PER_SECOND" in ended.value.hint


def test_an_upload_that_yields_between_two_pieces_ends_before_the_next() -> None:
    async def steps() -> list[bytes]:
        passage, got = Passage(60.0, 10.0, 0.0), []

        async def chunks() -> AsyncIterator[bytes]:
            for piece in (b"1", b"2", b"3"):
                yield piece

        try:
            async for chunk in passage.steady(chunks()):
                got.append(chunk)
                passage.end()
        except UploadTimeoutError:
            return got
        raise AssertionError("it went on")

    assert asyncio.run(steps()) == [b"1"]
