"""What the compiler does not know is refused: an op without a lowering, and a step of an unknown kind."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from engine.core.errors import UnsupportedModelError
from engine.core.program import InputSlot, OutputSlot, Program
from engine.core.program_check import check_program
from engine.core.steps import Pack, Place, Unpack, constants_of, reads, writes
from engine.core.target import Isa
from engine.execution.bind import Binder
from engine.passes.drop_unused import drop_unused
from engine.passes.pipeline import build_program
from engine.passes.rewrite import moved
from engine.planning.memory import ArenaPlan
from graph.op import Op
from tests.builders import GraphBuilder
from tests.unknown_ops import SAME_SHAPE


@dataclass(frozen=True, slots=True)
class LookupStep:
    """Looks like other steps, and has a constant and a second result of its own."""

    x: Place
    y: Place
    rest: Place
    table: str


STEP: Any = LookupStep(Place(0, 0, 4), Place(1, 0, 4), Place(2, 0, 4), "table")
PROGRAM = Program(
    "p",
    (InputSlot("x", "float32", (4,)),),
    (OutputSlot("y", (4,)),),
    (4, 4, 4),
    (Pack(0, STEP.x), STEP, Unpack(STEP.y, 0)),
    {"table": np.zeros(4, np.float32)},
)


@pytest.mark.parametrize(
    "use",
    [
        lambda: reads(STEP),
        lambda: writes(STEP),
        lambda: constants_of(STEP),
        lambda: moved(STEP, lambda place: replace(place, buffer=0)),
        lambda: check_program(PROGRAM),
        lambda: drop_unused(PROGRAM),
        lambda: Binder(PROGRAM, Isa.GENERIC, 1, ArenaPlan((0, 64, 128), 192)).step(STEP),
    ],
    ids=["reads", "writes", "constants_of", "moved", "check_program", "drop_unused", "bind"],
)
def test_an_unknown_step_is_refused(use: Callable[[], object]) -> None:
    with pytest.raises(AssertionError, match="LookupStep"):
        use()


@pytest.mark.parametrize("op", SAME_SHAPE, ids=lambda op: type(op).__name__)
def test_an_op_without_a_lowering_is_refused_a_subclass_too(op: Op) -> None:
    b = GraphBuilder()
    graph = b.build(b.add(op, [b.input(4)], name="odd"))
    with pytest.raises(
        UnsupportedModelError, match=f"'odd': there is no kernel for {type(op).__name__}"
    ):
        build_program(graph)
