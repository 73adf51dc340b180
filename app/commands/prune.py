"""`prunus prune`: what an upload does, on the command line."""

import shutil
import tempfile
from pathlib import Path

import click

from app.commands.console import FILE, MODEL, OUTPUT, cache_option, refusals_as_messages
from app.commands.sources import object_cache, read_recipe
from app.core.job_folder import (
    ARTIFACT_FILE,
    KERAS2_FILE,
    KERAS_FILE,
    REPORT_FILE,
    REPORT_TEXT_FILE,
)
from app.core.model_request import WEIGHT_TYPES, ModelRequest

_OLD_SUFFIXES = (".h5", ".hdf5")
_NO_FORM = {
    KERAS_FILE: "the pruned model has no form as a .keras file",
    KERAS2_FILE: "the pruned model has no form as an .h5 file, which is for tf.keras 2 and made of models of Keras 1 and 2;"
    " a name that ends in .keras gives a file for Keras 3",
}


@click.command(
    short_help="Prune a Keras model, compile it and check it.",
    context_settings={"show_default": True},
)
@click.argument("model", type=MODEL)
@click.option(
    "-o",
    "--output",
    type=OUTPUT,
    help="Write the pruned model as a .keras file or, for tf.keras 2, as an .h5 file, by the ending.",
)
@click.option("--artifact", type=OUTPUT, help="Write the compiled model for predict and bench.")
@click.option(
    "--weights", type=FILE, help="The weights, .h5, where MODEL is an architecture as JSON."
)
@click.option("--recipe", metavar="JSON|FILE", help="Pruning recipe; default lossless.")
@click.option(
    "--calibration", type=FILE, help=".npz file with one array per input, or .npy for one."
)
@click.option("--labels", type=FILE, help=".npy or .npz file with class numbers.")
@click.option(
    "--report",
    type=OUTPUT,
    help="Write the report to a file, as JSON if it ends in .json. Without it, or for -, print it.",
)
@click.option(
    "--signature",
    help="Of a SavedModel, the signature to serve; default serving_default, or the only one.",
)
@click.option("--allow-nonfinite", is_flag=True, help="Accept weights that are NaN or infinite.")
@click.option(
    "--values",
    "weight_type",
    type=click.Choice(WEIGHT_TYPES),
    default=WEIGHT_TYPES[0],
    help="What weights are rounded to; 16 bits change the outputs.",
)
@click.option("--tune-seconds", type=click.FloatRange(min=0.01), default=5.0, help="Time to tune.")
@cache_option
@refusals_as_messages
def prune(
    model: Path,
    output: Path | None,
    artifact: Path | None,
    weights: Path | None,
    recipe: str | None,
    calibration: Path | None,
    labels: Path | None,
    report: Path | None,
    signature: str | None,
    *,
    allow_nonfinite: bool,
    weight_type: str,
    tune_seconds: float,
    cache_dir: Path,
) -> None:
    """Prune MODEL, compile it, check it against the original, and report.

    MODEL is a .keras or HDF5 file, or a SavedModel: its folder, or a .zip or .tar.gz of that.
    Or it is an architecture as JSON, with its weights in another file (--weights).

    Samples and labels show what pruning costs. Where that is more than the recipe's gate allows,
    nothing is written and the status is 1.

    The file is read in this process, without the limits that an upload has; no code of it is run
    either way.
    """
    from app.pipeline import PipelineRequest, Progress, run_pipeline

    if labels is not None and calibration is None:
        raise click.UsageError("--labels needs --calibration")
    cache = object_cache(cache_dir)
    with tempfile.TemporaryDirectory(prefix="prunus-") as folder:
        made = Path(folder)
        request = PipelineRequest(
            options=ModelRequest(
                recipe=read_recipe(recipe),
                has_calibration=calibration is not None,
                has_labels=labels is not None,
                has_weights=weights is not None,
                allow_nonfinite=allow_nonfinite,
                weight_type=weight_type,
                signature=signature or "",
            ),
            model=model,
            weights=weights,
            calibration=calibration,
            labels=labels,
            output=made,
            cache=cache,
            tune_seconds=tune_seconds,
        )
        result = run_pipeline(request, Progress(_show_stage, lambda _: None))
        _write_files(made, output, artifact)
        _write_report(made, report)
        if not result.summary.may_take_traffic:
            click.echo(f"prunus: warning: {result.summary.gate}", err=True)


def _show_stage(stage: str) -> None:
    click.echo(f"{stage} ...", err=True)


def _write_files(made: Path, output: Path | None, artifact: Path | None) -> None:
    kind = KERAS2_FILE if output is not None and output.suffix in _OLD_SUFFIXES else KERAS_FILE
    if output is not None and not (made / kind).is_file():
        raise click.ClickException(_NO_FORM[kind])
    for source, target in ((kind, output), (ARTIFACT_FILE, artifact)):
        if target is not None:
            shutil.copyfile(made / source, target)


def _write_report(made: Path, target: Path | None) -> None:
    if target is None or target == Path("-"):
        click.echo((made / REPORT_TEXT_FILE).read_text("utf-8"))
    elif target.suffix == ".json":
        shutil.copyfile(made / REPORT_FILE, target)
    else:
        shutil.copyfile(made / REPORT_TEXT_FILE, target)
