"""Answers on the short way are what uvicorn writes, byte for byte; whatever is unusual takes uvicorn's own way."""

import asyncio
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from app.cycle import HeldCycle

Message = dict[str, Any]
Fields = list[tuple[bytes, bytes]]
DATE: Fields = [(b"date", b"Sat, 28 Nov 2026 07:00:00 GMT")]


class Wire:
    """Takes what is written."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.sent.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


def written(
    kind: type[RequestResponseCycle],
    messages: list[Message],
    *,
    method: str = "POST",
    keep_alive: bool = True,
    disconnects_after: int | None = None,
) -> tuple[bytes, bool, bool, int, str, bool]:
    """Return bytes, whether the wire was closed and the answer is complete, ends, the error, and keep-alive."""

    async def run() -> tuple[bytes, bool, bool, int, str, bool]:
        wire, ends = Wire(), []
        cycle = kind(
            {"method": method, "path": "/", "type": "http"},  # type: ignore[typeddict-item]
            wire,  # type: ignore[arg-type]
            FlowControl(wire),  # type: ignore[arg-type]
            logging.getLogger("test"),
            logging.getLogger("test"),
            False,
            DATE,
            asyncio.Event(),
            False,
            keep_alive,
            lambda: ends.append(1),
        )
        error = ""
        for number, message in enumerate(messages):
            if number == disconnects_after:
                cycle.disconnected = True
            try:
                await cycle.send(dict(message))  # type: ignore[arg-type]
            except RuntimeError as raised:
                error = str(raised)
                break
        complete, kept = cycle.response_complete, cycle.keep_alive
        return b"".join(wire.sent), wire.closed, complete, len(ends), error, kept

    return asyncio.run(run())


def start(status: int, *headers: tuple[bytes, bytes]) -> Message:
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def body(content: bytes, *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": content, "more_body": more}


fields = st.lists(
    st.sampled_from(
        [
            (b"content-type", b"application/json"),
            (b"Content-Type", b"text/plain"),
            (b"x-request-id", b"abc\tdef"),
            (b"x-unknown", b"1"),
            (b"connection", b"close"),
            (b"connection", b"keep-alive"),
            (b"transfer-encoding", b"chunked"),
            (b"content-length", b"4"),
            (b"content-length", b"0"),
            (b"retry-after", b"1"),
            (b"bad name", b"1"),
            (b"x-prunus-version", b"1\r\nx: y"),
            (b"x-prunus-warning", b"\x00"),
        ]
    ),
    max_size=4,
)
contents = st.lists(
    st.sampled_from([b"", b"four", b"fo", b"ur", bytes(20_000)]), min_size=1, max_size=3
)


@given(
    st.sampled_from([200, 200, 200, 204, 304, 404, 503]),
    fields,
    st.booleans(),
    contents,
    st.sampled_from(["POST", "GET", "HEAD"]),
    st.booleans(),
)
def test_answers_are_written_as_uvicorn_writes_them(
    status: int,
    headers: Fields,
    has_length: bool,
    parts: list[bytes],
    method: str,
    keep_alive: bool,
) -> None:
    if has_length:
        headers = [*headers, (b"content-length", b"%d" % sum(map(len, parts)))]
    more = [body(part, more=number + 1 < len(parts)) for number, part in enumerate(parts)]
    messages = [start(status, *headers), *more]
    ours, theirs = (
        written(kind, messages, method=method, keep_alive=keep_alive)
        for kind in (HeldCycle, RequestResponseCycle)
    )
    if ours[4] and ours[4] == theirs[4]:
        # An answer that breaks off: how much of it was on the way does not matter, but nothing else may be.
        assert theirs[0].startswith(ours[0]) or ours[0].startswith(theirs[0])
        assert ours[1:] == theirs[1:]
    else:
        assert ours == theirs


LENGTH = (b"content-length", b"4")


@pytest.mark.parametrize("kind", [HeldCycle, RequestResponseCycle])
@pytest.mark.parametrize(
    ("messages", "error"),
    [
        ([body(b"four")], "Expected ASGI message 'http.response.start'"),
        ([start(200, LENGTH), start(200, LENGTH)], "Expected ASGI message 'http.response.body'"),
        ([start(200, LENGTH), body(b"fo")], "Response content shorter than Content-Length"),
        ([start(200, LENGTH), body(b"fours")], "Response content longer than Content-Length"),
        ([start(200, LENGTH), body(b"four"), body(b"")], "after response already completed"),
    ],
)
def test_what_an_application_may_not_send_is_an_error(
    kind: type[RequestResponseCycle], messages: list[Message], error: str
) -> None:
    assert error in written(kind, messages)[4]


def test_a_plain_answer_is_one_write() -> None:
    sent: list[bytes] = []

    class Counting(Wire):
        def write(self, data: bytes) -> None:
            sent.append(bytes(data))

    async def run() -> None:
        wire = Counting()
        cycle = HeldCycle(
            {"method": "POST"},  # type: ignore[typeddict-item]
            wire,  # type: ignore[arg-type]
            FlowControl(wire),  # type: ignore[arg-type]
            logging.getLogger("test"),
            logging.getLogger("test"),
            False,
            DATE,
            asyncio.Event(),
            False,
            True,
            lambda: None,
        )
        await cycle.send(start(200, LENGTH))  # type: ignore[arg-type]
        assert cycle.response_started
        assert sent == []
        await cycle.send(body(b"four"))  # type: ignore[arg-type]
        assert cycle.response_complete

    asyncio.run(run())
    assert len(sent) == 1
    assert sent[0].endswith(b"\r\n\r\nfour")


def test_nothing_is_written_to_a_client_that_has_gone() -> None:
    messages = [start(200, LENGTH), body(b"four")]
    assert written(HeldCycle, messages, disconnects_after=0)[0] == b""
    assert written(HeldCycle, messages, disconnects_after=1)[2] is False
