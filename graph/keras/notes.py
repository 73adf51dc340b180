"""What the report should say about how a file was read."""

from collections.abc import Iterator

from graph.keras.description import Layer, Model
from graph.keras.dialects import Dialect
from graph.keras.json_text import Json


def notes_on(model: Model, dialect: Dialect) -> tuple[str, ...]:
    """Sentences on readings that are right but may surprise."""
    layers = list(_leaves(model))
    notes = []
    if dialect is not Dialect.KERAS3 and any(_uses_hard_sigmoid(layer) for layer in layers):
        notes.append(
            "hard_sigmoid is taken as the file's Keras version meant it: clip(0.2 x + 0.5, 0, 1)."
        )
    pruned = sum(layer.is_pruned for layer in layers)
    if pruned:
        notes.append(
            f"{pruned} layers were wrapped for pruning by tfmot; their masks were applied to the weights."
        )
    fixed = [layer.name for layer in layers if _has_fixed_batch(layer)]
    if fixed:
        notes.append(f"Input {fixed[0]!r} states a fixed batch size; any batch size is accepted.")
    return tuple(notes)


def _leaves(model: Model) -> Iterator[Layer]:
    for layer in model.layers:
        if layer.model is None:
            yield layer
        else:
            yield from _leaves(layer.model)


def _uses_hard_sigmoid(layer: Layer) -> bool:
    return layer.arguments.get("activation") == "hard_sigmoid"


def _has_fixed_batch(layer: Layer) -> bool:
    shape: Json = layer.arguments.get("batch_shape")
    return isinstance(shape, list) and bool(shape) and shape[0] is not None
