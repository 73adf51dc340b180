"""TimeDistributed -> ops: a layer that is applied to each step of a sequence by itself.

A layer that works on the last axis only is applied to all steps at once. Any other is added once for each step, with
the same weights, so that the number of steps has to be known.
"""

from dataclasses import replace

from graph.errors import UnsupportedLayerError
from graph.keras.description import Layer
from graph.keras.dialects import Dialect
from graph.keras.draft import KerasTensor, Site, Tensors
from graph.shape_ops import Concatenate
from graph.slice_ops import ExpandDims, Slice, Squeeze

# Applied to [batch, time, features] they do to each step what they do to [batch, features].
_POINTWISE = frozenset(
    """Dense Activation ReLU LeakyReLU ELU ThresholdedReLU Softmax Dropout SpatialDropout1D SpatialDropout2D
    SpatialDropout3D AlphaDropout GaussianDropout GaussianNoise ActivityRegularization Identity Rescaling
    BatchNormalization LayerNormalization RMSNormalization UnitNormalization""".split()  # noqa: SIM905
)
# They take a mask where they are given one.
_TAKES_MASKS = frozenset(
    """LSTM GRU SimpleRNN RNN ConvLSTM1D ConvLSTM2D ConvLSTM3D Bidirectional TimeDistributed Softmax GlobalAveragePooling1D Attention
    AdditiveAttention MultiHeadAttention GroupQueryAttention""".split()  # noqa: SIM905
)


def lower_time_distributed(site: Site) -> Tensors:
    """Add a layer for each step of a sequence.

    Raises:
        UnsupportedLayerError: the number of steps varies, or masks within the layer depend on that of the sequence.
    """
    (part,), mask = site.layer.parts, site.masks[0]
    if mask is not None and (part.model is not None or part.class_name in _TAKES_MASKS):
        raise UnsupportedLayerError(
            f"{site.arguments.where} is called on a tensor with a mask, and wraps a layer that may use it",
            hint="save a model in which no Masking layer or Embedding with mask_zero=True stands before it",
        )
    outputs = _at_once(site, part) if _is_pointwise(part) else _step_by_step(site, part)
    return tuple(KerasTensor(one, mask) for one in outputs)


def _is_pointwise(part: Layer) -> bool:
    return part.class_name in _POINTWISE and not part.wrapper


def _at_once(site: Site, part: Layer) -> tuple[str, ...]:
    (made,) = site.call_part(_with_later_axes(part), [KerasTensor(site.input)])
    return (made.value,)


def _with_later_axes(part: Layer) -> Layer:
    """Return a layer whose axes are counted behind the one of time; those from the end stay."""
    axes = part.arguments.get("axis")
    if isinstance(axes, int) and axes > 0:
        return replace(part, arguments={**part.arguments, "axis": axes + 1})
    if isinstance(axes, list):
        later = [axis + 1 if isinstance(axis, int) and axis > 0 else axis for axis in axes]
        return replace(part, arguments={**part.arguments, "axis": later})
    return part


def _step_by_step(site: Site, part: Layer) -> tuple[str, ...]:
    length = site.type.shape[1] if site.type.rank > 1 else None
    if length is None:
        raise UnsupportedLayerError(
            f"{site.arguments.where} wraps a {part.written}, and the number of steps may vary",
            expected="a fixed number of steps",
            hint="give the input layer a fixed shape",
        )
    steps = [_step(site, part, place) for place in range(length)]
    return tuple(
        site.add(Concatenate(1), on=values, name="" if not place else f"output{place}")
        for place, values in enumerate(zip(*steps, strict=True))
    )


def _step(site: Site, part: Layer, place: int) -> list[str]:
    one = site.add(Slice(1, place, place + 1), name="step")
    made = site.call_part(part, [KerasTensor(site.add(Squeeze((1,)), on=(one,), name="step"))])
    if site.draft.dialect is not Dialect.KERAS3 and any(tensor.mask for tensor in made):
        raise UnsupportedLayerError(
            f"{site.arguments.where} wraps a layer that makes masks, which is not supported"
        )
    return [site.add(ExpandDims((1,)), on=(tensor.value,), name="made") for tensor in made]
