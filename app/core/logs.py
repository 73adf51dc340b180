"""Log lines as text or as JSON, each with the id of the request that it belongs to."""

import json
import logging
import sys
import time
from contextvars import ContextVar
from typing import Literal

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")


class TextFormatter(logging.Formatter):
    """`2026-01-31T12:00:00.123Z INFO app.services.jobs [request] message`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line; what follows on further lines, such as a traceback, is indented."""
        request = REQUEST_ID.get()
        mark = f" [{request}]" if request else ""
        line = f"{_timestamp(record)} {record.levelname} {record.name}{mark} {record.getMessage()}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return _plain(line)


class JsonFormatter(logging.Formatter):
    """One JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        document = {
            "time": _timestamp(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request := REQUEST_ID.get():
            document["request_id"] = request
        if record.exc_info:
            document["traceback"] = self.formatException(record.exc_info)
        return json.dumps(document, ensure_ascii=False)


def configure_logs(form: Literal["text", "json"], level: str) -> None:
    """Send the log of the whole process to standard error; called by the command line only."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)


def _plain(text: str) -> str:
    """Escape control characters: names and paths of clients must neither forge lines nor steer a terminal."""
    lines = text.split("\n")
    return "\n  ".join(
        line
        if line.isprintable()
        else "".join(c if c.isprintable() else repr(c)[1:-1] for c in line)
        for line in lines
    )


def _timestamp(record: logging.LogRecord) -> str:
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    return f"{whole}.{int(record.msecs):03d}Z"
