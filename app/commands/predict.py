"""`prunus predict`: run a model or an artifact on a file of inputs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt

from app.commands.console import FILE, OUTPUT, cache_option, refusals_as_messages
from app.commands.sources import compiled_from, object_cache
from app.core.errors import InvalidRequestError
from app.services.array_files import NpzBody, decode_npy, encode_npy, encode_npz
from app.services.codecs import decode_json, encode_json
from app.services.tensors import Signature
from engine.artifacts.artifact import Artifact
from engine.execution.runtime import load
from graph.input_names import by_input_name

INPUT_MAX_BYTES = 2 * 1024**3
Arrays = Mapping[str, npt.NDArray[Any]]


@click.command(short_help="Run a model or an artifact on a file of inputs.")
@click.argument("model", type=FILE)
@click.argument("inputs", type=FILE)
@click.option("-o", "--output", type=OUTPUT, help="Write a .npy, .npz or .json file.")
@click.option("--allow-nonfinite", is_flag=True, help="Accept weights that are NaN or infinite.")
@cache_option
@refusals_as_messages
def predict(
    model: Path, inputs: Path, output: Path | None, *, allow_nonfinite: bool, cache_dir: Path
) -> None:
    """Run MODEL, a Keras file or an artifact, on INPUTS: a .npy, .npz or .json file.

    A .json file is the body of a request: {"inputs": ...}. Without --output the answer is
    printed as JSON.
    """
    cache = object_cache(cache_dir)
    compiled = compiled_from(model, cache, allow_nonfinite=allow_nonfinite)
    executable = load(Artifact(compiled, 0), cache)
    signature = Signature(executable.inputs, executable.outputs)
    given = _read_inputs(inputs, list(signature.by_name))
    outputs = executable.run(signature.arrays(given, has_text=True))
    bare = not isinstance(given, Mapping)
    if output is None:
        click.echo(encode_json(executable.name, 1, outputs, bare=bare).decode())
    else:
        output.write_bytes(_encode(output, executable.name, outputs, bare=bare))


def _read_inputs(path: Path, names: Sequence[str]) -> object:
    """Return what a file of inputs holds, by its ending; `names` are those of the model's inputs.

    Raises:
        PrunusError: it cannot be read.
    """
    content = path.read_bytes()
    if path.suffix == ".npy":
        return decode_npy(content)
    if path.suffix == ".npz":
        return by_input_name(NpzBody(content, INPUT_MAX_BYTES).arrays(), names)
    if path.suffix == ".json":
        return decode_json(content).inputs
    raise InvalidRequestError(
        "the inputs are of an unknown kind", expected=".npy, .npz or .json", got=path.suffix
    )


def _encode(path: Path, name: str, outputs: Arrays, *, bare: bool) -> bytes:
    if path.suffix == ".npy":
        if len(outputs) > 1:
            raise InvalidRequestError(
                "several outputs do not fit a .npy file", expected="a .npz file"
            )
        (array,) = outputs.values()
        return encode_npy(np.asarray(array))
    if path.suffix == ".npz":
        return encode_npz(outputs)
    if path.suffix == ".json":
        return encode_json(name, 1, outputs, bare=bare)
    raise InvalidRequestError(
        "the output is of an unknown kind", expected=".npy, .npz or .json", got=path.suffix
    )
