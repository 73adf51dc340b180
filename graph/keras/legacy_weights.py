"""Weights as legacy HDF5 files have them: a group per layer of the outermost model, with an ordered list of names.

All trainable weights come first, then the others, through all nested models.
"""

import re

import h5py

from graph.errors import WeightsMismatchError
from graph.keras.description import Layer, Model
from graph.keras.hdf5 import child, names_attribute
from graph.keras.slots import (
    NOT_READ,
    PRUNING_ROLES,
    Collector,
    Slot,
    own_roles,
    wrapper_roles,
    wrong_number,
)

_TOP_LEVEL = "top_level_model_weights"
# What Keras 1 called the weights.
_KERAS1_ROLES = {
    "kernel": "W",
    "bias": "b",
    "moving_mean": "running_mean",
    "moving_variance": "running_std",
    "alpha": "alphas",
    "recurrent_kernel": "U",
    "embeddings": "W",
}
# What other versions called them; Keras gave the weights of LayerScale and of tokens no name.
_OTHER_ROLES = {
    "depthwise_kernel": ("kernel",),
    "layer_scale": ("gamma", "variable"),
    "idf_weights": ("Variable",),
}


def read_legacy(weights: h5py.Group, model: Model, collector: Collector) -> None:
    """Read the weights of every layer of the model.

    Raises:
        WeightsMismatchError: weights are missing, too many, or in another order than the architecture needs.
    """
    unread = set(names_attribute(weights, "layer_names") or ())
    for layer in model.layers:
        slots = [slot for part in saved_order(layer) for slot in part]
        group = child(weights, layer.name)
        unread.discard(layer.name)
        if isinstance(group, h5py.Group):
            _read_legacy_group(group, layer, slots, collector)
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


def saved_order(layer: Layer) -> tuple[list[Slot], list[Slot]]:
    """Return the trainable and the other weights of a layer or model, each in the order of the file."""
    trainable: list[Slot] = []
    other: list[Slot] = []
    if layer.model is None:
        for role in own_roles(layer):
            (trainable if role.is_trainable else other).append(Slot(layer, role.name))
        # Here the wrapped kernel is stored once, as the wrapped layer's.
        other += [Slot(layer, role) for role in wrapper_roles(layer) if role != "wrapped_kernel"]
    for inner in layer.model.layers if layer.model is not None else layer.parts:
        first, second = saved_order(inner)
        trainable += first
        other += second
    frozen = not layer.is_trainable
    return ([], trainable + other) if frozen else (trainable, other)


def _read_legacy_group(
    group: h5py.Group, layer: Layer, slots: list[Slot], collector: Collector
) -> None:
    names = names_attribute(group, "weight_names") or ()
    if len(names) != len(slots) or len(set(names)) != len(names):
        raise wrong_number(f"layer {layer.name!r}", slots, list(names))
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
        collector.take(slot, dataset)


def _scope(name: str, slot: Slot) -> str | None:
    """Check that a stored name ends in the slot's role, and give what comes before: the layer's own scope.

    The wrapper's own variables may have another scope, so theirs is None.
    """
    scope, _, last = name.rpartition("/")
    last = last.split(":")[0]
    names = (slot.role, *_OTHER_ROLES.get(slot.role, ()))
    if any(re.fullmatch(rf"{name}(_\d+)?", last) for name in names):
        return None if slot.role in PRUNING_ROLES or slot.role in NOT_READ else scope
    keras1 = _KERAS1_ROLES.get(slot.role, slot.role)
    # Keras 1 put the role behind the layer's name, and a TensorFlow name scope before it.
    if last.endswith(f"_{keras1}"):
        own = last.removesuffix(f"_{keras1}")
        return f"{scope}/{own}" if scope else own
    raise _wrong_name(name, slot)


def _wrong_name(name: str, slot: Slot) -> WeightsMismatchError:
    return WeightsMismatchError(
        f"the weights of layer {slot.layer.path!r} are not in the order of the architecture",
        expected=slot.role,
        got=repr(name[:100]),
    )
