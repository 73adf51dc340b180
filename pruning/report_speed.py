"""The part of a report that says how fast the model is on this host."""

from pruning.markdown import microseconds, table
from pruning.measurements import EngineMeasurements


def speed_section(engine: EngineMeasurements) -> str:
    """Write the tables of whole calls and of single layers."""
    whole = [
        [str(e.batch), microseconds(e.dense_seconds), microseconds(e.seconds), f"{e.speedup:.2f}"]
        for e in engine.latency
    ]
    single = [
        [e.node, str(e.batch), e.kernel, microseconds(e.dense_seconds), microseconds(e.seconds)]
        for e in engine.layers
    ]
    return "\n\n".join(
        [
            f"{engine.cpu}, {engine.isa}, {engine.threads} thread(s); medians of processor time in microseconds.",
            "Whole calls, the Python side included; dense is the original model with dense kernels:",
            table(["batch", "dense", "pruned", "times as fast"], whole),
            "Single layers of the pruned model, the kernel alone, for one tile of samples; dense is the fastest dense "
            "kernel for the same layer:",
            table(["layer", "tile", "kernel", "dense", "chosen"], single),
        ]
    )
