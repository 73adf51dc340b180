"""DeepSparse on networks of images: ONNX that is built channels first, so that no transposes are left in it."""

from pathlib import Path

from benchmarks.images.network import WeightedNetwork
from benchmarks.peers.deepsparse import DeepSparse
from benchmarks.peers.image_onnx import build_image_model


class DeepSparseImages(DeepSparse):
    """An engine a batch size, kept while the network is."""

    def load_network(self, network: WeightedNetwork) -> None:
        """Write the model; `run` compiles at the first call of a batch size, which is never timed."""
        self._engines.clear()
        self._model = Path(self._folder.name) / "images.onnx"
        self._model.write_bytes(build_image_model(network))


def create(threads: int) -> DeepSparseImages:
    """Return the engine."""
    return DeepSparseImages(threads)
