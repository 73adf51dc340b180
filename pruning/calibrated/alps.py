"""ALPS: which weights of a large layer to keep, found for all of them together by splitting the problem in two.

Meng et al. 2024, "ALPS: Improved Optimization for Highly Sparse One-Shot Pruning" (arXiv 2406.07831), section 3.1 and
algorithm 1: the alternating direction method of multipliers between weights that fit the samples and weights that are
sparse; one eigendecomposition serves all steps. The penalty `rho` grows while the support still changes.
"""

from collections.abc import Callable

import numpy as np

from pruning.calibrated.problem import Damped, Mask, Reals

_MAX_STEPS, _CHECK_EVERY = 300, 3
_FIRST_RHO, _MAX_RHO = 0.1, 1e6
# The share of the support that changed between two checks, and what rho grows by then (the paper's section 3.1).
_GROWTH = ((0.1, 1.3), (0.005, 1.2), (0.0, 1.1))
_LONG, _HARDLY = 30, 3e-4


def alps_mask(system: Damped, keep: Callable[[Reals], Mask]) -> Mask:
    """Return which weights stay, (inputs, units).

    Args:
        system: the layer's problem, with positive definite Hessian.
        keep: gives the mask of what a pattern keeps of scores (inputs, units); always as many weights.
    """
    inputs = system.inputs
    # In units in which every input has the same size; a bias takes no part in the choice, but in the fit.
    scale = np.sqrt(np.diag(system.hessian))
    values, vectors = np.linalg.eigh(system.hessian / np.outer(scale, scale))
    target = system.target / scale[:, None]
    start = vectors @ ((vectors.T @ target) / np.maximum(values, 1e-12)[:, None])
    sparse = np.zeros_like(start)
    mask = keep(start[:inputs] ** 2)
    sparse[:inputs] = np.where(mask, start[:inputs], 0.0)
    sparse[inputs:] = start[inputs:]
    dual = np.zeros_like(start)
    rho, checked = _FIRST_RHO, mask
    for step in range(1, _MAX_STEPS + 1):
        right = vectors.T @ (target - dual + rho * sparse)
        weights = vectors @ (right / (values + rho)[:, None])
        wanted = weights + dual / rho
        mask = keep(wanted[:inputs] ** 2)
        sparse[:inputs] = np.where(mask, wanted[:inputs], 0.0)
        sparse[inputs:] = wanted[inputs:]
        dual += rho * (weights - sparse)
        if step % _CHECK_EVERY == 0:
            changed = int((mask & ~checked).sum()) / max(int(mask.sum()), 1)
            if changed == 0.0 or (step >= _LONG and changed < _HARDLY):
                break
            rho = min(rho * _grown(changed), _MAX_RHO)
            checked = mask
    return mask


def _grown(changed: float) -> float:
    return next(growth for least, growth in _GROWTH if changed > least)
