"""What pruning knows about recurrent layers: how far float32 takes them; of all else it expects the worst."""

from collections.abc import Sequence

import numpy as np

from graph.recurrent_ops import Recurrent
from pruning.rules.arithmetic import Reals, few_operations_error, sum_units
from pruning.rules.op_rules import OpRules, RuleTable


class RecurrentRules(OpRules[Recurrent]):
    """A state that each step of time changes: what moves it at one step goes through all later ones.

    So the errors of the sums inside of the loop are drawn where they arise, not beside the result: as errors of what
    comes in at each step and of the recurrent kernel. Where the recurrence makes small changes large, the drawn errors
    grow as those of the kernels do.
    """

    def argument_units(self) -> float:
        """As many units as a sum of the products of one unit may be moved by."""
        terms = int(np.count_nonzero(self.arrays[0], axis=0).max(initial=0)) + 1
        return sum_units(terms)

    def arithmetic_error(self, sizes: Sequence[Reals], result: Reals) -> Reals:
        """A few operations make each output of the last sum."""
        return few_operations_error(result)


RULES: RuleTable = {Recurrent: RecurrentRules}
