"""Which tensor of the checkpoint each variable holds, found where TensorFlow finds it: in the restoring operations.

A SavedModel names one operation that restores all of its variables. What it would assign is read off its graph:
RestoreV2 names tensors of the checkpoint, AssignVariableOp (or Assign) variables. That holds for TensorFlow 1 and 2
alike, and needs no guess from names.
"""

from collections.abc import Iterator, Mapping

from graph import limits as bounds
from graph.errors import (
    ConfigError,
    FileLimitError,
    UnsupportedArgumentError,
    UnsupportedLayerError,
)
from graph.saved_model.checkpoint import Checkpoint
from graph.saved_model.flat import FlatNode, Ref, flatten, flatten_function
from graph.saved_model.meta_graph import MetaGraph
from graph.saved_model.tensors import Array

HANDLES = frozenset({"VarHandleOp"})
REFERENCES = frozenset({"VariableV2", "Variable", "RefVariable"})
# What may be done with a variable without changing it.
_READERS = frozenset(
    {"ReadVariableOp", "ResourceGather", "VariableShape", "VarIsInitializedOp", "DisableCopyOnRead"}
)
_ASSIGNMENTS = frozenset({"AssignVariableOp", "Assign"})
_PASSING = frozenset({"Identity", "IdentityN"})
_ANONYMOUS = "cd2c89b7-88b7-44c8-ad83-06c2a9158347"


def variable_key(node: FlatNode) -> str | None:
    """Return what tells a variable from others, or None for what is no variable."""
    if node.op not in HANDLES and node.op not in REFERENCES:
        return None
    shared = node.attributes.text("shared_name")
    container = node.attributes.text("container")
    name = node.name if shared in ("", _ANONYMOUS) else shared
    return f"{container}/{name}" if container else name


def behind_identities(ref: Ref) -> Ref:
    """Return the value that some operations of the kind Identity only pass on."""
    while ref.node.op in _PASSING and not ref.node.is_fed and ref.index < len(ref.node.inputs):
        ref = ref.node.inputs[ref.index]
    return ref


class Variables:
    """The values of variables, read from the checkpoint when they are asked for."""

    def __init__(self, tensors: Mapping[str, str], checkpoint: Checkpoint | None) -> None:
        self._tensors = tensors
        self._checkpoint = checkpoint

    def value(self, node: FlatNode) -> Array:
        """Return the value of a variable.

        Raises:
            ConfigError: nothing restores it, or its declared shape is another one.
        """
        key = variable_key(node) or ""
        tensor = self._tensors.get(key)
        if tensor is None or self._checkpoint is None:
            raise ConfigError(
                f"variable {key[:200]!r} of the SavedModel has no value",
                expected="a tensor of the checkpoint for every variable",
            )
        array = self._checkpoint.array(tensor)
        declared = node.attributes.shape("shape")
        if declared is not None and not _fits(array.shape, declared):
            raise ConfigError(
                f"variable {key[:200]!r} has another shape in the checkpoint",
                expected=str(declared),
                got=str(array.shape),
            )
        return array


def _fits(shape: tuple[int, ...], declared: tuple[int, ...]) -> bool:
    return len(shape) == len(declared) and all(
        wanted in (-1, length) for length, wanted in zip(shape, declared, strict=True)
    )


def restored(graph: MetaGraph, checkpoint: Checkpoint | None) -> dict[str, str]:
    """Return the tensor's name of every variable that is restored, by the variable's key.

    Raises:
        ConfigError: a variable is given a value in another way than from a tensor of the checkpoint.
        UnsupportedArgumentError: it is restored in parts.
    """
    if checkpoint is None or not graph.restore_operation:
        return {}
    found: dict[str, str] = {}
    for node in flatten(graph, [graph.restore_operation]).nodes:
        if node.op not in _ASSIGNMENTS or len(node.inputs) != 2:
            continue
        variable, value = behind_identities(node.inputs[0]), behind_identities(node.inputs[1])
        key = variable_key(variable.node)
        if key is None:
            continue
        tensor = _tensor_name(value)
        if tensor is None or found.setdefault(key, tensor) != tensor:
            raise ConfigError(
                f"variable {key[:200]!r} of the SavedModel is not simply restored from the checkpoint",
                expected="one tensor for each variable",
            )
    return found


def _tensor_name(value: Ref) -> str | None:
    """Return the name of the tensor that is restored as a value."""
    node = value.node
    if node.op != "RestoreV2" or len(node.inputs) != 3:
        return None
    names, slices = (_strings(ref) for ref in node.inputs[1:])
    if names is None or slices is None or value.index >= min(len(names), len(slices)):
        return None
    if slices[value.index]:
        raise UnsupportedArgumentError(
            "a variable of the SavedModel is restored in parts",
            hint="save the model without partitioned variables",
        )
    return names[value.index]


def _strings(ref: Ref) -> list[str] | None:
    node = behind_identities(ref).node
    return node.attributes.strings() if node.op == "Const" else None


def refuse_changes(nodes: tuple[FlatNode, ...], pure: frozenset[str]) -> None:
    """Refuse what may change a variable while the model computes, or after it was loaded.

    Args:
        nodes: all operations that would run.
        pure: operations that only compute.

    Raises:
        UnsupportedLayerError: an operation does more with a variable than to read it.
    """
    changing = sorted({f"{node.op} ({key})" for node, key in _changes(nodes, pure)})
    if changing:
        raise UnsupportedLayerError(
            "the SavedModel changes its variables while it computes",
            expected="variables that are only read",
            got=", ".join(changing[:8]) + (" and more" if len(changing) > 8 else ""),
            hint="save the function that predicts, without state and without training",
        )


def with_loops(graph: MetaGraph, nodes: tuple[FlatNode, ...]) -> tuple[FlatNode, ...]:
    """Return operations with those of loops among them opened once, in place of the loops.

    Raises:
        FileLimitError: there are too many.
    """
    found: list[FlatNode] = []
    for node in nodes:
        if node.op not in ("While", "StatelessWhile"):
            found.append(node)
            continue
        for part in ("cond", "body"):
            found += flatten_function(graph, node.attributes.function(part), node.inputs).nodes
        if len(found) > bounds.MAX_OPERATIONS:
            raise FileLimitError(
                "the SavedModel has too many operations when all its loops are opened",
                expected=f"at most {bounds.MAX_OPERATIONS}",
            )
    return tuple(found)


def _changes(nodes: tuple[FlatNode, ...], pure: frozenset[str]) -> Iterator[tuple[FlatNode, str]]:
    for node in nodes:
        for ref in () if node.op in _PASSING else node.inputs:
            source = behind_identities(ref).node
            key = variable_key(source)
            if key is None:
                continue
            reads = node.op in _READERS or (source.op in REFERENCES and node.op in pure)
            if not reads:
                yield node, key
