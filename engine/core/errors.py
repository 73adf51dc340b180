"""Everything the engine can refuse, as one tree.

EngineError
├── TargetError              this host, or the instruction set asked for
│   ├── UnknownIsaError      a name that is no instruction set level
│   ├── IsaUnavailableError  a level above what this CPU has
│   └── ThreadCountError     a number of threads that is none
├── CodegenError             LLVM text to machine code
│   ├── CompileError         LLVM refused the text of a kernel
│   └── LinkError            machine code could not be loaded into the process
├── CacheFolderError         the object cache folder cannot be trusted or made
├── KernelError              a kernel that cannot be built as asked
│   ├── UnknownFamilyError   no such kernel family
│   ├── UnsupportedKernelError   the family does not cover this specification
│   ├── PackError            a weight matrix that the format cannot hold
│   └── NarrowValuesError    a weight too large for the 16-bit type asked for
├── UnsupportedModelError    a valid graph that the engine cannot run
│   └── VariableLengthError  a value has an axis of varying length
├── ProgramError             a program breaks an invariant (our own bug, or a hostile artifact)
├── ArtifactError            a file that is no artifact that may be run
│   ├── ArtifactFileError    it cannot be opened or written
│   ├── NotAnArtifactError   it does not start as one
│   ├── ArtifactVersionError it is of a version that this Prunus does not read
│   ├── ArtifactTooLargeError    a size is over a limit
│   ├── ArtifactTruncatedError   it is shorter or longer than it says
│   ├── ArtifactChecksumError    its bytes are not what was written
│   ├── ManifestError        its manifest is not JSON of the documented form
│   ├── SectionError         a section lies outside, overlaps, is not aligned, has a wrong size
│   ├── WeightFormError      weights are stored in a way that does not fit their shape
│   ├── PackedLayerError     a packed layer does not fit the kernel and layer it is for
│   └── ArtifactProgramError its program breaks an invariant
├── InputError               inputs that do not fit the model
│   ├── MissingInputError    an input was not given
│   ├── UnknownInputError    a name that is no input
│   ├── InputDtypeError      an array of another element type
│   ├── InputShapeError      an array of another shape
│   ├── SizeError            a size that the network cannot be computed at
│   │   └── SizeTooLargeError    a size beyond the limits
│   ├── EmptyBatchError      no samples
│   └── BatchMismatchError   inputs of different batch sizes
├── SizesInUseError          running calls hold all memory that there is for sizes
└── ExecutableClosedError    a call after close
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


class ThreadCountError(TargetError):
    """The given number of threads is none."""

    slug = "wrong-thread-count"
    title = "That is no number of threads"

    def __init__(self, got: str) -> None:
        super().__init__(
            "wrong number of threads",
            expected="a whole number, 1 or more",
            got=repr(got)[:80],
            hint="unset PRUNUS_THREADS to use the cores that this process may use",
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


class NarrowValuesError(KernelError):
    """A weight is too large for the 16-bit type that was asked for."""

    slug = "weights-too-large"
    title = "Weights do not fit the type asked for"

    def __init__(self, values: str, largest: float, got: float) -> None:
        super().__init__(
            f"a weight is too large for {values}",
            expected=f"magnitudes up to {largest:g}",
            got=f"{got:g}",
            hint="use bfloat16, or keep float32",
        )


class UnsupportedModelError(EngineError):
    """A valid graph that the engine cannot run."""

    slug = "unsupported-model"
    title = "The engine cannot run this model"


class VariableLengthError(UnsupportedModelError):
    """A value has an axis whose length varies from call to call."""

    slug = "variable-length"
    title = "The model takes inputs of varying length"

    def __init__(self, value: str, shape: str) -> None:
        super().__init__(
            f"value {value!r} has an axis of varying length",
            expected="a fixed length on every axis but the batch",
            got=shape,
            hint="build the model with a fixed input shape and upload that",
        )


class ProgramError(EngineError):
    """A program breaks one of the invariants listed in `engine.core.program_check`."""

    slug = "invalid-program"
    title = "The compiled program is not valid"


class ArtifactError(EngineError):
    """A file that is no artifact that may be run."""

    slug = "invalid-artifact"
    title = "The artifact cannot be used"


class ArtifactFileError(ArtifactError):
    """The file cannot be opened, mapped or written."""


class NotAnArtifactError(ArtifactError):
    """The file does not start as an artifact does."""


class ArtifactVersionError(ArtifactError):
    """The file is of a version that this Prunus does not read."""


class ArtifactTooLargeError(ArtifactError):
    """A size is over a limit of `engine.core.limits`."""


class ArtifactTruncatedError(ArtifactError):
    """The file is shorter or longer than its header and manifest say."""


class ArtifactChecksumError(ArtifactError):
    """The bytes are not those that were written."""


class ManifestError(ArtifactError):
    """The manifest is not JSON of the documented form."""


class SectionError(ArtifactError):
    """A section lies outside the file, overlaps another, is not aligned, or has a wrong size."""


class WeightFormError(ArtifactError):
    """Weights are stored in a way that does not fit their shape."""


class PackedLayerError(ArtifactError):
    """A packed layer does not fit the kernel and the layer it is for."""


class ArtifactProgramError(ArtifactError):
    """The program of an artifact breaks an invariant."""


class InputError(EngineError):
    """The inputs of a call do not fit the model."""

    slug = "invalid-inputs"
    title = "The inputs do not fit the model"


class MissingInputError(InputError):
    """An input of the model was not given."""

    slug = "missing-input"
    title = "An input is missing"


class UnknownInputError(InputError):
    """A name that is no input of the model."""

    slug = "unknown-input"
    title = "An input is unknown"


class InputDtypeError(InputError):
    """An input has another element type than the model declares."""

    slug = "wrong-dtype"
    title = "An input has the wrong element type"


class InputShapeError(InputError):
    """An input has another shape than the model declares."""

    slug = "wrong-shape"
    title = "An input has the wrong shape"


class InputIndexError(InputError):
    """An input holds an index of an embedding that the model has not."""

    slug = "index-out-of-range"
    title = "An index is out of range"


class SizeError(InputError):
    """Inputs of varying size have a size at which the network cannot be computed."""

    slug = "unsuitable-size"
    title = "The network cannot be computed at this size"


class SizeTooLargeError(SizeError):
    """Inputs of varying size are larger than allowed."""

    slug = "size-too-large"
    title = "The inputs are too large"


class EmptyBatchError(InputError):
    """A batch without samples."""

    slug = "empty-batch"
    title = "The batch is empty"


class BatchMismatchError(InputError):
    """Inputs of one call have different batch sizes."""

    slug = "batch-mismatch"
    title = "Inputs differ in their number of samples"


class SizesInUseError(EngineError):
    """Running calls hold so many sizes of a model that there is no memory to make another one ready."""

    slug = "sizes-in-use"
    title = "Too many sizes are being computed"


class ExecutableClosedError(EngineError):
    """A call to an executable that was closed."""

    slug = "model-closed"
    title = "The model has been unloaded"
