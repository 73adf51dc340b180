"""What is no model, is damaged, or is an archive that Keras would not write."""

import json
import os
import stat
import struct
import zipfile
import zlib
from pathlib import Path

import h5py
import numpy as np

from graph.errors import (
    ArchiveError,
    DamagedFileError,
    EntryNameError,
    FileLimitError,
    NotAModelFileError,
    WeightsOnlyError,
    ZipBombError,
)
from tests.graph.keras.handmade import (
    KERNEL,
    dense_config,
    folders,
)
from tests.hostile.files.registry import Registry, valid_archive, valid_legacy

FILES = Registry()
hostile = FILES.refused_with


@hostile(NotAModelFileError)
def empty_file(path: Path) -> None:
    path.write_bytes(b"")


@hostile(NotAModelFileError)
def text_file(path: Path) -> None:
    path.write_text("hello")


@hostile(NotAModelFileError)
def pickle_that_would_run_code(path: Path) -> None:
    path.write_bytes(b"\x80\x04\x95\x1d\x00cposix\nsystem\n(S'touch executed'\ntR.")


@hostile(NotAModelFileError)
def numpy_archive(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, a=KERNEL)


@hostile(DamagedFileError)
def zipped_saved_model_without_a_graph(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/saved_model.pb", b"")


@hostile(NotAModelFileError)
def hdf5_without_a_model(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["measurements"] = KERNEL


@hostile(WeightsOnlyError)
def legacy_weights_only(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"dense"]
        file.create_group("dense")


@hostile(WeightsOnlyError)
def weights_only(path: Path) -> None:
    path.write_bytes(folders({"layers/dense/vars/0": KERNEL}))


# Damaged.


@hostile(DamagedFileError)
def truncated_archive(path: Path) -> None:
    path.write_bytes(valid_archive(path).read_bytes()[:-300])


@hostile(DamagedFileError)
def truncated_hdf5(path: Path) -> None:
    path.write_bytes(valid_legacy(path).read_bytes()[:-500])


@hostile(DamagedFileError)
def wrong_checksum(path: Path) -> None:
    data = bytearray(valid_archive(path).read_bytes())
    data[data.index(b'"units"') + 1] ^= 1
    path.write_bytes(data)


@hostile(DamagedFileError)
def hdf5_of_noise(path: Path) -> None:
    noise = np.random.default_rng(0).bytes(5000)
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + noise)


# Archives that Keras would not write.


def write_zeros(path: Path, name: str, mebibytes: int) -> None:
    """A real archive with an entry of that many zeros, deflated 1000:1; nothing of that size is held in memory."""
    zeros = bytes(1024 * 1024)
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    # After a full flush nothing refers back, so that the same block may follow itself.
    block = deflate.compress(zeros) + deflate.flush(zlib.Z_FULL_FLUSH)
    stream = block * mebibytes + deflate.flush()
    checksum = 0
    for _ in range(mebibytes):
        checksum = zlib.crc32(zeros, checksum)
    with zipfile.ZipFile(path, "w") as archive:
        for other in {"metadata.json", "config.json", "model.weights.h5"} - {name}:
            archive.writestr(other, '{"keras_version": "3.5.0"}')
        archive.writestr(name, stream)
        start = archive.getinfo(name).header_offset
    data = bytearray(path.read_bytes())
    directory = data.rindex(b"PK\x01\x02")
    sizes = struct.pack("<LLL", checksum, len(stream), mebibytes * 1024 * 1024)
    data[start + 8 : start + 10] = data[directory + 10 : directory + 12] = b"\x08\0"
    data[start + 14 : start + 26] = data[directory + 16 : directory + 28] = sizes
    path.write_bytes(data)


@hostile(ZipBombError)
def zip_bomb(path: Path) -> None:
    write_zeros(path, "model.weights.h5", 600)


@hostile(ZipBombError)
def zip_bomb_in_the_configuration(path: Path) -> None:
    write_zeros(path, "config.json", 600)


@hostile(ZipBombError)
def zip_bomb_in_an_asset(path: Path) -> None:
    write_zeros(path, "assets/zeros", 900)


@hostile(FileLimitError)
def configuration_that_expands_over_its_limit(path: Path) -> None:
    write_zeros(path, "config.json", 100)


@hostile(DamagedFileError)
def weights_that_expand_to_zeros(path: Path) -> None:
    """Few enough to be unpacked; what comes out is no HDF5."""
    write_zeros(path, "model.weights.h5", 30)


@hostile(ZipBombError)
def more_than_deflate_can_give(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", bytes(10_000_000))
    small = struct.pack("<L", 10_000_000)
    path.write_bytes(path.read_bytes().replace(small, struct.pack("<L", 100_000_000)))


def _zip_of(path: Path, *names: str, zip64: bool = False) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            with archive.open(name, "w", force_zip64=zip64) as entry:
                entry.write(b"cposix\nsystem\n")


@hostile(NotAModelFileError)
def pytorch_checkpoint(path: Path) -> None:
    """As torch.save writes it: a pickle among other entries, with the records of zip64 at the end."""
    _zip_of(path, "model/data.pkl", "model/byteorder", "model/data/0", "model/version", zip64=True)
    data = path.read_bytes()
    end = data.rindex(b"PK\x05\x06")
    path.write_bytes(data[:end] + b"PK\x06\x07" + bytes(16) + data[end:])


@hostile(NotAModelFileError)
def office_document(path: Path) -> None:
    _zip_of(path, "[Content_Types].xml", "_rels/.rels")


@hostile(NotAModelFileError)
def java_archive(path: Path) -> None:
    _zip_of(path, "META-INF/MANIFEST.MF", "Evil.class")


@hostile(ArchiveError)
def zip64_archive(path: Path) -> None:
    valid_archive(path)
    data = path.read_bytes()
    end = data.rindex(b"PK\x05\x06")
    path.write_bytes(data[:end] + b"PK\x06\x07" + bytes(16) + data[end:])


for _number, _start in enumerate(
    [b"\x1f\x8b\x08", b"BZh9", b"\xfd7zXZ\0", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"\x7fELF", b"MZ", b"#!/bin/sh\n",
     b"\x89PNG\r\n\x1a\n", b"%PDF-1.7", b"TFL3", b"GGUF", b"<html>", b"PK\x05\x06", b"PK\x07\x08", b"PK\x03\x04",
     b"\x80\x02}q\0.", b"\x80\x05.", b"\x93NUMPY", b'{"class_name": "Sequential"}',
     b"version https://git-lfs.github.com/spec/v1"]
):  # fmt: skip
    FILES.add(
        f"bytes of another format {_number}",
        lambda path, start=_start: path.write_bytes(start + bytes(60)),
        DamagedFileError if _start in (b"PK\x03\x04", b"\x1f\x8b\x08") else NotAModelFileError,
    )


@hostile(ZipBombError)
def zip_bomb_of_overlapping_entries(path: Path) -> None:
    """Every directory entry points at the same stored bytes (Fifield 2019, "A better zip bomb")."""
    content = os.urandom(100_000)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a0", content)
    data = bytearray(path.read_bytes())
    start = data.index(b"PK\x01\x02")
    entry = data[start : data.index(b"PK\x05\x06")]
    entries = b"".join(bytes(entry).replace(b"a0", b"a%d" % index) for index in range(10))
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 10, 10, len(entries), start, 0)
    path.write_bytes(bytes(data[:start]) + entries + end)


@hostile(DamagedFileError)
def entry_longer_than_its_directory_says(path: Path) -> None:
    """The directory promises 10 bytes where 20 MB come out."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", " " * 20_000_000)
        archive.writestr("metadata.json", "{}")
        archive.writestr("model.weights.h5", b"")
    data = path.read_bytes().replace(struct.pack("<L", 20_000_000), struct.pack("<L", 10))
    path.write_bytes(data)


def _entry(path: Path, name: str, mode: int = 0) -> None:
    valid_archive(path)
    with zipfile.ZipFile(path, "a") as archive:
        entry = zipfile.ZipInfo("placeholder")
        entry.filename = name
        entry.external_attr = mode << 16
        archive.writestr(entry, b"/etc/passwd")


@hostile(EntryNameError)
def entry_that_climbs(path: Path) -> None:
    _entry(path, "assets/../../../etc/cron.d/job")


@hostile(EntryNameError)
def entry_with_an_absolute_name(path: Path) -> None:
    _entry(path, "/etc/passwd")


@hostile(EntryNameError)
def entry_with_a_backslash(path: Path) -> None:
    _entry(path, "..\\..\\evil")


@hostile(EntryNameError)
def entry_with_a_drive(path: Path) -> None:
    _entry(path, "C:evil")


@hostile(EntryNameError)
def entry_with_a_control_character(path: Path) -> None:
    _entry(path, "evil\x1b[2J")


@hostile(ArchiveError)
def entry_that_is_a_symbolic_link(path: Path) -> None:
    _entry(path, "assets", stat.S_IFLNK | 0o777)


@hostile(ArchiveError)
def entry_that_is_a_device(path: Path) -> None:
    _entry(path, "assets", stat.S_IFCHR | 0o777)


@hostile(ArchiveError)
def entry_twice(path: Path) -> None:
    valid_archive(path)
    with zipfile.ZipFile(path, "a") as archive:
        entry = zipfile.ZipInfo("config.jsox")
        archive.writestr(entry, json.dumps(dense_config()))
    path.write_bytes(path.read_bytes().replace(b"config.jsox", b"config.json"))


@hostile(ArchiveError)
def encrypted_entry(path: Path) -> None:
    data = bytearray(valid_archive(path).read_bytes())
    place = data.index(b"PK\x01\x02")
    data[place + 8] |= 1
    path.write_bytes(data)


@hostile(ArchiveError)
def entry_in_an_unusual_compression(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("config.json", "{}")


@hostile(ArchiveError)
def weights_as_npz(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.npz", b"")


@hostile(FileLimitError)
def too_many_entries(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for index in range(1001):
            archive.writestr(f"assets/{index}", b"")
