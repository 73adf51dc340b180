"""A model in two files on the command line."""

import zipfile
from pathlib import Path

import orjson
from click.testing import CliRunner

from app.cli import main
from graph.keras.read import read_model
from tests.app.conftest import DIGITS


def halves(folder: Path) -> tuple[str, str]:
    with zipfile.ZipFile(DIGITS) as archive:
        for name in ("config.json", "model.weights.h5"):
            archive.extract(name, folder)
    return str(folder / "config.json"), str(folder / "model.weights.h5")


def test_prune_and_inspect_take_the_weights_as_a_file_of_their_own(tmp_path: Path) -> None:
    architecture, weights = halves(tmp_path)
    shown = CliRunner().invoke(main, ["inspect", architecture, "--weights", weights, "--json"])
    assert shown.exit_code == 0, shown.output
    whole = CliRunner().invoke(main, ["inspect", str(DIGITS), "--json"])
    assert orjson.loads(shown.output)["weights"] == orjson.loads(whole.output)["weights"]
    output = tmp_path / "out.keras"
    command = ["prune", architecture, "--weights", weights, "-o", str(output)]
    done = CliRunner().invoke(
        main, [*command, "--tune-seconds", "0.05", "--cache-dir", str(tmp_path / "cache")]
    )
    assert done.exit_code == 0, done.output
    assert read_model(output).graph.inputs == read_model(DIGITS).graph.inputs


def test_an_architecture_alone_is_refused_with_what_to_do(tmp_path: Path) -> None:
    architecture, _ = halves(tmp_path)
    done = CliRunner().invoke(main, ["prune", architecture, "-o", str(tmp_path / "out.keras")])
    assert done.exit_code == 1
    assert "the part weights" in done.output
