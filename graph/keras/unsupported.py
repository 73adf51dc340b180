"""What to say about a model with layers of kinds that are not supported: all of them, what is read, and what to do."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from graph.errors import UnsupportedLayerError
from graph.keras.archive import FileFormat, ModelArchive
from graph.keras.classes import OPERATION_MODULES, OPERATION_PREFIX
from graph.keras.folder_weights import count_elements, outermost_folders
from graph.keras.hdf5 import child, reading
from graph.keras.json_text import Json, JsonObject

_MAX_KINDS = 12
_EXPECTED = "kinds of layers that README.md lists under 'What it reads'"


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A layer, or an operation, that is not read: its path and its class."""

    path: str
    class_name: str


@dataclass(frozen=True, slots=True)
class _Part:
    """A layer of the outermost model.

    Attributes:
        name: its name.
        is_read: whether it, and all that is in it, is read.
        sources: names of the layers that it is called on; empty in a Sequential.
        elements: elements of all its weights.
    """

    name: str
    is_read: bool
    sources: frozenset[str]
    elements: int


def unsupported_layers(
    found: Sequence[Unsupported], archive: ModelArchive
) -> UnsupportedLayerError:
    """Return the error that names every layer of a kind that is not supported."""
    parts = _parts({layer.path.split("/")[0] for layer in found}, archive)
    total = sum(part.elements for part in parts)
    share = sum(part.elements for part in parts if part.is_read) / total if total else None
    got = _counts(found)
    if share is not None:
        got += f"; the layers that are read hold {share:.1%} of the weights"
    return UnsupportedLayerError(_message(found), expected=_EXPECTED, got=got, hint=_hint(parts))


def _message(found: Sequence[Unsupported]) -> str:
    first = found[0]
    kind = "an operation (keras.ops)" if _is_operation(first) else "a kind of layer"
    name = f"layer {first.path!r} ({first.class_name.removeprefix(OPERATION_PREFIX)})"
    if len(found) == 1:
        return f"{name} is {kind} that Prunus does not support yet"
    return f"{name} is the first of {len(found)} layers of kinds that Prunus does not support yet"


def _is_operation(layer: Unsupported) -> bool:
    return layer.class_name.startswith(OPERATION_PREFIX)


def _counts(found: Sequence[Unsupported]) -> str:
    """Return every kind with its number of layers: "Conv2D (3), Flatten (1)"."""
    kinds: dict[str, int] = {}
    for layer in found:
        name = layer.class_name
        if _is_operation(layer):
            name = "keras.ops " + name.removeprefix(OPERATION_PREFIX)
        kinds[name] = kinds.get(name, 0) + 1
    listed = [f"{kind} ({count})" for kind, count in kinds.items()]
    more = len(listed) - _MAX_KINDS
    return ", ".join(listed[:_MAX_KINDS]) + (f" and {more} more kinds" if more > 0 else "")


def _hint(parts: Sequence[_Part]) -> str:
    """Say how to cut the model: behind the last such layer if the rest needs only its output, else before the first."""
    bad = [place for place, part in enumerate(parts) if not part.is_read]
    if not bad:
        return ""
    after, before = parts[bad[-1] + 1 :], parts[: bad[0]]
    reachable = {parts[bad[-1]].name, *(part.name for part in after)}
    if any(part.elements for part in after) and all(part.sources <= reachable for part in after):
        return (
            "the layers behind can be served alone: save"
            f" keras.Model(model.get_layer({parts[bad[-1]].name!r}).output, model.output), and upload that"
        )
    if any(part.elements for part in before):
        return (
            "the layers before can be served alone: save"
            f" keras.Model(model.input, model.get_layer({before[-1].name!r}).output), and upload that"
        )
    return ""


@reading()
def _parts(unsupported: set[str], archive: ModelArchive) -> list[_Part]:
    """Return the layers of the outermost model, as far as their configuration says what they are."""
    config: Json = archive.config.get("config")
    layers = config.get("layers") if isinstance(config, dict) else config
    names, folders, sources = [], [], []
    for item in layers if isinstance(layers, list) else []:
        inner = item.get("config") if isinstance(item, dict) else None
        name = inner.get("name") if isinstance(inner, dict) else None
        if isinstance(item, dict) and isinstance(name, str):
            names.append(name)
            folders.append(_folder_class(item, archive.config))
            sources.append(frozenset(_references(item.get("inbound_nodes"))))
    if archive.format is FileFormat.HDF5:
        groups = [child(archive.weights, name) for name in names]
    else:
        stored = [class_name for class_name in folders if class_name]
        found = iter(outermost_folders(archive.weights, archive.keras_version, stored))
        groups = [next(found) if class_name else None for class_name in folders]
    return [
        _Part(name, name not in unsupported, source, count_elements(group))
        for name, source, group in zip(names, sources, groups, strict=True)
    ]


def _references(nodes: Json) -> Iterator[str]:
    """Names of the layers in calls, in either notation: lists that begin with a name and an index."""
    pending = [nodes]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            pending.extend(value.values())
        elif isinstance(value, list):
            if len(value) >= 3 and isinstance(value[0], str) and isinstance(value[1], int):
                yield value[0]
            pending.extend(value)


def _folder_class(item: JsonObject, model: JsonObject) -> str:
    """Return the class that names the layer's folder, or nothing where it has none."""
    class_name, module = item.get("class_name"), item.get("module")
    is_hidden = class_name == "InputLayer" and model.get("class_name") == "Sequential"
    is_operation = isinstance(module, str) and module.startswith(OPERATION_MODULES)
    return class_name if isinstance(class_name, str) and not is_hidden and not is_operation else ""
