"""HDF5 under limits: the whole file is audited before anything is read from it.

Keras writes plain arrays of numbers in groups, with strings as attributes. Everything else that HDF5 offers is refused:
links other than hard ones, storage outside the file, virtual datasets, filters that load plug-ins, types that carry
references or programs. The C library still parses hostile bytes, so uploads are read only in the sandboxed worker
process, never in the one that serves. Its memory limit also bounds the one thing that cannot be known before reading:
the strings of an attribute, many of which may share one long text.
"""

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from graph import limits as bounds
from graph.errors import DamagedFileError, FileLimitError, UnsafeHdf5Error
from graph.keras.hdf5_heap import check_raw_hdf5
from graph.limits import FileLimits

# Filters that are part of every HDF5 library and only touch the bytes they are given.
_ALLOWED_FILTERS = frozenset({h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE})
_HINT = "save the model again with Keras"


@contextmanager
def reading() -> Iterator[None]:
    """Turn whatever h5py raises on damaged bytes into one error of ours; wraps every use of the library."""
    try:
        yield
    except (OSError, RuntimeError, ValueError, TypeError, KeyError, OverflowError) as error:
        raise DamagedFileError(
            "the HDF5 data cannot be read", got=f"{type(error).__name__}: {str(error)[:200]}"
        ) from error


@contextmanager
def open_hdf5(source: Path | io.BytesIO, limits: FileLimits) -> Iterator[h5py.File]:
    """Open and audit a file.

    Raises:
        DamagedFileError: the library cannot make sense of it.
        UnsafeHdf5Error: it holds something that is not allowed.
        FileLimitError: it is over a limit.
    """
    check_raw_hdf5(source)
    with reading():
        # Without locking: the upload is ours alone, and some file systems have no locks.
        file = h5py.File(source, "r", locking=False)
    with file:
        _audit(file, limits)
        yield file


@reading()
def _audit(file: h5py.File, limits: FileLimits) -> None:
    """Visit every object once and check it; nothing is read but headers."""
    seen = {_address(file)}
    total_bytes = inflated_bytes = 0
    pending: list[tuple[h5py.Group, str, int]] = [(file, "", 1)]
    while pending:
        group, path, depth = pending.pop()
        for name in group:
            place = f"{path}/{name}"
            child = _linked_object(group, name, place)
            address = _address(child)
            if address in seen:
                raise UnsafeHdf5Error(f"HDF5 object {place!r} is linked more than once", hint=_HINT)
            seen.add(address)
            if len(seen) > bounds.MAX_HDF5_OBJECTS or depth > bounds.MAX_HDF5_DEPTH:
                raise FileLimitError(
                    "the HDF5 file has too many or too deeply nested objects",
                    expected=f"at most {bounds.MAX_HDF5_OBJECTS}, {bounds.MAX_HDF5_DEPTH} deep",
                )
            if isinstance(child, h5py.Group):
                pending.append((child, place, depth + 1))
                continue
            declared = _audit_dataset(child, place, limits)
            total_bytes += declared
            inflated_bytes += bounds.inflated_bytes(declared, child.id.get_storage_size())
            _expect_at_most(total_bytes, limits.data_max_bytes, "declared bytes in HDF5 datasets")
            if inflated_bytes > bounds.MAX_INFLATED_BYTES:
                raise UnsafeHdf5Error(
                    f"HDF5 datasets expand more than {bounds.MAX_ARCHIVE_RATIO} times, to more than is allowed",
                    expected=f"at most {bounds.MAX_INFLATED_BYTES} bytes",
                    got=f"{inflated_bytes} bytes up to dataset {place!r}",
                    hint="store the weights uncompressed, as Keras does",
                )


def _linked_object(group: h5py.Group, name: str, place: str) -> h5py.Group | h5py.Dataset:
    link = group.get(name, getlink=True)
    if not isinstance(link, h5py.HardLink):
        raise UnsafeHdf5Error(
            f"HDF5 entry {place!r} is a {type(link).__name__}",
            expected="objects of the file itself",
            hint=_HINT,
        )
    kind = group.get(name, getclass=True)
    if kind not in (h5py.Group, h5py.Dataset):
        raise UnsafeHdf5Error(
            f"HDF5 object {place!r} is a {getattr(kind, '__name__', kind)}",
            expected="a group or a dataset",
            hint=_HINT,
        )
    return group[name]


def _address(item: Any) -> int:
    return int(h5py.h5o.get_info(item.id).addr)


def _audit_dataset(dataset: h5py.Dataset, place: str, limits: FileLimits) -> int:
    """Check storage, type and shape; return the declared size in bytes."""
    plan = dataset.id.get_create_plist()
    if plan.get_external_count() or plan.get_layout() == h5py.h5d.VIRTUAL:
        raise UnsafeHdf5Error(
            f"HDF5 dataset {place!r} keeps its data outside the file or in other datasets",
            expected="data stored in the dataset",
            hint=_HINT,
        )
    filters = {plan.get_filter(index)[0] for index in range(plan.get_nfilters())}
    if not filters <= _ALLOWED_FILTERS:
        raise UnsafeHdf5Error(
            f"HDF5 dataset {place!r} needs a filter that is not allowed",
            expected="none, gzip or shuffle",
            got=f"filter numbers {sorted(filters - _ALLOWED_FILTERS)}",
        )
    _audit_type(dataset, place)
    return _audit_size(dataset, plan, place, limits)


def _audit_type(dataset: h5py.Dataset, place: str) -> None:
    kind = dataset.id.get_type()
    # Booleans are stored as an enumeration over int8, bfloat16 as two opaque bytes.
    numeric = kind.get_class() in (h5py.h5t.INTEGER, h5py.h5t.FLOAT)
    boolean = kind.get_class() == h5py.h5t.ENUM and dataset.dtype == np.bool_
    opaque = kind.get_class() == h5py.h5t.OPAQUE and kind.get_size() == 2
    if kind.committed() or not (numeric or boolean or opaque):
        raise UnsafeHdf5Error(
            f"HDF5 dataset {place!r} has a type that Keras does not write",
            expected="plain numbers",
            got=str(dataset.dtype),
        )


def _audit_size(dataset: h5py.Dataset, plan: Any, place: str, limits: FileLimits) -> int:
    if dataset.shape is None or len(dataset.shape) > bounds.MAX_HDF5_RANK:
        raise UnsafeHdf5Error(
            f"HDF5 dataset {place!r} has no shape or too many axes", got=str(dataset.shape)
        )
    item_bytes = dataset.id.get_type().get_size()
    declared = math.prod(dataset.shape) * item_bytes
    _expect_at_most(declared, limits.data_max_bytes, f"declared bytes in {place!r}")
    if plan.get_layout() == h5py.h5d.CHUNKED:
        chunk_bytes = math.prod(plan.get_chunk()) * item_bytes
        _expect_at_most(
            chunk_bytes, max(declared, bounds.HDF5_CHUNK_FLOOR_BYTES), f"chunk bytes of {place!r}"
        )
    stored = dataset.id.get_storage_size()
    if bounds.is_beyond_deflate(declared, stored):
        raise UnsafeHdf5Error(
            f"HDF5 dataset {place!r} is declared larger than what is stored can be",
            expected=f"at most {bounds.MAX_DEFLATE_RATIO} times {stored} bytes",
            got=f"{declared} bytes",
        )
    return declared


def _expect_at_most(value: int, bound: int, what: str) -> None:
    if value > bound:
        raise FileLimitError(f"too many {what}", expected=f"at most {bound}", got=str(value))


@reading()
def string_attribute(item: h5py.Group | h5py.Dataset, name: str) -> str | None:
    """Return a string attribute, or None where there is none of that name.

    Raises:
        UnsafeHdf5Error: it is not one string.
        FileLimitError: it is too large.
    """
    if name not in item.attrs:
        return None
    values = _strings(item, name)
    if len(values) != 1:
        raise UnsafeHdf5Error(f"HDF5 attribute {name!r} is not one string", got=f"{len(values)}")
    return values[0]


@reading()
def names_attribute(item: h5py.Group, name: str) -> tuple[str, ...] | None:
    """A list of names, or None where there is none; long lists are split into name0, name1 and so on, as Keras does.

    Raises:
        UnsafeHdf5Error: it is not a list of strings.
        FileLimitError: it is too large.
    """
    if name in item.attrs:
        return _strings(item, name)
    names: list[str] = []
    part = 0
    while f"{name}{part}" in item.attrs:
        names.extend(_strings(item, f"{name}{part}"))
        _expect_at_most(len(names), bounds.MAX_HDF5_OBJECTS, f"names in attribute {name!r}")
        part += 1
    return tuple(names) if part else None


def _strings(item: h5py.Group | h5py.Dataset, name: str) -> tuple[str, ...]:
    attribute = item.attrs.get_id(name)
    shape = attribute.shape
    if shape is None or len(shape) > 1:
        raise UnsafeHdf5Error(f"HDF5 attribute {name!r} is not a list of strings", got=str(shape))
    count = math.prod(shape)
    if not count:
        return ()  # Keras writes an empty list as an empty array of float64.
    _expect_at_most(count, bounds.MAX_HDF5_OBJECTS, f"values in attribute {name!r}")
    _expect_at_most(
        attribute.get_storage_size(), bounds.MAX_ATTRIBUTE_BYTES, f"bytes in attribute {name!r}"
    )
    kind = attribute.get_type()
    if kind.get_class() != h5py.h5t.STRING or kind.committed():
        raise UnsafeHdf5Error(f"HDF5 attribute {name!r} is not text", got=str(attribute.dtype))
    values = np.atleast_1d(np.asarray(item.attrs[name])).tolist()
    return tuple(v.decode("utf-8") if isinstance(v, bytes) else str(v) for v in values)


@reading()
def child(group: h5py.Group, path: str) -> h5py.Group | h5py.Dataset | None:
    """Return the object at a path below `group`, or None; the path is used part by part."""
    current: h5py.Group | h5py.Dataset | None = group
    for part in path.split("/"):
        if not part or part == "." or not isinstance(current, h5py.Group) or part not in current:
            return None
        current = current[part]
    return current
