"""HDF5 arrays -> the weights of each layer.

Keras has two layouts. Legacy HDF5 has a group per layer of the outermost model, with an ordered list `weight_names`: all
trainable weights first, then the others, through all nested models. The `.keras` archive has a folder per layer, nested
as the models are, named after the layer's class with a counter (never after the layer's name), with arrays 0, 1, ...
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from graph.errors import NonFiniteWeightsError, UnsupportedDtypeError, WeightsMismatchError
from graph.graph import WeightArray
from graph.keras.archive import FileFormat, ModelArchive
from graph.keras.description import Layer, Model
from graph.keras.hdf5 import child, names_attribute, reading, string_attribute

_CONTAINER, _CONTAINER_BEFORE_2_14 = "layers", "_layer_checkpoint_dependencies"
_TOP_LEVEL = "top_level_model_weights"
# What Keras 1 called the weights.
_KERAS1_ROLES = {
    "kernel": "W",
    "bias": "b",
    "moving_mean": "running_mean",
    "moving_variance": "running_std",
    "alpha": "alphas",
}
_NOT_READ = frozenset({"count", "threshold", "pruning_step"})


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """The arrays of one layer.

    Attributes:
        key: path of the layer that owns them.
        arrays: float32, by role: kernel, bias, gamma and so on.
    """

    key: str
    arrays: Mapping[str, WeightArray]


@dataclass(frozen=True, slots=True)
class _Role:
    name: str
    is_trainable: bool = True


@dataclass(frozen=True, slots=True)
class _Slot:
    """A place for one array: which layer, which role."""

    layer: Layer
    role: str


def read_weights(
    archive: ModelArchive, model: Model, *, allow_nonfinite: bool
) -> Mapping[str, LayerWeights]:
    """The weights of every layer that has any, by the layer's path.

    Raises:
        WeightsMismatchError: weights are missing, too many, or not the ones the architecture needs.
        NonFiniteWeightsError: NaN or infinity, unless allowed.
        UnsupportedDtypeError: bfloat16 or integers.
    """
    reader = _Reader(allow_nonfinite)
    if archive.format is FileFormat.HDF5:
        _read_legacy(archive.weights, model, reader)
    else:
        container = _CONTAINER
        if _CONTAINER not in archive.weights and _CONTAINER_BEFORE_2_14 in archive.weights:
            container = _CONTAINER_BEFORE_2_14
        _read_folders(archive.weights, model, container, reader)
    return reader.finished()


def _own_roles(layer: Layer) -> tuple[_Role, ...]:
    """The weights a layer of its own has, in Keras' order."""
    arguments = layer.arguments
    match layer.class_name:
        case "Dense":
            found = [_Role("kernel"), *([_Role("bias")] if arguments["use_bias"] else [])]
        case "BatchNormalization":
            found = [_Role("gamma")] if arguments["scale"] else []
            found += [_Role("beta")] if arguments["center"] else []
            found += [_Role("moving_mean", False), _Role("moving_variance", False)]
        case "LayerNormalization":
            rms = arguments["rms_scaling"]
            found = [_Role("gamma")] if arguments["scale"] or rms else []
            found += [_Role("beta")] if arguments["center"] and not rms else []
        case "PReLU":
            found = [_Role("alpha")]
        case "Normalization":
            adapted = arguments["mean"] is None
            found = [_Role(name, False) for name in ("mean", "variance", "count") if adapted]
        case _:
            found = []
    return (*found, *_pruning_roles(layer))


def _pruning_roles(layer: Layer) -> list[_Role]:
    if not layer.is_pruned:
        return []
    masked = ["mask", "threshold"] if layer.class_name == "Dense" else []
    return [_Role(name, False) for name in (*masked, "pruning_step")]


def _slots(layer: Layer) -> tuple[list[_Slot], list[_Slot]]:
    """Trainable and other weights of a layer or model, in the order of legacy files."""
    if layer.model is None:
        trainable = [_Slot(layer, role.name) for role in _own_roles(layer) if role.is_trainable]
        other = [_Slot(layer, role.name) for role in _own_roles(layer) if not role.is_trainable]
    else:
        trainable, other = [], []
        for inner in layer.model.layers:
            first, second = _slots(inner)
            trainable += first
            other += second
    frozen = not layer.is_trainable
    return ([], trainable + other) if frozen else (trainable, other)


class _Reader:
    """Collects arrays by layer; checks types and finiteness of each."""

    def __init__(self, allow_nonfinite: bool) -> None:
        self._allow_nonfinite = allow_nonfinite
        self._arrays: dict[str, dict[str, WeightArray]] = {}

    def take(self, slot: _Slot, dataset: h5py.Dataset) -> None:
        """Read the array of one slot."""
        if slot.role not in _NOT_READ:
            array = _read_array(dataset, slot, allow_nonfinite=self._allow_nonfinite)
            self._arrays.setdefault(slot.layer.path, {})[slot.role] = array

    def finished(self) -> Mapping[str, LayerWeights]:
        """Everything read, tfmot's masks applied."""
        found: dict[str, LayerWeights] = {}
        for path, arrays in self._arrays.items():
            mask = arrays.pop("mask", None)
            if mask is not None:
                if mask.shape != arrays["kernel"].shape:
                    raise WeightsMismatchError(
                        f"the pruning mask of layer {path!r} does not fit its kernel",
                        expected=str(arrays["kernel"].shape),
                        got=str(mask.shape),
                    )
                arrays["kernel"] = arrays["kernel"] * mask
            found[path] = LayerWeights(path, arrays)
        return found


def _read_array(dataset: h5py.Dataset, slot: _Slot, *, allow_nonfinite: bool) -> WeightArray:
    where = f"{slot.role} of layer {slot.layer.path!r}"
    with reading():
        raw: np.ndarray[Any, np.dtype[Any]] = np.asarray(dataset[()])
    if raw.dtype.kind != "f":
        kind = "bfloat16" if raw.dtype.kind == "V" else str(raw.dtype)
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


def _read_legacy(weights: h5py.Group, model: Model, reader: _Reader) -> None:
    unread = set(names_attribute(weights, "layer_names") or ())
    for layer in model.layers:
        slots = [slot for part in _slots(layer) for slot in part]
        group = child(weights, layer.name)
        unread.discard(layer.name)
        if isinstance(group, h5py.Group):
            _read_legacy_group(group, layer, slots, reader)
        elif slots:
            raise WeightsMismatchError(
                f"the file has no weights for layer {layer.name!r}",
                expected=", ".join(slot.role for slot in slots[:8]),
            )
    for name in [*sorted(unread), _TOP_LEVEL]:
        group = child(weights, name)
        if isinstance(group, h5py.Group) and names_attribute(group, "weight_names"):
            raise WeightsMismatchError(
                f"the file has weights for {name!r}, which the model has not"
            )


def _read_legacy_group(
    group: h5py.Group, layer: Layer, slots: list[_Slot], reader: _Reader
) -> None:
    names = names_attribute(group, "weight_names") or ()
    if len(names) != len(slots) or len(set(names)) != len(names):
        raise WeightsMismatchError(
            f"layer {layer.name!r} has another number of weights than the architecture",
            expected=f"{len(slots)}: " + ", ".join(slot.role for slot in slots[:8]),
            got=f"{len(names)}: " + ", ".join(names[:8]),
        )
    scopes: dict[str, str] = {}
    for slot, name in zip(slots, names, strict=True):
        scope = _scope(name, slot)
        if scope is not None and scopes.setdefault(slot.layer.path, scope) != scope:
            raise _wrong_name(name, slot)
        dataset = child(group, name)
        if not isinstance(dataset, h5py.Dataset):
            raise WeightsMismatchError(
                f"weight {name!r} of layer {layer.name!r} is not in the file"
            )
        reader.take(slot, dataset)


def _scope(name: str, slot: _Slot) -> str | None:
    """Check that a stored name ends in the slot's role, and give what comes before: the layer's own scope.

    The wrapper's own variables may have another scope, so theirs is None.
    """
    scope, _, last = name.rpartition("/")
    last = last.split(":")[0]
    if re.fullmatch(rf"{slot.role}(_\d+)?", last):
        return None if slot.role in ("mask", *_NOT_READ) else scope
    keras1 = _KERAS1_ROLES.get(slot.role, slot.role)
    if not scope and last.endswith(f"_{keras1}"):
        return last.removesuffix(f"_{keras1}")
    raise _wrong_name(name, slot)


def _wrong_name(name: str, slot: _Slot) -> WeightsMismatchError:
    return WeightsMismatchError(
        f"the weights of layer {slot.layer.path!r} are not in the order of the architecture",
        expected=slot.role,
        got=repr(name[:100]),
    )


def snake_case(class_name: str) -> str:
    """The folder name that Keras makes of a class name (keras.src.utils.naming.to_snake_case)."""
    name = re.sub(r"\W+", "", class_name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def numbered(name: str, counts: dict[str, int]) -> str:
    """`name`, then `name_1`, `name_2` and so on at each further use; `counts` remembers."""
    count = counts.get(name, 0)
    counts[name] = count + 1
    return f"{name}_{count}" if count else name


def _read_folders(root: h5py.Group, model: Model, container: str, reader: _Reader) -> None:
    for layer, folder in _folders(model, "", container):
        group = child(root, f"{folder}/vars")
        variables = group if isinstance(group, h5py.Group) else None
        slots = [_Slot(layer, role.name) for role in _own_roles(layer)]
        if variables is not None:
            _check_stored_name(variables, layer)
        if not layer.is_pruned:
            _read_variables(variables, slots, layer, reader)
            continue
        # The wrapper has its own variables; the layer it wraps is its attribute `layer`.
        mask = [slot for slot in slots if slot.role in ("mask", *_NOT_READ)]
        inner = child(root, f"{folder}/layer/vars")
        _read_variables(variables, mask, layer, reader)
        rest = [slot for slot in slots if slot not in mask]
        _read_variables(inner if isinstance(inner, h5py.Group) else None, rest, layer, reader)


def _folders(model: Model, path: str, container: str) -> Iterator[tuple[Layer, str]]:
    """Each leaf layer with its folder.

    A layer that is part of two models is stored once, but neither Keras 2 nor 3 writes down that the two are one (the
    first has no shared_object_id), nor loads such a file: the second has no folder and is refused below.
    """
    counts: dict[str, int] = {}
    for layer in model.layers:
        is_hidden = layer.class_name == "InputLayer" and model.class_name == "Sequential"
        if is_hidden or layer.class_name.startswith("ops/"):
            continue
        name = numbered(snake_case(layer.written), counts)
        folder = f"{path}/{container}/{name}" if path else f"{container}/{name}"
        if layer.model is None:
            yield layer, folder
        else:
            yield from _folders(layer.model, folder, container)


def _check_stored_name(variables: h5py.Group, layer: Layer) -> None:
    # Keras 3 notes the layer's name beside its weights; an early guard against a wrong folder.
    name = string_attribute(variables, "name")
    if name is not None and name != layer.name:
        raise WeightsMismatchError(
            f"the weights stored for layer {layer.path!r} belong to another layer",
            expected=repr(layer.name),
            got=repr(name[:100]),
        )


def _read_variables(
    variables: h5py.Group | None, slots: list[_Slot], layer: Layer, reader: _Reader
) -> None:
    names = sorted(variables) if variables is not None else []
    if names != sorted(str(index) for index in range(len(slots))):
        raise WeightsMismatchError(
            f"layer {layer.path!r} has another number of weights than the architecture",
            expected=f"{len(slots)}: " + ", ".join(slot.role for slot in slots),
            got=f"{len(names)}",
        )
    for index, slot in enumerate(slots):
        dataset = child(variables, str(index)) if variables is not None else None
        if not isinstance(dataset, h5py.Dataset):
            raise WeightsMismatchError(f"{slot.role} of layer {layer.path!r} is not an array")
        reader.take(slot, dataset)
