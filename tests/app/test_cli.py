"""`prunus prune | inspect | predict | bench`, through click's runner."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from app.cli import main
from engine.artifacts.artifact import open_artifact
from graph.graph import Graph
from graph.keras.read import read_model
from graph.reference import run
from tests.app.test_predict import close
from tests.builders import random_inputs
from tests.graph.keras.handmade import DENSE, dense_config, write_legacy

Prunus = Callable[..., Result]


@pytest.fixture
def prunus(objects: Path) -> Prunus:
    def invoke(*arguments: object) -> Result:
        environment = {"PRUNUS_CACHE_DIR": str(objects)}
        return CliRunner().invoke(main, [str(a) for a in arguments], env=environment)

    return invoke


@pytest.fixture(scope="module")
def inputs_file(small_graph: Graph, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("inputs") / "x.npy"
    np.save(path, random_inputs(small_graph, 3)["x"])
    return path


@pytest.fixture(scope="module")
def artifact(objects: Path, small_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("artifact") / "small.prunus"
    arguments = ["prune", str(small_file), "--artifact", str(path), "--tune-seconds", "0.05"]
    done = CliRunner().invoke(main, arguments, env={"PRUNUS_CACHE_DIR": str(objects)})
    assert done.exit_code == 0, done.output
    return path


def wanted(graph: Graph, inputs: Path) -> np.ndarray:
    return run(graph, {"x": np.load(inputs)}, dtype=np.float64)["y0"]


def test_prune_writes_model_artifact_and_report(
    prunus: Prunus, small_graph: Graph, small_file: Path, inputs_file: Path, tmp_path: Path
) -> None:
    keras, artifact, report = (tmp_path / name for name in ("p.keras", "p.prunus", "r.json"))
    done = prunus(
        *("prune", small_file, "-o", keras, "--artifact", artifact, "--report", report),
        *("--tune-seconds", "0.05"),
    )
    assert done.exit_code == 0, done.output
    assert done.stdout == ""
    assert "compile ..." in done.stderr
    expected = wanted(small_graph, inputs_file)
    found = run(read_model(keras).graph, {"x": np.load(inputs_file)}, dtype=np.float64)["y0"]
    assert close(found, expected)
    assert open_artifact(artifact).size_bytes == artifact.stat().st_size
    assert json.loads(report.read_text())["totals"]["weights_before"] == 6 * 8 + 8 * 3


def test_prune_writes_a_file_for_keras2_by_its_ending(
    prunus: Prunus, small_file: Path, tmp_path: Path
) -> None:
    old = write_legacy(tmp_path / "old.h5", dense_config(), DENSE)
    done = prunus("prune", old, "-o", tmp_path / "p.h5", "--tune-seconds", "0.05")
    assert done.exit_code == 0, done.output
    assert read_model(tmp_path / "p.h5").keras_version == "2.15.0"
    done = prunus("prune", small_file, "-o", tmp_path / "q.h5", "--tune-seconds", "0.05")
    assert done.exit_code == 1
    assert "made of models of Keras 1 and 2" in done.output
    assert not (tmp_path / "q.h5").exists()


@pytest.mark.parametrize("arguments", [(), ("--report", "-")])
def test_prune_prints_the_report(
    prunus: Prunus, small_file: Path, arguments: tuple[str, ...]
) -> None:
    done = prunus("prune", small_file, "--tune-seconds", "0.05", *arguments)
    assert done.stdout.startswith("# small: pruning report")
    assert not Path("-").exists()


@pytest.mark.parametrize("as_file", [False, True])
def test_prune_takes_a_recipe_as_text_or_file(
    prunus: Prunus, small_file: Path, tmp_path: Path, as_file: bool
) -> None:
    recipe = '{"mode": "magnitude", "sparsity": 0.5}'
    (tmp_path / "recipe.json").write_text(recipe)
    given = tmp_path / "recipe.json" if as_file else recipe
    report = tmp_path / "r.json"
    done = prunus(
        "prune", small_file, "--recipe", given, "--report", report, "--tune-seconds", "0.05"
    )
    assert done.exit_code == 0, done.output
    assert json.loads(report.read_text())["recipe"]["mode"] == "magnitude"


def test_inspect_shows_graph_and_weights_of_a_model(prunus: Prunus, small_file: Path) -> None:
    done = prunus("inspect", small_file)
    assert done.exit_code == 0
    assert "Dense(units=8" in done.stdout
    assert "below 1e-15" in done.stdout
    document = json.loads(prunus("inspect", "--json", small_file).stdout)
    kernel = next(one for one in document["weights"] if one["shape"] == [6, 8])
    assert kernel["count"] == 48
    assert 0.2 < kernel["zero_share"] < 0.8
    assert kernel["near_zero_share"] == kernel["zero_share"]


def test_inspect_shows_the_kernels_of_an_artifact(prunus: Prunus, artifact: Path) -> None:
    done = prunus("inspect", artifact)
    assert done.exit_code == 0
    assert "f32_" in done.stdout
    document = json.loads(prunus("inspect", "--json", artifact).stdout)
    assert [layer["units"] for layer in document["layers"]] == [8, 3]


def test_predict_runs_models_and_artifacts(
    prunus: Prunus, small_graph: Graph, small_file: Path, artifact: Path, inputs_file: Path
) -> None:
    for model in (small_file, artifact):
        done = prunus("predict", model, inputs_file)
        assert done.exit_code == 0, done.output
        assert close(json.loads(done.stdout)["outputs"], wanted(small_graph, inputs_file))


@pytest.mark.parametrize("ending", ["npy", "npz", "json"])
def test_predict_reads_and_writes_every_form(
    prunus: Prunus,
    small_graph: Graph,
    artifact: Path,
    inputs_file: Path,
    tmp_path: Path,
    ending: str,
) -> None:
    values = np.load(inputs_file)
    given, output = tmp_path / f"in.{ending}", tmp_path / f"out.{ending}"
    if ending == "npy":
        np.save(given, values)
    elif ending == "npz":
        np.savez(given, x=values)
    else:
        given.write_text(json.dumps({"inputs": values.tolist()}))
    done = prunus("predict", artifact, given, "-o", output)
    assert done.exit_code == 0, done.output
    if ending == "json":
        found = json.loads(output.read_text())["outputs"]
    elif ending == "npz":
        with np.load(output) as loaded:
            found = loaded["y0"]
    else:
        found = np.load(output)
    assert close(found, wanted(small_graph, inputs_file))


@pytest.mark.parametrize("command", ["prune", "inspect", "bench"])
def test_what_is_no_model_is_one_message_and_status_1(
    prunus: Prunus, tmp_path: Path, command: str
) -> None:
    path = tmp_path / "x.keras"
    path.write_text("no model")
    done = prunus(command, path)
    assert done.exit_code == 1
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith("prunus: The file is not a Keras model")
    assert "Traceback" not in done.output


def test_wrong_inputs_are_one_message_and_status_1(
    prunus: Prunus, artifact: Path, tmp_path: Path
) -> None:
    np.save(tmp_path / "x.npy", np.zeros((2, 5), np.float32))
    (tmp_path / "x.txt").write_text("1 2 3")
    for name, message in (("x.npy", "wrong shape"), ("x.txt", "unknown kind")):
        done = prunus("predict", artifact, tmp_path / name)
        assert done.exit_code == 1
        assert message in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["bench", "MODEL", "--batch", "0"],
        ["bench", "MODEL", "--batch", "many"],
        ["prune", "MODEL", "--labels", "MODEL"],
        ["prune", "/nonexistent.keras"],
        ["serve", "--port", "70000"],
        ["fly"],
    ],
)
def test_wrong_usage_is_status_2(prunus: Prunus, small_file: Path, arguments: list[str]) -> None:
    done = prunus(*(small_file if part == "MODEL" else part for part in arguments))
    assert done.exit_code == 2
    assert "Traceback" not in done.output


@pytest.mark.parametrize("command", ["serve", "prune", "tune", "inspect", "predict", "bench"])
def test_every_command_explains_itself(prunus: Prunus, command: str) -> None:
    done = prunus(command, "--help")
    assert done.exit_code == 0
    assert done.stdout.startswith("Usage: ")
