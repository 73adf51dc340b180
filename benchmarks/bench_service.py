"""`make bench`: what the serving process costs and how it does under load; writes its section of docs/benchmarks.md."""

import argparse
import datetime
import os
import platform
import sys
from pathlib import Path

from benchmarks.bench_peers import PAGE
from benchmarks.footprint import measure_footprint
from benchmarks.http_load import measure_load
from benchmarks.machine import describe_cpu
from benchmarks.page import replace_section
from benchmarks.service_report import render_footprint, render_load

COMMAND = "make bench"


def say(line: str) -> None:
    """Show progress."""
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    """Measure, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", type=Path, default=PAGE, help="Markdown page to write into")
    page = parser.parse_args().page
    before = os.getloadavg()[0]
    parts = [render_footprint(measure_footprint(say)), render_load(measure_load(say))]
    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    head = (
        f"`{COMMAND}` on {day}: {describe_cpu()}, {len(os.sched_getaffinity(0))} cores, "
        f"Python {platform.python_version()}; load average before the run {before:.1f}."
    )
    replace_section(page, COMMAND, "\n\n".join([head, *parts]))
    say(f"wrote {page}")


if __name__ == "__main__":
    main()
