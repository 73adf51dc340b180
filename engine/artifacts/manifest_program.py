"""A program as JSON, and back; arrays are named by section number.

Steps are written by their class and fields: a place as [buffer, first row, rows], an element function
as its name and parameters. Decoding checks kinds and ranges only; `engine.core.program_check` checks the
rest on the program itself.
"""

from collections.abc import Callable
from dataclasses import fields
from enum import StrEnum
from typing import Any

import numpy as np

from engine.artifacts.record import (
    Record,
    as_flag,
    as_float,
    as_integer,
    as_items,
    as_member,
    as_text,
)
from engine.artifacts.row_steps import row_steps, rows_of_steps
from engine.artifacts.sections import SectionReader, SectionWriter
from engine.core import limits
from engine.core.attention_steps import MaskedKind
from engine.core.errors import ManifestError, WeightFormError
from engine.core.functions import (
    MAX_MERGE_INPUTS,
    MAX_PARAMETERS,
    ElementFunction,
    FusedActivation,
    MergeOp,
)
from engine.core.general_steps import BinaryFunction, Fold, Scan
from engine.core.program import Array, Constant, InputSlot, OutputSlot, Program, SparseMatrix
from engine.core.recurrent_steps import Cell, MaskedOutput, SequenceResult
from engine.core.steps import (
    AffineStep,
    BinaryStep,
    ConstantStep,
    ConvStep,
    CopyStep,
    DenseStep,
    DepthwiseStep,
    DotStep,
    ElementStep,
    FoldStep,
    GluStep,
    GroupFunction,
    LayerNormStep,
    LookupStep,
    MaskedSoftmaxStep,
    MergeStep,
    MoveStep,
    Pack,
    Place,
    PoolStep,
    PReluStep,
    ProductStep,
    RecurrentStep,
    ReduceStep,
    ResampleStep,
    RootStep,
    ScanStep,
    SelectStep,
    SoftmaxStep,
    Step,
    TransposeStep,
    Unpack,
)
from engine.core.window_steps import Reduction, Root

_STEP_CLASSES: dict[str, type[Any]] = {
    "pack": Pack,
    "unpack": Unpack,
    "dense": DenseStep,
    "element": ElementStep,
    "copy": CopyStep,
    "transpose": TransposeStep,
    "affine": AffineStep,
    "prelu": PReluStep,
    "merge": MergeStep,
    "glu": GluStep,
    "softmax": SoftmaxStep,
    "layer_norm": LayerNormStep,
    "dot": DotStep,
    "recurrent": RecurrentStep,
    "binary": BinaryStep,
    "select": SelectStep,
    "constant": ConstantStep,
    "fold": FoldStep,
    "scan": ScanStep,
    "conv": ConvStep,
    "depthwise": DepthwiseStep,
    "pool": PoolStep,
    "move": MoveStep,
    "reduce": ReduceStep,
    "resample": ResampleStep,
    "root": RootStep,
    "lookup": LookupStep,
    "product": ProductStep,
    "masked_softmax": MaskedSoftmaxStep,
}
_STEP_NAMES = {step: name for name, step in _STEP_CLASSES.items()}
_Decode = Callable[[Any, str], Any]


def encode_program(program: Program, sections: SectionWriter) -> dict[str, Any]:
    """As JSON; adds the constants to `sections`."""
    return {
        "name": program.name,
        "inputs": [_encode_fields(slot) for slot in program.inputs],
        "outputs": [_encode_fields(slot) for slot in program.outputs],
        "buffers": list(program.buffers),
        "steps": [{"kind": _STEP_NAMES[type(s)], **_encode_fields(s)} for s in program.steps],
        "constants": {
            name: encode_constant(constant, sections)
            for name, constant in program.constants.items()
        },
    }


def decode_program(
    record: Record, sections: SectionReader, *, has_row_groups: bool = True
) -> Program:
    """From JSON.

    Args:
        record: the program.
        sections: the arrays of the file.
        has_row_groups: whether steps with numbers for rows say how the rows are grouped; otherwise each row has its
            own number.

    Raises:
        ManifestError: not of the documented form.
        SectionError: a section that is not there.
        WeightFormError: a sparse matrix that is none.
    """
    constants = record.record("constants")
    decode_step = _decode_step if has_row_groups else _decode_ungrouped_step
    program = Program(
        name=record.text("name"),
        inputs=record.items("inputs", limits.MAX_SLOTS, _decoder(InputSlot)),
        outputs=record.items("outputs", limits.MAX_SLOTS, _decoder(OutputSlot)),
        buffers=record.items("buffers", limits.MAX_BUFFERS, as_integer),
        steps=record.items("steps", limits.MAX_STEPS, decode_step),
        constants={
            name: decode_constant(value, f"{constants.path}.{name}", sections)
            for name, value in constants.entries(limits.MAX_SECTIONS)
        },
    )
    record.done()
    return program


def _encode_fields(value: Any) -> dict[str, Any]:
    return {field.name: _encode(getattr(value, field.name)) for field in fields(value)}


def _encode(value: Any) -> Any:
    match value:
        case Place():
            return [value.buffer, value.first, value.rows]
        case ElementFunction():
            return {"name": value.function.value, "parameters": _encode(value.parameters)}
        case tuple():
            return [_encode(item) for item in value]
        case float():
            return value.hex()
        case StrEnum():
            return value.value
        case _:
            return value


def _decode_step(value: Any, path: str) -> Step:
    record = Record(value, path)
    name = record.text("kind")
    if name not in _STEP_CLASSES:
        raise ManifestError(f"{path} is of an unknown kind", got=name[:80])
    return _decode_fields(_STEP_CLASSES[name], record)


def _decode_ungrouped_step(value: Any, path: str) -> Step:
    """Decode a step of files in which each row has a number of its own."""
    if not isinstance(value, dict) or value.get("kind") not in ("affine", "prelu"):
        return _decode_step(value, path)
    known = {"outer", "length", "inner"} & value.keys()
    if known:
        raise ManifestError(f"{path} has unknown fields", got=", ".join(sorted(known)))
    place = value.get("y")
    rows = place[-1] if isinstance(place, list) and place else None
    return _decode_step({**value, "outer": 1, "length": rows, "inner": 1}, path)


def _decoder(kind: type[Any]) -> _Decode:
    return lambda value, path: _decode_fields(kind, Record(value, path))


def _decode_fields(kind: type[Any], record: Record) -> Any:
    values = {
        field.name: _DECODERS[field.type](record.take(field.name), f"{record.path}.{field.name}")
        for field in fields(kind)
    }
    record.done()
    return kind(**values)


def _decode_place(value: Any, path: str) -> Place:
    return Place(*as_items(value, path, 3, as_integer, 3))


def _decode_function(value: Any, path: str) -> ElementFunction:
    record = Record(value, path)
    function = as_member(FusedActivation)(record.take("name"), f"{path}.name")
    parameters = record.items("parameters", MAX_PARAMETERS, as_float)
    record.done()
    return ElementFunction(function, parameters)


# By the annotations of the step and slot classes.
_DECODERS: dict[Any, _Decode] = {
    int: as_integer,
    str: as_text,
    bool: as_flag,
    float: as_float,
    str | None: lambda value, path: None if value is None else as_text(value, path),
    float | None: lambda value, path: None if value is None else as_float(value, path),
    Place: _decode_place,
    Place | None: lambda value, path: None if value is None else _decode_place(value, path),
    tuple[Place, ...]: lambda value, path: as_items(value, path, MAX_MERGE_INPUTS, _decode_place),
    tuple[int, ...]: lambda value, path: as_items(value, path, limits.MAX_AXES, as_integer),
    ElementFunction: _decode_function,
    MergeOp: as_member(MergeOp),
    GroupFunction: as_member(GroupFunction),
    MaskedKind: as_member(MaskedKind),
    Reduction: as_member(Reduction),
    BinaryFunction: as_member(BinaryFunction),
    Fold: as_member(Fold),
    Scan: as_member(Scan),
    Root: as_member(Root),
    Cell: as_member(Cell),
    SequenceResult: as_member(SequenceResult),
    MaskedOutput: as_member(MaskedOutput),
}


def encode_constant(constant: Constant, sections: SectionWriter) -> dict[str, Any]:
    """As JSON; adds the arrays to `sections`."""
    matrix = constant if isinstance(constant, SparseMatrix) else _sparse_form(constant)
    if matrix is None:
        return {"form": "dense", "section": sections.add(constant)}  # type: ignore[arg-type]
    steps = row_steps(matrix)
    rows = ("sparse", "rows", matrix.rows) if steps is None else ("stepped", "steps", steps)
    return {
        "form": rows[0],
        "shape": list(matrix.shape),
        "starts": sections.add(matrix.starts),
        rows[1]: sections.add(rows[2]),
        "values": sections.add(matrix.values),
    }


def _sparse_form(array: Array) -> SparseMatrix | None:
    """Return the matrix by its non-zeros, where that is smaller."""
    if array.ndim != 2 or array.dtype != np.float32:
        return None
    columns, rows = np.nonzero(array.T)
    row_type = np.uint16 if array.shape[0] <= 2**16 else np.uint32
    starts = np.zeros(array.shape[1] + 1, np.uint32)
    if starts.nbytes + columns.size * (4 + np.dtype(row_type).itemsize) >= array.nbytes:
        return None
    np.cumsum(np.bincount(columns, minlength=array.shape[1]), out=starts[1:])
    shape = (int(array.shape[0]), int(array.shape[1]))
    return SparseMatrix(shape, starts, rows.astype(row_type), array[rows, columns])


def decode_constant(value: Any, path: str, sections: SectionReader) -> Constant:
    """From JSON.

    Raises:
        ManifestError: not of the documented form.
        SectionError: a section that is not there.
        WeightFormError: a sparse matrix that is none.
    """
    record = Record(value, path)
    form = record.text("form")
    constant: Constant
    if form == "dense":
        constant = sections.array(record.integer("section"))
    elif form in {"sparse", "stepped"}:
        shape = record.items("shape", 2, as_integer, 2)
        names = ("starts", "rows" if form == "sparse" else "steps", "values")
        starts, rows, values = (sections.array(record.integer(name)) for name in names)
        if form == "stepped":
            rows = rows_of_steps(starts, rows, path)
        constant = SparseMatrix((shape[0], shape[1]), starts, rows, values)
        _check_sparse(constant, path)
    else:
        raise ManifestError(
            f"{path} has an unknown form", expected="dense, sparse or stepped", got=form[:80]
        )
    record.done()
    return constant


def _check_sparse(matrix: SparseMatrix, path: str) -> None:
    """A matrix that can be written out without leaving its shape."""
    inputs, units = matrix.shape
    starts, rows, values = matrix.starts, matrix.rows, matrix.values
    fits = (
        0 < inputs <= limits.MAX_BUFFER_ROWS
        and 0 < units <= limits.MAX_BUFFER_ROWS
        and inputs * units * 4 <= limits.MAX_ARTIFACT_BYTES
        and starts.dtype == np.uint32
        and starts.shape == (units + 1,)
        and rows.dtype in (np.uint16, np.uint32)
        and values.dtype == np.float32
        and rows.ndim == values.ndim == 1
        and rows.size == values.size == int(starts[-1])
    )
    if not fits:
        raise WeightFormError(f"{path}: the arrays do not fit a matrix of {inputs} x {units}")
    ordered = int(starts[0]) == 0 and bool((starts[1:] >= starts[:-1]).all())
    if not ordered or (rows.size and int(rows.max()) >= inputs):
        raise WeightFormError(f"{path}: entries lie outside a matrix of {inputs} x {units}")
