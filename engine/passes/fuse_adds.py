"""A convolution whose result is added to another value: the value is added before the result is stored."""

from dataclasses import replace

from engine.core.functions import ElementFunction, MergeOp
from engine.core.program import Program
from engine.core.steps import ConvStep, MergeStep, Place, Step
from engine.passes.rewrite import is_whole, readers


def fuse_adds(program: Program) -> Program:
    """Fuse where nothing else reads the convolution's own result; the convolution then takes the place of the sum.

    Of two convolutions the later one adds.
    """
    made_by = {
        step.y.buffer: number
        for number, step in enumerate(program.steps)
        if isinstance(step, ConvStep) and is_whole(program, step.y)
    }
    read_by = readers(program)
    steps: list[Step | None] = list(program.steps)
    for number, step in enumerate(program.steps):
        if not isinstance(step, MergeStep) or step.op is not MergeOp.ADD or len(step.xs) != 2:
            continue
        pairs = [(made_by.get(x.buffer, -1), x, other) for x, other in _pairs(step.xs)]
        for made, x, other in sorted(pairs, key=lambda pair: -pair[0]):
            conv = steps[made] if made >= 0 else None
            if (
                isinstance(conv, ConvStep)
                and conv.y == x
                and len(read_by[x.buffer]) == 1
                and x.buffer != other.buffer
                and conv.added is None
                and conv.function == ElementFunction()
            ):
                steps[number] = replace(conv, y=step.y, added=other)
                steps[made] = None
                break
    return replace(program, steps=tuple(step for step in steps if step is not None))


def _pairs(xs: tuple[Place, ...]) -> tuple[tuple[Place, Place], ...]:
    first, second = xs
    return (first, second), (second, first)
