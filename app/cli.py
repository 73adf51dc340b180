"""`prunus serve | prune | tune | inspect | predict | bench`."""

import os
from importlib import import_module

import click

from app.core.version import VERSION

_COMMANDS = ("serve", "prune", "tune", "inspect", "predict", "bench")


class LazyCommands(click.Group):
    """Imports a command's module when it is asked for: the service starts without the compiler."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order of the work."""
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command called `cmd_name`."""
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        command = getattr(import_module(f"app.commands.{cmd_name}"), cmd_name)
        return command if isinstance(command, click.Command) else None


@click.group(cls=LazyCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="prunus")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Prune trained Keras models and serve them as sparse native code."""
    if ctx.invoked_subcommand != "serve":  # which says it in its log
        from app.core.environment import unknown_variables

        for sentence in unknown_variables(os.environ):
            click.echo(f"prunus: {sentence}", err=True)


if __name__ == "__main__":
    main(prog_name="prunus")
