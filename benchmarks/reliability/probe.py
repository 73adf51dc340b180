"""Asks for `/health/live` on new connections until standard input says stop; prints times and failures as JSON.

A process of its own, so that what it measures does not wait for the process that makes the load.
"""

import json
import select
import socket
import sys
import time
from urllib.parse import urlsplit

PERIOD_SECONDS = 0.02
TIMEOUT_SECONDS = 30.0


def ask(host: str, port: int) -> float:
    """Return how long one question takes, from connecting to the end of the answer."""
    start = time.perf_counter()
    with socket.create_connection((host, port), timeout=TIMEOUT_SECONDS) as connection:
        connection.sendall(
            b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        content = b""
        while part := connection.recv(65536):
            content += part
    if not content.startswith(b"HTTP/1.1 200"):
        raise ConnectionError(f"/health/live answered {content[:80]!r}")
    return time.perf_counter() - start


def main() -> None:
    """Ask until told to stop."""
    place = urlsplit(sys.argv[1])
    times: list[float] = []
    failures = 0
    while not select.select([sys.stdin], [], [], PERIOD_SECONDS)[0]:
        try:
            times.append(ask(place.hostname or "", place.port or 80))
        except OSError:
            failures += 1
    print(json.dumps({"seconds": times, "failures": failures}))


if __name__ == "__main__":
    main()
