"""The layer-by-layer record: what became of every layer of the original model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from graph.graph import Graph, Node
from graph.linear import holds_kernel, is_linear, kernel_layout
from pruning.certificate import LayerCertificate, layer_certificate
from pruning.choice import Choice
from pruning.lossless.attempt import Attempt
from pruning.lossless.options import LosslessOptions
from pruning.prunable import WeightedLayer
from pruning.simplify.rewrite import Change, Note


@dataclass(frozen=True, slots=True)
class LayerResult:
    """One layer of the original model, before and after.

    Attributes:
        layer: its path in the original model.
        kind: the name of its op, for example "Dense".
        has_kernel: whether its first weight is a kernel that it is linear in; only those weights are counted in totals.
        nodes: the nodes that applied it; the first is the name in the pruned graph, where it is still there.
        shape_before: the shape of its first weight; (inputs, units) for the kernel of a Dense layer.
        shape_after: the shape of that weight afterwards, or None if the layer is gone.
        weights_before: the number of elements of its first weight.
        weights_after: the number of elements afterwards, zeros included.
        nonzeros_before: how many of its elements were not zero.
        nonzeros_after: how many are not zero now; only these cost anything when the layer is served sparse.
        units_removed: how many output units are gone.
        merged_into: the layer that took over this one, if it was folded or collapsed.
        reason: why its weights were not pruned, if they could not be or were left whole; empty otherwise.
        certificate: what is proven about it.
    """

    layer: str
    kind: str
    has_kernel: bool
    nodes: tuple[str, ...]
    shape_before: tuple[int, ...]
    shape_after: tuple[int, ...] | None
    weights_before: int
    weights_after: int
    nonzeros_before: int
    nonzeros_after: int
    units_removed: int
    merged_into: str
    reason: str
    certificate: LayerCertificate

    @property
    def weights_removed(self) -> int:
        """Weights that were there, zeros included, and are gone or zero now."""
        return self.weights_before - self.nonzeros_after

    @property
    def sparsity(self) -> float:
        """Fraction of the original weights that is gone or zero, in [0, 1]; below 0 if a merge added weights."""
        return self.weights_removed / self.weights_before if self.weights_before else 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the record is made from.

    Attributes:
        original: the graph as given.
        attempt: the accepted lossless steps.
        choice: what the mode chose, before these steps.
        options: the options of the lossless steps.
    """

    original: Graph
    attempt: Attempt
    choice: Choice
    options: LosslessOptions


def layer_results(layers: Sequence[WeightedLayer], outcome: Outcome) -> tuple[LayerResult, ...]:
    """Return one record for each layer with weights, in the original order."""
    successors = _successors(outcome.attempt.notes)
    return tuple(_record(layer, outcome, successors) for layer in layers)


def _successors(notes: Sequence[Note]) -> Mapping[str, str]:
    """For each node that was folded or collapsed, the node that took over in the end."""
    step = {n.node: n.into for n in notes if n.into}
    final: dict[str, str] = {}
    for name in step:
        last = name
        while last in step:
            last = step[last]
        final[name] = last
    return final


def _record(layer: WeightedLayer, outcome: Outcome, successors: Mapping[str, str]) -> LayerResult:
    original, final = outcome.original, outcome.attempt.graph
    before = original.weights[layer.weight]
    left = [node for node in final.nodes if node.name in layer.nodes and node.weights]
    after = final.weights[left[0].weights[0]] if left else None
    heir = next((successors[name] for name in layer.nodes if name in successors), "")
    op = original.node(layer.nodes[0]).op
    units = _units(original, original.node(layer.nodes[0]))
    units_left = _units(final, left[0]) if left else 0
    return LayerResult(
        layer=layer.layer,
        kind=type(op).__name__,
        has_kernel=holds_kernel(op),
        nodes=layer.nodes,
        shape_before=before.shape,
        shape_after=None if after is None else after.shape,
        weights_before=before.size,
        weights_after=0 if after is None else after.size,
        nonzeros_before=int(np.count_nonzero(before)),
        nonzeros_after=0 if after is None else int(np.count_nonzero(after)),
        units_removed=0 if heir else units - units_left,
        merged_into=original.node(heir).layer or heir if heir and not left else "",
        reason=outcome.choice.spared.get(layer.weight, layer.reason),
        certificate=_certify(layer, outcome, left[0] if left else None),
    )


def _units(graph: Graph, node: Node) -> int:
    """Return how many units a layer with a kernel has; 0 for any other."""
    shape = graph.weights[node.weights[0]].shape
    if not holds_kernel(node.op):
        return 0
    return kernel_layout(node.op, shape).units if is_linear(node.op) else shape[0]


def _certify(layer: WeightedLayer, outcome: Outcome, left: Node | None) -> LayerCertificate:
    claims = {claim.kernel: claim for claim in outcome.attempt.claims}
    return layer_certificate(
        claims.get(layer.weight),
        budgeted=outcome.choice.method if layer.weight in outcome.choice.changed else "",
        rewritten=_is_rewritten(layer, outcome, left),
        options=outcome.options,
    )


_REWRITES = (Change.FOLDED, Change.COLLAPSED, Change.MERGED)


def _is_rewritten(layer: WeightedLayer, outcome: Outcome, left: Node | None) -> bool:
    """Return whether weights were recomputed: the rewrites say so, or a bias holds a number it did not hold before."""
    for note in outcome.attempt.notes:
        touched = {note.node, note.into} if note.change in _REWRITES else set()
        if touched & set(layer.nodes):
            return True
    if left is None:
        return False
    known = [outcome.original.weights[name] for name in outcome.original.node(left.name).weights]
    values = np.concatenate([np.zeros(1, np.float32), *(w.ravel() for w in known[1:])])
    biases = [outcome.attempt.graph.weights[name] for name in left.weights[1:]]
    return not all(bool(np.isin(bias, values).all()) for bias in biases)
