"""Markdown: tables, and the sections of a page that a program writes."""

from collections.abc import Iterable, Sequence
from pathlib import Path


class MarkerError(Exception):
    """The page has no place for the generated section."""


def replace_section(page: Path, name: str, section: str) -> None:
    """Put `section` between the page's markers of `name`, the command that writes it.

    Raises:
        MarkerError: The markers are missing.
    """
    begin, end = f"<!-- begin: written by {name} -->", f"<!-- end: written by {name} -->"
    text = page.read_text()
    if begin not in text or end not in text:
        raise MarkerError(f"{page} must hold the lines {begin!r} and {end!r}")
    head, rest = text.split(begin, 1)
    tail = rest.split(end, 1)[1]
    page.write_text(f"{head}{begin}\n\n{section.strip()}\n\n{end}{tail}")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table whose first column is text and whose others are numbers."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, rule, *rows))


def digits(microseconds: float) -> str:
    """Return a time with three digits or more."""
    return f"{microseconds:,.1f}" if microseconds < 100 else f"{microseconds:,.0f}"
