"""Let one of several proportional units do the work of all: their outgoing weights are added up on it.

The others' outgoing weights become zero, and the units go as dead units where nothing else reads them.
"""

import numpy as np

from graph.graph import Graph
from pruning.rules.fitted import graph_rules
from pruning.rules.grains import fit_relation
from pruning.rules.linear import linear_rules
from pruning.rules.op_rules import Reals
from pruning.rules.relation import feature_relation
from pruning.simplify.relations import relations
from pruning.simplify.rewrite import Change, Note, Rewrite, editable, frozen


def merge_duplicates(graph: Graph) -> Rewrite:
    """Join the weights of related inputs in every linear layer with a kernel of its own."""
    found = relations(graph)
    rules = graph_rules(graph).nodes
    free = editable(graph)
    changed: dict[str, Reals] = {}
    notes: list[Note] = []
    for node in graph.nodes:
        facts = linear_rules(rules[node.name].on_facts)
        if facts is None or node.name not in free:
            continue
        relation = feature_relation(fit_relation(found[node.inputs[0]], facts.shapes[0]))
        if relation is None or relation.is_trivial:
            continue
        follower = relation.leader != np.arange(len(relation.leader))
        busy = follower & facts.read_channels
        joined = facts.joined(relation) if busy.any() else None
        if joined is not None and np.isfinite(joined).all():
            changed[node.weights[0]] = frozen(joined)
            notes.append(Note(Change.MERGED, node.name, int(busy.sum()), exact=False))
    return Rewrite(graph.with_weights(changed), tuple(notes)) if notes else Rewrite(graph)
