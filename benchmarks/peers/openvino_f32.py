"""OpenVINO's CPU plugin, held to float32: left to itself it computes in bfloat16 where the CPU can."""

from collections.abc import Sequence

import numpy as np
import openvino  # type: ignore[import-not-found]
from openvino import opset13

from benchmarks.networks import FloatArray, Layer


def build_model(layers: Sequence[Layer]) -> openvino.Model:
    """Return the network as a model of any batch size; weights as [units, inputs], its usual order."""
    values = source = opset13.parameter([-1, layers[0].kernel.shape[0]], np.float32, name="x")
    for layer in layers:
        kernel = opset13.constant(np.ascontiguousarray(layer.kernel.T))
        values = opset13.matmul(values, kernel, transpose_a=False, transpose_b=True)
        values = opset13.add(values, opset13.constant(layer.bias[None]))
        if layer.relu:
            values = opset13.relu(values)
    return openvino.Model([values], [source], "mlp")


class OpenVino:
    """One inference request of a compiled model."""

    version = f"OpenVINO {openvino.__version__.split('-')[0]}"

    def __init__(self, threads: int) -> None:
        """Remember the number of threads."""
        self._threads = threads

    def load(self, layers: Sequence[Layer]) -> None:
        """Compile for the shortest time of a call."""
        self.open(build_model(layers))

    def open(self, model: openvino.Model) -> None:
        """Compile a model."""
        settings = {
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": self._threads,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            # Subnormal numbers, which take many times as long, are zeros, as they are for Prunus.
            "CPU_DENORMALS_OPTIMIZATION": True,
        }
        compiled = openvino.Core().compile_model(model, "CPU", settings)
        self._request = compiled.create_infer_request()

    def run(self, inputs: FloatArray) -> FloatArray:
        """Run on the caller's array without a copy; the answer is copied, since the request keeps its own."""
        outputs = self._request.infer([inputs], share_inputs=True, share_outputs=True)
        return np.array(outputs[0])


def create(threads: int) -> OpenVino:
    """Return the engine."""
    return OpenVino(threads)
