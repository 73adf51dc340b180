"""One target sparsity for the whole model to masks for each layer: the same everywhere, one global ranking, or ERK."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pruning.patterns import (
    Mask,
    Scores,
    Shape,
    expand,
    keep_largest,
    kept_count,
    n_of_m,
    pool,
    protected,
    with_floor,
)
from pruning.recipe import Allocation, NofM, Pattern, PruningRecipe


@dataclass(frozen=True, slots=True)
class Candidate:
    """One prunable kernel.

    Attributes:
        name: the weight's name.
        scores: (inputs, units), at least 0: the larger, the later it goes.
        sparsity: its own target, or None to take part in the allocation.
        dims: the sides of the kernel: of its window, if it has one, inputs of a unit, units; those of the scores where
            none are given.
    """

    name: str
    scores: Scores
    sparsity: float | None = None
    dims: tuple[int, ...] = ()

    @property
    def shape(self) -> Shape:
        """The kernel's shape."""
        inputs, units = self.scores.shape
        return Shape(inputs, units, math.prod(self.dims[:-2]))


def allocate(candidates: Sequence[Candidate], recipe: PruningRecipe) -> dict[str, Mask]:
    """Choose what every candidate keeps, for a recipe of mode magnitude.

    Returns:
        A mask (inputs, units) by weight name, True where kept.
    """
    pattern = recipe.pattern
    if isinstance(pattern, NofM):
        return {c.name: n_of_m(c.scores, pattern, c.shape.taps) for c in candidates}
    target = 0.0 if recipe.sparsity is None else recipe.sparsity
    shared = [candidate for candidate in candidates if candidate.sparsity is None]
    sparsities = {c.name: c.sparsity for c in candidates if c.sparsity is not None}
    masks: dict[str, Mask] = {}
    if recipe.allocation is Allocation.GLOBAL:
        masks = _global_masks(shared, target, pattern, recipe.keep_per_row)
    elif recipe.allocation is Allocation.ERK:
        sparsities |= erk({c.name: c.dims or c.scores.shape for c in shared}, target)
    else:
        sparsities |= {candidate.name: target for candidate in shared}
    for candidate in candidates:
        if candidate.name in sparsities:
            own = sparsities[candidate.name]
            masks[candidate.name] = _layer_mask(candidate, own, pattern, recipe.keep_per_row)
    return masks


def erk(shapes: Mapping[str, tuple[int, ...]], sparsity: float) -> dict[str, float]:
    """Sparsity by layer after Erdos-Renyi-Kernel: the more a kernel's sides differ, the denser it stays.

    density_l = eps * (sum of dims / product of dims), eps such that the mean over all weights is the target; a layer
    whose density would pass 1 stays dense, and the rest is solved again. Evci et al. 2020, "Rigging the Lottery",
    section 3 (1), and `sparse_utils.get_sparsities_erdos_renyi` of their code (power 1, kernels with all dims).

    Args:
        shapes: kernel dims by name, all positive.
        sparsity: target over all their weights, in [0, 1).
    """
    dense: set[str] = set()
    while len(dense) < len(shapes):
        sparse = [name for name in shapes if name not in dense]
        raw = {name: sum(shapes[name]) / math.prod(shapes[name]) for name in sparse}
        wanted = (1.0 - sparsity) * sum(math.prod(shapes[name]) for name in sparse)
        wanted -= sparsity * sum(math.prod(shapes[name]) for name in dense)
        eps = wanted / sum(raw[name] * math.prod(shapes[name]) for name in sparse)
        largest = max(raw.values())
        if eps * largest <= 1.0:
            return {name: 0.0 if name in dense else 1.0 - eps * raw[name] for name in shapes}
        dense.update(name for name in sparse if raw[name] == largest)
    return dict.fromkeys(shapes, 0.0)


def _layer_mask(candidate: Candidate, sparsity: float, pattern: Pattern, floor: int) -> Mask:
    pooled = pool(candidate.scores, pattern, candidate.shape.taps)
    mask = with_floor(pooled, kept_count(pooled.size, sparsity), floor)
    return expand(mask, pattern, candidate.shape)


def _global_masks(
    candidates: Sequence[Candidate], sparsity: float, pattern: Pattern, floor: int
) -> dict[str, Mask]:
    """Rank everything that is kept or removed whole in one list; the floor of every row goes first."""
    if not candidates:
        return {}
    pooled = [pool(c.scores, pattern, c.shape.taps) for c in candidates]
    floors = [protected(scores, floor) for scores in pooled]
    ranked = [np.where(keep, math.inf, s).ravel() for s, keep in zip(pooled, floors, strict=True)]
    count = kept_count(sum(scores.size for scores in pooled), sparsity)
    count = max(count, sum(int(keep.sum()) for keep in floors))
    kept = keep_largest(np.concatenate(ranked), count)
    parts = np.split(kept, np.cumsum([scores.size for scores in pooled])[:-1])
    return {
        candidate.name: expand(part.reshape(scores.shape), pattern, candidate.shape)
        for candidate, part, scores in zip(candidates, parts, pooled, strict=True)
    }
