"""A seccomp filter that allows the calls of `app.sandbox.calls` and refuses every other one.

seccomp(2): a classic BPF program looks at each system call's number and arguments. A refused call fails with EPERM;
`clone3`, whose flags lie in memory, with ENOSYS, so that libc falls back to `clone`.
"""

import ctypes
import errno
import os
import struct

from app.sandbox.calls import ALLOWED, ARCHITECTURES, Architecture, Check, checks
from app.sandbox.system import PR_SET_SECCOMP, SandboxError, prctl

_LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS
_JUMP_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_JUMP_AT_LEAST = 0x35  # BPF_JMP | BPF_JGE | BPF_K
_AND = 0x54  # BPF_ALU | BPF_AND | BPF_K
_RETURN = 0x06  # BPF_RET | BPF_K
_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_KILL_PROCESS = 0x80000000
_SECCOMP_MODE_FILTER = 2
# Offsets in struct seccomp_data (linux/seccomp.h).
_NUMBER_AT = 0
_ARCHITECTURE_AT = 4
_ARGUMENTS_AT = 16
_ARGUMENT_BYTES = 8
_X32_BIT = 0x40000000


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def apply_filter() -> None:
    """Install the filter for this process and all its threads to come; it cannot be taken back.

    Needs PR_SET_NO_NEW_PRIVS before.

    Raises:
        SandboxError: the kernel does not have it or refuses it, or the numbers of this CPU family are not known.
    """
    machine = os.uname().machine
    family = ARCHITECTURES.get(machine)
    if family is None:
        raise SandboxError(errno.ENOSYS, f"system calls of {machine} are not known")
    code = build_filter(family, os.getpid())
    program = _Program(len(code) // 8, code)
    prctl(PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(program))


def build_filter(family: Architecture, pid: int) -> bytes:
    """Return the BPF program: 8 bytes an instruction, as struct sock_filter."""
    refuse = _instruction(_RETURN, _ERRNO | errno.EPERM)
    allow = _instruction(_RETURN, _ALLOW)
    code = [
        _instruction(_LOAD, _ARCHITECTURE_AT),
        _instruction(_JUMP_EQUAL, family.audit, 1, 0),
        _instruction(_RETURN, _KILL_PROCESS),
        _instruction(_LOAD, _NUMBER_AT),
        # The x32 ABI would give every call a second number.
        _instruction(_JUMP_AT_LEAST, _X32_BIT, 0, 1),
        refuse,
    ]
    for name in ALLOWED:
        if name in family.calls:
            code += [_instruction(_JUMP_EQUAL, family.calls[name], 0, 1), allow]
    for name, rules in checks(pid).items():
        tested = [instruction for rule in rules for instruction in _test(rule, refuse)]
        section = [*tested, allow]
        code += [_instruction(_JUMP_EQUAL, family.calls[name], 0, len(section)), *section]
    no_such_call = _instruction(_RETURN, _ERRNO | errno.ENOSYS)
    code += [_instruction(_JUMP_EQUAL, family.calls["clone3"], 0, 1), no_such_call, refuse]
    return b"".join(code)


def _test(rule: Check, refuse: bytes) -> list[bytes]:
    """Refuse unless the argument has one of the values; else go on behind this."""
    comparisons = [
        # To the instruction behind the refusal, which is behind the last comparison.
        _instruction(_JUMP_EQUAL, value, len(rule.values) - place, 0)
        for place, value in enumerate(rule.values)
    ]
    return [
        _instruction(_LOAD, _ARGUMENTS_AT + _ARGUMENT_BYTES * rule.argument + rule.word),
        _instruction(_AND, rule.mask),
        *comparisons,
        refuse,
    ]


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("<HBBI", code, if_true, if_false, value)
