"""The checkpoint of a SavedModel: an index of tensors, which is a sorted table, and files with their bytes.

Sources: tensorflow/core/util/tensor_bundle (the index holds BundleHeaderProto under the empty key, and a
BundleEntryProto for each tensor) and LevelDB's doc/table_format.md (blocks of entries that share the beginnings of
their keys). Every block and every tensor carries a sum, which is compared before anything is used.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from graph import limits as bounds
from graph.errors import (
    DamagedFileError,
    FileLimitError,
    UnsupportedArgumentError,
    WeightsMismatchError,
)
from graph.saved_model.crc32c import crc32c, unmasked
from graph.saved_model.tensors import Array, from_bytes, item_bytes, shape_of, whole_shape
from graph.saved_model.wire import Budget, Message, read_varint

_MAGIC = 0xDB4775248B80FB57
_FOOTER_BYTES = 48
_TRAILER_BYTES = 5
_RESTART_BYTES = 4
_MAX_KEY_BYTES = 4096
_UNCOMPRESSED = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a tensor lies.

    Attributes:
        dtype: TensorFlow's number of its element type.
        shape: its shape.
        shard: the number of its file.
        offset: where its bytes begin there.
        size: the number of its bytes.
        checksum: their sum.
        is_sliced: whether it is stored in several parts.
    """

    dtype: int
    shape: tuple[int, ...] | None
    shard: int
    offset: int
    size: int
    checksum: int
    is_sliced: bool


class Checkpoint:
    """The tensors of a checkpoint by name; each is read, and its sum compared, when it is asked for."""

    def __init__(self, index: memoryview, shards: Mapping[str, memoryview], budget: Budget) -> None:
        """Read the index.

        Args:
            index: the bytes of variables.index.
            shards: the bytes of the files beside it, by the end of their names: 00000-of-00001.
            budget: how much may be parsed.

        Raises:
            DamagedFileError: a sum does not fit, or what is said of places and sizes.
            FileLimitError: too many tensors.
            UnsupportedArgumentError: the index is compressed, or was written on a big-endian machine.
        """
        self._shards = shards
        self._entries: dict[str, Entry] = {}
        self._count = 0
        for key, value in _table(index):
            if not key:
                self._count = _shard_count(Message(value, budget))
            else:
                self._entries[_name(key)] = _entry(Message(value, budget))

    @property
    def names(self) -> frozenset[str]:
        """The names of all tensors."""
        return frozenset(self._entries)

    def elements(self, name: str) -> int:
        """Return the number of elements of a tensor; 0 for one that is not there."""
        entry = self._entries.get(name)
        return 0 if entry is None else math.prod(whole_shape(entry.shape, f"tensor {name!r}"))

    def array(self, name: str) -> Array:
        """Return a tensor of numbers.

        Raises:
            WeightsMismatchError: there is none of that name.
            DamagedFileError: its place, its size or its sum is wrong.
            UnsupportedDtypeError: it holds no numbers.
        """
        where = f"tensor {name[:200]!r} of the checkpoint"
        entry = self._entries.get(name)
        if entry is None:
            raise WeightsMismatchError(f"{where} is not there")
        if entry.is_sliced:
            raise UnsupportedArgumentError(
                f"{where} is stored in parts", hint="save the model without partitioned variables"
            )
        shape = whole_shape(entry.shape, where)
        size = math.prod(shape) * item_bytes(entry.dtype, where)
        data = self._bytes(entry, size, where)
        return from_bytes(data, entry.dtype, shape, where)

    def _bytes(self, entry: Entry, expected: int, where: str) -> memoryview:
        name = f"{entry.shard:05d}-of-{self._count:05d}"
        shard = self._shards.get(name)
        if shard is None:
            raise DamagedFileError(
                f"{where} lies in a file that is not there", expected=f"variables.data-{name}"
            )
        if entry.size != expected:
            raise DamagedFileError(
                f"{where} has another size than its shape says",
                expected=f"{expected} bytes",
                got=str(entry.size),
            )
        if entry.offset < 0 or entry.offset + entry.size > len(shard):
            raise DamagedFileError(
                f"{where} lies outside of its file",
                expected=f"at most {len(shard)} bytes",
                got=f"{entry.size} bytes at {entry.offset}",
            )
        data = shard[entry.offset : entry.offset + entry.size]
        if crc32c(data) != unmasked(entry.checksum):
            raise DamagedFileError(f"the checksum of {where} does not fit its bytes")
        return data


def _shard_count(header: Message) -> int:
    if header.integer(2):
        raise UnsupportedArgumentError(
            "the checkpoint was written on a big-endian machine", expected="little-endian numbers"
        )
    count = header.integer(1)
    if not 1 <= count <= bounds.MAX_ARCHIVE_ENTRIES:
        raise DamagedFileError("the checkpoint has no sensible number of files", got=str(count))
    return count


def _entry(message: Message) -> Entry:
    return Entry(
        dtype=message.integer(1),
        shape=shape_of(message.message(2)),
        shard=message.integer(3),
        offset=message.integer(4),
        size=message.integer(5),
        checksum=message.fixed32(6),
        is_sliced=message.has(7),
    )


def _name(key: bytes) -> str:
    try:
        return key.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DamagedFileError("the name of a tensor is not UTF-8 text") from error


def _table(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Yield the keys and values of a table."""
    if len(data) < _FOOTER_BYTES or int.from_bytes(data[-8:], "little") != _MAGIC:
        raise DamagedFileError(
            "variables.index is no index of a checkpoint", hint="the upload may be truncated"
        )
    footer = data[-_FOOTER_BYTES:-8]
    _, place = _handle(footer, 0)
    (offset, size), _ = _handle(footer, place)
    count = 0
    for blocks, (_, handle) in enumerate(_block(data, offset, size)):
        (start, length), _ = _handle(handle, 0)
        for key, value in _block(data, start, length):
            count += 1
            if count > bounds.MAX_CHECKPOINT_TENSORS or blocks > bounds.MAX_CHECKPOINT_TENSORS:
                raise FileLimitError(
                    "the checkpoint has too many tensors",
                    expected=f"at most {bounds.MAX_CHECKPOINT_TENSORS}",
                )
            yield key, value


def _handle(data: memoryview, place: int) -> tuple[tuple[int, int], int]:
    """Return an offset and a size, and the place behind them."""
    offset, place = read_varint(data, place)
    size, place = read_varint(data, place)
    return (offset, size), place


def _block(data: memoryview, offset: int, size: int) -> Iterator[tuple[bytes, memoryview]]:
    """Yield the keys and values of one block, whose sum is compared first."""
    end = offset + size
    if end + _TRAILER_BYTES > len(data) - _FOOTER_BYTES or size < _RESTART_BYTES:
        raise DamagedFileError("a block of variables.index lies outside of the file")
    if crc32c(data[offset : end + 1]) != unmasked(
        int.from_bytes(data[end + 1 : end + 5], "little")
    ):
        raise DamagedFileError("the checksum of a block of variables.index does not fit")
    if data[end] != _UNCOMPRESSED:
        raise UnsupportedArgumentError(
            "variables.index is compressed", expected="an index as TensorFlow writes it"
        )
    restarts = int.from_bytes(data[end - _RESTART_BYTES : end], "little")
    stop = end - _RESTART_BYTES * (restarts + 1)
    if stop < offset:
        raise DamagedFileError("a block of variables.index has no room for its own numbers")
    yield from _entries(data[offset:stop])


def _entries(block: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    place, key = 0, b""
    while place < len(block):
        shared, place = read_varint(block, place)
        own, place = read_varint(block, place)
        length, place = read_varint(block, place)
        if shared > len(key) or own + length > len(block) - place or shared + own > _MAX_KEY_BYTES:
            raise DamagedFileError("an entry of variables.index does not fit into its block")
        key = key[:shared] + bytes(block[place : place + own])
        place += own
        yield key, block[place : place + length]
        place += length
