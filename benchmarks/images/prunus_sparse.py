"""Prunus itself on networks of images: compile the weights, write the artifact, load it, run it."""

from benchmarks.images.network import WeightedNetwork
from benchmarks.images.prunus_graph import build_graph
from benchmarks.prunus_sparse import Prunus


class PrunusImages(Prunus):
    """The compiled network, tuned for the batch sizes of the benchmark's buckets."""

    def load_network(self, network: WeightedNetwork) -> None:
        """Go the way of an upload."""
        self.open(build_graph(network))


def create(threads: int) -> PrunusImages:  # noqa: ARG001  # every engine is made so
    """Return the engine as it serves."""
    return PrunusImages(allow_sparse=True)
