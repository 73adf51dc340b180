"""write_keras2: a pruned graph -> the HDF5 file that `model.save("model.h5")` of tf.keras 2 writes.

Only for models that came from a file of Keras 1 or 2. As in `graph.keras.export` the layers of the original are written
where the graph still has them, else a flat model. Either way the file is read again: with the original's layers it must
give back just the graph, and a flat model must compute the same.
"""

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import h5py
import numpy as np

from graph.errors import ExportError, GraphError
from graph.graph import Graph
from graph.keras.archive import FileFormat, ModelArchive
from graph.keras.config import parse_model
from graph.keras.description import Layer
from graph.keras.dialects import Dialect, activation_named
from graph.keras.export import refuse_front, training_of
from graph.keras.flat_model import clean_name, flat_model
from graph.keras.json_text import Json, JsonObject
from graph.keras.keras2_config import keras2_model
from graph.keras.keras_layer import Array
from graph.keras.legacy_weights import saved_order
from graph.keras.origin import Origin
from graph.keras.read import read_model
from graph.keras.same_layers import NotTheSameError, SameLayers, is_the_same
from graph.keras.slots import own_roles
from graph.limits import FileLimits
from graph.reference import run

_VERSION = "2.15.0"
_SEED = 20231120
# Names in one attribute; Keras splits longer lists, too.
_NAMES_OF_ATTRIBUTE = 2000
_SAME = 1e-9
# What is drawn for an axis whose length varies.
_VARYING_LENGTH = 32
ArraysOf = Callable[[Layer], tuple[Array, ...]]


def write_keras2(graph: Graph, path: Path, origin: Origin) -> None:
    """Write a verified graph as an HDF5 file of tf.keras 2, not compiled.

    Raises:
        ExportError: the original is of Keras 3, or the graph has something that tf.keras 2 has not.
    """
    refuse_front(graph)
    if origin.dialect is Dialect.KERAS3:
        raise ExportError("files for tf.keras 2 are made of uploads of Keras 1 and 2 only")
    live = graph.without_dead()
    if _wrote_same_layers(live, path, origin):
        return
    training = dict(training_of(origin.model))
    is_sequential = origin.model.class_name == "Sequential"
    flat = flat_model(live, training, may_be_sequential=is_sequential)
    _check_meanings(flat.config)
    arrays = {name: found for _, name, found in flat.folders}
    _write(path, keras2_model(flat.config), lambda layer: arrays.get(layer.name, ()))
    _check_outputs(live, path)


def _wrote_same_layers(graph: Graph, path: Path, origin: Origin) -> bool:
    try:
        layers = SameLayers(graph, origin.dialect, Dialect.KERAS2)
        _write(path, keras2_model(layers.model(origin.model)), layers.arrays)
        return is_the_same(read_model(path, allow_nonfinite=True).graph, graph)
    except (NotTheSameError, GraphError):
        return False


def _check_meanings(config: Json) -> None:
    """Refuse what is written for Keras 3 and would mean something else, or nothing, in tf.keras 2.

    Raises:
        ExportError: there is such a layer or function.
    """
    if isinstance(config, list):
        for item in config:
            _check_meanings(item)
    if not isinstance(config, dict):
        return
    name = config.get("activation")
    if isinstance(name, str):
        meaning = activation_named(name, Dialect.KERAS2)
        if meaning is None or meaning != activation_named(name, Dialect.KERAS3):
            raise ExportError(
                f"tf.keras 2 has no activation that means what {name!r} means in Keras 3"
            )
    if config.get("class_name") == "UnitNormalization":
        raise ExportError("UnitNormalization bounds the norm otherwise in tf.keras 2")
    for item in config.values():
        _check_meanings(item)


def _check_outputs(graph: Graph, path: Path) -> None:
    """Compare what was written with the graph, on a drawn sample in float64.

    Raises:
        ExportError: they do not compute the same; a bug of ours.
    """
    rng = np.random.default_rng(_SEED)
    inputs = {}
    for given in graph.inputs:
        shape = [_VARYING_LENGTH if axis is None else axis for axis in given.type.sample_shape]
        drawn = rng.standard_normal((1, *shape))
        inputs[given.name] = drawn.astype(given.type.dtype.numpy)
    # Names with slashes have underscores in a flat model.
    named = {clean_name(name): array for name, array in inputs.items()}
    try:
        got = run(read_model(path, allow_nonfinite=True).graph, named, np.float64)
    except GraphError as error:
        raise ExportError(
            "the file for tf.keras 2 cannot be read back", got=error.message
        ) from error
    for name, expected in run(graph, inputs, np.float64).items():
        answer = got.get(clean_name(name), np.empty(0))
        scale = max(1.0, float(np.abs(expected).max(initial=0.0)))
        fits = answer.shape == expected.shape
        if not fits or not np.allclose(answer, expected, 0.0, _SAME * scale, equal_nan=True):
            raise ExportError(f"output {name!r} of the file for tf.keras 2 is not the graph's")


def _write(path: Path, config: JsonObject, arrays: ArraysOf) -> None:
    # In memory: HDF5's own file access needs system calls that the worker process may not make.
    data = io.BytesIO()
    try:
        with h5py.File(data, "w") as file:
            _fill(file, config, arrays)
    except ValueError as error:
        # HDF5 takes no name such as ".", and JSON no number that is not finite.
        raise ExportError("the model cannot be stored as HDF5", got=str(error)[:200]) from error
    path.write_bytes(data.getbuffer())


def _fill(file: h5py.File, config: JsonObject, arrays: ArraysOf) -> None:
    weights = file.create_group("model_weights")
    for place in (file, weights):
        place.attrs["keras_version"], place.attrs["backend"] = _VERSION, "tensorflow"
    file.attrs["model_config"] = json.dumps(config, allow_nan=False)
    archive = ModelArchive(FileFormat.HDF5, _VERSION, config, weights)
    model = parse_model(archive, FileLimits())
    _write_names(weights, "layer_names", [layer.name for layer in model.layers])
    for layer in model.layers:
        # Names with slashes are groups in groups, of which the outer one may be that of a layer, too.
        group = weights.require_group(layer.name)
        slots = [slot for part in saved_order(layer) for slot in part]
        names = [f"{slot.layer.path}/{slot.role}:0" for slot in slots]
        _write_names(group, "weight_names", names)
        for slot, name in zip(slots, names, strict=True):
            roles = [role.name for role in own_roles(slot.layer)]
            array = arrays(slot.layer)[roles.index(slot.role)]
            group.create_dataset(name, data=np.ascontiguousarray(array).reshape(array.shape))


def _write_names(group: h5py.Group, attribute: str, names: Sequence[str]) -> None:
    kind = h5py.string_dtype()
    if len(names) <= _NAMES_OF_ATTRIBUTE:
        group.attrs.create(attribute, np.array(names, object), dtype=kind)
        return
    for number, first in enumerate(range(0, len(names), _NAMES_OF_ATTRIBUTE)):
        part = np.array(names[first : first + _NAMES_OF_ATTRIBUTE], object)
        group.attrs.create(f"{attribute}{number}", part, dtype=kind)
