"""What a mode chose: new weights for some kernels, and what there is to say about them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from graph.graph import Graph, WeightArray
from pruning.calibrate import Calibration
from pruning.patterns import Mask
from pruning.simplify.rewrite import frozen

BY_SIZE = "Weights were removed by their size."


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """Weights to put in the place of those as trained.

    Attributes:
        weights: new arrays by weight name; all else stays as it is.
        changed: kernels of which a weight that was not zero is another one now, or gone.
        spared: why kernels that could be pruned were left whole, by weight name.
        method: how weights were chosen, in a sentence for the certificates of the changed layers.
        lowered: what was asked for and not done, in sentences.
        held_out: samples that the choice did not look at, where it looked at others.
    """

    weights: Mapping[str, WeightArray] = field(default_factory=lambda: MappingProxyType({}))
    changed: frozenset[str] = frozenset()
    spared: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    method: str = BY_SIZE
    lowered: tuple[str, ...] = ()
    held_out: Calibration | None = None


def masked(graph: Graph, masks: Mapping[str, Mask], spared: Mapping[str, str]) -> Choice:
    """Return the choice that sets every weight outside of its mask to zero.

    Args:
        graph: the model.
        masks: what stays, by weight name, in the kernel's shape.
        spared: see `Choice`.
    """
    weights = {
        name: frozen(np.where(mask, graph.weights[name], np.float32(0.0)))
        for name, mask in masks.items()
    }
    changed = frozenset(n for n, mask in masks.items() if np.any(graph.weights[n][~mask] != 0))
    return Choice(weights, changed, spared)
