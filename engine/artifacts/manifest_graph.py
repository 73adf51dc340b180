"""The graph of a model whose inputs have axes of varying length, as a part of an artifact's manifest.

Ops are named, and built from their fields by the types that their classes declare: nothing else can be named. Weights
are stored as the matrices that the program has of them, so that the file holds equal ones once.
"""

import math
from collections.abc import Callable
from dataclasses import fields
from enum import StrEnum
from typing import Any

import numpy as np

from engine.artifacts.manifest_program import decode_constant, encode_constant
from engine.artifacts.record import (
    Record,
    as_flag,
    as_float,
    as_integer,
    as_items,
    as_member,
    as_text,
)
from engine.artifacts.sections import MAX_SECTION_AXES, SectionReader, SectionWriter
from engine.core import limits
from engine.core.errors import ArtifactProgramError, ManifestError, WeightFormError
from engine.core.program import dense_array
from engine.passes.lower import LOWERED
from engine.planning.plan import Varying
from graph import attention_ops, conv_ops, ops, pooling_ops
from graph.activations import ActivationFunction, Function
from graph.element_ops import BinaryFunction
from graph.errors import PrunusError
from graph.graph import Graph, Input, Node, Output, WeightArray
from graph.interpolation import Interpolation
from graph.recurrent_ops import Cell, GruCell, LstmCell, RecurrentResult, SimpleRnnCell
from graph.reduction_ops import CumulativeKind, ReduceKind
from graph.sizes import Sizes, at_sizes
from graph.tensor_type import DType, TensorType
from graph.verify import verify
from graph.windows import Padding

# What can be lowered can be stored, and nothing else.
OPS: dict[str, type[Any]] = {op.__name__: op for op in LOWERED}
_MAX_SIZES = 8
# Numbers of a Rescaling, one for each channel.
_MAX_NUMBERS = 1_000_000
_LARGEST = 2**31
_Decode = Callable[[Any, str], Any]
# What may come of fields of the right types that make no sense together.
_NONSENSE = (PrunusError, ArithmeticError, ValueError, LookupError, TypeError)


def encode_varying(varying: Varying, sections: SectionWriter) -> dict[str, Any]:
    """As JSON; adds the weights to `sections`."""
    graph = varying.graph
    convolved = {node.weights[0] for node in graph.nodes if isinstance(node.op, conv_ops.Conv)}
    return {
        "name": graph.name,
        "inputs": [
            {"name": one.name, "dtype": one.type.dtype.value, "shape": list(one.type.sample_shape)}
            for one in graph.inputs
        ],
        "nodes": [_encode_node(node) for node in graph.nodes],
        "outputs": [{"name": one.name, "value": one.value} for one in graph.outputs],
        "weights": {
            name: _encode_weight(array, sections, is_convolved=name in convolved)
            for name, array in graph.weights.items()
        },
        "sizes": [[list(sizes[one.name]) for one in graph.inputs] for sizes in varying.sizes],
    }


def decode_varying(record: Record, sections: SectionReader) -> Varying:
    """From JSON, verified at every size that it names.

    Raises:
        ManifestError: not of the documented form.
        SectionError: a section that is not there.
        WeightFormError: a weight that is not stored as its shape wants.
        ArtifactProgramError: the graph is not valid.
    """
    weights = record.record("weights")
    graph = Graph(
        name=_decode_name(record.take("name"), f"{record.path}.name"),
        inputs=record.items("inputs", limits.MAX_SLOTS, _decode_input),
        nodes=record.items("nodes", limits.MAX_STEPS, _decode_node),
        outputs=record.items("outputs", limits.MAX_SLOTS, _decode_output),
        weights={
            name: _decode_weight(value, f"{weights.path}.{name}", sections)
            for name, value in weights.entries(limits.MAX_SECTIONS)
        },
    )
    shapes = record.items("sizes", _MAX_SIZES, _decode_shapes, 1)
    record.done()
    try:
        verify(graph)
        sizes = tuple(_named(graph, one) for one in shapes)
        for one in sizes:
            at_sizes(graph, one)
    except _NONSENSE as error:
        raise ArtifactProgramError("the graph of the model is not valid", got=str(error)) from error
    return Varying(graph, sizes)


def _named(graph: Graph, shapes: tuple[tuple[int, ...], ...]) -> Sizes:
    names = [given.name for given in graph.inputs]
    return dict(zip(names, shapes, strict=True))


def _encode_node(node: Node) -> dict[str, Any]:
    return {
        "name": node.name,
        "op": type(node.op).__name__,
        "fields": _encode_fields(node.op),
        "inputs": list(node.inputs),
        "weights": list(node.weights),
        "layer": node.layer,
    }


def _encode_fields(value: Any) -> dict[str, Any]:
    return {field.name: _encode(getattr(value, field.name)) for field in fields(value)}


def _encode(value: Any) -> Any:
    match value:
        case ActivationFunction():
            return _encode_fields(value)
        case LstmCell() | GruCell() | SimpleRnnCell():
            return {"kind": _CELL_NAMES[type(value)], **_encode_fields(value)}
        case tuple():
            return [_encode(item) for item in value]
        case float():
            return value.hex()
        case StrEnum():
            return value.value
        case _:
            return value


def _decode_name(value: Any, path: str) -> str:
    return "" if value == "" else as_text(value, path)


def _decode_input(value: Any, path: str) -> Input:
    record = Record(value, path)
    dtype = as_member(DType)(record.take("dtype"), f"{path}.dtype")
    shape = record.items("shape", limits.MAX_AXES, _decode_length)
    found = Input(record.text("name"), TensorType(dtype, (None, *shape)))
    record.done()
    return found


def _decode_length(value: Any, path: str) -> int | None:
    return None if value is None else as_integer(value, path, 1, limits.MAX_BUFFER_ROWS)


def _decode_shapes(value: Any, path: str) -> tuple[tuple[int, ...], ...]:
    return as_items(value, path, limits.MAX_SLOTS, _decode_shape)


def _decode_shape(value: Any, path: str) -> tuple[int, ...]:
    return as_items(value, path, limits.MAX_AXES, _decode_positive)


def _decode_positive(value: Any, path: str) -> int:
    return as_integer(value, path, 1, limits.MAX_BUFFER_ROWS)


def _decode_output(value: Any, path: str) -> Output:
    record = Record(value, path)
    found = Output(record.text("name"), record.text("value"))
    record.done()
    return found


def _decode_node(value: Any, path: str) -> Node:
    record = Record(value, path)
    name = record.text("op")
    if name not in OPS:
        raise ManifestError(f"{path} has an unknown op", got=name[:80])
    op = _decode_fields(OPS[name], record.record("fields"))
    node = Node(
        record.text("name"),
        op,
        record.items("inputs", limits.MAX_SLOTS, as_text),
        record.items("weights", limits.MAX_AXES, as_text),
        _decode_name(record.take("layer"), f"{path}.layer"),
    )
    record.done()
    return node


def _decode_fields(kind: type[Any], record: Record) -> Any:
    values = {
        field.name: _DECODERS[field.type](record.take(field.name), f"{record.path}.{field.name}")
        for field in fields(kind)
    }
    record.done()
    return kind(**values)


def _decode_number(value: Any, path: str) -> int:
    """Axes may be negative."""
    return as_integer(value, path, -_LARGEST, _LARGEST)


def _decode_numbers(value: Any, path: str) -> tuple[int, ...]:
    """Axes, or the numbers of elements along one."""
    return as_items(value, path, _MAX_NUMBERS, _decode_number)


def _decode_finite(value: Any, path: str) -> float:
    number = as_float(value, path)
    if not math.isfinite(number):
        raise ManifestError(f"{path} is not finite", got=str(number))
    return number


def _decode_function(value: Any, path: str) -> ActivationFunction:
    found: ActivationFunction = _decode_fields(ActivationFunction, Record(value, path))
    return found


_CELLS: dict[str, type[Any]] = {"lstm": LstmCell, "gru": GruCell, "simple_rnn": SimpleRnnCell}
_CELL_NAMES = {cell: name for name, cell in _CELLS.items()}


def _decode_cell(value: Any, path: str) -> Cell:
    record = Record(value, path)
    name = record.text("kind")
    if name not in _CELLS:
        raise ManifestError(f"{path} is of an unknown kind", got=name[:80])
    found: Cell = _decode_fields(_CELLS[name], record)
    return found


# By the annotations of the op classes.
_DECODERS: dict[Any, _Decode] = {
    int: _decode_number,
    int | None: lambda value, path: None if value is None else _decode_number(value, path),
    bool: as_flag,
    float: _decode_finite,
    int | None: lambda value, path: None if value is None else _decode_number(value, path),
    float | None: lambda value, path: None if value is None else _decode_finite(value, path),
    tuple[int, ...]: _decode_numbers,
    tuple[int, int]: lambda value, path: as_items(value, path, 2, _decode_number, 2),
    tuple[int, ...] | None: lambda value, path: (
        None if value is None else _decode_numbers(value, path)
    ),
    tuple[float, ...]: lambda value, path: as_items(value, path, _MAX_NUMBERS, _decode_finite),
    tuple[tuple[int, int], ...]: lambda value, path: as_items(
        value, path, limits.MAX_AXES, _decode_numbers
    ),
    ActivationFunction: _decode_function,
    Cell: _decode_cell,
    RecurrentResult: as_member(RecurrentResult),
    Function: as_member(Function),
    Padding: as_member(Padding),
    Interpolation: as_member(Interpolation),
    attention_ops.Masking: as_member(attention_ops.Masking),
    ops.MergeKind: as_member(ops.MergeKind),
    BinaryFunction: as_member(BinaryFunction),
    ReduceKind: as_member(ReduceKind),
    CumulativeKind: as_member(CumulativeKind),
    DType: as_member(DType),
    pooling_ops.PoolKind: as_member(pooling_ops.PoolKind),
}


def _encode_weight(
    array: WeightArray, sections: SectionWriter, *, is_convolved: bool
) -> dict[str, Any]:
    """Write a weight; of more than two axes as a matrix whose columns are its last axis.

    The rows of a kernel of convolution are channel after channel, as in the program.
    """
    ordered = np.moveaxis(array, -2, 0) if is_convolved else array
    matrix = ordered.reshape(-1, array.shape[-1]) if array.ndim > 2 else array
    return {
        "shape": list(array.shape),
        "channels_first": is_convolved,
        "matrix": encode_constant(np.ascontiguousarray(matrix), sections),
    }


def _decode_weight(value: Any, path: str, sections: SectionReader) -> WeightArray:
    record = Record(value, path)
    shape = record.items("shape", MAX_SECTION_AXES, as_integer)
    is_convolved = record.flag("channels_first")
    matrix = dense_array(decode_constant(record.take("matrix"), f"{path}.matrix", sections))
    record.done()
    # A single number is stored as an array of one.
    wanted = (math.prod(shape[:-1]), shape[-1]) if len(shape) > 2 else shape or (1,)
    if matrix.dtype != np.float32 or matrix.shape != wanted or (is_convolved and len(shape) < 3):
        raise WeightFormError(f"{path}: the matrix does not fit a weight of shape {list(shape)}")
    if not is_convolved:
        array = matrix.reshape(shape)
    else:
        channels_first = matrix.reshape(shape[-2], *shape[:-2], shape[-1])
        array = np.ascontiguousarray(np.moveaxis(channels_first, 0, -2))
    array.flags.writeable = False  # nobody else holds it, and a graph copies what can be written
    return array
