"""ExactOBS: in which order a unit's weights go if each time the one goes whose loss is smallest, the others adapting.

Frantar, Singh and Alistarh 2022, "Optimal Brain Compression" (arXiv 2208.11580), section 4 and algorithm 1: with H the
inverse of the Hessian over the weights that are left, removing weight p adds w_p^2 / H_pp to the loss (their factor
one half is left out), the others move by -w_p / H_pp * H_p, and H loses its row and column p by one step of Gaussian
elimination (lemma 1).

Units are computed side by side. The elimination is put off: within a block of removals only the rows of H that are
asked for are brought up to date, then all of H at once, as one matrix product, over the weights that are left.
"""

from typing import Any

import numpy as np

from pruning.calibrated.problem import Damped, Mask, Reals

Places = np.ndarray[Any, np.dtype[np.intp]]

_BLOCK = 32
# Rows and columns of weights that are gone are left out once no more than this share is left.
_WORTH_COPYING = 0.8
_TINY = np.finfo(np.float64).tiny
# Bytes of the inverses of the units that are computed side by side.
_HELD_BYTES = 96 * 1024 * 1024


def removal_losses(problem: Damped, groups: Places | None = None, keep: int = 0) -> Reals:
    """Return what each weight costs when its turn comes, (inputs, units).

    Within a unit the numbers grow in the order of removal, so that keeping the largest of any number keeps the weights
    that this method keeps. With `groups`, weights go only while their group has more than `keep`; the others cost
    infinity.

    Args:
        problem: with positive definite Hessian.
        groups: the group of each input, (inputs,), from 0 on.
        keep: how many weights of each group of a unit stay.

    Raises:
        numpy.linalg.LinAlgError: the Hessian cannot be inverted.
    """
    inverse = np.linalg.inv(problem.hessian)
    inverse = (inverse + inverse.T) / 2
    start = inverse @ problem.target
    count = start.shape[1]
    losses = np.full((problem.inputs, count), np.inf)
    at_once = max(1, _HELD_BYTES // inverse.nbytes)
    for first in range(0, count, at_once):
        units = slice(first, min(first + at_once, count))
        found = _Units(inverse, start[:, units].T, problem.has_bias)
        losses[:, units] = found.eliminate(groups, keep).T
    return losses


class _Units:
    """Some units, what is left of their weights, and the inverse of the Hessian over these."""

    def __init__(self, inverse: Reals, weights: Reals, has_bias: bool) -> None:
        """Take the inverse, (columns, columns), and weights (units, columns)."""
        units, columns = weights.shape
        self._inverse = np.repeat(inverse[None], units, axis=0)
        self._weights = weights.copy()
        self._places = np.repeat(np.arange(columns)[None], units, axis=0)
        self._inputs = columns - has_bias
        self._gone = np.zeros(weights.shape, np.bool_)
        self._every = np.arange(units)

    def eliminate(self, groups: Places | None, keep: int) -> Reals:
        """Remove all weights that may go, and return what each cost, (units, inputs)."""
        losses = np.full((len(self._every), self._inputs), np.inf)
        last = np.zeros(len(self._every))
        room = None if groups is None else _Room(groups, keep, len(self._every))
        left = self._inputs if room is None else room.removals
        while left:
            count = min(_BLOCK, left)
            self._remove(count, losses, last, room)
            left -= count
        return losses

    def _remove(self, count: int, losses: Reals, last: Reals, room: "_Room | None") -> None:
        """Remove `count` weights of every unit; `last` is what the one before cost."""
        every = self._every
        steps = np.zeros((len(every), count, self._weights.shape[1]))
        diagonal = np.array(np.diagonal(self._inverse, axis1=1, axis2=2))
        for number in range(count):
            closed = self._gone | (self._places >= self._inputs)
            if room is not None:
                closed |= room.is_full(self._places)
            score = np.where(closed, np.inf, self._weights**2 / np.where(closed, 1.0, diagonal))
            chosen = score.argmin(axis=1)
            places = self._places[every, chosen]
            # A removal may be cheaper than the one that had to come before it, but it cannot be had without that one.
            np.maximum(np.nextafter(last, np.inf), score[every, chosen], out=last)
            losses[every, places] = last
            row = self._row(chosen, steps[:, :number])
            pivot = np.maximum(row[every, chosen], _TINY)
            self._weights -= (self._weights[every, chosen] / pivot)[:, None] * row
            self._weights[every, chosen] = 0.0
            steps[:, number] = row / np.sqrt(pivot)[:, None]
            diagonal = np.maximum(diagonal - steps[:, number] ** 2, _TINY)
            self._gone[every, chosen] = True
            if room is not None:
                room.count(places)
        self._inverse -= steps.transpose(0, 2, 1) @ steps
        self._forget()

    def _row(self, chosen: Places, steps: Reals) -> Reals:
        """Return the row of H of the chosen weight, with the removals of the block so far put in."""
        row = self._inverse[self._every, chosen]
        if steps.shape[1]:
            shares = np.ascontiguousarray(steps[self._every, :, chosen])
            row = row - (shares[:, None, :] @ steps)[:, 0]
        return row

    def _forget(self) -> None:
        """Leave out the weights that are gone, once that makes the matrices much smaller."""
        width = self._weights.shape[1] - int(np.count_nonzero(self._gone[0]))
        if width > _WORTH_COPYING * self._weights.shape[1]:
            return
        left = np.nonzero(~self._gone)[1].reshape(len(self._every), width)
        every = self._every[:, None]
        self._inverse = self._inverse[every[:, :, None], left[:, :, None], left[:, None, :]]
        self._weights = self._weights[every, left]
        self._places = self._places[every, left]
        self._gone = np.zeros(left.shape, np.bool_)


class _Room:
    """How many weights of each group of every unit are left, where a pattern says how many must stay."""

    def __init__(self, groups: Places, keep: int, units: int) -> None:
        """Take the group of each input, (inputs,), and how many weights of a group stay."""
        self._groups = np.append(groups, 0)
        self._keep = keep
        self._every = np.arange(units)
        self._left = np.repeat(np.bincount(groups)[None], units, axis=0)
        self.removals = int(np.maximum(self._left[0] - keep, 0).sum())

    def is_full(self, places: Places) -> Mask:
        """Return for each weight, given by its input, whether its group has lost all that it may lose."""
        owner = self._groups[np.minimum(places, len(self._groups) - 1)]
        closed: Mask = np.take_along_axis(self._left, owner, axis=1) <= self._keep
        return closed

    def count(self, places: Places) -> None:
        """Note that every unit lost one weight."""
        self._left[self._every, self._groups[places]] -= 1
