"""What a worker asks of an engine."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from benchmarks.images.network import WeightedNetwork
from benchmarks.networks import FloatArray, Layer
from benchmarks.sequences.network import WeightedSequence


class Engine(Protocol):
    """One way to run networks, one after the other; modules make theirs in `create(threads)`."""

    version: str

    def load(self, layers: Sequence[Layer]) -> None:
        """Prepare to run `layers`, and forget those before; not timed."""

    def run(self, inputs: FloatArray) -> FloatArray:
        """Return [batch, outputs] for row-major [batch, inputs]; this call is what is timed."""


@runtime_checkable
class ImageEngine(Engine, Protocol):
    """An engine that runs networks of images and signals, too."""

    def load_network(self, network: WeightedNetwork) -> None:
        """Prepare to run `network`, and forget those before; not timed."""


@runtime_checkable
class SequenceEngine(Engine, Protocol):
    """An engine that runs networks of sequences, too."""

    def load_sequence(self, network: WeightedSequence) -> None:
        """Prepare to run `network`, and forget those before; not timed."""
