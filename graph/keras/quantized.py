"""Weights that Keras quantized: which arrays a layer then has, and what they stand for, in float32.

int8 has a scale for each unit of a Dense layer, or each row of an Embedding. int4 packs two numbers into a byte along
the last axis, and has a scale for each unit, or a scale and a zero for each group of inputs. float8 stores float32 and
rounds when it computes. Source: keras/src/layers/core and keras/src/quantizers of Keras 3.15.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from graph.errors import WeightsMismatchError
from graph.keras.description import Layer, Model
from graph.keras.policies import FLOAT8, INT4_CHANNELS, INT4_GROUPS, INT8

Arrays = Mapping[str, npt.NDArray[Any]]

SCALE, ZERO, GROUPS = "quantized_scale", "quantized_zero", "quantized_groups"
_ADDED = {
    "": (),
    INT8: (SCALE,),
    INT4_CHANNELS: (SCALE,),
    INT4_GROUPS: (SCALE, ZERO, GROUPS),
    # Scales and histories for inputs, weights and gradients.
    FLOAT8: tuple(f"float8_{number}" for number in range(6)),
}
FLOAT8_ROLES = frozenset(_ADDED[FLOAT8])
_MATRICES = ("kernel", "embeddings")


def added_roles(layer: Layer) -> tuple[str, ...]:
    """Return the arrays that a layer has beside its own because its weights are quantized, in Keras' order."""
    return _ADDED[layer.quantization]


def without_quantization(model: Model) -> Model:
    """Return a model whose layers have plain weights, as they are written back."""
    layers = tuple(
        replace(
            layer,
            quantization="",
            model=None if layer.model is None else without_quantization(layer.model),
        )
        for layer in model.layers
    )
    return replace(model, layers=layers)


def is_whole(layer: Layer, role: str) -> bool:
    """Return whether an array of a layer holds integers."""
    stores_integers = layer.quantization in (INT8, INT4_CHANNELS, INT4_GROUPS)
    return stores_integers and role in (*_MATRICES, ZERO)


def dequantized(layer: Layer, arrays: Arrays) -> Arrays:
    """Return the arrays of a layer without what quantizing adds, and its matrix in float32.

    Raises:
        WeightsMismatchError: they do not fit each other.
    """
    name = next((role for role in _MATRICES if role in arrays), None)
    if layer.quantization in ("", FLOAT8) or name is None:
        return arrays
    found = {role: array for role, array in arrays.items() if role not in (SCALE, ZERO, GROUPS)}
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        try:
            found[name] = np.ascontiguousarray(_matrix(layer, name, arrays), np.float32)
        except (ValueError, IndexError) as error:
            raise WeightsMismatchError(
                f"the quantized weights of layer {layer.path!r} do not fit their scales",
                got=", ".join(f"{role} {array.shape}" for role, array in arrays.items()),
            ) from error
    if not np.isfinite(found[name]).all():
        raise WeightsMismatchError(f"scales of the weights of layer {layer.path!r} are 0")
    return found


def _matrix(layer: Layer, name: str, arrays: Arrays) -> npt.NDArray[np.float32]:
    """Return kernel (inputs, units), or embeddings (rows, features)."""
    stored, scale = arrays[name].astype(np.float32), arrays[SCALE]
    # The scales of a kernel go along its last axis, those of a table along its first.
    axis = 0 if name == "embeddings" else -1
    if layer.quantization == INT8:
        return stored / _along(scale, axis, stored)
    width = layer.arguments["output_dim" if name == "embeddings" else "units"]
    whole = _unpacked(arrays[name].astype(np.int8), width if isinstance(width, int) else 0)
    if layer.quantization == INT4_CHANNELS:
        return whole / _along(scale, axis, whole)
    groups, zero = arrays[GROUPS].astype(np.int64), arrays[ZERO].astype(np.float32)
    if groups.min() < 0:
        raise IndexError("a group is negative")
    group_axis = 1 if name == "embeddings" else 0
    scales, zeros = (np.take(one, groups, axis=group_axis) for one in (scale, zero))
    if scales.shape != whole.shape or zeros.shape != whole.shape:
        raise ValueError("groups do not cover the weights")
    return (whole - zeros) * scales


def _along(scale: npt.NDArray[Any], axis: int, matrix: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return one scale for each length of an axis, shaped to divide a matrix."""
    if matrix.ndim != 2 or scale.size != matrix.shape[axis]:
        raise ValueError("a scale for each unit is needed")
    return scale.reshape(-1, 1) if axis == 0 else scale.reshape(1, -1)


def _unpacked(packed: npt.NDArray[np.int8], width: int) -> npt.NDArray[np.float32]:
    """Return the numbers of 4 bits of bytes: the lower half first, along the last axis."""
    halves = np.stack([packed & 15, (packed >> 4) & 15], axis=-1).reshape(len(packed), -1)
    if not halves.shape[1] - 1 <= width <= halves.shape[1]:
        raise ValueError("the packed weights are of another width")
    return ((halves[:, :width] ^ 8) - 8).astype(np.float32)
