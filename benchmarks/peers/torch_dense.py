"""PyTorch: `torch.nn.functional.linear`, in inference mode."""

from collections.abc import Sequence

import numpy as np
import torch  # type: ignore[import-not-found]

from benchmarks.networks import FloatArray, Layer


class TorchDense:
    """Dense weights as [units, inputs]."""

    version = f"PyTorch {torch.__version__}"

    def __init__(self, threads: int) -> None:
        """Set the threads."""
        torch.set_num_threads(threads)

    def load(self, layers: Sequence[Layer]) -> None:
        """Keep the weights as tensors."""
        self._layers = [
            (
                torch.from_numpy(np.ascontiguousarray(layer.kernel.T)),
                torch.from_numpy(layer.bias),
                layer.relu,
            )
            for layer in layers
        ]

    def run(self, inputs: FloatArray) -> FloatArray:
        """Run layer by layer."""
        with torch.inference_mode():
            values = torch.from_numpy(inputs)
            for kernel, bias, relu in self._layers:
                values = torch.nn.functional.linear(values, kernel, bias)
                if relu:
                    values.relu_()
        return np.asarray(values.numpy())


def create(threads: int) -> TorchDense:
    """Return the engine."""
    return TorchDense(threads)
