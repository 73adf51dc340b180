"""Log lines in both forms."""

import json
import logging
import sys
from collections.abc import Iterator

import pytest

from app.core.logs import REQUEST_ID, JsonFormatter, TextFormatter, configure_logs


def record(*, failed: bool = False) -> logging.LogRecord:
    info = None
    if failed:
        try:
            int("broken")
        except ValueError:
            info = sys.exc_info()
    made = logging.LogRecord("app.x", logging.INFO, "f", 1, "hello %s", ("you",), info)
    made.created, made.msecs = 0.25, 250.0
    return made


@pytest.fixture
def request_id() -> Iterator[str]:
    token = REQUEST_ID.set("abc")
    yield "abc"
    REQUEST_ID.reset(token)


def test_text_lines() -> None:
    assert TextFormatter().format(record()) == "1970-01-01T00:00:00.250Z INFO app.x hello you"


def test_text_lines_name_the_request(request_id: str) -> None:
    assert f"app.x [{request_id}] hello you" in TextFormatter().format(record())


def test_text_lines_end_with_the_traceback() -> None:
    lines = TextFormatter().format(record(failed=True)).splitlines()
    # Indented, so that what a log line holds cannot pass for another line.
    assert lines[-1].startswith("  ValueError: invalid literal")


def test_json_lines(request_id: str) -> None:
    line = JsonFormatter().format(record(failed=True))
    assert "\n" not in line
    document = json.loads(line)
    assert document.pop("traceback").endswith("'broken'")
    assert document == {
        "time": "1970-01-01T00:00:00.250Z",
        "level": "info",
        "logger": "app.x",
        "message": "hello you",
        "request_id": request_id,
    }


def test_the_level_and_form_are_set_for_the_whole_process() -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        configure_logs("json", "warning")
        assert root.level == logging.WARNING
        assert [type(handler.formatter) for handler in root.handlers] == [JsonFormatter]
        configure_logs("text", "debug")
        assert [type(handler.formatter) for handler in root.handlers] == [TextFormatter]
    finally:
        root.handlers[:] = before
        root.setLevel(level)
