"""Arguments of embeddings and of attention layers, by their Keras 3 names.

Sources: keras/layers/embeddings.py of Keras 1.2.2 and 2.2.4; the layers of tf.keras 2.20 and Keras 3.4 to 3.15.
`flash_attention` and `seed` say nothing of what is computed; `dropout` acts in training only, but with it Keras 3 masks
otherwise.
"""

from collections.abc import Mapping
from types import MappingProxyType

from graph.keras.layer_class import REQUIRED, WEIGHT_TRAINING, LayerClass

_EMBEDDING_TRAINING = WEIGHT_TRAINING | {
    "embeddings_initializer", "embeddings_regularizer", "embeddings_constraint", "init", "dropout",
}  # fmt: skip
RETURN_SCORES = "return_attention_scores"
_CAUSAL = "use_causal_mask"
_MASKS = ("query_mask", "value_mask", "key_mask", "attention_mask")
_SHAPES = frozenset({"query_shape", "key_shape", "value_shape", "seed", "flash_attention"})
# What is called on queries, values and keys.
_TENSORS = ("value", "key", *_MASKS)

ATTENTION_CLASSES: Mapping[str, LayerClass] = MappingProxyType(
    {
        "Embedding": LayerClass(
            used={"input_dim": REQUIRED, "output_dim": REQUIRED, "mask_zero": False},
            ignored=_EMBEDDING_TRAINING,
        ),
        "ReversibleEmbedding": LayerClass(
            used={
                "input_dim": REQUIRED, "output_dim": REQUIRED, "mask_zero": False, "tie_weights": True,
                "logit_soft_cap": None,
            },
            stated={"reverse_dtype": (None, "float32")},
            ignored=_EMBEDDING_TRAINING,
            flags=frozenset({"reverse"}),
        ),
        "EinsumDense": LayerClass(
            used={"equation": REQUIRED, "output_shape": REQUIRED, "activation": None, "bias_axes": None},
            ignored=WEIGHT_TRAINING,
        ),
        "MultiHeadAttention": LayerClass(
            used={
                "num_heads": REQUIRED, "key_dim": REQUIRED, "value_dim": None, "use_bias": True,
                "use_gate": False, "output_shape": None, "attention_axes": None,
                "sliding_window": None, "dropout": 0.0,
            },
            ignored=WEIGHT_TRAINING | _SHAPES,
            tensors=frozenset(_TENSORS),
            positions=_TENSORS,
            flags=frozenset({RETURN_SCORES, _CAUSAL}),
        ),
        "GroupQueryAttention": LayerClass(
            used={
                "head_dim": REQUIRED, "num_query_heads": REQUIRED, "num_key_value_heads": REQUIRED,
                "use_bias": True, "use_gate": False, "sliding_window": None, "dropout": 0.0,
            },
            ignored=WEIGHT_TRAINING | _SHAPES,
            tensors=frozenset(_TENSORS),
            positions=_TENSORS,
            flags=frozenset({RETURN_SCORES, _CAUSAL}),
        ),
        "Attention": LayerClass(
            used={"use_scale": False, "score_mode": "dot", "causal": False},
            ignored=frozenset({"dropout", "seed"}),
            flags=frozenset({RETURN_SCORES, _CAUSAL}),
        ),
        "AdditiveAttention": LayerClass(
            used={"use_scale": True, "causal": False},
            ignored=frozenset({"dropout", "seed"}),
            flags=frozenset({RETURN_SCORES, _CAUSAL}),
        ),
    }
)  # fmt: skip
# Layers with projections of queries, keys and values.
PROJECTING = frozenset({"MultiHeadAttention", "GroupQueryAttention"})
