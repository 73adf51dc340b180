"""Markdown: tables, and the sections of a page that a program writes."""

import re
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

_COLUMNS = 120
# Tables, headings, code, pictures and comments stay as they are.
_FIXED = re.compile(r"```|<!--|!\[|[|#]|    ")
_ITEM = re.compile(r"[-*] |\d+\. ")


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
    page.write_text(f"{head}{begin}\n\n{wrapped(section.strip())}\n\n{end}{tail}")


def wrapped(markdown: str) -> str:
    """Return the text with paragraphs and list items that have a line over 120 characters filled again."""
    blocks = re.split(r"(^```.*?^```$|\n{2,})", markdown, flags=re.DOTALL | re.MULTILINE)
    return "".join(_filled(block) for block in blocks)


def _filled(block: str) -> str:
    lines = block.split("\n")
    if max(map(len, lines)) <= _COLUMNS or any(_FIXED.match(line) for line in lines):
        return block
    entries: list[str] = []
    for line in lines:
        if entries and not _ITEM.match(line):
            entries[-1] += " " + line.strip()
        else:
            entries.append(line)
    return "\n".join(
        textwrap.fill(
            entry,
            _COLUMNS,
            subsequent_indent="  " if _ITEM.match(entry) else "",
            break_long_words=False,
            break_on_hyphens=False,
        )
        for entry in entries
    )


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table whose first column is text and whose others are numbers."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, rule, *rows))


def digits(microseconds: float) -> str:
    """Return a time with three digits or more."""
    return f"{microseconds:,.1f}" if microseconds < 100 else f"{microseconds:,.0f}"
