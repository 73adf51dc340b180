"""A seccomp filter: no sockets, no new processes or programs, no reach into other processes.

seccomp(2): a classic BPF program looks at each system call's number and arguments. Threads stay possible. A refused
call fails with EPERM (clone3 with ENOSYS, so that libc falls back to clone, whose flags can be looked at).
"""

import ctypes
import errno
import os
import struct

from app.sandbox.system import (
    PR_SET_SECCOMP,
    Architecture,
    SandboxError,
    architecture,
    is_unsupported,
    prctl,
)

_LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS
_JUMP_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_JUMP_AT_LEAST = 0x35  # BPF_JMP | BPF_JGE | BPF_K
_JUMP_SET = 0x45  # BPF_JMP | BPF_JSET | BPF_K
_RETURN = 0x06  # BPF_RET | BPF_K
_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_KILL_PROCESS = 0x80000000
_SECCOMP_MODE_FILTER = 2
# Offsets in struct seccomp_data (linux/seccomp.h); low words, both families are little-endian.
_NUMBER_AT = 0
_ARCHITECTURE_AT = 4
_FIRST_ARGUMENT_AT = 16
_X32_BIT = 0x40000000
_CLONE_THREAD = 0x00010000

# Refused whatever the arguments.
REFUSED = (
    "socket",
    "connect",
    "bind",
    "listen",
    "fork",
    "vfork",
    "execve",
    "execveat",
    "ptrace",
    "setuid",
    "mount",
    "keyctl",
    "unshare",
    "setns",
    "process_vm_readv",
    "process_vm_writev",
    "bpf",
    "userfaultfd",
    "io_uring_setup",
    "pidfd_getfd",
)
# Allowed when the first argument is this process: `abort` sends itself a signal.
_SIGNALS = ("kill", "tgkill")


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def apply_filter() -> bool:
    """Install the filter for this process and all its threads to come; it cannot be taken back.

    Needs PR_SET_NO_NEW_PRIVS before.

    Returns:
        False where the kernel or the CPU family does not have it.
    """
    family = architecture()
    if family is None:
        return False
    code = build_filter(family, os.getpid())
    program = _Program(len(code) // 8, code)
    try:
        prctl(PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(program))
    except SandboxError as error:
        if is_unsupported(error):
            return False
        raise
    return True


def build_filter(family: Architecture, pid: int) -> bytes:
    """Return the BPF program: 8 bytes an instruction, as struct sock_filter."""
    refuse = _instruction(_RETURN, _ERRNO | errno.EPERM)
    code = [
        _instruction(_LOAD, _ARCHITECTURE_AT),
        _instruction(_JUMP_EQUAL, family.audit, 1, 0),
        _instruction(_RETURN, _KILL_PROCESS),
        _instruction(_LOAD, _NUMBER_AT),
        # The x32 ABI would give every call a second number.
        _instruction(_JUMP_AT_LEAST, _X32_BIT, 0, 1),
        refuse,
    ]
    for name in REFUSED:
        if name in family.calls:
            code += [_instruction(_JUMP_EQUAL, family.calls[name], 0, 1), refuse]
    no_such_call = _instruction(_RETURN, _ERRNO | errno.ENOSYS)
    code += [_instruction(_JUMP_EQUAL, family.calls["clone3"], 0, 1), no_such_call]
    # tkill names a thread of any process: refused; libc uses tgkill.
    code += [_instruction(_JUMP_EQUAL, family.calls["tkill"], 0, 1), refuse]
    for name in _SIGNALS:
        code += _when_argument(family.calls[name], _instruction(_JUMP_EQUAL, pid, 1, 0), refuse)
    code += _when_argument(
        family.calls["clone"], _instruction(_JUMP_SET, _CLONE_THREAD, 1, 0), refuse
    )
    code.append(_instruction(_RETURN, _ALLOW))
    return b"".join(code)


def _when_argument(number: int, test: bytes, refuse: bytes) -> list[bytes]:
    """Refuse call `number` unless `test` of its first argument jumps over the refusal."""
    return [
        _instruction(_JUMP_EQUAL, number, 0, 4),
        _instruction(_LOAD, _FIRST_ARGUMENT_AT),
        test,
        refuse,
        _instruction(_RETURN, _ALLOW),
    ]


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("<HBBI", code, if_true, if_false, value)
