"""The picture of docs/benchmarks.md: time of one call by batch size; a row for each number of threads."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from benchmarks.contenders import OWN
from benchmarks.goals import SPARSITY
from benchmarks.report import in_order, names, timings
from benchmarks.results import Grid, Place

# Okabe and Ito's colours, told apart by people who see red and green alike; Prunus gets the strongest. An engine's
# int8 form has its colour and a dashed line.
COLOURS = {
    OWN: "#D55E00",
    "DeepSparse": "#000000",
    "ONNX Runtime": "#0072B2",
    "OpenVINO": "#56B4E9",
    "LiteRT": "#009E73",
    "TensorFlow function": "#CC79A7",
    "PyTorch": "#E69F00",
    "PyTorch CSR": "#8B7500",
    "SciPy CSR": "#888888",
}
INT8 = " int8"


def draw(grid: Grid, path: Path) -> None:
    """Write a PNG file of the cells at the goals' sparsity: log-log, a line for every contender with a colour."""
    cells = {place: outcomes for place, outcomes in grid.items() if place.sparsity == SPARSITY}
    networks = list(dict.fromkeys(place.network for place in in_order(cells)))
    counts = sorted({place.threads for place in cells})
    figure = Figure(figsize=(12, 1.2 + 3.6 * max(1, len(counts))), layout="constrained")
    FigureCanvasAgg(figure)
    if cells:
        panels = figure.subplots(len(counts), len(networks), squeeze=False)
        for threads, row in zip(counts, panels, strict=True):
            for network, axes in zip(networks, row, strict=True):
                _draw_panel(axes, cells, network, threads)
            row[0].set_ylabel("time of one call (lower is better)")
        handles = {
            label: handle
            for axes in panels.flat
            for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        figure.legend(
            handles.values(), handles.keys(), loc="outside lower center", ncols=5, frameon=False
        )
    figure.suptitle(f"Multilayer perceptrons, {SPARSITY:.0%} of the weights zero")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130, metadata={"Software": None})


def _draw_panel(axes: Axes, cells: Grid, network: str, threads: int) -> None:
    here = {
        place: outcomes
        for place, outcomes in cells.items()
        if (place.network, place.threads) == (network, threads)
    }
    for who in names(here):
        colour = COLOURS.get(who.removesuffix(INT8))
        if colour:
            _draw_line(axes, here, who, colour)
    batches = sorted({place.batch for place in here})
    axes.set_xscale("log", base=4)
    axes.set_yscale("log")
    axes.set_xticks(batches, [str(batch) for batch in batches])
    axes.minorticks_off()
    axes.yaxis.set_major_formatter(FuncFormatter(_microseconds))
    axes.set_xlabel("batch size")
    axes.set_title(f"{network}, {threads} thread{'s' * (threads > 1)}", fontsize=10)
    axes.grid(visible=True, which="major", alpha=0.3)


def _draw_line(axes: Axes, here: Grid, who: str, colour: str) -> None:
    by_place: list[Place] = sorted(found := timings(here, who))
    batches = [place.batch for place in by_place]
    axes.plot(
        batches,
        [found[place].cell.median for place in by_place],
        "--" if who.endswith(INT8) else "-",
        color=colour,
        marker="o",
        markersize=3.5,
        linewidth=2.8 if who == OWN else 1.3,
        zorder=3 if who == OWN else 2,
        label=who,
    )
    axes.fill_between(
        batches,
        [found[place].cell.p10 for place in by_place],
        [found[place].cell.p90 for place in by_place],
        color=colour,
        alpha=0.1,
    )


def _microseconds(value: float, position: int | None) -> str:  # noqa: ARG001  # matplotlib's signature
    if value >= 1e6:
        return f"{value / 1e6:g} s"
    return f"{value / 1e3:g} ms" if value >= 1e3 else f"{value:g} µs"
