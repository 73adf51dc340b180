r"""Weights as `.keras` archives have them: a folder per layer, nested as the models are, with arrays 0, 1, ...

A folder is named after the layer's class with a counter, never after the layer's name. Three things changed over time,
by the sources of saving_lib.py in Keras 2.12 to 2.15 and 3.0 to 3.15:

- the folder around the layers' folders: `_layer_checkpoint_dependencies` before tf.keras 2.15, `layers` since then;
- the counter: Keras 2.12 and 2.13 met each layer that has weights twice there, as `layer_with_weights-0` and as
  `layer-1`, and counted both, so that the folders of three Dense layers are dense, dense_2 and dense_4;
- the separator: tf.keras on Windows joined the names with a backslash, which HDF5 takes for a part of the name, so that
  the folder `layers/dense` is one group called `layers\dense`. Neither Keras 3 nor another system's Keras 2 reads that.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import h5py

from graph.errors import WeightsMismatchError
from graph.keras.attention_classes import PROJECTING
from graph.keras.description import Layer, Model
from graph.keras.hdf5 import child, string_attribute
from graph.keras.naming import numbered, snake_case
from graph.keras.recurrent_classes import CONV_LSTM
from graph.keras.slots import (
    Collector,
    Slot,
    has_weights,
    own_roles,
    wrapper_roles,
    wrong_number,
)

_CONTAINERS = ("layers", "_layer_checkpoint_dependencies")
_VARIABLES = "vars"
# Attributes of attention layers, by the names of the layers that they hold.
_PROJECTIONS = {"attention_output": "output"}
_PYTHON_NAMES = {"GroupQueryAttention": "GroupedQueryAttention"}
# Recurrent layers keep their weights in a cell.
WITH_CELL = CONV_LSTM | {"LSTM", "GRU", "SimpleRNN"}
# What layers store themselves, under its name.
_BY_NAME = frozenset({"idf_weights"})


@dataclass(frozen=True, slots=True)
class _Layout:
    """How the folders of one file are named.

    Attributes:
        container: the folder around the layers' folders.
        separator: what joins the names of folders.
        counts_weights_twice: a layer that has weights takes two numbers.
    """

    container: str
    separator: str
    counts_weights_twice: bool


def read_folders(root: h5py.Group, model: Model, keras_version: str, collector: Collector) -> None:
    """Read the weights of every layer of the model.

    Raises:
        WeightsMismatchError: weights are missing, too many, or belong to a layer that the architecture has not.
    """
    layout = _layout(root, keras_version)
    for layer, folder in layer_folders(root, model, keras_version):
        _read_layer(root, layer, folder, layout, collector)


def _read_parts(
    root: h5py.Group, layer: Layer, folder: str, layout: _Layout, collector: Collector
) -> None:
    """Read the weights of what a layer is made of: each part has a folder within that of the layer."""
    for part, name in part_folders(layer):
        inner = layout.separator.join((folder, *name))
        if layer.class_name in PROJECTING and child(root, f"{inner}/{_VARIABLES}") is None:
            # In Keras 2 all these attributes are private, and in some versions of Keras 3.
            inner = layout.separator.join((folder, f"_{name[0].removeprefix('_')}"))
        if part.model is None:
            _read_layer(root, part, inner, layout, collector, is_part=True)
        else:
            for leaf, place in _folders(root, part.model, inner, layout):
                _read_layer(root, leaf, place, layout, collector)


def part_folders(layer: Layer) -> Iterator[tuple[Layer, tuple[str, ...]]]:
    """Yield the parts of a layer, each with the names of its folder within that of the layer, outermost first."""
    counts: dict[str, int] = {}
    for place, part in enumerate(layer.parts):
        match layer.class_name:
            case "Bidirectional":
                yield part, (("forward_layer", "backward_layer")[place],)
            case "RNN":
                yield part, ("cell",)
            case "StackedRNNCells":
                yield part, ("cells", numbered(snake_case(part.written), counts))
            case name if name in PROJECTING:
                is_private = name == "GroupQueryAttention" or part.name == "gate"
                attribute = f"{_PROJECTIONS.get(part.name, part.name)}_dense"
                yield part, (f"_{attribute}" if is_private else attribute,)
            case _:
                yield part, ("layer",)


def layer_folders(
    root: h5py.Group, model: Model, keras_version: str
) -> Iterator[tuple[Layer, str]]:
    """Yield each layer that is no model with the path of its folder."""
    return _folders(root, model, "", _layout(root, keras_version))


def outermost_folders(
    root: h5py.Group, keras_version: str, class_names: Sequence[str]
) -> list[h5py.Group | None]:
    """Return the folder of each layer of the outermost model, by class names alone; None where it has no weights.

    For files with layers that are not read, whose weights are only to be counted. None, too, where names are joined as
    on Windows.
    """
    layout = _layout(root, keras_version)
    counts: dict[str, int] = {}
    found: list[h5py.Group | None] = []
    for class_name in class_names:
        folder = child(root, f"{layout.container}/{numbered(folder_name(class_name), counts)}")
        found.append(folder if isinstance(folder, h5py.Group) else None)
        if (
            layout.counts_weights_twice
            and isinstance(folder, h5py.Group)
            and count_elements(folder)
        ):
            numbered(folder_name(class_name), counts)
    return found


def folder_name(written: str) -> str:
    """Return what folders of a class are called: after the class in Python, not its public name."""
    return snake_case(_PYTHON_NAMES.get(written, written))


def count_elements(item: h5py.Group | h5py.Dataset | None) -> int:
    """Elements of all arrays in a group."""
    if isinstance(item, h5py.Dataset):
        return int(item.size or 0)
    return sum(count_elements(item[name]) for name in item) if item is not None else 0


def _layout(root: h5py.Group, keras_version: str) -> _Layout:
    separator = "/"
    container = next((name for name in _CONTAINERS if name in root), None)
    if container is None:
        started = [name for name in _CONTAINERS if any(g.startswith(f"{name}\\") for g in root)]
        container, separator = (started[0], "\\") if started else (_CONTAINERS[0], "/")
    numbers = re.match(r"2\.(\d{1,4})\b", keras_version)
    return _Layout(container, separator, numbers is not None and int(numbers[1]) < 14)


def _folders(
    root: h5py.Group, model: Model, path: str, layout: _Layout
) -> Iterator[tuple[Layer, str]]:
    """Each leaf layer with its folder.

    A layer that is part of two models is stored once, but neither Keras 2 nor 3 writes down that the two are one (the
    first has no shared_object_id), nor loads such a file: the second has no folder and is refused when it is read.
    """
    counts: dict[str, int] = {}
    around = f"{path}{layout.separator}{layout.container}" if path else layout.container
    known = set()
    found = []
    for layer in model.layers:
        is_hidden = layer.class_name == "InputLayer" and model.class_name == "Sequential"
        if is_hidden or layer.class_name.startswith("ops/"):
            continue
        name = numbered(folder_name(layer.written), counts)
        if layout.counts_weights_twice and has_weights(layer):
            numbered(folder_name(layer.written), counts)
        known.add(name)
        found.append((layer, f"{around}{layout.separator}{name}"))
    _refuse_unknown(root, around, known, layout)
    for layer, folder in found:
        if layer.model is None:
            yield layer, folder
        else:
            yield from _folders(root, layer.model, folder, layout)


def _refuse_unknown(root: h5py.Group, around: str, known: set[str], layout: _Layout) -> None:
    """Refuse a folder with arrays that no layer has: it would be a sign that the folders are counted wrongly."""
    if layout.separator == "/":
        group = child(root, around)
        names = set(group) if isinstance(group, h5py.Group) else set()
    else:
        start = f"{around}\\"
        names = {
            n[len(start) :] for n in root if n.startswith(start) and "\\" not in n[len(start) :]
        }
    for name in sorted(names - known):
        folder = f"{around}{layout.separator}{name}"
        variables = child(root, f"{folder}/{_VARIABLES}")
        if isinstance(variables, h5py.Group) and len(variables):
            raise WeightsMismatchError(
                f"the file has weights in folder {folder!r}, which belongs to no layer of the model",
                expected=", ".join(sorted(known)[:8]),
            )


def _read_layer(
    root: h5py.Group,
    layer: Layer,
    folder: str,
    layout: _Layout,
    collector: Collector,
    *,
    is_part: bool = False,
) -> None:
    own = [Slot(layer, role.name) for role in own_roles(layer)]
    _read_parts(root, layer, folder, layout, collector)
    # Names of parts are made by Keras, and differ from version to version.
    name = None if is_part else layer.name
    if layer.class_name in WITH_CELL:
        _read_variables(root, folder, [], layer, collector, name)
        inner = f"{folder}{layout.separator}cell"
        _read_variables(root, inner, own, layer, collector, None)
        return
    if not layer.wrapper:
        _read_variables(root, folder, own, layer, collector, name)
        return
    # The wrapper has variables of its own; the layer that it wraps is its attribute `layer`.
    wrapper = [Slot(layer, role) for role in wrapper_roles(layer)]
    _read_variables(root, folder, wrapper, layer, collector, layer.name)
    inner = f"{folder}{layout.separator}layer"
    _read_variables(root, inner, own, layer, collector, layer.inner_name)


def _read_variables(
    root: h5py.Group,
    folder: str,
    slots: list[Slot],
    layer: Layer,
    collector: Collector,
    name: str | None,
) -> None:
    group = child(root, f"{folder}/{_VARIABLES}")
    variables = group if isinstance(group, h5py.Group) else None
    if variables is not None and name is not None:
        _check_stored_name(variables, layer, name)
    names = sorted(variables) if variables is not None else []
    places = [slot.role if slot.role in _BY_NAME else str(i) for i, slot in enumerate(slots)]
    if layer.class_name == "Discretization" and names == ["0"] and not slots:
        return  # what Keras 3.0 knew of the data; the boundaries are in the configuration
    if names != sorted(places):
        raise wrong_number(f"layer {layer.path!r}", slots, names)
    for place, slot in zip(places, slots, strict=True):
        dataset = child(variables, place) if variables is not None else None
        if not isinstance(dataset, h5py.Dataset):
            raise WeightsMismatchError(f"{slot.role} of layer {layer.path!r} is not an array")
        collector.take(slot, dataset)


def _check_stored_name(variables: h5py.Group, layer: Layer, own_name: str) -> None:
    # Keras 3 notes the layer's name beside its weights; an early guard against a wrong folder.
    name = string_attribute(variables, "name")
    if name is not None and name != own_name:
        raise WeightsMismatchError(
            f"the weights stored for layer {layer.path!r} belong to another layer",
            expected=repr(own_name),
            got=repr(name[:100]),
        )
