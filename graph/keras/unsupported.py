"""What to say about a model with layers that are not read: all of them, their share of the weights, and what to do."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from graph.errors import ModelFileError, UnsupportedLayerError
from graph.keras.archive import FileFormat, ModelArchive
from graph.keras.classes import OPERATION_MODULES, OPERATION_PREFIX
from graph.keras.folder_weights import count_elements, outermost_folders
from graph.keras.hdf5 import child, reading
from graph.keras.json_text import Json, JsonObject

# Problem documents cut each text at 4,000 characters.
_MAX_KINDS = 12
_MAX_NAMES = 80
_MAX_OTHERS = 8
_EXPECTED = "layers that docs/layers.md lists"
_NO_CUT = (
    "build the model of layers that docs/layers.md lists, copy the weights over, and save it again"
)


@dataclass(frozen=True, slots=True)
class Refused:
    """A layer, or an operation, that is not read.

    Attributes:
        path: where it is.
        class_name: its class.
        reason: what is wrong with it, or None where layers of its kind are not read at all.
    """

    path: str
    class_name: str
    reason: ModelFileError | None = None


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


def refusal(refused: Sequence[Refused], archive: ModelArchive) -> ModelFileError:
    """Return one error that speaks of every refused layer; of a single one, its own reason."""
    kinds = [layer for layer in refused if layer.reason is None]
    reasons = [layer.reason for layer in refused if layer.reason is not None]
    first = _unsupported_kinds(kinds, refused, archive) if kinds else reasons.pop(0)
    return with_others(first, reasons)


def with_others(error: ModelFileError, others: Sequence[ModelFileError]) -> ModelFileError:
    """Return the error, with what else is wrong with the model added to what it says."""
    texts = [text for text in dict.fromkeys(one.message for one in others) if text != error.message]
    if not texts:
        return error
    more = len(texts) - _MAX_OTHERS
    listed = "; ".join(texts[:_MAX_OTHERS]) + (f"; and {more} more reasons" if more > 0 else "")
    got = f"{error.got}; besides, {listed}" if error.got else f"besides, {listed}"
    return type(error)(error.message, expected=error.expected, got=got, hint=error.hint)


def _unsupported_kinds(
    kinds: Sequence[Refused], refused: Sequence[Refused], archive: ModelArchive
) -> UnsupportedLayerError:
    parts = _parts({layer.path.split("/")[0] for layer in refused}, archive)
    return UnsupportedLayerError(
        _message(kinds), expected=_EXPECTED, got=_account(kinds, parts), hint=_hint(parts)
    )


def _message(found: Sequence[Refused]) -> str:
    first = found[0]
    kind = "an operation (keras.ops)" if _is_operation(first) else "a kind of layer"
    name = f"layer {first.path!r} ({first.class_name.removeprefix(OPERATION_PREFIX)})"
    if len(found) == 1:
        return f"{name} is {kind} that Prunus does not support yet"
    return f"{name} is the first of {len(found)} layers of kinds that Prunus does not support yet"


def _is_operation(layer: Refused) -> bool:
    return layer.class_name.startswith(OPERATION_PREFIX)


def _account(found: Sequence[Refused], parts: Sequence[_Part]) -> str:
    """Return who holds which share of the weights: the layers that are read, then every kind with its layers.

    What lies within a nested model has no share of its own: the model counts as a whole, as not read.
    """
    elements = {part.name: part.elements for part in parts}
    total = sum(elements.values())
    kinds: dict[str, list[str]] = {}
    for layer in found:
        name = layer.class_name
        if _is_operation(layer):
            name = "keras.ops " + name.removeprefix(OPERATION_PREFIX)
        kinds.setdefault(name, []).append(layer.path)
    listed, room = [], _MAX_NAMES
    for kind, paths in list(kinds.items())[:_MAX_KINDS]:
        text = f"{kind} ({_names(paths, room)})"
        room -= len(paths)
        if total and all(path in elements for path in paths):
            text += f" {sum(elements[path] for path in paths) / total:.1%}"
        listed.append(text)
    if len(kinds) > _MAX_KINDS:
        listed.append(f"and {len(kinds) - _MAX_KINDS} more kinds")
    if total:
        share = sum(part.elements for part in parts if part.is_read) / total
        listed.insert(0, f"the layers that are read hold {share:.1%} of the weights")
    return ", ".join(listed)


def _names(paths: Sequence[str], room: int) -> str:
    """Return "2 layers: a, b", with as many names as there is room for."""
    count = f"{len(paths)} layer{'s' if len(paths) > 1 else ''}"
    shown = list(paths[: max(room, 1)])
    if len(shown) < len(paths):
        shown.append("...")
    return f"{count}: {', '.join(shown)}"


def _hint(parts: Sequence[_Part]) -> str:
    """Say how to cut the model: behind the last such layer if the rest needs only its output, else before the first."""
    bad = [place for place, part in enumerate(parts) if not part.is_read]
    if not bad:
        return _NO_CUT
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
    return _NO_CUT


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
