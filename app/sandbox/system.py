"""System calls that Python has no function for, through libc's `syscall` and `prctl`."""

import ctypes
import os
import platform

PR_SET_PDEATHSIG = 1
PR_SET_SECCOMP = 22
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47


class SandboxError(OSError):
    """The kernel does not have a confinement, or refused it."""


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


def libc_call(name: str, *arguments: object) -> None:
    """Call a function of libc that gives 0, or -1 and `errno`.

    Raises:
        SandboxError: it failed.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) != 0:
        code = ctypes.get_errno()
        raise SandboxError(code, f"{name}: {os.strerror(code)}")


def is_linux() -> bool:
    """Tell whether the kernel is Linux: elsewhere only the resource limits apply."""
    return platform.system() == "Linux"
