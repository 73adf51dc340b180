"""A scale and shift per unit behind a layer go into its weights: (x W + b) s + t = x (W s) + (b s + t)."""

from dataclasses import replace
from typing import assert_never

import numpy as np

from engine.core.errors import ProgramError
from engine.core.functions import ElementFunction
from engine.core.program import Array, Constant, Program, dense_array
from engine.core.steps import (
    AffineStep,
    ConvStep,
    DenseStep,
    DepthwiseStep,
    RecurrentStep,
    WeightedStep,
)
from engine.passes.rewrite import is_whole, readers
from graph.affine import Reals, ScaleAndOffset


def fold_affine(program: Program) -> Program:
    """Fold where nothing else reads the product, and where every position has the same numbers.

    The new weights are computed in float64 and rounded once. Numbers that are not finite, or would not
    be as float32, are not folded: they would turn zeros of the kernel or of its input into NaN.
    """
    steps = list(program.steps)
    constants = dict(program.constants)
    dropped: set[int] = set()
    read_by = readers(program)
    for number, dense in program.weighted_steps().items():
        step: WeightedStep | None = dense
        # A folded step may be followed by another scale and shift.
        while step is not None:
            steps[number] = step
            users = read_by[step.y.buffer]
            affine = steps[users[0]] if len(users) == 1 else None
            if not isinstance(affine, AffineStep) or not _fits(program, step, affine):
                break
            step = _folded(constants, step, affine)
            if step is not None:
                dropped.add(users[0])
    kept = tuple(step for number, step in enumerate(steps) if number not in dropped)
    return replace(program, steps=kept, constants=constants)


def _fits(program: Program, step: WeightedStep, affine: AffineStep) -> bool:
    return (
        not isinstance(step, RecurrentStep)
        and affine.x == step.y
        and is_whole(program, step.y)
        and is_whole(program, affine.y)
        and step.function == ElementFunction()
        and not (isinstance(step, ConvStep) and step.added is not None)
    )


def _folded(
    constants: dict[str, Constant], step: WeightedStep, affine: AffineStep
) -> WeightedStep | None:
    """Return the step with new weights, which are added to `constants`; None where they cannot be folded."""
    rows = [
        _by_unit(step, affine, dense_array(constants[name]))
        for name in (affine.scale, affine.shift)
    ]
    row = ScaleAndOffset(*rows).per_feature()
    if row is None:
        return None
    old_bias = 0.0 if step.bias is None else dense_array(constants[step.bias])
    with np.errstate(all="ignore"):
        kernel = (dense_array(constants[step.kernel]) * row.scale).astype(np.float32)
        bias = (old_bias * row.scale + row.offset).astype(np.float32)
    if not (np.isfinite(kernel).all() and np.isfinite(bias).all()):
        return None
    names = [
        _added(constants, f"{step.name}/folded_{n}", w)
        for n, w in (("kernel", kernel), ("bias", bias))
    ]
    nonzeros = int(np.count_nonzero(kernel))
    return replace(step, y=affine.y, kernel=names[0], bias=names[1], nonzeros=nonzeros)


def _by_unit(step: WeightedStep, affine: AffineStep, numbers: Array) -> Reals:
    """Return the numbers of an affine step for each position and unit of the layer before it."""
    counts = (affine.outer, affine.length, affine.inner)
    rows = np.broadcast_to(numbers.astype(np.float64)[:, None], counts).reshape(-1)
    match step:
        case DenseStep():
            return rows.reshape(step.positions, step.units)
        case ConvStep() | DepthwiseStep():
            return rows.reshape(step.units, step.positions).T
        case RecurrentStep():  # its outputs are not those of its product: `_fits` refuses it
            raise ProgramError("a recurrent step takes no scale and shift")
        case _:
            assert_never(step)


def _added(constants: dict[str, Constant], name: str, array: Array) -> str:
    """Add a constant under a name that is not taken."""
    while name in constants:
        name += "_"
    constants[name] = array
    return name
