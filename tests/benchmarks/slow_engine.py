"""An engine whose calls take longer than a turn, and that reports its environment as its version."""

import os
import time
from collections.abc import Sequence

from benchmarks.networks import FloatArray, Layer, reference_outputs


class Slow:
    def load(self, layers: Sequence[Layer]) -> None:
        names = ("PRUNUS_THREADS", "OMP_NUM_THREADS", "NM_DISABLE_ANALYTICS")
        self.version = " ".join(os.environ[name] for name in names)
        self._layers = layers

    def run(self, inputs: FloatArray) -> FloatArray:
        time.sleep(0.03)
        return reference_outputs(self._layers, inputs).astype("float32")


def create(threads: int) -> Slow:
    return Slow()
