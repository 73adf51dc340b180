"""What pruning one layer with samples means, as sums over the samples: a least-squares problem for every unit.

With the layer's inputs X (a row for each position of each sample) and the outputs Y that the original layer computes
there, unit u looks for a w with few non-zeros that makes

    ||Y_u - X w||^2 + damping * ||w - w0||^2

small, where w0 are its weights as trained. The sums X^T X, X^T Y and Y^T Y are all that this needs of the samples. The
second term decides where the samples say nothing: without it an input that is zero on all of them would be lost.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

Reals = np.ndarray[Any, np.dtype[np.float64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True, eq=False)
class LayerProblem:
    """One group of units that read the same inputs.

    Attributes:
        gram: (columns, columns), X^T X. Where the layer has a bias, the last column of X is 1 everywhere.
        cross: (columns, units), X^T Y.
        energy: (units,), the sum of squares of Y around its mean: what a loss is compared with.
        squares: (units,), the sum of squares of Y.
        trained: (columns, units), the weights as trained, the bias in the last row if there is one.
        has_bias: whether the last column is the bias, which is never removed.
        rows: how many rows X has.
    """

    gram: Reals
    cross: Reals
    energy: Reals
    squares: Reals
    trained: Reals
    has_bias: bool
    rows: int

    @property
    def inputs(self) -> int:
        """Return how many weights of a unit can be removed."""
        return len(self.gram) - self.has_bias

    @property
    def is_finite(self) -> bool:
        """Return whether the layer's inputs and outputs were numbers on all samples."""
        return bool(np.isfinite(self.gram).all() and np.isfinite(self.cross).all())

    def loss(self, weights: Reals) -> Reals:
        """Return ||Y - X W||^2 for weights (columns, units), per unit (units,); never below zero."""
        fitted = np.einsum("cu,cu->u", weights, self.gram @ weights)
        return np.maximum(self.squares - 2 * np.einsum("cu,cu->u", weights, self.cross) + fitted, 0)


@dataclass(frozen=True, slots=True, eq=False)
class Damped:
    """The problem with its damping put in: minimize w^T hessian w - 2 w^T target, per unit.

    Attributes:
        hessian: (columns, columns), positive definite.
        target: (columns, units).
        has_bias: whether the last column is the bias.
    """

    hessian: Reals
    target: Reals
    has_bias: bool

    @property
    def inputs(self) -> int:
        """Return how many weights of a unit can be removed."""
        return len(self.hessian) - self.has_bias


def damped(problem: LayerProblem, damping: float) -> Damped:
    """Put the damping into a problem.

    Args:
        problem: the sums.
        damping: as a share of the mean of X^T X's diagonal, above 0. The bias is not damped; but an input that is zero
            on every sample has the mean's whole weight, so that its weights stay as trained until they are removed.
    """
    diagonal = np.diag(problem.gram)[: problem.inputs]
    scale = float(diagonal.mean()) if diagonal.size else 0.0
    added = np.full(len(problem.gram), damping * scale if scale > 0 else 1.0)
    if problem.has_bias:
        # Without any rows the bias would be undetermined, too.
        added[-1] = 0.0 if problem.rows else 1.0
    hessian = problem.gram + np.diag(added)
    return Damped(hessian, problem.cross + added[:, None] * problem.trained, problem.has_bias)
