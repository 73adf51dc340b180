"""SIGTERM: what was sent whole is answered, every answer says that the connection closes, the process ends with 0."""

import contextlib
import socket
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.app.live import Process, seed_objects, wait_until

GET = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"

# Long enough for any machine: it ends when the clients have gone.
READ_ON = {"PRUNUS_SHUTDOWN_READ_SECONDS": "60"}


@pytest.fixture
def data(tmp_path: Path, objects: Path) -> Path:
    seed_objects(tmp_path / "data", objects)
    return tmp_path / "data"


def connect(process: Process) -> socket.socket:
    url = urlsplit(str(process.http.base_url))
    return socket.create_connection((url.hostname, url.port), timeout=60)


def answer_of(connection: socket.socket) -> bytes:
    """Return one answer, or what came of it before the connection ended."""
    content = b""
    with contextlib.suppress(ConnectionError):
        while not content.endswith(b"}"):
            part = connection.recv(65536)
            if not part:
                break
            content += part
    return content


def wait_closed(process: Process) -> None:
    """Wait until nobody listens on the port any more."""

    def is_closed() -> bool:
        try:
            connect(process).close()
        except ConnectionRefusedError:
            return True
        return False

    wait_until(is_closed, "the port's end")


def test_requests_on_open_connections_are_answered_after_the_signal(data: Path) -> None:
    with Process(data, READ_ON) as process:
        connections = [connect(process) for _ in range(8)]
        for connection in connections:
            connection.sendall(GET)
            assert answer_of(connection).startswith(b"HTTP/1.1 200")
        process.http.close()  # its connection would be waited for
        process.process.terminate()
        wait_closed(process)
        for connection in connections:
            connection.sendall(GET)
            answer = answer_of(connection)
            connection.close()
            assert answer.startswith(b"HTTP/1.1 200")
            assert b"connection: close" in answer
        assert process.process.wait(60) == 0


def test_a_request_that_is_half_sent_at_the_signal_is_answered(data: Path) -> None:
    with Process(data, READ_ON) as process, connect(process) as connection:
        connection.sendall(GET[:20])
        process.http.close()  # its connection would be waited for
        process.process.terminate()
        wait_closed(process)
        connection.sendall(GET[20:])
        answer = answer_of(connection)
        assert answer.startswith(b"HTTP/1.1 200")
        assert b"connection: close" in answer
        connection.close()
        assert process.process.wait(60) == 0


def test_while_it_drains_new_connections_are_served_and_told_to_close(data: Path) -> None:
    with Process(data, {**READ_ON, "PRUNUS_SHUTDOWN_DRAIN_SECONDS": "3"}) as process:
        process.process.terminate()
        wait_until(lambda: process.http.get("/health/ready").status_code == 503, "the drain time")
        with connect(process) as connection:
            connection.sendall(GET)
            answer = answer_of(connection)
            assert answer.startswith(b"HTTP/1.1 200")
            assert b"connection: close" in answer
        assert process.process.wait(60) == 0


def test_a_second_signal_ends_the_drain_time(data: Path) -> None:
    with Process(data, {"PRUNUS_SHUTDOWN_DRAIN_SECONDS": "3600"}) as process:
        process.process.terminate()
        wait_until(lambda: process.http.get("/health/ready").status_code == 503, "the drain time")
        process.process.terminate()
        assert process.process.wait(60) == 0


def test_clients_under_load_lose_nothing(data: Path) -> None:
    lost: list[bytes] = []
    answered = [0] * 6

    def client(number: int, process: Process) -> None:
        with contextlib.suppress(ConnectionRefusedError):
            while True:
                with connect(process) as connection:
                    while True:
                        connection.sendall(GET)
                        answer = answer_of(connection)
                        if not answer.startswith(b"HTTP/1.1 200"):
                            lost.append(answer)
                            return
                        answered[number] += 1
                        if b"connection: close" in answer:
                            break

    with Process(data, READ_ON) as process:
        threads = [threading.Thread(target=client, args=(n, process)) for n in range(6)]
        for thread in threads:
            thread.start()
        wait_until(lambda: all(answered), "the load")
        process.http.close()  # its connection would be waited for
        process.process.terminate()
        for thread in threads:
            thread.join(60)
        assert process.process.wait(60) == 0
    assert lost == []
