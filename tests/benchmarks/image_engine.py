"""An engine that runs networks of images by their reference meaning."""

from collections.abc import Sequence

from benchmarks.images.network import WeightedNetwork
from benchmarks.images.prunus_graph import reference_outputs
from benchmarks.networks import FloatArray, Layer


class Reference:
    version = "reference"

    def load(self, layers: Sequence[Layer]) -> None:
        raise NotImplementedError

    def load_network(self, network: WeightedNetwork) -> None:
        self._network = network

    def run(self, inputs: FloatArray) -> FloatArray:
        return reference_outputs(self._network, inputs).astype("float32")


def create(threads: int) -> Reference:
    return Reference()
