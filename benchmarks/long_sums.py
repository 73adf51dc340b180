"""`python -m benchmarks.long_sums`: how far long dot products are off float64, beside TensorFlow's.

One Dense layer of positive numbers, as compiled without tuning, on calls of 1, 4, 16 and 32 samples. An error is in
units of 2^-24 of the sum of absolute products, root mean square over all outputs. Prints a Markdown table.
"""

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.compiler import CompileOptions, compile_graph
from engine.core.target import host_target
from engine.execution.runtime import Executable
from engine.machine_code.object_cache import ObjectCache
from graph.graph import Graph, Input, Node, Output
from graph.ops import Dense
from graph.tensor_type import float32

UNIT = 2.0**-24
UNITS = 32
BATCHES = (1, 4, 16, 32)
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Row:
    """Errors of one layer at one batch size.

    Attributes:
        inputs: number of inputs of the layer.
        density: share of its weights that are not zero.
        batch: samples of the call.
        tensorflow: error of `tf.matmul`; None where TensorFlow is not installed.
        prunus: error of the compiled layer.
    """

    inputs: int
    density: float
    batch: int
    tensorflow: float | None
    prunus: float


def error_of(found: Floats, x: Floats, kernel: Floats) -> float:
    """The root mean square error of products of positive numbers, in units of the sum of absolute products."""
    exact = x.astype(np.float64) @ kernel.astype(np.float64)
    relative = (found - exact) / np.where(exact == 0, 1.0, exact)
    return float(np.sqrt((relative**2).mean()) / UNIT)


def measure(inputs: int, density: float, cache: ObjectCache) -> list[Row]:
    """Measure one layer at all batch sizes."""
    rng = np.random.default_rng(0)
    kernel = np.abs(rng.standard_normal((inputs, UNITS))).astype(np.float32)
    kernel[rng.random(kernel.shape) >= density] = 0
    target = host_target()
    model = compile_graph(
        _layer(kernel), target, CompileOptions(tune=False, buckets=BATCHES, threads=1), cache
    )
    ready = Executable(model, cache, target, threads=1)
    rows = []
    for batch in BATCHES:
        x = np.abs(rng.standard_normal((batch, inputs))).astype(np.float32)
        own = error_of(ready.run({"x": x})["y"], x, kernel)
        rows.append(Row(inputs, density, batch, _tensorflow_error(x, kernel), own))
    ready.close()
    return rows


def _layer(kernel: Floats) -> Graph:
    node = Node("dense", Dense(kernel.shape[1], use_bias=False), ("x",), ("kernel",), layer="dense")
    return Graph(
        "long_sums",
        (Input("x", float32(kernel.shape[0])),),
        (node,),
        (Output("y", "dense"),),
        {"kernel": kernel},
    )


def _tensorflow_error(x: Floats, kernel: Floats) -> float | None:
    try:
        import tensorflow as tf
    except ImportError:
        return None
    return error_of(tf.matmul(x, kernel).numpy(), x, kernel)


def table(rows: Sequence[Row]) -> str:
    """Write the rows as a Markdown table."""
    lines = ["| inputs | not zero | batch | TensorFlow | Prunus |", "|---:|---:|---:|---:|---:|"]
    lines += [
        f"| {row.inputs:,} | {row.density:.0%} | {row.batch} | "
        f"{'' if row.tensorflow is None else f'{row.tensorflow:.1f}'} | {row.prunus:.1f} |"
        for row in rows
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", default="256,4096,16384,65536")
    parser.add_argument("--density", default="1,0.5,0.05")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="prunus-sums-") as folder:
        cache = ObjectCache(Path(folder))
        rows = [
            row
            for inputs in map(int, arguments.inputs.split(","))
            for density in map(float, arguments.density.split(","))
            for row in measure(inputs, density, cache)
        ]
    print(table(rows))


if __name__ == "__main__":
    main()
