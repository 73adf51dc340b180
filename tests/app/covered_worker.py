"""The worker of an upload, measured by coverage; it is confined as any worker is.

A worker keeps nothing of the server's environment, so that coverage does not reach it by itself. The tests start this
module instead while they are measured. It opens the file for its results before it is confined, as it cannot later;
`python -m tests.app.covered_worker` makes coverage's files of them all.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import coverage

from app import worker

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / ".coverage-workers"
WORKER = "app.worker"


def worker_module() -> str:
    """Return the module that the tests start as the worker."""
    return WORKER if coverage.Coverage.current() is None else __name__


def measured(main: Callable[[], int], job: Path) -> int:
    """Run a worker's main function for a job's folder, and write what of the four rooms it ran.

    It is measured where the tests are, and only there: the folder for the results stands for that.
    """
    if not FOLDER.is_dir():
        return main()
    measuring = coverage.Coverage(
        data_file=None, config_file=REPOSITORY / "pyproject.toml", check_preimported=True
    )
    measuring.set_option("run:patch", [])  # it has no children, and its environment is looked at
    with (FOLDER / job.name).open("wb") as results:
        measuring.start()
        try:
            return main()
        finally:
            measuring.stop()
            results.write(measuring.get_data().dumps())


def collect() -> None:
    """Turn the results of all workers into files that `coverage combine` reads."""
    for number, results in enumerate(sorted(FOLDER.iterdir())):
        content = results.read_bytes()
        if content:  # nothing of a worker that was killed
            data = coverage.CoverageData(basename=str(REPOSITORY / f".coverage.worker{number}"))
            data.loads(content)
            data.write()


if __name__ == "__main__":
    if len(sys.argv) == 1:
        collect()
    else:
        folder = Path(sys.argv[1])
        sys.exit(measured(lambda: worker.main(folder, sys.stdout.buffer), folder))
