"""The exact rewrites, in order, to a fixpoint; the graph is verified after each."""

from collections.abc import Sequence

import numpy as np

from graph.graph import Graph
from pruning.simplify.collapse import collapse_linear
from pruning.simplify.detach import detach_constant_layers
from pruning.simplify.duplicates import merge_duplicates
from pruning.simplify.fold_backward import fold_backward
from pruning.simplify.fold_forward import fold_forward
from pruning.simplify.identities import remove_identities
from pruning.simplify.rewrite import Note, Pass, Rewrite, verify_shapes
from pruning.simplify.shrink import shrink
from pruning.simplify.silent_units import clear_silent_units

# Linear activations hide the linear layer in front of a BatchNormalization, so they go first. Only backwards: the
# absolute threshold of the scale-aware rule must see inputs as normalized as the model made them.
BEFORE_DROPPING: tuple[Pass, ...] = (remove_identities, fold_backward)

FOLDING: tuple[Pass, ...] = (remove_identities, fold_backward, fold_forward)

# Folding comes first, because it makes linear layers neighbours; then what joins layers and units; then the cut, which
# removes what the others freed. A cut can make new duplicates, constants and identities, hence the fixpoint.
SIMPLIFYING: tuple[Pass, ...] = (
    remove_identities,
    collapse_linear,
    merge_duplicates,
    clear_silent_units,
    shrink,
    detach_constant_layers,
)


@np.errstate(over="ignore", invalid="ignore")
def run_to_fixpoint(graph: Graph, passes: Sequence[Pass]) -> Rewrite:
    """Apply the passes in turn until a whole round changes nothing.

    Every pass removes something (a node, an element, a weight) and none adds any, so this ends.

    Raises:
        VerifyError: a pass made an invalid graph; a bug of ours.
    """
    graph = graph.without_dead()
    notes: list[Note] = []
    while True:
        made = 0
        for step in passes:
            rewrite = step(graph)
            if rewrite.notes:
                verify_shapes(rewrite.graph)
                graph = rewrite.graph
                notes += rewrite.notes
                made += len(rewrite.notes)
        if not made:
            return Rewrite(graph, tuple(notes))
