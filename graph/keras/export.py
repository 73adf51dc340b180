"""write_keras: a graph -> a `.keras` archive that Keras 3 loads and that computes the same; equal graphs, equal bytes.

Where the graph still has the layers of the file that it came from, with other sizes and weights, it is written with
just these layers: nested models, Sequential, names, dropout and training settings stay. Where layers were removed or
joined, a flat model is written (see `flat_model`), and what it does not keep is said.
"""

from collections.abc import Iterator
from pathlib import Path

from graph.errors import ExportError, GraphError
from graph.graph import Graph
from graph.keras.description import Model, leaves
from graph.keras.dialects import SPECTRAL_WRAPPER
from graph.keras.flat_model import FlatModel, Training, clean_name, flat_model
from graph.keras.json_text import JsonObject
from graph.keras.keras_file import weights_file, write_archive
from graph.keras.origin import Origin
from graph.keras.read import read_model
from graph.keras.same_layers import NotTheSameError, is_the_same, same_layers
from graph.keras.written_lookups import with_front

_MAX_NAMES = 8


def write_keras(graph: Graph, path: Path, origin: Origin | None = None) -> tuple[str, ...]:
    """Write a verified graph as a `.keras` archive, and return what it does not keep of the original, in sentences.

    Args:
        graph: the graph.
        path: where to write the file.
        origin: the file that the graph came from; without it a flat functional model is written.

    Raises:
        ExportError: the graph has an op that Keras has no layer for.
    """
    live = with_front(graph.without_dead())
    if origin is not None and graph.front is None and _wrote_same_layers(live, path, origin):
        return tuple(_on_settings(origin))
    training = dict(training_of(origin.model)) if origin is not None else {}
    is_sequential = origin is not None and origin.model.class_name == "Sequential"
    flat = flat_model(live, training, may_be_sequential=is_sequential)
    settings = origin.compile_config if origin is not None else None
    write_archive(path, _compiled(flat.config, settings), weights_file(flat.folders))
    return tuple(_on_layers(flat, origin.model)) + tuple(_on_settings(origin)) if origin else ()


def refuse_front(graph: Graph) -> None:
    """Refuse a graph with a front part.

    Raises:
        ExportError: it has one.
    """
    if graph.front is not None:
        raise ExportError("layers that look up or hash values cannot be written for tf.keras 2 yet")


def _wrote_same_layers(graph: Graph, path: Path, origin: Origin) -> bool:
    """Write the layers of the original, and keep the file if reading it gives back just this graph."""
    try:
        config, folders = same_layers(graph, origin)
        written = _compiled(config, origin.compile_config)
        write_archive(path, written, weights_file(folders), origin.keras3_minor)
        return is_the_same(read_model(path, allow_nonfinite=True).graph, graph)
    except (NotTheSameError, GraphError):
        return False


def _compiled(config: JsonObject, settings: JsonObject | None) -> JsonObject:
    return config if settings is None else {**config, "compile_config": settings}


def training_of(model: Model) -> Iterator[tuple[str, Training]]:
    """Yield the path of each layer of a model with what only training uses of it."""
    for layer in leaves(model):
        frozen: JsonObject = {} if layer.is_trainable else {"trainable": False}
        yield layer.path, Training(layer.class_name, {**frozen, **layer.training})


def _on_layers(flat: FlatModel, model: Model) -> Iterator[str]:
    """What a flat model does not keep of the original's layers."""
    if any(layer.model is not None for layer in model.layers):
        yield (
            "The Keras file that comes back has the layers of nested models one after another; they are named after"
            " the model and the layer."
        )
    if model.class_name == "Sequential" and not flat.is_sequential:
        yield "The Keras file that comes back is a functional model: pruned as it is, it is no Sequential any more."
    if any("/" in layer.name for layer in leaves(model)):
        yield (
            "Slashes in the names of layers are underscores in the Keras file that comes back, as Keras 3 allows none."
        )
    inner = [layer for layer in leaves(model) if layer.class_name != "InputLayer"]
    found = flat.classes
    gone = [one.path for one in inner if found.get(clean_name(one.path)) != one.class_name]
    if gone:
        more = f" and {len(gone) - _MAX_NAMES} more" if len(gone) > _MAX_NAMES else ""
        names = ", ".join(map(repr, gone[:_MAX_NAMES]))
        yield (
            "The Keras file that comes back has no layers of these names and classes, as they were removed, joined with"
            f" others or split, or act only in training: {names}{more}."
        )


def _on_settings(origin: Origin) -> Iterator[str]:
    """What is not kept of what only training uses."""
    if any(layer.wrapper == SPECTRAL_WRAPPER for layer in leaves(origin.model)):
        yield (
            f"The Keras file that comes back has the layers that were inside of {SPECTRAL_WRAPPER} without it: training"
            " no longer normalizes their weights."
        )
    if origin.compile_config is None and origin.was_compiled:
        yield (
            "The Keras file that comes back is not compiled, as the compile settings of the upload were not taken over"
            f" ({origin.why_not_compiled}): call compile() before you train it further."
        )
    elif origin.compile_config is not None:
        yield (
            "The Keras file that comes back has the compile settings of the upload but not the state of its optimizer,"
            " which starts afresh."
        )
