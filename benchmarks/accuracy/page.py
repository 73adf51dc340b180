"""The page of what pruning costs in accuracy: tables of means with their spread over seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.machine import describe_cpu

_HEAD = """# What pruning costs in accuracy

Written by `python -m benchmarks.accuracy`: networks trained by Keras as usual, then pruned without any training, by
weights alone (`magnitude`) or with 2,048 samples of the training data without their labels (all others). A cell is
the accuracy on test data, mean over {seeds} seeds, with the smallest and the largest; in brackets what it lost against dense,
in percentage points. [Recipes](recipes.md) says what the methods do. {machine}
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """One network pruned once.

    Attributes:
        network: its name.
        method: the method's name, or "dense".
        sparsity: what was asked for, in [0, 1).
        seed: of the training and of the samples.
        accuracy: on test data, in [0, 1].
        seconds: that pruning took.
    """

    network: str
    method: str
    sparsity: float
    seed: int
    accuracy: float
    seconds: float


def write_page(found: Sequence[Measured], path: Path) -> None:
    """Write the page."""
    seeds = len({one.seed for one in found})
    parts = [_HEAD.format(seeds=seeds, machine=f"{describe_cpu()}.")]
    networks = dict.fromkeys(one.network for one in found)
    parts += [_table([one for one in found if one.network == network]) for network in networks]
    path.write_text("\n".join(parts))


def _table(found: Sequence[Measured]) -> str:
    dense = [one.accuracy for one in found if one.method == "dense"]
    sparsities = sorted({one.sparsity for one in found if one.sparsity})
    methods = [m for m in dict.fromkeys(one.method for one in found) if m != "dense"]
    lines = [
        f"## {found[0].network}",
        "",
        f"Dense: {_cell(dense)}.",
        "",
        "| method | " + " | ".join(f"{sparsity:.0%}" for sparsity in sparsities) + " | seconds |",
        "| --- |" + " ---: |" * (len(sparsities) + 1),
    ]
    for method in methods:
        own = [one for one in found if one.method == method]
        cells = []
        for sparsity in sparsities:
            reached = [one.accuracy for one in own if one.sparsity == sparsity]
            lost = 100 * (np.mean(dense) - np.mean(reached))
            cells.append(f"{_cell(reached)} ({lost:+.2f})")
        seconds = np.median([one.seconds for one in own])
        lines.append(f"| {method} | {' | '.join(cells)} | {seconds:.1f} |")
    return "\n".join(lines) + "\n"


def _cell(accuracies: Sequence[float]) -> str:
    return f"{np.mean(accuracies):.4f} [{min(accuracies):.4f}, {max(accuracies):.4f}]"
