"""An engine that works for one network, dies at the second, and works again when started anew."""

import os
from collections.abc import Sequence

from benchmarks.networks import FloatArray, Layer, reference_outputs


class Dying:
    version = "dying"

    def load(self, layers: Sequence[Layer]) -> None:
        if layers[0].kernel.shape[0] == 40 and hasattr(self, "_layers"):
            os._exit(3)
        self._layers = layers

    def run(self, inputs: FloatArray) -> FloatArray:
        return reference_outputs(self._layers, inputs).astype("float32")


def create(threads: int) -> Dying:
    return Dying()
