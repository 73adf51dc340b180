"""The script that sends hostile files judges answers by what must come of each."""

from pathlib import Path

import httpx
import pytest

from benchmarks.reliability.hostile_fields import all_fields
from benchmarks.reliability.hostile_files import (
    Attempt,
    Outcome,
    attempts,
    judge,
    left_files,
    section,
)
from tests.hostile.catalog import all_files


def attempt(**what: object) -> Attempt:
    return Attempt("kind", "name", lambda http: http.get("/"), **what)  # type: ignore[arg-type]


def problem(slug: str, status: int = 422, **more: str) -> httpx.Response:
    document = {"type": f"/problems/{slug}", "title": "No", "detail": "It is not.", **more}
    return httpx.Response(status, json=document)


SERVED = httpx.Response(201, json={"name": "m"})


@pytest.mark.parametrize(
    ("what", "answer", "fault"),
    [
        (attempt(slug="zip-bomb"), problem("zip-bomb"), ""),
        (attempt(), problem("invalid-form"), ""),
        (attempt(slug="zip-bomb"), problem("damaged-file"), "problem damaged-file in place of zip-bomb"),
        (attempt(slug="zip-bomb"), SERVED, "was served"),
        (attempt(must_be_served=True), SERVED, ""),
        (attempt(may_be_served=True), SERVED, ""),
        (attempt(may_be_served=True), problem("invalid-form"), ""),
        (attempt(must_be_served=True), problem("zip-bomb"), "was refused: 422"),
        (attempt(), problem("internal", 500), "status 500"),
        (attempt(), httpx.Response(202, json={}), "status 202"),
        (attempt(), httpx.Response(422, text="no"), "no problem document: no"),
        (attempt(), problem("x", detail=""), "no reason"),
    ],
)  # fmt: skip
def test_answers_are_judged(what: Attempt, answer: httpx.Response, fault: str) -> None:
    found = judge(what, answer, [], 0.1).fault
    assert found.startswith(fault)
    assert bool(found) == bool(fault)
    assert judge(what, answer, ["jobs/1/x"], 0.1).fault == "left behind: jobs/1/x"


def test_files_that_are_left_are_found(tmp_path: Path) -> None:
    assert left_files(tmp_path) == []
    (tmp_path / "jobs" / "1").mkdir(parents=True)
    assert left_files(tmp_path) == []
    (tmp_path / "jobs" / "1" / "executed").touch()
    assert left_files(tmp_path) == ["jobs/1/executed"]


def test_there_are_enough_attempts(tmp_path: Path) -> None:
    files, fields = len(all_files()), len(list(all_fields()))
    assert files >= 180
    assert fields >= 80
    # Made one by one, from real contents.
    first = next(attempts(tmp_path))
    assert first.name in all_files()


def test_the_section_names_what_is_wrong() -> None:
    right = Outcome("a", "one", False, 0.5)
    text = section([right, Outcome("a", "two", True, 1.5, "was served")], [])
    assert "**1 came out wrong**:\n\n- a, two: was served" in text
    assert "| a | 2 | 1 | 1 | 1 | 1.5 |" in text
    assert "all came out right" in section([right], [])
    assert "- afterwards: a model is left" in section([right], ["a model is left"])
