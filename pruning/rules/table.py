"""Which rules an op has: by its exact class. An op that is not here, a subclass too, gets the cautious `OpRules`."""

from collections.abc import Callable, Mapping
from typing import Any

from graph import conv_ops, normalization_ops, ops, pooling_ops, resizing_ops, shape_ops
from graph.graph import Graph, Node
from pruning.rules.activations import activation_rules
from pruning.rules.convolutions import ConvRules, ConvTransposeRules
from pruning.rules.dense import DenseRules
from pruning.rules.elementwise import (
    BatchNormalizationRules,
    NormalizationRules,
    PReluRules,
    RescalingRules,
)
from pruning.rules.merges import DotRules, merge_rules
from pruning.rules.moves import ConcatenateRules, PermuteRules, RepeatRules, ReshapeRules
from pruning.rules.normalizations import (
    GroupNormalizationRules,
    LayerNormalizationRules,
    RmsNormalizationRules,
    UnitNormalizationRules,
)
from pruning.rules.op_rules import OpRules, Reals, Shape
from pruning.rules.spatial import (
    AdaptivePoolRules,
    CropRules,
    GlobalPoolRules,
    PadRules,
    PoolRules,
    ResizeRules,
    UpsampleRules,
)

RULES: Mapping[type[Any], Callable[..., OpRules[Any]]] = {
    ops.Dense: DenseRules,
    ops.Activation: activation_rules,
    ops.PRelu: PReluRules,
    ops.BatchNormalization: BatchNormalizationRules,
    ops.LayerNormalization: LayerNormalizationRules,
    ops.Rescaling: RescalingRules,
    ops.Normalization: NormalizationRules,
    ops.Merge: merge_rules,
    ops.Dot: DotRules,
    shape_ops.Reshape: ReshapeRules,
    shape_ops.Permute: PermuteRules,
    shape_ops.RepeatVector: RepeatRules,
    shape_ops.Concatenate: ConcatenateRules,
    conv_ops.Conv: ConvRules,
    conv_ops.ConvTranspose: ConvTransposeRules,
    conv_ops.DepthwiseConv: ConvRules,
    pooling_ops.Pool: PoolRules,
    pooling_ops.AdaptivePool: AdaptivePoolRules,
    pooling_ops.GlobalPool: GlobalPoolRules,
    resizing_ops.Pad: PadRules,
    resizing_ops.Crop: CropRules,
    resizing_ops.Upsample: UpsampleRules,
    resizing_ops.Resize: ResizeRules,
    normalization_ops.GroupNormalization: GroupNormalizationRules,
    normalization_ops.RmsNormalization: RmsNormalizationRules,
    normalization_ops.UnitNormalization: UnitNormalizationRules,
}


def rules_of(graph: Graph) -> dict[str, OpRules[Any]]:
    """Return the rules of every node, by name; all sample shapes must be fixed.

    Raises:
        ShapeError: an axis other than the batch varies in length, or an op refuses its inputs.
    """
    shapes = {name: kind.static_sample_shape for name, kind in graph.value_types().items()}
    return {
        node.name: rules_of_node(
            node,
            tuple(graph.weights[name] for name in node.weights),
            tuple(shapes[name] for name in node.inputs),
            shapes[node.name],
        )
        for node in graph.nodes
    }


def rules_of_node(
    node: Node, arrays: tuple[Reals, ...], shapes: tuple[Shape, ...], shape: Shape
) -> OpRules[Any]:
    """Return the rules of one node; see `OpRules` for the arguments."""
    return RULES.get(type(node.op), OpRules)(node, node.op, arrays, shapes, shape, shapes, shape)


def unmovable_values(graph: Graph) -> frozenset[str]:
    """Return the values that must not change, not even by a rounding: an op that bears none depends on them."""
    found: set[str] = set()
    for node in reversed(graph.nodes):
        if node.name in found or not rules_of_node(node, (), (), ()).bears_rounding:
            found.update(node.inputs)
    return frozenset(found)


def unknown_nodes(graph: Graph) -> tuple[Node, ...]:
    """Return the nodes whose op has no rules."""
    return tuple(node for node in graph.nodes if type(rules_of_node(node, (), (), ())) is OpRules)
