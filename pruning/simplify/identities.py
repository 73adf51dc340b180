"""Remove nodes that change nothing: linear activations, reshapes to the same shape, merges of one value."""

from dataclasses import replace

from graph.graph import Graph
from pruning.rules.moves import is_reshape
from pruning.rules.table import rules_of
from pruning.simplify.rewrite import Change, Note, Rewrite


def remove_identities(graph: Graph) -> Rewrite:
    """Let readers of an identity read its input, and readers of chained reshapes the first one's input.

    A graph output that would come straight from a graph input keeps its node.
    """
    rules = rules_of(graph)
    inputs = {given.name for given in graph.inputs}
    outputs = graph.output_values()
    renamed: dict[str, str] = {}
    for node in graph.nodes:
        source = renamed.get(node.inputs[0], node.inputs[0])
        if rules[node.name].is_identity() and not (source in inputs and node.name in outputs):
            renamed[node.name] = source
    notes = tuple(Note(Change.IDENTITY, name) for name in renamed)
    graph = graph.rewired(renamed) if renamed else graph
    joined = _join_reshapes(graph)
    notes += tuple(Note(Change.IDENTITY, name) for name in joined)
    if not notes:
        return Rewrite(graph)
    changed = {
        node.name: replace(node, inputs=(joined[node.name],))
        for node in graph.nodes
        if node.name in joined
    }
    return Rewrite(graph.replacing(changed).without_dead(), notes)


def _join_reshapes(graph: Graph) -> dict[str, str]:
    """For each Reshape of a Reshape, what it may read instead."""
    source: dict[str, str] = {}
    joined: dict[str, str] = {}
    for node in graph.nodes:
        if is_reshape(node):
            given = node.inputs[0]
            source[node.name] = source.get(given, given)
            if given in source:
                joined[node.name] = source[given]
    return joined
