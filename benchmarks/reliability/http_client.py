"""A small HTTP/1.1 client that says what became of each request: answered, refused or lost."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit


class LostError(Exception):
    """The request was sent whole, and the connection ended without an answer to it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        closes: whether the connection is closed after it.
        seconds: time from sending to the whole answer.
    """

    status: int
    closes: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class Request:
    """One request, ready to be sent."""

    content: bytes

    @classmethod
    def post(cls, path: str, media_type: str, body: bytes) -> Self:
        """Make a POST."""
        fields = f"Content-Type: {media_type}\r\nContent-Length: {len(body)}\r\n"
        return cls(f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n".encode() + body)

    @classmethod
    def get(cls, path: str) -> Self:
        """Make a GET."""
        return cls(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())


class Connection(asyncio.Protocol):
    """One connection to the service, kept open between requests; one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._content = bytearray()
        self._answer: asyncio.Future[Answer] | None = None
        self._started = 0.0
        self.is_open = False

    @classmethod
    async def to(cls, url: str) -> Self:
        """Connect.

        Raises:
            OSError: nobody listens.
        """
        place = urlsplit(url)
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(cls, place.hostname, place.port)
        return connection

    async def ask(self, request: Request) -> Answer:
        """Send a request and wait for its answer.

        Raises:
            LostError: the connection ended before.
        """
        if self._transport is None or not self.is_open:
            raise LostError
        self._answer = asyncio.get_running_loop().create_future()
        self._started = time.perf_counter()
        self._transport.write(request.content)
        return await self._answer

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Note that it is open."""
        self._transport = transport
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        """Take a piece of an answer."""
        self._content += data
        end = self._content.find(b"\r\n\r\n")
        if end < 0:
            return
        status, fields = read_head(bytes(self._content[:end]))
        size = end + 4 + int(fields.get("content-length", "0"))
        if len(self._content) >= size:
            del self._content[:size]
            closes = fields.get("connection", "") == "close"
            self.is_open = self.is_open and not closes
            if self._answer is not None and not self._answer.done():
                took = time.perf_counter() - self._started
                self._answer.set_result(Answer(status, closes, took))

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that it has ended."""
        del exc
        self.is_open = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(LostError())


def read_head(head: bytes) -> tuple[int, Mapping[str, str]]:
    """Return status and fields of an answer's head; names in lower case."""
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return int(first.split()[1]), {name.lower(): value.strip() for name, _, value in pairs}
