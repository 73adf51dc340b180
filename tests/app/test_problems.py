"""Every error of every room has a status and a page."""

import importlib
import pkgutil
import re
import tomllib

from markupsafe import escape

import app
import engine
import graph
import pruning
from app.core.advice import ADVICE
from app.core.problems import PROBLEMS, Problem
from app.core.settings import Settings
from app.core.version import VERSION
from graph.errors import PrunusError
from tests.app.live import Live
from tests.conftest import REPOSITORY


def all_errors() -> set[type[PrunusError]]:
    for room in (app, engine, graph, pruning):
        for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
            if module.name.endswith("errors"):
                importlib.import_module(module.name)
    found: set[type[PrunusError]] = set()
    waiting: list[type[PrunusError]] = [PrunusError]
    while waiting:
        error = waiting.pop()
        found.add(error)
        waiting.extend(error.__subclasses__())
    return {error for error in found if not error.__module__.startswith("tests")}


def test_every_slug_of_every_room_is_in_the_table_and_the_other_way_round() -> None:
    slugs = {error.slug for error in all_errors()}
    assert len(slugs) > 50
    assert slugs == set(PROBLEMS)


def test_statuses_are_errors_and_texts_are_sentences() -> None:
    for slug, kind in PROBLEMS.items():
        assert 400 <= kind.status < 600, slug
        assert kind.text.endswith("."), slug


def test_each_kind_of_problem_has_a_document(service: Live) -> None:
    for slug, kind in PROBLEMS.items():
        document = service.http.get(f"/problems/{slug}").json()
        advice = ADVICE[slug]
        assert document == {
            "type": f"/problems/{slug}",
            "status": kind.status,
            "text": kind.text,
            "cure": advice.cure,
            "example": advice.example,
        }
    assert service.http.get("/problems/nothing").status_code == 404


def test_each_kind_of_problem_has_a_page_for_browsers(service: Live) -> None:
    accept = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
    for slug, kind in PROBLEMS.items():
        answer = service.http.get(f"/problems/{slug}", headers=accept)
        assert answer.headers["content-type"].startswith("text/html")
        for part in (slug, kind.text, ADVICE[slug].cure, ADVICE[slug].example):
            assert str(escape(part)) in answer.text
    misspelt = service.http.get("/problems/wrong-shapes").json()
    assert misspelt["hint"] == "did you mean 'wrong-shape'?"


def test_there_is_advice_for_each_kind_of_problem_and_for_no_other() -> None:
    assert set(ADVICE) == set(PROBLEMS)
    for slug, advice in ADVICE.items():
        assert advice.cure.endswith("."), slug
        assert advice.example.strip() == advice.example != "", slug


def test_advice_names_only_settings_that_there_are() -> None:
    settings = {f"PRUNUS_{name.upper()}" for name in Settings.model_fields} | {"PRUNUS_ISA"}
    for slug, advice in ADVICE.items():
        named = set(re.findall(r"PRUNUS_[A-Z_]+", advice.cure + advice.example))
        assert named <= settings, slug


def test_a_problem_survives_being_stored() -> None:
    error = PrunusError("it broke", expected="this", got="that", hint="do it again")
    problem = Problem.of(error)
    assert Problem.from_record(problem.to_record()) == problem


def test_a_problem_from_outside_with_an_unknown_slug_is_ours() -> None:
    problem = Problem.from_record({"slug": "made-up", "title": 3, "detail": ["x"]})
    assert problem.slug == "internal-error"
    assert problem.status == 500


def test_problems_name_the_request_and_keep_its_id(service: Live) -> None:
    answer = service.http.get("/models/nobody", headers={"X-Request-ID": "my-id.1"})
    assert answer.json()["request_id"] == answer.headers["x-request-id"] == "my-id.1"
    other = service.http.get("/models/nobody", headers={"X-Request-ID": "no good id"})
    assert other.json()["request_id"] != "no good id"


def test_the_version_is_the_projects() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert project["version"] == VERSION


def test_every_problem_is_documented() -> None:
    text = (REPOSITORY / "docs" / "http-api.md").read_text()
    for slug, kind in PROBLEMS.items():
        assert f"| `{slug}` | {kind.status} |" in text, slug
