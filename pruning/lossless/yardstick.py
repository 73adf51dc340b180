"""How large values are on samples: what proven bounds are compared with before anything is called a matter of rounding.

Bounds add up magnitudes layer by layer. Behind ten convolutions they may be a million times what any input brings
about, and "small against the bound" then says nothing of a weight. So the scale that float32's rounding is measured by
is the bound of a value, or what samples show where that is less.
"""

from collections.abc import Mapping

import numpy as np

from graph.batches import Arrays, batches, samples_at_once
from graph.graph import Graph, Node
from graph.linear import is_linear
from graph.reference import dead_after, iter_values
from pruning.lossless.bounds import Bounds
from pruning.rules.bound import Bound, Reals

# Up to this `rho` a sample counts for the part of a scale that does not grow, and from 1 on for the part that does.
_ORDINARY = 8.0


@np.errstate(all="ignore")
def scales_seen(graph: Graph, bounds: Bounds, samples: Arrays) -> Bounds:
    """Return bounds that are no larger than what samples show: for comparing with, not for proving.

    The size of a linear layer's value is |bias| plus the sum of |weight| |input|, because that is what its rounding
    errors grow with.

    Args:
        graph: a verified graph with fixed sample shapes.
        bounds: its magnitude bounds.
        samples: one array (samples, *sample shape) for each input.
    """
    fixed = {name: np.zeros(bound.shape) for name, bound in bounds.values.items()}
    grown = {name: np.zeros(bound.shape) for name, bound in bounds.values.items()}
    rho = _sizes_of_inputs(bounds, samples)
    first = 0
    for batch in batches(samples, samples_at_once(graph, side_by_side=2)):
        sizes = rho[first : first + len(next(iter(batch.values())))]
        first += len(sizes)
        for name, seen in _seen(graph, bounds, batch).items():
            ordinary, large = sizes <= _ORDINARY, sizes >= 1.0
            _raise_to(fixed[name], seen[ordinary])
            rows = sizes[large].reshape(-1, *[1] * (seen.ndim - 1))
            _raise_to(grown[name], seen[large] / rows)
    if not (rho <= _ORDINARY).any():
        fixed = {name: np.full_like(array, np.inf) for name, array in fixed.items()}
    if not (rho >= 1.0).any():
        grown = {name: np.full_like(array, np.inf) for name, array in grown.items()}
    capped = {
        name: Bound(np.minimum(b.constant, fixed[name]), np.minimum(b.slope, grown[name]))
        for name, b in bounds.values.items()
    }
    return Bounds(capped, bounds.undeclared)


def _sizes_of_inputs(bounds: Bounds, samples: Arrays) -> Reals:
    """Return `rho` of every sample: its largest magnitude among the inputs that nothing bounds."""
    count = len(next(iter(samples.values())))
    rho = np.zeros(count)
    for name in bounds.undeclared:
        rows = np.abs(samples[name].astype(np.float64)).reshape(count, -1)
        rho = np.maximum(rho, rows.max(axis=1, initial=0.0))
    return rho


def _seen(graph: Graph, bounds: Bounds, batch: Arrays) -> dict[str, Reals]:
    """Return how large each value of each sample is, (samples, *grain); infinite where it is not finite."""
    nodes, dead = graph.producers(), dead_after(graph)
    held: dict[str, Reals] = {}
    found: dict[str, Reals] = {}
    for name, value in iter_values(graph, batch):
        held[name] = value
        node = nodes.get(name)
        size = np.abs(value) if node is None else _size(graph, node, held)
        grain = bounds.values[name].shape
        pairs = enumerate(zip(grain, size.shape[1:], strict=True), 1)
        axes = tuple(axis for axis, (want, have) in pairs if want != have)
        largest = size.max(axis=axes, keepdims=True)
        found[name] = np.where(np.isfinite(largest), largest, np.inf).astype(np.float64)
        for other in dead[name]:
            held.pop(other, None)
    return found


def _size(graph: Graph, node: Node, held: Mapping[str, Reals]) -> Reals:
    if not is_linear(node.op):
        return np.abs(held[node.name])
    weights = [np.abs(graph.weights[name].astype(np.float32)) for name in node.weights]
    return node.op.evaluate([np.abs(held[name]) for name in node.inputs], weights)


def _raise_to(largest: Reals, rows: Reals) -> None:
    if len(rows):
        np.maximum(largest, rows.max(axis=0), out=largest)
