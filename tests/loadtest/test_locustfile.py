"""The locustfile in a process of its own (gevent patches whatever imports it) against a small server."""

import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.conftest import REPOSITORY


class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    status = 200
    seen: Counter[tuple[str, str]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        kind = "npy" if body.startswith(b"\x93NUMPY") else "JSON"
        self.seen[self.path, kind] += 1
        # The twentieth request of a failing server fails, so that there is something to divide by.
        status = self.status if sum(self.seen.values()) % 20 == 0 else 200
        self.send_response(status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def server(status: int) -> Iterator[tuple[str, Counter[tuple[str, str]]]]:
    seen: Counter[tuple[str, str]] = Counter()
    handler = type("Handler", (Answers,), {"status": status, "seen": seen})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        httpd.daemon_threads = True
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{httpd.server_port}", seen
        finally:
            httpd.shutdown()
            thread.join()


def run_locust(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    short = ["--rate", "40", "--seconds", "3", "--warm-up-seconds", "1"]
    # This machine may be busy: here the limits on time are not what is tested.
    lenient = ["--max-p95-milliseconds", "5000", "--max-p99-milliseconds", "5000"]
    return subprocess.run(
        [sys.executable, "-m", "loadtest.run", "--url", url, *short, *lenient, *arguments],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_healthy_service_passes_and_gets_both_kinds_of_requests() -> None:
    with server(200) as (url, seen):
        done = run_locust(url, "--min-rate-ratio", "0.5")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASSED all thresholds" in done.stdout
    assert set(seen) == {("/predict?model=digits", "npy"), ("/predict", "JSON")}


def test_failed_requests_fail_the_run() -> None:
    with server(503) as (url, _):
        done = run_locust(url, "--min-rate-ratio", "0.1")
    assert done.returncode == 1
    assert "FAILED failure ratio: expected at most 0, got" in done.stdout


def test_a_rate_that_is_not_reached_fails_the_run() -> None:
    with server(200) as (url, _):
        # 40 requests a second cannot be 10,000 % of 40.
        done = run_locust(url, "--min-rate-ratio", "100", "--binary-share", "0")
    assert done.returncode == 1
    assert "FAILED rate: expected at least 10000%" in done.stdout
