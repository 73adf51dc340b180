"""`prunus bench`: latency and throughput on this host, dense against sparse, and layers against its roofs."""

import importlib.util
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt
import orjson

from app.commands.bench_result import BatchTiming, BenchResult, as_document, as_text
from app.commands.console import FILE, OUTPUT, cache_option, refusals_as_messages
from app.commands.sources import is_artifact, object_cache, read_recipe
from engine.artifacts.artifact import Artifact, open_artifact
from engine.compiler import compile_graph
from engine.core.index_inputs import with_indices
from engine.core.target import Target, host_target, wanted_threads
from engine.execution.runtime import Executable, load, plan_for
from engine.machine_code.object_cache import ObjectCache
from engine.planning.plan import CompiledModel
from engine.roofline.layer_times import time_layers
from engine.roofline.roof import measure_roofs
from engine.tuning.compare import dense_twin, same_code
from engine.tuning.planner import CompileOptions, plan_program
from engine.tuning.stopwatch import spread_of
from pruning.claims import LEAST_READINGS

_MIN_CALLS = 20
_WARM_UP_CALLS = 5
# The forms are called in turns, so that a busy moment of the machine hits both.
_TURN_SECONDS = 0.02
LAYER_SECONDS = 1.0
PICTURE_ENDINGS = (".png", ".svg")


@dataclass(frozen=True, slots=True, eq=False)
class _Forms:
    """What is compared.

    Attributes:
        sparse: the model as it is served.
        dense: the model that it is compared with.
        dense_is: what the dense form is, in words for readers.
    """

    sparse: CompiledModel
    dense: CompiledModel
    dense_is: str


@dataclass(frozen=True, slots=True, eq=False)
class _Host:
    """Where it is measured.

    Attributes:
        target: the CPU.
        cache: object code.
        threads: number of threads that may compute one request.
    """

    target: Target
    cache: ObjectCache
    threads: int


@click.command(
    short_help="Time a model beside dense kernels and this CPU's limits.",
    context_settings={"show_default": True},
)
@click.argument("model", type=FILE)
@click.option("--batch", "batches", default="1,16,64,256", help="Batch sizes.")
@click.option("--threads", type=click.IntRange(min=1), help="For one request; default: as served.")
@click.option("--seconds", type=click.FloatRange(min=0.01), default=1.0, help="Time per row.")
@click.option("--recipe", metavar="JSON|FILE", help="Pruning recipe; default lossless.")
@click.option("--tune-seconds", type=click.FloatRange(min=0.01), default=5.0, help="Time to tune.")
@click.option("--allow-nonfinite", is_flag=True, help="Accept weights that are NaN or infinite.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@click.option("--picture", type=OUTPUT, help="Draw a roofline, .png or .svg; needs matplotlib.")
@cache_option
@refusals_as_messages
def bench(
    model: Path,
    batches: str,
    threads: int | None,
    seconds: float,
    recipe: str | None,
    tune_seconds: float,
    *,
    allow_nonfinite: bool,
    as_json: bool,
    picture: Path | None,
    cache_dir: Path,
) -> None:
    """Time MODEL, a Keras file or an artifact, beside dense kernels and beside what this CPU can do at most.

    The output gives latency percentiles and throughput by batch size. Then it gives each layer's kernel in every tile
    width (a tile is the group of samples that a kernel computes at once), the limit of the CPU that binds it
    (multiply-add, gather, permute or bandwidth; its "roof"), and the share of that limit which it reaches.
    """
    sizes = _batch_sizes(batches)
    if picture is not None:
        _check_picture(picture)
    target = host_target()
    host = _Host(target, object_cache(cache_dir), threads or wanted_threads(target.cores))
    if is_artifact(model):
        forms = _forms_of_artifact(open_artifact(model).model, host, tune_seconds)
    else:
        options = (read_recipe(recipe), tune_seconds, allow_nonfinite)
        forms = _forms_of_file(model, host, *options)
    result = _measure(forms, host, sizes, seconds)
    if picture is not None:
        # Imported here: matplotlib takes a second, and need not be there.
        from app.commands.roofline import draw

        draw(result, picture)
    if as_json:
        click.echo(orjson.dumps(as_document(result), option=orjson.OPT_INDENT_2).decode())
    else:
        click.echo(as_text(result))


def _batch_sizes(text: str) -> list[int]:
    try:
        sizes = [int(part) for part in text.split(",")]
    except ValueError:
        sizes = []
    if not sizes or min(sizes) < 1:
        raise click.BadParameter("whole numbers with commas, such as 1,16,64", param_hint="--batch")
    return sizes


def _check_picture(path: Path) -> None:
    """Refuse before anything is measured what could not be drawn."""
    if path.suffix.lower() not in PICTURE_ENDINGS:
        raise click.BadParameter(
            f"expected a name that ends in {' or '.join(PICTURE_ENDINGS)}, got {path.name!r}",
            param_hint="--picture",
        )
    if importlib.util.find_spec("matplotlib") is None:
        raise click.ClickException(
            "--picture needs matplotlib, which is not installed; install it by"
            f" `{sys.executable} -m pip install matplotlib`"
        )


def _forms_of_artifact(model: CompiledModel, host: _Host, seconds: float) -> _Forms:
    widths = tuple(tile.lanes for tile in plan_for(model, host.target, host.threads).tiles)
    options = CompileOptions(
        tune_seconds=seconds, buckets=widths, allow_sparse=False, threads=host.threads
    )
    dense = plan_program(model.program, host.target, options, host.cache)
    is_ = "the same layers by dense kernels, zeros included, subnormal numbers flushed to zero"
    # As the dense form is: for the usual size only, and for what the network takes.
    usual = replace(model, varying=None, front=None)
    return _Forms(usual, dense_twin(model, dense) or dense, is_)


def _forms_of_file(
    path: Path,
    host: _Host,
    recipe: Mapping[str, object],
    tune_seconds: float,
    allow_nonfinite: bool,
) -> _Forms:
    # Imported here: an artifact is measured without the reader and the pruning room.
    from graph.model_files.read import read_model_file
    from graph.subnormals import without_subnormals
    from pruning.recipe_parser import parse_recipe
    from pruning.varying import prune_any

    graph = read_model_file(path, allow_nonfinite=allow_nonfinite).graph
    result = prune_any(graph, parse_recipe(recipe))  # of the usual size, where sizes vary
    half = tune_seconds / 2
    sparse = CompileOptions(tune_seconds=half, threads=host.threads)
    dense = replace(sparse, allow_sparse=False)
    own = compile_graph(result.graph, host.target, sparse, host.cache)
    original = without_subnormals(result.original)
    rival = compile_graph(original, host.target, dense, host.cache)
    return _Forms(
        sparse=own,
        dense=dense_twin(own, rival) or rival,
        dense_is="the model as it was before pruning, by dense kernels, subnormal numbers flushed to zero",
    )


def _measure(forms: _Forms, host: _Host, sizes: Sequence[int], seconds: float) -> BenchResult:
    target, cache = host.target, host.cache
    with ExitStack() as stack:
        loaded = {
            form: stack.enter_context(
                closing(load(Artifact(model, 0), cache, target, host.threads))
            )
            for form, model in (("dense", forms.dense), ("sparse", forms.sparse))
        }
        timings = [timing for batch in sizes for timing in time_forms(loaded, batch, seconds)]
        is_tuned_here = loaded["sparse"].is_tuned_here
        threads = loaded["sparse"].threads
    program, plan = forms.sparse.program, plan_for(forms.sparse, target, threads)
    dense = forms.dense
    dense_plan = plan_for(dense, target, threads)
    return BenchResult(
        model=program.name,
        processor=processor_name(),
        cpu=target.cpu_name,
        threads=threads,
        is_tuned_here=is_tuned_here,
        dense_is=forms.dense_is,
        timings=timings,
        roofs=measure_roofs(target, cache),
        shared_roofs=measure_roofs(target, cache, threads) if threads > 1 else None,
        layers=forms.sparse.layers,
        tiles=time_layers(program, plan, target, cache, LAYER_SECONDS),
        dense_tiles=time_layers(dense.program, dense_plan, target, cache, LAYER_SECONDS),
        same_code=same_code(forms.dense, forms.sparse, sizes, threads),
    )


def time_forms(
    forms: Mapping[str, Executable], batch: int, seconds: float
) -> tuple[BatchTiming, ...]:
    """Call each form again and again on normal inputs: for `seconds`, and at least 20 times.

    The forms take turns, so that a busy moment of the machine hits all of them. The first calls of a turn,
    which find the other form's data in the caches, do not count.
    """
    inputs = {form: _inputs(executable, batch) for form, executable in forms.items()}
    turns: dict[str, list[list[float]]] = {form: [] for form in forms}
    end = time.perf_counter() + seconds * len(forms)
    while not all(map(_is_enough, turns.values())) or time.perf_counter() < end:
        for form, executable in forms.items():
            turn = _turn(executable, inputs[form], min(_TURN_SECONDS, seconds))
            turns[form].append(turn)
    return tuple(_timing(batch, form, own) for form, own in turns.items())


def _is_enough(turns: Sequence[Sequence[float]]) -> bool:
    return len(turns) >= LEAST_READINGS and sum(map(len, turns)) >= _MIN_CALLS


def _turn(
    executable: Executable, inputs: Mapping[str, npt.NDArray[Any]], seconds: float
) -> list[float]:
    for _ in range(_WARM_UP_CALLS):
        executable.run(inputs)
    readings: list[float] = []
    end = time.perf_counter() + seconds
    while not readings or time.perf_counter() < end:
        start = time.perf_counter()
        executable.run(inputs)
        readings.append(time.perf_counter() - start)
    return readings


def _timing(batch: int, form: str, turns: Sequence[Sequence[float]]) -> BatchTiming:
    readings = [reading for turn in turns for reading in turn]
    p50, p90, p99 = (float(value) for value in np.percentile(readings, (50, 90, 99)))
    count = len(readings)
    rate = batch * count / sum(readings)
    spread = spread_of([float(np.median(turn)) for turn in turns])
    low, high = spread.low_seconds, spread.high_seconds
    return BatchTiming(batch, form, count, p50, p90, p99, rate, low, high, spread.count)


def _inputs(executable: Executable, batch: int) -> dict[str, npt.NDArray[Any]]:
    random = np.random.default_rng(0)
    drawn = {
        spec.name: random.standard_normal((batch, *spec.usual_shape)).astype(spec.dtype)
        for spec in executable.inputs
    }
    return with_indices(drawn, executable.index_limits)


def processor_name(listing: Path = Path("/proc/cpuinfo")) -> str:
    """Return the CPU's name as the kernel tells it; where it does not, the kind of machine."""
    try:
        lines = listing.read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
