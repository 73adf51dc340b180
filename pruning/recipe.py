"""What to prune and how far: the recipe (docs/recipes.md)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from pruning.lossless.options import LosslessOptions


class Mode(StrEnum):
    """How weights are chosen."""

    LOSSLESS = "lossless"
    THRESHOLD = "threshold"
    MAGNITUDE = "magnitude"
    CALIBRATED = "calibrated"


class Allocation(StrEnum):
    """How one target sparsity is spread over the layers."""

    GLOBAL = "global"
    LAYER = "layer"
    ERK = "erk"


class Solver(StrEnum):
    """How mode calibrated finds what to keep of a layer.

    - *auto*: ExactOBS where that takes seconds, ALPS for larger layers.
    - *exact_obs*: greedy removal, one weight after another, the others adapting each time (Frantar et al. 2022).
    - *alps*: all weights together, by alternating directions (Meng et al. 2024).
    - *magnitude*: sizes of weights, those that are left fitted.
    - *wanda*: weights times the size of their inputs, nothing adapting (Sun et al. 2023).
    """

    AUTO = "auto"
    EXACT_OBS = "exact_obs"
    ALPS = "alps"
    WANDA = "wanda"
    MAGNITUDE = "magnitude"


class Pooling(StrEnum):
    """How a block's score follows from its weights' scores."""

    AVG = "avg"
    MAX = "max"


@dataclass(frozen=True, slots=True)
class Unstructured:
    """Every weight stands for itself."""


@dataclass(frozen=True, slots=True)
class NofM:
    """``n`` weights are *kept* of every ``m`` consecutive inputs of an output unit.

    The groups start at input 0; a last, shorter group keeps ``min(n, its size)``.
    """

    n: int
    m: int


@dataclass(frozen=True, slots=True)
class Block:
    """Weights are kept or removed in blocks of ``rows`` output units by ``cols`` inputs, starting at (0, 0).

    Blocks at the border may be smaller; they are pooled over the weights they have.
    """

    rows: int
    cols: int
    pooling: Pooling = Pooling.AVG


Pattern = Unstructured | NofM | Block


class PatternKind(StrEnum):
    """The JSON names of the patterns."""

    UNSTRUCTURED = "unstructured"
    N_M = "n_m"
    BLOCK = "block"


class Answers(StrEnum):
    """What the outputs of a model are read as when two models' answers are compared."""

    CLASSES = "classes"
    NUMBERS = "numbers"


@dataclass(frozen=True, slots=True)
class GateOptions:
    """What the served model may differ from the original by; a gate that is None has its default.

    Attributes:
        max_accuracy_drop: accuracy before minus accuracy after, in [0, 1]; needs labels.
        min_agreement: share of the calibration samples that both models answer alike, in [0, 1].
        max_change: largest change of a sample's outputs, relative to the outputs' spread.
        answers: what the outputs are read as; None follows the last activation.
    """

    max_accuracy_drop: float | None = None
    min_agreement: float | None = None
    max_change: float | None = None
    answers: Answers | None = None


@dataclass(frozen=True, slots=True)
class LayerOverride:
    """One layer's exception: left alone, or with its own sparsity or threshold."""

    skip: bool = False
    sparsity: float | None = None
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class CalibratedOptions:
    """What only mode calibrated has.

    Attributes:
        solver: how what to keep of a layer is found.
        damping: how far weights are held where they are as trained, as a share of the mean square of their inputs.
        held_out: share of the samples that only judge, in [0.05, 0.5].
        back_off: whether less is removed where the gate does not hold on these samples.
        seed: the seed of every random draw.
    """

    solver: Solver = Solver.AUTO
    damping: float = 0.001
    held_out: float = 0.2
    back_off: bool = True
    seed: int = 0


@dataclass(frozen=True, slots=True)
class PruningRecipe:
    """What to prune and how far. ``PruningRecipe()`` is the lossless default.

    Attributes:
        mode: How weights are chosen.
        lossless: Options of the lossless steps.
        threshold: Mode threshold: weights with ``abs(w) <= threshold`` are removed.
        sparsity: Modes magnitude and calibrated: fraction of the prunable weights to remove, in [0, 1).
        allocation: Modes magnitude and calibrated: how the target is spread over the layers.
        pattern: Modes magnitude and calibrated: which shapes the removed weights form.
        calibrated: What only mode calibrated has.
        keep_per_row: All modes but lossless: weights that every output unit keeps at least (the
            largest ones; with blocks, that many blocks). Units that had fewer keep what they had.
        layers: Exceptions by layer name.
        gate: What the result may differ from the original by.
    """

    mode: Mode = Mode.LOSSLESS
    lossless: LosslessOptions = field(default_factory=LosslessOptions)
    threshold: float | None = None
    sparsity: float | None = None
    allocation: Allocation = Allocation.GLOBAL
    pattern: Pattern = Unstructured()
    calibrated: CalibratedOptions = CalibratedOptions()
    keep_per_row: int = 1
    layers: Mapping[str, LayerOverride] = field(default_factory=lambda: MappingProxyType({}))
    gate: GateOptions = GateOptions()
