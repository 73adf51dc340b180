"""The part of a report that says what to do when little could be removed."""

from pruning.advice import Advice, SizeShare
from pruning.markdown import percent, table

SIZES = "Shares of the kernel weights that are no larger than a limit:"
TRIALS = "Thresholds that were tried, up to the first that changes too many answers:"
SIZE_HEADS = ("limit", "magnitude at most the limit", "at most the limit times the layer's largest")


def advice_section(advice: Advice) -> str:
    """Write what to do, how large the weights are, and what was tried."""
    parts = [advice.text, SIZES, table(SIZE_HEADS, [_size_row(size) for size in advice.sizes])]
    if advice.trials:
        parts += [TRIALS, table(*trial_table(advice))]
    return "\n\n".join(parts)


def _size_row(size: SizeShare) -> list[str]:
    return [f"{size.limit:g}", percent(size.absolute), percent(size.relative)]


def trial_table(advice: Advice) -> tuple[list[str], list[list[str]]]:
    """Return heads and rows of the table of what was tried."""
    has_labels = any(trial.quality.accuracy is not None for trial in advice.trials)
    heads = ["threshold", "kernel weights removed", "same answers", *(["accuracy"] * has_labels)]
    rows = []
    for trial in advice.trials:
        quality = trial.quality
        row = [
            f"{trial.threshold:g}",
            percent(trial.removed_share),
            f"{quality.agreeing:,} of {quality.samples:,}",
        ]
        if quality.accuracy is not None:
            row.append(percent(quality.accuracy.after.value))
        rows.append(row)
    return heads, rows
