"""The picture of `prunus bench`: layers under the roofs of one core, log-log."""

import math
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from app.commands.bench_result import BenchResult, LayerRow, layer_rows
from engine.roofline.roof import Roofs

# Okabe and Ito's colours, told apart by people who see red and green alike; and shapes beside them.
_MARKS = (
    ("#D55E00", "o"),
    ("#0072B2", "s"),
    ("#009E73", "^"),
    ("#CC79A7", "D"),
    ("#E69F00", "v"),
    ("#56B4E9", "P"),
    ("#555555", "X"),
)
_ROOF_COLOUR = "#444444"
_FETCH_COLOUR = "#888888"
# Area of a point, in square points: of a layer that takes no time, and what is added for all of it.
_LEAST_AREA, _MORE_AREA = 25.0, 260.0


def draw(result: BenchResult, path: Path) -> None:
    """Write a PNG or SVG file, by the name's ending."""
    figure = Figure(figsize=(10.5, 6.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    rows = layer_rows(result)
    left, right = _ends(rows, result.roofs)
    _draw_roofs(axes, result.roofs, left, right)
    handles = _draw_layers(axes, rows)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xlim(left, right)
    lowest = min([row.share.gflops for row in rows], default=1.0)
    axes.set_ylim(min(lowest, result.roofs.gflops / 30) / 2, result.roofs.gflops * 2.2)
    axes.xaxis.set_major_formatter(FuncFormatter(_plain))
    axes.yaxis.set_major_formatter(FuncFormatter(_plain))
    axes.set_xlabel("operations on non-zero weights per byte of packed weights")
    axes.set_ylabel("GFLOP/s on non-zero weights")
    axes.text(
        *(0.99, 0.015, "area of a point: part of the tile's time"),
        transform=axes.transAxes,
        ha="right",
        fontsize=8.5,
        color=_ROOF_COLOUR,
    )
    axes.grid(visible=True, which="major", alpha=0.25)
    axes.set_title(
        f"{result.model}: layers under the roofs of one core\n"
        f"{result.processor} ({result.cpu}, {result.roofs.isa.value})",
        fontsize=11,
    )
    figure.legend(handles=handles, loc="outside lower center", ncols=6, frameon=False, fontsize=9)
    _name_levels(figure, axes, result.roofs, left)
    figure.savefig(path, dpi=140, metadata={"Date": None} if path.suffix == ".svg" else None)


def _ends(rows: Sequence[LayerRow], roofs: Roofs) -> tuple[float, float]:
    """Return the range of operations per byte: all layers, and where the slowest level meets the peak."""
    found = [row.share.flops_per_byte for row in rows]
    ridge = roofs.gflops / min(level.gigabytes_per_second for level in roofs.levels)
    return min([0.2, *found]) / 2, max([2 * ridge, *found]) * 2


def _draw_roofs(axes: Axes, roofs: Roofs, left: float, right: float) -> None:
    for level in roofs.levels:
        rate = level.gigabytes_per_second
        ridge = roofs.gflops / rate
        axes.plot([left, ridge], [left * rate, roofs.gflops], color=_ROOF_COLOUR, linewidth=1.3)
    first = roofs.gflops / max(level.gigabytes_per_second for level in roofs.levels)
    axes.plot([first, right], [roofs.gflops] * 2, color=_ROOF_COLOUR, linewidth=1.8)
    _label(axes, f"FMA peak {roofs.gflops:,.0f} GFLOP/s", right, roofs.gflops, _ROOF_COLOUR)
    fetches = {"gather from L1": roofs.gather_per_ns, "permute": roofs.permute_per_ns}
    for name, fetched in fetches.items():
        # Two operations for an element that was fetched; a line at the peak would only hide the peak.
        if fetched is not None and 2 * fetched < 0.9 * roofs.gflops:
            axes.plot([left, right], [2 * fetched] * 2, color=_FETCH_COLOUR, linestyle="--")
            text = f"{name}, one sample: {fetched:,.1f} elements/ns"
            _label(axes, text, right, 2 * fetched, _FETCH_COLOUR)


def _name_levels(figure: Figure, axes: Axes, roofs: Roofs, left: float) -> None:
    """Write the names of the levels on their lines, each further along than the one before.

    Lines that differ little would be hidden by names beside them. Limits and scales must be set.
    """
    figure.draw_without_rendering()  # the slope of a line follows from the layout
    for place, level in enumerate(reversed(roofs.levels)):
        rate = level.gigabytes_per_second
        ridge = roofs.gflops / rate
        low, high = axes.transData.transform([(left, left * rate), (ridge, roofs.gflops)])
        along = 0.5 + 0.36 * place / max(1, len(roofs.levels) - 1)
        x = math.exp(math.log(left) + along * (math.log(ridge) - math.log(left)))
        axes.text(
            x,
            x * rate,
            f"{level.name} {rate:,.0f} GB/s",
            rotation=math.degrees(math.atan2(high[1] - low[1], high[0] - low[0])),
            rotation_mode="anchor",
            ha="center",
            va="center",
            fontsize=8.5,
            color=_ROOF_COLOUR,
            bbox={"boxstyle": "square,pad=0.05", "facecolor": "white", "edgecolor": "none"},
        )


def _label(axes: Axes, text: str, x: float, y: float, colour: str) -> None:
    axes.annotate(
        text,
        (x, y),
        xytext=(-6, 3),
        textcoords="offset points",
        ha="right",
        va="bottom",
        fontsize=8.5,
        color=colour,
    )


def _draw_layers(axes: Axes, rows: Sequence[LayerRow]) -> list[Line2D]:
    """Return a point for each layer and tile width; what stands for the widths in the legend."""
    handles = []
    for place, lanes in enumerate(sorted({row.run.spec.lanes for row in rows})):
        colour, marker = _MARKS[place % len(_MARKS)]
        for row in rows:
            if row.run.spec.lanes == lanes:
                axes.scatter(
                    row.share.flops_per_byte,
                    row.share.gflops,
                    s=_LEAST_AREA + _MORE_AREA * row.tile_share,
                    marker=marker,
                    facecolors=colour if row.run.sparse else "none",
                    edgecolors=colour if not row.run.sparse else "white",
                    linewidths=1.3 if not row.run.sparse else 0.6,
                    zorder=3,
                )
        name = "1 sample" if lanes == 1 else f"{lanes} samples"
        handles.append(_handle(name, marker, colour, colour))
    handles.append(_handle("dense kernel chosen", "o", "none", "#222222"))
    return handles


def _handle(name: str, marker: str, face: str, edge: str) -> Line2D:
    return Line2D(
        [],
        [],
        linestyle="none",
        marker=marker,
        markerfacecolor=face,
        markeredgecolor=edge,
        markersize=8,
        label=name,
    )


def _plain(value: float, position: int | None) -> str:
    del position  # matplotlib's signature
    return f"{value:g}"
