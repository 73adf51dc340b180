"""`prunus serve | prune | inspect | predict | bench`."""

import click

from app.commands.serve import serve
from app.version import VERSION


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION)
def main() -> None:
    """Prune trained Keras models and serve them as sparse native code."""


main.add_command(serve)

if __name__ == "__main__":
    main()
