"""Let one of several proportional units do the work of all: their outgoing weights are added up on it.

The others' outgoing weights become zero, and the units go as dead units where nothing else reads them.
"""

import numpy as np

from graph.graph import Graph
from pruning.rules.dense import is_dense
from pruning.rules.op_rules import Reals
from pruning.rules.relation import feature_relation, merged_kernel
from pruning.simplify.relations import relations
from pruning.simplify.rewrite import Change, Note, Rewrite, editable, frozen


def merge_duplicates(graph: Graph) -> Rewrite:
    """Join the weights of related inputs in every Dense layer with a kernel of its own."""
    found = relations(graph)
    shapes = {name: kind.static_sample_shape for name, kind in graph.value_types().items()}
    free = editable(graph)
    changed: dict[str, Reals] = {}
    notes: list[Note] = []
    for node in graph.nodes:
        if not is_dense(node) or node.name not in free:
            continue
        relation = feature_relation(found[node.inputs[0]], shapes[node.inputs[0]])
        kernel = graph.weights[node.weights[0]]
        if relation is None or relation.is_trivial:
            continue
        follower = relation.leader != np.arange(len(relation.leader))
        busy = follower & np.any(kernel != 0, axis=1)
        joined = merged_kernel(kernel, relation)
        if busy.any() and np.isfinite(joined).all():
            changed[node.weights[0]] = frozen(joined)
            notes.append(Note(Change.MERGED, node.name, int(busy.sum()), exact=False))
    return Rewrite(graph.with_weights(changed), tuple(notes)) if notes else Rewrite(graph)
