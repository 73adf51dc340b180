"""DeepSparse 1.8, the sparse engine of Neural Magic: compiled for one batch size at a time, as it wants.

Its licence allows evaluation. The runner turns its telemetry off (NM_DISABLE_ANALYTICS, see benchmarks.protocol).
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import deepsparse  # type: ignore[import-not-found]
import numpy as np

from benchmarks.networks import FloatArray, Layer
from benchmarks.peers.onnx_model import build_model


class DeepSparse:
    """An engine a batch size, kept while the network is."""

    version = f"DeepSparse {deepsparse.__version__}"

    def __init__(self, threads: int) -> None:
        """Remember the number of threads."""
        self._threads = threads
        self._folder = tempfile.TemporaryDirectory(prefix="prunus-bench-")
        self._engines: dict[int, Any] = {}

    def load(self, layers: Sequence[Layer]) -> None:
        """Write the model; `run` compiles at the first call of a batch size, which is never timed."""
        self._engines.clear()
        self._model = Path(self._folder.name) / "mlp.onnx"
        self._model.write_bytes(build_model(layers))

    def run(self, inputs: FloatArray) -> FloatArray:
        """Run the engine of this batch size."""
        batch = len(inputs)
        if batch not in self._engines:
            self._engines[batch] = deepsparse.compile_model(
                str(self._model), batch_size=batch, num_cores=self._threads
            )
        return np.asarray(self._engines[batch].run([inputs])[0])


def create(threads: int) -> DeepSparse:
    """Return the engine."""
    return DeepSparse(threads)
