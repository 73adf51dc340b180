"""uvicorn's HTTP protocol, with the answers of one turn of the event loop sent together at its end.

uvicorn writes an answer's headers and its body one after the other, and uvloop sends what it is given at once: two
system calls, two packets, and for every answer a wake-up of the client, which costs more than the answer itself where
the client's core sleeps meanwhile. Here what is written in a turn waits for its end: headers and body go as one packet,
and the answers of several connections go in one burst.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# More than this is not held back: it is on its way while the rest is made.
_HELD_MAX_BYTES = 64 * 1024


class HeldWrites:
    """A transport that sends what is written at the end of the turn of the event loop."""

    __slots__ = ("_held", "_loop", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Send `data` soon, after what was written before."""
        if not self._held:
            self._loop.call_soon(self._flush)
        self._held.append(data)
        if len(data) > _HELD_MAX_BYTES:
            self._flush()

    def _flush(self) -> None:
        # What is closed cannot be written to: the client has gone meanwhile.
        if self._held and not self._transport.is_closing():
            held, self._held = self._held, []
            self._transport.writelines(held)

    def is_closing(self) -> bool:
        """Tell whether the connection is closed, or about to be."""
        return self._transport.is_closing()

    def close(self) -> None:
        """Close the connection after all that was written."""
        self._flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        """Return all else of the transport."""
        return getattr(self._transport, name)


class HoldingProtocol(HttpToolsProtocol):
    """uvicorn's protocol on such a transport."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin a connection."""
        super().connection_made(HeldWrites(transport, self.loop))  # type: ignore[arg-type]
