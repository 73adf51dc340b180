"""The worker of an upload, measured by coverage: it may write what was measured, and is confined in all else.

A worker keeps nothing of the server's environment, so that coverage does not reach it by itself. The tests start this
module instead while they are measured.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import coverage

from app import worker

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / ".coverage-workers"
WORKER = "app.worker"


def worker_module() -> str:
    """Return the module that the tests start as the worker."""
    return WORKER if coverage.Coverage.current() is None else __name__


def measured(main: Callable[[], int]) -> int:
    """Run a worker's main function and write what of the four rooms it ran.

    It runs where the tests are measured, and only there: the folder for the results stands for that.
    """
    if not FOLDER.is_dir():
        return main()
    measuring = coverage.Coverage(
        data_file=FOLDER / ".coverage",
        data_suffix=True,
        config_file=REPOSITORY / "pyproject.toml",
        check_preimported=True,
    )
    measuring.set_option("run:patch", [])  # it has no children, and its environment is looked at
    measuring.start()
    confine = worker.confine

    def confine_but_for_results(*arguments: Any, **named: Any) -> Any:
        limits, parent, write, *rest = arguments
        return confine(limits, parent, [*write, FOLDER], *rest, **named)

    worker.confine = confine_but_for_results  # type: ignore[assignment]
    try:
        return main()
    finally:
        measuring.stop()
        measuring.save()


if __name__ == "__main__":
    sys.exit(measured(lambda: worker.main(Path(sys.argv[1]), sys.stdout.buffer)))
