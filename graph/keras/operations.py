"""Calls of operations: their arguments by name, checked against the operation's class, and what they become."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from graph.errors import UnsupportedArgumentError, UnsupportedDtypeError
from graph.keras import (
    element_operations,
    reduction_operations,
    shape_operations,
    slice_operations,
)
from graph.keras.dialects import OPERATION_ACTIVATIONS
from graph.keras.draft import Site, Tensors
from graph.keras.operands import read_plain
from graph.keras.operation import NUMERIC, Operation
from graph.keras.operation_classes import OPERATION_CLASSES, OTHER_NAMES, OperationClass
from graph.keras.policies import check_dtype
from graph.keras.tensorflow_functions import TENSORFLOW_FUNCTIONS

# Entries of every layer's configuration that say nothing of what it computes.
_COMMON = frozenset({"name", "trainable", "function"})
LOWERINGS: Mapping[str, Callable[[Operation], str | Tensors]] = MappingProxyType(
    {
        **{
            name: element_operations.activation(function, parameters)
            for name, (function, parameters) in OPERATION_ACTIVATIONS.items()
        },
        **element_operations.LOWERINGS,
        **shape_operations.LOWERINGS,
        **slice_operations.LOWERINGS,
        **reduction_operations.LOWERINGS,
    }
)


def lower_operation(site: Site) -> str | Tensors:
    """Add the nodes of one call of an operation.

    Raises:
        UnsupportedArgumentError: an argument that is not supported, or missing.
        UnsupportedDtypeError: arithmetic that means something else for the types of its operands.
    """
    if any(site.draft.keras_type(value) not in NUMERIC for value in site.inputs):
        raise UnsupportedDtypeError(
            f"{site.arguments.where} is called on strings", expected="numbers or truth values"
        )
    name = site.layer.class_name.removeprefix("ops/")
    return LOWERINGS[name](Operation(site, _bound(site, OPERATION_CLASSES[name])))


def _bound(site: Site, accepted: OperationClass) -> dict[str, Any]:
    """Return all arguments of a call by name.

    Raises:
        UnsupportedArgumentError: one that the operation has not, or one that it has twice.
    """
    function = site.layer.arguments.get("function")
    if isinstance(function, str):
        known = TENSORFLOW_FUNCTIONS[function]
        found = {**known.arguments(site.call.named), known.first: site.call.operands[0]}
    else:
        found = _of_keras(site, accepted)
    names = {*accepted.positions, *accepted.names}
    for name, value in found.items():
        if name not in names and value is not None:
            raise UnsupportedArgumentError(
                f"{site.arguments.where} has an argument {name!r} that is not supported",
                expected=", ".join(sorted(names)),
            )
    return {name: value for name, value in found.items() if value is not None and name in names}


def _of_keras(site: Site, accepted: OperationClass) -> dict[str, Any]:
    names = {*accepted.positions, *accepted.names}
    found: dict[str, Any] = {}
    for name, value in site.layer.arguments.items():
        own = _own_name(name, names)
        if own == "dtype" and own not in names:
            check_dtype(value, site.arguments.where)
        elif name not in _COMMON:
            found[own] = read_plain(value, site.arguments.where)
    if len(site.call.operands) > len(accepted.positions):
        raise UnsupportedArgumentError(
            f"{site.arguments.where} is called with too many arguments",
            expected=f"at most {len(accepted.positions)}",
            got=str(len(site.call.operands)),
        )
    given = dict(zip(accepted.positions, site.call.operands, strict=False))
    for name, value in {**given, **site.call.named}.items():
        found[_own_name(name, names)] = value
    return found


def _own_name(name: str, names: set[str]) -> str:
    return name if name in names else OTHER_NAMES.get(name, name)
