"""`prunus tune`: an artifact from elsewhere, tuned on this host."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from app.cli import main
from engine.artifacts.artifact import open_artifact, write_artifact
from engine.compiler import CompileOptions, compile_graph
from engine.core.layers import ValueType
from engine.core.target import Isa, host_target
from engine.execution.runtime import load
from engine.machine_code.object_cache import ObjectCache
from graph.graph import Graph
from graph.reference import run
from tests.app.test_predict import close
from tests.builders import random_inputs


@pytest.fixture
def foreign(small_graph: Graph, objects: Path, tmp_path: Path) -> Path:
    """An artifact that was made for another instruction set."""
    path = tmp_path / "foreign.prunus"
    options = CompileOptions(tune=False)
    model = compile_graph(small_graph, host_target(Isa.GENERIC), options, ObjectCache(objects))
    write_artifact(model, path)
    return path


def tune(objects: Path, *arguments: object) -> Result:
    words = ["tune", *map(str, arguments), "--tune-seconds", "0.05"]
    return CliRunner().invoke(main, words, env={"PRUNUS_CACHE_DIR": str(objects)})


def test_an_artifact_is_tuned_into_another_file(
    foreign: Path, small_graph: Graph, objects: Path, tmp_path: Path
) -> None:
    before, tuned = foreign.read_bytes(), tmp_path / "tuned.prunus"
    done = tune(objects, foreign, "-o", tuned)
    assert done.exit_code == 0, done.output
    assert f"on {host_target().cpu_name}" in done.stdout
    assert [line.split()[0] for line in done.stderr.splitlines()] == ["tune", "pack", "measure"]
    assert foreign.read_bytes() == before
    executable = load(tuned, ObjectCache(objects))
    assert executable.is_tuned_here
    inputs = random_inputs(small_graph, 5)
    found = executable.run({name: np.asarray(array) for name, array in inputs.items()})["y0"]
    assert close(found, run(small_graph, inputs, dtype=np.float64)["y0"])


def test_without_output_the_file_is_replaced(foreign: Path, objects: Path) -> None:
    done = tune(objects, foreign, "--threads", "1", "--values", "bfloat16")
    assert done.exit_code == 0, done.output
    assert "1 thread," in done.stdout
    assert "rounded to bfloat16" in done.stdout
    plan = open_artifact(foreign).model.plan
    assert (plan.tuned, plan.threads, plan.values) == (True, 1, ValueType.BFLOAT16)


def test_what_is_no_artifact_is_one_message(small_file: Path, objects: Path) -> None:
    done = tune(objects, small_file)
    assert done.exit_code == 1
    assert "no Prunus artifact" in done.stderr
    assert "Traceback" not in done.output
