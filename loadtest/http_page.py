"""The measurements by wrk as a page."""

from collections.abc import Iterator

from benchmarks.machine import describe_cpu
from benchmarks.page import wrapped
from loadtest.network import DECIMALS, NETWORK, SPARSITY
from loadtest.wrk_result import Line, WrkReport


def page(report: WrkReport) -> str:
    """Return the page, `docs/http-load.md`, as Markdown."""
    return wrapped("\n".join([*_introduction(report), *_rates(report), *_overheads(report)])) + "\n"


def _introduction(report: WrkReport) -> Iterator[str]:
    sizes = ", ".join(f"{form} {size:,} bytes" for form, size in report.body_bytes.items())
    yield from (
        "# Load over HTTP",
        "",
        "Written by `make load-wrk` (`python -m loadtest.wrk --page docs/http-load.md`); do not edit.",
        "",
        f"One `prunus serve` process on one core, [wrk](https://github.com/wg/wrk) with one thread on another, both on "
        f"one machine, keep-alive connections. The network is {NETWORK.name} at {SPARSITY:.0%} zeros, one sample of "
        f"{NETWORK.widths[0]} floats a request: {sizes}; JSON numbers have {DECIMALS} decimals.",
        "`bare` is the same HTTP server (uvicorn with uvloop and httptools, same options) with an application that reads"
        " the body and answers a constant: what is left for an application is the difference to it.",
        f"Runs of {report.seconds} s take turns, {report.rounds} of each kind; medians, in brackets the range. "
        f"CPU: {describe_cpu()}.",
        "",
    )


def _rates(report: WrkReport) -> Iterator[str]:
    yield from (
        "## Requests a second and response times",
        "",
        "| form | connections | requests/s | p50 | p90 | p99 | bare requests/s | bare p50 | share of bare |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    )
    bare = {(line.form, line.connections): line for line in report.lines if line.target == "bare"}
    for line in report.lines:
        if line.target == "bare":
            continue
        limit = bare[line.form, line.connections]
        share = line.requests_per_second / limit.requests_per_second
        yield (
            f"| {line.form} | {line.connections} | {_rate(line)} | {_ms(line.p50_us)} | {_ms(line.p90_us)} |"
            f" {_ms(line.p99_us)} | {_rate(limit)} | {_ms(limit.p50_us)} | {share:.0%} |"
        )
    yield ""


def _rate(line: Line) -> str:
    low, high = line.lowest_per_second, line.highest_per_second
    return f"{line.requests_per_second:,.0f} ({low:,.0f} to {high:,.0f})"


def _ms(microseconds: float) -> str:
    return f"{microseconds / 1000:.2f} ms"


def _overheads(report: WrkReport) -> Iterator[str]:
    yield from (
        "## What the service adds to the native call",
        "",
        "In the process itself, without network and HTTP server (`python -m loadtest.overhead`): the whole application,"
        " from the request's bytes to the answer's, in turns with the engine's `Executable.run` alone; medians.",
        "",
        "| form | `Executable.run` | whole request | added |",
        "|---|---:|---:|---:|",
    )
    for one in report.overhead:
        yield (
            f"| {one.form} | {one.native_us:.1f} us | {one.request_us:.1f} us | {one.added_us:.1f} us |"
        )
