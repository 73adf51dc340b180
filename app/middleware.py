"""What happens around every request, as one plain ASGI layer: its id, its metrics, its log line, its problems."""

import asyncio
import itertools
import logging
import re
import secrets
import time
from collections.abc import Awaitable

import orjson
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.errors import (
    InternalError,
    MethodNotAllowedError,
    ServiceError,
)
from app.core.logs import REQUEST_ID
from app.core.metrics import Metrics, RequestCount
from app.core.problems import MEDIA_TYPE, Problem
from app.core.storage_full import storage_full
from app.site_guard import SiteGuard
from graph.errors import PrunusError

_LOG = logging.getLogger("app.requests")
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
# Counted, never sent: nobody is there to read it (the code that nginx uses).
_CLIENT_CLOSED_REQUEST = 499
# What a task is told when it is cancelled because nobody waits for its answer any more.
CLIENT_GONE = "the client has gone"
_UNKNOWN_ROUTE = "(unknown)"
_NO_ROUTE = "(connection)"
_NO_METHOD = "(none)"
Headers = tuple[tuple[bytes, bytes], ...]
# Predictions get this one only: each costs the HTTP server half a microsecond.
NO_SNIFFING: Headers = ((b"x-content-type-options", b"nosniff"),)
# Pages carry no script at all, and no style of their own: that is a file of the service.
ALL_HEADERS: Headers = (
    *NO_SNIFFING,
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'self'; img-src data:; base-uri 'none';"
        b" form-action 'none'; frame-ancestors 'none'",
    ),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestAccount:
    """Counts requests under way and answered, for all layers of one application."""

    def __init__(self, metrics: Metrics) -> None:
        self.in_flight = 0
        self._metrics = metrics
        self._counts: dict[tuple[str, str, int], RequestCount] = {}
        metrics.http_in_flight.set_function(lambda: self.in_flight)

    def count(self, scope: Scope, status: int, seconds: float) -> None:
        """Count and log one answered request."""
        key = (getattr(scope.get("route"), "path", _UNKNOWN_ROUTE), scope["method"], status)
        count = self._counts.get(key)
        if count is None:
            count = self._counts[key] = self._count_of(*key)
        count.number += 1
        if _LOG.isEnabledFor(count.log_level):
            shown = _shown(scope["path"])
            _LOG.log(count.log_level, "%s %s %d %.6f s", scope["method"], shown, status, seconds)

    def _count_of(self, path: str, method: str, status: int) -> RequestCount:
        level = logging.DEBUG if path in _QUIET_ROUTES and status < 500 else logging.INFO
        label = method if method in _METHODS else "(other)"
        return self._metrics.http_requests.of(path, label, str(status), level)

    def note_lag(self, seconds: float) -> None:
        """Note how late the event loop is."""
        self._metrics.loop_lag.set(seconds)

    def count_refusal(self, error: ServiceError) -> None:
        """Count a connection or a head that was refused before it became a request."""
        status = Problem.of(error).status
        self._metrics.http_requests.of(_NO_ROUTE, _NO_METHOD, str(status)).number += 1
        _LOG.debug("%d %s", status, error)


class RequestLayer:
    """Wraps an application.

    Errors of any room become problem documents here, also those raised before a route was found; what is no
    `PrunusError` is our own bug: it is logged with its traceback, and the client learns only the request's id.
    """

    def __init__(
        self,
        app: ASGIApp,
        account: RequestAccount,
        guard: SiteGuard,
        answer_headers: Headers = ALL_HEADERS,
    ) -> None:
        """Wrap `app`.

        Args:
            app: the application that answers.
            account: counts requests.
            guard: refuses requests that pages of other sites made.
            answer_headers: headers that are added to each answer.
        """
        self._app = app
        self._account = account
        self._guard = guard
        self._answer_headers = answer_headers
        # Random once, then counted: random bytes for each request are a system call each.
        self._id_start = secrets.token_hex(4)
        self._id_numbers = itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection event of the server."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        request_id = given_request_id(headers.get(b"x-request-id"))
        request_id = request_id or f"{self._id_start}{next(self._id_numbers):08x}"
        token = REQUEST_ID.set(request_id)
        exchange = _Exchange(send, request_id.encode(), self._answer_headers)
        start = time.perf_counter()
        self._account.in_flight += 1
        try:
            self._guard.check(scope, headers)
            await self._app(scope, receive, exchange.send)
        except PrunusError as error:
            await _send_problem(exchange, error)
        except ClientDisconnect:
            exchange.status = exchange.status or _CLIENT_CLOSED_REQUEST
        except asyncio.CancelledError as error:
            if CLIENT_GONE not in error.args:
                raise
            exchange.status = exchange.status or _CLIENT_CLOSED_REQUEST
        except Exception as error:
            full = storage_full(error)
            if full is None or exchange.status:
                _LOG.exception("%s %s failed by a bug", scope["method"], scope["path"])
            if exchange.status:
                raise
            await _send_problem(exchange, full or InternalError("the service failed; see its log"))
        finally:
            self._account.in_flight -= 1
            self._account.count(scope, exchange.status, time.perf_counter() - start)
            REQUEST_ID.reset(token)


def given_request_id(value: bytes | None) -> str:
    """Return the id that a client gave its request; nothing where there is none, or none that can be used."""
    return "" if value is None or not _REQUEST_ID.fullmatch(value) else value.decode("ascii")


# Called many times a second in normal operation: logged at level debug.
_QUIET_ROUTES = frozenset({"/predict", "/metrics", "/health/live", "/health/ready"})


class _Exchange:
    """The answer under way: adds the request's id and what all answers have, and remembers the status."""

    __slots__ = ("_headers", "_request_id", "_send", "status")

    def __init__(self, send: Send, request_id: bytes, headers: Headers) -> None:
        self._send = send
        self._request_id = request_id
        self._headers = headers
        self.status = 0

    @property
    def request_id(self) -> str:
        """The request's id."""
        return self._request_id.decode()

    def send(self, message: Message) -> Awaitable[None]:
        """Pass on a message of the application."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [
                *message.get("headers", ()),
                (b"x-request-id", self._request_id),
                *self._headers,
            ]
        return self._send(message)


async def _send_problem(exchange: _Exchange, error: PrunusError) -> None:
    problem = Problem.of(storage_full(error) or error)
    document = problem.document(request_id=exchange.request_id)
    body = orjson.dumps(document)
    headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
    ]
    retry_after = error.retry_after_seconds if isinstance(error, ServiceError) else None
    if retry_after is not None:
        headers.append((b"retry-after", str(retry_after).encode()))
    if isinstance(error, MethodNotAllowedError) and error.expected:
        headers.append((b"allow", error.expected.encode("latin-1", "replace")))
    if problem.status in {408, 413, 507}:
        # The rest of the body is not read: the connection cannot be used again.
        headers.append((b"connection", b"close"))
    await exchange.send(
        {"type": "http.response.start", "status": problem.status, "headers": headers}
    )
    await exchange.send({"type": "http.response.body", "body": body})


def _shown(path: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in path[:200])
