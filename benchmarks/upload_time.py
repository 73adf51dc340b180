"""How long a large model takes from the upload over HTTP until it answers, by stage, and the most memory of a process.

    python -m benchmarks.upload_time [MODEL] [--network 0]

Without MODEL it is a network of `benchmarks.images.cases`, by number, with random weights: 0 is ResNet-50 with 90 %
zeros. The service is started for it, with an empty data folder and its own defaults (tuning included), and the default
recipe. The seconds are wall-clock time: measure on a machine that does nothing else. Peak memory is the kernel's own
high-water mark of resident memory (VmHWM), read while the processes live; files that are mapped count.
"""

import argparse
import tempfile
import threading
import time
from pathlib import Path

from app.core.settings import Settings
from benchmarks.images.cases import CASES
from benchmarks.images.network import random_network
from benchmarks.images.prunus_graph import build_graph
from benchmarks.reliability.service import Service
from graph.keras.export import write_keras

_WAIT_SECONDS = 1200
_PAUSE_SECONDS = 0.05


class _Peaks:
    """The most resident memory of a process and of its descendants, in KiB by the command's first words."""

    def __init__(self, process: int) -> None:
        self.kibibytes: dict[str, int] = {}
        self._process = process
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def stop(self) -> None:
        """End watching."""
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(_PAUSE_SECONDS):
            pending = [self._process]
            while pending:
                process = pending.pop()
                try:
                    self._note(process)
                    pending += _children(process)
                except OSError:  # it has ended
                    continue

    def _note(self, process: int) -> None:
        words = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
        name = next((word.decode() for word in words if word.startswith(b"app.")), "other")
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                self.kibibytes[name] = max(self.kibibytes.get(name, 0), int(line.split()[1]))


def _children(process: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{process}/task").iterdir():
        found += [int(word) for word in (task / "children").read_text().split()]
    return found


def main() -> None:
    """Upload, wait and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", type=Path, nargs="?")
    parser.add_argument("--network", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = arguments.model or _made(Path(folder) / "model.keras", arguments.network)
        environment = {"PRUNUS_JOB_TUNE_SECONDS": str(Settings().job_tune_seconds)}
        with Service(Path(folder), environment) as service:
            peaks = _Peaks(service.process.pid)
            try:
                _upload(service, model)
            finally:
                peaks.stop()
            for name, size in sorted(peaks.kibibytes.items()):
                print(f"peak of {name}: {size / 1024:,.0f} MiB")


def _made(path: Path, number: int) -> Path:
    case = CASES[number]
    write_keras(build_graph(random_network(case.description, case.sparsity, 1)), path)
    print(f"{case.description.name}, {case.sparsity:.0%} zeros: {path.stat().st_size:,} bytes")
    return path


def _upload(service: Service, model: Path) -> None:
    started = time.monotonic()
    with model.open("rb") as file:
        answer = service.http.post("/models", data={"name": "large"}, files={"file": file})
    place = answer.headers["location"]
    while (job := service.http.get(place).json())["state"] not in {"done", "failed", "cancelled"}:
        if time.monotonic() - started > _WAIT_SECONDS:
            raise TimeoutError(f"not ready after {_WAIT_SECONDS} s")
        time.sleep(_PAUSE_SECONDS)
    seconds = time.monotonic() - started
    print(f"{job['state']} after {seconds:.1f} s", job.get("error") or "")
    for timing in job["stages"]:
        print(f"  {timing['stage']}: {timing['seconds']:.1f} s")
    if job["state"] == "done":
        summary = service.http.get("/models/large/versions/1").json()["summary"]
        print(f"artifact: {summary['artifact_bytes']:,} bytes")


if __name__ == "__main__":
    main()
