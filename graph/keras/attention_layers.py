"""Layers of attention -> ops: projections as Dense nodes, one Attention node for all heads, the projection behind it.

Where the scores are wanted, too, they are products of matrices and a MaskedSoftmax. Masks are joined as Keras joins
them: what is stated, the masks of queries, of values and of keys, and what the places of queries and keys allow.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graph.activations import ActivationFunction, Function
from graph.attention_ops import Attention, MaskedSoftmax, Masking, MatMul
from graph.element_ops import Binary, BinaryFunction, Cast
from graph.errors import ConfigError, ShapeError, UnsupportedArgumentError
from graph.keras.attention_classes import RETURN_SCORES
from graph.keras.draft import KerasTensor, Site, Tensors
from graph.ops import Activation, Dense, Merge, MergeKind, Rescaling
from graph.shape_ops import Permute, Reshape
from graph.slice_ops import ExpandDims, Squeeze
from graph.tensor_type import DType


@dataclass(frozen=True, slots=True)
class _Heads:
    """Sizes of a layer's heads."""

    heads: int
    key_heads: int
    key_size: int
    value_size: int

    @property
    def scale(self) -> float:
        """What products of queries and keys are multiplied with."""
        return 1 / math.sqrt(self.key_size)


def lower_multi_head_attention(site: Site) -> Tensors:
    """Add a MultiHeadAttention; gives its output, and the scores where a call wants them."""
    arguments = site.arguments
    heads, key_size = arguments.whole("num_heads"), arguments.whole("key_dim")
    value_size = arguments.whole("value_dim") if arguments["value_dim"] else key_size
    units = [site.type.shape[-1] or 0]
    if arguments["output_shape"]:
        units = arguments.wholes("output_shape")
    return _attend(site, _Heads(heads, heads, key_size, value_size), units)


def lower_grouped_attention(site: Site) -> Tensors:
    """Add a GroupedQueryAttention, in which several heads of queries read the same keys and values."""
    arguments = site.arguments
    size = arguments.whole("head_dim")
    counts = [arguments.whole(name) for name in ("num_query_heads", "num_key_value_heads")]
    return _attend(site, _Heads(counts[0], counts[1], size, size), [site.type.shape[-1] or 0])


def _attend(site: Site, sizes: _Heads, units: Sequence[int]) -> Tensors:
    if min(sizes.heads, sizes.key_heads, sizes.key_size, sizes.value_size, *units) < 1:
        raise ConfigError(f"{site.arguments.where} has sizes that are not positive")
    value, value_mask = _given(site, "value")
    key, key_mask = _given(site, "key") if site.keywords.get("key") else (value, None)
    if not value:
        raise ConfigError(f"{site.arguments.where} is called without values", expected="value")
    axes = _attention_axes(site)
    query = _project(site, "query", site.input, (sizes.heads, sizes.key_size))
    key = _project(site, "key", key, (sizes.key_heads, sizes.key_size))
    value = _project(site, "value", value, (sizes.key_heads, sizes.value_size))
    masks = (site.masks[0], value_mask, key_mask)
    seen = _seen(site, masks, axes)
    wants_scores = RETURN_SCORES in site.call.flags
    window = _window(site)
    is_masked = seen is not None or window is not None
    masking = _masking(site, wants_scores or site.type.rank != 3, is_masked)
    softmax = _Softmax(masking, seen, "use_causal_mask" in site.call.flags, window)
    if (softmax.causal or softmax.window is not None) and axes != (1,):
        raise UnsupportedArgumentError(
            f"{site.arguments.where} sees by place along other axes than the first", got=str(axes)
        )
    result = _attention(site, sizes, axes, (query, key, value), softmax)
    if site.arguments.flag("use_gate"):
        gate = _project(site, "gate", site.input, (sizes.heads, sizes.value_size))
        gate = site.add(
            Activation(ActivationFunction(Function.SIGMOID)), on=(gate,), name="gate/sigmoid"
        )
        result = site.add(Merge(MergeKind.MULTIPLY), on=(result, gate), name="gated")
    output = _project_back(site, result, (sizes.heads, sizes.value_size), units)
    found = KerasTensor(output, site.masks[0])
    if site.layer.outputs == 1:
        return (found,)
    if site.type.rank != 3:
        raise UnsupportedArgumentError(
            f"{site.arguments.where} gives scores of more than one axis of queries",
            expected="queries [batch, queries, features]",
        )
    return (found, KerasTensor(_scores(site, sizes, query, key, softmax)))


def _given(site: Site, name: str) -> tuple[str, str | None]:
    """Return a tensor that is given by the name of an argument, and its mask."""
    values, masks = site.keywords.get(name, ()), site.keyword_masks.get(name, ())
    if not values or values[0] is None:
        return "", None
    return values[0], masks[0]


@dataclass(frozen=True, slots=True)
class _Softmax:
    """Which keys are seen; see `graph.attention_ops.MaskedSoftmax`."""

    masking: Masking
    mask: str | None
    causal: bool = False
    window: int | None = None

    def op(self) -> MaskedSoftmax:
        """Return the op."""
        return MaskedSoftmax(self.masking, self.mask is not None, self.causal, self.window)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The mask, if there is one."""
        return () if self.mask is None else (self.mask,)


def _masking(site: Site, by_layers: bool, is_masked: bool) -> Masking:
    """Return what becomes of masked scores.

    Keras 3 has two ways of computing attention: one operation since 3.7, and a layer Softmax, which writes the same
    number in place of masked scores since 3.13, and gives them no share since 3.14. Without a mask or a window each
    query sees a key, and all are the same.
    """
    minor = site.draft.source.keras3_minor
    if not is_masked:
        return Masking.EQUAL
    if not by_layers and site.arguments.number("dropout") == 0:
        return Masking.EQUAL if minor >= 7 else Masking.SHIFT
    if minor >= 14:
        return Masking.ZERO
    return Masking.EQUAL if minor == 13 else Masking.SHIFT


def _window(site: Site) -> int | None:
    if site.arguments["sliding_window"] is None:
        return None
    window = site.arguments.whole("sliding_window")
    if window < 1:
        raise site.arguments.refuse("sliding_window", "a positive number")
    return window


def _attention_axes(site: Site) -> tuple[int, ...]:
    """Return the axes of queries that attention goes over, counted with the batch."""
    rank = site.type.rank
    if "attention_axes" not in site.layer.arguments or site.arguments["attention_axes"] is None:
        axes = tuple(range(1, rank - 1))
    else:
        axes = tuple(axis % rank for axis in site.arguments.wholes("attention_axes"))
    if list(axes) != sorted(set(axes)) or not axes or axes[0] < 1 or axes[-1] > rank - 2:
        raise ShapeError(
            "attention goes over axes between the batch and the features",
            expected=f"axes from 1 to {rank - 2}, each once and in order",
            got=str(axes),
        )
    return axes


def _project(site: Site, name: str, value: str, units: tuple[int, int]) -> str:
    """Add a Dense that gives all heads, one behind the other."""
    part = next(one for one in site.layer.parts if one.name == name)
    inner, features = site.part(part), site.draft.type(value).shape[-1]
    count = units[0] * units[1]
    weights = [inner.weight("kernel", (features, *units), (features or 0, count))]
    if part.arguments["bias_axes"]:
        weights.append(inner.weight("bias", units, (count,)))
    return inner.add(Dense(count, len(weights) > 1), on=(value,), weights=weights)


def _project_back(site: Site, value: str, heads: tuple[int, int], units: Sequence[int]) -> str:
    part = next(one for one in site.layer.parts if one.name == "attention_output")
    inner, count = site.part(part), math.prod(units)
    weights = [inner.weight("kernel", (*heads, *units), (math.prod(heads), count))]
    if part.arguments["bias_axes"]:
        weights.append(inner.weight("bias", tuple(units), (count,)))
    value = inner.add(Dense(count, len(weights) > 1), on=(value,), weights=weights)
    if len(units) == 1:
        return value
    lengths = site.type.sample_shape[:-1]
    return inner.add(Reshape((*map(_length, lengths), *units)), on=(value,), name="shape")


def _length(length: int | None) -> int:
    return -1 if length is None else length


def _attention(
    site: Site,
    sizes: _Heads,
    axes: tuple[int, ...],
    values: tuple[str, str, str],
    softmax: _Softmax,
) -> str:
    """Add the Attention node; axes that it goes over become one, behind all others but the features."""
    rank = site.type.rank
    others = tuple(axis for axis in range(1, rank - 1) if axis not in axes)
    order = (*others, *axes, rank - 1)
    joined = [_joined(site, value, order, len(others), len(axes)) for value in values]
    op = Attention(
        sizes.heads,
        sizes.key_heads,
        sizes.scale,
        softmax.masking,
        masked=softmax.mask is not None,
        causal=softmax.causal,
        window=softmax.window,
    )
    value = site.add(op, on=(*joined, *softmax.inputs))
    lengths = [site.type.shape[axis] for axis in (*others, *axes)]
    if len(axes) > 1:
        shape = (*map(_length, lengths), sizes.heads * sizes.value_size)
        value = site.add(Reshape(shape), on=(value,), name="queries")
    back = tuple(order.index(axis) + 1 for axis in range(1, rank))
    return value if back == tuple(range(1, rank)) else site.permuted(value, back, "order")


def _joined(site: Site, value: str, order: tuple[int, ...], others: int, count: int) -> str:
    if order != tuple(range(1, len(order) + 1)):
        value = site.permuted(value, order, "order")
    if count == 1:
        return value
    shape = site.draft.type(value).sample_shape
    kept, features = shape[:others], shape[-1]
    if None in shape:
        raise ShapeError("axes of varying length cannot be joined", got=str(shape))
    positions = math.prod(length or 0 for length in shape[others:-1])
    joined = (*map(_length, kept), positions, features or 0)
    return site.add(Reshape(joined), on=(value,), name="positions")


def _seen(
    site: Site, masks: tuple[str | None, str | None, str | None], axes: tuple[int, ...]
) -> str | None:
    """Return the mask of all scores [batch, .., heads, queries, keys]; axes of one length broadcast."""
    found = []
    stated, _ = _given(site, "attention_mask")
    if stated:
        found.append(_stated(site, stated, axes))
    for name, implicit, queries in zip(
        ("query_mask", "value_mask", "key_mask"), masks, (True, False, False), strict=True
    ):
        given, _ = _given(site, name)
        mask = implicit or given
        if not mask:
            continue
        if site.type.rank != 3:
            raise UnsupportedArgumentError(
                f"{site.arguments.where} masks more than one axis of positions", got=name
            )
        around = (1, 3) if queries else (1, 2)
        found.append(site.add(ExpandDims(around), on=(_truth(site, mask),), name=name))
    return _all(site, found)


def _all(site: Site, masks: Sequence[str]) -> str | None:
    if not masks:
        return None
    found = masks[0]
    for mask in masks[1:]:
        found = site.add(Binary(BinaryFunction.AND), on=(found, mask), name="seen")
    return found


def _truth(site: Site, mask: str) -> str:
    if site.draft.type(mask).dtype is DType.BOOL:
        return mask
    return site.add(Cast(DType.BOOL), on=(mask,), name="truth")


def _stated(site: Site, mask: str, axes: tuple[int, ...]) -> str:
    """Return a stated mask with an axis for each one of scores: missing ones in front of queries."""
    rank, count = site.draft.type(mask).rank, len(axes)
    others = site.type.rank - 2 - count
    wanted = 2 + others + 2 * count
    if not 1 + 2 * count <= rank <= wanted:
        raise ShapeError(
            "an attention mask has too few axes, or too many",
            expected=f"{1 + 2 * count} to {wanted}: [batch, ..., queries, keys]",
            got=str(rank),
        )
    mask = _truth(site, mask)
    first = rank - 2 * count
    if rank < wanted:
        places = tuple(range(first, first + wanted - rank))
        mask = site.add(ExpandDims(places), on=(mask,), name="mask")
    if count == 1:
        return mask
    shape = site.draft.type(mask).sample_shape
    queries, keys = shape[-2 * count : -count], shape[-count:]
    if None in shape or 1 in (*queries, *keys):
        raise ShapeError(
            "an attention mask over several axes has the lengths of all queries and keys",
            got=str(shape),
        )
    joined = [math.prod(length or 0 for length in lengths) for lengths in (queries, keys)]
    target = (*map(_length, shape[: -2 * count]), *joined)
    return site.add(Reshape(target), on=(mask,), name="mask")


def _scores(site: Site, sizes: _Heads, query: str, key: str, softmax: _Softmax) -> str:
    """Add the scores [batch, heads, queries, keys] once more by themselves."""
    repeats = sizes.heads // sizes.key_heads
    q, k = (
        _with_heads(site, value, (sizes.key_heads, count, sizes.key_size))
        for value, count in ((query, repeats), (key, 1))
    )
    products = site.add(MatMul(transpose_b=True), on=(q, k), name="scores")
    shape = (site.draft.type(value).shape[1] for value in (query, key))
    merged = (sizes.heads, *map(_length, shape))
    products = site.add(Reshape(merged), on=(products,), name="scores/heads")
    scaled = site.add(Rescaling((sizes.scale,)), on=(products,), name="scores/scaled")
    return site.add(softmax.op(), on=(scaled, *softmax.inputs), name="scores/softmax")


def _with_heads(site: Site, value: str, heads: tuple[int, int, int]) -> str:
    """[batch, positions, features] -> [batch, key heads, repeats, positions, size]."""
    length = _length(site.draft.type(value).shape[1])
    split = site.add(Reshape((length, *heads)), on=(value,), name="scores/split")
    return site.add(Permute((2, 3, 1, 4)), on=(split,), name="scores/order")


def lower_dot_attention(site: Site) -> Tensors:
    """Add an Attention or AdditiveAttention, called on queries, values and perhaps keys."""
    if not 2 <= len(site.inputs) <= 3 or any(site.draft.type(x).rank != 3 for x in site.inputs):
        raise ShapeError(
            "the layer is called on queries, values and perhaps keys",
            expected="two or three tensors [batch, positions, features]",
            got=", ".join(str(site.draft.type(x)) for x in site.inputs),
        )
    query, value, *rest = site.inputs
    key = rest[0] if rest else value
    query_mask, value_mask = site.masks[0], site.masks[1]
    mask = None
    if value_mask:
        mask = site.add(ExpandDims((1,)), on=(value_mask,), name="value_mask")
    causal = "use_causal_mask" in site.call.flags or site.arguments.flag("causal")
    softmax = _Softmax(Masking.SHIFT, mask, causal)
    scores = site.add(
        softmax.op(), on=(_raw_scores(site, query, key), *softmax.inputs), name="softmax"
    )
    result = site.add(MatMul(), on=(scores, value))
    if query_mask:
        real = site.add(ExpandDims((2,)), on=(query_mask,), name="query_mask")
        result = site.add(Merge(MergeKind.MULTIPLY), on=(result, real), name="masked")
    found = KerasTensor(result, query_mask)
    return (found,) if site.layer.outputs == 1 else (found, KerasTensor(scores))


def _raw_scores(site: Site, query: str, key: str) -> str:
    """Return products of queries and keys, or sums of what their sums become."""
    is_additive = site.layer.class_name == "AdditiveAttention"
    if not is_additive and site.arguments["score_mode"] not in ("dot", "concat"):
        raise site.arguments.refuse("score_mode", "dot or concat")
    uses_scale, features = site.arguments.flag("use_scale"), site.draft.type(query).shape[-1]
    if not is_additive and site.arguments["score_mode"] == "dot":
        scores = site.add(MatMul(transpose_b=True), on=(query, key), name="scores")
        if uses_scale:
            scale = float(site.draft.weight(site.weight("scale", ())))
            scores = site.add(Rescaling((scale,)), on=(scores,), name="scores/scaled")
        return scores
    if features is None:
        raise ShapeError("queries need a fixed number of features", got="?")
    left = site.add(ExpandDims((2,)), on=(query,), name="queries")
    right = site.add(ExpandDims((1,)), on=(key,), name="keys")
    total = site.add(Merge(MergeKind.ADD), on=(left, right), name="sums")
    if uses_scale and not is_additive:
        scale = float(site.draft.weight(site.weight("scale", ())))
        total = site.add(Rescaling((scale,)), on=(total,), name="sums/scaled")
    curved = site.add(Activation(ActivationFunction(Function.TANH)), on=(total,), name="tanh")
    if is_additive and uses_scale:
        kernel = site.weight("scale", (features,), (features, 1))
    else:
        weight = 1.0
        if not is_additive:
            weight = float(site.draft.weight(site.weight("concat_score_weight", ())))
        kernel = site.constant("sum", np.full((features, 1), weight, np.float32))
    summed = site.add(Dense(1, use_bias=False), on=(curved,), weights=[kernel], name="scores")
    return site.add(Squeeze((3,)), on=(summed,), name="scores/squeezed")
