"""Who takes part in `make bench-peers`, and on what."""

import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.environments import MissingEnvironmentError, set_up
from benchmarks.protocol import Contender

OWN = "Prunus"


@dataclass(frozen=True, slots=True)
class Entry:
    """One engine of the tables.

    Attributes:
        name: Shown.
        module: Has `create(threads) -> Engine`.
        environment: Name of its lock in requirements/peers/; None: the project's own.
        exact: Computes in float32, so that its outputs are held to the reference; else its error is printed.
        shared: Uses as many threads as it is given; one that does not is timed with one only.
        only: Networks that it runs, by name; empty: all.
        channels_first: Takes images as [batch, channels, height, width], and gets them so.
    """

    name: str
    module: str
    environment: str | None
    exact: bool = True
    shared: bool = True
    only: tuple[str, ...] = ()
    channels_first: bool = False


ENTRIES = (
    Entry(OWN, "benchmarks.prunus_sparse", None),
    Entry("DeepSparse", "benchmarks.peers.deepsparse", "deepsparse"),
    Entry("ONNX Runtime", "benchmarks.peers.onnx_runtime", "onnxruntime"),
    Entry("ONNX Runtime int8", "benchmarks.peers.onnx_runtime_int8", "onnxruntime", exact=False),
    Entry("OpenVINO", "benchmarks.peers.openvino_f32", "openvino"),
    Entry("OpenVINO int8", "benchmarks.peers.openvino_int8", "openvino", exact=False),
    Entry("LiteRT", "benchmarks.peers.litert", "litert"),
    Entry("LiteRT int8", "benchmarks.peers.litert_int8", "litert", exact=False),
    Entry("TensorFlow function", "benchmarks.peers.tensorflow_function", "tensorflow"),
    Entry("PyTorch", "benchmarks.peers.torch_dense", "torch"),
    Entry("PyTorch CSR", "benchmarks.peers.torch_csr", "torch"),
    Entry("SciPy CSR", "benchmarks.peers.scipy_csr", "scipy", shared=False),
    Entry(
        "Keras predict",
        "benchmarks.peers.keras_predict",
        "tensorflow",
        shared=False,
        only=("784-300-100-10",),
    ),
)
IMAGE_ENTRIES = (
    Entry(OWN, "benchmarks.images.prunus_sparse", None),
    Entry("DeepSparse", "benchmarks.peers.deepsparse_images", "deepsparse", channels_first=True),
    Entry(
        "ONNX Runtime", "benchmarks.peers.onnx_runtime_images", "onnxruntime", channels_first=True
    ),
    Entry("OpenVINO", "benchmarks.peers.openvino_images", "openvino", channels_first=True),
    Entry(
        "OpenVINO int8",
        "benchmarks.peers.openvino_images_int8",
        "openvino",
        exact=False,
        channels_first=True,
    ),
    Entry("LiteRT", "benchmarks.peers.litert_images", "litert"),
    Entry("TensorFlow function", "benchmarks.peers.tensorflow_images", "tensorflow"),
)
SEQUENCE_ENTRIES = (
    Entry(OWN, "benchmarks.sequences.prunus_sparse", None),
    Entry("DeepSparse", "benchmarks.peers.deepsparse_sequences", "deepsparse"),
    Entry("ONNX Runtime", "benchmarks.peers.onnx_runtime_sequences", "onnxruntime"),
    Entry("OpenVINO", "benchmarks.peers.openvino_sequences", "openvino"),
    Entry("LiteRT", "benchmarks.peers.litert_sequences", "litert"),
    Entry("TensorFlow function", "benchmarks.peers.tensorflow_sequences", "tensorflow"),
)
# LiteRT's models are written there.
CONVERTER = {"litert": "tensorflow"}


def cores_for(threads: int) -> tuple[int, ...]:
    """Return the CPUs for so many threads: the last ones, since the first has the interrupts and the runner."""
    return tuple(sorted(os.sched_getaffinity(0))[-threads:])


def environments(
    entries: Iterable[Entry], say: Callable[[str], None]
) -> tuple[dict[str | None, Path], dict[str | None, str]]:
    """Set up what these entries need.

    Returns:
        The interpreter of each environment that is there, and why each other is not.
    """
    found: dict[str | None, Path] = {None: Path(sys.executable)}
    missing: dict[str | None, str] = {}
    needed = [entry.environment for entry in entries if entry.environment]
    for name in dict.fromkeys(
        [*needed, *(CONVERTER[name] for name in needed if name in CONVERTER)]
    ):
        try:
            found[name] = set_up(name, say)
        except MissingEnvironmentError as error:
            missing[name] = str(error)
    return found, missing


def contender(entry: Entry, python: Path, threads: int) -> Contender:
    """Return the entry as a process with so many threads."""
    return Contender(
        entry.name,
        entry.module,
        python,
        cores_for(threads),
        entry.exact,
        entry.only,
        entry.channels_first,
    )
