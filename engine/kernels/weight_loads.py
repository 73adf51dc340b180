"""Weights stored in 16 bits: the variant entry that says so, and how kernels load them.

`("values", "bf16")` or `("values", "f16")` is in a variant only where weights are not stored as
float32. A bfloat16 becomes a float32 by a shift; a float16 by an instruction (vcvtph2ps) that the
plain level does not have, so that there the rounded weights are stored as float32.
"""

from collections.abc import Collection, Mapping
from typing import Any

import numpy.typing as npt

from engine.core.arrays import FloatArray
from engine.core.layers import DenseLayer, ValueType
from engine.core.target import Isa
from engine.formats.narrow import stored
from engine.kernels.abi import KernelSpec
from engine.kernels.emit import F32, I16, I32, Value, Writer, vector

CHOICE = "values"
OPTIONAL_VARIANTS: Mapping[str, Collection[int | str]] = {CHOICE: ("bf16", "f16")}
_WORDS = {ValueType.BFLOAT16: "bf16", ValueType.FLOAT16: "f16"}
_TYPES = {word: values for values, word in _WORDS.items()}
_HALF = "half"
Variant = tuple[tuple[str, int | str], ...]


def with_values(variant: Variant, layer: DenseLayer, isa: Isa) -> Variant:
    """Return a variant with the entry for the type that the layer's weights are stored as."""
    if layer.values is ValueType.FLOAT32 or (
        layer.values is ValueType.FLOAT16 and isa is Isa.GENERIC
    ):
        return variant
    return tuple(sorted((*variant, (CHOICE, _WORDS[layer.values]))))


def stored_type(spec: KernelSpec) -> ValueType:
    """Return the type that a kernel's weights are stored as."""
    return _TYPES.get(str(dict(spec.variant).get(CHOICE)), ValueType.FLOAT32)


def value_bytes(spec: KernelSpec) -> int:
    """Return the bytes of a stored weight."""
    return 4 if stored_type(spec) is ValueType.FLOAT32 else 2


def stored_weights(weights: FloatArray, spec: KernelSpec) -> npt.NDArray[Any]:
    """Return packed weights as the kernel reads them: float32, or uint16 bit patterns.

    Raises:
        PackError: a weight is no number of the type.
    """
    return stored(weights, stored_type(spec))


def weight_element(spec: KernelSpec) -> str:
    """Return the LLVM type of one stored weight, for addresses."""
    return F32 if stored_type(spec) is ValueType.FLOAT32 else I16


def load_weights(w: Writer, spec: KernelSpec, address: Value, width: int) -> Value:
    """Load `width` stored weights as float32."""
    values = stored_type(spec)
    if values is ValueType.FLOAT32:
        return w.load(vector(F32, width), address)
    if values is ValueType.FLOAT16:
        return w.cast("fpext", w.load(vector(_HALF, width), address, 2), F32)
    wide = w.cast("zext", w.load(vector(I16, width), address, 2), I32)
    return w.cast("bitcast", w.op("shl", wide, w.const(wide.type, 16)), F32)
