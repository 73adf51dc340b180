"""Which arguments a class of layers may have, and those that all classes may have; the classes are elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from graph.keras.json_text import Json


class Required:
    """Marks an argument without a default."""


REQUIRED = Required()


@dataclass(frozen=True, slots=True)
class LayerClass:
    """Which arguments a layer class may have.

    Attributes:
        used: arguments that change the meaning, with the value they have when absent, or REQUIRED.
        stated: arguments that are accepted only with one of these values.
        ignored: arguments that matter only to training.
        renamed: other names of used and ignored arguments, all versions together.
        tensors: names of arguments of a call that may be tensors, besides the first one.
        positions: those of them that may be given without their names, behind the first one.
        flags: names of arguments of a call that are true or false and change the meaning.
    """

    used: Mapping[str, "Json | Required"] = field(default_factory=dict)
    stated: Mapping[str, tuple[Json, ...]] = field(default_factory=dict)
    ignored: frozenset[str] = frozenset()
    renamed: Mapping[str, str] = field(default_factory=dict)
    tensors: frozenset[str] = frozenset()
    positions: tuple[str, ...] = ()
    flags: frozenset[str] = frozenset()


# Arguments of every layer that only say what the layer is called or how it was made.
COMMON_IGNORED = frozenset(
    {"name", "trainable", "activity_regularizer", "batch_input_shape", "batch_shape", "batch_size",
     "input_shape", "input_dtype", "input_dim", "input_length", "build_config",
     # It takes effect by the dtype policy only.
     "quantization_config"}
)  # fmt: skip
COMMON_STATED: Mapping[str, tuple[Json, ...]] = MappingProxyType(
    {"dynamic": (False,), "sparse": (False, None), "ragged": (False, None), "autocast": (True,),
     "lora_rank": (None,), "lora_alpha": (None,), "weights": (None,)}
)  # fmt: skip

# What training may know of each weight.
WEIGHT_TRAINING = frozenset(
    f"{weight}_{what}"
    for weight in (
        "kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance", "alpha", "depthwise",
        "pointwise", "W", "b",
    )
    for what in ("initializer", "regularizer", "constraint", "init")
)  # fmt: skip
_RANDOM = frozenset({"seed", "noise_shape", "data_format", "dim_ordering"})


def no_arguments() -> LayerClass:
    """Return a class without arguments of its own."""
    return LayerClass()


def dropout(*aliases: str, rate: str = "rate") -> LayerClass:
    """Return a class that acts only in training, at a rate that has other names, too."""
    return LayerClass(ignored=_RANDOM | {rate}, renamed=dict.fromkeys(aliases, rate))
