"""LiteRT's interpreter (XNNPACK) on networks of images; TensorFlow's environment converts the models."""

from pathlib import Path

from benchmarks.images.network import WeightedNetwork, save_network
from benchmarks.peers.kept_models import kept_model
from benchmarks.peers.litert import LiteRt, run_converter


class LiteRtImages(LiteRt):
    """One interpreter, resized when the batch size changes."""

    def load_network(self, network: WeightedNetwork) -> None:
        """Convert, where no earlier worker did, and open."""

        def make(model: Path) -> None:
            source = model.with_suffix(".npz")
            save_network(network, source)
            try:
                run_converter("benchmarks.peers.litert_convert_images", str(source), str(model))
            finally:
                source.unlink()

        self.open(kept_model(network, "litert.tflite", make))


def create(threads: int) -> LiteRtImages:
    """Return the engine."""
    return LiteRtImages(threads, "f32")
