"""A Sequential of Keras 1 that begins with a Merge of other models, as the functional model that it means.

Source: keras/models.py of Keras 1.2.2 (`Sequential.get_config`, `flattened_layers`): the models inside the Merge are
chains without names of their own, their layers are stored beside those of the model around them.
"""

from collections.abc import Sequence
from dataclasses import replace

from graph.errors import TopologyError, UnsupportedLayerError
from graph.keras.description import Call, Layer, Model, Port, TensorRef
from graph.keras.json_text import Json, JsonObject, as_list, as_object
from graph.keras.topology import computation_order


def merged_branches(raw: Sequence[Json]) -> list[JsonObject] | None:
    """Return the models that the first layer of a Sequential merges; None where it is no such Merge.

    Raises:
        UnsupportedLayerError: one of them is no Sequential.
    """
    first = raw[0] if raw else None
    if not isinstance(first, dict) or first.get("class_name") != "Merge":
        return None
    config = as_object(first.get("config"), "a Merge")
    branches = [
        as_object(one, "a model of a Merge") for one in as_list(config.get("layers"), "Merge")
    ]
    for branch in branches:
        if branch.get("class_name") != "Sequential":
            raise UnsupportedLayerError(
                "a Merge holds a model that is no Sequential",
                expected="Sequential models",
                got=str(branch.get("class_name"))[:80],
                hint="build the model with keras.Model and one Input for each branch, copy the weights, and save it again",
            )
    return branches


def without_branches(merge: JsonObject) -> JsonObject:
    """Return the Merge as a layer of a functional model."""
    config = as_object(merge.get("config"), "a Merge")
    plain = {name: value for name, value in config.items() if name != "layers"}
    return {**merge, "config": plain}


def merged_model(
    branches: Sequence[Model], rest: Sequence[Layer], name: str, *, is_trainable: bool
) -> Model:
    """Join models.

    Args:
        branches: the models whose outputs are merged.
        rest: the Merge, and the layers behind it in turn.
        name: the name of the model.
        is_trainable: whether the model is.

    Raises:
        TopologyError: a branch has several outputs, or two layers have one name.
    """
    layers = [layer for branch in branches for layer in branch.layers]
    sources = tuple(branch.outputs[0].ref for branch in branches)
    if any(len(branch.outputs) != 1 for branch in branches):
        raise TopologyError(f"a branch of model {name!r} has several outputs")
    for layer in rest:
        layers.append(replace(layer, calls=(Call(sources, is_single=len(sources) == 1),)))
        sources = (TensorRef(layer.name, 0, 0),)
    names = [layer.name for layer in layers]
    doubles = sorted({one for one in names if names.count(one) > 1})
    if doubles:
        raise TopologyError(f"model {name!r} has two layers named {doubles[0]!r}")
    inputs = tuple(port for branch in branches for port in branch.inputs)
    outputs = tuple(
        Port("", TensorRef(rest[-1].name, 0, index)) for index in range(rest[-1].output_count)
    )
    order = computation_order(layers, (*inputs, *outputs), name)
    return Model(name, "Functional", is_trainable, tuple(layers), inputs, outputs, order)
