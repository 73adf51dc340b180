"""SavedModels that lie, climb, cycle, read files or ask for too much."""

import gzip
import io
import itertools
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from graph.errors import (
    ArchiveError,
    ConfigError,
    DamagedFileError,
    EntryNameError,
    FileLimitError,
    NonFiniteWeightsError,
    NotAModelFileError,
    TopologyError,
    UnsupportedArgumentError,
    UnsupportedDtypeError,
    UnsupportedLayerError,
    WeightsMismatchError,
    ZipBombError,
)
from tests.graph.saved_model import handmade as made
from tests.graph.saved_model.handmade import Model, dense, node, write
from tests.hostile.files.registry import Registry

FILES = Registry()
hostile = FILES.refused_with


def tarred(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for info, data in members:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


@hostile(EntryNameError)
def zipped_saved_model_that_climbs(path: Path) -> None:
    path.write_bytes(made.zipped({"../saved_model.pb": dense().model()}))


@hostile(EntryNameError)
def tar_that_climbs(path: Path) -> None:
    tarred(path, (member("m/../../saved_model.pb"), dense().model()))


@hostile(EntryNameError)
def tar_with_an_absolute_path(path: Path) -> None:
    tarred(path, (member("/saved_model.pb"), dense().model()))


for _name, _kind in (
    ("symbolic link", tarfile.SYMTYPE), ("hard link", tarfile.LNKTYPE), ("device", tarfile.CHRTYPE),
    ("fifo", tarfile.FIFOTYPE),
):  # fmt: skip
    FILES.add(
        f"tar with a {_name}",
        lambda path, kind=_kind: tarred(path, (member("saved_model.pb", kind, "/etc/passwd"), b"")),
        ArchiveError,
    )


@hostile(ArchiveError)
def zipped_saved_model_with_a_link(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("saved_model.pb", dense().model())
        link = zipfile.ZipInfo("variables/variables.index")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")


@hostile(NotAModelFileError)
def two_saved_models(path: Path) -> None:
    data = dense().model()
    path.write_bytes(made.zipped({"a/saved_model.pb": data, "b/saved_model.pb": data}))


@hostile(NotAModelFileError)
def gzip_that_is_no_tar(path: Path) -> None:
    path.write_bytes(gzip.compress(b"hello" * 1000))


@hostile(DamagedFileError)
def gzip_that_is_cut_off(path: Path) -> None:
    tarred(path, (member("saved_model.pb"), dense().model()))
    path.write_bytes(path.read_bytes()[:-40])


@hostile(ZipBombError)
def gzip_bomb(path: Path) -> None:
    head = member("saved_model.pb")
    head.size = 900 * 1024 * 1024
    with gzip.open(path, "wb", compresslevel=9) as file:
        file.write(head.tobuf())
        for _ in range(9):
            file.write(bytes(100 * 1024 * 1024))


@hostile(FileLimitError)
def tar_with_too_many_entries(path: Path) -> None:
    tarred(path, *((member(f"f{number}"), b"") for number in range(2100)))


@hostile(DamagedFileError)
def tar_with_a_wrong_checksum(path: Path) -> None:
    head = bytearray(member("saved_model.pb").tobuf())
    head[0] ^= 1
    path.write_bytes(gzip.compress(bytes(head) + bytes(1024)))


@hostile(DamagedFileError)
def protocol_buffer_that_is_cut_off(path: Path) -> None:
    write(path, dense(), model=dense().model()[:-3])


@hostile(DamagedFileError)
def protocol_buffer_with_a_long_varint(path: Path) -> None:
    write(path, dense(), model=b"\x08" + b"\xff" * 11)


@hostile(DamagedFileError)
def protocol_buffer_with_a_group(path: Path) -> None:
    write(path, dense(), model=b"\x0b\x0c")


@hostile(FileLimitError)
def protocol_buffer_of_many_fields(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("saved_model.pb", b"\x08\x01" * 2_100_000)


@hostile(ConfigError)
def saved_model_without_a_signature(path: Path) -> None:
    write(path, Model(signature="__saved_model_init_op"))


@hostile(ConfigError)
def several_graphs_of_which_none_serves(path: Path) -> None:
    model = dense()
    model.tags = ("train",)
    model.more = made.text(2, model.meta_graph())
    write(path, model)


@hostile(TopologyError)
def function_that_calls_itself(path: Path) -> None:
    call = node("again", "PartitionedCall", ["a"], f=made.function_attribute("f"))
    body = made.function("f", ["a"], {"r": "again:output:0"}, [call])
    write(
        path, Model([node("y", "PartitionedCall", ["x"], f=made.function_attribute("f"))], [body])
    )


@hostile(TopologyError)
def functions_that_call_each_other(path: Path) -> None:
    bodies = [
        made.function(
            name, ["a"], {"r": "call:output:0"},
            [node("call", "PartitionedCall", ["a"], f=made.function_attribute(other))],
        )
        for name, other in (("f", "g"), ("g", "f"))
    ]  # fmt: skip
    write(
        path, Model([node("y", "PartitionedCall", ["x"], f=made.function_attribute("f"))], bodies)
    )


@hostile(FileLimitError)
def functions_that_multiply(path: Path) -> None:
    """Each calls the next one four times: thirty of them are 2^60 operations."""
    bodies = []
    for level in range(30):
        inner = made.function_attribute(f"f{level + 1}")
        calls = [
            node(f"c{n}", "PartitionedCall", [f"c{n - 1}:output:0" if n else "a"], f=inner)
            for n in range(4)
        ]
        bodies.append(made.function(f"f{level}", ["a"], {"r": "c3:output:0"}, calls))
    bodies.append(made.function("f30", ["a"], {"r": "i:output:0"}, [node("i", "Identity", ["a"])]))
    write(
        path, Model([node("y", "PartitionedCall", ["x"], f=made.function_attribute("f0"))], bodies)
    )


@hostile(TopologyError)
def operations_in_a_circle(path: Path) -> None:
    write(path, Model([node("y", "AddV2", ["x", "z"]), node("z", "Relu", ["y"])]))


for _op in (
    "ReadFile", "WriteFile", "MatchingFiles", "LoadV2", "RestoreV2", "PyFunc", "EagerPyFunc", "LoadLibrary", "ShellExecute",
    "TextLineReaderV2", "FixedLengthRecordDataset", "TFRecordDataset", "DecodeRaw", "HashTableV2", "InitializeTableFromTextFileV2",
    "LookupTableFindV2", "RandomUniform", "Where", "If", "XlaLaunch", "TPUExecute", "Send", "Recv", "Print", "A" * 3000,
):  # fmt: skip
    FILES.add(
        f"operation {_op[:40]}",
        lambda path, op=_op: write(path, Model([node("y", op, ["x"])])),
        UnsupportedLayerError,
    )


@hostile(DamagedFileError)
def loop_without_functions(path: Path) -> None:
    write(path, Model([node("y", "While", ["x"])]))


def looping(path: Path, body: list[bytes], loops: int = 1) -> None:
    """Loops over x whose body has some operations; the last one gives y."""
    functions = {"body": made.function_attribute("b"), "cond": made.function_attribute("c")}
    names = ["x", *(f"w{number}" for number in range(loops - 1)), "y"]
    nodes = [
        node(after, "While", [before], **functions) for before, after in itertools.pairwise(names)
    ]
    one = made.function("c", ["a"], {"r": "i:output:0"}, [node("i", "Identity", ["a"])])
    write(path, Model(nodes, [one, made.function("b", ["a"], {"r": "last:output:0"}, body)]))


@hostile(UnsupportedLayerError)
def loop_within_itself(path: Path) -> None:
    functions = {"body": made.function_attribute("b"), "cond": made.function_attribute("c")}
    looping(path, [node("last", "While", ["a"], **functions)])


@hostile(UnsupportedLayerError)
def loop_that_is_no_cell(path: Path) -> None:
    looping(path, [node("last", "Relu", ["a"])])


@hostile(FileLimitError)
def loops_that_multiply(path: Path) -> None:
    names = ["a", *(f"n{number}" for number in range(999)), "last"]
    body = [
        node(after, "Identity", [f"{before}:output:0" if before != "a" else "a"])
        for before, after in itertools.pairwise(names)
    ]
    looping(path, body, loops=300)


@hostile(UnsupportedArgumentError)
def attribute_that_no_rule_knows(path: Path) -> None:
    write(path, Model([node("y", "Relu", ["x"], secret=made.number(3, 1))]))


@hostile(UnsupportedLayerError)
def variable_that_changes(path: Path) -> None:
    model = dense()
    model.nodes += [
        node("more", "AssignAddVariableOp", ["kernel", "read_kernel"]),
        node("z", "Identity", ["y", "^more"]),
    ]
    model.outputs = {"y": made.endpoint("z:0", [-1, 2])}
    write(path, model)


@hostile(ConfigError)
def variable_that_is_not_restored(path: Path) -> None:
    model = dense()
    model.nodes += [
        node("other", "VarHandleOp", shared_name=made.text(2, "other")),
        node("read_other", "ReadVariableOp", ["other"]),
        node("z", "AddV2", ["y", "read_other"]),
    ]
    model.outputs = {"y": made.endpoint("z:0", [-1, 2])}
    write(path, model)


@hostile(DamagedFileError)
def value_that_is_not_there(path: Path) -> None:
    write(path, Model([node("y", "Relu", ["nothing"])]))


@hostile(UnsupportedArgumentError)
def result_that_is_not_there(path: Path) -> None:
    write(path, Model([node("y", "Relu", ["x:7"])]))


@hostile(DamagedFileError)
def function_that_is_not_there(path: Path) -> None:
    write(path, Model([node("y", "PartitionedCall", ["x"], f=made.function_attribute("f"))]))


@hostile(ConfigError)
def input_without_a_shape(path: Path) -> None:
    unknown = made.text(1, "x:0") + made.number(2, 1) + made.text(3, made.number(3, 1))
    write(path, Model([node("y", "Relu", ["x"])], inputs={"x": unknown}))


@hostile(FileLimitError)
def input_with_too_many_axes(path: Path) -> None:
    write(
        path, Model([node("y", "Relu", ["x"])], inputs={"x": made.endpoint("x:0", [-1] + [1] * 20)})
    )


@hostile(FileLimitError)
def input_of_a_signature_that_is_too_large(path: Path) -> None:
    write(
        path,
        Model([node("y", "Relu", ["x"])], inputs={"x": made.endpoint("x:0", [-1, 2**40, 2**40])}),
    )


@hostile(UnsupportedDtypeError)
def input_of_strings(path: Path) -> None:
    write(
        path,
        Model([node("y", "Relu", ["x"])], inputs={"x": made.endpoint("x:0", [-1], made.STRING)}),
    )


def with_constant(path: Path, tensor: bytes, op: str = "AddV2") -> None:
    value = made.tensor_attribute(tensor)
    write(path, Model([node("c", "Const", value=value), node("y", op, ["x", "c"])]))


@hostile(FileLimitError)
def constant_that_is_too_large(path: Path) -> None:
    with_constant(path, made.number(1, 1) + made.text(2, made.shape([2**31, 2**31])))


@hostile(DamagedFileError)
def constant_of_negative_size(path: Path) -> None:
    with_constant(path, made.number(1, 1) + made.text(2, made.shape([-5])))


@hostile(DamagedFileError)
def constant_of_another_size(path: Path) -> None:
    with_constant(path, made.tensor(np.ones(4, np.float32), [3]))


@hostile(UnsupportedDtypeError)
def constant_of_strings(path: Path) -> None:
    with_constant(path, made.strings(["a", "b", "c"]))


@hostile(FileLimitError)
def constants_that_grow(path: Path) -> None:
    """A number that is repeated in its shape takes no bytes in the file, but its sums would in memory."""
    many = (
        made.number(1, 1) + made.text(2, made.shape([200 * 1024 * 1024])) + made.text(5, bytes(4))
    )
    value = made.tensor_attribute(many)
    nodes = [
        node("c", "Const", value=value),
        node("d", "AddV2", ["c", "c"]),
        node("y", "AddV2", ["x", "d"]),
    ]
    write(path, Model(nodes))


def with_checkpoint(path: Path, **changed: Any) -> None:
    model = dense()
    files = made.checkpoint(
        {f"k/{name}": array for name, array in model.tensors.items()}, **changed
    )
    index, data = files.values()
    write(path, model, index=index, data=data)


for _word, _changed, _error in (
    ("beyond its file", {"offset": 2**40}, DamagedFileError),
    ("before its file", {"offset": -8}, DamagedFileError),
    ("of a huge shape", {"lengths": (2**40, 2**20)}, FileLimitError),
    ("of a negative shape", {"lengths": (-3, -2)}, DamagedFileError),
    ("of another size", {"size": 4}, DamagedFileError),
    ("in another file", {"shard": 7}, DamagedFileError),
    ("with a wrong checksum", {"checksum": b"abcd"}, DamagedFileError),
    ("of strings", {"dtype": 7}, UnsupportedDtypeError),
    ("of complex numbers", {"dtype": 8}, UnsupportedDtypeError),
):
    FILES.add(
        f"tensor {_word}", lambda path, changed=_changed: with_checkpoint(path, **changed), _error
    )


@hostile(DamagedFileError)
def index_that_is_cut_off(path: Path) -> None:
    write(path, dense(), index=dense().files()["variables/variables.index"][:-9])


@hostile(UnsupportedArgumentError)
def index_that_is_compressed(path: Path) -> None:
    write(path, dense(), index=made.table([(b"", made.number(1, 1))], compression=1))


@hostile(DamagedFileError)
def index_with_a_flipped_bit(path: Path) -> None:
    index = bytearray(dense().files()["variables/variables.index"])
    index[5] ^= 1
    write(path, dense(), index=bytes(index))


@hostile(DamagedFileError)
def index_whose_block_lies_elsewhere(path: Path) -> None:
    footer = made.varint(0) * 2 + made.varint(2**50) + made.varint(100)
    tail = footer.ljust(40, b"\0") + made.MAGIC.to_bytes(8, "little")
    write(path, dense(), index=bytes(100) + tail)


@hostile(WeightsMismatchError)
def checkpoint_without_the_tensor(path: Path) -> None:
    index, data = made.checkpoint({"k/other": np.ones(3, np.float32)}).values()
    write(path, dense(), index=index, data=data)


@hostile(NonFiniteWeightsError)
def variable_with_infinity(path: Path) -> None:
    write(path, dense(kernel=np.full((3, 2), np.inf, np.float32)))
