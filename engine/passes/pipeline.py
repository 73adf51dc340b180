"""Graph to program: lowering, then the passes in order, with the program checked after each."""

from collections.abc import Callable

from engine.core.program import Program
from engine.core.program_check import check_program
from engine.passes.alias_copies import alias_copies
from engine.passes.cancel_transposes import cancel_transposes
from engine.passes.drop_unused import drop_unused
from engine.passes.fold_affine import fold_affine
from engine.passes.fuse_activations import fuse_activations
from engine.passes.fuse_adds import fuse_adds
from engine.passes.lower import lower
from engine.passes.lowering import DerivedWeights
from engine.passes.place_concatenations import place_concatenations
from engine.passes.split_chains import split_chains
from graph.graph import Graph

PASSES: tuple[Callable[[Program], Program], ...] = (
    # First, so that a layer and its activation are neighbours even with a Reshape between.
    alias_copies,
    # Before the passes that look at neighbours: what lies between two transposes that cancel sees the original.
    cancel_transposes,
    # Before activations, which then directly follow the layer.
    fold_affine,
    # Before activations, which often follow the sum.
    fuse_adds,
    # Before concatenations, which then move the fused result instead of the bare product.
    fuse_activations,
    # After aliases: a value that is only renamed can still be written into its part.
    place_concatenations,
    # Joining the parts in order is often a copy of everything in place, once they are there.
    alias_copies,
    # The others leave constants and buffers behind.
    drop_unused,
    # When all that can be fused is, and nothing reads values in vain: it takes neighbours apart.
    split_chains,
    drop_unused,
)


def build_program(
    graph: Graph, *, checks_each_pass: bool = True, derived: DerivedWeights | None = None
) -> Program:
    """Turn a verified graph into a program ready for memory planning and kernel choice.

    Args:
        graph: the graph, with fixed sample shapes.
        checks_each_pass: whether the program is checked after every pass, to find which one is wrong; it is
            checked after the last one in any case.
        derived: what was made of the graph's weights at other sizes, where there are some.

    Raises:
        VariableLengthError: a value has an axis of varying length.
        UnsupportedModelError: the engine has no kernel for an op.
        ProgramError: a pass made an invalid program (a bug of ours).
    """
    program = lower(graph, derived)
    for rewrite in PASSES:
        if checks_each_pass:
            check_program(program)
        program = rewrite(program)
    check_program(program)
    return program
