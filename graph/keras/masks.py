"""Masks: which steps of a sequence are real. What each layer does with that of its input, by the version of Keras.

A mask is a bool value [batch, time] that a Keras tensor has beside it. Layers that make or use one say themselves which
mask their outputs have. This module knows all others: they pass it on, or the tensors that they make have none.
Sources: `supports_masking` and `compute_mask` in the layers of Keras 1.2.2, 2.0.8, 2.2.4, tf.keras 2.20 and Keras 3.0
to 3.15.
"""

import numpy as np

from graph.element_ops import Binary, BinaryFunction, Constant, Select
from graph.errors import UnsupportedLayerError
from graph.keras.dialects import Dialect
from graph.keras.draft import KerasTensor, Site, Tensors
from graph.reduction_ops import Reduce, ReduceKind
from graph.shape_ops import Concatenate
from graph.slice_ops import ExpandDims

_PASSING = frozenset(
    """Activation ELU LeakyReLU PReLU ReLU ThresholdedReLU Dense Dropout SpatialDropout1D SpatialDropout2D
    SpatialDropout3D AlphaDropout GaussianDropout GaussianNoise ActivityRegularization BatchNormalization
    LayerNormalization GroupNormalization UnitNormalization""".split()  # noqa: SIM905
)
_PASSING_IN_KERAS3 = frozenset({"Identity", "Normalization", "Rescaling"})
_SUMS = frozenset({"Add", "Subtract", "Average"})
_OTHER_MERGES = frozenset({"Multiply", "Maximum", "Minimum"})
# They calculate otherwise where there is a mask.
_USING = frozenset({"Softmax"})


def lower_masking(site: Site) -> Tensors:
    """Add a Masking layer: steps that hold the mask's value everywhere become zeros, and are not real."""
    value = site.input
    mask = steps_unlike(site, value, site.arguments.number("mask_value"))
    every = site.add(ExpandDims((site.type.rank - 1,)), on=(mask,), name="real_steps")
    zero = _number(site, value, "zero", 0.0)
    return (KerasTensor(site.add(Select(), on=(every, value, zero)), mask),)


def steps_unlike(site: Site, value: str, number: float) -> str:
    """Return the mask of the steps of a sequence that hold anything else than a number."""
    stated, last = _number(site, value, "mask_value", number), site.draft.type(value).rank - 1
    differs = site.add(Binary(BinaryFunction.NOT_EQUAL), on=(value, stated), name="unmasked")
    return site.add(Reduce(ReduceKind.ANY, (last,)), on=(differs,), name="mask")


def lower_masked_average(site: Site, mask: str) -> str:
    """Add a GlobalAveragePooling1D over the real steps of a sequence.

    Raises:
        UnsupportedLayerError: the channels come first.
    """
    if site.arguments["data_format"] not in (None, "channels_last"):
        raise _refused(site)
    value, keepdims = site.input, site.arguments.flag("keepdims")
    zero, one = _number(site, value, "zero", 0.0), _number(site, value, "one", 1.0)
    real = site.add(ExpandDims((2,)), on=(mask,), name="real_steps")
    kept = site.add(Select(), on=(real, value, zero), name="kept")
    counted = site.add(Select(), on=(real, one, zero), name="counted")
    total, count = (
        site.add(Reduce(ReduceKind.SUM, (1,), keepdims), on=(each,), name=name)
        for each, name in ((kept, "total"), (counted, "count"))
    )
    return site.add(Binary(BinaryFunction.DIVIDE), on=(total, count))


def mask_behind(site: Site) -> str | None:
    """Return the mask of what a layer makes that says nothing of masks itself.

    Raises:
        UnsupportedLayerError: the layer means something else where there is a mask, or what it does is not known.
    """
    if not any(site.masks):
        return None
    class_name = site.layer.class_name
    if class_name in _USING or site.layer.wrapper:
        raise _refused(site)
    if class_name in _PASSING or (
        class_name in _PASSING_IN_KERAS3 and site.draft.dialect is Dialect.KERAS3
    ):
        return site.masks[0]
    if class_name in _SUMS | _OTHER_MERGES:
        return _mask_of_merge(site)
    if class_name == "Concatenate":
        return _mask_of_concatenation(site)
    if class_name == "Merge":
        raise _refused(site)
    return None


def _refused(site: Site) -> UnsupportedLayerError:
    return UnsupportedLayerError(
        f"{site.arguments.where} is called on a tensor with a mask, which is not supported for this layer",
        hint="save a model in which no Masking layer or Embedding with mask_zero=True stands before it",
    )


def _mask_of_merge(site: Site) -> str | None:
    """Since Keras 3.4 a step is real where it is in any input, if all have masks; before, where it is in all."""
    masks = [mask for mask in site.masks if mask]
    if site.draft.source.joins_masks_by_or:
        if site.layer.class_name in _OTHER_MERGES:
            raise _refused(site)  # They leave out what is masked.
        return _all_of(site, masks, BinaryFunction.OR) if len(masks) == len(site.masks) else None
    return _all_of(site, masks, BinaryFunction.AND)


def _mask_of_concatenation(site: Site) -> str | None:
    rank = site.draft.type(site.inputs[0]).rank
    axis = site.arguments.whole("axis") % rank
    masks = [mask for mask in site.masks if mask]
    if axis == 1 and rank > 2 and len(masks) == len(site.masks):
        return site.add(Concatenate(1), on=masks, name="mask")
    if axis != rank - 1 or rank != 3:
        raise _refused(site)
    if site.draft.source.joins_masks_by_or:
        # One without a mask makes all steps real.
        return _all_of(site, masks, BinaryFunction.OR) if len(masks) == len(site.masks) else None
    return _all_of(site, masks, BinaryFunction.AND)


def _all_of(site: Site, masks: list[str], function: BinaryFunction) -> str:
    found = masks[0]
    for mask in masks[1:]:
        found = site.add(Binary(function), on=(found, mask), name="mask")
    return found


def _number(site: Site, value: str, name: str, number: float) -> str:
    weight = site.constant(name, np.array(number, np.float32))
    return site.add(Constant(), on=(value,), weights=[weight], name=name)
