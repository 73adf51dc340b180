"""Rules of the general ops: parts of values and new axes move elements; reductions look along axes.

Of ops of two values, and of those that depend on the order of elements, nothing is known yet: they get the cautious
rules.
"""

from graph.element_ops import Binary, Cast, Constant, Select
from graph.reduction_ops import ArgReduce, Cumulative, Reduce, Sort
from graph.slice_ops import BroadcastTo, ExpandDims, Gather, Slice, Squeeze
from pruning.rules.moves import MoveRules
from pruning.rules.op_rules import OpRules, OpT, RuleTable


class WholeMoveRules(MoveRules[OpT]):
    """Elements are moved; whatever holds of them holds of their copies, but none of them is taken out."""

    mixes = True


RULES: RuleTable = {
    **dict.fromkeys((Slice, Gather, ExpandDims, Squeeze, BroadcastTo), WholeMoveRules),
    **dict.fromkeys((Binary, Select, Cast, Constant), OpRules),
    **dict.fromkeys((Reduce, ArgReduce, Cumulative, Sort), OpRules),
}
