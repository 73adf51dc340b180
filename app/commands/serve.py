"""`prunus serve`: run the service until a signal ends it."""

import sys
from pathlib import Path

import click

from app.logs import configure_logs
from app.main import create_app
from app.server import GracefulServer
from app.settings import Settings

# A thread that converts a large body gives Python's lock back after this time instead of 5 ms: the event loop waits for
# the lock at every turn, so small predictions would wait as long.
_SWITCH_SECONDS = 0.0005


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
    sys.setswitchinterval(_SWITCH_SECONDS)
    GracefulServer(create_app(settings), settings).run()
