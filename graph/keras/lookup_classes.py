"""The arguments of the layers that look up, hash, encode or split values, in every version of Keras.

TensorFlow 2.3 to 2.5 had them under `experimental.preprocessing` with other names of some arguments.
"""

from collections.abc import Mapping
from types import MappingProxyType

from graph.keras.layer_class import REQUIRED, LayerClass

# A sparse result holds the same numbers; the layers behind take it as if it were dense.
_SPARSE = {"sparse": (False, None, True)}
_LOOKUP = LayerClass(
    used={
        "dtype": None, "vocabulary": None, "idf_weights": None, "max_tokens": None,
        "num_oov_indices": 1, "mask_token": None, "oov_token": None, "invert": False,
        "output_mode": "int", "pad_to_max_tokens": False, "oov_method": "floormod", "salt": None,
    },
    stated={**_SPARSE, "encoding": ("utf-8", None), "vocabulary_dtype": ("int64", "string")},
    ignored=frozenset({"vocabulary_size", "has_input_vocabulary"}),
    renamed={"max_values": "max_tokens", "oov_value": "oov_token", "mask_value": "mask_token"},
)  # fmt: skip

LOOKUP_CLASSES: Mapping[str, LayerClass] = MappingProxyType(
    {
        "StringLookup": _LOOKUP,
        "IntegerLookup": _LOOKUP,
        "TextVectorization": LayerClass(
            used={
                "dtype": None, "vocabulary": None, "idf_weights": None, "max_tokens": None,
                "standardize": "lower_and_strip_punctuation", "split": "whitespace", "ngrams": None,
                "output_mode": "int", "output_sequence_length": None, "pad_to_max_tokens": False,
            },
            stated={**_SPARSE, "encoding": ("utf-8", None)},
            ignored=frozenset({"vocabulary_size", "has_input_vocabulary"}),
        ),
        "Hashing": LayerClass(
            used={
                "dtype": None, "num_bins": REQUIRED, "mask_value": None, "salt": None,
                "output_mode": "int",
            },
            stated=_SPARSE,
        ),
        "HashedCrossing": LayerClass(
            used={"dtype": None, "num_bins": REQUIRED, "output_mode": "int"}, stated=_SPARSE
        ),
        "Discretization": LayerClass(
            used={"dtype": None, "bin_boundaries": None, "num_bins": None, "output_mode": "int"},
            stated=_SPARSE,
            ignored=frozenset({"epsilon"}),
            renamed={"bins": "bin_boundaries"},
        ),
        "CategoryEncoding": LayerClass(
            used={"dtype": None, "num_tokens": REQUIRED, "output_mode": "multi_hot"},
            stated=_SPARSE,
            renamed={"max_tokens": "num_tokens"},
        ),
    }
)  # fmt: skip
