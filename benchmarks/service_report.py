"""What `make bench` writes: what the serving process costs, as Markdown."""

from collections.abc import Sequence

from benchmarks.footprint import Footprint
from benchmarks.http_load import LoadStep
from benchmarks.page import table


def render_footprint(footprint: Footprint) -> str:
    """Return what the serving process costs."""
    rows = [
        ["start to ready, ten models, object code cached", f"{footprint.start_seconds:.2f} s"],
        ["the same, empty object cache", f"{footprint.cold_start_seconds:.2f} s"],
        ["resident memory, ten models", f"{footprint.resident_mebibytes:.0f} MiB"],
        ["of that, without models", f"{footprint.empty_resident_mebibytes:.0f} MiB"],
        ["modules imported", str(footprint.modules)],
        ["time of imports", f"{footprint.import_seconds:.2f} s"],
    ]
    rows += [
        [
            f"one prediction over HTTP, {trip.form}: median (99th percentile)",
            f"{trip.cell.median:.0f} ({trip.p99:.0f}) µs",
        ]
        for trip in footprint.round_trips
    ]
    slow = ", ".join(
        f"{name} {seconds * 1e3:.0f} ms" for name, seconds in footprint.slowest_imports
    )
    absent = ", ".join(footprint.absent)
    return (
        "### The serving process\n\n"
        + table(["", "measured"], rows)
        + f"\n\nMost expensive packages by their own import time: {slow}. Not imported: {absent}. "
        f"The ten models: {footprint.models}. Medians of {footprint.repeats} starts. Over HTTP: the demo's two "
        "samples, one request after the other on one connection, client and service on this machine."
    )


def render_load(load: Sequence[LoadStep]) -> str:
    """Return how it does under load."""
    header = ["asked for", "answered a second", "median", "95th percentile", "99th", "failed"]
    rows = [
        [
            f"{step.rate} a second",
            f"{step.answered_per_second:,.0f}",
            f"{step.outcome.median_milliseconds:.0f} ms",
            f"{step.outcome.p95_milliseconds:.0f} ms",
            f"{step.outcome.p99_milliseconds:.0f} ms",
            f"{step.outcome.failure_ratio:.1%}",
        ]
        for step in load
    ]
    return (
        "### The service under load\n\n"
        "locust (one process, FastHttpUser, constant rate, half JSON, half .npy) and the service share this machine; "
        "two samples of the demo in each request. Where the rate was not reached, the times are those of a queue.\n\n"
        + table(header, rows)
    )
