"""Weights that are left, fitted to the samples: for every unit, the least-squares solution on its own support.

Frantar and Alistarh 2022, "Optimal Brain Compression", section 3, and Hubara et al. 2021, "Accelerated Sparse Neural
Training", section 4 (AdaPrune), which does by gradient steps what is solved exactly here.
"""

import numpy as np

from pruning.calibrated.problem import Damped, Mask, Reals

# Up to so many weights a unit's system is solved directly; beyond that by conjugate gradients for all units at once.
_DIRECT = 768
_STEPS, _TOLERANCE = 64, 1e-7


def fitted(problem: Damped, mask: Mask, start: Reals) -> Reals:
    """Return the weights (columns, units) that solve the problem where the mask is true, and are 0 elsewhere.

    Args:
        problem: with positive definite Hessian.
        mask: (inputs, units); a bias is always fitted.
        start: (columns, units), where conjugate gradients begin; a direct solution does not look at it.

    Raises:
        numpy.linalg.LinAlgError: the Hessian is singular on a support.
    """
    support = mask
    if problem.has_bias:
        support = np.vstack([mask, np.ones((1, mask.shape[1]), np.bool_)])
    counts = support.sum(axis=0)
    weights = np.zeros(support.shape)
    few = counts <= _DIRECT
    for unit in np.nonzero(few & (counts > 0))[0]:
        places = np.nonzero(support[:, unit])[0]
        block = problem.hessian[np.ix_(places, places)]
        weights[places, unit] = np.linalg.solve(block, problem.target[places, unit])
    many = np.nonzero(~few)[0]
    if many.size:
        target = problem.target[:, many]
        weights[:, many] = _by_gradients(problem.hessian, target, support[:, many], start[:, many])
    return weights


def _by_gradients(hessian: Reals, target: Reals, support: Mask, start: Reals) -> Reals:
    """Conjugate gradients with the diagonal as preconditioner, every unit on its own support."""
    scale = 1.0 / np.diag(hessian)[:, None]
    weights = np.where(support, start, 0.0)
    residual = np.where(support, target - hessian @ weights, 0.0)
    step = scale * residual
    energy = (residual * step).sum(axis=0)
    first = np.maximum(energy, np.finfo(np.float64).tiny)
    for _ in range(_STEPS):
        if (energy <= _TOLERANCE**2 * first).all():
            break
        product = np.where(support, hessian @ step, 0.0)
        curvature = (step * product).sum(axis=0)
        length = np.divide(energy, curvature, out=np.zeros_like(energy), where=curvature > 0)
        weights += length * step
        residual -= length * product
        scaled = scale * residual
        new = (residual * scaled).sum(axis=0)
        ratio = np.divide(new, energy, out=np.zeros_like(energy), where=energy > 0)
        step = scaled + ratio * step
        energy = new
    return weights
