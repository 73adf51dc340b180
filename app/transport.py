"""A transport that sends an answer's head and body as one, and the answers of one turn of the event loop together.

uvicorn writes an answer's headers and its body one after the other, and uvloop sends what it is given at once: two
system calls, two packets, and for every answer a wake-up of the client, which costs more than the answer itself where
the client's core sleeps meanwhile. Here the head waits for the body. Where several requests are being
answered, what they write waits for the end of the turn and goes in one burst. Where it is one, it goes before the
server tidies up, so that the client can ask again meanwhile and neither of the two falls asleep.
"""

import asyncio
from collections.abc import Callable, Sized
from typing import Any

# More than this is not held back: it is on its way while the rest is made.
_HELD_MAX_BYTES = 64 * 1024


class TurnEnd:
    """Runs what waits for the end of a turn of the event loop, all of it by one callback."""

    __slots__ = ("_loop", "_waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: list[Callable[[], None]] = []

    def add(self, callback: Callable[[], None]) -> None:
        """Call `callback` soon, after what was added before."""
        if not self._waiting:
            self._loop.call_soon(self._run)
        self._waiting.append(callback)

    def _run(self) -> None:
        waiting, self._waiting = self._waiting, []
        for callback in waiting:
            callback()


class HeldWrites:
    """A transport that sends an answer at once, and the answers of one turn of the event loop together."""

    __slots__ = ("_close", "_closing", "_held", "_is_due", "_tasks", "_transport", "_turn_end")

    def __init__(
        self,
        transport: asyncio.Transport,
        tasks: Sized,
        turn_end: TurnEnd,
        close: Callable[[], None] | None = None,
    ) -> None:
        """Wrap a transport.

        Args:
            transport: the transport that sends.
            tasks: the requests that are being answered, this one among them.
            turn_end: the end of turns of its event loop.
            close: function that is called once all was sent, instead of closing the transport.
        """
        self._transport = transport
        self._tasks = tasks
        self._turn_end = turn_end
        self._held: list[bytes | memoryview] = []
        # Whether what is held is sent at the end of the turn.
        self._is_due = False
        self._close = close or transport.close
        self._closing = False

    def write(self, data: bytes | memoryview) -> None:
        """Send `data` soon, after what was written before."""
        held = self._held
        held.append(data)
        if len(held) > 1:
            if not self._is_due or len(data) > _HELD_MAX_BYTES:
                self.flush()
        elif len(self._tasks) > 1 and len(data) <= _HELD_MAX_BYTES:
            self._is_due = True
            self._turn_end.add(self.flush)
        elif not _is_followed_by_body(data):
            self.flush()

    def finish(self) -> None:
        """Send an answer that has no body; others are on their way or due already."""
        if self._held and not self._is_due:
            self.flush()

    def flush(self) -> None:
        """Send what was held back."""
        self._is_due = False
        # What is closed cannot be written to: the client has gone meanwhile.
        if self._held and not self._transport.is_closing():
            held, self._held = self._held, []
            self._transport.writelines(held)

    def is_closing(self) -> bool:
        """Tell whether the connection is closed, or about to be."""
        return self._closing or self._transport.is_closing()

    def close(self) -> None:
        """Close the connection after all that was written."""
        if not self._closing:
            self._closing = True
            self.flush()
            self._close()

    def __getattr__(self, name: str) -> Any:
        """Return all else of the transport."""
        return getattr(self._transport, name)


def _is_followed_by_body(data: bytes | memoryview) -> bool:
    """Tell whether `data` is the head of an answer whose body follows at once; parts of arrays come as views."""
    return (
        isinstance(data, bytes)
        and data.startswith(b"HTTP/1.1 ")
        and not data.startswith(b"HTTP/1.1 1")
        and b"\r\ntransfer-encoding: chunked\r\n" not in data
    )
