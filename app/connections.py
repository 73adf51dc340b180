"""The open connections of a server: how many there may be, and how long each may keep the server waiting.

A connection that waits for its client is in one of three places, in the order in which it came there, so that the one
that has waited longest is the first: `heads` (the head of a request is due), `idle` (answered, and no byte since) and
`lingering` (answered for the last time; what the client still sends is thrown away). One timer looks at their first
entries: a timer of its own for each request would cost more than all that is done here.
"""

import asyncio
import resource
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from app.core.connection_errors import HeadError, HeadTimeoutError
from app.core.errors import ServiceError
from app.core.settings import Settings

# Descriptors that are kept for files, the database and uploads.
_RESERVED_DESCRIPTORS = 256
_LEAST_CONNECTIONS = 16
_MOST_CONNECTIONS = 4096
# Lets an answer reach a client that is still sending: closing at once would reset the connection.
_LINGER_SECONDS = 1.0
_MOST_LINGERING = 128
# A client that has connected and sends nothing yields its place to others after this time.
_HEAD_GRACE_SECONDS = 0.25
# A client that takes its answer more slowly than this is as good as gone.
_LEAST_READ_BYTES_PER_SECOND = 1024


def default_max_connections(descriptors: int) -> int:
    """Return how many connections fit the limit on open files, at most 4,096."""
    spare = max(descriptors - _RESERVED_DESCRIPTORS, descriptors // 2)
    return max(_LEAST_CONNECTIONS, min(spare, _MOST_CONNECTIONS))


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """What the server grants its clients.

    Attributes:
        connections: open at a time.
        head_seconds: longest time from the connection, the last answer or a request's first byte to its complete head.
        keep_alive_seconds: longest time from an answer to the first byte of the next request.
        write_seconds: time within which a client must have taken a part of the answer that waits for it.
    """

    connections: int
    head_seconds: float
    keep_alive_seconds: float
    write_seconds: float

    @classmethod
    def of(cls, settings: Settings) -> "ConnectionLimits":
        """Return what the settings say, and where they do not, what the limit on open files allows."""
        descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return cls(
            settings.connections_max or default_max_connections(descriptors),
            settings.head_timeout_seconds,
            settings.keep_alive_seconds,
            settings.write_timeout_seconds,
        )


class Connection(Protocol):
    """What is asked of a connection."""

    def end(self) -> None:
        """Close at once, and give up what the client does not take."""

    def end_overdue(self, error: HeadError) -> None:
        """End a connection whose next head did not come in time; say so where it had begun."""

    def unsent_bytes(self) -> int:
        """Return how much of its answers the client has not taken yet."""

    def close_after_answer(self) -> None:
        """Say on the answer under way that the connection will be closed after it."""


Place = dict[Connection, float]


class Connections:
    """Keeps account of the connections of one server."""

    def __init__(self, limits: ConnectionLimits, count: Callable[[ServiceError], None]) -> None:
        """Start without any.

        Args:
            limits: the limits that clients are held to.
            count: function that is called at each refusal.
        """
        self.limits = limits
        self.count = count
        self.closing = False
        self.all: set[Connection] = set()
        self.heads: Place = {}
        self.idle: Place = {}
        self.lingering: Place = {}
        self._unread: dict[Connection, tuple[float, int]] = {}
        self._timer: asyncio.TimerHandle | None = None
        least = min(limits.head_seconds, limits.keep_alive_seconds, limits.write_seconds)
        self._period_seconds = min(0.5, least / 4)

    def admit(self, connection: Connection, now: float) -> bool:
        """Take in a new connection; make room by ending the one that has been idle longest.

        Returns:
            Whether there was room.
        """
        if len(self.all) >= self.limits.connections and not self._make_room(now):
            return False
        self.all.add(connection)
        self.heads[connection] = now
        self._watch()
        return True

    def forget(self, connection: Connection) -> None:
        """Note that a connection has ended."""
        self.all.discard(connection)
        self._unread.pop(connection, None)
        for place in (self.heads, self.idle, self.lingering):
            place.pop(connection, None)

    def await_head(self, connection: Connection, now: float) -> None:
        """Note that a connection waits for the rest of a head, or of a request that is answered already."""
        if connection not in self.idle:
            self.heads.setdefault(connection, now)

    def rest(self, connection: Connection, now: float) -> None:
        """Note that all that came on a connection is answered."""
        self.heads.pop(connection, None)
        self.idle[connection] = now

    def linger(self, connection: Connection, now: float) -> None:
        """Note that a connection has had its last answer."""
        self.all.discard(connection)
        self.heads.pop(connection, None)
        self.idle.pop(connection, None)
        if len(self.lingering) >= _MOST_LINGERING:
            longest = next(iter(self.lingering))
            del self.lingering[longest]  # at once: it is forgotten only when it has ended
            longest.end()
        self.lingering[connection] = now
        self._watch()

    def watch_reader(self, connection: Connection, now: float) -> None:
        """Note that a client does not take its answer as fast as it is made."""
        self._unread[connection] = (now, connection.unsent_bytes())

    def unwatch_reader(self, connection: Connection) -> None:
        """Note that a client has taken most of its answer."""
        self._unread.pop(connection, None)

    def announce_close(self) -> None:
        """Close every connection after the answers to what has been sent on it."""
        self.closing = True
        for connection in list(self.all):
            connection.close_after_answer()

    def _make_room(self, now: float) -> bool:
        for place, least_seconds in ((self.idle, 0.0), (self.heads, _HEAD_GRACE_SECONDS)):
            for connection, since in place.items():
                if now - since < least_seconds:
                    break
                connection.end()
                self.forget(connection)
                return True
        return False

    def _watch(self) -> None:
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._period_seconds, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """End what has kept the server waiting too long."""
        self._timer = None
        now, limits = loop.time(), self.limits
        for connection in _overdue(self.heads, now - limits.head_seconds):
            connection.end_overdue(HeadTimeoutError(limits.head_seconds))
        for connection in _overdue(self.idle, now - limits.keep_alive_seconds):
            connection.end()
        for connection in _overdue(self.lingering, now - _LINGER_SECONDS):
            connection.end()
        self._end_unread(now)
        if self.all or self.lingering:
            self._watch()

    def _end_unread(self, now: float) -> None:
        for connection, (since, before) in list(self._unread.items()):
            if now - since < self.limits.write_seconds:
                continue
            unsent = connection.unsent_bytes()
            if before - unsent >= _LEAST_READ_BYTES_PER_SECOND * (now - since):
                self._unread[connection] = (now, unsent)
            else:
                connection.end()


def _overdue(place: Place, latest: float) -> list[Connection]:
    found = []
    for connection, since in place.items():
        if since > latest:
            break
        found.append(connection)
    return found
