"""The service for tests: the real application on a real socket, in a thread or in a process of its own."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from app.core.settings import Settings
from app.main import create_app
from app.server import GracefulServer
from app.services.storage import KERNELS_FOLDER
from tests.app.covered_worker import worker_module
from tests.conftest import REPOSITORY

# A machine may be ten times as busy as one would think; nothing waits so long where all is well.
DEADLINE_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Live:
    """A running service."""

    http: httpx.Client
    data: Path
    app: FastAPI
    server: GracefulServer

    def upload(
        self, path: Path, name: str, *, wait: float = 300.0, **fields: str
    ) -> httpx.Response:
        with path.open("rb") as file:
            return self.http.post(
                "/models",
                params={"wait": wait} if wait else None,
                data={"name": name, **fields},
                files={"file": (path.name, file)},
            )

    def predict(self, **body: Any) -> httpx.Response:
        return self.http.post("/predict", json=body)


@contextlib.contextmanager
def live(settings: Settings, module: str | None = None) -> Iterator[Live]:
    """Run the service in a thread until the block ends."""
    app = create_app(settings, worker_module=module or worker_module())
    server = GracefulServer(app, settings)
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        with httpx.Client(base_url=url, timeout=DEADLINE_SECONDS) as http:
            wait_ready(http)
            yield Live(http, settings.data_dir, app, server)
    finally:
        server.should_exit = True
        thread.join(DEADLINE_SECONDS)
        listener.close()
        assert not thread.is_alive(), "the service did not stop"


def wait_ready(http: httpx.Client) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            if http.get("/health/ready").status_code == 200:
                return
        time.sleep(0.01)
    raise AssertionError("the service did not get ready")


def wait_until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"this never came: {what}"
        time.sleep(0.01)


def wait_for_job(http: httpx.Client, job_id: str, *, stage: str = "", state: str = "") -> Any:
    """Return the job when it is in the stage or state."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    job: Any = None
    while time.monotonic() < deadline:
        job = http.get(f"/jobs/{job_id}").json()
        if (stage and job["stage"] == stage) or (state and job["state"] == state):
            return job
        assert not job["finished_at"], f"the job ended as {job}"
        time.sleep(0.01)
    raise AssertionError(f"the job did not get there: {job}")


def seed_objects(data: Path, objects: Path) -> None:
    """Give a data folder the kernels that earlier tests have compiled."""
    data.mkdir(parents=True, exist_ok=True)
    shutil.copytree(objects, data / KERNELS_FOLDER, dirs_exist_ok=True)
    (data / KERNELS_FOLDER).chmod(0o700)


class Process:
    """`prunus serve` as a process of its own, which a test can kill."""

    def __init__(self, data: Path, environment: Mapping[str, str] | None = None) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.started = time.monotonic()
        # A file, not a pipe: nobody reads while the test goes on, and a server that cannot log stands still.
        self._said = ""
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed in `finish`
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "serve", "--port", str(port), "--data-dir", data],
            cwd=REPOSITORY,
            env={**os.environ, "PRUNUS_JOB_TUNE_SECONDS": "0.05", **(environment or {})},
            stderr=self._log,
        )
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=DEADLINE_SECONDS)

    def __enter__(self) -> "Process":
        wait_ready(self.http)
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.finish()

    def kill(self) -> None:
        self.process.kill()
        self.finish()

    def finish(self) -> str:
        """Wait for the end, and return what it logged."""
        self.http.close()
        self.process.wait(DEADLINE_SECONDS)
        if not self._log.closed:
            self._log.seek(0)
            self._said = self._log.read()
            self._log.close()
        return self._said

    def workers(self) -> list[int]:
        """Process ids of the worker processes."""
        children = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return [int(pid) for path in children for pid in path.read_text().split()]
