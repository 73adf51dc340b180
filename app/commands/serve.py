"""`prunus serve`: run the service until a signal ends it."""

import logging
import threading
from pathlib import Path
from types import FrameType

import click
import uvicorn
from fastapi import FastAPI

from app.logs import configure_logs
from app.main import create_app
from app.protocol import HoldingProtocol
from app.settings import Settings

_LOG = logging.getLogger(__name__)


class DrainingServer(uvicorn.Server):
    """A server that first says on `/health/ready` that it stops, so that load balancers can turn away."""

    def __init__(self, config: uvicorn.Config, app: FastAPI, drain_seconds: float) -> None:
        super().__init__(config)
        self._app = app
        self._drain_seconds = drain_seconds
        self._draining = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop at a signal: at the first after the drain time, at the second at once."""
        services = getattr(self._app.state, "services", None)
        if services is not None:
            services.lifecycle.stopping = True
        if self._draining or self._drain_seconds <= 0 or services is None:
            super().handle_exit(sig, frame)
            return
        self._draining = True
        _LOG.info("stopping in %g seconds", self._drain_seconds)
        # A timer of its own: a signal handler may run outside of the event loop.
        timer = threading.Timer(self._drain_seconds, super().handle_exit, (sig, frame))
        timer.daemon = True
        timer.start()


@click.command(context_settings={"show_default": True})
@click.option("--host", help="Address to listen on.  [env: HOST; default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="TCP port.  [env: PORT; default: 8000]")
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of models and jobs.  [env: PRUNUS_DATA_DIR; default: data]",
)
@click.option(
    "--demo/--no-demo", default=None, help="Upload the demo model where there are no models yet."
)
def serve(host: str | None, port: int | None, data_dir: Path | None, demo: bool | None) -> None:
    """Run the service.

    All other settings are environment variables that start with PRUNUS_; docs/deployment.md lists
    them.
    """
    given = {"host": host, "port": port, "data_dir": data_dir, "demo": demo}
    settings = Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    configure_logs(settings.log_format, settings.log_level)
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=HoldingProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=settings.shutdown_grace_seconds,
    )
    DrainingServer(config, app, settings.shutdown_drain_seconds).run()
