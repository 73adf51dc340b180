"""Arena plans: nothing that lives at the same time shares memory, and what is dead is used again."""

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.functions import ElementFunction
from engine.core.program import InputSlot, OutputSlot, Program
from engine.core.program_check import check_program
from engine.core.steps import (
    AffineStep,
    ElementStep,
    Pack,
    Place,
    PReluStep,
    SoftmaxStep,
    Unpack,
    reads,
    writes,
)
from engine.passes.pipeline import build_program
from engine.planning.memory import plan_arena
from graph.activations import Function
from graph.graph import Graph
from tests.builders import GraphBuilder
from tests.strategies import graphs


def lifetimes(program: Program) -> dict[int, tuple[int, int]]:
    """First and last step of each buffer."""
    found: dict[int, tuple[int, int]] = {}
    for number, step in enumerate(program.steps):
        for place in (*reads(step), *writes(step)):
            first, _ = found.get(place.buffer, (number, number))
            found[place.buffer] = (first, number)
    return found


@settings(max_examples=150)
@given(graph=graphs(max_steps=10), lanes=st.sampled_from([1, 8, 16, 64]))
def test_live_buffers_never_overlap(graph: Graph, lanes: int) -> None:
    program = build_program(graph)
    plan = plan_arena(program, lanes)
    lives = lifetimes(program)
    for a, (a_first, a_last) in lives.items():
        start, end = plan.offsets[a], plan.offsets[a] + program.buffers[a] * lanes * 4
        assert start % 64 == 0
        assert end <= plan.size_bytes
        for b, (b_first, b_last) in lives.items():
            if a >= b or a_last < b_first or b_last < a_first:
                continue
            if max(a_first, b_first) == min(a_last, b_last) and is_in_place(program, a, b):
                continue
            b_start, b_end = plan.offsets[b], plan.offsets[b] + program.buffers[b] * lanes * 4
            assert end <= b_start or b_end <= start, (a, b)


def is_in_place(program: Program, a: int, b: int) -> bool:
    """Whether one buffer is made from the other, in the step that last reads it, row by row."""
    return any(
        isinstance(step, ElementStep | AffineStep | PReluStep | SoftmaxStep)
        and {step.x.buffer, step.y.buffer} == {a, b}
        for step in program.steps
    )


def test_a_chain_needs_two_buffers_only() -> None:
    b = GraphBuilder()
    x = b.input(64)
    for _ in range(10):
        x = b.dense(x, 64)
    assert plan_arena(build_program(b.build(x)), 16).size_bytes == 2 * 64 * 16 * 4


def test_elementwise_steps_work_in_place() -> None:
    b = GraphBuilder()
    x = b.input(64)
    for _ in range(10):
        x = b.activation(x, Function.TANH)
    assert plan_arena(build_program(b.build(x)), 16).size_bytes == 64 * 16 * 4


def test_a_buffer_keeps_its_memory_until_its_last_part_is_written() -> None:
    whole, joined, small, other = (Place(n, 0, rows) for n, rows in enumerate((16, 32, 16, 32)))
    function = ElementFunction()
    steps = (
        Pack(0, whole),
        ElementStep(whole, joined.part(0, 16), function),
        ElementStep(joined.part(0, 16), small, function),
        ElementStep(whole, other.part(0, 16), function),
        ElementStep(small, other.part(16, 16), function),
        ElementStep(whole, joined.part(16, 16), function),  # nothing reads this part
        Unpack(other, 0),
    )
    slots = (InputSlot("x", "float32", (16,)),), (OutputSlot("y", (32,)),)
    program = Program("late", *slots, (16, 32, 16, 32), steps, {})
    check_program(program)
    plan = plan_arena(program, 1)
    assert abs(plan.offsets[joined.buffer] - plan.offsets[other.buffer]) >= 32 * 4
