"""The HTML pages: the index, the report of a version, and what a problem means. Everything from a file is escaped."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import orjson
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.advice import ADVICE
from app.problems import PROBLEMS
from app.services.stored_version import StoredVersion
from app.version import VERSION

_TEMPLATES = Path(__file__).parent / "templates"


def index_page(versions: Sequence[StoredVersion], origin: str) -> str:
    """Return the index as HTML: the models, newest version first, and what to do; `origin` is our own address."""
    newest_first = sorted(versions, key=lambda stored: (stored.name, -stored.version))
    return (
        _environment()
        .get_template("index.html")
        .render(versions=newest_first, origin=origin, service_version=VERSION)
    )


def report_page(report: bytes, stored: StoredVersion) -> str:
    """Return a report as HTML.

    Args:
        report: its JSON form.
        stored: the version it is about.
    """
    return (
        _environment()
        .get_template("report.html")
        .render(report=orjson.loads(report), stored=stored, summary=stored.summary)
    )


def problem_page(slug: str) -> str:
    """Return what a kind of problem means, and what to do about it, as HTML."""
    return (
        _environment()
        .get_template("problem.html")
        .render(slug=slug, kind=PROBLEMS[slug], advice=ADVICE[slug])
    )


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = lambda share: f"{100 * share:.2f} %"
    environment.filters["microseconds"] = _microseconds
    environment.filters["count"] = lambda number: "" if number is None else f"{number:,}"
    environment.filters["shape"] = lambda sides: "" if not sides else " x ".join(map(str, sides))
    return environment


def _microseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1e6:,.1f} µs"
