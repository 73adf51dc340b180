"""`make load`: run the load test headless against a service, or against one that this starts.

python -m loadtest.run [--url URL] [options of loadtest/locustfile.py]
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from loadtest.service import REPOSITORY, Service, ServiceError, running_service

LOCUSTFILE = REPOSITORY / "loadtest" / "locustfile.py"
DEMO_MODEL = "digits"
DEMO_TIMEOUT_SECONDS = 120.0


def run_locust(url: str, arguments: Sequence[str], output: Path | None = None) -> int:
    """Run locust without its web page; return its exit code, 0 if all thresholds held.

    Args:
        url: The service.
        arguments: Options of the locustfile and of locust.
        output: File that gets what locust prints; this process' own output by default.
    """
    command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--host", url]
    command += ["--only-summary", *arguments]
    with nullcontext() if output is None else output.open("ab") as log:
        return subprocess.run(  # noqa: S603  # our own program
            command, cwd=REPOSITORY, check=False, stdout=log, stderr=log
        ).returncode


def wait_for_demo(service: Service) -> None:
    """Wait until the demo model answers.

    Raises:
        ServiceError: It took more than two minutes.
    """
    deadline = time.monotonic() + DEMO_TIMEOUT_SECONDS
    while not service.serves(DEMO_MODEL):
        if time.monotonic() > deadline:
            raise ServiceError(f"model '{DEMO_MODEL}' was not served within two minutes")
        time.sleep(0.1)


def main() -> None:
    """Find or start the service, then load it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="a running service; without it one is started with the demo")
    known, arguments = parser.parse_known_args()
    if known.url:
        sys.exit(run_locust(known.url.rstrip("/"), arguments))
    with (
        tempfile.TemporaryDirectory(prefix="prunus-load-") as folder,
        running_service(Path(folder) / "data", "--demo") as service,
    ):
        wait_for_demo(service)
        code = run_locust(service.url, arguments)
    sys.exit(code)


if __name__ == "__main__":
    main()
