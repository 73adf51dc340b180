"""How far the outputs of a network can move because of the weights that the scale-aware rule removed."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from graph.graph import Graph
from pruning.lossless.bounds import Bounds
from pruning.lossless.perturbation import propagate_errors
from pruning.rules.bound import Reals


@dataclass(frozen=True, slots=True)
class NetworkBound:
    """How far one output can move because of the weights that the rule removed: `constant + slope * rho`.

    `rho` is the largest magnitude among inputs without a declared range. The bound is proven by forward error analysis
    and loose: it adds up magnitudes along every path.

    Attributes:
        output: the public name of the output.
        constant: the change at rho = 0; infinite where an op on the way has no bound.
        slope: how fast the change grows with rho.
        relative: the largest ratio of the change to the output's own magnitude bound, for rho from 0 to the assumed
            magnitude.
    """

    output: str
    constant: float
    slope: float
    relative: float


def network_bounds(
    graph: Graph, bounds: Bounds, removed: Mapping[str, Reals], assumed_magnitude: float
) -> tuple[NetworkBound, ...]:
    """Bound every output's change.

    Args:
        graph: the graph that the rule saw.
        bounds: its magnitude bounds.
        removed: the removed weights by kernel name; see `propagate_errors`.
        assumed_magnitude: the largest `rho` that the relative bound stands for.
    """
    errors = propagate_errors(graph, bounds, removed)
    found = []
    for output in graph.outputs:
        error, size = errors[output.value], bounds.values[output.value]
        ratios = []
        for rho in (0.0, assumed_magnitude):
            moved, scale = error.at(rho), size.at(rho)
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = np.where(moved == 0.0, 0.0, moved / scale)
            ratios.append(float(np.where(np.isnan(ratio), np.inf, ratio).max()))
        constant, slope = float(error.constant.max()), float(error.slope.max())
        found.append(NetworkBound(output.name, constant, slope, max(ratios)))
    return tuple(found)
