"""Training settings that may go back into a file: plain values and names that Keras itself has, nothing else.

Optimizers, losses, metrics, initializers, regularizers and constraints mean nothing at inference and are never used
here. They are passed on as the JSON they are, so that training can go on where it stopped, but only if every class in
them is on the list below and every other value is a number, a flag or a harmless word: whoever loads the file that
comes back then imports nothing that was not Keras' own.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from graph.keras.json_text import Json, JsonObject
from graph.keras.layer_class import LayerClass

OPTIMIZERS = frozenset(
    [
        "Adadelta",
        "Adafactor",
        "Adagrad",
        "Adam",
        "AdamW",
        "Adamax",
        "Ftrl",
        "Lamb",
        "Lion",
        "Nadam",
        "RMSprop",
        "SGD",
    ]
)
_SCHEDULES = frozenset(
    [
        "CosineDecay",
        "CosineDecayRestarts",
        "ExponentialDecay",
        "InverseTimeDecay",
        "PiecewiseConstantDecay",
        "PolynomialDecay",
    ]
)
_LOSSES = frozenset(
    """BinaryCrossentropy BinaryFocalCrossentropy CTC CategoricalCrossentropy CategoricalFocalCrossentropy
    CategoricalHinge Circle CosineSimilarity Dice Hinge Huber KLDivergence LogCosh MeanAbsoluteError
    MeanAbsolutePercentageError MeanSquaredError MeanSquaredLogarithmicError Poisson SparseCategoricalCrossentropy
    SquaredHinge Tversky""".split()  # noqa: SIM905
)
_METRICS = frozenset(
    """AUC Accuracy BinaryAccuracy BinaryCrossentropy BinaryIoU CategoricalAccuracy CategoricalCrossentropy
    CategoricalHinge CosineSimilarity F1Score FBetaScore FalseNegatives FalsePositives Hinge IoU KLDivergence
    LogCoshError Mean MeanAbsoluteError MeanAbsolutePercentageError MeanIoU MeanSquaredError
    MeanSquaredLogarithmicError OneHotIoU OneHotMeanIoU Poisson Precision PrecisionAtRecall R2Score Recall
    RecallAtPrecision RootMeanSquaredError SensitivityAtSpecificity SparseCategoricalAccuracy
    SparseCategoricalCrossentropy SparseTopKCategoricalAccuracy SpecificityAtSensitivity SquaredHinge Sum
    TopKCategoricalAccuracy TrueNegatives TruePositives""".split()  # noqa: SIM905
)
_INITIALIZERS = frozenset(
    """Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity LecunNormal LecunUniform Ones Orthogonal
    RandomNormal RandomUniform TruncatedNormal VarianceScaling Zeros""".split()  # noqa: SIM905
)
# Classes by the module under which Keras 3 writes them.
_CLASSES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "keras.optimizers": OPTIMIZERS,
        "keras.optimizers.schedules": _SCHEDULES,
        "keras.losses": _LOSSES,
        "keras.metrics": _METRICS,
        "keras.initializers": _INITIALIZERS,
        "keras.regularizers": frozenset({"L1", "L1L2", "L2", "OrthogonalRegularizer"}),
        "keras.constraints": frozenset({"MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm"}),
        "keras": frozenset({"DTypePolicy"}),
    }
)
_ALIASES = frozenset(
    """acc accuracy auc bce ce crossentropy kld mae mape mse msle BCE KLD MAE MAPE MSE MSLE binary_io_u io_u
    mean_io_u one_hot_io_u one_hot_mean_io_u f1_score f_beta_score r2_score l1 l1l2 l1_l2 l2 max_norm min_max_norm
    non_neg unit_norm zero one normal uniform rmsprop adamw log_cosh""".split()  # noqa: SIM905
)
# Words that are values of arguments: of VarianceScaling, of reductions, of dtypes, of compile and of augmentations.
_WORDS = frozenset(
    """auto sum sum_over_batch_size mean mean_with_sample_weight none fan_in fan_out fan_avg normal uniform
    truncated_normal untruncated_normal float32 ROC PR interpolation minoring majoring micro macro weighted
    variance_weighted_average uniform_average channels_last channels_first horizontal vertical
    horizontal_and_vertical constant reflect wrap nearest bilinear""".split()  # noqa: SIM905
)
_COMPILE_KEYS = frozenset(
    """optimizer loss loss_weights metrics weighted_metrics run_eagerly steps_per_execution jit_compile
    auto_scale_loss""".split()  # noqa: SIM905
)
_EVER = frozenset(
    """rate stddev seed noise_shape data_format momentum l1 l2 factor height_factor width_factor mode fill_mode
    fill_value interpolation value_range""".split()  # noqa: SIM905
)
# Keys whose values only name the object itself.
_LABELS = frozenset({"name", "summation_method", "curve"})
_LABEL = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_MAX_DEPTH = 20


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


@cache
def _names() -> frozenset[str]:
    """Return every string by which Keras finds one of the classes."""
    classes = [name for found in _CLASSES.values() for name in found]
    return frozenset(classes) | {_snake(name) for name in classes} | _ALIASES | _WORDS


@dataclass(frozen=True, slots=True)
class Inert:
    """The outcome of looking at settings: whether they may be passed on, and else the first thing in the way."""

    is_inert: bool
    reason: str = ""


_YES = Inert(True)


def inert(value: Json) -> Inert:
    """Return whether a setting holds only plain values and what Keras itself has by that name."""
    return _inert(value, "", 0, _names())


def compile_settings(config: Json) -> tuple[JsonObject | None, str]:
    """Return the `compile_config` to write, or None and why there is none."""
    if config is None:
        return None, "there are none"
    if not isinstance(config, dict):
        return None, "they are not an object"
    unknown = sorted(set(config) - _COMPILE_KEYS)
    if unknown:
        return None, f"{unknown[0][:80]!r} is not known"
    found = inert(config)
    return (dict(config), "") if found.is_inert else (None, found.reason)


def training_arguments(
    config: JsonObject, accepted: LayerClass, *, is_keras3: bool
) -> Mapping[str, Json]:
    """Return the arguments of a layer that matter only to training and may be written back, by their Keras 3 names.

    From files of Keras 1 and 2 only those that mean the same in Keras 3: rates, seeds and the like.
    """
    extra = {"activity_regularizer", "trainable"}
    known = accepted.ignored | extra if is_keras3 else accepted.ignored & _EVER
    found: dict[str, Json] = {}
    for written, value in config.items():
        name = accepted.renamed.get(written, written)
        if name in known and value is not None and inert(value).is_inert:
            found[name] = value
    return found


def _inert(value: Json, key: str, depth: int, names: frozenset[str]) -> Inert:
    if depth > _MAX_DEPTH:
        return Inert(False, "they are nested too deeply")
    if value is None or isinstance(value, bool | int):
        return _YES
    if isinstance(value, float):
        return _YES if math.isfinite(value) else Inert(False, "a number is not finite")
    if isinstance(value, str):
        is_label = key in _LABELS and _LABEL.fullmatch(value) is not None
        return _YES if value in names or is_label else Inert(False, f"{value[:80]!r} is not Keras'")
    if isinstance(value, list):
        return _all([_inert(item, key, depth + 1, names) for item in value])
    if "class_name" in value or "module" in value:
        return _object(value, depth, names)
    # Keys are names of arguments, or of outputs.
    strange = [key for key in value if not key.isprintable() or len(key) > 512]
    if strange:
        return Inert(False, "a key cannot be printed")
    return _all([_inert(item, name, depth + 1, names) for name, item in value.items()])


def _all(found: list[Inert]) -> Inert:
    return next((item for item in found if not item.is_inert), _YES)


def _object(value: JsonObject, depth: int, names: frozenset[str]) -> Inert:
    """Return an object in Keras 3's form: module, class_name, config and registered_name."""
    class_name, module, config = value.get("class_name"), value.get("module"), value.get("config")
    allowed = _CLASSES.get(module, frozenset()) if isinstance(module, str) else frozenset()
    extra = set(value) - {"class_name", "module", "config", "registered_name", "shared_object_id"}
    known = isinstance(class_name, str) and class_name in allowed
    if not known or extra or value.get("registered_name") not in (None, class_name):
        what = f"{module}.{class_name}" if isinstance(module, str) else str(class_name)
        return Inert(False, f"{what[:80]!r} is not Keras' own")
    if not isinstance(config, dict):
        return Inert(False, f"{class_name} has no configuration")
    return _inert(config, "", depth + 1, names)
