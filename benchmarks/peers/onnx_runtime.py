"""ONNX Runtime's CPU provider: one Gemm and one Relu a layer, all its graph optimisations on."""

from collections.abc import Sequence

import numpy as np
import onnxruntime  # type: ignore[import-not-found]

from benchmarks.networks import FloatArray, Layer
from benchmarks.peers.onnx_model import build_model


class OnnxRuntime:
    """An `InferenceSession` with a set number of threads."""

    version = f"ONNX Runtime {onnxruntime.__version__}"

    def __init__(self, threads: int) -> None:
        """Remember the number of threads."""
        self._threads = threads

    def load(self, layers: Sequence[Layer]) -> None:
        """Create the session."""
        self.open(build_model(layers))

    def open(self, model: bytes) -> None:
        """Create the session of a serialised model."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        # Subnormal numbers, which take many times as long, are zeros, as they are for Prunus.
        options.add_session_config_entry("session.set_denormal_as_zero", "1")
        self._session = onnxruntime.InferenceSession(
            model, options, providers=["CPUExecutionProvider"]
        )

    def run(self, inputs: FloatArray) -> FloatArray:
        """Run the session on NumPy arrays."""
        return np.asarray(self._session.run(["y"], {"x": inputs})[0])


def create(threads: int) -> OnnxRuntime:
    """Return the engine."""
    return OnnxRuntime(threads)
