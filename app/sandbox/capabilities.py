"""Capabilities given up for good: of this process, of its bounding set and of its ambient set. capabilities(7)."""

import contextlib
import ctypes
import errno
import struct
from pathlib import Path

from app.sandbox.system import PR_CAP_AMBIENT, PR_CAPBSET_DROP, SandboxError, libc_call, prctl

_LAST_CAPABILITY = Path("/proc/sys/kernel/cap_last_cap")
# Where the file above cannot be read: more than any kernel has.
_MAX_CAPABILITY = 63
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_VERSION_3 = 0x20080522


def empty_bounding_set() -> None:
    """Take every capability out of the bounding set, which needs CAP_SETPCAP; without it there is none to gain.

    Raises:
        SandboxError: the kernel refused for another reason.
    """
    last = _MAX_CAPABILITY
    with contextlib.suppress(OSError, ValueError):
        last = int(_LAST_CAPABILITY.read_text())
    for capability in range(last + 1):
        try:
            prctl(PR_CAPBSET_DROP, capability)
        except SandboxError as error:
            if error.errno == errno.EINVAL:  # the kernel has no more
                return
            if error.errno == errno.EPERM:
                return
            raise


def drop_capabilities() -> None:
    """Give up all capabilities: effective, permitted, inheritable and ambient.

    Raises:
        SandboxError: the kernel refused.
    """
    with contextlib.suppress(SandboxError):  # kernels before 4.3 have none
        prctl(PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    header = ctypes.create_string_buffer(struct.pack("<Ii", _VERSION_3, 0))
    libc_call("capset", header, ctypes.create_string_buffer(bytes(24)))


def held_capabilities(status: str) -> int:
    """Return the capabilities, as bits, that a process has or could get back, from its /proc/<pid>/status."""
    held = 0
    for line in status.splitlines():
        name, _, value = line.partition(":")
        if name in {"CapInh", "CapPrm", "CapEff", "CapAmb"}:
            held |= int(value, 16)
    return held
