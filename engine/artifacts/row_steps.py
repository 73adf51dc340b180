"""Row numbers of a sparse matrix as steps from each to the next, in one byte each: half of what they take otherwise."""

import numpy as np

from engine.core.errors import WeightFormError
from engine.core.program import Array, SparseMatrix

_LONGEST_STEP = 255
_SHORT_ROWS = 2**16


def row_steps(matrix: SparseMatrix) -> Array | None:
    """Return the step to each entry from the one before it in its column, or from row 0, as uint8[nonzeros].

    None where a step is longer than a byte says, or rows fall: such a matrix is stored by its row numbers.
    """
    steps = np.diff(matrix.rows.astype(np.int64), prepend=0)
    starts = matrix.starts.astype(np.int64)
    first = starts[:-1][starts[:-1] < starts[1:]]
    steps[first] = matrix.rows[first]
    if not steps.size or int(steps.min()) < 0 or int(steps.max()) > _LONGEST_STEP:
        return None
    return steps.astype(np.uint8)


def rows_of_steps(starts: Array, steps: Array, path: str) -> Array:
    """Return the row numbers, uint16 or uint32; whether they lie in the matrix is left to be checked.

    Raises:
        WeightFormError: the arrays are no steps of columns.
    """
    fits = (
        steps.dtype == np.uint8
        and steps.ndim == starts.ndim == 1
        and starts.dtype == np.uint32
        and starts.size > 0
        and int(starts[0]) == 0
        and int(starts[-1]) == steps.size
        and bool((starts[1:] >= starts[:-1]).all())
    )
    if not fits:
        raise WeightFormError(f"{path}: the steps are not those of columns")
    ends = np.concatenate(([0], np.cumsum(steps, dtype=np.int64)))
    places = starts.astype(np.int64)
    rows = ends[1:] - np.repeat(ends[places[:-1]], np.diff(places))
    kind = np.uint16 if int(rows.max(initial=0)) < _SHORT_ROWS else np.uint32
    return rows.astype(kind)
