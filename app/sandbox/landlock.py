"""Landlock: this process may read what is listed, write where it is told, and touch no other file.

landlock(7), linux/landlock.h. The kernel says which version it has; rights that it does not know are left out.
"""

import ctypes
import errno
import os
import struct
from collections.abc import Iterable
from pathlib import Path

from app.sandbox.system import SandboxError, syscall

_CREATE_RULESET = 444  # the same numbers on every architecture
_ADD_RULE = 445
_RESTRICT_SELF = 446
_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1

_EXECUTE = 1 << 0
_WRITE_FILE = 1 << 1
_READ_FILE = 1 << 2
_READ_DIR = 1 << 3
_ALL_OF_VERSION_1 = (1 << 13) - 1
_REFER = 1 << 13  # version 2
_TRUNCATE = 1 << 14  # version 3
_IOCTL_DEV = 1 << 15  # version 5
_NET_BIND_AND_CONNECT = 3  # version 4
_SCOPE_SOCKETS_AND_SIGNALS = 3  # version 6
_FILE_RIGHTS = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
_READ = _EXECUTE | _READ_FILE | _READ_DIR


def landlock_version() -> int:
    """Return the version of Landlock that this kernel has; 0 is none.

    Raises:
        SandboxError: the kernel has it, and something around this process refuses it.
    """
    try:
        return syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _CREATE_RULESET_VERSION)
    except SandboxError as error:
        # Not built in, or not switched on at boot.
        if error.errno in {errno.ENOSYS, errno.EOPNOTSUPP}:
            return 0
        raise


def apply_landlock(read: Iterable[Path], write: Iterable[Path]) -> int:
    """Narrow this process's files to `read` (also executable code) and `write` (all rights).

    Needs PR_SET_NO_NEW_PRIVS before. Paths that do not exist are left out.

    Returns:
        The version applied.

    Raises:
        SandboxError: the kernel does not have it, or it is refused.
    """
    version = landlock_version()
    if version == 0:
        raise SandboxError(errno.ENOSYS, "the kernel has no Landlock")
    handled = _handled(version)
    rules = _create_ruleset(version, handled)
    try:
        for path in read:
            _allow(rules, path, _READ & handled)
        for path in write:
            _allow(rules, path, handled & ~_EXECUTE)
        syscall(_RESTRICT_SELF, ctypes.c_int(rules), ctypes.c_uint32(0))
    finally:
        os.close(rules)
    return version


def _handled(version: int) -> int:
    rights = _ALL_OF_VERSION_1
    for since, right in ((2, _REFER), (3, _TRUNCATE), (5, _IOCTL_DEV)):
        if version >= since:
            rights |= right
    return rights


def _create_ruleset(version: int, handled: int) -> int:
    """Make a ruleset: struct landlock_ruleset_attr as long as this version knows it."""
    attributes = struct.pack("<Q", handled)
    if version >= 4:
        attributes += struct.pack("<Q", _NET_BIND_AND_CONNECT)
    if version >= 6:
        attributes += struct.pack("<Q", _SCOPE_SOCKETS_AND_SIGNALS)
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    return syscall(_CREATE_RULESET, buffer, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0))


def _allow(rules: int, path: Path, rights: int) -> None:
    """Add a rule for a file, or for a folder and all below it: struct landlock_path_beneath_attr."""
    try:
        target = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not path.is_dir():
            rights &= _FILE_RIGHTS
        attributes = struct.pack("<Qi", rights, target)
        buffer = ctypes.create_string_buffer(attributes, len(attributes))
        syscall(
            _ADD_RULE,
            ctypes.c_int(rules),
            ctypes.c_int(_RULE_PATH_BENEATH),
            buffer,
            ctypes.c_uint32(0),
        )
    finally:
        os.close(target)
