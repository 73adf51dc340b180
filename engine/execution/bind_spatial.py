"""Steps of images and signals as kernels with their arguments; see `engine.execution.bind`."""

import math
from collections.abc import Callable
from typing import Any, assert_never

import numpy as np
import numpy.typing as npt

from engine.core.errors import ProgramError
from engine.core.functions import float_bits
from engine.core.program import Program, dense_array
from engine.core.steps import Place, Step
from engine.core.target import Isa
from engine.core.window_steps import (
    BOX_NUMBERS,
    ConvStep,
    DepthwiseStep,
    MoveStep,
    PoolStep,
    ReduceStep,
    ResampleStep,
    RootStep,
    SpatialStep,
)
from engine.execution.bound import Bound
from engine.formats.masked_windows import masked_windows, padded_sources
from engine.formats.position_vectors import Grid
from engine.kernels import group_sums, moves, resample, window_masked
from engine.kernels.abi import KernelSpec
from engine.kernels.position_blocks import VECTORS
from engine.kernels.window_candidates import WindowLayer, window_arguments, window_spec
from engine.kernels.window_channels import STAGED, WindowKind


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


def nothing(isa: Isa, lanes: int) -> Bound:
    """Return a kernel with arguments that let it do nothing."""
    numbers = dict.fromkeys(
        ("x", "y", "box_count", "outer", "x_rows", "y_rows", "filled", "fill"), 0
    )
    return moves.move_spec(isa, lanes), numbers, {"boxes": np.zeros(BOX_NUMBERS, np.int64)}


def staging(
    program: Program,
    lanes: int,
    offset: Callable[[Place], int],
    move: Step,
    step: tuple[Step, Step, int],
) -> tuple[tuple[tuple[str, int], ...], dict[str, int], dict[str, npt.NDArray[Any]]]:
    """Return what a kernel over windows takes to make the move before it itself; see `engine.planning.staged_windows`.

    Args:
        program: the program.
        lanes: samples per tile.
        offset: gives the byte offset of a place in the arena.
        move: the move.
        step: the whole step over windows, a part of it, and the number of the part.

    Returns:
        Choices of the kernel's variant, values of ARENA and INT fields, constants.

    Raises:
        ProgramError: other steps.
    """
    whole, part, number = step
    if not (
        isinstance(move, MoveStep)
        and isinstance(whole, DepthwiseStep | PoolStep)
        and isinstance(part, DepthwiseStep | PoolStep)
    ):
        raise ProgramError("only windows make the move before them")
    row_bytes = lanes * 4
    positions = math.prod(whole.sizes)
    channel = (part.y.first - whole.y.first) // positions
    if isinstance(whole, DepthwiseStep):
        channel //= whole.multiplier
    boxes = dense_array(program.constants[move.boxes]).astype(np.int64)
    ints = _move_ints(move, len(boxes))
    numbers = {name: ints[name] for name in ("box_count", "filled", "fill")}
    numbers |= {
        "x": offset(move.x) + channel * move.x_rows * row_bytes,
        "x_bytes": move.x_rows * row_bytes,
        "scratch": offset(move.y) + number * move.y_rows * row_bytes,
    }
    return ((STAGED, 1),), numbers, {"boxes": boxes}


def masked(
    program: Program,
    lanes: int,
    offset: Callable[[Place], int],
    move: Step,
    step: tuple[Step, Step],
    spec: KernelSpec,
) -> Bound | None:
    """Return a depthwise convolution that reads what the move before it would have padded, and leaves the rest out.

    Its weights, bias, activation and counts of channels are those of the kernel that was chosen.

    Args:
        program: the program.
        lanes: samples per tile.
        offset: gives the byte offset of a place in the arena.
        move: the move.
        step: the whole step over windows, and a part of it.
        spec: the kernel that was chosen for it.

    Returns:
        Kernel, further numbers and constants; None where windows do not lie so, or the level has no such kernel.
    """
    whole, part = step
    if not (isinstance(move, MoveStep) and isinstance(whole, DepthwiseStep)):
        return None
    if spec.isa not in window_masked.ISAS or spec.activation is None or move.fill:
        return None
    if not (isinstance(part, DepthwiseStep) and whole.positions and move.x_rows):
        return None
    boxes = dense_array(program.constants[move.boxes]).astype(np.int64)
    taps = dense_array(program.constants[whole.taps]).astype(np.int64)
    rows = Grid(whole.sizes, whole.strides).rows()[:, None] + taps
    elements = whole.positions * lanes
    masked_spec = window_masked.masked_spec(spec.isa, lanes, spec.activation, elements)
    windows = masked_windows(
        padded_sources(boxes, move.y_rows)[rows],
        lanes,
        spec.isa.vector_floats,
        masked_spec.number(VECTORS),
    )
    if windows is None:
        return None
    channel = (part.y.first - whole.y.first) // whole.positions // whole.multiplier
    row_bytes = lanes * 4
    numbers = {
        "x": offset(move.x) + channel * move.x_rows * row_bytes,
        "x_bytes": move.x_rows * row_bytes,
        "elements": elements,
        "blocks": len(windows.masks),
    }
    return masked_spec, numbers, {"shifts": windows.shifts, "masks": windows.masks}
