"""The page with all routes: complete, and without anything from elsewhere."""

import re

import pytest

from app.openapi import PREDICT_OPENAPI
from app.services.reference import kind_of, routes_of
from tests.app.live import Live

PAGE = {"Accept": "text/html"}


def test_every_route_and_document_is_on_the_page(service: Live) -> None:
    answer = service.http.get("/docs", headers=PAGE)
    assert answer.status_code == 200
    schema = service.http.get("/openapi.json").json()
    for path, operations in schema["paths"].items():
        for method in operations:
            assert f"<code>{method.upper()} {path}</code></h2>" in answer.text
    for name in schema["components"]["schemas"]:
        assert f'<h2 id="{name}">' in answer.text


def test_the_page_loads_nothing_from_elsewhere_and_runs_no_script(service: Live) -> None:
    text = service.http.get("/docs", headers=PAGE).text
    assert "<script" not in text
    assert re.findall(r'(?:src|href)="(?!/|#|data:,)[^"]*"', text) == []
    targets = set(re.findall(r'href="#([^"]+)"', text))
    assert targets <= set(re.findall(r'id="([^"]+)"', text))
    assert len(targets) > 10


def test_fastapis_own_pages_are_gone(service: Live) -> None:
    assert service.http.get("/redoc").status_code == 404


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"$ref": "#/components/schemas/JobDocument"}, "JobDocument"),
        ({"type": "array", "items": {"$ref": "#/components/schemas/A"}}, "list of A"),
        ({"type": "array"}, "list of anything"),
        ({"anyOf": [{"type": "number"}, {"type": "null"}]}, "number or null"),
        ({"oneOf": [{"type": "array", "items": {}}, {}]}, "list of anything or anything"),
        ({"type": "string", "format": "binary"}, "file"),
        ({}, ""),
    ],
)
def test_types_in_words(schema: dict[str, object], kind: str) -> None:
    assert kind_of(schema) == kind


def test_the_example_can_be_pasted() -> None:
    (route,) = routes_of(
        {"paths": {"/predict": PREDICT_OPENAPI}, "components": {"schemas": {}}}, "http://h:1"
    )
    assert route.example.startswith("curl -H 'Content-Type: application/json' -d '{")
    assert route.example.endswith(" http://h:1/predict")
    assert {field.name for field in route.body} == {"model", "version", "inputs"}
