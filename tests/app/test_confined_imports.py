"""A confined process finds the rooms also where they only lie in a folder, as in the image, and are not installed."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.conftest import REPOSITORY

CODE = """
import os, sys
from pathlib import Path
from app.sandbox.confine import Limits, confine
limits = Limits(
    memory_max_bytes=2**33, cpu_max_seconds=60, file_max_bytes=2**20, open_files_max=64, threads_max=16,
    sandbox_required=False,
)
confine(limits, os.getppid(), Path(sys.argv[1]))
import app.pipeline, graph.keras.read, pruning.prune, engine.compiler
print(Path(pruning.prune.__file__).parents[1])
"""


def test_rooms_that_are_not_installed_are_found_after_confinement(tmp_path: Path) -> None:
    source, job = tmp_path / "source", tmp_path / "job"
    job.mkdir()
    for room in ("app", "graph", "pruning", "engine"):
        shutil.copytree(
            REPOSITORY / room, source / room, ignore=shutil.ignore_patterns("__pycache__")
        )
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(job)],
        cwd=job,
        env={"PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == str(source), done.stderr[-2000:]
