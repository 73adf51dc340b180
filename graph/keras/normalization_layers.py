"""Normalization layers -> ops."""

import numpy as np

from graph.errors import ShapeError
from graph.keras.dialects import Dialect
from graph.keras.draft import Site
from graph.normalization_ops import GroupNormalization, RmsNormalization, UnitNormalization
from graph.ops import BatchNormalization, LayerNormalization, Normalization
from graph.tensor_type import normalize_axis


def lower_batch_normalization(site: Site) -> str:
    """Add a BatchNormalization."""
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


def lower_layer_normalization(site: Site) -> str:
    """Add a LayerNormalization."""
    arguments = site.arguments
    axes = _sorted_axes(site)
    rms = arguments.flag("rms_scaling")
    scale = arguments.flag("scale") or rms
    center = arguments.flag("center") and not rms
    shape = tuple(site.type.shape[axis] for axis in axes)
    roles = [*(["gamma"] if scale else []), *(["beta"] if center else [])]
    op = LayerNormalization(axes, arguments.number("epsilon"), scale, center, rms)
    return site.add(op, weights=[site.weight(role, shape) for role in roles])


def lower_normalization(site: Site) -> str:
    """Add a Normalization."""
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


def lower_group_normalization(site: Site) -> str:
    """Add a GroupNormalization; channels on another axis than the last are moved there and back."""
    arguments, rank = site.arguments, site.type.rank
    axis = normalize_axis(arguments.whole("axis"), rank)
    channels = site.type.shape[axis]
    groups = arguments.whole("groups")
    scale, center = arguments.flag("scale"), arguments.flag("center")
    if axis == 0 or channels is None:
        raise arguments.refuse("axis", "an axis of fixed length, not the batch")
    roles = [*(["gamma"] if scale else []), *(["beta"] if center else [])]
    weights = [site.weight(role, (channels,)) for role in roles]
    op = GroupNormalization(
        channels if groups == -1 else groups, arguments.number("epsilon"), scale, center
    )
    if axis == rank - 1:
        return site.add(op, weights=weights)
    dims = [*(other for other in range(1, rank) if other != axis), axis]
    moved = site.permuted(site.input, tuple(dims), "channels_last")
    back = tuple(dims.index(place) + 1 for place in range(1, rank))
    return site.permuted(site.add(op, on=(moved,), weights=weights), back, "channels_restored")


def lower_rms_normalization(site: Site) -> str:
    """Add an RMSNormalization."""
    axes = _sorted_axes(site)
    scale = site.weight("scale", tuple(site.type.shape[axis] for axis in axes))
    return site.add(RmsNormalization(axes, site.arguments.number("epsilon")), weights=[scale])


def lower_unit_normalization(site: Site) -> str:
    """Add a UnitNormalization; Keras 2 bounds the sum of squares by 1e-12, Keras 3 the norm."""
    axes = tuple(sorted({normalize_axis(a, site.type.rank) for a in site.arguments.wholes("axis")}))
    smallest = 1e-12 if site.draft.dialect is Dialect.KERAS3 else 1e-6
    return site.add(UnitNormalization(axes, smallest))


def lower_layer_scale(site: Site) -> str:
    """Add the LayerScale of ConvNeXt, a factor for each channel, as a BatchNormalization that has only its scale."""
    channels = site.arguments.whole("projection_dim")
    gamma = site.weight("layer_scale", (channels,))
    mean = site.constant("mean", np.zeros(channels, np.float32))
    variance = site.constant("variance", np.ones(channels, np.float32))
    op = BatchNormalization(-1, 0.0, scale=True, center=False)
    return site.add(op, weights=[gamma, mean, variance])


def _sorted_axes(site: Site) -> tuple[int, ...]:
    """Return the argument `axis` as Keras sorts it, which must not change their order when counted from the front."""
    written = sorted(site.arguments.wholes("axis"))
    axes = tuple(normalize_axis(axis, site.type.rank) for axis in written)
    if list(axes) != sorted(set(axes)):
        raise site.arguments.refuse("axis", "distinct axes, all counted from the same end")
    return axes
