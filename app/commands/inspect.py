"""`prunus inspect`: what is in a model file or an artifact."""

from pathlib import Path
from typing import Any

import click
import numpy as np
import orjson

from app.commands.console import FILE, MODEL, microseconds, percent, refusals_as_messages, table
from app.commands.sources import is_artifact
from engine.artifacts.artifact import open_artifact
from engine.planning.plan import CompiledModel
from graph.graph import Graph
from graph.text import to_text

# The question's own limit: weights below it are zero to all intents.
NEAR_ZERO = 1e-15


@click.command(short_help="Show the graph and the weights of a model or an artifact.")
@click.argument("file", type=MODEL)
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@click.option("--signature", help="Of a SavedModel, the signature to show.")
@click.option(
    "--weights", type=FILE, help="The weights, .h5, where FILE is an architecture as JSON."
)
@click.option("--allow-nonfinite", is_flag=True, help="Accept weights that are NaN or infinite.")
@refusals_as_messages
def inspect(
    file: Path, *, as_json: bool, weights: Path | None, signature: str | None, allow_nonfinite: bool
) -> None:
    """Show the graph and the weights of FILE, a Keras model, a SavedModel or an artifact.

    FILE may also be an architecture as JSON, with its weights in another file (--weights).
    """
    if is_artifact(file):
        document = _artifact(open_artifact(file).model)
        text = _artifact_text(document)
    else:
        from graph.model_files.read import read_model_file

        read = read_model_file(
            file, allow_nonfinite=allow_nonfinite, signature=signature, weights=weights
        )
        document = _model(read.graph)
        document["format"] = str(read.format)
        document["keras_version"] = read.keras_version
        document["notes"] = list(read.notes)
        text = _model_text(document)
    if as_json:
        click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
    else:
        click.echo(text)


def _model(graph: Graph) -> dict[str, Any]:
    layers = []
    for name, array in graph.weights.items():
        size = np.abs(array)
        layers.append(
            {
                "weights": name,
                "shape": list(array.shape),
                "count": array.size,
                "zero_share": float(np.mean(size == 0)) if array.size else 0.0,
                "near_zero_share": float(np.mean(size < NEAR_ZERO)) if array.size else 0.0,
            }
        )
    types = graph.value_types()
    return {
        "name": graph.name,
        "inputs": {given.name: str(given.type) for given in graph.inputs},
        "outputs": {output.name: str(types[output.value]) for output in graph.outputs},
        "weights": layers,
        "graph": to_text(graph),
    }


def _model_text(document: dict[str, Any]) -> str:
    rows = [
        [
            str(one["weights"]),
            " x ".join(map(str, one["shape"])),
            f"{one['count']:,}",
            percent(one["zero_share"]),
            percent(one["near_zero_share"]),
        ]
        for one in document["weights"]
    ]
    version = document["keras_version"]
    parts = [
        f"{document['name']}: {document['format']}" + (f", Keras {version}" if version else ""),
        document["graph"].rstrip(),
        table(["weights", "shape", "count", "zero", f"below {NEAR_ZERO:g}"], rows),
        *document["notes"],
    ]
    return "\n\n".join(parts)


def _inputs(model: CompiledModel) -> list[tuple[str, str, tuple[int | None, ...]]]:
    """Return name, type and sample shape of each input; None is a length that varies."""
    if model.varying is not None:
        given = model.varying.graph.inputs
        return [(one.name, one.type.dtype.value, one.type.sample_shape) for one in given]
    return [(slot.name, slot.dtype, slot.sample_shape) for slot in model.program.inputs]


def _artifact(model: CompiledModel) -> dict[str, Any]:
    return {
        "name": model.program.name,
        "isa": model.plan.isa.value,
        "cpu": model.plan.cpu_name,
        "tuned": model.plan.tuned,
        "inputs": {name: [dtype, *shape] for name, dtype, shape in _inputs(model)},
        "outputs": {slot.name: list(slot.sample_shape) for slot in model.program.outputs},
        "layers": [
            {
                "layer": layer.name,
                "op": layer.op,
                "inputs": layer.inputs,
                "units": layer.units,
                "nonzeros": layer.nonzeros,
                "sparsity": layer.sparsity,
                "buckets": [
                    {
                        "lanes": bucket.lanes,
                        "kernel": bucket.kernel,
                        "bytes": bucket.bytes,
                        "seconds": bucket.seconds,
                        "dense_seconds": bucket.dense_seconds,
                    }
                    for bucket in layer.buckets
                ],
            }
            for layer in model.layers
        ],
    }


def _artifact_text(document: dict[str, Any]) -> str:
    heads = ["layer", "op", "shape", "left", "sparsity", "lanes", "kernel", "dense us", "us"]
    return "\n\n".join(
        [
            f"{document['name']}: compiled for {document['isa']} on {document['cpu']}",
            table(heads, layer_rows(document["layers"])),
        ]
    )


def layer_rows(layers: list[dict[str, Any]]) -> list[list[str]]:
    """Return the rows of a table of layers and tile widths."""
    return [
        [
            layer["layer"],
            layer["op"],
            f"{layer['inputs']} x {layer['units']}",
            f"{layer['nonzeros']:,}",
            percent(layer["sparsity"]),
            str(bucket["lanes"]),
            bucket["kernel"],
            microseconds(bucket["dense_seconds"]),
            microseconds(bucket["seconds"]),
        ]
        for layer in layers
        for bucket in layer["buckets"]
    ]
