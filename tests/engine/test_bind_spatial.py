"""Steps that cannot be bound without more than the step are refused."""

import pytest

from engine.core.errors import ProgramError
from engine.core.places import Place
from engine.core.target import Isa
from engine.execution.bind_spatial import bind_spatial, staging
from tests.engine.test_window_check import CONV, program


def offset(place: Place) -> int:
    return place.first


def test_a_step_with_weights_needs_a_kernel() -> None:
    with pytest.raises(ProgramError, match="without a kernel"):
        bind_spatial(program(CONV), Isa.GENERIC, 1, offset, CONV)


def test_only_windows_make_the_move_before_them() -> None:
    with pytest.raises(ProgramError, match="only windows"):
        staging(program(CONV), 1, offset, CONV, (CONV, CONV, 0))
