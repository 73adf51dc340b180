"""What pruning knows about attention and embeddings: nothing yet, so that it expects the worst of them."""

from graph.attention_ops import Attention, Embedding, MaskedSoftmax, MatMul
from pruning.rules.op_rules import OpRules, RuleTable

RULES: RuleTable = dict.fromkeys((Embedding, MatMul, MaskedSoftmax, Attention), OpRules)
