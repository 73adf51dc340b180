"""Dtype policies of Keras: which numbers a layer stores and computes with, and which of its weights are quantized.

Everything is computed in float32 here. What a policy says is read as far as it decides how weights are stored; the rest
is said in the report (`graph.keras.notes`). Sources: keras/src/dtype_policies and the layers of Keras 3.3 to 3.15.
"""

import re

from graph.errors import UnsupportedDtypeError
from graph.keras.json_text import Json, show

# Policies that keep weights in float32 and compute in 16 bits.
MIXED_POLICIES = frozenset({"mixed_float16", "mixed_bfloat16"})
# Policies that store and compute in one type of floats.
FLOAT_POLICIES = frozenset({"float32", "float16", "bfloat16", "float64"})
# Layers whose weights Keras quantizes, and the modes that are read.
QUANTIZED_CLASSES = frozenset({"Dense", "Embedding"})
INT8, FLOAT8, INT4_CHANNELS, INT4_GROUPS = "int8", "float8", "int4", "int4 in groups"
_POLICIES = ("DTypePolicy", "Policy", "PolicyV1", "FloatDTypePolicy")
_QUANTIZED_POLICIES = ("QuantizedDTypePolicy", "QuantizedFloat8DTypePolicy", "Int4DTypePolicy")
_JOINED = re.compile(r"(.+)_from_(.+)")
_GROUPS = re.compile(r"int4/(-?\d{1,9})")
_FLOAT32_HINT = (
    "build the same model with dtype='float32', copy the weights with"
    " float32_model.set_weights(model.get_weights()), and save that"
)


def policy_name(value: Json) -> Json:
    """Return the name of a dtype or policy, given by name or as an object.

    That of a policy that quantizes is `mode_from_source`; of an unknown kind of policy it is the class.
    """
    if not isinstance(value, dict):
        return value
    config, kind = value.get("config"), value.get("class_name")
    inner = config if isinstance(config, dict) else {}
    if kind in _QUANTIZED_POLICIES:
        name = f"{inner.get('mode')}_from_{inner.get('source_name')}"
        return inner.get("name") if "mode" not in inner else name
    return inner.get("name") if kind in _POLICIES else kind


def quantization_of(value: Json) -> str:
    """Return how the weights of a layer of that policy are quantized; empty where they are not, or not known to be."""
    name = policy_name(value)
    found = _JOINED.fullmatch(name) if isinstance(name, str) else None
    if found is None or found[2] not in FLOAT_POLICIES | MIXED_POLICIES:
        return ""
    groups = _GROUPS.fullmatch(found[1])
    if groups is not None:
        return INT4_CHANNELS if groups[1] == "-1" else INT4_GROUPS
    return found[1] if found[1] in (INT8, FLOAT8) else ""


def check_dtype(value: Json, where: str, class_name: str = "") -> None:
    """Accept policies of floats, and quantized weights of layers that Keras quantizes.

    Raises:
        UnsupportedDtypeError: any other.
    """
    name = policy_name(value)
    if name is None or (isinstance(name, str) and name in FLOAT_POLICIES | MIXED_POLICIES):
        return
    if class_name in QUANTIZED_CLASSES and quantization_of(value):
        return
    raise UnsupportedDtypeError(
        f"{where} computes in another type than floats", got=show(name), hint=_FLOAT32_HINT
    )
