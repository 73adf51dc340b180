"""Which arrays a layer has, in Keras' order, and what is collected of them while a file is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from graph.errors import NonFiniteWeightsError, UnsupportedDtypeError, WeightsMismatchError
from graph.graph import WeightArray
from graph.keras.description import Layer
from graph.keras.hdf5 import reading, string_attribute
from graph.keras.json_text import Json
from graph.keras.lookup_classes import LOOKUP_CLASSES
from graph.keras.quantized import FLOAT8_ROLES, added_roles, dequantized, is_whole
from graph.keras.recurrent_classes import CONV_LSTM

# Which weight tfmot's wrapper prunes, by class; for all others it has only the step among its own variables.
_PRUNED_ROLES = {
    **dict.fromkeys(
        ("Dense", *(f"Conv{rank}D{end}" for rank in (1, 2, 3) for end in ("", "Transpose"))),
        "kernel",
    ),
    "SeparableConv1D": "pointwise_kernel",
    "SeparableConv2D": "pointwise_kernel",
}
# Recurrent layers and cells, with the gates in the order of Keras 1's files, which is not that of one kernel for all.
_RECURRENT = {
    **dict.fromkeys(("LSTM", "LSTMCell", "CuDNNLSTM"), "icfo"),
    **dict.fromkeys(("GRU", "GRUCell", "CuDNNGRU"), "zrh"),
    **dict.fromkeys(("SimpleRNN", "SimpleRNNCell", *CONV_LSTM), "h"),
}
# Layers with one weight.
_ONLY_ROLES = {"RMSNormalization": "scale", "LayerScale": "layer_scale", "PReLU": "alpha"}
# The wrapper's own variables. `wrapped_kernel` is the wrapped layer's kernel once more.
PRUNING_ROLES = ("wrapped_kernel", "mask", "threshold", "pruning_step")
NOT_READ = FLOAT8_ROLES | frozenset({"count", "threshold", "pruning_step", "vector_u"})


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """The arrays of one layer.

    Attributes:
        key: path of the layer that owns them.
        arrays: float32, by role: kernel, bias, gamma and so on.
        vocabulary: the file of tokens that the archive has for the layer, or None.
    """

    key: str
    arrays: Mapping[str, WeightArray]
    vocabulary: str | None = None


@dataclass(frozen=True, slots=True)
class Role:
    """What an array is to its layer."""

    name: str
    is_trainable: bool = True


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for one array: which layer, which role."""

    layer: Layer
    role: str


def own_roles(layer: Layer) -> tuple[Role, ...]:
    """The weights that a layer of its own has, in Keras' order; those of a wrapper are not among them."""
    roles = [
        Role(role.name, role.is_trainable and not is_whole(layer, role.name))
        for role in _roles_of_class(layer)
    ]
    return (*roles, *(Role(name, False) for name in added_roles(layer)))


def _roles_of_class(layer: Layer) -> tuple[Role, ...]:
    """The same without what comes of quantizing weights."""
    arguments = layer.arguments
    match layer.class_name:
        case name if name in _PRUNED_ROLES or name.startswith("DepthwiseConv"):
            kernels = _kernel_roles(name)
            found = [*kernels, *([Role("bias")] if arguments["use_bias"] else [])]
        case "BatchNormalization":
            found = [Role("gamma")] if arguments["scale"] else []
            found += [Role("beta")] if arguments["center"] else []
            found += [Role("moving_mean", False), Role("moving_variance", False)]
        case "LayerNormalization":
            rms = arguments["rms_scaling"]
            found = [Role("gamma")] if arguments["scale"] or rms else []
            found += [Role("beta")] if arguments["center"] and not rms else []
        case "GroupNormalization":
            found = [Role("gamma")] if arguments["scale"] else []
            found += [Role("beta")] if arguments["center"] else []
        case name if name in _ONLY_ROLES:
            found = [Role(_ONLY_ROLES[name])]
        case "Normalization":
            adapted = arguments["mean"] is None
            found = [Role(name, False) for name in ("mean", "variance", "count") if adapted]
        case name if name in _RECURRENT:
            found = recurrent_roles(arguments, _RECURRENT[name])
        case name if name in LOOKUP_CLASSES:
            found = _lookup_roles(name, arguments)
        case name:
            found = _attention_roles(name, arguments)
    return tuple(found)


def _lookup_roles(class_name: str, arguments: Mapping[str, Json]) -> list[Role]:
    """Return the weights of a layer that looks values up; most have none."""
    if class_name == "Discretization":
        # Keras 2 keeps what it knows of the data, and makes boundaries of that when it loads a file.
        return [] if arguments["bin_boundaries"] else [Role("summary", False)]
    is_weighted = arguments["output_mode"] in ("tf_idf", "tf-idf")
    return [Role("idf_weights", False)] if is_weighted else []


def _attention_roles(class_name: str, arguments: Mapping[str, Json]) -> list[Role]:
    """Return the weights of a layer of tokens or attention; none for any other."""
    match class_name:
        case "Embedding" | "ReversibleEmbedding":
            tied = arguments.get("tie_weights", True) is True
            return [Role("embeddings"), *([] if tied else [Role("reverse_embeddings")])]
        case "EinsumDense":
            return [Role("kernel"), *([Role("bias")] if arguments["bias_axes"] else [])]
        case "Attention" | "AdditiveAttention":
            scale = [Role("scale")] if arguments["use_scale"] else []
            concatenates = arguments.get("score_mode") == "concat"
            return [*scale, *([Role("concat_score_weight")] if concatenates else [])]
        case _:
            return []


def recurrent_roles(arguments: Mapping[str, Json], gates: str) -> list[Role]:
    """Return the weights of a recurrent layer or cell.

    Keras 1 stored those of each gate by themselves, unless it computed on a GPU; then it had no layer without a bias.

    Args:
        arguments: the layer's.
        gates: a letter for each gate, in the order in which Keras 1 stored them.
    """
    consumes = arguments.get("consume_less", "gpu")
    if consumes != "gpu" and len(gates) > 1:
        return [Role(f"{kind}_{gate}") for gate in gates for kind in ("W", "U", "b")]
    bias = [Role("bias")] if arguments.get("use_bias", True) else []
    return [Role("kernel"), Role("recurrent_kernel"), *bias]


def _wrapped_role(class_name: str) -> str:
    """Return the weight that a wrapper changes."""
    is_depthwise = class_name.startswith("DepthwiseConv")
    return "depthwise_kernel" if is_depthwise else _PRUNED_ROLES.get(class_name, "")


def _kernel_roles(class_name: str) -> list[Role]:
    if class_name.startswith("DepthwiseConv"):
        return [Role("depthwise_kernel")]
    if class_name.startswith("SeparableConv"):
        return [Role("depthwise_kernel"), Role("pointwise_kernel")]
    return [Role("kernel")]


def wrapper_roles(layer: Layer) -> tuple[str, ...]:
    """Return the variables of the wrapper around a layer, in its own order; none where there is no wrapper.

    Keras counts the kernel among them, too, as the wrapper keeps it as an attribute of its own.
    """
    match layer.wrapper:
        case "":
            return ()
        case "SpectralNormalization":
            return ("wrapped_kernel", "vector_u")
        case _:
            pruned = layer.class_name in _PRUNED_ROLES
            return PRUNING_ROLES if pruned else PRUNING_ROLES[-1:]


def has_weights(layer: Layer) -> bool:
    """Return whether the layer or model has any variable that Keras counts as a weight."""
    if layer.model is not None:
        return any(map(has_weights, layer.model.layers))
    return bool(own_roles(layer) or wrapper_roles(layer) or any(map(has_weights, layer.parts)))


class Collector:
    """Collects arrays by layer; checks types and finiteness of each."""

    def __init__(self, *, allow_nonfinite: bool) -> None:
        self._allow_nonfinite = allow_nonfinite
        self._arrays: dict[str, dict[str, WeightArray]] = {}
        self._wrapped: dict[str, str] = {}
        self._layers: dict[str, Layer] = {}
        self._vocabularies: dict[str, str] = {}

    def take(self, slot: Slot, dataset: h5py.Dataset) -> None:
        """Read the array of one slot."""
        if slot.role not in NOT_READ:
            array = _read_array(dataset, slot, allow_nonfinite=self._allow_nonfinite)
            self._arrays.setdefault(slot.layer.path, {})[slot.role] = array
            self._wrapped[slot.layer.path] = _wrapped_role(slot.layer.class_name)
            self._layers[slot.layer.path] = slot.layer

    def take_vocabulary(self, layer: Layer, text: str) -> None:
        """Keep the file of tokens of one layer."""
        self._vocabularies[layer.path] = text

    def finished(self) -> Mapping[str, LayerWeights]:
        """Everything that was read, quantized weights in float32, and with tfmot's masks applied.

        Raises:
            WeightsMismatchError: a mask does not fit its kernel, or the wrapper's copy of the kernel is another one.
        """
        found = {
            path: LayerWeights(
                path,
                _masked(path, self._wrapped[path], dequantized(self._layers[path], arrays)),
            )
            for path, arrays in self._arrays.items()
        }
        for path, text in self._vocabularies.items():
            arrays = found[path].arrays if path in found else {}
            found[path] = LayerWeights(path, arrays, text)
        return found


def _masked(path: str, role: str, arrays: Mapping[str, WeightArray]) -> Mapping[str, WeightArray]:
    """Return the arrays of a layer without those of a wrapper; a mask is applied to the weight of `role`."""
    found = dict(arrays)
    copy, mask = found.pop("wrapped_kernel", None), found.pop("mask", None)
    kernel = found.get(role)
    if copy is not None and (kernel is None or not np.array_equal(copy, kernel, equal_nan=True)):
        raise WeightsMismatchError(
            f"layer {path!r} and its wrapper hold two different kernels",
            hint="save the model again with Keras",
        )
    if mask is not None:
        if kernel is None or mask.shape != kernel.shape:
            raise WeightsMismatchError(
                f"the pruning mask of layer {path!r} does not fit its kernel",
                expected=str(None if kernel is None else kernel.shape),
                got=str(mask.shape),
            )
        found[role] = kernel * mask
    return found


def wrong_number(where: str, expected: list[Slot], got: list[str]) -> WeightsMismatchError:
    """Return the error for a layer that has more or fewer arrays than its configuration needs."""
    return WeightsMismatchError(
        f"{where} has another number of weights than the architecture",
        expected=f"{len(expected)}: " + ", ".join(slot.role for slot in expected[:8]),
        got=f"{len(got)}: " + ", ".join(got[:8]) if got else "0",
        hint=""
        if got
        else "if the model was not built when it was saved, call model.build(...) or call it on data, and save it again",
    )


def _read_array(dataset: h5py.Dataset, slot: Slot, *, allow_nonfinite: bool) -> WeightArray:
    where = f"{slot.role} of layer {slot.layer.path!r}"
    with reading():
        raw: np.ndarray[Any, np.dtype[Any]] = np.asarray(dataset[()])
    # HDF5 has no bfloat16: Keras writes two bytes each, and Keras 3 says in archives what they are.
    if raw.dtype.kind == "V" and string_attribute(dataset, "dtype") in (None, "bfloat16"):
        raw = (raw.view("<u2").astype(np.uint32) << 16).view(np.float32)
    if raw.dtype.kind != "f" and not (raw.dtype == np.int8 and is_whole(slot.layer, slot.role)):
        kind = "opaque bytes" if raw.dtype.kind == "V" else str(raw.dtype)
        raise UnsupportedDtypeError(
            f"{where} is not stored as float32",
            expected="float32, or floats that Keras rounds to it",
            got=kind,
        )
    with np.errstate(over="ignore", invalid="ignore"):
        array = np.ascontiguousarray(raw, dtype=np.float32).reshape(raw.shape)
    if not allow_nonfinite and not np.isfinite(array).all():
        count = int(np.count_nonzero(~np.isfinite(array)))
        raise NonFiniteWeightsError(
            f"{where} holds NaN or infinity",
            expected="finite numbers",
            got=f"{count} of {array.size}",
            hint="train again, or allow such weights explicitly",
        )
    return array
