"""Prunus itself on networks of sequences: compile the weights, write the artifact, load it, run it."""

from benchmarks.prunus_sparse import Prunus
from benchmarks.sequences.network import WeightedSequence
from benchmarks.sequences.prunus_graph import build_graph


class PrunusSequences(Prunus):
    """The compiled network, tuned for the batch sizes of the benchmark's buckets."""

    def load_sequence(self, network: WeightedSequence) -> None:
        """Go the way of an upload."""
        self.open(build_graph(network))


def create(threads: int) -> PrunusSequences:  # noqa: ARG001  # every engine is made so
    """Return the engine as it serves."""
    return PrunusSequences(allow_sparse=True)
