"""Clients that take their answers slowly: who takes a little goes on, who takes nothing is ended."""

import asyncio

from app.connections import ConnectionLimits, Connections
from app.core.connection_errors import HeadError

WRITE_SECONDS = 0.05
# Far more than the least rate asks for in the time that this test takes.
TAKEN_BYTES = 1024 * 1024


class Reader:
    """A connection whose client takes some of its answer whenever it is looked at."""

    def __init__(self, connections: Connections, taken_bytes: int) -> None:
        self._connections = connections
        self._taken_bytes = taken_bytes
        self._unsent_bytes = 1 << 40
        self.looks = 0
        self.ended = asyncio.Event()

    def end(self) -> None:
        self._connections.forget(self)
        self.ended.set()

    def end_overdue(self, error: HeadError) -> None:
        raise AssertionError(error)

    def unsent_bytes(self) -> int:
        self.looks += 1
        self._unsent_bytes -= self._taken_bytes
        return self._unsent_bytes

    def close_after_answer(self) -> None:
        raise AssertionError("nothing closes here")


async def watched(taken_bytes: int, *, goes_on: bool) -> Reader:
    """Watch a reader until it is ended, or has been looked at a few times."""
    connections = Connections(ConnectionLimits(9, 60.0, 60.0, WRITE_SECONDS), lambda _: None)
    reader, now = Reader(connections, taken_bytes), asyncio.get_running_loop().time()
    connections.admit(reader, now)
    connections.watch_reader(reader, now)
    while goes_on and reader.looks < 4 and not reader.ended.is_set():
        await asyncio.sleep(0.01)
    if goes_on:
        connections.unwatch_reader(reader)
        connections.forget(reader)
    else:
        await asyncio.wait_for(reader.ended.wait(), 30)
    return reader


def test_a_client_that_takes_nothing_is_ended() -> None:
    assert asyncio.run(watched(0, goes_on=False)).ended.is_set()


def test_a_client_that_takes_a_little_goes_on() -> None:
    assert not asyncio.run(watched(TAKEN_BYTES, goes_on=True)).ended.is_set()
