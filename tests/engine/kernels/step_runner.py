"""Runs one step kernel on arrays: values go into an arena, the output region is NaN before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.kernel_call import KernelCall
from engine.core.arrays import FloatArray, aligned_zeros
from engine.kernels.abi import KernelSpec
from tests.engine.kernels.loaded import kernel_address

GUARD_FLOATS = 64


@dataclass(frozen=True, slots=True)
class StepInput:
    """What a step kernel is given: ARENA inputs and outputs by field name, constants, numbers."""

    values: Mapping[str, FloatArray] = field(default_factory=dict)
    outputs: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    constants: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    ints: Mapping[str, int] = field(default_factory=dict)
    user_inputs: Sequence[npt.NDArray[Any]] = ()
    user_outputs: Sequence[npt.NDArray[Any]] = ()
    first_sample: int = 0
    valid_samples: int = 1


def run_step(spec: KernelSpec, step: StepInput) -> dict[str, FloatArray]:
    """Run the kernel once; return the outputs by field name, and check the guards behind them."""
    shapes = {name: array.shape for name, array in step.values.items()} | dict(step.outputs)
    offsets: dict[str, int] = {}
    end = 0
    for name, shape in shapes.items():
        offsets[name] = end
        end += -(-(int(np.prod(shape)) + GUARD_FLOATS) // 16) * 16
    arena = aligned_zeros(end)
    arena[:] = np.nan
    for name, array in step.values.items():
        arena[offsets[name] : offsets[name] + array.size] = array.reshape(-1)
    before = arena.copy()
    call = KernelCall(
        kernel_address(spec),
        spec,
        arena,
        {name: 4 * offset for name, offset in offsets.items()},
        step.constants,
        step.ints,
    )
    call.set_tile(step.user_inputs, step.user_outputs, step.first_sample, step.valid_samples)
    call()
    results = {}
    for name, shape in step.outputs.items():
        region = slice(offsets[name], offsets[name] + int(np.prod(shape)))
        results[name] = arena[region].reshape(shape).copy()
        arena[region] = before[region]
    np.testing.assert_array_equal(arena, before, "the kernel wrote outside its output")
    return results


def lanes_for(width: int) -> tuple[int, ...]:
    return tuple(sorted({1, 4, width, 2 * width, 64}))
