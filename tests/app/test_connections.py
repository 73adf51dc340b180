"""What a client may send before its request is known, and how long it may keep the server waiting."""

import asyncio
import contextlib
import json
import re
import socket
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from app.connections import ConnectionLimits, Connections, default_max_connections
from app.core.connection_errors import HeadError
from app.core.settings import Settings
from app.protocol import HEAD_MAX_BYTES, HEAD_MAX_FIELDS
from app.turnstile import PROBES
from tests.app.live import Live, live, wait_until

Make = Callable[..., Settings]
GET = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = (
    b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
# More than all buffers on the way hold: whoever takes this takes anything.
ENDLESS_BYTES = 32 * 1024 * 1024


def connect(service: Live) -> socket.socket:
    url = urlsplit(str(service.http.base_url))
    return socket.create_connection((url.hostname, url.port), timeout=30)


def received(connection: socket.socket) -> bytes:
    """Return all that comes until the connection ends."""
    content = b""
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(65536):
            content += part
    return content


def flood(service: Live, start: bytes, piece: bytes) -> tuple[int, bytes]:
    """Send `start`, then `piece` again and again; return how many bytes went and what came back."""
    sent = 0
    many = piece * (65536 // len(piece))
    with connect(service) as connection:
        connection.sendall(start)
        try:
            while sent < ENDLESS_BYTES:
                connection.sendall(many)
                sent += len(many)
        except ConnectionError:
            pass
        return sent, received(connection)


@pytest.mark.parametrize(
    ("start", "piece", "status"),
    [
        (GET + b"X: ", b"a", 431),
        (GET, b"X", 431),
        (GET, b"A: b\r\n", 431),
        (b"GET /", b"a", 414),
        (b"GET /?", b"a=b&", 414),
        (b"", b"\r\n", 431),
        (CHUNKED + b"1;x=", b"a", 431),
        (CHUNKED + b"2\r\n{}\r\n0\r\n", b"A: b\r\n", 431),
        (CHUNKED + b"2\r\n{}\r\n0\r\nX: ", b"a", 431),
    ],
    ids=["value", "name", "fields", "path", "query", "lines", "extension", "trailers", "trailer"],
)
def test_a_head_without_end_is_refused(
    service: Live, start: bytes, piece: bytes, status: int
) -> None:
    sent, answer = flood(service, start, piece)
    assert sent < ENDLESS_BYTES
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"connection: close" in answer
    assert b"/problems/" in answer


def test_heads_up_to_the_limits_are_read(service: Live) -> None:
    fields = b"".join(b"X-%d: a\r\n" % n for n in range(HEAD_MAX_FIELDS - 2))
    long = b"X: " + b"a" * (HEAD_MAX_BYTES - len(GET) - len(fields) - 100) + b"\r\n"
    with connect(service) as connection:
        connection.sendall(GET + fields + long + b"\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")


def test_a_head_over_the_limit_is_refused_also_when_it_comes_at_once(service: Live) -> None:
    with connect(service) as connection:
        connection.sendall(GET + b"X: " + b"a" * (2 * HEAD_MAX_BYTES) + b"\r\n\r\n")
        assert received(connection).startswith(b"HTTP/1.1 431")


def test_trailers_are_dropped(service: Live) -> None:
    with connect(service) as connection:
        trailers = b"2\r\n{}\r\n0\r\nHost: evil.example\r\nX-Request-ID: fake\r\n\r\n"
        connection.sendall(CHUNKED + trailers + GET + b"Connection: close\r\n\r\n")
        answers = received(connection)
    assert answers.startswith(b"HTTP/1.1 422")
    assert b"fake" not in answers
    assert answers.count(b"HTTP/1.1 200") == 1


def test_what_is_no_http_is_a_problem_too(service: Live) -> None:
    with connect(service) as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00")
        answer = received(connection)
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"/problems/malformed-request" in answer
    text = service.http.get("/metrics").text
    assert 'route="(connection)"' in text


def test_requests_before_an_error_are_answered(service: Live) -> None:
    with connect(service) as connection:
        connection.sendall(GET + b"\r\n" + GET + b"\r\n" + b"nonsense\r\n\r\n")
        answers = received(connection)
    assert answers.count(b"HTTP/1.1 200") == 2
    assert answers.count(b"HTTP/1.1 ") == 2
    assert answers.count(b"connection: close") == 1


def test_the_answer_to_a_body_that_breaks_off_is_an_error(service: Live) -> None:
    with connect(service) as connection:
        connection.sendall(CHUNKED + b"2\r\n{}\r\nnonsense\r\n")
        answer = received(connection)
    assert answer.startswith(b"HTTP/1.1 400")
    assert answer.count(b"HTTP/1.1 ") == 1


def test_a_pipeline_is_bounded_and_its_last_answer_says_so(service: Live) -> None:
    with connect(service) as connection:
        connection.sendall((GET + b"\r\n") * 1000)
        answers = received(connection)
    count = answers.count(b"HTTP/1.1 200")
    assert 64 <= count < 1000
    assert answers.count(b"connection: close") == 1
    assert b"connection: close" in answers.split(b"HTTP/1.1 200")[-1]


def test_a_body_after_its_answer_does_not_disturb_the_next_request(service: Live) -> None:
    body = b" " * 200_000
    post = b"POST /nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body)
    with connect(service) as connection:
        connection.sendall(post)
        assert connection.recv(65536).startswith(b"HTTP/1.1 404")
        connection.sendall(body + GET + b"Connection: close\r\n\r\n")
        assert received(connection).startswith(b"HTTP/1.1 200")


@pytest.fixture
def impatient(make_settings: Make) -> Iterator[Live]:
    with live(make_settings(head_timeout_seconds=0.3, keep_alive_seconds=0.3)) as service:
        yield service


def test_a_head_that_does_not_come_in_time_is_given_up(impatient: Live) -> None:
    with connect(impatient) as connection:
        connection.sendall(GET)
        answer = received(connection)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"PRUNUS_HEAD_TIMEOUT_SECONDS" in answer


@pytest.mark.parametrize("start", [b"", b"\r\n", GET + b"\r\n"], ids=["silent", "line", "idle"])
def test_idle_connections_end(impatient: Live, start: bytes) -> None:
    with connect(impatient) as connection:
        connection.sendall(start)
        answer = received(connection)
    assert answer.startswith(b"HTTP/1.1 200") if start == GET + b"\r\n" else answer == b""


def test_the_rest_of_a_body_that_is_answered_has_the_time_of_a_head(impatient: Live) -> None:
    with connect(impatient) as connection:
        connection.sendall(
            b"POST /nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n"
        )
        answer = received(connection)
    assert answer.startswith(b"HTTP/1.1 404")
    assert answer.count(b"HTTP/1.1 ") == 1


def test_a_client_that_does_not_take_its_answer_is_given_up(make_settings: Make) -> None:
    with live(make_settings(write_timeout_seconds=0.3)) as service, connect(service) as connection:
        connections = len(service.server.connections.all)
        # The answers are larger than all buffers between the two together.
        path = b"/openapi.json"
        request = b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with contextlib.suppress(ConnectionError):
            for _ in range(20_000):
                connection.sendall(request)
        wait_until(lambda: len(service.server.connections.all) < connections, "its end")


@pytest.fixture
def overrun(service: Live, monkeypatch: pytest.MonkeyPatch) -> Live:
    """Whoever asks for anything but a probe has waited too long for its turn."""
    turnstile = service.server._factory.args[1]
    monkeypatch.setattr(turnstile, "passes", lambda scope: scope["path"] in PROBES)
    monkeypatch.setattr(turnstile, "_queue_max_seconds", -1.0)
    return service


@pytest.mark.parametrize("method", ["HEAD", "GET", "POST"])
def test_after_a_refusal_the_connection_goes_on(overrun: Live, method: str) -> None:
    address = urlsplit(str(overrun.http.base_url)).netloc
    with contextlib.closing(HTTPConnection(address, timeout=30)) as client:
        client.connect()
        first = client.sock
        for _ in range(2):
            content = b"{}" if method == "POST" else None
            client.request(method, "/models", content, {"X-Request-ID": "mine"})
            answer = client.getresponse()
            body = answer.read()
            assert answer.status == 503
            assert int(answer.headers["Retry-After"]) >= 1
            assert answer.headers["Connection"] == "keep-alive"
            assert answer.headers["X-Request-ID"] == "mine"
            assert int(answer.headers["Content-Length"]) > 100
            if method == "HEAD":
                assert body == b""
            else:
                problem = json.loads(body)
                assert problem["type"] == "/problems/overloaded"
                assert problem["request_id"] == "mine"
        client.request("GET", "/health/live")
        answer = client.getresponse()
        assert (answer.status, json.loads(answer.read())["status"]) == (200, "live")
        assert client.sock is first


def test_refusals_in_a_pipeline_are_whole_and_the_last_one_closes(overrun: Live) -> None:
    head = GET.replace(b"GET /health/live", b"HEAD /models")
    last = head + b"X-Request-ID: a b\r\nConnection: close\r\n\r\n"
    with connect(overrun) as connection:
        connection.sendall(head + b"\r\n" + GET + b"\r\n" + last)
        answers = received(connection).split(b"HTTP/1.1 ")[1:]
    assert [answer[:3] for answer in answers] == [b"503", b"200", b"503"]
    assert answers[0].endswith(b"\r\n\r\n")
    assert answers[2].endswith(b"\r\n\r\n")
    assert [b"connection: close" in answer for answer in answers] == [False, False, True]
    ids = [re.findall(rb"x-request-id: (\w+)\r\n", answer)[0] for answer in answers]
    assert len(set(ids)) == 3


@pytest.mark.parametrize("start", [b"nonsense\r\n\r\n", GET + b"X: " + b"a" * 70_000])
def test_what_never_became_a_request_gets_an_id_too(service: Live, start: bytes) -> None:
    with connect(service) as connection:
        connection.sendall(start)
        answer = received(connection)
    (given,) = re.findall(rb"x-request-id: (\w+)\r\n", answer)
    assert b'"request_id":"' + given + b'"' in answer


class Lingerer:
    """A connection that is told to end and takes its time."""

    def __init__(self) -> None:
        self.ends = 0

    def end(self) -> None:
        self.ends += 1

    def end_overdue(self, error: HeadError) -> None:
        raise AssertionError(error)

    def unsent_bytes(self) -> int:
        return 0

    def close_after_answer(self) -> None:
        raise AssertionError


def test_of_too_many_that_linger_each_is_ended_once_the_longest_first() -> None:
    async def linger() -> None:
        limits = ConnectionLimits(1000, 60.0, 60.0, 60.0)
        connections = Connections(limits, lambda _: None)
        lingerers = [Lingerer() for _ in range(200)]
        for number, each in enumerate(lingerers):
            connections.linger(each, float(number))
        assert len(connections.lingering) == 128
        assert [each.ends for each in lingerers] == [1] * 72 + [0] * 128

    asyncio.run(linger())


def test_the_lag_of_the_event_loop_is_shown(service: Live) -> None:
    text = service.http.get("/metrics").text
    (lag,) = re.findall(r"^prunus_event_loop_lag_seconds (.+)$", text, re.MULTILINE)
    assert float(lag) >= 0


@pytest.mark.parametrize(
    ("descriptors", "connections"), [(20, 16), (256, 128), (1024, 768), (10**6, 4096)]
)
def test_connections_leave_room_for_files(descriptors: int, connections: int) -> None:
    assert default_max_connections(descriptors) == connections


def test_the_longest_idle_connection_yields_to_a_new_one(make_settings: Make) -> None:
    with live(make_settings(connections_max=3)) as service:
        service.http.close()
        wait_until(lambda: not service.server.connections.all, "the end of the test's own")
        first, second, third = (connect(service) for _ in range(3))
        for one in (second, first, third):
            one.sendall(GET + b"\r\n")
            assert one.recv(65536).startswith(b"HTTP/1.1 200")
        with connect(service) as fourth:
            fourth.sendall(GET + b"\r\n")
            assert fourth.recv(65536).startswith(b"HTTP/1.1 200")
            assert received(second) == b""
            first.sendall(GET + b"\r\n")
            assert first.recv(65536).startswith(b"HTTP/1.1 200")
        for one in (first, second, third):
            one.close()


def test_where_all_connections_are_busy_a_new_one_is_turned_away(make_settings: Make) -> None:
    with live(make_settings(connections_max=1)) as service:
        service.http.close()
        wait_until(lambda: not service.server.connections.all, "the end of the test's own")
        with connect(service) as busy:
            busy.sendall(CHUNKED)
            connections = service.server.connections
            wait_until(lambda: connections.all and not connections.heads, "the request")
            with connect(service) as other:
                answer = received(other)
            assert answer.startswith(b"HTTP/1.1 503")
            assert b"/problems/too-many-connections" in answer
            assert b"retry-after: 1" in answer
