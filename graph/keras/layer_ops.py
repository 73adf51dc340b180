"""The table from layers to ops: one function per kind of layer, from a call site to the names of the values it makes.

Layers that act only in training (dropout, noise, regularization) make no node: their value is their input's.
"""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

from graph import limits as bounds
from graph.activations import LINEAR, ActivationFunction
from graph.errors import ShapeError, UnsupportedDtypeError
from graph.keras import (
    conv_layers,
    lookup_layers,
    pooling_layers,
    resizing_layers,
    vocabulary_layers,
)
from graph.keras import normalization_layers as normalizations
from graph.keras.activation_layers import (
    activation_of,
    activation_of_layer,
)
from graph.keras.attention_layers import (
    lower_dot_attention,
    lower_grouped_attention,
    lower_multi_head_attention,
)
from graph.keras.classes import OPERATION_PREFIX
from graph.keras.dialects import Dialect
from graph.keras.draft import KerasTensor, Site, Tensors
from graph.keras.embedding_layers import lower_embedding, lower_reversible_embedding
from graph.keras.lookup_classes import LOOKUP_CLASSES
from graph.keras.masks import lower_masked_average, lower_masking, mask_behind
from graph.keras.operations import lower_operation
from graph.keras.product_layers import lower_einsum_dense
from graph.keras.recurrent_classes import CELLS, SEQUENCE_LAYERS
from graph.keras.recurrent_layers import lower_bidirectional, lower_recurrent, refuse_alone
from graph.keras.spatial_classes import AUGMENTATIONS
from graph.keras.time_layers import lower_time_distributed
from graph.ops import Activation, Dense, Dot, Merge, MergeKind, PRelu, Rescaling
from graph.shape_ops import Concatenate, Permute, RepeatVector, Reshape
from graph.slice_ops import ExpandDims
from graph.tensor_type import DType

# A layer that knows of masks, or makes several tensors, gives these; of all others, the masks follow from their class.
Lowering = Callable[[Site], str | Tensors]


def lower_layer(site: Site) -> Tensors:
    """Add the nodes of one call of a layer and give the tensors that it makes, with their masks.

    Raises:
        ModelFileError: an argument or weight is not supported or does not fit.
        ShapeError: shapes do not fit together; the message names the layer.
    """
    try:
        made = _lower(site)
        return (KerasTensor(made, mask_behind(site)),) if isinstance(made, str) else made
    except ShapeError as error:
        raise ShapeError(
            f"{site.arguments.where}: {error.message}",
            expected=error.expected,
            got=error.got,
            hint=error.hint,
        ) from error


def _lower(site: Site) -> str | Tensors:
    class_name = site.layer.class_name
    if class_name.startswith(OPERATION_PREFIX):
        return lower_operation(site)
    if class_name in _IDENTITIES:
        return site.input
    moves = _only_moves(site)
    _refuse_texts(site, accepts=moves or class_name in _TAKES_TEXTS)
    accepts = moves or class_name in _TAKES_TEXTS | _TAKES_INTEGERS or _converts_images(site)
    if not accepts and not all(map(site.draft.is_float, site.inputs)):
        raise UnsupportedDtypeError(
            f"{site.arguments.where} calculates with integers",
            expected="float32",
            hint="convert the input to float32 in the model",
        )
    value = _LOWERINGS[class_name](site)
    if moves and isinstance(value, str):
        kinds = {site.draft.keras_type(name) for name in site.inputs}
        if len(kinds) > 1 and not all(map(site.draft.is_float, site.inputs)):
            raise UnsupportedDtypeError(f"{site.arguments.where} joins integers with other types")
        site.draft.keep_keras_type(value, site.inputs[0])
    return value


def _refuse_texts(site: Site, *, accepts: bool) -> None:
    """Refuse texts, unless the layer looks them up or only moves them."""
    kinds = {site.draft.keras_type(name) for name in site.inputs}
    if DType.STRING in kinds and not accepts:
        raise UnsupportedDtypeError(
            f"{site.arguments.where} is called on texts",
            expected="numbers",
            hint="make numbers of texts with StringLookup, Hashing or TextVectorization first",
        )


def _only_moves(site: Site) -> bool:
    """Return whether the layer's results are elements of its input, so that integers stay what they are."""
    if site.layer.class_name in ("UpSampling2D", "Resizing"):
        is_nearest = site.arguments["interpolation"] == "nearest"
        return is_nearest and (site.layer.class_name == "UpSampling2D" or _is_keras3(site))
    return site.layer.class_name in _MOVES


def _converts_images(site: Site) -> bool:
    """Return whether the layer makes float32 of integers first: Keras 2 does when it resizes, Keras 3 rounds."""
    return site.layer.class_name in ("UpSampling2D", "Resizing") and not _is_keras3(site)


def _is_keras3(site: Site) -> bool:
    return site.draft.dialect is Dialect.KERAS3


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


def _average_of_steps(site: Site) -> str:
    mask = site.masks[0] if site.masks else None
    if mask is None:
        return pooling_layers.lower_global_pooling(site)
    return lower_masked_average(site, mask)


def _rescaling(site: Site) -> str:
    op = Rescaling(site.arguments.numbers("scale"), site.arguments.numbers("offset"))
    return site.add(op)


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
    if unknown and None not in site.type.sample_shape:
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


def _scaled_sum(site: Site) -> str:
    """Add the sum of a value and another one times a number, which InceptionResNetV2 has as a layer of its own."""
    if len(site.inputs) != 2:
        raise ShapeError("the layer adds two values", expected="2", got=str(len(site.inputs)))
    first, second = site.inputs
    scaled = site.add(Rescaling((site.arguments.number("scale"),)), on=(second,), name="scaled")
    return site.add(Merge(MergeKind.ADD), on=(first, scaled))


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
    if mode == "cos":
        dot = site.add(_dot_op(site, "dot_axes", normalize=True), name="dot")
        return site.add(ExpandDims((1,)), on=(dot,), name="expanded")
    if not isinstance(mode, str) or mode not in _KERAS1_MODES:
        raise site.arguments.refuse("mode", "concat, cos, dot, " + ", ".join(_KERAS1_MODES))
    return site.add(Merge(_KERAS1_MODES[mode]))


def _of_ranks(
    name: str, lowering: Lowering, suffix: str = "", *, last: int = 3
) -> dict[str, Lowering]:
    return {f"{name}{rank}D{suffix}": lowering for rank in range(1, last + 1)}


_IDENTITIES = AUGMENTATIONS | {
    "Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "AlphaDropout",
    "GaussianDropout", "GaussianNoise", "ActivityRegularization", "Identity", "StochasticDepth",
}  # fmt: skip
_MOVES = frozenset({"Flatten", "Reshape", "Permute", "RepeatVector", "Concatenate"}) | {
    f"{name}{rank}D"
    for name in ("ZeroPadding", "Cropping", "UpSampling", "MaxPooling", "GlobalMaxPooling")
    for rank in (1, 2, 3)
}
# Layers that convert integers to float32 before they calculate, as the graph does at its inputs.
_TAKES_INTEGERS = frozenset(
    {
        "Dense",
        "Rescaling",
        "Normalization",
        "BatchNormalization",
        "CenterCrop",
        "Embedding",
        "ReversibleEmbedding",
        "EinsumDense",
    }
)
# Layers of the front part, which says itself what it takes.
_TAKES_TEXTS = frozenset(LOOKUP_CLASSES)

_LOWERINGS: Mapping[str, Lowering] = MappingProxyType(
    {
        "Dense": _dense,
        **dict.fromkeys(
            ("Activation", "ReLU", "LeakyReLU", "ELU", "ThresholdedReLU", "Softmax"), _activation
        ),
        "PReLU": _prelu,
        "BatchNormalization": normalizations.lower_batch_normalization,
        "LayerNormalization": normalizations.lower_layer_normalization,
        "Rescaling": _rescaling,
        "Normalization": normalizations.lower_normalization,
        "GroupNormalization": normalizations.lower_group_normalization,
        "RMSNormalization": normalizations.lower_rms_normalization,
        "UnitNormalization": normalizations.lower_unit_normalization,
        **_of_ranks("Conv", conv_layers.lower_conv),
        **_of_ranks("Conv", conv_layers.lower_conv_transpose, "Transpose"),
        **_of_ranks("DepthwiseConv", conv_layers.lower_depthwise_conv, last=2),
        **_of_ranks("SeparableConv", conv_layers.lower_separable_conv, last=2),
        **_of_ranks("MaxPooling", pooling_layers.lower_pooling),
        **_of_ranks("AveragePooling", pooling_layers.lower_pooling),
        **_of_ranks("GlobalMaxPooling", pooling_layers.lower_global_pooling),
        **_of_ranks("GlobalAveragePooling", pooling_layers.lower_global_pooling),
        "GlobalAveragePooling1D": _average_of_steps,
        **_of_ranks("AdaptiveMaxPooling", pooling_layers.lower_adaptive_pooling),
        **_of_ranks("AdaptiveAveragePooling", pooling_layers.lower_adaptive_pooling),
        **_of_ranks("ZeroPadding", resizing_layers.lower_zero_padding),
        **_of_ranks("Cropping", resizing_layers.lower_cropping),
        "LayerScale": normalizations.lower_layer_scale,
        "CustomScaleLayer": _scaled_sum,
        "UpSampling1D": resizing_layers.lower_upsampling1d,
        "UpSampling2D": resizing_layers.lower_upsampling,
        "UpSampling3D": resizing_layers.lower_upsampling,
        "Resizing": resizing_layers.lower_resizing,
        "CenterCrop": resizing_layers.lower_center_crop,
        "RandomCrop": resizing_layers.lower_random_crop,
        "Flatten": _flatten,
        "Reshape": _reshape,
        "Permute": _permute,
        "RepeatVector": _repeat_vector,
        "Concatenate": _concatenate,
        **{kind.value.capitalize(): _merge(kind) for kind in MergeKind},
        "StringLookup": vocabulary_layers.lower_lookup,
        "IntegerLookup": vocabulary_layers.lower_lookup,
        "TextVectorization": vocabulary_layers.lower_text_vectorization,
        "Hashing": lookup_layers.lower_hashing,
        "HashedCrossing": lookup_layers.lower_hashed_crossing,
        "Discretization": lookup_layers.lower_discretization,
        "CategoryEncoding": lookup_layers.lower_category_encoding,
        "Dot": _dot,
        "Merge": _keras1_merge,
        "Masking": lower_masking,
        "Embedding": lower_embedding,
        "ReversibleEmbedding": lower_reversible_embedding,
        "EinsumDense": lower_einsum_dense,
        "MultiHeadAttention": lower_multi_head_attention,
        "GroupQueryAttention": lower_grouped_attention,
        "Attention": lower_dot_attention,
        "AdditiveAttention": lower_dot_attention,
        **dict.fromkeys(SEQUENCE_LAYERS, lower_recurrent),
        **dict.fromkeys(CELLS, refuse_alone),
        "Bidirectional": lower_bidirectional,
        "TimeDistributed": lower_time_distributed,
    }
)
