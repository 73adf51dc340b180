"""Networks of images and signals as `benchmarks.named` runs them."""

import hashlib
from pathlib import Path

import numpy as np

from benchmarks.images.cases import Case
from benchmarks.images.network import FloatArray, WeightedNetwork, random_network, save_network
from benchmarks.images.prunus_graph import Reals, reference_outputs
from benchmarks.named import Prepared
from benchmarks.side_by_side import SEED, Effort, Trial

# A call takes milliseconds to a second.
IMAGE_EFFORT = Effort(rounds=7, seconds=0.1, calls=1, enough=2.0)
QUICK_IMAGE_EFFORT = Effort(rounds=3, seconds=0.03, calls=1)
# The reference takes seconds a sample: batches repeat these in turn.
DISTINCT_SAMPLES = 3


def prepare_image(case: Case, folder: Path) -> Prepared:
    """Write a network of images or signals; batches repeat a few samples in turn."""
    network = random_network(case.description, case.sparsity, SEED)
    save_network(network, folder / "network.npz")
    samples = _samples(case)
    expected = _cached_reference(network, case, samples, folder)

    def trial(batch: int) -> Trial:
        chosen = np.arange(batch) % DISTINCT_SAMPLES
        return write_trial(folder, samples[chosen], expected[chosen])

    return Prepared({"network": str(folder / "network.npz")}, trial)


def write_trial(folder: Path, inputs: FloatArray, expected: Reals) -> Trial:
    """Write the inputs channels last, and as images with their channels first."""
    np.save(folder / "inputs.npy", inputs, allow_pickle=False)
    images = inputs[:, None] if inputs.ndim == 3 else inputs
    turned = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    np.save(folder / "inputs-first.npy", turned, allow_pickle=False)
    return Trial(
        folder / "inputs.npy", folder / "outputs.npy", expected, folder / "inputs-first.npy"
    )


def _samples(case: Case) -> FloatArray:
    generator = np.random.default_rng(SEED)
    shape = (DISTINCT_SAMPLES, *case.description.sample_shape)
    return generator.standard_normal(shape, np.float32)


def _cached_reference(
    network: WeightedNetwork, case: Case, samples: FloatArray, folder: Path
) -> Reals:
    """Return the reference, which is computed once for all numbers of threads and all runs."""
    text = f"{case} {SEED} {DISTINCT_SAMPLES}"
    path = folder / f"reference-{hashlib.sha256(text.encode()).hexdigest()[:16]}.npy"
    if not path.exists():
        np.save(path, reference_outputs(network, samples), allow_pickle=False)
    expected: Reals = np.load(path, allow_pickle=False)
    return expected
