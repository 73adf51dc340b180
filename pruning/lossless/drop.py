"""The scale-aware rule: remove weights whose contribution is below float32 rounding, for every input.

For output unit j with weights w_ji, inputs |x_i| <= R_i and tolerance T_j (`pruning.lossless.tolerance`: at least
2^-24 * (|b_j| + sum_i |w_ji| R_i)), a set P is removed if

    sum over P of |w_ji| R_i  <=  T_j.

R_i and T_j may grow with `rho`, the largest magnitude among inputs that nothing bounds: R_i = c_i + s_i rho. Both sides
are straight lines in rho, so the rule is checked at rho = 0 and at rho = `assumed_magnitude`, and then holds between. A
scale is no larger than what samples show (`pruning.lossless.yardstick`). Where the rule also holds for the slopes alone
it holds for every input whatever its size, and the claim says so.

What this does *not* prove: with undeclared inputs, "rounding" is measured against the largest input. If one feature is
1e9 times larger than all others, a weight on it of 1e-9 times theirs matters just as much. The rule cannot know the
features' scales, so a weight that sees an undeclared input is removed only if it is also below an absolute threshold
(1e-15). Declared input ranges, narrow integer inputs, and bounded activations need no such threshold.

Weights are taken smallest share first, each row by itself, in float64.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from graph.graph import Graph, Node
from graph.linear import LinearKernel, kernel_of
from pruning.lossless.bounds import Bounds
from pruning.lossless.options import LosslessOptions
from pruning.lossless.tolerance import by_kernel, tolerances
from pruning.rules.bound import Bound, Flags, Reals

# The tolerance is stated over all weights of a row; over the kept ones it is smaller by at most this factor.
_KEPT_SHARE = 1.0 - 2.0**-23


@dataclass(frozen=True, slots=True)
class DropClaim:
    """What is proven about the weights removed from one kernel.

    Attributes:
        kernel: the name of the kernel.
        removed: how many non-zero weights were removed.
        used: the largest share of a row's tolerance that was spent, at most 1.
        row_ratio: the largest removed sum, relative to its row's own scale. It may be above 2^-24 where the rounding of
            what reads the row hides it.
        every_input: whether the claim needs no assumption on undeclared inputs.
    """

    kernel: str
    removed: int
    used: float
    row_ratio: float
    every_input: bool


@dataclass(frozen=True, slots=True)
class DropResult:
    """The kernels after removal.

    Attributes:
        kernels: the changed kernels by name, float64.
        removed: the removed weights by kernel name, 0 elsewhere.
        claims: one for each changed kernel.
    """

    kernels: Mapping[str, Reals]
    removed: Mapping[str, Reals]
    claims: tuple[DropClaim, ...]


@dataclass(frozen=True, slots=True)
class _Row:
    """Budget of a kernel's rows: its layout, bounds of the inputs, tolerances and scales of the units (units,).

    The inputs of a unit are a column of `inputs`, (fan_in, groups): that of the unit's group.
    """

    layout: LinearKernel
    inputs: Bound
    allowed: Bound
    scale: Bound


@np.errstate(over="ignore", invalid="ignore")
def drop_negligible(
    graph: Graph,
    bounds: Bounds,
    options: LosslessOptions,
    excluded: Collection[str] = (),
    scales: Bounds | None = None,
) -> DropResult:
    """Apply the rule to every kernel.

    Args:
        graph: the graph; its weights are float32 or float64.
        bounds: its magnitude bounds.
        options: the thresholds and the assumed magnitude.
        excluded: the kernels to leave alone.
        scales: how large values are, where that is known better than by the bounds (`pruning.lossless.yardstick`).
    """
    scales = bounds if scales is None else scales
    allowed = tolerances(graph, scales)
    kernels: dict[str, Reals] = {}
    removed: dict[str, Reals] = {}
    claims: list[DropClaim] = []
    for name, nodes in by_kernel(graph).items():
        if name in excluded:
            continue
        layout = kernel_of(graph, nodes[0])
        matrix = layout.matrix(np.asarray(graph.weights[name], np.float64))
        budget = _budget(nodes, layout, (bounds, scales), allowed)
        gone = _choose(matrix, budget, options)
        if gone.any():
            lost = np.where(gone, matrix, 0.0)
            kernels[name] = layout.array(np.where(gone, 0.0, matrix))
            removed[name] = layout.array(lost)
            claims.append(_claim(name, lost, budget, options.assumed_magnitude))
    return DropResult(kernels, removed, tuple(claims))


def _budget(
    nodes: tuple[Node, ...],
    layout: LinearKernel,
    known: tuple[Bounds, Bounds],
    allowed: Mapping[str, Bound],
) -> _Row:
    """Over all positions and all uses of a shared kernel: the largest inputs, the smallest tolerance."""
    bounds, scales = known
    inputs = [_flat(bounds.values[node.inputs[0]], layout.channels) for node in nodes]
    limits = [_flat(allowed[node.name], layout.units) for node in nodes]
    sizes = [_flat(scales.values[node.name], layout.units) for node in nodes]
    largest = _extreme(inputs, "max").mapped(layout.rows)
    return _Row(layout, largest, _extreme(limits, "min"), _extreme(sizes, "min"))


def _flat(value: Bound, features: int) -> Bound:
    """Return a value's bound as (positions, features)."""
    return value.mapped(
        lambda a: np.broadcast_to(a, (*a.shape[:-1], features)).reshape(-1, features)
    )


def _extreme(parts: list[Bound], which: str) -> Bound:
    constant = np.concatenate([part.constant for part in parts])
    slope = np.concatenate([part.slope for part in parts])
    if which == "max":
        return Bound(constant.max(axis=0), slope.max(axis=0))
    return Bound(constant.min(axis=0), slope.min(axis=0))


def _choose(kernel: Reals, budget: _Row, options: LosslessOptions) -> Flags:
    """Return which weights go, (fan_in, units)."""
    rho, group = options.assumed_magnitude, budget.layout.group_of_unit
    size = np.abs(kernel)
    low, high = budget.inputs.constant, budget.inputs.at(rho)
    limit_low = budget.allowed.constant * _KEPT_SHARE
    limit_high = budget.allowed.at(rho) * _KEPT_SHARE
    ceiling = np.where(budget.inputs.slope > 0, options.absolute_threshold, np.inf)
    ceiling = np.where(budget.inputs.unknown, 0.0, ceiling)
    # A unit that nothing reads has no limit; it is for the exact rewrites to remove, not a matter of rounding.
    candidates = (size > 0) & _below(size, ceiling, budget.layout) & np.isfinite(limit_low)
    # Of most kernels hardly a weight fits by itself, and sorting takes long.
    for inputs, limit in ((low, limit_low), (high, limit_high)):
        candidates &= _fits_alone(size, inputs, limit, budget.layout)
    gone = np.zeros(kernel.shape, np.bool_)
    for unit in np.flatnonzero(candidates.any(axis=0)):
        places = np.flatnonzero(candidates[:, unit])
        order = np.argsort(size[places, unit] * high[places, group[unit]], kind="stable")
        places = places[order]
        weights = size[places, unit]
        fits = np.cumsum(weights * low[places, group[unit]]) <= limit_low[unit]
        fits &= np.cumsum(weights * high[places, group[unit]]) <= limit_high[unit]
        count = len(fits) if fits.all() else int(np.argmin(fits))
        gone[places[:count], unit] = True
    return gone


def _below(size: Reals, ceiling: Reals, layout: LinearKernel) -> Flags:
    """Return where a weight is at most the limit of its row and group; limits (fan_in, groups)."""
    groups = size.reshape(layout.fan_in, layout.groups, layout.units_of_group)
    below: Flags = groups <= ceiling[:, :, None]
    return below.reshape(size.shape)


def _fits_alone(size: Reals, inputs: Reals, limit: Reals, layout: LinearKernel) -> Flags:
    """Return where a weight's own share is at most its unit's limit; inputs (fan_in, groups), limit (units,)."""
    groups = size.reshape(layout.fan_in, layout.groups, layout.units_of_group)
    fits: Flags = groups * inputs[:, :, None] <= limit.reshape(layout.groups, -1)
    return fits.reshape(size.shape)


def _claim(name: str, removed: Reals, budget: _Row, rho: float) -> DropClaim:
    size, layout = np.abs(removed), budget.layout
    known = budget.inputs.mapped(lambda a: np.where(np.isinf(a), 0.0, a))
    spent = known.mapped(lambda rows: layout.sums(rows, size))
    touched: Flags = np.any(removed != 0, axis=0)
    steep = spent.slope <= budget.allowed.slope
    return DropClaim(
        kernel=name,
        removed=int(np.count_nonzero(removed)),
        used=max(_worst(spent.at(end), budget.allowed.at(end), touched) for end in (0.0, rho)),
        row_ratio=max(_worst(spent.at(end), budget.scale.at(end), touched) for end in (0.0, rho)),
        every_input=bool(steep[touched].all()),
    )


def _worst(spent: Reals, limit: Reals, touched: Flags) -> float:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(spent == 0.0, 0.0, spent / limit)
    return float(ratio[touched].max(initial=0.0))
