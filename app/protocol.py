"""uvicorn's HTTP protocol, with limits on what a client may send before its request is known, and held writes.

uvicorn keeps the address, the header fields and the trailers of a request without any bound, and a connection on which
nothing comes for ever. Here a head ends at 64 KiB or 100 fields, trailers are counted and dropped, and what a client
makes the server wait for is timed by `Connections`. An error ends only what came after it: requests before it on the
same connection are answered first.
"""

import asyncio
import secrets
from typing import Any

import httptools
import orjson
from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn.server import ServerState

from app.connections import Connections
from app.core.connection_errors import (
    HeadError,
    HeadTooLargeError,
    MalformedRequestError,
    TooManyConnectionsError,
    UriTooLongError,
)
from app.core.errors import OverloadedError, ServiceError
from app.core.problems import MEDIA_TYPE, Problem
from app.cycle import HeldCycle, target_parts
from app.middleware import CLIENT_GONE, given_request_id
from app.transport import HeldWrites, TurnEnd
from app.turnstile import Turnstile

# The path whose requests are given up when their client goes: nobody else needs what they compute.
PREDICT_PATH = "/predict"
HEAD_MAX_BYTES = 64 * 1024
HEAD_MAX_FIELDS = 100
# Requests that one client sends ahead: each is parsed and kept until those before it are answered.
_PIPELINE_MAX_REQUESTS = 64
# After its last answer a client may still send so much: closing sooner could cost it the answer.
_THROWN_MAX_BYTES = 1024 * 1024


class _StopParsingError(Exception):
    """Raised in a callback of the parser; `refusal` of the connection says why."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(
        self,
        connections: Connections,
        turnstile: Turnstile[RequestResponseCycle, ASGI3Application],
        turn_end: TurnEnd,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._connections = connections
        self._turnstile = turnstile
        self._turn_end = turn_end
        self._wire: asyncio.Transport
        self._held: HeldWrites
        self._running: RequestResponseCycle | None = None
        self._task: asyncio.Task[None] | None = None
        # Bytes since something of a request was complete: a head, a piece of a body, the whole.
        self._open_bytes = 0
        self._trailers = 0
        self._in_message = False
        self._in_body = False
        # Whether all that still comes is thrown away.
        self._deaf = False
        self._is_refused = False
        self._thrown_bytes = 0
        self._refusal: HeadError | None = None

    # What the transport calls.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin a connection, or turn it away."""
        self._wire = transport
        held = HeldWrites(transport, self.tasks, self._turn_end, self._close)
        self._held = held
        super().connection_made(held)  # type: ignore[arg-type]
        if not self._connections.admit(self, self.loop.time()):
            self.refuse(TooManyConnectionsError(self._connections.limits.connections))

    def connection_lost(self, exc: Exception | None) -> None:
        """End a connection."""
        self._deaf = True
        for cycle, _ in self.pipeline:
            cycle.disconnected = True
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()
            if self._task is not None and self._running.scope["path"] == PREDICT_PATH:
                self._task.cancel(CLIENT_GONE)
        super().connection_lost(exc)
        self._connections.forget(self)

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        if self._deaf:
            self._throw_away(data)
            return
        self._connections.idle.pop(self, None)
        self._open_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # No other protocol is spoken here; what follows would be one.
            self._deaf = True
            self.close_after_answer()
            return
        except httptools.HttpParserError:
            if self._refusal is None and len(self.pipeline) >= _PIPELINE_MAX_REQUESTS:
                self._deaf = True
                self.close_after_answer()
            else:
                self.refuse(self._refusal or MalformedRequestError())
            return
        if self._open_bytes > HEAD_MAX_BYTES:
            self.refuse(self._too_large())
        elif self._running is None or self._running.response_complete:
            self._connections.await_head(self, self.loop.time())

    def pause_writing(self) -> None:
        """Wait until the client takes what was written."""
        super().pause_writing()
        self._connections.watch_reader(self, self.loop.time())

    def resume_writing(self) -> None:
        """Go on writing."""
        super().resume_writing()
        self._connections.unwatch_reader(self)

    # What the parser calls. These are uvicorn's own methods with the bounds added, written out, as a call of the
    # method of the base class costs as much as the bound; upgrades are left out, since none is ever made.

    def on_message_begin(self) -> None:
        """Begin a request."""
        if len(self.pipeline) >= _PIPELINE_MAX_REQUESTS:
            raise _StopParsingError
        self._in_message = True
        self._trailers = 0
        HttpToolsProtocol.on_message_begin(self)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of the head; fields after the body are counted and dropped."""
        headers = self.headers
        if self._in_body:
            self._trailers += 1
        if len(headers) + self._trailers >= HEAD_MAX_FIELDS:
            self._refusal = self._too_large()
            raise _StopParsingError
        if not self._in_body:
            name = name.lower()
            if name == b"expect" and value.lower() == b"100-continue":
                self.expect_100_continue = True
            headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Begin to answer."""
        if self._open_bytes > HEAD_MAX_BYTES and self._head_bytes() > HEAD_MAX_BYTES:
            self._refusal = self._too_large()
            raise _StopParsingError
        self._connections.heads.pop(self, None)
        self._in_body = True
        self._open_bytes = 0
        parser, scope = self.parser, self.scope
        version = parser.get_http_version()
        scope["method"] = parser.get_method().decode("ascii")
        if version != "1.1":
            scope["http_version"] = version
        scope["path"], scope["raw_path"], scope["query_string"] = target_parts(self.url)
        before = self.cycle
        cycle = self.cycle = HeldCycle(
            scope,
            self.transport,
            self.flow,
            self.logger,
            self.access_logger,
            self.access_log,
            self.server_state.default_headers,
            asyncio.Event(),
            self.expect_100_continue,
            version != "1.0" and parser.should_keep_alive(),
            self.on_response_complete,
        )
        if before is None or before.response_complete:
            self._start_asgi_task(cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, self.app))

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._open_bytes = 0
        cycle = self.cycle
        if not cycle.response_complete:
            cycle.body += body
            if len(cycle.body) > HIGH_WATER_LIMIT:
                self.flow.pause_reading()
            cycle.message_event.set()

    def on_message_complete(self) -> None:
        """End a request."""
        self._in_message = self._in_body = False
        self._open_bytes = 0
        cycle = self.cycle
        if not cycle.response_complete:
            cycle.more_body = False
            cycle.message_event.set()
        elif cycle is self._running:
            # It was answered before it had come whole; only now the connection is idle.
            self._connections.rest(self, self.loop.time())

    # What the answers call.

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        if self._connections.closing and not self.pipeline:
            cycle.keep_alive = False
        self._task = None
        if self._turnstile.passes(cycle.scope):
            self.start_now(cycle, app)
        else:
            self._turnstile.wait(self, cycle, app)

    def start_now(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Begin to answer a request whose turn has come."""
        task = self._task = self.loop.create_task(cycle.run_asgi(app))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def refuse_request(self, cycle: RequestResponseCycle) -> None:
        """Answer a request that has waited too long for its turn, without the application."""
        error = OverloadedError("too many requests wait for their turn")
        self._connections.count(error)
        cycle.response_started = cycle.response_complete = True
        scope = cycle.scope
        request_id = given_request_id(dict(scope["headers"]).get(b"x-request-id"))
        head, body = answer_of(error, request_id, closes=not cycle.keep_alive)
        # To HEAD there is no body: the client would take it for the next answer.
        self.transport.write(head if scope["method"] == "HEAD" else head + body)
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def on_response_complete(self) -> None:
        """Go on with the next request, or wait for one."""
        self.server_state.total_requests += 1
        self._held.finish()
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
        elif self._in_message:
            self._connections.await_head(self, self.loop.time())
        else:
            self._connections.idle[self] = self.loop.time()

    # What ends a connection.

    def close_after_answer(self) -> None:
        """Close the connection after the answers to what has come."""
        last = self.pipeline[0][0] if self.pipeline else self._running
        if last is not None and not last.response_complete:
            # An answer that has begun without saying so cannot be the last, unless nothing more is read.
            if self._deaf or not last.response_started:
                last.keep_alive = False
        elif self._deaf:
            self.transport.close()

    def refuse(self, error: HeadError) -> None:
        """Answer what cannot be read with an error, after the answers to what came before it, and close."""
        self._deaf = self._is_refused = True
        self._connections.heads.pop(self, None)
        self._connections.count(error)
        broken = self._give_up_body()
        if broken is not None and broken.response_started:
            self.transport.close()
        elif self.pipeline or (self._running is not broken and not self._is_answered()):
            self.close_after_answer()
        else:
            self.transport.write(b"".join(answer_of(error)))
            self.transport.close()

    def end_overdue(self, error: HeadError) -> None:
        """End a connection whose next head did not come in time; say so where it had begun."""
        if self._in_message and not self._in_body:
            self.refuse(error)
        else:
            self.end()

    def end(self) -> None:
        """Close at once, and give up what the client does not take."""
        self._deaf = True
        if self.unsent_bytes():
            self._wire.abort()
        else:
            self._wire.close()

    def unsent_bytes(self) -> int:
        """Return how much of its answers the client has not taken yet."""
        return int(self._wire.get_write_buffer_size())

    def _is_answered(self) -> bool:
        return self._running is None or self._running.response_complete

    def _give_up_body(self) -> RequestResponseCycle | None:
        """Tell the request whose body is cut off, if there is one, that its client has gone."""
        if not self._in_body:
            return None
        broken = self.cycle
        if self.pipeline and self.pipeline[0][0] is broken:
            self.pipeline.popleft()
        broken.disconnected = True
        broken.message_event.set()
        return broken

    def _close(self) -> None:
        """Close when all was sent; a client that may still be sending gets time to read its answer first."""
        self._deaf = True
        may_send = self._in_message or self._is_refused or self._connections.closing
        if self._wire.is_closing() or not may_send:
            self._wire.close()
            return
        if self._wire.can_write_eof():
            self._wire.write_eof()
        self.flow.resume_reading()
        self._connections.linger(self, self.loop.time())

    def _throw_away(self, data: bytes) -> None:
        """Let a client finish its sentence, unless there is no end of it."""
        self._thrown_bytes += len(data)
        if self._thrown_bytes > _THROWN_MAX_BYTES:
            self._wire.abort()

    def _head_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _too_large(self) -> HeadError:
        if self._in_message and not self._in_body and len(self.url) > HEAD_MAX_BYTES // 2:
            return UriTooLongError(HEAD_MAX_BYTES)
        return HeadTooLargeError(HEAD_MAX_BYTES, HEAD_MAX_FIELDS)


def answer_of(
    error: ServiceError, request_id: str = "", *, closes: bool = True
) -> tuple[bytes, bytes]:
    """Return head and body of the answer to what never reached the application, as a problem.

    Args:
        error: why it did not.
        request_id: the client's own id; without it the answer gets a random one.
        closes: whether it is the last answer on its connection.
    """
    problem = Problem.of(error)
    request_id = request_id or secrets.token_hex(8)
    body = orjson.dumps(problem.document(request_id=request_id))
    fields = {
        "content-type": MEDIA_TYPE,
        "content-length": str(len(body)),
        "connection": "close" if closes else "keep-alive",
        "x-request-id": request_id,
        "x-content-type-options": "nosniff",
    }
    if error.retry_after_seconds is not None:
        fields["retry-after"] = str(error.retry_after_seconds)
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return bytes(STATUS_LINE[problem.status] + lines.encode() + b"\r\n"), body
