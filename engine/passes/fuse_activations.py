"""Dense followed by an element function: the function is applied before the result is stored."""

from dataclasses import replace

from engine.core.functions import ElementFunction
from engine.core.program import Program
from engine.core.steps import ElementStep, RecurrentStep
from engine.passes.rewrite import is_whole, readers


def fuse_activations(program: Program) -> Program:
    """Fuse where nothing else reads the result of the layer."""
    read_by = readers(program)
    steps = list(program.steps)
    dropped: set[int] = set()
    for number, step in program.weighted_steps().items():
        users = read_by[step.y.buffer]
        if isinstance(step, RecurrentStep) or len(users) != 1 or step.function != ElementFunction():
            continue
        user = steps[users[0]]
        if isinstance(user, ElementStep) and user.x == step.y and is_whole(program, step.y):
            steps[number] = replace(step, y=user.y, function=user.function)
            dropped.add(users[0])
    kept = tuple(step for number, step in enumerate(steps) if number not in dropped)
    return replace(program, steps=kept)
