"""A step that writes down the time: between the steps of a tile, it tells how long each takes where it runs.

    clock(clock_id, out)                     ; int clock_gettime(clockid_t, struct timespec *)

`clock` and `out` are addresses in this process. Only the measuring code binds this step; no program has one.
"""

from engine.core.target import Isa
from engine.kernels.abi import Field, FieldKind, KernelSpec
from engine.kernels.emit import I32, PTR, Value
from engine.kernels.kernel_writer import KernelWriter

FAMILY = "stamp"
FIELDS = (
    Field("clock", FieldKind.INT),
    Field("clock_id", FieldKind.INT),
    Field("out", FieldKind.INT),
)


def stamp_spec(isa: Isa) -> KernelSpec:
    """Return the one specification of a level."""
    return KernelSpec(FAMILY, isa, 1)


def emit(spec: KernelSpec) -> str:
    """Return the LLVM IR of a stamp."""
    w = KernelWriter(spec, FIELDS)
    clock, out = (_pointer(w, name) for name in ("clock", "out"))
    clock_id = w.cast("trunc", w.argument("clock_id"), I32)
    w.line(f"call i32 {clock.name}({clock_id}, {out})")
    return w.finish()


def _pointer(w: KernelWriter, name: str) -> Value:
    return w.value(PTR, f"inttoptr {w.argument(name)} to ptr")
