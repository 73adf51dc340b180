"""The service as a process of its own, for scripts that mistreat it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import httpx

REPOSITORY = Path(__file__).resolve().parents[2]
DEADLINE_SECONDS = 120.0


class Service:
    """`prunus serve` on a free port of this machine, with its log in a file.

    Attributes:
        http: a client of it.
        data: its data folder.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self.data = folder / "data"
        self._log = folder / "log"
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.http = httpx.Client(
            base_url=f"http://127.0.0.1:{port}", timeout=httpx.Timeout(DEADLINE_SECONDS)
        )
        command = f"{sys.executable} -m app.cli serve --port {port} --data-dir".split()
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, str(self.data)],
                cwd=REPOSITORY,
                env={**os.environ, "PRUNUS_JOB_TUNE_SECONDS": "0.05", **(environment or {})},
                stderr=log,
                stdout=log,
            )

    def __enter__(self) -> "Service":
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the service did not start:\n{self.log()}")
            time.sleep(0.05)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def is_ready(self) -> bool:
        """Whether it answers that it is ready."""
        try:
            return self.http.get("/health/ready").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        """Ask it to end, and wait until it has; kill it where it does not."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(DEADLINE_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.http.close()

    def log(self) -> str:
        """What it has written so far."""
        return self._log.read_text(errors="replace")
