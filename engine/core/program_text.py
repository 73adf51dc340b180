"""The stable printed form of a program, for people and golden tests: one line per step."""

import math
from typing import assert_never

from engine.core import attention_steps
from engine.core.program import Program
from engine.core.recurrent_steps import MaskedOutput
from engine.core.steps import (
    AffineStep,
    AttentionStep,
    BinaryStep,
    ConstantStep,
    ConvStep,
    DenseStep,
    DepthwiseStep,
    DotStep,
    ElementStep,
    FoldStep,
    GeneralStep,
    LayerNormStep,
    MergeStep,
    MoveStep,
    Pack,
    Place,
    PlainStep,
    PoolStep,
    PReluStep,
    RecurrentStep,
    ReduceStep,
    ResampleStep,
    RootStep,
    ScanStep,
    SelectStep,
    SoftmaxStep,
    SpatialStep,
    Step,
    TransposeStep,
    Unpack,
    constants_of,
    reads,
    writes,
)


def to_text(program: Program) -> str:
    """Write a program down, e.g. `%1 = dense+relu(%0) [hidden/kernel, hidden/bias]`."""
    lines = [f"program {program.name}"]
    lines += [
        f"  %{number}: {rows} row{'s' if rows > 1 else ''}"
        for number, rows in enumerate(program.buffers)
    ]
    lines += ["  " + _line(program, step) for step in program.steps]
    return "\n".join(lines) + "\n"


def _line(program: Program, step: Step) -> str:
    match step:
        case Pack():
            return f"{_place(program, step.y)} = input {program.inputs[step.slot].name}"
        case Unpack():
            return f"output {program.outputs[step.slot].name} = {_place(program, step.x)}"
        case _:
            arguments = ", ".join(_place(program, place) for place in reads(step))
            y = writes(step)[0]
            names = constants_of(step)
            constants = f" [{', '.join(names)}]" if names else ""
            return f"{_place(program, y)} = {_name(step)}({arguments}){constants}"


def _name(step: Step) -> str:
    if isinstance(step, SpatialStep):
        return _spatial_name(step)
    if isinstance(step, GeneralStep):
        return _general_name(step)
    if isinstance(step, DenseStep | RecurrentStep):
        return _weighted_name(step)
    if isinstance(step, AttentionStep):
        return attention_steps.name_of(step)
    return _plain_name(step)


def _plain_name(step: PlainStep) -> str:
    match step:
        case ElementStep():
            return step.function.function.value
        case MergeStep():
            return step.op.value
        case SoftmaxStep():
            return f"{step.function.value}<{step.outer}, {step.length}, {step.inner}>"
        case LayerNormStep() | AffineStep() | PReluStep():
            name = {LayerNormStep: "layer_norm", AffineStep: "affine"}.get(type(step), "prelu")
            return f"{name}<{step.outer}, {step.length}, {step.inner}>"
        case TransposeStep():
            return f"transpose<{step.outer}, {step.rows}, {step.columns}, {step.inner}>"
        case DotStep():
            return f"dot<{step.terms}>"
        case _:
            return type(step).__name__.removesuffix("Step").lower()


def _general_name(step: GeneralStep) -> str:
    match step:
        case BinaryStep():
            swapped = "swapped " if step.swapped else ""
            return f"{swapped}{step.function.value}<{step.outer}, {step.length}, {step.inner}>"
        case FoldStep():
            return f"{step.fold.value}<{step.outer}, {step.length}, {step.inner}>"
        case ScanStep():
            return f"running_{step.scan.value}<{step.outer}, {step.length}, {step.inner}>"
        case SelectStep() | ConstantStep():
            return type(step).__name__.removesuffix("Step").lower()
        case _:
            assert_never(step)


def _weighted_name(step: DenseStep | RecurrentStep) -> str:
    if isinstance(step, DenseStep):
        positions = f" x{step.positions}" if step.positions > 1 else ""
        return f"dense+{step.function.function.value}{positions}"
    words = [step.cell.value, step.activation.function.value, step.gate_activation.function.value]
    words += ["backwards"] * step.backwards
    if step.masked is not MaskedOutput.NONE:
        words.append(f"{step.masked.value} where masked")
    return f"{'+'.join(words)} x{step.times} {step.result.value}"


def _spatial_name(step: SpatialStep) -> str:
    match step:
        case ConvStep() | DepthwiseStep():
            positions = f" x{step.positions}" if step.positions > 1 else ""
            return f"{step.kind}+{step.function.function.value}{positions}"
        case PoolStep():
            return f"{step.reduction.value}_pool x{math.prod(step.sizes)}"
        case MoveStep():
            return f"move<{step.outer}, {step.x_rows}, {step.y_rows}>"
        case ReduceStep():
            return f"{step.reduction.value}<{step.length}>"
        case ResampleStep():
            return f"resample<{step.outer}, {step.length}, {step.inner}>"
        case RootStep():
            return f"divide_by_{step.root.value}<{step.outer}, {step.length}, {step.inner}>"
        case _:
            assert_never(step)


def _place(program: Program, place: Place) -> str:
    if place.first == 0 and place.rows == program.buffers[place.buffer]:
        return f"%{place.buffer}"
    return f"%{place.buffer}[{place.first}:{place.first + place.rows}]"
