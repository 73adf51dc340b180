"""PyTorch's CSR tensors, which MKL multiplies: sparse [units, inputs] times dense [inputs, batch]."""

import warnings
from collections.abc import Sequence

import numpy as np
import torch  # type: ignore[import-not-found]

from benchmarks.networks import FloatArray, Layer


class TorchCsr:
    """One `addmm` (at batch 1 one `mv`) a layer."""

    version = f"PyTorch {torch.__version__}"

    def __init__(self, threads: int) -> None:
        """Set the threads."""
        torch.set_num_threads(threads)
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta state")

    def load(self, layers: Sequence[Layer]) -> None:
        """Convert each kernel once."""
        self._layers = [
            (
                torch.from_numpy(np.ascontiguousarray(layer.kernel.T)).to_sparse_csr(),
                torch.from_numpy(layer.bias),
                layer.relu,
            )
            for layer in layers
        ]

    def run(self, inputs: FloatArray) -> FloatArray:
        """Multiply layer by layer, samples in columns; one sample is a vector."""
        with torch.inference_mode():
            if len(inputs) == 1:
                return np.asarray(self._run_one(torch.from_numpy(inputs[0])).numpy()[None])
            values = torch.from_numpy(inputs).t().contiguous()
            for kernel, bias, relu in self._layers:
                values = torch.addmm(bias[:, None], kernel, values)
                if relu:
                    values.relu_()
            return np.asarray(values.t().contiguous().numpy())

    def _run_one(self, values: torch.Tensor) -> torch.Tensor:
        for kernel, bias, relu in self._layers:
            values = torch.mv(kernel, values).add_(bias)
            if relu:
                values.relu_()
        return values


def create(threads: int) -> TorchCsr:
    """Return the engine."""
    return TorchCsr(threads)
