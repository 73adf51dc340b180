"""Models that take an engine long to make, kept in the benchmark's folder: runs with other threads find them there."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.images.network import WeightedNetwork


def kept_model(network: WeightedNetwork, name: str, make: Callable[[Path], None]) -> Path:
    """Return the file of a model, which `make` writes where no earlier worker did.

    Args:
        network: The network; its steps and weights name the file.
        name: The end of the file's name, with its extension.
        make: Writes the model to a path, and what belongs to it beside that, under names that begin alike.
    """
    digest = hashlib.sha256(repr(network.description).encode())
    for step, arrays in sorted(network.weights.items()):
        for kind, array in sorted(arrays.items()):
            digest.update(f"{step}/{kind}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
    model = Path(os.environ["PRUNUS_BENCH_FOLDER"]) / f"model-{digest.hexdigest()[:16]}-{name}"
    done = model.with_suffix(".done")
    if not done.exists():
        make(model)
        done.touch()  # last: a worker may have ended in the middle
    return model
