"""`prunus serve`: run the service until a signal ends it."""

import logging
import os
import sys
from pathlib import Path

import click

from app.commands.console import refusals_as_messages
from app.core.environment import SettingsError, read_settings
from app.core.logs import configure_logs
from app.main import create_app
from app.server import GracefulServer
from app.startup import StartError, check_address, check_data_folder
from engine.core.target import host_target

# A thread that converts a large body gives Python's lock back after this time instead of 5 ms: the event loop waits for
# the lock at every turn, so small predictions would wait as long.
_SWITCH_SECONDS = 0.0005


_LOG = logging.getLogger(__name__)


@click.command(context_settings={"show_default": True})
@click.option("--host", help="Address to listen on.  [env: PRUNUS_HOST; default: 127.0.0.1]")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="TCP port.  [env: PRUNUS_PORT; default: 8000]"
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    help="Folder of models and jobs.  [env: PRUNUS_DATA_DIR; default: data]",
)
@click.option(
    "--demo/--no-demo", default=None, help="Upload the demo model where there are no models yet."
)
@refusals_as_messages
def serve(host: str | None, port: int | None, data_dir: Path | None, demo: bool | None) -> None:
    """Run the service.

    All other settings are environment variables that start with PRUNUS_; docs/deployment.md lists
    them. HOST (an IP address) and PORT are read where PRUNUS_HOST and PRUNUS_PORT are not set.
    """
    options = {"host": host, "port": port, "data_dir": data_dir, "demo": demo}
    given = {name: value for name, value in options.items() if value is not None}
    try:
        reading = read_settings(os.environ, given)
        settings = reading.settings
        configure_logs(settings.log_format, settings.log_level)
        for warning in reading.warnings:
            _LOG.warning("%s", warning)
        host_target()  # PRUNUS_ISA can ask for what this CPU has not
        check_data_folder(settings.data_dir)
        check_address(settings.host, settings.port)
    except (SettingsError, StartError) as error:
        raise click.ClickException(str(error)) from None
    sys.setswitchinterval(_SWITCH_SECONDS)
    GracefulServer(create_app(settings), settings).run()
