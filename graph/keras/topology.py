"""How layers are connected: both of Keras' notations for calls, checked, and put in an order that can be computed.

Keras 1 and 2 write a call as a list of `[layer, node, tensor, {}]`; Keras 3 as arguments in which tensors are objects
`__keras_tensor__` with a `keras_history` of the same three parts. The node index counts a layer's calls from 0, but
from 1 where the layer is a model that came with a first call of its own (see `first_node`).
"""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from graph.errors import ConfigError, TopologyError, UnsupportedArgumentError
from graph.keras.description import Call, Layer, Port, TensorRef
from graph.keras.json_text import Json, JsonObject, as_index, as_list, as_name, as_object, show
from graph.keras.layer_class import LayerClass

_KERAS_TENSOR = "__keras_tensor__"
_HISTORY_LENGTHS = (3, 4)
# Arguments of a call that may be tensors whatever is called.
_TENSORS = frozenset({"mask"})


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A reference as written, the name it has in an enclosing object, and other arguments of its call."""

    layer: str
    node: int
    tensor: int
    key: str
    arguments: Mapping[str, Json]


def flatten(structure: Json, what: str, key: str = "") -> Iterator[_Leaf]:
    """The tensors of a nested structure: lists in order, objects by sorted key.

    Raises:
        ConfigError: something in it is not a tensor.
    """
    history = _history(structure)
    if history is not None:
        if len(history) not in _HISTORY_LENGTHS:
            raise ConfigError(f"{what} is not a reference to a tensor", got=show(structure))
        arguments = as_object(history[3], what) if len(history) == 4 else {}
        layer, node, tensor = history[:3]
        yield _Leaf(
            as_name(layer, what), as_index(node, what), as_index(tensor, what), key, arguments
        )
    elif isinstance(structure, dict):
        for name in sorted(structure):
            # It becomes the public name of an input or output.
            part = as_name(name, f"a key of {what}")
            yield from flatten(structure[name], what, f"{key}.{part}" if key else part)
    elif isinstance(structure, list):
        for item in structure:
            yield from flatten(item, what, key)
    else:
        raise ConfigError(
            f"{what} is called on something that is not a tensor of the model",
            got=show(structure),
            hint="constants in calls are not supported",
        )


def _without_arguments(structure: Json, what: str) -> list[_Leaf]:
    """Return the tensors of a structure that says nothing else of a call."""
    leaves = list(flatten(structure, what))
    for leaf in leaves:
        check_call_arguments(leaf.arguments, what)
    return leaves


def _history(structure: Json) -> list[Json] | None:
    if isinstance(structure, list) and structure and isinstance(structure[0], str):
        return structure
    if isinstance(structure, dict) and structure.get("class_name") == _KERAS_TENSOR:
        config = as_object(structure.get("config"), "a tensor")
        return as_list(config.get("keras_history"), "keras_history")
    return None


def check_call_arguments(arguments: Mapping[str, Json], what: str) -> None:
    """Accept only arguments of a call that change nothing at inference.

    Raises:
        UnsupportedArgumentError: any other.
    """
    for name, value in arguments.items():
        harmless = _is_nothing(value) or (name == "training" and value is False)
        if not harmless:
            raise UnsupportedArgumentError(
                f"{what} is called with argument {name!r}",
                expected="no training mode, no mask and no further arguments",
                got=show(value),
            )


def _is_nothing(value: Json) -> bool:
    """None, or None for each of several tensors."""
    if isinstance(value, list):
        return all(map(_is_nothing, value))
    if isinstance(value, dict):
        return all(map(_is_nothing, value.values()))
    return value is None


def _keywords(
    arguments: Mapping[str, Json],
    what: str,
    offsets: Mapping[str, int],
    accepted: LayerClass | None,
) -> dict[str, tuple[TensorRef | None, ...]]:
    """Return the tensors among the arguments of a call, and accept no others than may be there.

    Raises:
        UnsupportedArgumentError: any other that means something.
    """
    names = _TENSORS | (accepted.tensors if accepted else frozenset())
    found = {
        name: tuple(_optional_refs(value, what, offsets))
        for name, value in arguments.items()
        if name in names and not _is_nothing(value)
    }
    flags = _flags(arguments, accepted)
    left = {
        key: value
        for key, value in arguments.items()
        if key not in found and key not in flags and not _is_off(key, value, accepted)
    }
    check_call_arguments(left, what)
    return found


def _flags(arguments: Mapping[str, Json], accepted: LayerClass | None) -> frozenset[str]:
    """Return the names of a call's arguments that are true, of those that its class knows as true or false."""
    names = accepted.flags if accepted else frozenset()
    return frozenset(name for name in names if arguments.get(name) is True)


def _is_off(name: str, value: Json, accepted: LayerClass | None) -> bool:
    return accepted is not None and name in accepted.flags and value is False


def _optional_refs(
    value: Json, what: str, offsets: Mapping[str, int]
) -> Iterator[TensorRef | None]:
    """Give the tensors of a list in order, None where there is none in a place."""
    items = value if isinstance(value, list) and _history(value) is None else [value]
    for item in items:
        if item is None:
            yield None
        else:
            yield from _refs(_without_arguments(item, what), offsets)


def parse_call(
    node: Json, what: str, offsets: Mapping[str, int], accepted: LayerClass | None = None
) -> Call:
    """Read one call in either notation.

    Args:
        node: one item of `inbound_nodes`.
        what: the layer, for errors.
        offsets: what the node index of each layer starts from, where it is not 0.
        accepted: what the layer's class accepts; None for models and operations.

    Raises:
        ConfigError: it is not a call.
        UnsupportedArgumentError: it has arguments that are not supported.
    """
    if isinstance(node, dict) and "args" in node:
        return _parse_keras3_call(node, what, offsets, accepted)
    leaves = list(flatten(node, what))
    keys = tuple(leaf.key for leaf in leaves) if isinstance(node, dict) else ()
    # Every tensor of a call repeats its other arguments.
    arguments = {name: value for leaf in leaves for name, value in leaf.arguments.items()}
    return Call(
        _refs(leaves, offsets),
        keys,
        is_single=len(leaves) == 1 and not keys,
        keywords=_keywords(arguments, what, offsets, accepted),
        flags=_flags(arguments, accepted),
    )


def _parse_keras3_call(
    node: JsonObject, what: str, offsets: Mapping[str, int], accepted: LayerClass | None
) -> Call:
    arguments = as_list(node["args"], f"args of {what}")
    keywords = dict(as_object(node.get("kwargs", {}), f"kwargs of {what}"))
    if not arguments and "inputs" in keywords:
        arguments = [keywords.pop("inputs")]
    if accepted and accepted.positions:
        keywords.update(zip(accepted.positions, arguments[1:], strict=False))
        arguments = arguments[:1] + arguments[1 + len(accepted.positions) :]
    while len(arguments) > 1 and arguments[-1] is None:
        arguments.pop()
    if len(arguments) > 1:
        raise ConfigError(
            f"{what} is called with several arguments",
            expected="one tensor, or a list of them",
            got=show(arguments[1]),
        )
    structure = arguments[0] if arguments else None
    leaves = _without_arguments(structure, what)
    single = _history(structure) is not None
    keys = tuple(leaf.key for leaf in leaves) if isinstance(structure, dict) and not single else ()
    found = _keywords(keywords, what, offsets, accepted)
    return Call(
        _refs(leaves, offsets),
        keys,
        is_single=single,
        keywords=found,
        flags=_flags(keywords, accepted),
    )


def _refs(leaves: Sequence[_Leaf], offsets: Mapping[str, int]) -> tuple[TensorRef, ...]:
    return tuple(_ref(leaf, offsets) for leaf in leaves)


def _ref(leaf: _Leaf, offsets: Mapping[str, int]) -> TensorRef:
    return TensorRef(leaf.layer, leaf.node - offsets.get(leaf.layer, 0), leaf.tensor)


def parse_ports(structure: Json, what: str, offsets: Mapping[str, int]) -> tuple[Port, ...]:
    """Read a model's `input_layers` or `output_layers`.

    Raises:
        ConfigError: they are not references to tensors.
    """
    leaves = _without_arguments(structure, what)
    if not leaves:
        raise TopologyError(f"a model has no {what}")
    return tuple(Port(leaf.key, _ref(leaf, offsets)) for leaf in leaves)


def computation_order(
    layers: Sequence[Layer], ports: Sequence[Port], model: str
) -> tuple[tuple[int, int], ...]:
    """Order all calls so that each comes after what it needs; ties in the file's order (Kahn 1962).

    Raises:
        TopologyError: a reference to nothing, or a cycle.
    """
    index = {layer.name: place for place, layer in enumerate(layers)}
    calls = [(p, c) for p, layer in enumerate(layers) for c in range(len(layer.calls))]
    waiting: dict[tuple[int, int], int] = {}
    readers: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for place, number in calls:
        sources = {
            _source(ref, layers, index, layers[place].name)
            for ref in layers[place].calls[number].sources
        }
        waiting[place, number] = len(sources)
        for source in sources:
            readers.setdefault(source, []).append((place, number))
    for port in ports:
        _source(port.ref, layers, index, model)
    ready = [call for call, count in waiting.items() if not count]
    heapq.heapify(ready)
    order: list[tuple[int, int]] = []
    while ready:
        done = heapq.heappop(ready)
        order.append(done)
        for reader in readers.get(done, ()):
            waiting[reader] -= 1
            if not waiting[reader]:
                heapq.heappush(ready, reader)
    if len(order) != len(calls):
        stuck = sorted({layers[place].name for (place, _), count in waiting.items() if count})
        raise TopologyError(
            f"the layers of model {model!r} form a cycle",
            expected="layers that only use what comes before them",
            got=", ".join(map(repr, stuck[:5])),
        )
    return tuple(order)


def _source(
    ref: TensorRef, layers: Sequence[Layer], index: Mapping[str, int], reader: str
) -> tuple[int, int]:
    place = index.get(ref.layer)
    if place is None:
        raise TopologyError(f"{reader!r} uses layer {show(ref.layer)}, which is not there")
    layer = layers[place]
    outputs = layer.output_count
    if not 0 <= ref.call < len(layer.calls) or ref.tensor >= outputs:
        raise TopologyError(
            f"{reader!r} uses an output of layer {ref.layer!r} that is not there",
            expected=f"one of {len(layer.calls)} calls with {outputs} outputs",
            got=f"call {ref.call}, output {ref.tensor}",
        )
    return place, ref.call
