"""What all commands share: options, tables, and errors as one line on standard error instead of a traceback."""

import functools
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ParamSpec

import click

from graph.errors import PrunusError

P = ParamSpec("P")
EXIT_REFUSED = 1

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
# A SavedModel may be a folder.
MODEL = click.Path(exists=True, path_type=Path)
OUTPUT = click.Path(dir_okay=False, writable=True, path_type=Path)


def refusals_as_messages(command: Callable[P, None]) -> Callable[P, None]:
    """Make a command end with status 1 and one message when Prunus refuses what it was given."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except PrunusError as error:
            click.echo(f"prunus: {error.title}: {error}", err=True)
            sys.exit(EXIT_REFUSED)
        except OSError as error:
            click.echo(f"prunus: {error.strerror or error}: {error.filename or ''}", err=True)
            sys.exit(EXIT_REFUSED)

    return wrapped


def cache_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option for the folder of compiled kernels."""
    return click.option(
        "--cache-dir",
        type=click.Path(file_okay=False, path_type=Path),
        envvar="PRUNUS_CACHE_DIR",
        show_envvar=True,
        default=default_cache,
        show_default="prunus/objects in the user's cache folder",
        help="Folder of compiled kernels.",
    )(command)


def default_cache() -> Path:
    """Return the user's cache folder for compiled kernels (XDG base directories)."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "prunus" / "objects"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write rows as columns; those that hold numbers are set to the right."""
    columns = list(zip(heads, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    right = [all(_is_number(cell) for cell in column[1:]) for column in columns]
    lines = [
        "  ".join(
            cell.rjust(width) if numeric else cell.ljust(width)
            for cell, width, numeric in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in (heads, *rows)
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def _is_number(text: str) -> bool:
    return not text or text.rstrip(" %").replace(",", "").replace(".", "", 1).isdigit()


def percent(share: float) -> str:
    """Write a share as a percentage."""
    return f"{100 * share:.2f} %"


def microseconds(seconds: float | None) -> str:
    """Write seconds as microseconds, short ones with two decimals; nothing where there is no time."""
    if seconds is None:
        return ""
    return f"{seconds * 1e6:,.{2 if seconds < 10e-6 else 1}f}"
