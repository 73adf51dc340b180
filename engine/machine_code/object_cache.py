"""Object code of kernels: taken from a cache of files on disk, or compiled.

A cached object is code that will be executed: the folder must belong to this user and be closed to
others, every file carries its own checksum, and files are replaced atomically. A file that is
damaged, truncated or of another version is compiled again and overwritten. The checksum finds damage, not
malice: whoever can write into the folder can put code into every process that uses it.
"""

import contextlib
import functools
import hashlib
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import llvmlite
import llvmlite.binding as llvm

from engine.core.errors import CacheFolderError
from engine.core.target import Target
from engine.kernels.abi import KernelSpec
from engine.machine_code.object_code import compile_to_object, on_cores

# Part of every cache key: to be raised when the same IR text is compiled in another way.
PIPELINE_VERSION = 1
OBJECT_MAX_BYTES = 16 * 1024 * 1024
# Files kept in a folder; the least recently written go first. A kernel is 2 to 12 KB.
OBJECT_MAX_FILES = 8192
# Age at which an unfinished file must be a leftover of a process that was killed.
UNFINISHED_MAX_SECONDS = 600.0
_MAGIC = b"PRUNUSO1"
_UNFINISHED = ".new-"
_DIGEST_BYTES = 32
# A link is not followed, and a pipe not waited for.
_READ_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


@dataclass(frozen=True, slots=True)
class ModuleSource:
    """A module that need not be written where its object is cached.

    Attributes:
        symbol: the function that it defines.
        write: gives the LLVM IR text.
        identity: sources of one identity write one text; None where only the text itself tells.
        written: the words that the text follows from, for a process that shall compile it: a kernel, or the
            symbol of a part of the runtime (`engine.execution.modules`); None where there are none.
    """

    symbol: str
    write: Callable[[], str]
    identity: str | None = None
    written: KernelSpec | str | None = None

    def key(self, target: Target) -> str:
        """Return the key of the module's object."""
        if self.identity is None:
            return cache_key("text", self.write(), target)
        return cache_key("identity", self.identity, target)


# Object code by symbol, for modules whose `written` is known.
Compile = Callable[[Sequence[ModuleSource], Target], Mapping[str, bytes]]


class ObjectCache:
    """Object files by content key: in memory, and in a folder where one is given.

    Safe for several threads and several processes. Names of files are keys; nothing in a file is
    used before its checksum was recomputed.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        read_only: Path | None = None,
        compile_written: Compile | None = None,
    ) -> None:
        """Open the cache.

        Args:
            folder: the objects' folder, made with mode 0700 if it does not exist; None keeps objects in memory only.
            read_only: the folder of another cache, in which is looked, too; nothing is written there.
            compile_written: function that compiles modules whose `written` is known; by default this process does.

        Raises:
            CacheFolderError: the folder cannot be made, or others could write into it.
        """
        self._folder = None if folder is None else _trusted_folder(folder)
        if self._folder is not None:
            _drop_unfinished(self._folder)
        self._read_only = read_only
        self._compile_written = compile_written or compile_here
        self._objects: dict[str, bytes] = {}

    def get(self, source: ModuleSource, target: Target) -> bytes:
        """Return the object code of a module; see `get_all`."""
        return self.get_all([source], target)[source.symbol]

    def get_all(self, sources: Iterable[ModuleSource], target: Target) -> dict[str, bytes]:
        """Return object code by symbol; what is in neither memory nor folder is compiled on all cores.

        Raises:
            CompileError: LLVM does not accept a text.
        """
        keyed = [(source.key(target), source) for source in sources]
        missing = {key: source for key, source in keyed if not self._found(key)}
        for key, code in self._compiled(missing, target).items():
            self._write(key, code)
            self._objects[key] = code
        if missing and self._folder is not None:
            _drop_oldest(self._folder)
        return {source.symbol: self._objects[key] for key, source in keyed}

    def _compiled(self, missing: Mapping[str, ModuleSource], target: Target) -> dict[str, bytes]:
        """Object code by key."""
        written = [source for source in missing.values() if source.written is not None]
        others = [source for source in missing.values() if source.written is None]
        code = {**compile_here(others, target)} if others else {}
        if written:
            code |= self._compile_written(written, target)
        return {key: code[source.symbol] for key, source in missing.items()}

    def _found(self, key: str) -> bool:
        """Return whether the object is in memory, or was in a folder."""
        if key in self._objects:
            return True
        code = None if self._folder is None else _read(self._folder, key, os.geteuid())
        if code is None and self._read_only is not None:
            # Whose files these are was for the cache to check that writes them.
            code = _read(self._read_only, key, None)
        if code is None:
            return False
        self._objects[key] = code
        return True

    def _write(self, key: str, code: bytes) -> None:
        if self._folder is None:
            return
        name = self._folder / f"{_UNFINISHED}{secrets.token_hex(8)}"
        try:
            # To be read by processes of other users, which may not write here.
            descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        except OSError:
            return  # full or read-only disk: the object stays in memory, and serving goes on
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(_MAGIC + _checksum(key, code) + code)
            # Not flushed to the disk: what a power cut leaves half written fails its checksum.
            os.replace(name, self._folder / f"{key}.o")
        except OSError:
            name.unlink(missing_ok=True)


def compile_here(sources: Sequence[ModuleSource], target: Target) -> dict[str, bytes]:
    """Return object code by symbol, compiled by this process on all cores.

    Raises:
        CompileError: LLVM does not accept a text.
    """

    def compiled(source: ModuleSource) -> bytes:
        return compile_to_object(source.write(), source.symbol, target)

    code = on_cores(compiled, sources, target.cores)
    return {source.symbol: each for source, each in zip(sources, code, strict=True)}


def _read(folder: Path, key: str, owner: int | None) -> bytes | None:
    """Return an object of a folder, if it is whole and, where that is asked, belongs to `owner`."""
    try:
        descriptor = os.open(folder / f"{key}.o", _READ_FLAGS)
    except OSError:
        return None
    try:
        status = os.fstat(descriptor)
        if owner not in {None, status.st_uid} or stat.S_IMODE(status.st_mode) & 0o022:
            return None
        if not stat.S_ISREG(status.st_mode) or status.st_size > OBJECT_MAX_BYTES:
            return None
        content = os.read(descriptor, status.st_size)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    head = len(_MAGIC) + _DIGEST_BYTES
    if content[: len(_MAGIC)] != _MAGIC:
        return None
    code = content[head:]
    if _checksum(key, code) != content[len(_MAGIC) : head]:
        return None
    return code


def cache_key(kind: str, name: str, target: Target) -> str:
    """Return the key of a module's object: a hash over everything that changes the code.

    Args:
        kind: what `name` is: the module's "text", or its "identity".
        name: the name that stands for the text.
        target: CPU and features.
    """
    digest = _key_start(target).copy()
    for part in (kind, name):
        _add_part(digest, part)
    return digest.hexdigest()


@functools.lru_cache(16)
def _key_start(target: Target) -> "hashlib._Hash":
    """Return what all keys for a target begin with."""
    digest = hashlib.sha256()
    for part in (
        str(PIPELINE_VERSION),
        llvmlite.__version__,
        ".".join(str(part) for part in llvm.llvm_version_info),
        llvm.get_process_triple(),
        target.cpu_name,
        target.features,
    ):
        _add_part(digest, part)
    return digest


def _add_part(digest: "hashlib._Hash", part: str) -> None:
    data = part.encode()
    digest.update(len(data).to_bytes(8, "little"))
    digest.update(data)


def _checksum(key: str, code: bytes) -> bytes:
    return hashlib.sha256(_MAGIC + key.encode() + code).digest()


def _trusted_folder(folder: Path) -> Path:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except OSError as error:
        raise CacheFolderError(str(folder), str(error)) from error
    if not stat.S_ISDIR(status.st_mode):
        raise CacheFolderError(str(folder), "it is not a folder")
    if status.st_uid != os.geteuid():
        raise CacheFolderError(str(folder), "it belongs to another user")
    if stat.S_IMODE(status.st_mode) & 0o022:
        raise CacheFolderError(str(folder), "others can write into it")
    return folder


def _drop_unfinished(folder: Path) -> None:
    """Remove files that a killed process left half written."""
    limit = time.time() - UNFINISHED_MAX_SECONDS
    for entry in os.scandir(folder):
        if entry.name.startswith(_UNFINISHED):
            with contextlib.suppress(OSError):  # another process may be doing the same
                if entry.stat(follow_symlinks=False).st_mtime < limit:
                    os.unlink(entry.path)


def _drop_oldest(folder: Path) -> None:
    """Keep the number of files below the limit."""
    with contextlib.suppress(OSError):  # another process may be doing the same
        names = [entry for entry in os.scandir(folder) if entry.name.endswith(".o")]
        surplus = len(names) - OBJECT_MAX_FILES
        if surplus > 0:
            by_age = sorted(names, key=lambda entry: entry.stat(follow_symlinks=False).st_mtime)
            for entry in by_age[:surplus]:
                Path(entry.path).unlink(missing_ok=True)
