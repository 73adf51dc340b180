"""Layers made of others: what is inside a Bidirectional or a TimeDistributed, and the cells of an RNN."""

from collections.abc import Callable
from dataclasses import replace

from graph.errors import UnsupportedArgumentError, UnsupportedLayerError
from graph.keras.attention_classes import PROJECTING, RETURN_SCORES
from graph.keras.description import Call, Layer
from graph.keras.json_text import Json, as_list
from graph.keras.recurrent_classes import CELLS, CONV_LSTM, SEQUENCE_LAYERS

# Describes a layer, given its configuration and the path of what it is a part of.
Parse = Callable[[Json, str], Layer]

_STATES = dict.fromkeys(("LSTM", "CuDNNLSTM", "LSTMCell", *CONV_LSTM), 2)


def with_parts(layer: Layer, parse: Parse) -> Layer:
    """Return a layer with the layers that it is made of, and the number of its outputs.

    Raises:
        UnsupportedLayerError: a part that cannot be one.
        UnsupportedArgumentError: a part with other settings than Keras allows.
    """
    match layer.class_name:
        case "Bidirectional":
            return _bidirectional(layer, parse)
        case "TimeDistributed":
            part = parse(layer.arguments["layer"], layer.path)
            return replace(layer, parts=(part,), outputs=part.output_count)
        case name if name in PROJECTING:
            return _with_projections(layer)
        case "RNN":
            layer = replace(layer, parts=(_cell(layer.arguments["cell"], layer, parse),))
        case "StackedRNNCells":
            cells = as_list(layer.arguments["cells"], f"cells of layer {layer.path!r}")
            return replace(layer, parts=tuple(_cell(one, layer, parse) for one in cells))
    if layer.class_name in SEQUENCE_LAYERS and layer.arguments["return_state"] is True:
        return replace(layer, outputs=1 + state_count(layer))
    return layer


def with_calls(layer: Layer, calls: tuple[Call, ...]) -> Layer:
    """Return a layer with its calls; where one of them asks for the scores of attention, all give them."""
    asked = any(RETURN_SCORES in call.flags for call in calls)
    return replace(layer, calls=calls, outputs=2 if asked else layer.outputs)


def _with_projections(layer: Layer) -> Layer:
    """Return a layer of attention with the EinsumDense layers that project queries, keys, values and results."""
    names = ["query", "key", "value", "attention_output"]
    if layer.arguments["use_gate"] is True:
        names.insert(2, "gate")
    # Equations follow from what the layer is called on; the output shape says what the kernel has besides features.
    arguments: dict[str, Json] = {
        "equation": "", "activation": None,
        "bias_axes": "x" if layer.arguments["use_bias"] is True else None,
    }  # fmt: skip
    parts = tuple(
        Layer(
            name,
            f"{layer.path}/{name}",
            "EinsumDense",
            "EinsumDense",
            {**arguments, "output_shape": _projection_shape(layer, name)},
        )
        for name in names
    )
    return replace(layer, parts=parts)


def _projection_shape(layer: Layer, name: str) -> Json:
    """Return heads and their size, and of what projects back the output shape behind them, if one is stated."""
    arguments = layer.arguments
    if layer.class_name == "GroupQueryAttention":
        is_query = name not in ("key", "value")
        return [
            arguments["num_query_heads" if is_query else "num_key_value_heads"],
            arguments["head_dim"],
        ]
    is_value = name in ("value", "gate", "attention_output")
    size = (arguments["value_dim"] if is_value else None) or arguments["key_dim"]
    stated = arguments["output_shape"] if name == "attention_output" else None
    behind = stated if isinstance(stated, list) else [stated] if stated else []
    return [arguments["num_heads"], size, *behind]


def state_count(layer: Layer) -> int:
    """Return how many states a recurrent layer or a cell has."""
    if layer.parts:
        return sum(map(state_count, layer.parts))
    return _STATES.get(layer.class_name, 1)


def _cell(data: Json, layer: Layer, parse: Parse) -> Layer:
    cell = parse(data, layer.path)
    if cell.class_name and cell.class_name not in CELLS:
        raise UnsupportedLayerError(
            f"layer {layer.path!r} ({layer.written}) has a cell that is not one of Keras' own",
            expected=", ".join(sorted(CELLS)),
            got=cell.written,
        )
    return cell


def _bidirectional(layer: Layer, parse: Parse) -> Layer:
    where = f"layer {layer.path!r} ({layer.written})"
    forward = parse(layer.arguments["layer"], layer.path)
    given = layer.arguments["backward_layer"]
    backward = forward if given is None else parse(given, layer.path)
    if not forward.arguments or not backward.arguments:
        return layer  # One of them is refused already.
    for part in (forward, backward):
        if part.class_name not in SEQUENCE_LAYERS:
            raise UnsupportedLayerError(
                f"{where} wraps another layer than those that go through a sequence",
                expected=", ".join(sorted(SEQUENCE_LAYERS)),
                got=part.written,
            )
    if given is None:
        arguments = {
            **forward.arguments,
            "go_backwards": forward.arguments["go_backwards"] is not True,
        }
        backward = replace(forward, arguments=arguments)
    same = ("return_sequences", "return_state")
    if any(forward.arguments[key] != backward.arguments[key] for key in same):
        raise UnsupportedArgumentError(
            f"{where} has a backward layer that returns something else than the forward layer",
            expected="the same return_sequences and return_state",
        )
    if forward.arguments["go_backwards"] == backward.arguments["go_backwards"]:
        raise UnsupportedArgumentError(
            f"{where} has two layers of one direction", expected="go_backwards in one of them"
        )
    states = forward.outputs + backward.outputs - 2
    outputs = (1 if layer.arguments["merge_mode"] else 2) + states
    parts = (_named(forward, "forward", layer), _named(backward, "backward", layer))
    return replace(layer, parts=parts, outputs=outputs)


def _named(part: Layer, direction: str, layer: Layer) -> Layer:
    """Return a part with a path of its own: before Keras 3 both directions have one name in the file."""
    name = f"{direction}_{part.name.removeprefix(f'{direction}_')}"
    return _moved(part, f"{layer.path}/{name}")


def _moved(part: Layer, path: str) -> Layer:
    inner = tuple(_moved(one, f"{path}/{one.name}") for one in part.parts)
    return replace(part, path=path, parts=inner)
