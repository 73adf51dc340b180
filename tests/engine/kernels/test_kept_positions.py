"""What is kept of the positions of windows is bounded, however many sizes clients ask for."""

import gc
import weakref

from engine.formats.position_vectors import Grid
from engine.kernels import conv_candidates
from engine.kernels.conv_candidates import positions_of


def test_grids_that_were_used_least_recently_are_let_go() -> None:
    first = weakref.ref(positions_of(Grid((3,), (1,)), 1, 16).table)
    assert positions_of(Grid((3,), (1,)), 1, 16).table is first()
    for size in range(conv_candidates._KEPT_GRIDS):
        positions_of(Grid((size + 4,), (1,)), 1, 16)
    gc.collect()
    assert first() is None


def test_large_grids_are_not_kept() -> None:
    size = conv_candidates._KEPT_ELEMENTS + 1
    table = weakref.ref(positions_of(Grid((size,), (1,)), 1, 16).table)
    gc.collect()
    assert table() is None
