"""The order in which formats in groups of rows hold the weights that are not zero.

The columns are cut into panels. Within a panel the rows (outputs) are sorted by their number of non-zeros; rows of one
number L form a bucket, and R of them are a group, whose entries are interleaved: [L][R]. Where a bucket is no multiple
of R, its last row is listed again. Rows without non-zeros are there in the first and in the last panel only.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.formats.nonzeros import Nonzeros

_Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class GroupedEntries:
    """The order; nothing of it depends on what the weights are or on where columns lie.

    Attributes:
        panels: uint32[panels + 1][3], first bucket, first group and first entry of each panel.
        buckets: uint32[buckets][2], non-zeros of a row and number of groups.
        rows: uint32[groups * R], row of each member of a group.
        entries: int64[steps][R], which non-zero each entry is: those of all rows and panels one after the other.
    """

    panels: npt.NDArray[np.uint32]
    buckets: npt.NDArray[np.uint32]
    rows: npt.NDArray[np.uint32]
    entries: _Numbers


@dataclass(frozen=True, slots=True)
class _Panel:
    """Buckets of a panel as (L, groups), its rows, and L of each group."""

    buckets: _Numbers
    rows: _Numbers
    lengths: _Numbers


def group_entries(
    found: Nonzeros, inputs: int, rows_per_group: int, panel_columns: int
) -> GroupedEntries:
    """Order the non-zeros of a kernel.

    Args:
        found: the non-zeros.
        inputs: columns of the kernel.
        rows_per_group: R, rows whose entries are interleaved.
        panel_columns: columns in a panel, at least 1.
    """
    count = -(-inputs // panel_columns)
    units = len(found.lengths)
    if count == 1:
        lengths = found.lengths.reshape(units, 1)
    else:
        places = found.rows.astype(np.int64) * count + found.columns // panel_columns
        lengths = np.bincount(places, minlength=units * count).reshape(units, count)
    # Where the non-zeros of each row in each panel start: both rise in `found`.
    first = (np.cumsum(lengths.reshape(-1)) - lengths.reshape(-1)).reshape(units, count)
    parts = [
        _panel(lengths[:, panel], rows_per_group, with_empty=panel in {0, count - 1})
        for panel in range(count)
    ]
    starts = np.concatenate(
        [first[part.rows, panel].reshape(-1, rows_per_group) for panel, part in enumerate(parts)]
    )
    steps = np.concatenate([part.lengths for part in parts])
    ends = [(len(part.buckets), len(part.lengths), int(part.lengths.sum())) for part in parts]
    totals = np.cumsum([(0, 0, 0), *ends], axis=0) * (1, 1, rows_per_group)
    return GroupedEntries(
        panels=totals.astype(np.uint32),
        buckets=np.concatenate([part.buckets for part in parts]).astype(np.uint32),
        rows=np.concatenate([part.rows for part in parts]).astype(np.uint32),
        entries=_interleaved(starts, steps),
    )


def _panel(lengths: _Numbers, rows_per_group: int, *, with_empty: bool) -> _Panel:
    order = np.argsort(lengths, kind="stable")
    if not with_empty:
        order = order[np.count_nonzero(lengths == 0) :]
    each, first, sizes = np.unique(lengths[order], return_index=True, return_counts=True)
    groups = -(-sizes // rows_per_group)
    members = groups * rows_per_group
    # Number of each member in its bucket; the last row is there again to fill the last group.
    numbers = np.arange(int(members.sum())) - np.repeat(np.cumsum(members) - members, members)
    places = np.repeat(first, members) + np.minimum(numbers, np.repeat(sizes - 1, members))
    return _Panel(np.stack((each, groups), axis=1), order[places], np.repeat(each, groups))


def _interleaved(starts: _Numbers, lengths: _Numbers) -> _Numbers:
    """Return the entries of groups one after the other, [L][R] of each.

    Args:
        starts: int64[groups][R], first non-zero of each member.
        lengths: int64[groups], L.
    """
    ends = np.cumsum(lengths)
    # Less the steps of all groups before, so that the number of a step among all leads to its entry.
    firsts = starts - (ends - lengths)[:, None]
    entries = np.repeat(firsts, lengths, axis=0)
    entries += np.arange(len(entries))[:, None]
    return entries
