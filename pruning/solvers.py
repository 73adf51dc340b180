"""How much each weight of a layer is worth, by the samples: what the allocation over layers ranks.

Scores are losses of the layer's outputs, as shares of what these outputs vary by, so that layers can be compared; but
for the sizes of weights, which are ranked as they are.
"""

import numpy as np

from pruning.calibrated.exact_obs import removal_losses
from pruning.calibrated.problem import Damped, LayerProblem, Reals, damped
from pruning.patterns import groups_of
from pruning.recipe import NofM, Solver

# Beyond so many multiply-adds of ExactOBS in a layer, `auto` takes ALPS for it.
EXACT_OPERATIONS = 4e11


def layer_scores(
    problem: LayerProblem, solver: Solver, damping: float, pattern: NofM | None, taps: int
) -> Reals:
    """Return scores (inputs, units), at least 0: keep the largest. Infinite ones cannot be removed by the pattern.

    Args:
        problem: the sums over the samples.
        solver: how scores are found.
        damping: see `pruning.calibrated.problem.damped`.
        pattern: groups that keep some weights, or None.
        taps: places of the window.
    """
    system = damped(problem, damping)
    chosen = solver_for(solver, system)
    if chosen is Solver.MAGNITUDE:
        return np.abs(problem.trained[: problem.inputs])
    if chosen is Solver.EXACT_OBS:
        scores = _exact(system, pattern, taps)
    elif chosen is Solver.WANDA:
        scores = _wanda(problem)
    else:
        scores = _sampled(problem, system, pattern, taps)
    return scores / max(float(problem.energy.sum()), np.finfo(np.float64).tiny)


def solver_for(solver: Solver, system: Damped) -> Solver:
    """Return the solver that `auto` means for a layer of this size."""
    if solver is not Solver.AUTO:
        return solver
    work = _operations(system.inputs, system.target.shape[1])
    return Solver.EXACT_OBS if work <= EXACT_OPERATIONS else Solver.ALPS


def _wanda(problem: LayerProblem) -> Reals:
    """Return w^2 * ||X_j||^2 (Sun et al. 2023, arXiv 2306.11695, equation 1, squared): the loss if nothing adapts."""
    inputs = problem.inputs
    return problem.trained[:inputs] ** 2 * np.diag(problem.gram)[:inputs, None]


def _sampled(problem: LayerProblem, system: Damped, pattern: NofM | None, taps: int) -> Reals:
    """Return Wanda's order with the losses of ExactOBS, as they are in some of the units.

    What to keep of the layer is found later, by ALPS; this only says how much of it to keep beside the other layers.
    """
    units = system.target.shape[1]
    count = min(units, max(1, int(EXACT_OPERATIONS / _operations(system.inputs, 1))))
    chosen = np.linspace(0, units - 1, count).round().astype(np.intp)
    some = Damped(system.hessian, system.target[:, chosen], system.has_bias)
    losses = np.sort(_exact(some, pattern, taps), axis=None)
    order = np.argsort(_wanda(problem), axis=None, kind="stable")
    scores = np.empty(system.inputs * units)
    scores[order] = losses[np.arange(scores.size) * losses.size // scores.size]
    return scores.reshape(system.inputs, units)


def _exact(system: Damped, pattern: NofM | None, taps: int) -> Reals:
    groups = None if pattern is None else groups_of(system.inputs, pattern, taps)
    return removal_losses(system, groups, 0 if pattern is None else pattern.n)


def _operations(inputs: int, units: int) -> float:
    """Return how many multiply-adds ExactOBS takes."""
    return 2 / 3 * inputs**3 * units
