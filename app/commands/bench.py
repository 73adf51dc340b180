"""`prunus bench`: latency and throughput on this host, as served and dense, and each layer's kernel."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt
import orjson

from app.commands.console import (
    FILE,
    cache_option,
    microseconds,
    refusals_as_messages,
    table,
)
from app.commands.inspect import artifact_layers, layer_rows
from app.commands.sources import is_artifact, object_cache, read_recipe
from engine.artifact import Artifact, open_artifact
from engine.codegen import ObjectCache
from engine.compiler import CompileOptions, compile_graph
from engine.plan import CompiledModel
from engine.runtime import Executable, load
from engine.target import host_target

_MIN_CALLS = 20
_WARM_UP_CALLS = 5


@dataclass(frozen=True, slots=True)
class BatchTiming:
    """Times of single calls with one batch size, one after the other.

    Attributes:
        form: "sparse" is the model as it is served, "dense" the original with dense kernels.
    """

    batch: int
    form: str
    calls: int
    p50_seconds: float
    p90_seconds: float
    p99_seconds: float
    samples_per_second: float


@click.command(context_settings={"show_default": True})
@click.argument("model", type=FILE)
@click.option("--batch", "batches", default="1,16,64,256", help="Batch sizes.")
@click.option("--seconds", type=click.FloatRange(min=0.01), default=1.0, help="Time per row.")
@click.option("--recipe", metavar="JSON|FILE", help="Pruning recipe; default lossless.")
@click.option("--tune-seconds", type=click.FloatRange(min=0.01), default=5.0, help="Time to tune.")
@click.option("--allow-nonfinite", is_flag=True, help="Accept weights that are NaN or infinite.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@cache_option
@refusals_as_messages
def bench(
    model: Path,
    batches: str,
    seconds: float,
    recipe: str | None,
    tune_seconds: float,
    *,
    allow_nonfinite: bool,
    as_json: bool,
    cache_dir: Path,
) -> None:
    """Measure MODEL, a Keras file or an artifact; of a Keras file also dense on the same engine."""
    sizes = _batch_sizes(batches)
    cache = object_cache(cache_dir)
    if is_artifact(model):
        forms = {"sparse": open_artifact(model).model}
    else:
        options = (read_recipe(recipe), tune_seconds, allow_nonfinite)
        forms = _compile_both(model, cache, *options)
    loaded = {form: load(Artifact(compiled, 0), cache) for form, compiled in forms.items()}
    timings = [
        time_batch(executable, form, batch, seconds)
        for batch in sizes
        for form, executable in loaded.items()
    ]
    layers = artifact_layers(forms["sparse"])
    if as_json:
        document = {"timings": [asdict(timing) for timing in timings], "layers": layers}
        click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
    else:
        click.echo(_text(timings, layers))


def _batch_sizes(text: str) -> list[int]:
    try:
        sizes = [int(part) for part in text.split(",")]
    except ValueError:
        sizes = []
    if not sizes or min(sizes) < 1:
        raise click.BadParameter("whole numbers with commas, such as 1,16,64", param_hint="--batch")
    return sizes


def _compile_both(
    path: Path,
    cache: ObjectCache,
    recipe: Mapping[str, object],
    tune_seconds: float,
    allow_nonfinite: bool,
) -> dict[str, CompiledModel]:
    # Imported here: an artifact is measured without the reader and the pruning room.
    from graph.keras.read import read_model
    from pruning.prune import prune
    from pruning.recipe import parse_recipe

    result = prune(read_model(path, allow_nonfinite=allow_nonfinite).graph, parse_recipe(recipe))
    target, half = host_target(), tune_seconds / 2
    dense = CompileOptions(tune_seconds=half, allow_sparse=False)
    return {
        "dense": compile_graph(result.original, target, dense, cache),
        "sparse": compile_graph(result.graph, target, CompileOptions(tune_seconds=half), cache),
    }


def time_batch(executable: Executable, form: str, batch: int, seconds: float) -> BatchTiming:
    """Call a model again and again for `seconds`, and at least 20 times, on normal inputs."""
    inputs = _inputs(executable, batch)
    for _ in range(_WARM_UP_CALLS):
        executable.run(inputs)
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < _MIN_CALLS or time.perf_counter() < end:
        start = time.perf_counter()
        executable.run(inputs)
        times.append(time.perf_counter() - start)
    p50, p90, p99 = (float(value) for value in np.percentile(times, (50, 90, 99)))
    return BatchTiming(batch, form, len(times), p50, p90, p99, batch * len(times) / sum(times))


def _inputs(executable: Executable, batch: int) -> dict[str, npt.NDArray[Any]]:
    random = np.random.default_rng(0)
    return {
        spec.name: random.standard_normal((batch, *spec.sample_shape)).astype(spec.dtype)
        for spec in executable.inputs
    }


def _text(timings: list[BatchTiming], layers: list[dict[str, Any]]) -> str:
    dense = {timing.batch: timing.p50_seconds for timing in timings if timing.form == "dense"}
    rows = [
        [
            str(timing.batch),
            timing.form,
            microseconds(timing.p50_seconds),
            microseconds(timing.p90_seconds),
            microseconds(timing.p99_seconds),
            f"{timing.samples_per_second:,.0f}",
            f"{dense[timing.batch] / timing.p50_seconds:.2f}" if timing.batch in dense else "",
        ]
        for timing in timings
    ]
    heads = ["batch", "form", "p50 us", "p90 us", "p99 us", "samples/s", "times as fast"]
    layer_heads = ["layer", "op", "shape", "left", "sparsity", "lanes", "kernel", "dense us", "us"]
    return f"{table(heads, rows)}\n\n{table(layer_heads, layer_rows(layers))}"
