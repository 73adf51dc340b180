"""One request and its answer, as uvicorn keeps them, with a shorter way for the answers that nearly all are.

uvicorn looks through the name and the value of each field of an answer's head by two regular expressions and writes
head and body apart, which costs as much as all bounds on connections together. Here a head whose fields are all known,
with a length and no word about the connection, is joined from lines that were checked once and waits for its body.
Everything else takes uvicorn's own way.
"""

from functools import lru_cache
from typing import cast
from urllib.parse import unquote

import httptools
from uvicorn._types import ASGISendEvent, HTTPResponseBodyEvent, HTTPResponseStartEvent
from uvicorn.protocols.http.httptools_impl import (
    HEADER_VALUE_RE,
    STATUS_LINE,
    RequestResponseCycle,
)

_LENGTH, _REQUEST_ID = b"content-length", b"x-request-id"
# Fields that say nothing of the connection or of how the body is written. Others take uvicorn's way.
_PLAIN_FIELDS = frozenset(
    {
        _LENGTH,
        b"content-type",
        b"date",
        b"retry-after",
        b"x-content-type-options",
        b"x-prunus-version",
        b"x-prunus-warning",
        _REQUEST_ID,
    }
)
_JOINED_MAX_BYTES = 16 * 1024
# Targets of requests up to this length are taken apart once.
_REMEMBERED_MAX_BYTES = 256


class HeldCycle(RequestResponseCycle):
    """A request whose answer's head waits for its body where it is a plain one."""

    _held_head = b""

    async def send(self, message: ASGISendEvent) -> None:
        """Write a part of the answer.

        Raises:
            RuntimeError: the application sends what cannot be sent now, or another number of bytes than it said.
        """
        if not self.response_started:
            if message["type"] == "http.response.start" and self._hold(message):
                return
        elif self._held_head:
            if self._finish(cast(HTTPResponseBodyEvent, message)):
                return
            self.transport.write(self._held_head)
            self._held_head = b""
        await super().send(message)

    def _hold(self, message: HTTPResponseStartEvent) -> bool:
        """Keep the head of a plain answer; tell whether it is one."""
        status = message["status"]
        is_plain = self.keep_alive and not self.disconnected and not self.access_log
        if not is_plain or self.scope["method"] == "HEAD" or status < 200 or status in {204, 304}:
            return False
        parts, length = [STATUS_LINE[status]], None
        for field in (*self.default_headers, *message.get("headers", ())):
            # An id is sent once: nothing is gained by keeping its line.
            line = _line(field) if field[0] != _REQUEST_ID else _new_line(field)
            if line is None:
                return False
            parts.append(line)
            if field[0] == _LENGTH:
                if length is not None:
                    return False
                length = field[1]
        if length is None:
            return False
        parts.append(b"\r\n")
        self.expected_content_length = int(length)
        self.chunked_encoding = False
        self.response_started = True
        self.waiting_for_100_continue = False
        self._held_head = b"".join(parts)
        return True

    def _finish(self, message: HTTPResponseBodyEvent) -> bool:
        """Write a held head with the whole body; tell whether the message is the whole body."""
        body = message.get("body", b"")
        if (
            message["type"] != "http.response.body"
            or message.get("more_body", False)
            or len(body) != self.expected_content_length
            or self.disconnected
            or self.flow.write_paused
        ):
            return False
        head, self._held_head = self._held_head, b""
        if len(body) > _JOINED_MAX_BYTES:
            self.transport.write(head)
            self.transport.write(body)
        else:
            self.transport.write(head + body)
        self.expected_content_length = 0
        self.response_complete = True
        self.message_event.set()
        self.on_response()
        return True


def _new_line(field: tuple[bytes, bytes]) -> bytes | None:
    """Return a field as a line of a head; None where uvicorn should decide."""
    name, value = field
    if name not in _PLAIN_FIELDS or not (value.isalnum() or not HEADER_VALUE_RE.search(value)):
        return None
    return b"%b: %b\r\n" % field


_line = lru_cache(maxsize=256)(_new_line)


def target_parts(target: bytes) -> tuple[str, bytes, bytes]:
    """Return path, path as it was sent and query of a request's target.

    Raises:
        httptools.HttpParserInvalidURLError: it is none.
    """
    return _remembered_parts(target) if len(target) <= _REMEMBERED_MAX_BYTES else _parts(target)


def _parts(target: bytes) -> tuple[str, bytes, bytes]:
    parsed = httptools.parse_url(target)
    raw: bytes = parsed.path
    path = raw.decode("ascii")
    return unquote(path) if "%" in path else path, raw, parsed.query or b""


_remembered_parts = lru_cache(maxsize=256)(_parts)
