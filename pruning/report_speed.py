"""The part of a report that says how fast the model is on this host."""

from collections.abc import Sequence
from dataclasses import replace

from pruning.claims import Verdict, in_words, times
from pruning.markdown import microseconds, table
from pruning.measurements import EngineMeasurements, LayerTiming, SubnormalCost
from pruning.measurements import Latency as Call


def speed_headline(engine: EngineMeasurements) -> str:
    """The best that may be claimed, and the worst if the model is slower anywhere; empty where nothing was timed."""
    if not engine.latency:
        return ""
    sentences = []
    faster = [call for call in engine.latency if call.verdict is Verdict.FASTER]
    slower = [call for call in engine.latency if call.verdict is Verdict.SLOWER]
    if faster:
        best = max(faster, key=lambda call: call.speedup or 0.0)
        sentences.append(f"Up to {in_words(best.claim)} on this host (batch {best.batch}).")
    sentences += [f"Batch {call.batch} is {in_words(call.claim)} on this host." for call in slower]
    if not sentences:
        same = all(call.verdict is Verdict.SAME_CODE for call in engine.latency)
        sentences.append(
            "Runs the same code as dense: nothing was removed that a kernel could skip."
            if same
            else "No measurable difference from dense on this host."
        )
    return " ".join(sentences)


def speed_section(engine: EngineMeasurements) -> str:
    """Write the tables of whole calls and of single layers, and the notes on 16-bit weights and subnormals."""
    parts = [
        f"{engine.cpu}, {engine.isa}, {engine.threads} thread(s); processor time in microseconds: the median, and in "
        "brackets the 10th to the 90th percentile of calls that were timed in turn.",
        "Whole calls, the Python side included. Dense is the original model by dense kernels of the same engine, with "
        "subnormal numbers flushed to zero. A ratio is given only where the ranges are apart:",
        _calls(engine.latency, "dense", "sparse"),
    ]
    if engine.against_float32:
        parts += [
            f"The same with {engine.weight_type} weights beside the pruned model with float32 weights:",
            _calls(engine.against_float32, "float32", engine.weight_type),
        ]
    parts += speed_notes(replace(engine, against_float32=()))
    if engine.layers:
        parts += [
            "The layers with kernels inside these calls. The rows of a batch add up to its call:",
            _layers(engine.layers),
        ]
    return "\n\n".join(parts)


def speed_notes(engine: EngineMeasurements) -> list[str]:
    """Return the notes below the tables: what 16-bit weights save, and what subnormal numbers cost elsewhere."""
    found = [
        f"Batch {call.batch}: {engine.weight_type} is {in_words(call.claim, 'float32')}."
        for call in engine.against_float32
    ]
    if engine.subnormals is not None:
        found.append(_subnormal_cost(engine.subnormals))
    if engine.keeps_subnormals:
        found.append(
            "Subnormal numbers are kept while this model is served, since its outputs depend on them; dense above is "
            "timed with them flushed."
        )
    return found


def _subnormal_cost(cost: SubnormalCost) -> str:
    head = f"{cost.weights:,} weights of the original are subnormal numbers (below 1.2e-38)"
    if cost.times is None:
        return (
            f"{head}; on this CPU they cost no measurable time where they are not flushed to zero."
        )
    return (
        f"{head}. TensorFlow and Prunus flush them to zero; in engines that do not, such as NumPy, the original takes "
        f"{times(cost.times)} times as long on this CPU (measured by dense kernels, batch {cost.batch})."
    )


def _calls(calls: Sequence[Call], baseline: str, own: str) -> str:
    rows = [
        [
            str(call.batch),
            _range(call.dense_seconds, call.dense_low_seconds, call.dense_high_seconds),
            _range(call.seconds, call.low_seconds, call.high_seconds),
            in_words(call.claim, baseline),
        ]
        for call in calls
    ]
    return table(["batch", baseline, own, f"{own} is"], rows)


def _range(median: float, low: float, high: float) -> str:
    return f"{microseconds(median)} ({microseconds(low)} to {microseconds(high)})"


def _layers(layers: Sequence[LayerTiming]) -> str:
    rows = [
        [
            str(layer.batch),
            layer.node,
            microseconds(layer.dense_seconds),
            microseconds(layer.seconds),
            layer.kernel,
        ]
        for layer in layers
    ]
    return table(["batch", "layer", "dense", "sparse", "kernel of sparse"], rows)
