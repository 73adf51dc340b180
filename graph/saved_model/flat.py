"""Functions are opened where they are called, so that what a signature computes is one flat graph.

Nothing runs. A call of a function becomes the operations of its body, once for every call; calls of a function from
within itself and calls beyond the limits are refused.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from graph import limits as bounds
from graph.errors import DamagedFileError, FileLimitError, TopologyError
from graph.saved_model.meta_graph import Attributes, Function, MetaGraph, Operation

_CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
# Where the results of an operation have several names: the place of each.
_RESULTS: Mapping[str, Mapping[str, int]] = {
    **{
        op: {"y": 0, "batch_mean": 1, "batch_variance": 2, "reserve_space_1": 3,
             "reserve_space_2": 4, "reserve_space_3": 5}
        for op in ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")
    },
    "TopKV2": {"values": 0, "indices": 1},
    "Unique": {"y": 0, "idx": 1},
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class FlatNode:
    """One operation of the flat graph.

    Attributes:
        name: its name, behind those of the calls that it is in.
        op: what it computes.
        inputs: the values that it reads.
        attributes: its attributes.
        is_fed: whether it is an input of the signature.
    """

    name: str
    op: str
    inputs: tuple["Ref", ...]
    attributes: Attributes
    is_fed: bool = False


@dataclass(frozen=True, slots=True)
class Ref:
    """A result of an operation."""

    node: FlatNode
    index: int


@dataclass(frozen=True, slots=True)
class FlatGraph:
    """What has to be computed for some values.

    Attributes:
        nodes: all operations that TensorFlow would run, in an order in which values are made before they are used.
        results: the values that were asked for.
    """

    nodes: tuple[FlatNode, ...]
    results: tuple[Ref, ...]


def flatten(
    graph: MetaGraph, tensors: Sequence[str], fed: frozenset[str] = frozenset()
) -> FlatGraph:
    """Return what is computed for some tensors, or run for some operations, of the outermost graph.

    Args:
        graph: the graph.
        tensors: names such as "a:0", or "a" for its first result.
        fed: names of operations that are given their first result, as inputs.

    Raises:
        DamagedFileError: an operation reads what is not there.
        TopologyError: a cycle among operations, or among functions.
        FileLimitError: too many operations, or calls too deep.
    """
    flattener = _Flattener(graph, fed)
    scope = _Scope("", graph.operations, {}, is_graph=True)
    roots = [tensor.split(":")[0].removeprefix("^") for tensor in tensors]
    flattener.run(scope, roots)
    results = [scope.value(tensor) for tensor in tensors if scope.has_results(tensor)]
    return FlatGraph(tuple(flattener.nodes), tuple(results))


def flatten_function(graph: MetaGraph, name: str, arguments: Sequence[Ref]) -> FlatGraph:
    """Return what a function computes of some values; errors are those of `flatten`."""
    flattener = _Flattener(graph, frozenset())
    results = flattener.call(name, list(arguments))
    return FlatGraph(tuple(flattener.nodes), results)


class _Scope:
    """The body of a function, or the outermost graph, while its operations are copied."""

    def __init__(
        self,
        prefix: str,
        operations: Mapping[str, Operation],
        arguments: Mapping[str, Ref],
        *,
        is_graph: bool,
    ) -> None:
        self.prefix = prefix
        self.operations = operations
        self.is_graph = is_graph
        self._arguments = arguments
        # A call is the values that it returns; all else is its copy.
        self.made: dict[str, FlatNode | tuple[Ref, ...]] = {}

    def sources(self, operation: Operation) -> Iterator[str]:
        """Yield the names of the operations that come before one, arguments left out."""
        for text in operation.inputs:
            name = text.removeprefix("^").split(":")[0]
            if name not in self._arguments or name in self.operations:
                yield name

    def has_results(self, text: str) -> bool:
        """Return whether there is a value of that name: a call may return nothing."""
        made = self.made[text.removeprefix("^").split(":")[0]]
        return isinstance(made, FlatNode) or bool(made)

    def value(self, text: str) -> Ref:
        """Return the value that a name in TensorFlow's notation stands for.

        Raises:
            DamagedFileError: there is none.
        """
        name, *rest = text.split(":")
        if name in self._arguments and name not in self.operations:
            return self._arguments[name]
        made = self.made.get(name)
        index = None
        if made is not None and all(part.isdecimal() and len(part) < 10 for part in rest[-1:]):
            index = self._index(made, rest)
        if made is None or index is None:
            raise DamagedFileError(f"the SavedModel has no value {text[:200]!r}")
        if isinstance(made, FlatNode):
            return Ref(made, index)
        if index >= len(made):
            raise DamagedFileError(f"the call {name[:200]!r} has no result {index}")
        return made[index]

    def _index(self, made: "FlatNode | tuple[Ref, ...]", rest: list[str]) -> int | None:
        """Return the place of a result: `a:1` in a graph, `a:output:1` within a function."""
        if self.is_graph:
            return int(rest[0]) if rest else 0
        if len(rest) != 2:
            return None
        names = _RESULTS.get(made.op) if isinstance(made, FlatNode) else None
        if names is None:
            return int(rest[1])
        return names.get(rest[0])


class _Flattener:
    def __init__(self, graph: MetaGraph, fed: frozenset[str]) -> None:
        self._graph = graph
        self._fed = fed
        self._calls: list[str] = []
        self._steps = 0
        self.nodes: list[FlatNode] = []

    def run(self, scope: _Scope, roots: Sequence[str]) -> None:
        """Copy some operations and all that comes before them."""
        for name in self._ordered(scope, roots):
            self._steps += 1
            if self._steps > bounds.MAX_OPERATIONS:
                raise FileLimitError(
                    "the SavedModel has too many operations when all its calls are opened",
                    expected=f"at most {bounds.MAX_OPERATIONS}",
                )
            scope.made[name] = self._copy(scope, scope.operations[name])

    def _copy(self, scope: _Scope, operation: Operation) -> FlatNode | tuple[Ref, ...]:
        name = scope.prefix + operation.name
        is_fed = scope.is_graph and operation.name in self._fed
        if operation.op in _CALLS and not is_fed:
            given = [scope.value(text) for text in _data(operation)]
            return self._call(name, operation, given)
        inputs = () if is_fed else tuple(scope.value(text) for text in _data(operation))
        node = FlatNode(name, operation.op, inputs, operation.attributes, is_fed)
        self.nodes.append(node)
        return node

    def _call(self, name: str, operation: Operation, given: list[Ref]) -> tuple[Ref, ...]:
        return self.call(operation.attributes.function("f"), given, f"{name}/")

    def call(self, called: str, given: list[Ref], prefix: str = "") -> tuple[Ref, ...]:
        """Copy the operations of a function, and return its results."""
        if called in self._calls:
            raise TopologyError(f"function {called[:200]!r} of the SavedModel calls itself")
        if len(self._calls) >= bounds.MAX_FUNCTION_DEPTH:
            raise FileLimitError(
                "functions of the SavedModel call each other too deep",
                expected=f"at most {bounds.MAX_FUNCTION_DEPTH} calls",
            )
        function = self._graph.function(called)
        if len(function.arguments) != len(given):
            raise DamagedFileError(
                f"function {called[:200]!r} is called with the wrong number of values",
                expected=str(len(function.arguments)),
                got=str(len(given)),
            )
        self._calls.append(called)
        returned = self._open(prefix, function, given)
        self._calls.pop()
        return returned

    def _open(self, prefix: str, function: Function, given: list[Ref]) -> tuple[Ref, ...]:
        arguments = dict(zip(function.arguments, given, strict=True))
        scope = _Scope(prefix, function.operations, arguments, is_graph=False)
        self.run(scope, list(function.operations))
        return tuple(scope.value(text) for text in function.results)

    def _ordered(self, scope: _Scope, roots: Sequence[str]) -> list[str]:
        """Return the names of the roots and of all before them, what comes first first."""
        order: dict[str, None] = {}
        path: set[str] = set()
        for root in roots:
            stack = [(root, False)]
            while stack:
                name, is_left = stack.pop()
                if is_left:
                    path.discard(name)
                    order[name] = None
                    continue
                if name in order:
                    continue
                if name in path:
                    raise TopologyError(
                        f"operation {name[:200]!r} of the SavedModel depends on itself",
                        hint="loops of TensorFlow 1 (Enter, Exit, NextIteration) are not read",
                    )
                operation = scope.operations.get(name)
                if operation is None:
                    raise DamagedFileError(f"the SavedModel has no operation {name[:200]!r}")
                path.add(name)
                stack.append((name, True))
                if not (scope.is_graph and name in self._fed):
                    stack.extend((source, False) for source in scope.sources(operation))
        return list(order)


def _data(operation: Operation) -> Iterator[str]:
    return (text for text in operation.inputs if not text.startswith("^"))
