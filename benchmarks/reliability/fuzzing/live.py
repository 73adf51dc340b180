"""A running service: raw requests over a socket, and changed model files sent as uploads."""

import random
import socket
from pathlib import Path

from benchmarks.reliability.fuzzing.target import Target
from benchmarks.reliability.service import REPOSITORY, Service
from tests.hostile.mutations import changed, with_changed_entry

# An answer to whatever a client sends comes within this time, or not at all.
ANSWER_SECONDS = 20.0
_MOMENT_SECONDS = 0.5
_ALIVE_EVERY = 20
_BODY = b'{"model": "digits", "inputs": [[' + b", ".join([b"0.5"] * 64) + b"]]}"
_HEADS = (
    b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n",
    b"POST /models HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: %d\r\n\r\n",
    b"PUT /models/digits HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nX-Length: %d\r\n\r\n",
)  # fmt: skip
_LINES = (
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
    b"GET /models/digits/versions/1 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAccept: text/html\r\n\r\n",
    b"GET /jobs?limit=5 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
    b"DELETE /models/nothing HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
    b"OPTIONS * HTTP/1.0\r\n\r\n",
)
_UPLOAD_SHARE = 0.03


class ServiceFaultError(Exception):
    """The service answered with an error of its own, did not answer, or is gone."""


def live(folder: Path) -> Target:
    """A service with the demo model."""
    digits = (REPOSITORY / "app" / "demo" / "digits.keras").read_bytes()
    service = Service(folder)
    service.__enter__()
    answer = service.http.post(
        "/models",
        params={"wait": 60},
        data={"name": "digits"},
        files={"file": ("digits.keras", digits)},
    )
    answer.raise_for_status()
    form = _form(digits)
    seen = 0

    def make(rng: random.Random) -> bytes:
        if rng.random() < _UPLOAD_SHARE:
            entry = rng.choice(["config.json", "model.weights.h5", "metadata.json"])
            return b"U" + with_changed_entry(digits, entry, rng)
        if rng.random() < 0.3:
            return b"R" + changed(rng.choice(_LINES), rng)
        body = rng.choice([_BODY, _BODY, form[:2000], b"5\r\nhello\r\n0\r\n\r\n"])
        return b"R" + changed(rng.choice(_HEADS) % len(body) + body, rng)

    def attempt(case: bytes) -> bool:
        nonlocal seen
        seen += 1
        accepted = _upload(service, case[1:]) if case[:1] == b"U" else _send(service, case[1:])
        if seen % _ALIVE_EVERY == 0 and (
            service.process.poll() is not None or not service.is_ready()
        ):
            raise ServiceFaultError(f"the service is not ready:\n{service.log()[-3000:]}")
        return accepted

    return Target("live", make, attempt, service.stop)


def _form(content: bytes) -> bytes:
    part = b'--b\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
    return (
        part % (b"name", b"", b"fuzz")
        + part % (b"file", b'; filename="m.keras"', content)
        + b"--b--\r\n"
    )


def _upload(service: Service, content: bytes) -> bool:
    answer = service.http.post(
        "/models", params={"wait": 60}, data={"name": "fuzz"}, files={"file": ("m", content)}
    )
    _check_status(answer.status_code, answer.content)
    return answer.status_code == 201


def _send(service: Service, request: bytes) -> bool:
    """Send bytes and read what comes; whether the first answer is a success.

    Where nothing comes for a moment, the request may be incomplete: then the service hears that this was all.
    """
    url = service.http.base_url
    with socket.create_connection((url.host, url.port or 80), ANSWER_SECONDS) as connection:
        answer = bytearray()
        try:
            connection.sendall(request)
            connection.settimeout(_MOMENT_SECONDS)
            try:
                _read(connection, answer)
            except TimeoutError:
                connection.shutdown(socket.SHUT_WR)
                connection.settimeout(ANSWER_SECONDS)
                _read(connection, answer)
        except (ConnectionResetError, BrokenPipeError):
            return False
        except TimeoutError as error:
            raise ServiceFaultError(f"no end within {ANSWER_SECONDS} s") from error
    if not answer:
        return False
    status = answer[:13].split(b" ")[1:2]
    if not answer.startswith(b"HTTP/1.") or not status or not status[0].isdigit():
        raise ServiceFaultError(f"no HTTP answer: {bytes(answer[:200])!r}")
    _check_status(int(status[0]), bytes(answer))
    return status[0].startswith(b"2")


def _read(connection: socket.socket, answer: bytearray) -> None:
    """Add all that comes until the service closes the connection."""
    while part := connection.recv(65536):
        answer += part


def _check_status(status: int, answer: bytes) -> None:
    # 501 and 505 say what of HTTP the service does not speak; 503 and 507 are refusals with a reason.
    if status >= 500 and status not in (501, 503, 505, 507):
        raise ServiceFaultError(f"status {status}: {answer[:500]!r}")
