"""OpenVINO after NNCF's post-training quantisation: int8 weights and values, scales from 300 random samples."""

from collections.abc import Sequence

import nncf  # type: ignore[import-not-found]
import numpy as np

from benchmarks.networks import Layer
from benchmarks.peers.openvino_f32 import OpenVino, build_model

SAMPLES, SEED = 300, 5


class OpenVinoInt8(OpenVino):
    """The compiled quantised model."""

    def load(self, layers: Sequence[Layer]) -> None:
        """Quantise with samples like those of the benchmark, and compile."""
        nncf.set_log_level(40)
        generator = np.random.default_rng(SEED)
        samples = generator.standard_normal((SAMPLES, layers[0].kernel.shape[0]), np.float32)
        dataset = nncf.Dataset([sample[None] for sample in samples])
        self.open(nncf.quantize(build_model(layers), dataset, subset_size=SAMPLES))


def create(threads: int) -> OpenVinoInt8:
    """Return the engine."""
    return OpenVinoInt8(threads)
