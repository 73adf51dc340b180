"""The rules of every node, on facts in the grains of the graph's values (`pruning.rules.grains`).

A rule takes facts in the grains that it can deal with: an op that nobody adapted takes those of every element. Facts
are brought there and back here, always to the cautious side.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from graph.graph import Graph, Node
from pruning.rules.bound import Bound
from pruning.rules.grains import (
    any_of,
    fit,
    fit_bound,
    fit_limit,
    fit_relation,
    uniform,
    value_grains,
)
from pruning.rules.op_rules import Cut, Flags, OpRules, Reals, Shape
from pruning.rules.relation import Relation
from pruning.rules.table import rules_of


@dataclass(frozen=True, eq=False)
class FittedRules:
    """The rules of one node; methods as in `OpRules`, with facts in the values' grains.

    Attributes:
        op_rules: the rules of the node's op, for all elements.
        on_facts: the same rules, for facts in the grains that they take.
        grains: the grains of the node's inputs.
        grain: the grain of its value.
    """

    op_rules: OpRules[Any]
    on_facts: OpRules[Any]
    grains: tuple[Shape, ...]
    grain: Shape

    @property
    def mixes(self) -> bool:
        """Return `OpRules.mixes`."""
        return self.op_rules.mixes

    def constants(self, inputs: Sequence[Reals]) -> Reals:
        """Return `OpRules.constants`; elements that differ along a merged axis do not count."""
        pairs = zip(inputs, self.on_facts.shapes, strict=True)
        taken = [fit(fact, shape, uniform) for fact, shape in pairs]
        return fit(self.on_facts.constants(taken), self.grain, uniform)

    def needed(self, place: int, wanted: Flags) -> Flags:
        """Return `OpRules.needed`; all along a merged axis are needed if one is."""
        found = self.on_facts.needed(place, fit(wanted, self.on_facts.shape, any_of))
        return fit(found, self.grains[place], any_of)

    def keep(self, inputs: Sequence[Flags], output: Flags) -> None:
        """Do what `OpRules.keep` does; all along a merged axis stay if one does."""
        flags = (*inputs, output)
        shapes = (*self.on_facts.shapes, self.on_facts.shape)
        # Copies in C order, because rules write through flat views of them.
        taken = [
            own if own.shape == shape else np.array(fit(own, shape, any_of), order="C")
            for own, shape in zip(flags, shapes, strict=True)
        ]
        self.on_facts.keep(taken[:-1], taken[-1])
        for own, found in zip(flags, taken, strict=True):
            if own is not found:
                own |= fit(found, own.shape, any_of)

    def relation(self, inputs: Sequence[Relation]) -> Relation:
        """Return `OpRules.relation`."""
        pairs = zip(inputs, self.on_facts.shapes, strict=True)
        taken = [fit_relation(relation, shape) for relation, shape in pairs]
        return fit_relation(self.on_facts.relation(taken), self.grain)

    def bound(self, inputs: Sequence[Bound]) -> Bound:
        """Return `OpRules.bound`; the largest along a merged axis."""
        return fit_bound(self.on_facts.bound(self._taken(inputs)), self.grain)

    def error(self, errors: Sequence[Bound], values: Sequence[Bound]) -> Bound:
        """Return `OpRules.error`; the largest along a merged axis."""
        found = self.on_facts.error(self._taken(errors), self._taken(values))
        return fit_bound(found, self.grain)

    def removal_error(self, removed: Reals, values: Sequence[Bound]) -> Bound:
        """Return `OpRules.removal_error`; the largest along a merged axis."""
        return fit_bound(self.on_facts.removal_error(removed, self._taken(values)), self.grain)

    def tolerance(self, place: int, allowed: Bound, value: Bound) -> Bound:
        """Return `OpRules.tolerance`; the smallest along a merged axis."""
        taken = fit_bound(value, self.on_facts.shapes[place])
        limit = fit_limit(allowed, self.on_facts.shape)
        return fit_limit(self.on_facts.tolerance(place, limit, taken), self.grains[place])

    def unfoldable(self, constants: Reals, *, editable: bool) -> Flags:
        """Return `OpRules.unfoldable`; all along a merged axis if one is."""
        taken = fit(constants, self.on_facts.shapes[0], uniform)
        found = self.on_facts.unfoldable(taken, editable=editable)
        return fit(found, self.grains[0], any_of)

    def cut(self, cut: Cut) -> tuple[Node, Mapping[str, Reals]]:
        """Return `OpRules.cut`; what stays may be given in the values' grains."""
        pairs = zip(cut.inputs, self.op_rules.sample_shapes, strict=True)
        inputs = tuple(np.broadcast_to(flags, shape) for flags, shape in pairs)
        output = np.broadcast_to(cut.output, self.op_rules.sample_shape)
        return self.op_rules.cut(replace(cut, inputs=inputs, output=output))

    def _taken(self, bounds: Sequence[Bound]) -> list[Bound]:
        pairs = zip(bounds, self.on_facts.shapes, strict=True)
        return [fit_bound(bound, shape) for bound, shape in pairs]


@dataclass(frozen=True, slots=True)
class GraphRules:
    """What the analyses know of a graph.

    Attributes:
        grains: the grain of every value, by name.
        nodes: the rules of every node, by name.
    """

    grains: Mapping[str, Shape]
    nodes: Mapping[str, FittedRules]


def graph_rules(graph: Graph) -> GraphRules:
    """Return the grains of all values and the rules on them; all sample shapes must be fixed.

    Raises:
        ShapeError: an axis other than the batch varies in length, or an op refuses its inputs.
    """
    rules = rules_of(graph)
    shapes = {name: kind.static_sample_shape for name, kind in graph.value_types().items()}
    grains = value_grains(graph, rules, shapes)
    return GraphRules(
        grains, {node.name: _fitted(node, rules[node.name], grains) for node in graph.nodes}
    )


def _fitted(node: Node, rules: OpRules[Any], grains: Mapping[str, Shape]) -> FittedRules:
    inputs, output = tuple(grains[name] for name in node.inputs), grains[node.name]
    taken, given = rules.taken_grains(inputs, output)
    return FittedRules(rules, replace(rules, shapes=taken, shape=given), inputs, output)
