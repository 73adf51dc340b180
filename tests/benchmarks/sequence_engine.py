"""An engine that runs networks of sequences by their reference meaning."""

from collections.abc import Sequence

import numpy as np

from benchmarks.networks import FloatArray, Layer
from benchmarks.sequences.network import WeightedSequence
from benchmarks.sequences.prunus_graph import reference_outputs


class SequenceEngine:
    version = "Reference 1"

    def load(self, layers: Sequence[Layer]) -> None:
        raise NotImplementedError

    def load_sequence(self, network: WeightedSequence) -> None:
        self._network = network

    def run(self, inputs: FloatArray) -> FloatArray:
        return reference_outputs(self._network, inputs).astype(np.float32)


def create(threads: int) -> SequenceEngine:
    return SequenceEngine()
