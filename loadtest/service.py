"""A Prunus service started for a measurement: its own process, a free port, a data folder of choice."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
HOST = "127.0.0.1"
READY_TIMEOUT_SECONDS = 60.0
STOP_TIMEOUT_SECONDS = 30.0
POLL_SECONDS = 0.005


class ServiceError(Exception):
    """The service did not start, or refused what the measurement needs."""


@dataclass(frozen=True, slots=True)
class Service:
    """A running service.

    Attributes:
        url: `http://127.0.0.1:port`, without a slash at the end.
        process_id: Of the serving process.
        ready_seconds: From the start of the process to the first 200 of `/health/ready`.
    """

    url: str
    process_id: int
    ready_seconds: float

    def resident_bytes(self) -> int:
        """Return the memory that the process holds now (Linux: VmRSS)."""
        for line in Path(f"/proc/{self.process_id}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise ServiceError(f"process {self.process_id} tells no resident memory")

    def upload(self, name: str, model: Path, wait_seconds: int = 300) -> None:
        """Upload a model file and wait until it is served.

        Raises:
            ServiceError: It was refused or took longer.
        """
        boundary = "prunus-measurement"
        lines = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="name"\r\n\r\n{name}\r\n',
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; '
            f'filename="{model.name}"\r\nContent-Type: application/octet-stream\r\n\r\n',
        ]
        body = "".join(lines).encode() + model.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        status, answer = self.post(f"/models?wait={wait_seconds}", body, headers)
        if status != 201:
            raise ServiceError(f"upload of {model}: expected 201, got {status}: {answer[:500]!r}")

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Send a request; return status and body, whatever the status."""
        request = urllib.request.Request(self.url + path, body, dict(headers))  # noqa: S310  # loopback
        try:
            with urllib.request.urlopen(request, timeout=600) as answer:  # noqa: S310  # loopback
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def is_ready(self) -> bool:
        """Ask `/health/ready` once."""
        try:
            with urllib.request.urlopen(f"{self.url}/health/ready", timeout=5) as answer:  # noqa: S310  # loopback
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def serves(self, model: str) -> bool:
        """Say whether `model` can be asked now."""
        body = json.dumps({"model": model, "inputs": []}).encode()
        status, _ = self.post("/predict", body, {"Content-Type": "application/json"})
        return status not in (404, 409, 503)


def free_port() -> int:
    """Return a TCP port of the loopback address that nobody listens on at the moment."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return int(listener.getsockname()[1])


@contextmanager
def running_service(
    data_folder: Path,
    *arguments: str,
    log: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Service]:
    """Start `prunus serve` on a free port; stop it by SIGTERM at the end.

    Args:
        data_folder: Its models, jobs and object cache.
        arguments: More of the command line, such as `--demo`.
        log: File that gets what the process prints; a file in the data folder's parent by default.
        environment: More variables for the process.

    Raises:
        ServiceError: It ended or was not ready within a minute.
    """
    log = log or data_folder.parent / f"{data_folder.name}.log"
    port = free_port()
    command = [sys.executable, "-m", "app.cli", "serve", "--host", HOST, "--port", str(port)]
    variables = dict(os.environ) | {"PRUNUS_DATA_DIR": str(data_folder)} | dict(environment or {})
    with log.open("ab") as output:
        started = time.monotonic()
        process = subprocess.Popen(  # noqa: S603  # our own program
            [*command, *arguments],
            cwd=REPOSITORY,
            env=variables,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        service = Service(f"http://{HOST}:{port}", process.pid, 0.0)
        while not service.is_ready():
            waited = time.monotonic() - started
            if process.poll() is not None or waited > READY_TIMEOUT_SECONDS:
                raise ServiceError(f"not ready after {waited:.0f} s:\n{log.read_text()[-2000:]}")
            time.sleep(POLL_SECONDS)
        yield Service(service.url, process.pid, time.monotonic() - started)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
