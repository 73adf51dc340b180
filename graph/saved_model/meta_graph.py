"""saved_model.pb as data: operations, functions and signatures, as far as they are needed.

Messages and their field numbers are those of tensorflow/core/protobuf/saved_model.proto and meta_graph.proto, and of
tensorflow/core/framework/graph.proto, node_def.proto, attr_value.proto and function.proto.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from graph import limits as bounds
from graph.errors import ConfigError, DamagedFileError, FileLimitError
from graph.saved_model.element_types import REFERENCE
from graph.saved_model.tensors import Array, array_of, shape_of, strings_of
from graph.saved_model.wire import Budget, Message

_SERVE = "serve"
_MAX_NAMES = 12


class Attributes:
    """The attributes of an operation; one that is not there has TensorFlow's own default, which the caller says."""

    def __init__(self, values: Mapping[str, Message], where: str) -> None:
        self._values = values
        self.where = where

    def names(self) -> frozenset[str]:
        """Return the names of those that mean something: others begin with an underscore."""
        return frozenset(name for name in self._values if not name.startswith("_"))

    def integer(self, name: str, default: int = 0) -> int:
        """Return a number."""
        value = self._values.get(name)
        return default if value is None else value.integer(3)

    def floating(self, name: str, default: float = 0.0) -> float:
        """Return a float32."""
        value = self._values.get(name)
        return default if value is None else value.floating(4)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a boolean."""
        value = self._values.get(name)
        return default if value is None else bool(value.integer(5))

    def text(self, name: str, default: str = "") -> str:
        """Return a string."""
        value = self._values.get(name)
        return default if value is None else value.text(2)

    def dtype(self, name: str, default: int = 0) -> int:
        """Return an element type; a reference counts as what it refers to."""
        value = self._values.get(name)
        return default if value is None else value.integer(6) % REFERENCE

    def integers(self, name: str, default: Sequence[int] = ()) -> tuple[int, ...]:
        """Return a list of numbers."""
        value = self._values.get(name)
        return tuple(default) if value is None else tuple(value.message(1).integers(3))

    def shape(self, name: str) -> tuple[int, ...] | None:
        """Return a shape, -1 where a length is not known; None where nothing is."""
        value = self._values.get(name)
        return None if value is None else shape_of(value.message(7))

    def tensor(self, name: str = "value") -> Array:
        """Return an array."""
        return array_of(self._tensor(name), self.where)

    def strings(self, name: str = "value") -> list[str]:
        """Return the elements of an array of strings."""
        return strings_of(self._tensor(name))

    def function(self, name: str) -> str:
        """Return the name of a function."""
        value = self._values.get(name)
        return "" if value is None else value.message(10).text(1)

    def _tensor(self, name: str) -> Message:
        value = self._values.get(name)
        if value is None:
            raise DamagedFileError(f"{self.where} has no attribute {name!r}")
        return value.message(8)


@dataclass(frozen=True, slots=True)
class Operation:
    """One node of a graph or of a function, as it is written.

    Attributes:
        name: its name there.
        op: what it computes.
        inputs: what it reads, in TensorFlow's notation; those that begin with ^ only say what is computed before.
        attributes: its attributes.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the library.

    Attributes:
        name: its name.
        arguments: the names of its arguments.
        results: what it returns, in TensorFlow's notation.
        operations: its operations by name.
    """

    name: str
    arguments: tuple[str, ...]
    results: tuple[str, ...]
    operations: Mapping[str, Operation]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An input or an output of a signature.

    Attributes:
        key: the public name.
        tensor: the value in the graph.
        dtype: TensorFlow's number of its element type.
        shape: its shape, -1 where a length is not known; None where the number of axes is not.
    """

    key: str
    tensor: str
    dtype: int
    shape: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class Signature:
    """What a model offers under a name; its inputs and outputs are sorted by their names."""

    name: str
    inputs: tuple[Endpoint, ...]
    outputs: tuple[Endpoint, ...]


class MetaGraph:
    """The graph that is to be served, with its functions and signatures."""

    def __init__(self, message: Message, budget: Budget) -> None:
        self._budget = budget
        graph = message.message(2)
        self.operations = _operations(graph.messages(1))
        self._functions: dict[str, memoryview] = {}
        for view in graph.message(2).views(1):
            # Only the name is looked at: most functions of a SavedModel are never called.
            name = Message(Message(view, budget).view(1), budget).text(1)
            self._functions[name] = view
        self._opened: dict[str, Function] = {}
        saver = message.message(3)
        self.restore_operation = saver.text(3)
        self.version = message.message(1).text(5)
        self.signatures = {
            name: _signature(name, part) for name, part in message.mapping(5).items()
        }
        self.first_operations = self._initializers(message)

    def function(self, name: str) -> Function:
        """Return a function, opened once.

        Raises:
            DamagedFileError: there is none of that name.
        """
        if name not in self._opened:
            view = self._functions.get(name)
            if view is None:
                raise DamagedFileError(f"the SavedModel has no function {name[:200]!r}")
            self._opened[name] = _function(name, Message(view, self._budget))
        return self._opened[name]

    def _initializers(self, message: Message) -> tuple[str, ...]:
        """Return the names of what TensorFlow runs after it has restored the variables."""
        collections = message.mapping(4)
        names = [
            item
            for key in ("saved_model_main_op", "legacy_init_op")
            if key in collections
            for item in collections[key].message(1).texts(1)
        ]
        written = self.signatures.get("__saved_model_init_op")
        names += [output.tensor for output in written.outputs] if written else []
        return tuple(name.split(":")[0] for name in names)


def open_meta_graph(data: memoryview, budget: Budget) -> MetaGraph:
    """Return the graph with the tag "serve", or the only one.

    Raises:
        ConfigError: there are several, or none.
        DamagedFileError: the bytes are no SavedModel.
    """
    found = Message(data, budget).messages(2)
    if not found:
        raise DamagedFileError("saved_model.pb holds no graph", hint="the upload may be truncated")
    tags = [sorted(one.message(1).texts(4)) for one in found]
    if len(found) == 1:
        return MetaGraph(found[0], budget)
    served = [one for one, names in zip(found, tags, strict=True) if names == [_SERVE]]
    if len(served) != 1:
        raise ConfigError(
            "the SavedModel has no single graph for serving",
            expected="one graph, or one with just the tag 'serve'",
            got=f"{len(found)} graphs, with the tags {tags[:_MAX_NAMES]}",
        )
    return MetaGraph(served[0], budget)


def choose_signature(graph: MetaGraph, wanted: str | None) -> Signature:
    """Return the signature of that name; without one serving_default, or the only one there is.

    Raises:
        ConfigError: there is none of that name, or nothing says which one is meant; all are listed.
    """
    offered = {
        name: one for name, one in graph.signatures.items() if not name.startswith("__saved_model_")
    }
    name = wanted or ("serving_default" if "serving_default" in offered else None)
    if name is None and len(offered) == 1:
        name = next(iter(offered))
    if name is not None and name in offered:
        return offered[name]
    listed = ", ".join(map(repr, sorted(offered)[:_MAX_NAMES])) or "none"
    if not offered:
        raise ConfigError(
            "the SavedModel has no signature",
            hint="save it with tf.saved_model.save(model, folder, signatures=function)",
        )
    raise ConfigError(
        f"the SavedModel has no signature {wanted[:100]!r}"
        if wanted
        else "the SavedModel has several signatures, and none is called 'serving_default'",
        expected=f"one of {listed}",
        hint="name one in the field 'signature' of the upload, or by --signature",
    )


def _operations(messages: Sequence[Message]) -> dict[str, Operation]:
    if len(messages) > bounds.MAX_OPERATIONS:
        raise FileLimitError(
            "the graph of the SavedModel has too many operations",
            expected=f"at most {bounds.MAX_OPERATIONS}",
            got=str(len(messages)),
        )
    found: dict[str, Operation] = {}
    for message in messages:
        name, op = message.text(1), message.text(2)
        if not name or not op or name in found:
            raise DamagedFileError(
                "an operation of the SavedModel has no name of its own", got=repr(name[:200])
            )
        where = f"operation {name[:200]!r} ({op[:80]})"
        attributes = Attributes(message.mapping(5), where)
        found[name] = Operation(name, op, tuple(message.texts(3)), attributes)
    return found


def _function(name: str, message: Message) -> Function:
    head = message.message(1)
    arguments = tuple(part.text(1) for part in head.messages(2))
    returned = message.text_mapping(4)
    results = []
    for part in head.messages(3):
        key = part.text(1)
        if key not in returned:
            raise DamagedFileError(f"function {name[:200]!r} does not say its result {key[:200]!r}")
        results.append(returned[key])
    return Function(name, arguments, tuple(results), _operations(message.messages(3)))


def _signature(name: str, message: Message) -> Signature:
    inputs = [_endpoint(key, part) for key, part in sorted(message.mapping(1).items())]
    outputs = [_endpoint(key, part) for key, part in sorted(message.mapping(2).items())]
    return Signature(name, tuple(inputs), tuple(outputs))


def _endpoint(key: str, message: Message) -> Endpoint:
    return Endpoint(key, message.text(1), message.integer(2), shape_of(message.message(3)))
