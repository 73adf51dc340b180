"""What the page `/docs` shows: the OpenAPI description, flattened to lists of texts.

A page of our own rather than a viewer from PyPI or a CDN: those are a megabyte of script, which the pages' policy
forbids, and what they add is a form for trying requests out. Here every route has a line for curl instead.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]
_REF = "#/components/schemas/"
_JSON = "application/json"
_FORM = "multipart/form-data"
_PARAMETER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter, a part of a form, or a member of a document."""

    name: str
    kind: str
    is_required: bool
    text: str


@dataclass(frozen=True, slots=True)
class Reply:
    """One status that a route answers with.

    Attributes:
        documents: names of the documents that it may carry; media types where they have none.
    """

    status: str
    text: str
    documents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Route:
    """One method on one path."""

    method: str
    path: str
    summary: str
    text: str
    parameters: tuple[Field, ...]
    media_types: tuple[str, ...]
    body: tuple[Field, ...]
    replies: tuple[Reply, ...]
    example: str

    @property
    def anchor(self) -> str:
        """A name for links within the page."""
        plain = "".join(c if c.isalnum() else "-" for c in self.path)
        return f"{self.method.lower()}{plain}"


@dataclass(frozen=True, slots=True)
class Document:
    """One document that routes answer with."""

    name: str
    text: str
    fields: tuple[Field, ...]


def routes_of(schema: Schema, origin: str) -> list[Route]:
    """Return all routes of an OpenAPI description, those for predictions first.

    Args:
        schema: the description.
        origin: scheme and address of the service, for the examples.
    """
    routes = [
        _route(method, path, operation, origin)
        for path, operations in schema["paths"].items()
        for method, operation in operations.items()
    ]
    return sorted(routes, key=lambda route: route.path != "/predict")


def documents_of(schema: Schema) -> list[Document]:
    """Return all documents of an OpenAPI description by name."""
    return [
        Document(name, part.get("description", ""), _fields(part))
        for name, part in sorted(schema["components"]["schemas"].items())
    ]


def _route(method: str, path: str, operation: Schema, origin: str) -> Route:
    content: Schema = operation.get("requestBody", {}).get("content", {})
    body: Schema = next((part["schema"] for part in content.values() if "schema" in part), {})
    return Route(
        method.upper(),
        path,
        operation.get("summary", ""),
        operation.get("description", ""),
        tuple(
            Field(
                f"{one['name']} ({one['in']})",
                kind_of(one.get("schema", {})),
                one.get("required", False),
                one.get("description", "") or one.get("schema", {}).get("description", ""),
            )
            for one in operation.get("parameters", ())
        ),
        tuple(content),
        _fields(body),
        tuple(_reply(status, reply) for status, reply in operation["responses"].items()),
        _example(method, path, list(content), origin),
    )


def _reply(status: str, reply: Schema) -> Reply:
    names = []
    for media_type, part in reply.get("content", {}).items():
        kind = kind_of(part.get("schema", {}))
        names.append(kind if kind and kind[0].isupper() else media_type)
    return Reply(status, reply.get("description", ""), tuple(names))


def _fields(part: Schema) -> tuple[Field, ...]:
    required = part.get("required", ())
    return tuple(
        Field(name, kind_of(one), name in required, one.get("description", ""))
        for name, one in part.get("properties", {}).items()
    )


def kind_of(schema: Schema) -> str:
    """Return what a schema describes in a few words: `integer`, `list of JobDocument`, `number or null`."""
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(_REF)
    choices: Sequence[Schema] = schema.get("anyOf") or schema.get("oneOf") or ()
    if choices:
        return " or ".join(dict.fromkeys(kind_of(one) or "anything" for one in choices))
    kind = str(schema.get("type", ""))
    if kind == "array":
        return f"list of {kind_of(schema.get('items', {})) or 'anything'}"
    return "file" if schema.get("format") == "binary" else kind


def _example(method: str, path: str, media_types: Sequence[str], origin: str) -> str:
    """Return a line for a terminal; capital letters stand for what is the reader's."""
    url = origin + _PARAMETER.sub(lambda found: found[1].upper(), path)
    words = ["curl"] + ([f"-X {method.upper()}"] if method not in {"get", "post"} else [])
    if _JSON in media_types:
        words += [f"-H 'Content-Type: {_JSON}'", '-d \'{"model": "NAME", "inputs": [...]}\'']
    elif _FORM in media_types:
        words += ["-F name=NAME", "-F file=@MODEL.keras"]
    elif method == "post":
        words += ["-X POST"]
    return " ".join([*words, url])
