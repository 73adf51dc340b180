"""OpenVINO on networks of images after NNCF's post-training quantisation, scales from 32 random samples."""

from pathlib import Path

import nncf  # type: ignore[import-not-found]
import numpy as np
import openvino  # type: ignore[import-not-found]

from benchmarks.images.network import WeightedNetwork, as_image
from benchmarks.peers.kept_models import kept_model
from benchmarks.peers.openvino_f32 import OpenVino
from benchmarks.peers.openvino_images import build_image_model

SAMPLES, SEED = 32, 5


class OpenVinoImagesInt8(OpenVino):
    """The compiled quantised model."""

    def load_network(self, network: WeightedNetwork) -> None:
        """Quantise with samples like those of the benchmark, where no earlier worker did, and compile."""

        def make(model: Path) -> None:
            openvino.save_model(_quantised(network), model, compress_to_fp16=False)

        self.open(openvino.Core().read_model(kept_model(network, "int8.xml", make)))


def _quantised(network: WeightedNetwork) -> openvino.Model:
    nncf.set_log_level(40)
    generator = np.random.default_rng(SEED)
    shape = as_image(network).description.sample_shape
    first = (shape[-1], *shape[:-1])
    samples = [generator.standard_normal((1, *first), np.float32) for _ in range(SAMPLES)]
    return nncf.quantize(build_image_model(network), nncf.Dataset(samples), subset_size=SAMPLES)


def create(threads: int) -> OpenVinoImagesInt8:
    """Return the engine."""
    return OpenVinoImagesInt8(threads)
