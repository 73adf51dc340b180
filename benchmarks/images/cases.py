"""What of the image and signal networks is measured: each sparse, and dense."""

from dataclasses import dataclass

from benchmarks.images.architectures import conv1d_resnet, mobilenet_v2, resnet50
from benchmarks.images.network import Description

IMAGE_BATCHES = (1, 16)


@dataclass(frozen=True, slots=True)
class Case:
    """A network, and the fraction of zeros in its prunable kernels."""

    description: Description
    sparsity: float


CASES = tuple(
    Case(description, sparsity)
    for description, own in ((resnet50(), 0.9), (mobilenet_v2(), 0.85), (conv1d_resnet(), 0.9))
    for sparsity in (own, 0.0)
)
