"""An engine that forgets the biases: what the benchmark must not let pass."""

from collections.abc import Sequence

import numpy as np

from benchmarks.networks import FloatArray, Layer


class Wrong:
    version = "wrong"

    def load(self, layers: Sequence[Layer]) -> None:
        self._layers = layers

    def run(self, inputs: FloatArray) -> FloatArray:
        for layer in self._layers:
            inputs = inputs @ layer.kernel
            inputs = np.maximum(inputs, 0) if layer.relu else inputs
        return inputs


def create(threads: int) -> Wrong:
    return Wrong()
