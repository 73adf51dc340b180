"""The table from layers to ops: one function per kind of layer, from a call site to the name of the value it makes.

Layers that act only in training (dropout, noise, regularization) make no node: their value is their input's.
"""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from graph import limits as bounds
from graph.activations import LINEAR, ActivationFunction
from graph.errors import ShapeError, UnsupportedArgumentError, UnsupportedDtypeError
from graph.keras.activation_layers import (
    activation_of,
    activation_of_layer,
    activation_of_operation,
    check_operation,
)
from graph.keras.dialects import OPERATION_ACTIVATIONS, OPERATION_MERGES
from graph.keras.draft import Site
from graph.ops import (
    Activation,
    BatchNormalization,
    Dense,
    Dot,
    LayerNormalization,
    Merge,
    MergeKind,
    Normalization,
    PRelu,
    Rescaling,
)
from graph.shape_ops import Concatenate, Permute, RepeatVector, Reshape
from graph.tensor_type import normalize_axis

Lowering = Callable[[Site], str]


def lower_layer(site: Site) -> str:
    """Add the nodes of one call of a layer and give the name of its value.

    Raises:
        ModelFileError: an argument or weight is not supported or does not fit.
        ShapeError: shapes do not fit together; the message names the layer.
    """
    try:
        return _lower(site)
    except ShapeError as error:
        raise ShapeError(
            f"{site.arguments.where}: {error.message}",
            expected=error.expected,
            got=error.got,
            hint=error.hint,
        ) from error


def _lower(site: Site) -> str:
    class_name = site.layer.class_name
    if class_name in _IDENTITIES:
        return site.input
    if class_name not in _TAKES_INTEGERS and not all(map(site.draft.is_float, site.inputs)):
        raise UnsupportedDtypeError(
            f"{site.arguments.where} calculates with integers",
            expected="float32",
            hint="convert the input to float32 in the model",
        )
    value = _LOWERINGS[class_name](site)
    if class_name in _MOVES:
        kinds = {site.draft.keras_type(name) for name in site.inputs}
        if len(kinds) > 1 and not all(map(site.draft.is_float, site.inputs)):
            raise UnsupportedDtypeError(f"{site.arguments.where} joins integers with other types")
        site.draft.keep_keras_type(value, site.inputs[0])
    return value


def _activated(site: Site, value: str, function: ActivationFunction, name: str) -> str:
    if function == LINEAR:
        return value
    return site.add(Activation(function), on=(value,), name=name)


def _dense(site: Site) -> str:
    units, use_bias = site.arguments.whole("units"), site.arguments.flag("use_bias")
    features = site.type.shape[-1] if site.type.rank > 1 else None
    weights = [site.weight("kernel", (features, units))]
    if use_bias:
        weights.append(site.weight("bias", (units,)))
    value = site.add(Dense(units, use_bias), weights=weights)
    function = activation_of(site.arguments["activation"], site.arguments, site.draft.dialect)
    return _activated(site, value, function, "activation")


def _activation(site: Site) -> str:
    function = activation_of_layer(site.layer.class_name, site.arguments, site.draft.dialect)
    return _activated(site, site.input, function, "")


def _prelu(site: Site) -> str:
    shape = list(site.type.sample_shape)
    shared = [] if site.arguments["shared_axes"] is None else site.arguments.wholes("shared_axes")
    for axis in shared:
        if not 1 <= axis <= len(shape):
            raise site.arguments.refuse("shared_axes", f"axes from 1 to {len(shape)}")
        shape[axis - 1] = 1
    return site.add(PRelu(), weights=[site.weight("alpha", tuple(shape))])


def _batch_normalization(site: Site) -> str:
    arguments = site.arguments
    if arguments["mode"] != 0:
        raise arguments.refuse("mode", "0: statistics from training are used")
    axes = arguments.wholes("axis")
    if len(axes) != 1:
        raise arguments.refuse("axis", "one axis")
    axis = normalize_axis(axes[0], site.type.rank)
    scale, center = arguments.flag("scale"), arguments.flag("center")
    roles = [*(["gamma"] if scale else []), *(["beta"] if center else [])]
    shape = (site.type.shape[axis],)
    weights = [site.weight(role, shape) for role in (*roles, "moving_mean", "moving_variance")]
    op = BatchNormalization(axis, arguments.number("epsilon"), scale, center)
    return site.add(op, weights=weights)


def _layer_normalization(site: Site) -> str:
    arguments = site.arguments
    written = sorted(arguments.wholes("axis"))
    axes = tuple(normalize_axis(axis, site.type.rank) for axis in written)
    if list(axes) != sorted(set(axes)):
        raise arguments.refuse("axis", "distinct axes, all counted from the same end")
    rms = arguments.flag("rms_scaling")
    scale = arguments.flag("scale") or rms
    center = arguments.flag("center") and not rms
    shape = tuple(site.type.shape[axis] for axis in axes)
    roles = [*(["gamma"] if scale else []), *(["beta"] if center else [])]
    op = LayerNormalization(axes, arguments.number("epsilon"), scale, center, rms)
    return site.add(op, weights=[site.weight(role, shape) for role in roles])


def _rescaling(site: Site) -> str:
    op = Rescaling(site.arguments.numbers("scale"), site.arguments.numbers("offset"))
    return site.add(op)


def _normalization(site: Site) -> str:
    arguments, rank = site.arguments, site.type.rank
    written = [] if arguments["axis"] is None else arguments.wholes("axis")
    kept = sorted({normalize_axis(axis, rank) for axis in written})
    lengths = [site.type.shape[axis] for axis in kept]
    if 0 in kept:
        raise arguments.refuse("axis", "axes of fixed length, not the batch")
    if None in lengths:
        mean = site.weights.arrays.get("mean") if site.weights else None
        raise ShapeError(
            "the length of the axis that it normalizes is not known",
            expected="an input of fixed shape"
            + (f"; its statistics have shape {list(mean.shape)}" if mean is not None else ""),
            got=str(site.type),
            hint="put keras.Input with the full shape before it, and save the model again",
        )
    shape = tuple(length for length in lengths if length is not None)
    spread = [1] * rank
    for axis, length in zip(kept, shape, strict=True):
        spread[axis] = length
    names = [_statistic(site, role, shape, spread) for role in ("mean", "variance")]
    return site.add(Normalization(arguments.flag("invert")), weights=names)


def _statistic(site: Site, role: str, shape: tuple[int, ...], spread: list[int]) -> str:
    """Mean or variance, with an axis of length 1 wherever it is not kept."""
    if site.arguments["mean"] is None:
        return site.weight(role, shape, spread)
    try:
        given = np.asarray(site.arguments[role], dtype=np.float64)
        spaced = np.broadcast_to(given, shape) if given.ndim <= len(shape) else given
        with np.errstate(over="ignore"):
            array = spaced.reshape(spread).astype(np.float32)
    except (ValueError, TypeError) as error:
        raise site.arguments.refuse(role, f"numbers of shape {shape}") from error
    if not np.isfinite(array).all():
        raise site.arguments.refuse(role, "finite numbers")
    return site.constant(role, array)


def _flatten(site: Site) -> str:
    value, rank = site.input, site.type.rank
    data_format = site.arguments["data_format"]
    if data_format not in ("channels_last", "channels_first", None):
        raise site.arguments.refuse("data_format", "channels_last or channels_first")
    if data_format == "channels_first" and rank > 2:
        value = site.add(Permute((*range(2, rank), 1)), name="channels_last")
    return site.add(Reshape((site.type.sample_size,)), on=(value,))


def _reshape(site: Site) -> str:
    target = site.arguments.wholes("target_shape")
    if len(target) >= bounds.MAX_RANK:
        raise site.arguments.refuse("target_shape", f"at most {bounds.MAX_RANK - 1} axes")
    unknown = [place for place, length in enumerate(target) if length == -1]
    if len(unknown) > 1 or any(length < 1 for length in target if length != -1):
        raise site.arguments.refuse("target_shape", "positive lengths, and -1 at most once")
    if unknown:
        known = -math.prod(target)
        target[unknown[0]] = max(1, site.type.sample_size // known)
    return site.add(Reshape(tuple(target)))


def _permute(site: Site) -> str:
    return site.add(Permute(tuple(site.arguments.wholes("dims"))))


def _repeat_vector(site: Site) -> str:
    return site.add(RepeatVector(site.arguments.whole("n")))


def _concatenate(site: Site) -> str:
    return site.add(Concatenate(site.arguments.whole("axis")))


def _merge(kind: MergeKind) -> Lowering:
    return lambda site: site.add(Merge(kind))


def _dot(site: Site) -> str:
    return site.add(_dot_op(site, "axes", normalize=site.arguments.flag("normalize")))


def _dot_op(site: Site, axes_name: str, *, normalize: bool) -> Dot:
    axes = site.arguments.wholes(axes_name)
    if len(axes) == 1 and not isinstance(site.arguments[axes_name], list):
        axes = axes * 2
    if len(axes) != 2:
        raise site.arguments.refuse(axes_name, "one axis, or two")
    return Dot((axes[0], axes[1]), normalize)


_KERAS1_MODES = {
    "sum": MergeKind.ADD,
    "mul": MergeKind.MULTIPLY,
    "ave": MergeKind.AVERAGE,
    "max": MergeKind.MAXIMUM,
}


def _keras1_merge(site: Site) -> str:
    mode = site.arguments["mode"]
    if mode == "concat":
        return site.add(Concatenate(site.arguments.whole("concat_axis")))
    if mode == "dot":
        return site.add(_dot_op(site, "dot_axes", normalize=False))
    if not isinstance(mode, str) or mode not in _KERAS1_MODES:
        raise site.arguments.refuse("mode", "concat, dot, " + ", ".join(_KERAS1_MODES))
    return site.add(Merge(_KERAS1_MODES[mode]))


def _operation_activation(site: Site) -> str:
    name = site.layer.class_name.removeprefix("ops/")
    function = activation_of_operation(name, site.layer.arguments, site.arguments.where)
    return site.add(Activation(function))


def _operation_negative(site: Site) -> str:
    check_operation(site.layer.arguments, site.arguments.where)
    return site.add(Rescaling((-1.0,), (0.0,)))


def _operation_merge(site: Site) -> str:
    """keras.ops arithmetic of two tensors, or of a tensor and a number."""
    check_operation(site.layer.arguments, site.arguments.where)
    name, operands = site.layer.class_name.removeprefix("ops/"), site.call.operands
    if len(operands) != 2 or not site.inputs:
        raise UnsupportedArgumentError(
            f"{site.arguments.where} needs two operands", got=f"{len(operands)}"
        )
    if len(site.inputs) == 2 and OPERATION_MERGES[name]:
        ranks = {site.draft.type(value).rank for value in site.inputs}
        # The operation aligns axes from the right, the layer keeps the batch in place: equal for equal ranks only.
        if len(ranks) != 1:
            raise UnsupportedArgumentError(
                f"{site.arguments.where} combines tensors of different rank", got=str(sorted(ranks))
            )
        return site.add(Merge(MergeKind(OPERATION_MERGES[name])))
    number = next((operand for operand in operands if operand is not None), math.nan)
    is_first = operands[0] is not None
    scale, offset = {
        "Add": (1.0, number),
        "Multiply": (number, 0.0),
        "Subtract": (-1.0, number) if is_first else (1.0, -number),
        "TrueDivide": (math.nan if is_first or not number else 1.0 / number, 0.0),
    }.get(name, (math.nan, 0.0))
    if not math.isfinite(scale) or not math.isfinite(offset):
        raise UnsupportedArgumentError(
            f"{site.arguments.where} is not supported on these operands", got=str(operands)
        )
    return site.add(Rescaling((scale,), (offset,)))


_IDENTITIES = frozenset(
    {"Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "AlphaDropout",
     "GaussianDropout", "GaussianNoise", "ActivityRegularization", "Identity"}
)  # fmt: skip
_MOVES = frozenset({"Flatten", "Reshape", "Permute", "RepeatVector", "Concatenate"})
# Layers that convert integers to float32 before they calculate, as the graph does at its inputs.
_TAKES_INTEGERS = _MOVES | {"Dense", "Rescaling", "Normalization"}

_LOWERINGS: Mapping[str, Lowering] = MappingProxyType(
    {
        "Dense": _dense,
        **dict.fromkeys(
            ("Activation", "ReLU", "LeakyReLU", "ELU", "ThresholdedReLU", "Softmax"), _activation
        ),
        "PReLU": _prelu,
        "BatchNormalization": _batch_normalization,
        "LayerNormalization": _layer_normalization,
        "Rescaling": _rescaling,
        "Normalization": _normalization,
        "Flatten": _flatten,
        "Reshape": _reshape,
        "Permute": _permute,
        "RepeatVector": _repeat_vector,
        "Concatenate": _concatenate,
        **{kind.value.capitalize(): _merge(kind) for kind in MergeKind},
        "Dot": _dot,
        "Merge": _keras1_merge,
        **{f"ops/{name}": _operation_activation for name in OPERATION_ACTIVATIONS},
        **{f"ops/{name}": _operation_merge for name in OPERATION_MERGES},
        "ops/Negative": _operation_negative,
    }
)
