"""Writes that are held back until the end of a turn: in order, once, and never lost."""

import asyncio
import socket
from urllib.parse import urlsplit

import pytest

from app.transport import HeldWrites, TurnEnd
from tests.app.live import Live


class Wire(asyncio.Transport):
    """Notes what is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.closed = False

    def writelines(self, list_of_data: object) -> None:
        assert isinstance(list_of_data, list)
        self.sent.append(b"".join(list_of_data))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


def after_turns(*pieces: bytes | None) -> Wire:
    """Write pieces in one turn of an event loop; None closes."""

    async def turns() -> Wire:
        wire = Wire()
        transport = HeldWrites(wire, {1, 2}, TurnEnd(asyncio.get_running_loop()))
        for piece in pieces:
            if piece is None:
                transport.close()
            else:
                transport.write(piece)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return wire

    return asyncio.run(turns())


def test_what_is_written_in_one_turn_is_sent_at_once() -> None:
    assert after_turns(b"head", b"body").sent == [b"headbody"]


HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"
STREAM = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("pieces", "sent"),
    [
        ([HEAD, b"body"], [HEAD + b"body"]),
        ([HEAD, b"bo", b"dy"], [HEAD + b"bo", b"dy"]),
        ([HEAD, memoryview(b"bo"), memoryview(b"dy")], [HEAD + b"bo", b"dy"]),
        ([STREAM, b"4\r\nbody\r\n"], [STREAM, b"4\r\nbody\r\n"]),
        ([b"HTTP/1.1 100 Continue\r\n\r\n"], [b"HTTP/1.1 100 Continue\r\n\r\n"]),
        ([HEAD], []),
    ],
)
def test_an_answer_that_is_alone_waits_for_no_turn(
    pieces: list[bytes | memoryview], sent: list[bytes]
) -> None:
    async def turn() -> tuple[list[bytes], list[bytes]]:
        wire = Wire()
        transport = HeldWrites(wire, {1}, TurnEnd(asyncio.get_running_loop()))
        for piece in pieces:
            transport.write(piece)
        before = list(wire.sent)
        transport.finish()
        return before, wire.sent

    before, after = asyncio.run(turn())
    assert before == sent
    assert b"".join(after) == b"".join(pieces)


def test_large_pieces_do_not_wait() -> None:
    large = bytes(100_000)
    assert after_turns(b"head", large, b"tail").sent == [b"head" + large, b"tail"]


def test_closing_sends_what_was_held() -> None:
    wire = after_turns(b"head", b"body", None)
    assert wire.sent == [b"headbody"]
    assert wire.closed


def test_nothing_is_written_to_a_connection_that_has_gone() -> None:
    async def turn() -> Wire:
        wire = Wire()
        transport = HeldWrites(wire, {1, 2}, TurnEnd(asyncio.get_running_loop()))
        transport.write(b"head")
        wire.closed = True
        await asyncio.sleep(0)
        assert transport.is_closing()
        return wire

    assert asyncio.run(turn()).sent == []


def test_other_methods_are_the_transports_own() -> None:
    async def made() -> object:
        return HeldWrites(Wire(), {1, 2}, TurnEnd(asyncio.get_running_loop())).get_extra_info(
            "peername", "nobody"
        )

    assert asyncio.run(made()) == "nobody"


def test_requests_in_a_pipeline_are_answered_in_order(service: Live) -> None:
    url = urlsplit(str(service.http.base_url))
    paths = ["/health/live", "/problems/overloaded", "/nothing", "/health/live"]
    request = "".join(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n" for path in paths[:-1])
    last = f"GET {paths[-1]} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    content = b""
    with socket.create_connection((url.hostname, url.port), timeout=20) as connection:
        connection.sendall((request + last).encode())
        while part := connection.recv(65536):
            content += part
    answers = content.split(b"HTTP/1.1 ")[1:]
    assert [answer[:3] for answer in answers] == [b"200", b"200", b"404", b"200"]
    assert b"overloaded" in answers[1]
    assert b"/problems/not-found" in answers[2]
