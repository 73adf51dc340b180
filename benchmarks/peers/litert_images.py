"""LiteRT's interpreter (XNNPACK) on networks of images; TensorFlow's environment converts the models."""

import tempfile
from pathlib import Path

from benchmarks.images.network import WeightedNetwork, save_network
from benchmarks.peers.litert import LiteRt, run_converter


class LiteRtImages(LiteRt):
    """One interpreter, resized when the batch size changes."""

    def load_network(self, network: WeightedNetwork) -> None:
        """Convert and open."""
        with tempfile.TemporaryDirectory(prefix="prunus-bench-") as folder:
            source, model = Path(folder) / "network.npz", Path(folder) / "network.tflite"
            save_network(network, source)
            run_converter("benchmarks.peers.litert_convert_images", str(source), str(model))
            self.open(model)


def create(threads: int) -> LiteRtImages:
    """Return the engine."""
    return LiteRtImages(threads, "f32")
