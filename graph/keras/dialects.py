"""What each Keras version meant: class names, argument names, defaults, activation functions.

Keras 1 (2015-2017), Keras 2 (multi-backend 2.0-2.3, and tf.keras, which calls itself 2.1-2.15) and Keras 3. Arguments
are given their Keras 3 names here. The same name does not mean the same function: `hard_sigmoid` of Keras 1 and 2 is
clip(0.2 x + 0.5, 0, 1), that of Keras 3 is relu6(x + 3) / 6. Sources: the layers, activations and legacy modules of
Keras 1.2.2, 2.2.4, 2.15 and 3.15; the tests compare with tf-keras and Keras 3 themselves.
"""

import re
from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType

from graph.activations import ActivationFunction, Function
from graph.errors import ConfigError
from graph.keras.attention_classes import ATTENTION_CLASSES
from graph.keras.json_text import show
from graph.keras.layer_class import REQUIRED, WEIGHT_TRAINING, LayerClass, dropout, no_arguments
from graph.keras.lookup_classes import LOOKUP_CLASSES
from graph.keras.recurrent_classes import RECURRENT_CLASSES
from graph.keras.spatial_classes import SPATIAL_CLASSES


class Dialect(IntEnum):
    """The major version of Keras that wrote a file."""

    KERAS1 = 1
    KERAS2 = 2
    KERAS3 = 3


def dialect_of(version: str) -> Dialect:
    """Return the dialect of a version such as "2.2.4-tf".

    Raises:
        ConfigError: a version that does not exist, or that came after Keras 3.
    """
    major = version.split(".")[0]
    if major not in ("1", "2", "3"):
        raise ConfigError(
            "the file was written by an unknown version of Keras",
            expected="version 1, 2 or 3",
            got=show(version),
        )
    return Dialect(int(major))


def stores_deviations(version: str) -> bool:
    """Return whether `running_std` of BatchNormalization may hold what its name says.

    Keras 1.0 kept standard deviations under that name; 1.2 keeps variances (and says so in a comment).
    """
    numbers = re.match(r"(\d{1,4})\.(\d{1,4})\b", version)
    return numbers is None or (int(numbers[1]), int(numbers[2])) < (1, 2)


_BATCH_NORMALIZATION = LayerClass(
    used={"axis": -1, "epsilon": 1e-3, "center": True, "scale": True, "mode": 0},
    stated={"renorm": (False, None), "virtual_batch_size": (None,), "adjustment": (None,)},
    ignored=WEIGHT_TRAINING
    | {"momentum", "synchronized", "fused", "renorm_clipping", "renorm_momentum", "init"},
)

LAYER_CLASSES: Mapping[str, LayerClass] = MappingProxyType(
    {
        "InputLayer": LayerClass(
            used={"batch_shape": REQUIRED, "dtype": "float32"},
            stated={"optional": (False, True), "input_tensor": (None,), "type_spec": (None,)},
            renamed={"batch_input_shape": "batch_shape", "input_dtype": "dtype"},
        ),
        "Dense": LayerClass(
            used={"units": REQUIRED, "activation": None, "use_bias": True},
            ignored=WEIGHT_TRAINING | {"init"},
            renamed={"output_dim": "units", "bias": "use_bias"},
        ),
        "Activation": LayerClass(used={"activation": REQUIRED}),
        "ReLU": LayerClass(used={"max_value": None, "negative_slope": 0.0, "threshold": 0.0}),
        "LeakyReLU": LayerClass(
            used={"negative_slope": 0.3}, renamed={"alpha": "negative_slope"}
        ),
        "PReLU": LayerClass(used={"shared_axes": None}, ignored=WEIGHT_TRAINING | {"init"}),
        "ELU": LayerClass(used={"alpha": 1.0}),
        "ThresholdedReLU": LayerClass(used={"theta": 1.0}),
        "Softmax": LayerClass(used={"axis": -1}),
        "BatchNormalization": _BATCH_NORMALIZATION,
        "LayerNormalization": LayerClass(
            used={"axis": -1, "epsilon": 1e-3, "center": True, "scale": True, "rms_scaling": False},
            ignored=WEIGHT_TRAINING,
        ),
        "Rescaling": LayerClass(used={"scale": REQUIRED, "offset": 0.0}),
        "Normalization": LayerClass(
            used={"axis": -1, "mean": None, "variance": None, "invert": False}
        ),
        "Dropout": dropout("p"),
        "SpatialDropout1D": dropout("p"),
        "SpatialDropout2D": dropout("p"),
        "SpatialDropout3D": dropout("p"),
        "AlphaDropout": dropout(),
        "GaussianDropout": dropout("p"),
        "GaussianNoise": dropout("sigma", rate="stddev"),
        "ActivityRegularization": LayerClass(ignored=frozenset({"l1", "l2"})),
        "Identity": no_arguments(),
        "Flatten": LayerClass(used={"data_format": "channels_last"}),
        "Reshape": LayerClass(used={"target_shape": REQUIRED}),
        "Permute": LayerClass(used={"dims": REQUIRED}),
        "RepeatVector": LayerClass(used={"n": REQUIRED}),
        "Concatenate": LayerClass(used={"axis": -1}),
        "Dot": LayerClass(used={"axes": REQUIRED, "normalize": False}),
        "Merge": LayerClass(
            used={"mode": REQUIRED, "concat_axis": -1, "dot_axes": -1},
            stated={"mode_type": ("raw",), "output_shape": (None,), "output_mask": (None,),
                    "arguments": ({}, None), "output_shape_type": ("raw",),
                    "output_mask_type": ("raw",), "node_indices": (None,),
                    "tensor_indices": (None,)},
        ),
        **dict.fromkeys(
            ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"), no_arguments()
        ),
        **ATTENTION_CLASSES,
        **RECURRENT_CLASSES,
        **SPATIAL_CLASSES,
        **LOOKUP_CLASSES,
    }
)  # fmt: skip

# Other names of the same class.
CLASS_ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "Model": "Functional",
        "BatchNormalizationV1": "BatchNormalization",
        "BatchNormalizationV2": "BatchNormalization",
        "SyncBatchNormalization": "BatchNormalization",
        "Convolution1D": "Conv1D",
        "Convolution2D": "Conv2D",
        "Convolution3D": "Conv3D",
        "AtrousConvolution1D": "Conv1D",
        "AtrousConvolution2D": "Conv2D",
        "Deconvolution2D": "Conv2DTranspose",
        "SeparableConvolution2D": "SeparableConv2D",
        "GroupedQueryAttention": "GroupQueryAttention",
    }
)
MODEL_CLASSES = frozenset({"Sequential", "Functional"})
# tfmot's wrapper is the one class from outside Keras that is read: its meaning at inference is kernel * mask.
PRUNING_WRAPPER = "PruneLowMagnitude"
# Keras' own wrapper changes the kernel in training only, and stores what came of it.
SPECTRAL_WRAPPER = "SpectralNormalization"
PRUNING_IGNORED = frozenset(
    {"pruning_schedule", "block_size", "block_pooling_type", "sparsity_m_by_n", "name", "trainable",
     "dtype", "batch_input_shape"}
)  # fmt: skip

SPECTRAL_IGNORED = frozenset(
    {"power_iterations", "name", "trainable", "dtype", "batch_input_shape"}
)
WRAPPERS = MappingProxyType({PRUNING_WRAPPER: PRUNING_IGNORED, SPECTRAL_WRAPPER: SPECTRAL_IGNORED})

# Layers of Keras itself that are known and not read; anything else that is unknown is custom code.
OTHER_KERAS_LAYERS = frozenset(
    """AutoContrast DenseFeatures Equalization FlaxLayer Highway JaxLayer
    LocallyConnected1D LocallyConnected2D MaxNumBoundingBoxes MaxoutDense MelSpectrogram ParametricSoftplus Pipeline
    RandomFourierFeatures SReLU STFTSpectrogram TFOpLambda SlicingOpLambda TFSMLayer
    TensorFlowOpLayer TimeDistributedDense TorchModuleWrapper""".split()  # noqa: SIM905
)
CODE_LAYERS = frozenset({"Lambda", "TorchModuleWrapper", "FlaxLayer", "JaxLayer", "TFSMLayer"})

_ALL_VERSIONS = {
    "linear": ActivationFunction(Function.LINEAR),
    "relu": ActivationFunction(Function.RELU),
    "tanh": ActivationFunction(Function.TANH),
    "sigmoid": ActivationFunction(Function.SIGMOID),
    "softmax": ActivationFunction(Function.SOFTMAX),
    "softplus": ActivationFunction(Function.SOFTPLUS),
    "softsign": ActivationFunction(Function.SOFTSIGN),
    "elu": ActivationFunction(Function.ELU),
}
_FROM_KERAS2 = _ALL_VERSIONS | {
    "selu": ActivationFunction(Function.SELU),
    "exponential": ActivationFunction(Function.EXPONENTIAL),
    "swish": ActivationFunction(Function.SILU),
    "silu": ActivationFunction(Function.SILU),
    "gelu": ActivationFunction(Function.GELU),
    "mish": ActivationFunction(Function.MISH),
    # tf.nn functions, which tf.keras finds by name; leaky_relu has 0.2 there and in Keras 3.
    "relu6": ActivationFunction(Function.RELU, max_value=6.0),
    "leaky_relu": ActivationFunction(Function.RELU, negative_slope=0.2),
    "log_softmax": ActivationFunction(Function.LOG_SOFTMAX),
}
_KERAS2_HARD_SIGMOID = {"hard_sigmoid": ActivationFunction(Function.HARD_SIGMOID_KERAS2)}
_ACTIVATIONS: Mapping[Dialect, Mapping[str, ActivationFunction]] = MappingProxyType(
    {
        Dialect.KERAS1: _ALL_VERSIONS | _KERAS2_HARD_SIGMOID,
        Dialect.KERAS2: _FROM_KERAS2 | _KERAS2_HARD_SIGMOID,
        Dialect.KERAS3: _FROM_KERAS2
        | {
            "hard_sigmoid": ActivationFunction(Function.HARD_SIGMOID),
            "celu": ActivationFunction(Function.CELU),
            "glu": ActivationFunction(Function.GLU),
            "hard_silu": ActivationFunction(Function.HARD_SILU),
            "hard_swish": ActivationFunction(Function.HARD_SILU),
            "hard_tanh": ActivationFunction(Function.HARD_TANH),
            "tanh_shrink": ActivationFunction(Function.TANH_SHRINK),
            "soft_shrink": ActivationFunction(Function.SOFT_SHRINK, threshold=0.5),
            "hard_shrink": ActivationFunction(Function.HARD_SHRINK, threshold=0.5),
            "log_sigmoid": ActivationFunction(Function.LOG_SIGMOID),
            "squareplus": ActivationFunction(Function.SQUAREPLUS),
            "sparse_plus": ActivationFunction(Function.SPARSE_PLUS),
            "sparse_sigmoid": ActivationFunction(Function.SPARSE_SIGMOID),
            "sparsemax": ActivationFunction(Function.SPARSEMAX),
        },
    }
)


def activation_named(name: str, dialect: Dialect) -> ActivationFunction | None:
    """Return the built-in function of that name in that version of Keras, or None."""
    return _ACTIVATIONS[dialect].get(name)


# Operations (keras.ops) that Keras 3 writes as layers of a functional model, and that are activation functions.
# Each with the arguments it may have, which are parameters of the function by the same name.
OPERATION_ACTIVATIONS: Mapping[str, tuple[ActivationFunction, tuple[str, ...]]] = MappingProxyType(
    {
        "Relu": (ActivationFunction(Function.RELU), ()),
        "Relu6": (ActivationFunction(Function.RELU, max_value=6.0), ()),
        "LeakyRelu": (ActivationFunction(Function.RELU), ("negative_slope",)),
        "Sigmoid": (ActivationFunction(Function.SIGMOID), ()),
        "Tanh": (ActivationFunction(Function.TANH), ()),
        "HardTanh": (ActivationFunction(Function.HARD_TANH), ()),
        "TanhShrink": (ActivationFunction(Function.TANH_SHRINK), ()),
        "Softplus": (ActivationFunction(Function.SOFTPLUS), ()),
        "Softsign": (ActivationFunction(Function.SOFTSIGN), ()),
        "SoftShrink": (ActivationFunction(Function.SOFT_SHRINK), ("threshold",)),
        "HardShrink": (ActivationFunction(Function.HARD_SHRINK), ("threshold",)),
        "Threshold": (ActivationFunction(Function.THRESHOLD), ("threshold", "default_value")),
        "Squareplus": (ActivationFunction(Function.SQUAREPLUS), ("b",)),
        "SparsePlus": (ActivationFunction(Function.SPARSE_PLUS), ()),
        "SparseSigmoid": (ActivationFunction(Function.SPARSE_SIGMOID), ()),
        "Silu": (ActivationFunction(Function.SILU), ()),
        "Elu": (ActivationFunction(Function.ELU), ("alpha",)),
        "Celu": (ActivationFunction(Function.CELU), ("alpha",)),
        "Selu": (ActivationFunction(Function.SELU), ()),
        "Gelu": (ActivationFunction(Function.GELU), ("approximate",)),
        "Exp": (ActivationFunction(Function.EXPONENTIAL), ()),
        "HardSigmoid": (ActivationFunction(Function.HARD_SIGMOID), ()),
        "HardSilu": (ActivationFunction(Function.HARD_SILU), ()),
        "LogSigmoid": (ActivationFunction(Function.LOG_SIGMOID), ()),
        "Softmax": (ActivationFunction(Function.SOFTMAX), ("axis",)),
        "LogSoftmax": (ActivationFunction(Function.LOG_SOFTMAX), ("axis",)),
        "Sparsemax": (ActivationFunction(Function.SPARSEMAX), ("axis",)),
        "Glu": (ActivationFunction(Function.GLU), ("axis",)),
    }
)
