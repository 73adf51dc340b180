"""SavedModels made by hand, byte by byte, so that each part of one can be wrong: protocol buffers and checkpoints."""

import io
import struct
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from graph.saved_model.crc32c import crc32c

FLOAT, INT32, STRING, INT64, RESOURCE = 1, 3, 7, 9, 20
_NUMBERS = {"float32": FLOAT, "int32": INT32, "int64": INT64}
MAGIC = 0xDB4775248B80FB57


def varint(number: int) -> bytes:
    number &= 2**64 - 1
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*out, number))


def number(field_number: int, value: int) -> bytes:
    return varint(field_number << 3) + varint(value)


def text(field_number: int, value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return varint(field_number << 3 | 2) + varint(len(data)) + data


def entry(field_number: int, key: str, value: bytes) -> bytes:
    return text(field_number, text(1, key) + text(2, value))


def shape(lengths: Sequence[int]) -> bytes:
    return b"".join(text(2, number(1, length)) for length in lengths)


def tensor(array: Any, lengths: Sequence[int] | None = None) -> bytes:
    array = np.asarray(array)
    head = number(1, _NUMBERS[array.dtype.name])
    head += text(2, shape(array.shape if lengths is None else lengths))
    return head + text(4, array.tobytes())


def strings(values: Sequence[str]) -> bytes:
    return number(1, STRING) + text(2, shape([len(values)])) + b"".join(text(8, v) for v in values)


def dtype_attribute(value: int) -> bytes:
    return number(6, value)


def function_attribute(name: str) -> bytes:
    return text(10, text(1, name))


def tensor_attribute(value: bytes) -> bytes:
    return text(8, value)


def node(name: str, op: str, inputs: Sequence[str] = (), **attributes: bytes) -> bytes:
    data = text(1, name) + text(2, op) + b"".join(text(3, one) for one in inputs)
    return data + b"".join(entry(5, key, value) for key, value in attributes.items())


def constant(name: str, array: Any) -> bytes:
    return node(name, "Const", value=tensor_attribute(tensor(array)))


def function(
    name: str, arguments: Sequence[str], results: Mapping[str, str], nodes: Sequence[bytes]
) -> bytes:
    head = text(1, name) + b"".join(text(2, text(1, one)) for one in arguments)
    head += b"".join(text(3, text(1, key)) for key in results)
    data = text(1, head) + b"".join(text(3, one) for one in nodes)
    return data + b"".join(text(4, text(1, key) + text(2, value)) for key, value in results.items())


def endpoint(tensor_name: str, lengths: Sequence[int], dtype: int = FLOAT) -> bytes:
    return text(1, tensor_name) + number(2, dtype) + text(3, shape(lengths))


@dataclass
class Model:
    """A SavedModel: one Dense layer, unless told otherwise.

    Attributes:
        nodes: operations of the outermost graph; a placeholder `x` and what is restored come on top.
        functions: functions of the library.
        inputs: inputs of the signature: tensor, lengths, element type.
        outputs: the same of its outputs.
        tensors: variables by name.
        signature: its name.
        tags: tags of the graph.
    """

    nodes: list[bytes] = field(default_factory=list)
    functions: list[bytes] = field(default_factory=list)
    inputs: dict[str, bytes] = field(default_factory=lambda: {"x": endpoint("x:0", [-1, 3])})
    outputs: dict[str, bytes] = field(default_factory=lambda: {"y": endpoint("y:0", [-1, 2])})
    tensors: dict[str, Any] = field(default_factory=dict)
    signature: str = "serving_default"
    tags: tuple[str, ...] = ("serve",)
    more: bytes = b""

    def graph(self) -> bytes:
        nodes = [node("x", "Placeholder", dtype=dtype_attribute(FLOAT)), *self.nodes]
        if self.tensors:
            names = list(self.tensors)
            nodes += [node(name, "VarHandleOp", shared_name=text(2, name)) for name in names]
            nodes += [
                node("names", "Const", value=tensor_attribute(strings([f"k/{n}" for n in names]))),
                node("slices", "Const", value=tensor_attribute(strings([""] * len(names)))),
                node("prefix", "Placeholder", dtype=dtype_attribute(STRING)),
                node("read", "RestoreV2", ["prefix", "names", "slices"]),
            ]
            assign = [f"set_{name}" for name in names]
            nodes += [
                node(assign[place], "AssignVariableOp", [name, f"read:{place}"])
                for place, name in enumerate(names)
            ]
            nodes.append(node("restore", "NoOp", [f"^{name}" for name in assign]))
        library = b"".join(text(1, one) for one in self.functions)
        return b"".join(text(1, one) for one in nodes) + text(2, library)

    def meta_graph(self) -> bytes:
        signature = b"".join(entry(1, key, value) for key, value in self.inputs.items())
        signature += b"".join(entry(2, key, value) for key, value in self.outputs.items())
        info = b"".join(text(4, tag) for tag in self.tags) + text(5, "2.20.0")
        saver = text(3, text(3, "restore")) if self.tensors else b""
        return text(1, info) + text(2, self.graph()) + saver + entry(5, self.signature, signature)

    def model(self) -> bytes:
        return number(1, 1) + text(2, self.meta_graph()) + self.more

    def files(self) -> dict[str, bytes]:
        found = {"saved_model.pb": self.model()}
        if self.tensors:
            found |= checkpoint({f"k/{name}": array for name, array in self.tensors.items()})
        return found


def dense(kernel: Any = None, bias: Any = None) -> Model:
    """y = x @ kernel + bias."""
    kernel = np.arange(6, dtype=np.float32).reshape(3, 2) if kernel is None else kernel
    bias = np.ones(2, np.float32) if bias is None else bias
    nodes = [
        node("read_kernel", "ReadVariableOp", ["kernel"]),
        node("read_bias", "ReadVariableOp", ["bias"]),
        node("product", "MatMul", ["x", "read_kernel"]),
        node("y", "BiasAdd", ["product", "read_bias"]),
    ]
    return Model(nodes, tensors={"kernel": kernel, "bias": bias})


def masked(data: bytes) -> bytes:
    """A checksum as it is stored."""
    total = crc32c(memoryview(data))
    return struct.pack("<I", ((total >> 15 | total << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def block(entries: Sequence[tuple[bytes, bytes]], compression: int = 0) -> bytes:
    """A block of a table, whose keys share nothing, with its trailer."""
    data = b"".join(
        varint(0) + varint(len(key)) + varint(len(value)) + key + value for key, value in entries
    )
    data += struct.pack("<II", 0, 1)
    kind = bytes([compression])
    return data + kind + masked(data + kind)


def table(entries: Sequence[tuple[bytes, bytes]], compression: int = 0) -> bytes:
    """A sorted table of one block."""
    data = block(entries, compression)
    handle = varint(0) + varint(len(data) - 5)
    empty = block([])
    index = block([(b"\xff", handle)])
    footer = varint(len(data)) + varint(len(empty) - 5)
    footer += varint(len(data) + len(empty)) + varint(len(index) - 5)
    return data + empty + index + footer.ljust(40, b"\0") + struct.pack("<Q", MAGIC)


def bundle_entry(array: Any, place: int, **changed: Any) -> bytes:
    """Where a tensor lies; any part may be said wrongly."""
    data = np.asarray(array).tobytes()
    said = {
        "dtype": _NUMBERS[np.asarray(array).dtype.name], "lengths": np.asarray(array).shape, "shard": 0,
        "offset": place, "size": len(data), "checksum": masked(data), **changed,
    }  # fmt: skip
    return (
        number(1, said["dtype"])
        + text(2, shape(said["lengths"]))
        + number(3, said["shard"])
        + number(4, said["offset"])
        + number(5, said["size"])
        + varint(6 << 3 | 5)
        + said["checksum"]
    )


def checkpoint(tensors: Mapping[str, Any], **changed: Any) -> dict[str, bytes]:
    """The files of a checkpoint; `changed` is said of its last tensor."""
    data = b""
    entries = [(b"", number(1, 1) + text(3, number(1, 1)))]
    for place, (name, array) in enumerate(sorted(tensors.items()), 1):
        wrong = changed if place == len(tensors) else {}
        entries.append((name.encode(), bundle_entry(array, len(data), **wrong)))
        data += np.asarray(array).tobytes()
    return {
        "variables/variables.index": table(entries),
        "variables/variables.data-00000-of-00001": data,
    }


def zipped(files: Mapping[str, bytes], root: str = "") -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in files.items():
            archive.writestr(root + name, content)
    return data.getvalue()


def write(path: Path, saved: Model, **replaced: bytes) -> Path:
    """Write a model as a zip archive, with some of its files replaced: model, index or data."""
    files = saved.files()
    names = {
        "model": "saved_model.pb",
        "index": "variables/variables.index",
        "data": "variables/variables.data-00000-of-00001",
    }
    path.write_bytes(zipped({**files, **{names[key]: value for key, value in replaced.items()}}))
    return path
