"""The network and the bodies of the HTTP measurements: 784-300-100-10 at 95 % zeros, one sample a request."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson

from benchmarks.networks import Network, random_layers
from benchmarks.prunus_sparse import build_graph
from graph.keras.export import write_keras

NETWORK = Network((784, 300, 100, 10))
SPARSITY = 0.95
MODEL = "mlp"
JSON = "application/json"
NPY = "application/x-npy"
# Grey values of images over 255 have about as many.
DECIMALS = 4


@dataclass(frozen=True, slots=True)
class Body:
    """What one request carries.

    Attributes:
        form: short name of the form, for people.
        media_type: its Content-Type.
        path: file with the bytes.
    """

    form: str
    media_type: str
    path: Path


def write_network(path: Path) -> None:
    """Write the network as a `.keras` file."""
    write_keras(build_graph(random_layers(NETWORK, SPARSITY, seed=0)), path)


def write_bodies(folder: Path) -> tuple[Body, ...]:
    """Write the same sample, uniform in [0, 1) with `DECIMALS` decimals, as JSON and as `.npy`."""
    sample = np.round(np.random.default_rng(0).random((1, NETWORK.widths[0])), DECIMALS)
    as_json = Body("JSON", JSON, folder / "request.json")
    as_json.path.write_bytes(orjson.dumps({"model": MODEL, "inputs": sample.tolist()}))
    as_npy = Body(".npy", NPY, folder / "request.npy")
    np.save(as_npy.path, sample.astype(np.float32))
    return as_json, as_npy
