"""`make bench`: Prunus beside its peers, and what the serving process costs; writes docs/benchmarks.md."""

import argparse
import datetime
import os
import platform
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.footprint import measure_footprint
from benchmarks.http_load import measure_load
from benchmarks.networks import BATCHES, NETWORKS
from benchmarks.picture import draw
from benchmarks.protocol import REPOSITORY, Contender
from benchmarks.report import render, replace_section
from benchmarks.results import Machine
from benchmarks.side_by_side import FULL, QUICK, Plan, run_side_by_side

PEERS_PYTHON = REPOSITORY / ".venv-peers" / "bin" / "python"
PAGE = REPOSITORY / "docs" / "benchmarks.md"
SPARSITY = 0.95
OWN_MODULES = (
    ("Prunus", "benchmarks.prunus_sparse"),
    ("Prunus, dense kernels only", "benchmarks.prunus_dense"),
)
PEER_MODULES = (
    ("SciPy CSR", "benchmarks.peers.scipy_csr"),
    ("ONNX Runtime", "benchmarks.peers.onnx_runtime"),
    ("TensorFlow function", "benchmarks.peers.tensorflow_function"),
    ("Keras predict", "benchmarks.peers.keras_predict"),
)
THREADED = frozenset({"ONNX Runtime", "TensorFlow function"})


@dataclass(frozen=True, slots=True)
class Options:
    """The command line."""

    quick: bool
    engines_only: bool
    page: Path
    peers_python: Path


def parse_arguments() -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short turns: a look, not a result")
    parser.add_argument("--engines-only", action="store_true", help="leave out the serving process")
    parser.add_argument("--page", type=Path, default=PAGE, help="Markdown page to write into")
    parser.add_argument("--peers-python", type=Path, default=PEERS_PYTHON)
    arguments = parser.parse_args()
    return Options(arguments.quick, arguments.engines_only, arguments.page, arguments.peers_python)


def contenders(peers_python: Path) -> tuple[Contender, ...]:
    """Return who takes part: everybody on the last core, then those with threads on two."""
    available = sorted(os.sched_getaffinity(0))
    # The first core has the interrupts and this process.
    one, two = (available[-1],), tuple(available[-2:])
    listed = [Contender(name, module, Path(sys.executable), one) for name, module in OWN_MODULES]
    listed += [Contender(name, module, peers_python, one) for name, module in PEER_MODULES]
    if len(two) == 2:
        listed += [
            Contender(f"{name}, two cores", module, peers_python, two)
            for name, module in PEER_MODULES
            if name in THREADED
        ]
    return tuple(listed)


def describe_cpu() -> str:
    """Return the CPU's model name and its vector extensions, as the kernel tells them."""
    fields: dict[str, str] = {}
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    flags = fields.get("flags", "").split()
    vectors = " and ".join(
        name for name, flag in (("AVX2", "avx2"), ("AVX-512", "avx512f")) if flag in flags
    )
    name = fields.get("model name", platform.machine())
    family = f"family {fields.get('cpu family', '?')} model {fields.get('model', '?')}"
    return f"{name} ({family}) with {vectors}" if vectors else f"{name} ({family})"


def say(line: str) -> None:
    """Show progress."""
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    """Measure, draw, write."""
    options = parse_arguments()
    started, load_average = time.monotonic(), os.getloadavg()[0]
    effort = QUICK if options.quick else FULL
    plan = Plan(NETWORKS, BATCHES, contenders(options.peers_python), SPARSITY, effort)
    with tempfile.TemporaryDirectory(prefix="prunus-bench-") as folder:
        results, versions = run_side_by_side(plan, Path(folder), say)
    footprint = None if options.engines_only else measure_footprint(say)
    load = () if options.engines_only else measure_load(say)
    machine = Machine(
        cpu=describe_cpu(),
        cores=len(os.sched_getaffinity(0)),
        python=platform.python_version(),
        versions=versions,
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        load_average=(load_average, os.getloadavg()[1]),
        command="make bench" + (" QUICK=1" if options.quick else ""),
        seconds=time.monotonic() - started,
    )
    picture = Path("images") / "benchmarks.png"
    draw(results, options.page.parent / picture)
    replace_section(options.page, render(machine, results, footprint, load, picture.as_posix()))
    say(f"wrote {options.page}")


if __name__ == "__main__":
    main()
