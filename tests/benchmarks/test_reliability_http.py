"""The pure parts of the scripts that overload, slow down and stop the service."""

import asyncio

import pytest

from benchmarks.reliability import overload, sigterm, slow_clients
from benchmarks.reliability.http_client import Connection, LostError, Request, read_head


def test_heads_are_read() -> None:
    status, fields = read_head(b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nX: a:b")
    assert (status, fields) == (503, {"retry-after": "1", "x": "a:b"})


def test_requests_say_how_long_they_are() -> None:
    content = Request.post("/predict", "text/plain", b"four").content
    assert content.endswith(b"Content-Length: 4\r\n\r\nfour")
    assert Request.get("/x").content.startswith(b"GET /x HTTP/1.1\r\n")


class Wire(asyncio.Transport):
    """Swallows what is sent."""

    def write(self, data: object) -> None:
        pass


def test_an_answer_is_taken_in_pieces_and_a_lost_one_is_told() -> None:
    async def steps() -> tuple[int, bool, bool]:
        connection = Connection()
        connection.connection_made(Wire())
        asking = asyncio.ensure_future(connection.ask(Request.get("/")))
        await asyncio.sleep(0)
        for piece in (b"HTTP/1.1 200 OK\r\ncontent-le", b"ngth: 2\r\n\r\n", b"o", b"k"):
            connection.data_received(piece)
        first = await asking
        asking = asyncio.ensure_future(connection.ask(Request.get("/")))
        await asyncio.sleep(0)
        connection.data_received(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no")
        connection.connection_lost(None)
        with pytest.raises(LostError):
            await asking
        return first.status, first.closes, connection.is_open

    assert asyncio.run(steps()) == (200, False, False)


def cells(text: str, header: str) -> list[str]:
    """Return the cells of the first row under a header."""
    lines = text.splitlines()
    row = lines[lines.index(next(line for line in lines if header in line)) + 2]
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_the_section_on_stops_adds_up() -> None:
    rounds = [sigterm.Round(10, 0, 0, 0, 1.0, 0), sigterm.Round(20, 1, 2, 3, 3.0, -15)]
    row = cells(sigterm.section({"none": rounds}, 4, "command"), "drain time")
    assert row == ["none", "2", "30", "2", "3", "2.00", "3.00", "-15, 0"]


def test_the_section_on_overload_compares_with_the_peak() -> None:
    outcome = overload.Outcome(200.0, 90.0, 0.5, 0, [0.1] * 99 + [0.3])
    line = overload.Line("a load", 100.0, outcome, [0.001, 0.02], 0, 2**20)
    row = cells(overload.section([line], "command"), "goodput/s")
    assert row[:7] == ["a load", "100", "200", "90", "90%", "50%", "0"]
    assert row[-2:] == ["0", "1"]
    assert overload.quantile([], 0.5) == 0.0


def test_the_section_on_slow_clients_says_when_they_were_ended() -> None:
    attack = slow_clients.ATTACKS[0]
    outcome = slow_clients.Outcome(attack, 8, 2**20, 8, 9.96, 2**21, (0.002,), 0, 11.2)
    row = cells(slow_clients.section([outcome], "command"), "ended by the service")
    assert row == [attack.name, "8", "1.0", "8", "10.0", "2.0", "2", "0", "11 s"]
