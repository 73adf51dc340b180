"""Pattern groups: four rows side by side, and the columns that they share first.

Panels of columns and groups of rows of equal length, as in `engine.formats.row_groups`; but here a
column that several rows of a group use is stored, and loaded, once. A group is a run of steps, of
which each adds one non-zero to each of its four rows:

- quads: one column that all four rows use;
- pairs: a column that rows 0 and 1 use, and one that rows 2 and 3 use;
- singles: a column of its own for each row.

Rows that use the same columns are put together, and then in their own order. Filling is as in row
groups: a row is listed and computed twice, nothing is multiplied that is zero.

    panels   u32[panels + 1][4]   first bucket, group, column entry and step of each panel
    buckets  u32[buckets][4]      quads, pairs, singles of each group; number of groups
    rows     u32[groups][4]       output row of each member
    columns  u16[...]             per group [quads], [pairs][2], [singles][4]: place in the panel x unit
    values   f32[steps][4]        weights of rows 0 to 3
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.core.arrays import FloatArray
from engine.core.errors import PackError
from engine.formats.row_groups import MAX_COLUMN

MEMBERS = 4
# Numbers of pairs are multiples of this where there are singles too: fewer buckets, so that a loop
# has the number of rounds that it had for the group before.
_PAIR_STEP = 4
_HASH_SEED = 5

Counts = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class PatternGroups:
    """A weight matrix in pattern groups; the arrays are described above."""

    panels: npt.NDArray[np.uint32]
    buckets: npt.NDArray[np.uint32]
    rows: npt.NDArray[np.uint32]
    columns: npt.NDArray[np.uint16]
    values: FloatArray
    nonzeros: int


@dataclass(frozen=True, slots=True)
class _Bucket:
    counts: tuple[int, int, int]
    rows: npt.NDArray[np.intp]  # [groups][4]
    columns: npt.NDArray[np.intp]  # [groups][...]
    values: FloatArray  # [groups][steps][4]


def pack_pattern_groups(
    kernel: FloatArray, panel_columns: int, column_unit: int = 1
) -> PatternGroups:
    """Pack a kernel.

    Args:
        kernel: float32[inputs][units].
        panel_columns: columns in a panel, at least 1.
        column_unit: factor on stored column numbers (makes them offsets in units of the kernel).

    Raises:
        PackError: a column number does not fit 16 bits.
    """
    inputs = kernel.shape[0]
    if (min(panel_columns, inputs) - 1) * column_unit > MAX_COLUMN:
        raise PackError(
            "pattern_groups",
            f"column numbers up to {MAX_COLUMN}",
            f"{panel_columns} x {column_unit}",
        )
    starts = range(0, inputs, panel_columns)
    panels: list[tuple[int, int, int, int]] = [(0, 0, 0, 0)]
    parts: list[_Bucket] = []
    for start in starts:
        panel = kernel[start : start + panel_columns]
        new = _buckets(panel, with_empty=start in {0, starts[-1]})
        parts.extend(new)
        _, groups, columns, steps = panels[-1]
        groups += sum(len(part.rows) for part in new)
        columns += sum(part.columns.size for part in new)
        steps += sum(part.values.size // MEMBERS for part in new)
        panels.append((len(parts), groups, columns, steps))
    buckets = [(*part.counts, len(part.rows)) for part in parts]
    rows = [part.rows.ravel() for part in parts]
    places = [part.columns.ravel() * column_unit for part in parts]
    return PatternGroups(
        panels=np.array(panels, np.uint32),
        buckets=np.array(buckets, np.uint32).reshape(-1, 4),
        rows=np.concatenate(rows).astype(np.uint32),
        columns=np.concatenate(places).astype(np.uint16),
        values=np.concatenate([part.values.ravel() for part in parts]),
        nonzeros=int(np.count_nonzero(kernel)),
    )


def shared_share(kernel: FloatArray) -> float:
    """Share of the non-zeros that four rows side by side have in common: about 1 for blocks of rows.

    Args:
        kernel: float32[inputs][units]; some of its columns are looked at.
    """
    units = kernel.shape[1] // MEMBERS * MEMBERS
    looked = kernel[:: max(1, kernel.shape[0] // 64), :units] != 0
    total = int(np.count_nonzero(looked))
    if total == 0:
        return 0.0
    fours = looked.reshape(len(looked), -1, MEMBERS).all(axis=2)
    return MEMBERS * int(np.count_nonzero(fours)) / total


def _buckets(panel: FloatArray, *, with_empty: bool) -> list[_Bucket]:
    """Return the buckets of one panel, float32[columns][units]."""
    used = np.ascontiguousarray((panel != 0).T)
    groups = _groups(used, with_empty=with_empty)
    if not len(groups):
        return []
    masks = used[groups]  # [groups][4][columns]
    lengths = masks[:, 0].sum(axis=1)
    fours: Mask = np.asarray(masks.all(axis=1))
    fours[2 * fours.sum(axis=1) < lengths] = False
    masks &= ~fours[:, None]
    quads = fours.sum(axis=1)
    first, second = masks[:, 0] & masks[:, 1], masks[:, 2] & masks[:, 3]
    pairs = np.minimum(first.sum(axis=1), second.sum(axis=1))
    pairs = np.where(quads + pairs == lengths, pairs, pairs // _PAIR_STEP * _PAIR_STEP)
    first, second = _first(first, pairs), _first(second, pairs)
    masks[:, :2] &= ~first[:, None]
    masks[:, 2:] &= ~second[:, None]
    counts = np.stack((quads, pairs, lengths - quads - pairs), axis=1)
    found = []
    for kind in np.unique(counts, axis=0):
        mine = np.flatnonzero((counts == kind).all(axis=1))
        own = [_places(mask[mine], n) for mask, n in ((fours, kind[0]), (first, kind[1]))]
        own.append(_places(second[mine], kind[1]))
        own += [_places(masks[mine, member], kind[2]) for member in range(MEMBERS)]
        found.append(_bucket(panel, groups[mine], tuple(int(n) for n in kind), own))
    return found


def _bucket(
    panel: FloatArray,
    groups: npt.NDArray[np.intp],
    counts: tuple[int, ...],
    places: list[npt.NDArray[np.intp]],
) -> _Bucket:
    """Return one bucket, from the columns of its quads, both kinds of pairs, and singles of each row."""
    quads, first, second, *singles = places
    single = np.stack(singles, axis=2)
    every = np.concatenate(
        (
            np.repeat(quads[:, :, None], MEMBERS, axis=2),
            np.stack((first, first, second, second), axis=2),
            single,
        ),
        axis=1,
    )
    shape = len(groups), -1
    stored = (
        quads,
        np.stack((first, second), axis=2).reshape(shape) if counts[1] else first,
        single.reshape(shape) if counts[2] else singles[0],
    )
    return _Bucket(
        (counts[0], counts[1], counts[2]),
        groups,
        np.concatenate(stored, axis=1),
        panel[every, groups[:, None, :]],
    )


def _groups(used: Mask, *, with_empty: bool) -> npt.NDArray[np.intp]:
    """Groups of four rows of equal length, equal rows together: [groups][4]."""
    lengths = used.sum(axis=1)
    # Equal rows have equal hashes; sums of whole numbers below 2^20 are exact.
    weights = np.random.default_rng(_HASH_SEED).integers(1, 2**20, used.shape[1])
    hashes = used.astype(np.float32).astype(np.float64) @ weights.astype(np.float64)
    _, kind, sizes = np.unique(hashes, return_inverse=True, return_counts=True)
    size = sizes[kind]
    # Whole fours of equal rows first, then pairs: a group must not begin in the middle of them.
    rank = np.where(size % MEMBERS == 0, 0, np.where(size % 2 == 0, 1, 2))
    order = np.lexsort((np.arange(len(used)), np.where(size > 1, hashes, 0.0), rank, lengths))
    found = []
    for length in np.unique(lengths):
        if length == 0 and not with_empty:
            continue
        rows = order[lengths[order] == length]
        found.append(np.concatenate((rows, np.repeat(rows[-1:], -len(rows) % MEMBERS))))
    if not found:
        return np.empty((0, MEMBERS), np.intp)
    return np.concatenate(found).reshape(-1, MEMBERS)


def _first(mask: Mask, counts: Counts) -> Mask:
    """Return the first `counts` columns of each row of a mask."""
    return mask & (np.cumsum(mask, axis=1) <= counts[:, None])


def _places(mask: Mask, count: int | np.int64) -> npt.NDArray[np.intp]:
    """Return the columns of a mask that has `count` in each row: [rows][count]."""
    return np.nonzero(mask)[1].reshape(len(mask), int(count))
