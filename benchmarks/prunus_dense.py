"""Prunus without its sparse kernels: what the zeros are worth on the same engine."""

from benchmarks.prunus_sparse import Prunus


def create(threads: int) -> Prunus:  # noqa: ARG001  # every engine is made so
    """Return the engine held to dense kernels."""
    return Prunus(allow_sparse=False)
