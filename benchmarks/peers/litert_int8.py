"""LiteRT with dynamic-range quantisation: int8 weights, values quantised in each call."""

from benchmarks.peers.litert import LiteRt


def create(threads: int) -> LiteRt:
    """Return the engine."""
    return LiteRt(threads, "int8")
