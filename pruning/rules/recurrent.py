"""What pruning knows about recurrent layers: nothing yet, so that it expects the worst of them."""

from graph.recurrent_ops import Recurrent
from pruning.rules.op_rules import OpRules, RuleTable

RULES: RuleTable = {Recurrent: OpRules}
