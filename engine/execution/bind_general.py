"""Steps of general operations as kernels with their arguments; see `engine.execution.bind`."""

from collections.abc import Callable
from typing import assert_never

from engine.core.general_steps import (
    BinaryStep,
    ConstantStep,
    FoldStep,
    GeneralStep,
    ScanStep,
    SelectStep,
)
from engine.core.places import Place
from engine.core.program import Program, dense_array
from engine.core.target import Isa
from engine.execution.bound import BoundStep
from engine.kernels import binary, folds


def bind_general(
    program: Program, isa: Isa, lanes: int, offset: Callable[[Place], int], step: GeneralStep
) -> BoundStep:
    """Return the kernel of a step with its arguments.

    Args:
        program: the program of the step.
        isa: instruction set level.
        lanes: samples per tile.
        offset: gives the byte offset of a place in the arena.
        step: the step.
    """
    match step:
        case BinaryStep():
            numbers = {name: offset(getattr(step, name)) for name in ("a", "b", "y")}
            numbers |= {name: getattr(step, name) for name in ("outer", "length", "inner")}
            spec = binary.binary_spec(isa, lanes, step.function, swapped=step.swapped)
            return BoundStep(spec, numbers, {})
        case SelectStep():
            names = ("condition", "a", "b", "y")
            numbers = {name: offset(getattr(step, name)) for name in names}
            numbers["elements"] = step.y.rows * lanes
            return BoundStep(binary.select_spec(isa), numbers, {})
        case ConstantStep():
            constants = {"numbers": dense_array(program.constants[step.numbers])}
            numbers = {"y": offset(step.y), "rows": step.y.rows}
            return BoundStep(binary.constant_spec(isa, lanes), numbers, constants)
        case FoldStep() | ScanStep():
            numbers = {"x": offset(step.x), "y": offset(step.y), "outer": step.outer}
            numbers |= {"group": step.length, "run": step.inner * lanes}
            spec = (
                folds.fold_spec(isa, step.fold)
                if isinstance(step, FoldStep)
                else folds.scan_spec(isa, step.scan)
            )
            return BoundStep(spec, numbers, {})
        case _:
            assert_never(step)
