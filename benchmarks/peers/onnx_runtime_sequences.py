"""ONNX Runtime's CPU provider on networks of sequences: its LSTM and GRU operators."""

from benchmarks.peers.onnx_runtime import OnnxRuntime
from benchmarks.peers.sequence_onnx import build_sequence_model
from benchmarks.sequences.network import WeightedSequence


class OnnxRuntimeSequences(OnnxRuntime):
    """The session of a network of sequences."""

    def load_sequence(self, network: WeightedSequence) -> None:
        """Create the session."""
        self.open(build_sequence_model(network))


def create(threads: int) -> OnnxRuntimeSequences:
    """Return the engine."""
    return OnnxRuntimeSequences(threads)
