"""System calls that Python has no function for, through libc's `syscall` and `prctl`."""

import ctypes
import errno
import os
import platform
from dataclasses import dataclass

PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38
PR_SET_SECCOMP = 22


class SandboxError(OSError):
    """The kernel refused a confinement that it was expected to have."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """Numbers that differ between CPU families.

    Attributes:
        audit: AUDIT_ARCH_* value that the kernel shows to a seccomp filter (linux/audit.h).
        calls: numbers of the system calls that are refused or looked at.
    """

    audit: int
    calls: dict[str, int]


# asm/unistd_64.h and asm-generic/unistd.h of Linux.
ARCHITECTURES = {
    "x86_64": Architecture(
        audit=0xC000003E,
        calls={
            "socket": 41,
            "connect": 42,
            "bind": 49,
            "listen": 50,
            "clone": 56,
            "fork": 57,
            "vfork": 58,
            "execve": 59,
            "kill": 62,
            "ptrace": 101,
            "setuid": 105,
            "mount": 165,
            "tkill": 200,
            "tgkill": 234,
            "keyctl": 250,
            "unshare": 272,
            "process_vm_readv": 310,
            "process_vm_writev": 311,
            "setns": 308,
            "bpf": 321,
            "execveat": 322,
            "userfaultfd": 323,
            "io_uring_setup": 425,
            "clone3": 435,
            "pidfd_getfd": 438,
        },
    ),
    "aarch64": Architecture(
        audit=0xC00000B7,
        calls={
            "socket": 198,
            "connect": 203,
            "bind": 200,
            "listen": 201,
            "clone": 220,
            "execve": 221,
            "kill": 129,
            "ptrace": 117,
            "setuid": 146,
            "mount": 40,
            "tkill": 130,
            "tgkill": 131,
            "keyctl": 219,
            "unshare": 97,
            "process_vm_readv": 270,
            "process_vm_writev": 271,
            "setns": 268,
            "bpf": 280,
            "execveat": 281,
            "userfaultfd": 282,
            "io_uring_setup": 425,
            "clone3": 435,
            "pidfd_getfd": 438,
        },
    ),
}


def architecture() -> Architecture | None:
    """Return this CPU family's numbers, or None where they are not known."""
    return ARCHITECTURES.get(os.uname().machine)


def prctl(option: int, *arguments: int) -> None:
    """Change how the kernel treats this process: prctl of Linux.

    Raises:
        SandboxError: the kernel refused.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    padded = [ctypes.c_ulong(value) for value in (*arguments, 0, 0, 0, 0)[:4]]
    if libc.prctl(ctypes.c_int(option), *padded) != 0:
        code = ctypes.get_errno()
        raise SandboxError(code, f"prctl {option}: {os.strerror(code)}")


def syscall(number: int, *arguments: object) -> int:
    """Make a system call and return its result.

    Raises:
        SandboxError: it failed; `errno` says how.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    result = int(libc.syscall(ctypes.c_long(number), *arguments))
    if result < 0:
        code = ctypes.get_errno()
        raise SandboxError(code, f"system call {number}: {os.strerror(code)}")
    return result


def is_linux() -> bool:
    """Tell whether the kernel is Linux: elsewhere only the resource limits apply."""
    return platform.system() == "Linux"


def is_unsupported(error: OSError) -> bool:
    """Tell whether a refusal means that this kernel, or the container around, does not offer the feature."""
    return error.errno in {errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EPERM}
