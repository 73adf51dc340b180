"""Rules of Dense: the product with its kernel at every position by itself."""

from collections.abc import Sequence

from graph.graph import Node
from graph.ops import Dense
from pruning.rules.linear import LinearRules
from pruning.rules.op_rules import RuleTable


def is_dense(node: Node) -> bool:
    """Whether the op is Dense itself; a subclass may mean something else."""
    return type(node.op) is Dense


class DenseRules(LinearRules[Dense]):
    """y = x @ kernel + bias over the last axis."""

    def links(self) -> Sequence[tuple[int, int, int]]:
        """The axes of positions go through."""
        return [(0, axis, axis) for axis in range(len(self.sample_shape) - 1)]


RULES: RuleTable = {
    Dense: DenseRules,
}
