"""The directory of a zip archive is measured where the zip library will read it, whatever the bytes are."""

import io
import random
import struct
import zipfile

import pytest

from graph.zip_directory import ZipDirectory, measure_zip_directory
from tests.hostile.zip_files import directory_of

LIMIT = 20


def measured(data: bytes) -> ZipDirectory | None:
    return measure_zip_directory(io.BytesIO(data), LIMIT, 64 * 1024)


def archive(entries: int, *, comment: bytes = b"", method: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as zipped:
        for number in range(entries):
            zipped.writestr(f"{number}.npy", bytes(number))
        zipped.comment = comment
    return file.getvalue()


@pytest.mark.parametrize("comment", [b"", b"a comment", b"\0\0", b"x" * 65_535])
@pytest.mark.parametrize("entries", [0, 1, 7, LIMIT])
def test_entries_are_counted_with_and_without_a_comment(entries: int, comment: bytes) -> None:
    directory = measured(archive(entries, comment=comment))
    assert directory is not None
    assert (directory.entries, directory.is_small, directory.is_zip64) == (entries, True, False)


def test_more_entries_than_the_end_record_says_are_counted() -> None:
    directory = measured(directory_of(LIMIT + 1, said=1))
    assert directory is not None
    assert (directory.entries, directory.is_small) == (LIMIT + 1, False)


def test_bytes_before_the_archive_change_nothing() -> None:
    directory = measured(b"x" * 1000 + archive(3))
    assert directory is not None
    assert (directory.entries, directory.is_small) == (3, True)


def test_what_has_no_end_record_has_no_directory() -> None:
    assert measured(b"") is None
    assert measured(b"PK\x05\x06") is None
    assert measured(archive(3)[:-1]) is None


def changed(data: bytes, rng: random.Random) -> bytes:
    """Change bytes, mostly where the end record and the directory are."""
    copy = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        place = max(0, len(copy) - 1 - int(rng.expovariate(1 / 60)))
        choice = rng.random()
        if choice < 0.4:
            copy[place] = rng.choice([0, 1, 2, 0x50, 0xFF, rng.randrange(256)])
        elif choice < 0.6:
            copy[place:place] = rng.choice([b"PK\x05\x06", b"PK\x06\x07", b"PK\x01\x02", b"\0\0"])
        elif choice < 0.8:
            copy += copy[place:] + b"\0" * rng.choice([0, 0, 2])
        else:
            del copy[place : place + rng.randint(1, 8)]
    return bytes(copy)


def test_the_library_never_reads_more_entries_than_were_counted() -> None:
    rng = random.Random(20201127)  # noqa: S311  # repeatable, no secret
    sources = [archive(n, comment=c) for n in (1, 5, 30) for c in (b"", b"PK\x05\x06 no end")]
    opened = 0
    for _ in range(4000):
        data = changed(rng.choice(sources), rng)
        directory = measured(data)
        try:
            read = len(zipfile.ZipFile(io.BytesIO(data)).infolist())
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, struct.error):
            continue
        opened += 1
        assert directory is not None
        # Counting stops with the first entry that is too many.
        assert directory.is_zip64 or min(read, LIMIT + 1) <= directory.entries
        assert directory.is_zip64 or not directory.is_small or read <= LIMIT
    assert opened > 500
