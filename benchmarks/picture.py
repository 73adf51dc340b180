"""The picture of docs/benchmarks.md: time of one call by batch size, one panel a network."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from benchmarks.results import Results

# Okabe and Ito's colours, told apart by people who see red and green alike; Prunus gets the strongest.
COLOURS = {
    "Prunus": "#D55E00",
    "Prunus, dense kernels only": "#E69F00",
    "SciPy CSR": "#009E73",
    "ONNX Runtime": "#0072B2",
    "TensorFlow function": "#CC79A7",
    "Keras predict": "#555555",
}
TWO_CORES = ", two cores"


def draw(results: Results, path: Path) -> None:
    """Write a PNG file: log-log, a line for every contender, a band from the 10th to the 90th percentile."""
    figure = Figure(figsize=(11.5, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(results.cells), squeeze=False)[0]
    for axes, name in zip(panels, results.cells, strict=True):
        _draw_network(axes, results, name)
    panels[0].set_ylabel("time of one call (lower is better)")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    figure.suptitle(
        f"float32 multilayer perceptrons, {results.sparsity:.0%} of the weights zero, one core unless said"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=140, metadata={"Software": None})


def _draw_network(axes: Axes, results: Results, name: str) -> None:
    batches = list(results.cells[name])
    for who in results.contenders:
        cells = [results.cells[name][batch][who] for batch in batches]
        colour = COLOURS[who.removesuffix(TWO_CORES)]
        two = who.endswith(TWO_CORES)
        axes.plot(
            batches,
            [cell.median for cell in cells],
            "--" if two else "-",
            color=colour,
            marker="o",
            markersize=4,
            markerfacecolor="white" if two else colour,
            linewidth=2.6 if who == "Prunus" else 1.4,
            label=who,
        )
        axes.fill_between(
            batches, [c.p10 for c in cells], [c.p90 for c in cells], color=colour, alpha=0.12
        )
    axes.set_xscale("log", base=4)
    axes.set_yscale("log")
    axes.set_xticks(batches, [str(batch) for batch in batches])
    axes.minorticks_off()
    axes.yaxis.set_major_formatter(FuncFormatter(_microseconds))
    axes.set_xlabel("batch size")
    axes.set_title(name, fontsize=10)
    axes.grid(visible=True, which="major", alpha=0.3)


def _microseconds(value: float, position: int | None) -> str:  # noqa: ARG001  # matplotlib's signature
    if value >= 1e6:
        return f"{value / 1e6:g} s"
    return f"{value / 1e3:g} ms" if value >= 1e3 else f"{value:g} µs"
