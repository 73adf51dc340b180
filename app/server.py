"""The HTTP server: uvicorn with bounded connections, and an end at which no request that was sent is lost."""

import asyncio
import contextlib
import functools
import gc
import logging
import socket
import threading
from collections.abc import Sequence
from types import FrameType

import uvicorn
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from app.connections import ConnectionLimits, Connections
from app.core.settings import Settings
from app.main import Service
from app.protocol import BoundedProtocol
from app.transport import TurnEnd
from app.turnstile import Turnstile

_LOG = logging.getLogger(__name__)
_POLL_SECONDS = 0.02
# uvicorn's own period.
_TICK_SECONDS = 0.1
# libuv accepts one connection in each turn for each handle: with one handle a busy loop has new clients wait for
# seconds, as the kernel's queue runs over. So the port is listened on by several handles of the same socket.
_ACCEPTS_PER_TURN = 8


class GracefulServer(uvicorn.Server):
    """Serves one application until a signal.

    From the signal on every answer says `Connection: close`. For the drain time the port stays open and
    `/health/ready` says 503, so that load balancers can turn away; then the port is closed, what has been sent is still
    read and answered, and the process ends with status 0. A second signal ends the drain time.
    """

    def __init__(self, app: Service, settings: Settings) -> None:
        """Prepare to serve `app` on the address that the settings name."""
        config = uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            loop="uvloop",
            http=BoundedProtocol,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            # Who asks is not looked at; the scheme that a proxy saw is read where a page shows it.
            proxy_headers=False,
            timeout_graceful_shutdown=settings.shutdown_grace_seconds,
        )
        super().__init__(config)
        self._app = app
        self._settings = settings
        self._loop: asyncio.AbstractEventLoop | None = None
        self.connections = Connections(ConnectionLimits.of(settings), app.account.count_refusal)
        self._is_draining = False
        self._ticked_at = 0.0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, then listen."""
        loop = self._loop = asyncio.get_running_loop()
        turnstile = Turnstile[RequestResponseCycle, ASGI3Application](
            loop, self._settings.predict_queue_max_seconds
        )
        self._factory = functools.partial(
            BoundedProtocol,
            self.connections,
            turnstile,
            TurnEnd(loop),
            self.config,
            self.server_state,
        )
        self.config.http_protocol_class = self._make_protocol  # type: ignore[assignment]
        await super().startup(sockets)
        await self._listen_more(loop)
        # What is there now stays: the collector need not look through it again and again.
        gc.collect()
        gc.freeze()

    async def _listen_more(self, loop: asyncio.AbstractEventLoop) -> None:
        """Accept several connections in one turn of the event loop."""
        for server in list(self.servers):
            for listener in server.sockets:
                for _ in range(_ACCEPTS_PER_TURN - 1):
                    copy = socket.socket(fileno=socket.dup(listener.fileno()))
                    backlog = self.config.backlog
                    more = await loop.create_server(self._make_protocol, sock=copy, backlog=backlog)
                    self.servers.append(more)

    def _make_protocol(self, **_: object) -> BoundedProtocol:
        return self._factory(self.lifespan.state, self._loop)

    async def on_tick(self, counter: int) -> bool:
        """Look after the server, ten times a second; note how late that is."""
        now = asyncio.get_running_loop().time()
        if counter:
            self._app.account.note_lag(max(0.0, now - self._ticked_at - _TICK_SECONDS))
        self._ticked_at = now
        return await super().on_tick(counter)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop at a signal: at the first after the drain time, at the second at once."""
        del sig, frame
        self._announce()
        if self._is_draining or self._settings.shutdown_drain_seconds <= 0 or not self.started:
            self.should_exit = True
            return
        self._is_draining = True
        _LOG.info("stopping in %g seconds", self._settings.shutdown_drain_seconds)
        # A timer of its own: a signal handler may run outside of the event loop.
        timer = threading.Timer(self._settings.shutdown_drain_seconds, self._stop)
        timer.daemon = True
        timer.start()

    def _announce(self) -> None:
        services = getattr(self._app.state, "services", None)
        if services is not None:
            services.lifecycle.stopping = True
        self.connections.closing = True
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self.connections.announce_close)

    def _stop(self) -> None:
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the port, answer what has been sent, then end."""
        self.connections.announce_close()
        listeners = [one for server in self.servers for one in server.sockets]
        copies = [socket.socket(fileno=socket.dup(one.fileno())) for one in listeners]
        for one in (*self.servers, *(sockets or ())):
            one.close()
        await self._accept_waiting(copies)
        # Time for clients to send what they had begun, and to read that they shall go.
        deadline = asyncio.get_running_loop().time() + self._settings.shutdown_read_seconds
        while self.connections.all and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(_POLL_SECONDS)
        await super().shutdown(sockets)

    async def _accept_waiting(self, listeners: Sequence[socket.socket]) -> None:
        """Take in the connections that the kernel has accepted: closing the port would reset them."""
        loop = asyncio.get_running_loop()
        for listener in listeners:
            listener.setblocking(False)
            with contextlib.suppress(OSError):
                while True:
                    accepted, _ = listener.accept()
                    accepted.setblocking(False)
                    await loop.connect_accepted_socket(self._make_protocol, accepted)
            listener.close()
