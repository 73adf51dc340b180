"""Everything the engine can refuse, as one tree.

EngineError
├── TargetError              this host, or the instruction set asked for
│   ├── UnknownIsaError      a name that is no instruction set level
│   └── IsaUnavailableError  a level above what this CPU has
├── CodegenError             LLVM text to machine code
│   ├── CompileError         LLVM refused the text of a kernel
│   └── LinkError            machine code could not be loaded into the process
├── CacheFolderError         the object cache folder cannot be trusted or made
└── KernelError              a kernel that cannot be built as asked
    ├── UnknownFamilyError   no such kernel family
    ├── UnsupportedKernelError   the family does not cover this specification
    └── PackError            a weight matrix that the format cannot hold
"""

from typing import ClassVar

from graph.errors import PrunusError


class EngineError(PrunusError):
    """Base of all errors of the engine."""

    slug: ClassVar[str] = "engine-error"
    title: ClassVar[str] = "The engine refused"


class TargetError(EngineError):
    """The host or the instruction set that was asked for."""

    slug = "unsuitable-cpu"
    title = "The CPU does not suit"


class UnknownIsaError(TargetError):
    """The given name is no instruction set level."""

    def __init__(self, got: str, known: tuple[str, ...]) -> None:
        super().__init__(
            "unknown instruction set level",
            expected=f"one of {', '.join(known)}",
            got=repr(got),
            hint="unset PRUNUS_ISA to use what the CPU has",
        )


class IsaUnavailableError(TargetError):
    """A level was asked for that this CPU does not have."""

    def __init__(self, wanted: str, host: str) -> None:
        super().__init__(
            "instruction set level is not available on this CPU",
            expected=f"{host!r} or lower",
            got=repr(wanted),
            hint="ask for a lower level, or unset PRUNUS_ISA",
        )


class CodegenError(EngineError):
    """Turning LLVM text into running code failed."""

    slug = "code-generation-failed"
    title = "Native code could not be made"


class CompileError(CodegenError):
    """LLVM refused the text of a kernel: a bug in a kernel family, never in a model."""

    def __init__(self, symbol: str, reason: str) -> None:
        super().__init__(f"LLVM did not compile {symbol}: {reason}", hint="please report this")


class LinkError(CodegenError):
    """Machine code could not be loaded into the process."""

    def __init__(self, symbols: tuple[str, ...], reason: str) -> None:
        super().__init__(f"could not load {', '.join(symbols)}: {reason}")


class CacheFolderError(EngineError):
    """The object cache folder cannot be used safely: what it holds is executed."""

    slug = "unsafe-object-cache"
    title = "The object cache folder cannot be used"

    def __init__(self, folder: str, reason: str) -> None:
        super().__init__(
            f"object cache folder {folder}: {reason}",
            expected="a folder that belongs to this user and that nobody else can write",
            hint="give another folder, or correct its owner and mode",
        )


class KernelError(EngineError):
    """A kernel cannot be built as asked."""

    slug = "unsupported-kernel"
    title = "No native kernel for this"


class UnknownFamilyError(KernelError):
    """No kernel family has this name."""

    def __init__(self, got: str, known: tuple[str, ...]) -> None:
        super().__init__(
            "unknown kernel family", expected=f"one of {', '.join(known)}", got=repr(got)
        )


class UnsupportedKernelError(KernelError):
    """A family does not cover the given specification."""

    def __init__(self, symbol: str, requirement: str) -> None:
        super().__init__("kernel cannot be generated", expected=requirement, got=symbol)


class PackError(KernelError):
    """A weight matrix does not fit the format."""

    def __init__(self, format_name: str, expected: str, got: str) -> None:
        super().__init__(f"format {format_name}", expected=expected, got=got)
