"""The front part of a model as a part of an artifact's manifest; its tokens and boundaries are sections.

Ops are named, and built from their fields by the types that their classes declare: nothing else can be named. The whole
is verified beside the program's inputs before it is used.
"""

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from engine.artifacts.record import Record, as_flag, as_integer, as_items, as_member, as_text
from engine.artifacts.sections import SectionReader, SectionWriter
from engine.core import limits
from engine.core.errors import ArtifactProgramError, ManifestError
from engine.core.program import InputSlot
from graph.errors import PrunusError
from graph.front import LOOKUPS, MOVES, verify_front
from graph.graph import Front, Input, Node
from graph.lookup_ops import Encoding, Salt
from graph.tensor_type import DType, TensorType
from graph.text_ops import Split, Standardization
from graph.vocabulary import Token, Vocabulary

_OPS: dict[str, type[Any]] = {op.__name__: op for op in (*LOOKUPS, *MOVES)}
# Hexadecimal digits of a token.
_TOKEN_CHARACTERS = 2 * 4096
_NONSENSE = (PrunusError, ArithmeticError, ValueError, LookupError, TypeError)


def encode_front(front: Front, sections: SectionWriter) -> dict[str, Any]:
    """As JSON; adds tokens and boundaries to `sections`."""
    return {
        "inputs": [
            {"name": one.name, "dtype": one.type.dtype.value, "shape": list(one.type.sample_shape)}
            for one in front.inputs
        ],
        "nodes": [
            {
                "name": node.name,
                "op": type(node.op).__name__,
                "fields": {
                    field.name: _encode(getattr(node.op, field.name), sections)
                    for field in fields(node.op)
                },
                "inputs": list(node.inputs),
                "layer": node.layer,
            }
            for node in front.nodes
        ],
    }


def decode_front(record: Record, sections: SectionReader, slots: Sequence[InputSlot]) -> Front:
    """From JSON, verified to make the inputs of a program.

    Raises:
        ManifestError: not of the documented form.
        SectionError: a section that is not there.
        ArtifactProgramError: the front part is not valid, or does not fit the program.
    """
    inputs = record.items("inputs", limits.MAX_SLOTS, _decode_input)
    nodes = record.items(
        "nodes", limits.MAX_STEPS, lambda value, path: _decode_node(value, path, sections)
    )
    record.done()
    front = Front(inputs, nodes)
    try:
        verify_front(
            front,
            [
                Input(slot.name, TensorType(DType(slot.dtype), (None, *slot.sample_shape)))
                for slot in slots
            ],
        )
    except _NONSENSE as error:
        raise ArtifactProgramError(
            "the front part of the model is not valid", got=str(error)
        ) from error
    return front


def _encode(value: Any, sections: SectionWriter) -> Any:
    match value:
        case Vocabulary():
            return _encode_vocabulary(value, sections)
        case bytes():
            return {"text": value.hex()}
        case tuple() if value and isinstance(value[0], float):
            return sections.add(np.asarray(value, np.float32))
        case tuple():
            return [str(item) for item in value]
        case bool() | None:
            return value
        case int():
            return str(value)
        case _:
            return value.value


def _encode_vocabulary(vocabulary: Vocabulary, sections: SectionWriter) -> dict[str, Any]:
    texts = [token for token in vocabulary.tokens if isinstance(token, bytes)]
    if not texts:
        return {"numbers": sections.add(np.asarray(vocabulary.tokens, np.int64))}
    return {
        "texts": sections.add(np.frombuffer(b"".join(texts), np.uint8)),
        "lengths": sections.add(np.fromiter(map(len, texts), np.uint32, len(texts))),
    }


def _decode_vocabulary(value: Any, path: str, sections: SectionReader) -> Vocabulary:
    record = Record(value, path)
    tokens: tuple[Token, ...]
    if "numbers" in record:
        numbers = _array(record, "numbers", np.int64, sections)
        tokens = tuple(numbers.tolist())
    else:
        text = _array(record, "texts", np.uint8, sections).tobytes()
        ends = np.cumsum(_array(record, "lengths", np.uint32, sections).astype(np.int64))
        if not len(ends) or ends[-1] != len(text):
            raise ManifestError(f"{path}: the lengths of tokens do not fit their texts")
        starts = [0, *ends[:-1].tolist()]
        pairs = zip(starts, ends.tolist(), strict=True)
        tokens = tuple(text[start:end] for start, end in pairs)
    record.done()
    try:
        return Vocabulary(tokens)
    except PrunusError as error:
        raise ManifestError(f"{path}: {error.message}", got=error.got) from error


def _array(record: Record, name: str, dtype: type[Any], sections: SectionReader) -> Any:
    array = sections.array(record.integer(name))
    if array.dtype != dtype or array.ndim != 1:
        raise ManifestError(f"{record.path}.{name} is a section of another kind")
    return array


def _decode_input(value: Any, path: str) -> Input:
    record = Record(value, path)
    dtype = as_member(DType)(record.take("dtype"), f"{path}.dtype")
    shape = record.items("shape", limits.MAX_AXES, _decode_length)
    found = Input(record.text("name"), TensorType(dtype, (None, *shape)))
    record.done()
    return found


def _decode_length(value: Any, path: str) -> int | None:
    return None if value is None else as_integer(value, path, 1, limits.MAX_BUFFER_ROWS)


def _decode_node(value: Any, path: str, sections: SectionReader) -> Node:
    record = Record(value, path)
    name = record.text("op")
    if name not in _OPS:
        raise ManifestError(f"{path} has an unknown op", got=name[:80])
    op = _decode_op(_OPS[name], record.record("fields"), sections)
    layer = record.take("layer")
    node = Node(
        record.text("name"),
        op,
        record.items("inputs", limits.MAX_SLOTS, as_text),
        (),
        "" if layer == "" else as_text(layer, f"{path}.layer"),
    )
    record.done()
    return node


def _decode_op(kind: type[Any], record: Record, sections: SectionReader) -> Any:
    values: dict[str, Any] = {}
    for field in fields(kind):
        path, value = f"{record.path}.{field.name}", record.take(field.name)
        if field.type is Vocabulary:
            values[field.name] = _decode_vocabulary(value, path, sections)
        elif field.type == tuple[float, ...]:
            number = as_integer(value, path)
            array = sections.array(number)
            if array.dtype != np.float32 or array.ndim != 1 or not np.isfinite(array).all():
                raise ManifestError(f"{path} is no list of numbers")
            values[field.name] = tuple(array.tolist())
        else:
            values[field.name] = _DECODERS[field.type](value, path)
    record.done()
    return kind(**values)


def _decode_number(value: Any, path: str) -> int:
    """From decimal digits: integers of 64 bits are no numbers of JSON."""
    text = as_text(value, path, 24)
    if not text.removeprefix("-").isdecimal() or not text.isascii():
        raise ManifestError(f"{path} is no whole number", got=text)
    return int(text)


def _decode_token(value: Any, path: str) -> Token:
    if isinstance(value, str):
        return _decode_number(value, path)
    record = Record(value, path)
    digits = record.take("text")
    record.done()
    try:
        return bytes.fromhex("" if digits == "" else as_text(digits, path, _TOKEN_CHARACTERS))
    except ValueError:
        raise ManifestError(f"{path} is no text in hexadecimal digits") from None


def _decode_numbers(value: Any, path: str) -> tuple[int, ...]:
    return as_items(value, path, limits.MAX_AXES, _decode_number)


def _decode_salt(value: Any, path: str) -> Salt:
    first, second = as_items(value, path, 2, _decode_number, 2)
    if not (0 <= first < 2**64 and 0 <= second < 2**64):
        raise ManifestError(f"{path} is no key of two 64-bit words")
    return first, second


def _optional(decode: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    return lambda value, path: None if value is None else decode(value, path)


# By the annotations of the op classes.
_DECODERS: dict[Any, Callable[[Any, str], Any]] = {
    int: _decode_number,
    int | None: _optional(_decode_number),
    bool: as_flag,
    tuple[int, ...]: _decode_numbers,
    Token: _decode_token,
    Token | None: _optional(_decode_token),
    Salt | None: _optional(_decode_salt),
    Encoding: as_member(Encoding),
    Encoding | None: _optional(as_member(Encoding)),
    Standardization: as_member(Standardization),
    Split: as_member(Split),
}
