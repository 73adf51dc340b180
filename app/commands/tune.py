"""`prunus tune`: choose an artifact's kernels again, on this host."""

from dataclasses import replace
from pathlib import Path

import click

from app.commands.console import FILE, OUTPUT, cache_option, refusals_as_messages
from app.commands.sources import object_cache
from engine.artifacts.artifact import open_artifact, write_artifact
from engine.core.layers import ValueType
from engine.core.target import host_target
from engine.planning.plan import CompiledModel
from engine.retune import options_of, retune
from engine.tuning.planner import CompileOptions


@click.command(
    short_help="Choose the kernels of an artifact again, on this host.",
    context_settings={"show_default": True},
)
@click.argument("artifact", type=FILE)
@click.option(
    "-o", "--output", type=OUTPUT, help="Where to write the result; default: in place of ARTIFACT."
)
@click.option("--tune-seconds", type=click.FloatRange(min=0.01), default=5.0, help="Time to tune.")
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    help="Threads to plan for; default: PRUNUS_THREADS, else the usable cores.",
)
@click.option(
    "--values",
    type=click.Choice([values.value for values in ValueType]),
    help="Round the weights of dense layers to this type; default: what ARTIFACT has. Changes the outputs.",
)
@cache_option
@refusals_as_messages
def tune(
    artifact: Path,
    output: Path | None,
    *,
    tune_seconds: float,
    threads: int | None,
    values: str | None,
    cache_dir: Path,
) -> None:
    """Time the kernels of ARTIFACT on this host and write it with the fastest ones.

    Use it for an artifact that was compiled on another kind of CPU, for fewer threads, or by an older version.
    The weights stay the same; with the same --values the outputs change by rounding only.
    """
    opened = open_artifact(artifact)
    options = options_of(opened.model, CompileOptions(tune_seconds=tune_seconds, threads=threads))
    if values is not None:
        options = replace(options, values=ValueType(values))
    told: set[str] = set()

    def show(stage: str, share: float) -> None:
        del share
        if stage not in told:
            told.add(stage)
            click.echo(f"{stage} ...", err=True)

    model = retune(opened, host_target(), options, object_cache(cache_dir), show)
    info = write_artifact(model, output or artifact)
    click.echo(_summary(model, info.size_bytes))


def _summary(model: CompiledModel, size_bytes: int) -> str:
    """Return what was made, in a line or two."""
    plan = model.plan
    threads = "1 thread" if plan.threads == 1 else f"{plan.threads} threads"
    lines = [
        f"{model.program.name}: tuned for {plan.isa.value} on {plan.cpu_name}, {threads}, {size_bytes:,} bytes"
    ]
    if plan.values is not ValueType.FLOAT32:
        largest = max((layer.rounding for layer in model.layers), default=0.0)
        lines.append(
            f"weights are rounded to {plan.values.value}: each changes by at most {largest:.1e} of itself"
        )
    return "\n".join(lines)
