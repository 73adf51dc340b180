"""The front part of a model: what is done with texts, exact integers and lookups before the network, in NumPy.

A model whose layers hash, look up, split or encode values has two parts. The network (`Graph.nodes`) computes with
floats and is what is pruned and compiled. The front part (`Graph.front`) makes the network's inputs of what the caller
gives: each of the network's inputs takes the value of the front part that has its name. The ops of a front part are
listed here, and nothing else may stand in one.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from graph import limits
from graph.errors import GraphError, ShapeError, VerifyError
from graph.graph import Front, Input, Node
from graph.lookup_ops import Cross, Discretize, Encode, Hash, Lookup, TokenAt
from graph.op import Op
from graph.shape_ops import Concatenate, Permute, RepeatVector, Reshape
from graph.tensor_type import DType, TensorType
from graph.text_ops import Vectorize
from graph.vocabulary import Vocabulary

LOOKUPS: tuple[type[Any], ...] = (Discretize, Hash, Cross, Lookup, TokenAt, Encode, Vectorize)
# Ops of the network that only move elements: in a front part they do so with texts and integers, too.
MOVES: tuple[type[Any], ...] = (Reshape, Permute, RepeatVector, Concatenate)

Arrays = Mapping[str, npt.NDArray[Any]]


def is_lookup(op: Op) -> bool:
    """Return whether an op can stand in a front part only."""
    return isinstance(op, LOOKUPS)


def type_of(node: Node, types: Mapping[str, TensorType]) -> TensorType:
    """Return the type of the value that a node of a front part makes.

    Raises:
        ShapeError: the op refuses its inputs.
    """
    given = tuple(types[name] for name in node.inputs)
    if is_lookup(node.op):
        return node.op.infer(given, ())
    kinds = {one.dtype for one in given}
    if len(kinds) != 1:
        raise ShapeError("values of several types are joined", got=", ".join(sorted(kinds)))
    return replace(node.op.infer(given, ()), dtype=kinds.pop())


def types_of(front: Front) -> dict[str, TensorType]:
    """Return the types of all values of a front part, by name.

    Raises:
        ShapeError: an op refuses its inputs.
    """
    types = {given.name: given.type for given in front.inputs}
    for node in front.nodes:
        types[node.name] = type_of(node, types)
    return types


def verify_front(front: Front, inputs: Sequence[Input]) -> None:
    """Check a front part, and that it makes the inputs of a network.

    Raises:
        VerifyError: an op, a name or a type is not as it must be, or its vocabularies are too large together.
    """
    types: dict[str, TensorType] = {}
    for given in front.inputs:
        _expect_new(given.name, types)
        if given.type.rank < 1 or given.type.rank > limits.MAX_RANK or given.type.shape[0]:
            raise VerifyError(f"input {given.name!r} has no batch axis, or too many axes")
        types[given.name] = given.type
    for node in front.nodes:
        _verify_node(node, types)
    for one in inputs:
        made = types.get(one.name)
        if made is None or made.dtype is not one.type.dtype or not _fits(one.type, made):
            raise VerifyError(
                f"the front part does not make input {one.name!r} of the network",
                expected=str(one.type),
                got=str(made),
            )
    tokens = sum(len(found) for found in vocabularies(front))
    if tokens > limits.MAX_ALL_TOKENS:
        raise VerifyError(
            "the vocabularies are too large together",
            expected=f"at most {limits.MAX_ALL_TOKENS:,} tokens",
            got=f"{tokens:,}",
        )


def _verify_node(node: Node, types: dict[str, TensorType]) -> None:
    _expect_new(node.name, types)
    if type(node.op) not in (*LOOKUPS, *MOVES) or node.weights:
        raise VerifyError(
            f"node {node.name!r} has no place in a front part", got=type(node.op).__name__
        )
    missing = [name for name in node.inputs if name not in types]
    if missing or not node.inputs:
        raise VerifyError(f"node {node.name!r} of the front part uses a value that is not there")
    try:
        found = type_of(node, types)
    except ShapeError as error:
        raise VerifyError(
            f"layer {node.layer or node.name!r}: {error.message}",
            expected=error.expected,
            got=error.got,
        ) from error
    elements = math.prod(1 if axis is None else axis for axis in found.sample_shape)
    if found.rank > limits.MAX_RANK or not 1 <= elements <= limits.MAX_SAMPLE_ELEMENTS:
        raise VerifyError(f"{node.name!r} has an unusable number of elements per sample")
    types[node.name] = found


def _expect_new(name: str, types: Mapping[str, TensorType]) -> None:
    if not name or len(name) > limits.MAX_NAME_LENGTH or name in types:
        raise VerifyError(
            "a name of the front part is empty, too long or used twice", got=name[:80]
        )


def _fits(wanted: TensorType, made: TensorType) -> bool:
    """Return whether a value is of a shape that an input takes; the input may be at a size of its own."""
    return wanted.rank == made.rank and all(
        own is None or length in (None, own)
        for length, own in zip(wanted.shape, made.shape, strict=True)
    )


def vocabularies(front: Front) -> tuple[Vocabulary, ...]:
    """Return the vocabularies of all lookups, in order."""
    return tuple(
        node.op.vocabulary
        for node in front.nodes
        if isinstance(node.op, (Lookup, TokenAt, Vectorize))
    )


def run_front(front: Front, given: Arrays, wanted: Iterable[str]) -> dict[str, npt.NDArray[Any]]:
    """Compute what the network takes.

    Args:
        front: a verified front part.
        given: an array (batch, *sample shape) for each of its inputs; texts are arrays of `bytes` objects.
        wanted: names of the network's inputs.

    Raises:
        UnknownValueError: a value has no place in what it is looked up in.
        GraphError: an input is missing.
    """
    values: dict[str, npt.NDArray[Any]] = {}
    for one in front.inputs:
        if one.name not in given:
            raise GraphError(f"input {one.name!r} is missing", got=", ".join(given))
        values[one.name] = np.asarray(given[one.name])
    for node in front.nodes:
        values[node.name] = node.op.evaluate([values[name] for name in node.inputs], [])
    return {name: values[name] for name in wanted}


def bytes_of_sample(front: Front) -> int:
    """Return the bytes of all values of one sample, about; axes of varying length count as one."""
    total = 0
    for made in types_of(front).values():
        elements = math.prod(1 if axis is None else axis for axis in made.sample_shape)
        total += elements * (8 if made.dtype is DType.STRING else made.dtype.numpy.itemsize)
    return total
