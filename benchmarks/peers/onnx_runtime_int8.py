"""ONNX Runtime with its own dynamic quantisation: int8 weights, one scale a unit; uint8 values, scaled at each call."""

import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path

from onnxruntime.quantization import QuantType, quantize_dynamic  # type: ignore[import-not-found]

from benchmarks.networks import Layer
from benchmarks.peers.onnx_model import build_model
from benchmarks.peers.onnx_runtime import OnnxRuntime


class OnnxRuntimeInt8(OnnxRuntime):
    """The session of a quantised model."""

    def load(self, layers: Sequence[Layer]) -> None:
        """Quantise and create the session.

        `reduce_range` stays off: the pairwise sums that it is for do not saturate where the CPU has VNNI.
        """
        logging.disable(logging.WARNING)
        with tempfile.TemporaryDirectory(prefix="prunus-bench-") as folder:
            plain, quantised = Path(folder) / "f32.onnx", Path(folder) / "int8.onnx"
            plain.write_bytes(build_model(layers))
            quantize_dynamic(
                plain, quantised, weight_type=QuantType.QInt8, per_channel=True, reduce_range=False
            )
            self.open(quantised.read_bytes())


def create(threads: int) -> OnnxRuntimeInt8:
    """Return the engine."""
    return OnnxRuntimeInt8(threads)
