"""Model files that people published: each read, pruned, compiled and run by Prunus, and compared with Keras.

    python -m benchmarks.real_files FOLDER [--only TEXT]

FOLDER holds the files as OWNER+NAME/PATH; tests/data/real_files.json lists them, and gets what came of each: it is a
table of docs/layers.md (`make layers-page`). Files that are not in FOLDER keep what is known of them. The files are not
part of this repository, as their licences differ.

Prunus takes the default recipe, kernels chosen by estimate, inputs of the usual size where they vary; Keras is asked in
a process of its own (`benchmarks.real_files_oracle`).
"""

import argparse
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from engine.artifacts.artifact import artifact_bytes, parse_artifact
from engine.compiler import CompileOptions, compile_graph
from engine.core.target import host_target
from engine.execution.runtime import load
from engine.machine_code.object_cache import ObjectCache
from graph.errors import PrunusError
from graph.graph import Graph
from graph.model_files.read import read_model_file
from graph.sizes import at_sizes, is_varying, usual_sizes
from pruning.probe import probe_sets
from pruning.recipe_parser import parse_recipe
from pruning.varying import prune_any

LIST = Path(__file__).parents[1] / "tests" / "data" / "real_files.json"
_SECONDS = 240
_SAMPLES = 3
# Largest difference by the output's scale that counts as equal; recurrences add up rounding.
_EQUAL = 1e-4

Arrays = dict[str, np.ndarray[Any, np.dtype[Any]]]


@dataclass(frozen=True, slots=True)
class RealFile:
    """A file, and what came of it.

    Attributes:
        repository: owner and name on GitHub.
        path: in the repository.
        commit: of the repository.
        keras: version that wrote the file.
        layers: classes of its layers.
        result: `equal`, `differs`, `refused`, `read` where no Keras computes it, or `` where it was not tried.
        detail: the library that was compared with and the largest difference; or the reason.
    """

    repository: str
    path: str
    commit: str
    keras: str
    layers: str
    result: str = ""
    detail: str = ""

    def under(self, folder: Path) -> Path:
        """Return where the file is."""
        return folder / self.repository.replace("/", "+") / self.path


def read_list() -> list[RealFile]:
    """Return the files, with what is known of them."""
    return [RealFile(**one) for one in json.loads(LIST.read_text())]


def tried(file: RealFile, path: Path) -> RealFile:
    """Return the file with what came of it."""
    try:
        graph, inputs, outputs = _answers(path)
    except PrunusError as error:
        return replace(file, result="refused", detail=_line(error.message))
    library, wanted = _asked(path, [inputs[one.name] for one in graph.inputs])
    if wanted is None:
        return replace(file, result="read", detail=f"no Keras loads it: {_line(library)}")
    own = [outputs[one.name] for one in graph.outputs]
    if [one.shape for one in own] != [one.shape for one in wanted]:
        shapes = f"{[one.shape for one in own]} instead of {[one.shape for one in wanted]}"
        return replace(file, result="differs", detail=f"{library}: shapes {shapes}")
    difference = max(_difference(*pair) for pair in zip(own, wanted, strict=True))
    result = "equal" if difference <= _EQUAL else "differs"
    return replace(file, result=result, detail=f"{library}, {difference:.1e} of the scale")


def _answers(path: Path) -> tuple[Graph, Arrays, Arrays]:
    """Return the graph that was read, inputs, and what Prunus answers."""
    graph = read_model_file(path).graph
    if is_varying(graph):
        graph = at_sizes(graph, usual_sizes(graph)[0])
    pruned = prune_any(graph, parse_recipe({}))
    cache, target = ObjectCache(), host_target()
    model = compile_graph(pruned.graph, target, CompileOptions(tune=False, threads=1), cache)
    executable = load(parse_artifact(artifact_bytes(model)), cache, target)
    normal = next(one for one in probe_sets(graph, {}) if one.name == "normal")
    inputs = {name: array[:_SAMPLES] for name, array in normal.inputs.items()}
    return graph, inputs, executable.run(inputs)


def _asked(
    path: Path, inputs: Sequence[np.ndarray[Any, np.dtype[Any]]]
) -> tuple[str, list[np.ndarray[Any, np.dtype[Any]]] | None]:
    """Return the library that computed and its outputs; None and the reason where none did."""
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder) / "inputs.npz", Path(folder) / "outputs.npz"
        np.savez(given, **{str(number): array for number, array in enumerate(inputs)})
        command = [sys.executable, "-m", "benchmarks.real_files_oracle", path, given, found]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS)
        except subprocess.TimeoutExpired:
            return f"more than {_SECONDS} s", None
        if done.returncode or not found.exists():
            return _reason(done), None
        with np.load(found) as file:
            count = len(file.files) - 1
            return str(file["library"]), [file[str(number)] for number in range(count)]


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    if done.returncode < 0:
        return f"ended by {signal.Signals(-done.returncode).name}"
    return done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "no output"


def _difference(own: Any, wanted: Any) -> float:
    if not np.array_equal(np.isnan(own), np.isnan(wanted)):
        return float("inf")
    scale = max(float(np.nanmax(np.abs(wanted), initial=0.0)), 1e-30)
    return float(np.nanmax(np.abs(own.astype(np.float64) - wanted), initial=0.0)) / scale


def _line(text: str) -> str:
    """Return a text on one line, short enough for a table."""
    return " ".join(text.replace("|", "/").split())[:160]


def table(files: Sequence[RealFile]) -> list[str]:
    """Return the lines of a table for docs/layers.md."""
    known = [file for file in files if file.result]
    counts: Mapping[str, int] = {
        word: sum(file.result == word for file in known)
        for word in ("equal", "differs", "refused", "read")
    }
    said = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    lines = [
        f"{len(known)} files were tried: {said}.",
        "",
        "| file | Keras | layers | result | beside |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {file.repository}: {file.path} | {file.keras} | {file.layers} | {file.result} | {file.detail} |"
        for file in known
    ]
    return lines


def main() -> None:
    """Try what is there."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="part of the repository or path")
    arguments = parser.parse_args()
    files = read_list()
    for number, file in enumerate(files):
        path = file.under(arguments.folder)
        if not path.exists() or arguments.only not in f"{file.repository}/{file.path}":
            continue
        files[number] = tried(file, path)
        print(file.repository, file.path, files[number].result, files[number].detail, flush=True)
        LIST.write_text(json.dumps([asdict(one) for one in files], indent=1) + "\n")


if __name__ == "__main__":
    main()
