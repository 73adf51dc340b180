"""What `prunus bench` measured, as plain data and as text."""

import textwrap
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from app.commands.console import microseconds, table
from engine.planning.plan import LayerPlan
from engine.roofline.layer_times import LayerRun, TileRun
from engine.roofline.roof import Roofs
from engine.roofline.roof_share import Roof, Share, share_of
from pruning.claims import Claim, Spread, Verdict, claim_of, in_words, times

_NAME_LENGTH = 18
_LINE = 110


@dataclass(frozen=True, slots=True)
class BatchTiming:
    """Times of single calls with one batch size, one after the other.

    Attributes:
        batch: samples of a call.
        form: "sparse" is the model as it is served, "dense" the same by dense kernels.
        calls: number of calls that were timed.
        p50_seconds: median; the other two are the 90th and 99th percentile.
        samples_per_second: over all calls that were timed.
        low_seconds: 10th percentile of the medians of turns, which the forms take one after the other.
        high_seconds: 90th percentile of them.
        turns: number of turns.
    """

    batch: int
    form: str
    calls: int
    p50_seconds: float
    p90_seconds: float
    p99_seconds: float
    samples_per_second: float
    low_seconds: float
    high_seconds: float
    turns: int

    @property
    def spread(self) -> Spread:
        """Of the turns, for a claim."""
        return Spread(self.p50_seconds, self.low_seconds, self.high_seconds, self.turns)


@dataclass(frozen=True, slots=True, eq=False)
class BenchResult:
    """Everything that was measured of one model.

    Attributes:
        model: its name.
        processor: the CPU's own name.
        cpu: LLVM's name of the CPU.
        threads: number of threads that may compute one request.
        is_tuned_here: whether the sparse form's kernels were timed on a CPU of this kind, for as many threads.
        dense_is: what the dense form is, for readers.
        timings: one for each form and batch size, by batch size, dense before sparse.
        roofs: what one core can do at most.
        shared_roofs: what all threads together can do at most; None where there is one thread.
        layers: layers of the sparse form, in program order.
        tiles: times of its layers, by rising lanes.
        dense_tiles: the layers of the dense form.
        same_code: batch sizes that both forms compute by the same kernels on arrays of the same sizes.
    """

    model: str
    processor: str
    cpu: str
    threads: int
    is_tuned_here: bool
    dense_is: str
    timings: Sequence[BatchTiming]
    roofs: Roofs
    shared_roofs: Roofs | None
    layers: Sequence[LayerPlan]
    tiles: Sequence[TileRun]
    dense_tiles: Sequence[TileRun]
    same_code: Collection[int] = ()


@dataclass(frozen=True, slots=True)
class LayerRow:
    """A layer in one tile width, with what it is held against.

    Attributes:
        run: kernel and time.
        share: the layer's share of the roofs of one core.
        dense_seconds: time of the dense form's layer of the same name; None where it has none.
        tile_share: part of the tile's time that the layer takes.
    """

    run: LayerRun
    share: Share
    dense_seconds: float | None
    tile_share: float


def layer_rows(result: BenchResult) -> list[LayerRow]:
    """Return the layers of a result in program order, and each by rising lanes."""
    dense = {
        (run.name, tile.lanes): run.seconds for tile in result.dense_tiles for run in tile.layers
    }
    return [
        LayerRow(
            run,
            share_of(run, tile.resident_bytes, result.roofs),
            dense.get((run.name, tile.lanes)),
            run.seconds / tile.seconds,
        )
        for place in range(len(result.layers))
        for tile in result.tiles
        for run in (tile.layers[place],)
    ]


def claims(result: BenchResult) -> dict[int, Claim]:
    """Return what may be said of the sparse form beside the dense one, by batch size."""
    spreads = {(timing.form, timing.batch): timing.spread for timing in result.timings}
    return {
        batch: claim_of(spreads["dense", batch], own, same_code=batch in result.same_code)
        for (form, batch), own in spreads.items()
        if form == "sparse"
    }


def summary(result: BenchResult) -> str:
    """Return the sentence about sparse beside dense calls, by batch size."""
    medians = {one.batch: one.p50_seconds for one in result.timings if one.form == "sparse"}
    parts = [
        f"batch {batch}: {in_words(claim)}, {microseconds(medians[batch])} us"
        for batch, claim in claims(result).items()
    ]
    return f"Sparse beside dense: {'; '.join(parts)}."


def as_document(result: BenchResult) -> dict[str, Any]:
    """Plain data for JSON; times in seconds, rates in units of 10^9 a second."""
    rows = layer_rows(result)
    widths = len(result.tiles)
    shared = result.shared_roofs
    return {
        "model": result.model,
        "processor": result.processor,
        "cpu": result.cpu,
        "isa": result.roofs.isa.value,
        "threads": result.threads,
        "is_tuned_here": result.is_tuned_here,
        "dense_is": result.dense_is,
        "summary": summary(result),
        "timings": [asdict(timing) for timing in result.timings],
        "times_as_fast": {str(batch): claim.ratio for batch, claim in claims(result).items()},
        "verdicts": {str(batch): claim.verdict.value for batch, claim in claims(result).items()},
        "roofs": {
            "one_core": asdict(result.roofs),
            "all_threads": None if shared is None else asdict(shared),
        },
        "tiles": [
            {
                "lanes": tile.lanes,
                "seconds": tile.seconds,
                "resident_bytes": tile.resident_bytes,
                "level": result.roofs.home(tile.resident_bytes).name,
            }
            for tile in result.tiles
        ],
        "layers": [
            _layer(layer, rows[place * widths : (place + 1) * widths])
            for place, layer in enumerate(result.layers)
        ],
    }


def _layer(layer: LayerPlan, rows: Sequence[LayerRow]) -> dict[str, Any]:
    return {
        "layer": layer.name,
        "op": layer.op,
        "inputs": layer.inputs,
        "units": layer.units,
        "positions": layer.positions,
        "nonzeros": layer.nonzeros,
        "sparsity": layer.sparsity,
        "buckets": [_bucket(row) for row in rows],
    }


def _bucket(row: LayerRow) -> dict[str, Any]:
    share = row.share
    return {
        "lanes": row.run.spec.lanes,
        "kernel": row.run.spec.symbol,
        "sparse": row.run.sparse,
        "bytes": row.run.bytes,
        "seconds": row.run.seconds,
        "dense_seconds": row.dense_seconds,
        "share_of_tile": row.tile_share,
        "gflops": share.gflops,
        "gigabytes_per_second": share.gigabytes_per_second,
        "ns_per_nonzero": share.ns_per_nonzero,
        "flops_per_byte": share.flops_per_byte,
        "limits_seconds": {roof.value: seconds for roof, seconds in share.limits.items()},
        "roof": share.roof_name,
        "roof_share": share.share,
    }


def as_text(result: BenchResult) -> str:
    """Tables of at most 120 columns, with a line before each."""
    return "\n\n".join(
        [
            f"{result.model} on {result.processor} ({result.cpu}, {result.roofs.isa.value}), "
            f"{'up to ' if result.threads > 1 else ''}{_threads(result.threads)} a request\n"
            f"sparse: as it is served, with kernels that {_chosen(result.is_tuned_here)}\n"
            f"dense: {result.dense_is}",
            _timing_table(result),
            textwrap.fill(summary(result), _LINE, break_on_hyphens=False),
            "Roofs of this host, measured now",
            _roof_table([roofs for roofs in (result.roofs, result.shared_roofs) if roofs]),
            "Layers, inside whole calls of one thread. GFLOP/s and ns count weights that are not zero, "
            "GB/s packed\nweights; the share is that of the roof that binds.",
            _layer_table(layer_rows(result)),
            *_fetching(result),
        ]
    )


def _chosen(is_tuned_here: bool) -> str:
    return "were timed on this kind of CPU" if is_tuned_here else "are best guesses for this CPU"


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"


def _timing_table(result: BenchResult) -> str:
    found = claims(result)
    rows = [
        [
            str(timing.batch),
            timing.form,
            microseconds(timing.p50_seconds),
            microseconds(timing.p90_seconds),
            microseconds(timing.p99_seconds),
            f"{timing.samples_per_second:,.0f}",
            f"{microseconds(timing.low_seconds)} - {microseconds(timing.high_seconds)}",
            _in_short(found[timing.batch]) if timing.form == "sparse" else "",
        ]
        for timing in result.timings
    ]
    heads = ["batch", "form", "p50 us", "p90 us", "p99 us", "samples/s", "medians of turns", "is"]
    return table(heads, rows)


def _in_short(claim: Claim) -> str:
    """Return a claim for a column."""
    if claim.verdict is Verdict.SAME_CODE:
        return "same code"
    if claim.ratio is None:
        return "no difference"
    if claim.verdict is Verdict.FASTER:
        return f"{times(claim.ratio)} times as fast"
    return f"{times(1 / claim.ratio)} times slower"


def _roof_table(measured: Sequence[Roofs]) -> str:
    heads = ["roof", "unit", *(_threads(roofs.threads) for roofs in measured)]
    by_name = [_roof_numbers(roofs) for roofs in measured]
    rows = [
        [name, unit, *(f"{numbers[name, unit]:,.1f}" for numbers in by_name)]
        for name, unit in by_name[0]
    ]
    return table(heads, rows)


def _roof_numbers(roofs: Roofs) -> Mapping[tuple[str, str], float]:
    numbers = {("FMA: multiply and add in registers", "GFLOP/s"): roofs.gflops}
    numbers["gather: fetch elements from L1", "elements/ns"] = roofs.gather_per_ns
    if roofs.permute_per_ns is not None:
        numbers["permute: fetch elements from registers", "elements/ns"] = roofs.permute_per_ns
    for level in roofs.levels:
        size = "" if level.size_bytes is None else f" ({level.size_bytes // 1024:,} KB)"
        numbers[f"bandwidth: read {level.name}{size}", "GB/s"] = level.gigabytes_per_second
    return numbers


def _layer_table(rows: Sequence[LayerRow]) -> str:
    heads = ["layer", "lanes", "kernel", "KB", "us", "dense us", "ns/nz", "GFLOP/s", "GB/s"]
    heads += ["flop/B", "roof", "share"]
    cells = []
    before = None
    for row in rows:
        name = row.run.name if len(row.run.name) <= _NAME_LENGTH else f"{row.run.name[:17]}…"
        cells.append(["" if row.run.number == before else name, *_layer_cells(row)])
        before = row.run.number
    return table(heads, cells)


def _layer_cells(row: LayerRow) -> list[str]:
    run, share = row.run, row.share
    return [
        str(run.spec.lanes),
        " ".join([run.spec.family, *(str(value) for _, value in run.spec.variant)]),
        f"{run.bytes / 1024:,.0f}",
        microseconds(run.seconds),
        "" if row.dense_seconds is None else microseconds(row.dense_seconds),
        f"{share.ns_per_nonzero:.3f}",
        f"{share.gflops:.1f}",
        f"{share.gigabytes_per_second:.1f}",
        f"{share.flops_per_byte:.2f}",
        share.roof_name,
        f"{100 * share.share:.0f} %",
    ]


def _fetching(result: BenchResult) -> list[str]:
    """Return how the fastest way round the gather compares with it, where one sample is computed sparse."""
    runs = [
        row.run
        for row in layer_rows(result)
        if row.run.sparse and row.run.spec.lanes == 1 and Roof.PERMUTE in row.share.limits
    ]
    if not runs:
        return []
    rate = sum(run.products for run in runs) / sum(run.seconds for run in runs) * 1e-9
    roof = result.roofs.gather_per_ns
    return [
        f"One sample: the layers that fetch by permutation get {rate:.1f} elements a nanosecond, "
        f"{rate / roof:.1f} times what\na gather could ({roof:.1f})."
    ]
