"""A transport that sends what is written in one turn of the event loop together at its end.

uvicorn writes an answer's headers and its body one after the other, and uvloop sends what it is given at once: two
system calls, two packets, and for every answer a wake-up of the client, which costs more than the answer itself where
the client's core sleeps meanwhile. Here what is written in a turn waits for its end: headers and body go as one packet,
and the answers of several connections go in one burst.
"""

import asyncio
from collections.abc import Callable
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
    """A transport that sends what is written at the end of the turn of the event loop."""

    __slots__ = ("_close", "_closing", "_held", "_transport", "_turn_end")

    def __init__(
        self,
        transport: asyncio.Transport,
        turn_end: TurnEnd,
        close: Callable[[], None] | None = None,
    ) -> None:
        """Wrap a transport.

        Args:
            transport: what sends.
            turn_end: of its event loop.
            close: is called, once all was sent, instead of closing the transport.
        """
        self._transport = transport
        self._turn_end = turn_end
        self._held: list[bytes] = []
        self._close = close or transport.close
        self._closing = False

    def write(self, data: bytes) -> None:
        """Send `data` soon, after what was written before."""
        if not self._held:
            self._turn_end.add(self.flush)
        self._held.append(data)
        if len(data) > _HELD_MAX_BYTES:
            self.flush()

    def flush(self) -> None:
        """Send what was held back."""
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
