"""Arguments of the layers of images and signals, all versions of Keras together, by their Keras 3 names.

Sources: the layers of Keras 1.2.2, 2.0.8, 2.2.4, 2.3.1, tf.keras 2.6 to 2.15 and Keras 3.0 to 3.15. `groups` of the
transposed, depthwise and separable layers of tf.keras only says that they are convolutions: it is always 1. A
`data_format` that is not stated is found in `graph.keras.channels`.
"""

from collections.abc import Mapping
from types import MappingProxyType

from graph.keras.json_text import Json
from graph.keras.layer_class import REQUIRED, WEIGHT_TRAINING, LayerClass

_FORMAT: Mapping[str, Json] = MappingProxyType({"data_format": None})
_WINDOW: Mapping[str, Json] = MappingProxyType(
    {"strides": 1, "padding": "valid", "dilation_rate": 1, **_FORMAT}
)
_UNITS: Mapping[str, Json] = MappingProxyType({"activation": None, "use_bias": True})
_NO_GROUPS: Mapping[str, tuple[Json, ...]] = MappingProxyType({"groups": (1,)})

_CONV = LayerClass(
    used={"filters": REQUIRED, "kernel_size": REQUIRED, **_WINDOW, "groups": 1, **_UNITS},
    ignored=WEIGHT_TRAINING,
)
_CONV_TRANSPOSE = LayerClass(
    used={
        "filters": REQUIRED, "kernel_size": REQUIRED, **_WINDOW, "output_padding": None,
        "output_shape": None, **_UNITS,
    },
    stated=_NO_GROUPS,
    ignored=WEIGHT_TRAINING,
)  # fmt: skip
_DEPTHWISE = LayerClass(
    used={"kernel_size": REQUIRED, **_WINDOW, "depth_multiplier": 1, **_UNITS},
    stated=_NO_GROUPS,
    ignored=WEIGHT_TRAINING,
)
_SEPARABLE = LayerClass(
    used={
        "filters": REQUIRED, "kernel_size": REQUIRED, **_WINDOW, "depth_multiplier": 1, **_UNITS
    },
    stated=_NO_GROUPS,
    ignored=WEIGHT_TRAINING,
)  # fmt: skip
_POOLING = LayerClass(used={"pool_size": 2, "strides": None, "padding": "valid", **_FORMAT})
_GLOBAL_POOLING = LayerClass(used={**_FORMAT, "keepdims": False})
_ADAPTIVE_POOLING = LayerClass(used={"output_size": REQUIRED, **_FORMAT})
_RESIZING = LayerClass(
    used={
        "height": REQUIRED, "width": REQUIRED, "interpolation": "bilinear",
        "crop_to_aspect_ratio": False, "pad_to_aspect_ratio": False, "antialias": False, **_FORMAT,
    },
    stated={"fill_mode": ("constant",), "fill_value": (0.0, 0)},
    ignored=frozenset({"bounding_box_format"}),
)  # fmt: skip
_CROP = LayerClass(
    used={"height": REQUIRED, "width": REQUIRED, **_FORMAT},
    ignored=frozenset({"bounding_box_format"}),
)
# Layers that change images only in training.
AUGMENTATIONS = frozenset(
    """RandomFlip RandomRotation RandomZoom RandomTranslation RandomContrast RandomBrightness RandomHeight RandomWidth
    AugMix CutMix MixUp RandAugment RandomColorDegeneration RandomColorJitter RandomElasticTransform RandomErasing
    RandomGaussianBlur RandomGrayscale RandomHue RandomInvert RandomPerspective RandomPosterization RandomSaturation
    RandomSharpness RandomShear Solarization""".split()  # noqa: SIM905
)
_AUGMENTATION = LayerClass(
    ignored=frozenset(
        """data_format seed mode factor fill_mode fill_value interpolation height_factor width_factor value_range
        num_chains chain_depth alpha all_ops num_ops brightness_factor contrast_factor saturation_factor hue_factor
        scale kernel_size sigma x_factor y_factor addition_factor threshold_factor bounding_box_format rng_type
        force_generator""".split()  # noqa: SIM905
    )
)
_AFFINE: Mapping[str, Json] = MappingProxyType({"center": True, "scale": True})

# Classes that are Keras' own only where they come from the module of its applications; others may have these names, too.
APPLICATION_CLASSES = frozenset({"LayerScale", "StochasticDepth", "CustomScaleLayer"})


def _of_ranks(
    name: str, described: LayerClass, suffix: str = "", last: int = 3
) -> dict[str, LayerClass]:
    return {f"{name}{rank}D{suffix}": described for rank in range(1, last + 1)}


SPATIAL_CLASSES: Mapping[str, LayerClass] = MappingProxyType(
    {
        **_of_ranks("Conv", _CONV),
        **_of_ranks("Conv", _CONV_TRANSPOSE, "Transpose"),
        **_of_ranks("DepthwiseConv", _DEPTHWISE, last=2),
        **_of_ranks("SeparableConv", _SEPARABLE, last=2),
        **_of_ranks("MaxPooling", _POOLING),
        **_of_ranks("AveragePooling", _POOLING),
        **_of_ranks("GlobalMaxPooling", _GLOBAL_POOLING),
        **_of_ranks("GlobalAveragePooling", _GLOBAL_POOLING),
        **_of_ranks("AdaptiveMaxPooling", _ADAPTIVE_POOLING),
        **_of_ranks("AdaptiveAveragePooling", _ADAPTIVE_POOLING),
        **_of_ranks("ZeroPadding", LayerClass(used={"padding": 1, **_FORMAT})),
        **_of_ranks("Cropping", LayerClass(used={"cropping": REQUIRED, **_FORMAT})),
        "UpSampling1D": LayerClass(used={"size": 2}),
        "UpSampling2D": LayerClass(used={"size": 2, "interpolation": "nearest", **_FORMAT}),
        "UpSampling3D": LayerClass(used={"size": 2, **_FORMAT}),
        "Resizing": _RESIZING,
        "CenterCrop": _CROP,
        "RandomCrop": LayerClass(used=_CROP.used, ignored=_AUGMENTATION.ignored),
        **dict.fromkeys(AUGMENTATIONS, _AUGMENTATION),
        "GroupNormalization": LayerClass(
            used={"groups": 32, "axis": -1, "epsilon": 1e-3, **_AFFINE}, ignored=WEIGHT_TRAINING
        ),
        # Layers that keras.applications has for itself.
        "LayerScale": LayerClass(
            used={"projection_dim": REQUIRED}, ignored=frozenset({"init_values"})
        ),
        "StochasticDepth": LayerClass(ignored=frozenset({"drop_path_rate"})),
        "CustomScaleLayer": LayerClass(used={"scale": REQUIRED}),
        "RMSNormalization": LayerClass(used={"axis": -1, "epsilon": 1e-6}),
        "UnitNormalization": LayerClass(used={"axis": -1}),
    }
)
