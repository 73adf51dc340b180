"""ONNX Runtime's CPU provider on networks of images: channels first, normalizations folded, all optimisations on."""

from benchmarks.images.network import WeightedNetwork
from benchmarks.peers.image_onnx import build_image_model
from benchmarks.peers.onnx_runtime import OnnxRuntime


class OnnxRuntimeImages(OnnxRuntime):
    """The session of a network of images."""

    def load_network(self, network: WeightedNetwork) -> None:
        """Create the session."""
        self.open(build_image_model(network))


def create(threads: int) -> OnnxRuntimeImages:
    """Return the engine."""
    return OnnxRuntimeImages(threads)
