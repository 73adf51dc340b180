"""Clients that send without end, hardly anything or nothing, and clients that do not read.

python -m benchmarks.reliability.slow_clients [--connections 200] [--print-only]

Each attack runs against a service of its own, with a limit of 256 open files where the number of connections is the
attack. Meanwhile an honest client asks for `/health/live` on new connections. The page says how much memory the service
held at most, when the attacker's connections were ended, and what the honest client saw.
"""

import argparse
import contextlib
import os
import resource
import selectors
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.machine import describe_cpu
from benchmarks.page import replace_section, table
from benchmarks.reliability.overload import Probe, quantile
from loadtest.service import REPOSITORY, Service, running_service

NAME = "python -m benchmarks.reliability.slow_clients"
PAGE = REPOSITORY / "docs" / "reliability.md"
GET = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
UPLOAD = (
    b"POST /models HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n"
    b"Content-Type: multipart/form-data; boundary=b\r\n\r\n"
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="m"\r\n\r\n'
)
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"
FEW_FILES = 256


@dataclass(frozen=True, slots=True)
class Attack:
    """What hostile clients do.

    Attributes:
        start: sent at once.
        piece: sent again and again.
        pause_seconds: between two pieces; 0 sends as fast as it goes.
        reads: whether answers are read.
        connections: 0 takes the number that the command names.
        open_files: limit of the service; 0 leaves it as it is.
    """

    name: str
    start: bytes
    piece: bytes = b""
    pause_seconds: float = 0.0
    reads: bool = True
    connections: int = 1
    open_files: int = 0


ATTACKS = (
    Attack("a header field without end", GET + b"X: ", b"a" * 65536),
    Attack("header fields without end", GET, b"A: b\r\n" * 8192),
    Attack("an address without end", b"GET /", b"a" * 65536),
    Attack("trailers without end", CHUNKED + b"0\r\n", b"A: b\r\n" * 8192),
    Attack("a chunk extension without end", CHUNKED + b"1;x=", b"a" * 65536),
    Attack("nothing is sent", b"", connections=0),
    Attack("one header field a second", GET, b"A: b\r\n", 1.0, connections=0),
    Attack(
        "one byte of a body a second", POST + b"Content-Length: 999\r\n\r\n", b" ", 1.0, True, 0
    ),
    Attack("more connections than open files", b"", connections=300, open_files=FEW_FILES),
    Attack("answers are not read", b"", (GET + b"\r\n") * 16, 0.0, False),
    Attack("8 uploads of one byte in 5 s", UPLOAD, b"x", 5.0, connections=8),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attack.

    Attributes:
        sent_bytes: bytes that all hostile clients sent.
        ended: hostile connections that the service had ended when the attack was over.
        last_end_seconds: time after which the last of them was ended.
        grown_bytes: most resident memory beyond that before the attack.
        health: times of the honest client.
        upload_seconds: time after which an honest upload was first let in; None where none was tried.
    """

    attack: Attack
    opened: int
    sent_bytes: int
    ended: int
    last_end_seconds: float
    grown_bytes: int
    health: tuple[float, ...]
    health_failures: int
    upload_seconds: float | None


class Attackers:
    """Hostile clients, driven by one selector."""

    def __init__(self, attack: Attack, connections: int, url: str) -> None:
        self._attack = attack
        self._selector = selectors.DefaultSelector()
        self.sent_bytes = 0
        self.ended: list[float] = []
        self._started = time.monotonic()
        place = urlsplit(url)
        for _ in range(connections):
            one = socket.create_connection((place.hostname, place.port))
            one.setblocking(False)
            self._selector.register(one, selectors.EVENT_READ, 0.0)
            self._send(one, attack.start)

    def work(self) -> None:
        """Send what is due; read what has come."""
        for key in list(self._selector.get_map().values()):
            one = key.fileobj
            if isinstance(one, socket.socket) and time.monotonic() >= key.data:
                due = time.monotonic() + self._attack.pause_seconds
                self._selector.modify(one, selectors.EVENT_READ, due)
                if self._attack.piece:
                    self._send(one, self._attack.piece)
        if not self._selector.get_map():
            time.sleep(0.01)
            return
        for key, _ in self._selector.select(0.01):
            if isinstance(key.fileobj, socket.socket) and self._attack.reads:
                self._read(key.fileobj)

    def close(self) -> None:
        """Close what is still open."""
        for key in list(self._selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                self._selector.unregister(key.fileobj)
                key.fileobj.close()

    @property
    def open(self) -> int:
        """How many connections the service has not ended."""
        return len(self._selector.get_map())

    def _send(self, one: socket.socket, content: bytes) -> None:
        try:
            self.sent_bytes += one.send(content)
        except BlockingIOError:
            pass
        except OSError:
            self._end(one)

    def _read(self, one: socket.socket) -> None:
        try:
            if not one.recv(65536):
                self._end(one)
        except BlockingIOError:
            pass
        except OSError:
            self._end(one)

    def _end(self, one: socket.socket) -> None:
        self.ended.append(time.monotonic() - self._started)
        self._selector.unregister(one)
        one.close()


@contextlib.contextmanager
def limited_files(count: int) -> Iterator[None]:
    """Let processes that are started inside open only so many files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def try_upload(service: Service) -> bool:
    """Upload something that is no model; tell whether it was let in."""
    body = b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\nx\r\n--b--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    return service.post("/models", body, headers)[0] != 503


def run(attack: Attack, connections: int, seconds: float) -> Outcome:
    """Start a service, attack it, look at it."""
    with (
        tempfile.TemporaryDirectory(prefix="prunus-slow-") as name,
        contextlib.ExitStack() as stack,
    ):
        with limited_files(attack.open_files):
            service = stack.enter_context(running_service(Path(name) / "data"))
        before, most = service.resident_bytes(), 0
        upload_seconds: float | None = None
        is_upload = attack.start == UPLOAD
        start = time.monotonic()
        with Probe(service.url) as probe:
            attackers = Attackers(attack, attack.connections or connections, service.url)
            opened = attackers.open + len(attackers.ended)
            next_try = start + 1.0
            while time.monotonic() - start < seconds and attackers.open:
                attackers.work()
                most = max(most, service.resident_bytes() - before)
                if is_upload and upload_seconds is None and time.monotonic() > next_try:
                    next_try += 1.0
                    if try_upload(service):
                        upload_seconds = time.monotonic() - start
            most = max(most, service.resident_bytes() - before)
        attackers.close()
    ended = attackers.ended
    return Outcome(
        attack,
        opened,
        attackers.sent_bytes,
        len(ended),
        max(ended, default=0.0),
        most,
        tuple(probe.seconds),
        probe.failures,
        upload_seconds,
    )


def section(outcomes: list[Outcome], command: str) -> str:
    """Return the text for the page."""
    rows = [
        (
            one.attack.name,
            f"{one.opened}",
            f"{one.sent_bytes / 2**20:,.1f}",
            f"{one.ended}",
            f"{one.last_end_seconds:.1f}" if one.ended else "-",
            f"{one.grown_bytes / 2**20:,.1f}",
            f"{quantile(one.health, 0.99) * 1e3:,.0f}",
            f"{one.health_failures}",
            "-" if one.upload_seconds is None else f"{one.upload_seconds:.0f} s",
        )
        for one in outcomes
    ]
    header = ("attack", "connections", "MiB sent", "ended by the service", "the last after s")
    header += ("memory grew by MiB", "health p99 ms", "health failed", "another upload after")
    return f"""*MiB sent* is what the attackers' kernel took, buffers on the way included. *Health* is `GET /health/live` on a new
connection, asked by another process meanwhile. In the last attack an honest upload is tried every second.

{table(header, rows)}

{describe_cpu()}, {os.cpu_count()} cores, {date.today():%d %B %Y}, `{command}`."""


def main() -> None:
    """Attack, print, and write the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=200, help="of the attacks by number")
    parser.add_argument("--seconds", type=float, default=45.0, help="longest time of one attack")
    parser.add_argument("--only", default="", help="attacks whose name has this text")
    parser.add_argument("--print-only", action="store_true", help="leave the page as it is")
    options = parser.parse_args()
    outcomes = []
    for attack in ATTACKS:
        if options.only in attack.name:
            outcomes.append(run(attack, options.connections, options.seconds))
            print(f"{attack.name}: done", file=sys.stderr, flush=True)
    text = section(outcomes, f"{NAME} --connections {options.connections}")
    print(text)
    if not options.print_only and not options.only:
        replace_section(PAGE, NAME, text)


if __name__ == "__main__":
    main()
