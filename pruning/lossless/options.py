"""What the lossless steps are told: which of them to run, their numbers, and what is known of the inputs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class InputRange:
    """Every value of an input lies in ``[low, high]``: declared by the user, and the proof relies on it."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class LosslessOptions:
    """Steps of the lossless mode; the other modes run them after their own step.

    Attributes:
        drop: whether to remove weights that cannot change the outputs beyond float32 rounding.
        fold: whether to fold BatchNormalization, Rescaling and Normalization into linear layers.
        simplify: whether to remove dead, constant and duplicate units and to collapse linear layers.
        absolute_threshold: the largest weight that may be dropped where the input's size is not proven.
        assumed_magnitude: inputs without a declared range and without a dtype that bounds them are
            taken to be at most this large; the certificate names it.
        input_ranges: the declared ranges by input name; "" stands for every input.
        gate: the largest measured change of an output, relative to its scale, that mode lossless accepts.
    """

    drop: bool = True
    fold: bool = True
    simplify: bool = True
    absolute_threshold: float = 1e-15
    assumed_magnitude: float = 1e4
    input_ranges: Mapping[str, InputRange] = field(default_factory=lambda: MappingProxyType({}))
    gate: float = 1e-6
