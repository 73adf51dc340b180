"""The flat graph of a signature -> the graph, operation by operation; all that is refused is said at once."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from graph.errors import (
    ConfigError,
    DamagedFileError,
    FileLimitError,
    GraphError,
    ModelFileError,
    ShapeError,
    UnsupportedArgumentError,
    UnsupportedDtypeError,
    UnsupportedLayerError,
    WeightsMismatchError,
)
from graph.graph import Graph, Output
from graph.keras.unsupported import with_others
from graph.saved_model.builder import Builder, label_of
from graph.saved_model.element_types import name_of, numpy_type
from graph.saved_model.flat import FlatGraph, FlatNode, Ref, flatten_function
from graph.saved_model.joining import joined
from graph.saved_model.lengths import BATCH, fixed
from graph.saved_model.loops import ARGUMENT, LOOPS, Loop, read_loop
from graph.saved_model.meta_graph import Attributes, Endpoint, MetaGraph, Signature
from graph.saved_model.ops_constant import Folding
from graph.saved_model.ops_indexing import embedded
from graph.saved_model.rules import (
    KNOWN_OPERATIONS,
    LENGTH_RULES,
    RULES,
    SOURCES,
    unknown_attributes,
)
from graph.saved_model.site import Site, as_known
from graph.saved_model.values import (
    Handle,
    Known,
    Refused,
    Repeated,
    Shape,
    Tensor,
    TimeMajor,
    Value,
)
from graph.saved_model.variables import Variables
from graph.verify import verify

_MAX_KINDS = 40
# What NumPy raises where the constants of a file do not fit together.
_MISFITS = (ValueError, TypeError, IndexError, OverflowError, ZeroDivisionError, StopIteration)
_EXPECTED = "operations that docs/saved-models.md lists"
_HINT = "if it is a model of Keras, save it with model.save('model.keras') and upload that"
_UNBATCHED = (
    "No input of the signature has an axis for the batch. Each sample of a request is one call of it, so requests have"
    " one axis more in front."
)


def lower_signature(
    meta: MetaGraph,
    signature: Signature,
    flat: FlatGraph,
    variables: Variables,
    *,
    allow_nonfinite: bool,
) -> tuple[Graph, tuple[str, ...]]:
    """Build the verified graph of what a signature computes.

    Returns:
        The graph, and what the report should say about how it was read.

    Raises:
        ModelFileError: something is not read; all such operations are named.
        GraphError: shapes do not fit together, or the graph breaks an invariant.
    """
    nodes = needed(flat)
    builder = Builder(has_batch=_has_batch(signature), allow_nonfinite=allow_nonfinite)
    lowering = _Lowering(meta, builder, variables, _prefix_of(nodes))
    for endpoint in signature.inputs:
        lowering.add_input(endpoint)
    for node in nodes:
        lowering.read(node)
    lowering.refuse()
    pairs = zip(signature.outputs, flat.results, strict=True)
    outputs = [Output(end.key, lowering.output(end.key, ref)) for end, ref in pairs]
    lowering.refuse()
    graph = builder.finished(signature.name, outputs)
    verify(graph)
    notes = (() if builder.has_batch else (_UNBATCHED,)) + tuple(builder.notes)
    return graph, notes


def needed(flat: FlatGraph) -> list[FlatNode]:
    """Return the operations that results are computed from."""
    return needed_until(flat.nodes, frozenset(), flat.results)


def needed_until(
    nodes: Sequence[FlatNode], known: frozenset[int], results: Iterable[Ref]
) -> list[FlatNode]:
    """Return the operations that results are computed from, where the values of some operations are known."""
    wanted = {id(ref.node) for ref in results}
    kept = []
    for node in reversed(nodes):
        if id(node) in wanted and id(node) not in known:
            wanted.update(id(ref.node) for ref in node.inputs)
            kept.append(node)
    return kept[::-1]


def refuse_unknown(nodes: Sequence[FlatNode]) -> None:
    """Refuse a model with operations that are not read, all of which are named.

    Raises:
        UnsupportedLayerError: there are some.
    """
    found = Counter(
        node.op for node in nodes if not node.is_fed and node.op not in KNOWN_OPERATIONS
    )
    if not found:
        return
    kinds = [f"{op[:80]} ({count})" for op, count in sorted(found.items())]
    if len(kinds) > _MAX_KINDS:
        kinds[_MAX_KINDS:] = [f"and {len(kinds) - _MAX_KINDS} more kinds"]
    raise UnsupportedLayerError(
        f"the SavedModel has {found.total()} operations of {len(found)} kinds that Prunus does not read",
        expected=_EXPECTED,
        got=", ".join(kinds),
        hint=_HINT,
    )


def _has_batch(signature: Signature) -> bool:
    """Return whether the first axis of the inputs is the batch; it is not where all inputs have a fixed shape."""
    shapes = []
    for endpoint in signature.inputs:
        if endpoint.shape is None:
            raise ConfigError(
                f"input {endpoint.key!r} of the SavedModel does not say its shape",
                hint="give tf.TensorSpec a shape, with None for the batch",
            )
        shapes.append(endpoint.shape)
    if any(shape and shape[0] == -1 for shape in shapes):
        if not all(shapes):
            raise ConfigError(
                "an input of the SavedModel has an axis for the batch, and another one has none",
                expected="the batch as the first axis of every input",
            )
        return True
    return bool(shapes) and all(shape and shape[0] == 1 and len(shape) > 1 for shape in shapes)


def _prefix_of(nodes: Sequence[FlatNode]) -> str:
    """Return the first part of all names, where they have the same: the name of the model."""
    labels = [label_of(node.name) for node in nodes if node.op in RULES and node.op != "Identity"]
    firsts = {label.split("/")[0] if "/" in label else "" for label in labels}
    return f"{firsts.pop()}/" if len(firsts) == 1 and "" not in firsts else ""


class _Lowering:
    """Reads operations in their order; what is refused is kept, and what depends on it passed over."""

    def __init__(
        self, meta: MetaGraph, builder: Builder, variables: Variables, prefix: str
    ) -> None:
        self._meta = meta
        self._builder = builder
        self._variables = variables
        self._prefix = prefix
        self._folding = Folding()
        self._values: dict[int, tuple[Value, ...]] = {}
        self._errors: list[ModelFileError] = []
        self._inputs: dict[str, Value] = {}

    def read(self, node: FlatNode) -> None:
        """Find out what is known of an operation's results."""
        try:
            found = self._inputs[node.name] if node.is_fed else self._results(node)
        except FileLimitError:
            raise
        except ModelFileError as error:
            self._errors.append(error)
            found = Refused()
        except GraphError as error:
            self._errors.append(_as_model_error(error, label_of(node.name), node.op))
            found = Refused()
        except _MISFITS as error:
            raise DamagedFileError(
                f"operation {node.name[-200:]!r} ({node.op[:80]}) does not fit its inputs",
                got=str(error)[:200],
            ) from error
        self._values[id(node)] = found if isinstance(found, tuple) else (found,)

    def refuse(self) -> None:
        """Raise one error for all that was refused, if anything was."""
        if self._errors:
            raise with_others(self._errors[0], self._errors[1:])

    def output(self, key: str, ref: Ref) -> str:
        """Return the value of the graph for an output of the signature."""
        value = self._value(ref)
        try:
            if isinstance(value, TimeMajor):
                raise UnsupportedLayerError(
                    f"output {key[:200]!r} of the SavedModel has not the batch as its first axis"
                )
            if not isinstance(value, Tensor):
                raise UnsupportedArgumentError(
                    f"output {key[:200]!r} of the SavedModel does not depend on its inputs"
                )
            return self._site(ref.node, ()).value(value)
        except ModelFileError as error:
            self._errors.append(error)
            return ""

    def add_input(self, endpoint: Endpoint) -> None:
        """Add an input, whether or not something reads it: clients send it all the same."""
        try:
            self._inputs[endpoint.tensor.split(":")[0]] = self._input(endpoint)
        except FileLimitError:
            raise
        except ModelFileError as error:
            self._errors.append(error)
            self._inputs[endpoint.tensor.split(":")[0]] = Refused()

    def _input(self, endpoint: Endpoint) -> Value:
        if endpoint.tensor.split(":")[1:] not in ([], ["0"]):
            raise ConfigError(f"input {endpoint.key[:200]!r} is no first result of an operation")
        if endpoint.dtype == 7:
            raise UnsupportedDtypeError(
                f"input {endpoint.key[:200]!r} of the SavedModel holds strings",
                expected="numbers",
                got=name_of(endpoint.dtype),
                hint=_HINT,
            )
        dtype = numpy_type(endpoint.dtype, f"input {endpoint.key[:200]!r}")
        shape = endpoint.shape or ()
        if self._builder.has_batch and shape[0] != -1:
            self._builder.notes[
                f"Input {endpoint.key!r} states a batch of {shape[0]}; any batch size is accepted."
            ] = None
        return self._builder.add_input(endpoint.key, dtype, shape)

    def _value(self, ref: Ref) -> Value:
        values = self._values[id(ref.node)]
        if isinstance(values[0], Refused) and len(values) == 1:
            return values[0]
        if not 0 <= ref.index < len(values):
            raise UnsupportedArgumentError(
                f"result {ref.index} of operation {ref.node.name[-200:]!r} ({ref.node.op[:80]}) is not read"
            )
        return values[ref.index]

    def _site(self, node: FlatNode, inputs: tuple[Value, ...]) -> Site:
        label = label_of(node.name).removeprefix(self._prefix)
        return Site(self._builder, label, node.op, inputs, node.attributes)

    def _results(self, node: FlatNode) -> Value | tuple[Value, ...]:
        unknown = unknown_attributes(node.attributes.names())
        if unknown:
            raise UnsupportedArgumentError(
                f"{node.attributes.where} has attributes that are not known",
                got=", ".join(unknown)[:200],
            )
        inputs = tuple(self._value(ref) for ref in node.inputs)
        if any(isinstance(value, Refused) for value in inputs):
            return Refused()
        site = self._site(node, inputs)
        if node.op in SOURCES:
            return self._source(node, site)
        if node.op in LOOPS:
            return read_loop(site, self._loop(node), self._step)
        folded = self._folded(site)
        if folded is not None:
            return folded
        has_lengths = any(isinstance(value, Shape) for value in inputs)
        has_tensors = any(isinstance(value, (Tensor, Repeated)) for value in inputs)
        table = (
            LENGTH_RULES if has_lengths and not has_tensors and node.op in LENGTH_RULES else RULES
        )
        return table[node.op](site)

    def _loop(self, node: FlatNode) -> Loop:
        """Return a loop with its functions opened."""
        parts = []
        for part in ("body", "cond"):
            given = [
                FlatNode(f"{node.name}/{place}", ARGUMENT, (), Attributes({}, node.name))
                for place in range(len(node.inputs))
            ]
            name = node.attributes.function(part)
            refs = [Ref(one, 0) for one in given]
            parts.append((given, flatten_function(self._meta, name, refs)))
        (arguments, body), (condition_arguments, condition) = parts
        return Loop(arguments, body, condition_arguments, condition)

    def _step(
        self, body: FlatGraph, presets: Mapping[int, Value], outputs: Mapping[str, Ref]
    ) -> Graph:
        """Read the step of a loop as a graph of its own; inputs are those of the preset values that are tensors."""
        builder = Builder(has_batch=True, allow_nonfinite=self._builder.allows_nonfinite)
        inner = _Lowering(self._meta, builder, self._variables, self._prefix)
        for place, value in presets.items():
            if isinstance(value, Tensor):
                lengths = tuple(length.fixed or -1 for length in value.shape[1:])
                builder.add_input(value.value, value.dtype, (-1, *lengths))
            inner._values[place] = (value,)
        nodes = needed_until(body.nodes, frozenset(presets), outputs.values())
        refuse_unknown(nodes)
        if any(node.op in LOOPS for node in nodes):
            raise UnsupportedLayerError("a loop of the SavedModel has another loop in its body")
        for node in nodes:
            inner.read(node)
        inner.refuse()
        found = [Output(name, inner.output(name, ref)) for name, ref in outputs.items()]
        inner.refuse()
        return joined(builder.finished("step", found))

    def _source(self, node: FlatNode, site: Site) -> Value:
        """Return what comes from the file itself."""
        match node.op:
            case "Const":
                return Known(node.attributes.tensor(), site.label)
            case "ReadVariableOp":
                return self._variable(site.input(0))
            case "ResourceGather":
                indices = site.input(1)
                table = self._variable(site.input(0))
                if isinstance(indices, Tensor):
                    return embedded(site, table, indices)
                return Known(np.take(table.array, site.known(1).array, 0), table.name)
            case "VarHandleOp":
                return Handle(node)
            case "VariableV2" | "Variable":
                return self._variable(Handle(node))
            case "PlaceholderWithDefault":
                return site.input(0)
        raise ConfigError(
            f"{site.where} is needed, and the signature does not give it",
            hint="export the model again",
        )

    def _variable(self, value: Value) -> Known:
        if not isinstance(value, Handle):
            raise ConfigError("an operation of the SavedModel reads what is no variable")
        name = label_of(value.node.attributes.text("shared_name") or value.node.name)
        return Known(self._variables.value(value.node), name)

    def _folded(self, site: Site) -> Value | None:
        """Return the result of an operation on what is the same for all samples, if it can be computed."""
        known = [as_known(value) for value in site.inputs]
        arrays = [one.array for one in known if one is not None]
        if not arrays or len(arrays) != len(known):
            return None
        repeated = [value for value in site.inputs if isinstance(value, Repeated)]
        if (
            repeated
            and site.op not in ("MatMul", "BiasAdd")
            and not self._folding.is_elementwise(site.op)
        ):
            return None
        array = self._folding.fold(site.op, arrays, site.attributes)
        if array is None:
            return None
        if not repeated:
            return Known(array, site.label)
        if array.ndim < 1 or array.shape[0] != 1:
            raise WeightsMismatchError(f"{site.where} joins constants that do not fit")
        sample = Known(array[0], site.label)
        return Repeated(sample, (BATCH, *fixed(sample.array.shape)))


def _as_model_error(error: GraphError, label: str, op: str) -> ModelFileError:
    """Return what an op says of shapes as a refusal of the operation."""
    kind = UnsupportedArgumentError if isinstance(error, ShapeError) else ConfigError
    return kind(
        f"operation {label[-200:]!r} ({op[:80]}): {error.message}",
        expected=error.expected,
        got=error.got,
    )
