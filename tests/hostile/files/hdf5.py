"""HDF5 that reaches outside the file, or is more than plain arrays."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from graph.errors import (
    DamagedFileError,
    FileLimitError,
    UnsafeHdf5Error,
)
from tests.graph.keras.handmade import (
    KERNEL,
    dense_config,
    write_archive,
)
from tests.hostile.files.registry import Registry, valid_legacy

FILES = Registry()
hostile = FILES.refused_with


def _hdf5(path: Path, change: Callable[[h5py.File], Any]) -> None:
    valid_legacy(path)
    with h5py.File(path, "a") as file:
        change(file)


@hostile(UnsafeHdf5Error)
def external_link(path: Path) -> None:
    def change(file: h5py.File) -> None:
        del file["model_weights/dense/dense/kernel:0"]
        file["model_weights/dense/dense/kernel:0"] = h5py.ExternalLink("/etc/passwd", "/x")

    _hdf5(path, change)


@hostile(UnsafeHdf5Error)
def soft_link(path: Path) -> None:
    _hdf5(path, lambda file: file.__setitem__("again", h5py.SoftLink("/model_weights")))


@hostile(UnsafeHdf5Error)
def external_storage(path: Path) -> None:
    def change(file: h5py.File) -> None:
        group = file["model_weights/dense/dense"]
        del group["bias:0"]
        group.create_dataset("bias:0", (2,), "f4", external=[("/etc/passwd", 0, 8)])

    _hdf5(path, change)


@hostile(UnsafeHdf5Error)
def external_storage_inside_an_archive(path: Path) -> None:
    data = io.BytesIO()
    with h5py.File(data, "w") as file:
        file["layers/dense/vars/0"] = KERNEL
        group = file["layers/dense/vars"]
        group.create_dataset("1", (2,), "f4", external=[("/etc/passwd", 0, 8)])
    write_archive(path, dense_config(), data.getvalue())


@hostile(UnsafeHdf5Error)
def virtual_dataset(path: Path) -> None:
    def change(file: h5py.File) -> None:
        group = file["model_weights/dense/dense"]
        del group["bias:0"]
        layout = h5py.VirtualLayout((2,), "f4")
        layout[:] = h5py.VirtualSource("/etc/passwd", "x", (2,))
        group.create_virtual_dataset("bias:0", layout)

    _hdf5(path, change)


@hostile(UnsafeHdf5Error)
def group_that_contains_itself(path: Path) -> None:
    def change(file: h5py.File) -> None:
        file["model_weights/loop"] = file["model_weights"]

    _hdf5(path, change)


def _with_a_heap(path: Path) -> bytearray:
    """A string of any length makes HDF5 keep a global heap."""

    def change(file: h5py.File) -> None:
        del file.attrs["keras_version"]
        file.attrs["keras_version"] = "2.2.4"

    _hdf5(path, change)
    return bytearray(path.read_bytes())


@hostile(DamagedFileError)
def heap_that_never_ends(path: Path) -> None:
    """Free space of size 0 keeps HDF5 2.0.0 in a loop that no signal ends; found by fuzzing."""
    data = _with_a_heap(path)
    heap = data.index(b"GCOL")
    free = heap + 16
    while struct.unpack_from("<H", data, free) != (0,):
        (size,) = struct.unpack_from("<Q", data, free + 8)
        free += 16 + (size + 7) // 8 * 8
    struct.pack_into("<Q", data, free + 8, 0)
    path.write_bytes(data)


@hostile(FileLimitError)
def heaps_inside_heaps(path: Path) -> None:
    """Every 32 bytes a heap that claims the rest of the file: walking each would take hours."""
    claim = struct.pack("<HHIQ8sQ", 1, 1, 0, 16, b"GCOL\x01\0\0\0", 2**40)
    path.write_bytes(_with_a_heap(path) + claim * 20_000)


@hostile(UnsafeHdf5Error)
def offsets_of_four_bytes(path: Path) -> None:
    data = bytearray(valid_legacy(path).read_bytes())
    data[13] = 4
    path.write_bytes(data)


@hostile(UnsafeHdf5Error)
def unusual_filter(path: Path) -> None:
    _hdf5(path, lambda file: file.create_dataset("z", data=np.zeros(100), compression="lzf"))


@hostile(UnsafeHdf5Error)
def references(path: Path) -> None:
    _hdf5(path, lambda file: file.create_dataset("z", data=file.ref, dtype=h5py.ref_dtype))


@hostile(UnsafeHdf5Error)
def strings_of_any_length(path: Path) -> None:
    _hdf5(path, lambda file: file.create_dataset("z", data=["a"], dtype=h5py.string_dtype()))


@hostile(UnsafeHdf5Error)
def compound_type(path: Path) -> None:
    kind = np.dtype([("a", "f4"), ("b", "f4")])
    _hdf5(path, lambda file: file.create_dataset("z", (3,), kind))


@hostile(UnsafeHdf5Error)
def named_type(path: Path) -> None:
    _hdf5(path, lambda file: file.__setitem__("z", np.dtype("f4")))


@hostile(UnsafeHdf5Error)
def lying_shape(path: Path) -> None:
    """Declared as 400 MB, with nothing stored."""
    _hdf5(path, lambda file: file.create_dataset("z", (10_000, 10_000), "f4", chunks=(10, 10)))


def add_zeros(file: h5py.File, name: str, mebibytes: int) -> None:
    """A dataset of that many zeros, deflated 1000:1, each chunk written as it is stored."""
    shape = (mebibytes, 1024 * 1024)
    data = file.create_dataset(name, shape, "u1", chunks=(1, shape[1]), compression="gzip")
    chunk = zlib.compress(bytes(shape[1]), 9)
    for row in range(mebibytes):
        data.id.write_direct_chunk((row, 0), chunk)


@hostile(UnsafeHdf5Error)
def compressed_zeros(path: Path) -> None:
    _hdf5(path, lambda file: add_zeros(file, "z", 600))


@hostile(UnsafeHdf5Error)
def compressed_zeros_in_many_datasets(path: Path) -> None:
    _hdf5(path, lambda file: [add_zeros(file, f"z{index}", 30) for index in range(20)])


@hostile(UnsafeHdf5Error)
def one_chunk_of_many(path: Path) -> None:
    """Declared as 400 MB, with one small chunk of it stored."""

    def change(file: h5py.File) -> None:
        data = file.create_dataset("z", (10_000, 10_000), "f4", chunks=(10, 10))
        data[:10, :10] = 1.0

    _hdf5(path, change)


@hostile(FileLimitError)
def more_than_the_limit(path: Path) -> None:
    shape = (1_000_000, 1_000_000)
    _hdf5(path, lambda file: file.create_dataset("z", shape, "f4", chunks=(1_000_000, 1000)))


@hostile(FileLimitError)
def deep_groups(path: Path) -> None:
    _hdf5(path, lambda file: file.create_group("a/" * 100))


@hostile(UnsafeHdf5Error)
def configuration_as_numbers(path: Path) -> None:
    _hdf5(path, lambda file: file.attrs.__setitem__("model_config", np.zeros(3)))
