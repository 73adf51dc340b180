"""Networks of sequences as `benchmarks.named` runs them."""

from pathlib import Path

import numpy as np

from benchmarks.named import Prepared
from benchmarks.sequences.cases import SequenceCase
from benchmarks.sequences.network import random_sequence, save_sequence
from benchmarks.sequences.prunus_graph import reference_outputs
from benchmarks.side_by_side import SEED, Trial


def prepare_sequence(case: SequenceCase, folder: Path) -> Prepared:
    """Write a network of sequences; every batch size has samples of its own."""
    network = random_sequence(case.description, case.sparsity, SEED)
    save_sequence(network, folder / "network.npz")

    def trial(batch: int) -> Trial:
        generator = np.random.default_rng(SEED + batch)
        inputs = generator.standard_normal((batch, *case.description.sample_shape), np.float32)
        np.save(folder / "inputs.npy", inputs, allow_pickle=False)
        expected = reference_outputs(network, inputs)
        return Trial(folder / "inputs.npy", folder / "outputs.npy", expected)

    return Prepared({"sequence": str(folder / "network.npz")}, trial)
