"""DeepSparse on networks of sequences: what its own kernels do not know it gives to the ONNX Runtime within it."""

from pathlib import Path

from benchmarks.peers.deepsparse import DeepSparse
from benchmarks.peers.sequence_onnx import build_sequence_model
from benchmarks.sequences.network import WeightedSequence


class DeepSparseSequences(DeepSparse):
    """An engine a batch size, kept while the network is."""

    def load_sequence(self, network: WeightedSequence) -> None:
        """Write the model; `run` compiles at the first call of a batch size, which is never timed."""
        self._engines.clear()
        self._model = Path(self._folder.name) / "sequence.onnx"
        self._model.write_bytes(build_sequence_model(network))


def create(threads: int) -> DeepSparseSequences:
    """Return the engine."""
    return DeepSparseSequences(threads)
