"""SciPy's CSR product, in its best form: sparse [units, inputs] times dense [inputs, batch]."""

from collections.abc import Sequence

import numpy as np
import scipy
from scipy.sparse import csr_array

from benchmarks.networks import FloatArray, Layer


class ScipyCsr:
    """One `csr_array @ values` a layer; bias and relu in place."""

    version = f"SciPy {scipy.__version__}"

    def load(self, layers: Sequence[Layer]) -> None:
        """Convert each kernel once."""
        self._layers = [
            (csr_array(np.ascontiguousarray(layer.kernel.T)), layer.bias[:, None], layer.relu)
            for layer in layers
        ]

    def run(self, inputs: FloatArray) -> FloatArray:
        """Multiply layer by layer; batch 1 takes SciPy's vector routine, which is faster."""
        if len(inputs) == 1:
            return self._run_one(inputs[0])[None]
        values = np.ascontiguousarray(inputs.T)
        for kernel, bias, relu in self._layers:
            values = kernel @ values
            values += bias
            if relu:
                np.maximum(values, 0, out=values)
        return np.ascontiguousarray(values.T)

    def _run_one(self, values: FloatArray) -> FloatArray:
        for kernel, bias, relu in self._layers:
            values = kernel @ values
            values += bias[:, 0]
            if relu:
                np.maximum(values, 0, out=values)
        return values


def create(threads: int) -> ScipyCsr:  # noqa: ARG001  # every engine is made so
    """Return the engine; SciPy's sparse products have one thread, whatever is asked."""
    return ScipyCsr()
