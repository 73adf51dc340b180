"""The HTML pages: index, routes, the report of a version, the meaning of a problem. Text from files is escaped."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import orjson
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from app.core.advice import ADVICE
from app.core.problems import PROBLEMS
from app.core.version import VERSION
from app.services.reference import Schema, documents_of, routes_of
from app.services.stored_version import StoredVersion

_SMALL_BYTES = 10_000
# No line is broken between a number and its percent sign.
_SPACE = "\N{NO-BREAK SPACE}"
_TEMPLATES = Path(__file__).parents[1] / "templates"


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
    return "".join(report_page_parts(report, stored))


def report_page_parts(report: bytes, stored: StoredVersion) -> Iterator[str]:
    """Yield a report as HTML, part by part; the arguments are those of `report_page`."""
    yield from (
        _environment()
        .get_template("report.html")
        .generate(report=orjson.loads(report), stored=stored, summary=stored.summary)
    )


def problem_page(slug: str) -> str:
    """Return what a kind of problem means, and what to do about it, as HTML."""
    return (
        _environment()
        .get_template("problem.html")
        .render(slug=slug, kind=PROBLEMS[slug], advice=ADVICE[slug])
    )


def docs_page(schema: Schema, origin: str) -> str:
    """Return all routes and documents of an OpenAPI description as HTML; `origin` is our own address."""
    return (
        _environment()
        .get_template("docs.html")
        .render(
            description=schema["info"]["description"],
            routes=routes_of(schema, origin),
            documents=documents_of(schema),
        )
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
    environment.filters["percent"] = lambda share: f"{100 * share:.2f}{_SPACE}%"
    environment.filters["whole"] = lambda text: text.replace(" %", f"{_SPACE}%")
    environment.filters["microseconds"] = _microseconds
    environment.filters["count"] = lambda number: "" if number is None else f"{number:,}"
    environment.filters["shape"] = lambda sides: "" if not sides else " x ".join(map(str, sides))
    environment.filters["bytes"] = _bytes
    environment.filters["json"] = lambda value: orjson.dumps(value).decode()
    environment.filters["code"] = _code
    return environment


def _code(text: str) -> Markup:
    """Escape a text, and set what stands between backquotes as code."""
    parts = [escape(part) for part in text.split("`")]
    marked = [Markup("<code>{}</code>").format(p) if i % 2 else p for i, p in enumerate(parts)]
    return Markup("").join(marked)


def _bytes(count: int | None) -> str:
    if count is None:
        return ""
    return f"{count:,} B" if count < _SMALL_BYTES else f"{count / 1024:,.1f} KiB"


def _microseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1e6:,.1f} µs"
