"""Markdown for reports: tables, and numbers as a person reads them."""

from collections.abc import Sequence


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table in Markdown; cells are escaped."""
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    lines += ["| " + " | ".join(cell(text) for text in row) + " |" for row in rows]
    return "\n".join(lines)


def cell(text: str) -> str:
    """Return names come from uploaded files: keep them from breaking out of their cell."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def shape(shape: tuple[int, ...]) -> str:
    """Write a shape as its sides: 8 x 6."""
    return " x ".join(str(side) for side in shape)


def percent(share: float) -> str:
    """Write a share as a percentage."""
    return f"{100 * share:.2f} %"


def points(change: float) -> str:
    """Write a change of a share in percentage points, with its sign."""
    return f"{100 * change + 0.0:+.2f}"


def microseconds(seconds: float | None) -> str:
    """Write seconds as microseconds; nothing where there is no time."""
    return "" if seconds is None else f"{seconds * 1e6:,.1f}"


def byte_size(count: int | None) -> str:
    """Write a number of bytes, from 10,000 on in KiB; nothing where it is not known."""
    if count is None:
        return ""
    return f"{count:,} B" if count < 10_000 else f"{count / 1024:,.1f} KiB"
