"""LiteRT's interpreter on networks of sequences; TensorFlow's environment converts the models, one a batch size."""

import tempfile
from pathlib import Path

from benchmarks.networks import FloatArray
from benchmarks.peers.litert import LiteRt, run_converter
from benchmarks.sequences.network import WeightedSequence, save_sequence


class LiteRtSequences(LiteRt):
    """One interpreter for the batch size of the last call."""

    def load_sequence(self, network: WeightedSequence) -> None:
        """Remember the network; `run` converts at the first call of a batch size, which is never timed."""
        self._network, self._batch = network, 0

    def run(self, inputs: FloatArray) -> FloatArray:
        """Copy in, invoke, copy out."""
        if len(inputs) != self._batch:
            with tempfile.TemporaryDirectory(prefix="prunus-bench-") as folder:
                source, model = Path(folder) / "network.npz", Path(folder) / "network.tflite"
                save_sequence(self._network, source)
                module = "benchmarks.peers.litert_convert_sequences"
                run_converter(module, str(source), str(model), str(len(inputs)))
                self.open(model)
            self._interpreter.allocate_tensors()
            self._batch = len(inputs)
        return super().run(inputs)


def create(threads: int) -> LiteRtSequences:
    """Return the engine."""
    return LiteRtSequences(threads, "f32")
