"""Steps of images and signals as kernels with their arguments; see `engine.execution.bind`."""

from collections.abc import Callable
from typing import Any, assert_never

import numpy as np
import numpy.typing as npt

from engine.core.errors import ProgramError
from engine.core.functions import float_bits
from engine.core.program import Program, dense_array
from engine.core.steps import Place
from engine.core.target import Isa
from engine.core.window_steps import (
    ConvStep,
    DepthwiseStep,
    MoveStep,
    PoolStep,
    ReduceStep,
    ResampleStep,
    RootStep,
    SpatialStep,
)
from engine.kernels import group_sums, moves, resample
from engine.kernels.abi import KernelSpec
from engine.kernels.window_candidates import WindowLayer, window_arguments, window_spec
from engine.kernels.window_channels import WindowKind

Bound = tuple[KernelSpec, dict[str, int], dict[str, npt.NDArray[Any]]]


def bind_spatial(
    program: Program, isa: Isa, lanes: int, offset: Callable[[Place], int], step: SpatialStep
) -> Bound:
    """Return the kernel of a step, the values of its ARENA and INT fields, and its constants.

    Args:
        program: the program of the step.
        isa: instruction set level.
        lanes: samples per tile.
        offset: gives the byte offset of a place in the arena.
        step: the step.

    Raises:
        ProgramError: a step with weights, which needs a choice of kernel.
    """
    numbers = {"x": offset(step.x), "y": offset(step.y)}
    match step:
        case PoolStep():
            spec, constants, ints = _pool(program, isa, lanes, step)
            return spec, {**numbers, **ints}, constants
        case MoveStep():
            boxes = dense_array(program.constants[step.boxes]).astype(np.int64)
            return (
                moves.move_spec(isa, lanes),
                {**numbers, **_move_ints(step, len(boxes))},
                {"boxes": boxes},
            )
        case ReduceStep():
            numbers |= {"outer": step.y.rows, "group": step.length}
            return group_sums.reduce_spec(isa, lanes, step.reduction), numbers, {}
        case ResampleStep():
            constants = {
                name: dense_array(program.constants[getattr(step, name)])
                for name in ("elements", "weights")
            }
            for name in ("outer", "length", "count", "terms", "inner"):
                numbers[name] = getattr(step, name)
            return resample.resample_spec(isa, lanes), numbers, constants
        case RootStep():
            numbers |= {"outer": step.outer, "group": step.length, "inner": step.inner}
            numbers["epsilon"] = float_bits(step.epsilon)
            return group_sums.root_spec(isa, lanes, step.root), numbers, {}
        case ConvStep() | DepthwiseStep():
            raise ProgramError("a step with weights was bound without a kernel")
        case _:
            assert_never(step)


def _move_ints(step: MoveStep, boxes: int) -> dict[str, int]:
    return {
        "box_count": boxes,
        "outer": step.outer,
        "x_rows": step.x_rows,
        "y_rows": step.y_rows,
        "filled": 0 if step.fill is None else step.y_rows,
        "fill": float_bits(step.fill or 0.0),
    }


def _pool(
    program: Program, isa: Isa, lanes: int, step: PoolStep
) -> tuple[KernelSpec, dict[str, npt.NDArray[Any]], dict[str, int]]:
    layer = WindowLayer(
        kind=WindowKind(step.reduction.value),
        channels=step.y.rows // int(np.prod(step.sizes)),
        multiplier=1,
        taps=dense_array(program.constants[step.taps]),
        channel_rows=step.channel_rows,
        sizes=step.sizes,
        strides=step.strides,
        counts=None if step.counts is None else dense_array(program.constants[step.counts]),
    )
    spec = window_spec(layer, isa, lanes)
    constants, ints = window_arguments(layer, spec)
    return spec, constants, ints
