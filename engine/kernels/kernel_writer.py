"""Writes kernels: arguments by name, rows of lanes, loops over vectors with a masked rest."""

from collections.abc import Callable, Sequence

from engine.kernels.abi import Context, Field, FieldKind, KernelSpec
from engine.kernels.emit import F32, I32, I64, PTR, Value, Writer, module_text, vector


class KernelWriter(Writer):
    """Writes one kernel `void symbol(ptr ctx, ptr args)` and gives its arguments by name.

    Attributes:
        spec: what is being generated.
        width: float32 elements of the vectors used: the register's, or 1 for lanes = 1.
        parts: vectors that make up the lanes of one row.
    """

    def __init__(self, spec: KernelSpec, fields: Sequence[Field]) -> None:
        super().__init__()
        self.spec = spec
        self.width = min(spec.isa.vector_floats, spec.lanes)
        self.parts = max(1, spec.lanes // self.width)
        self.vector = vector(F32, self.width)
        self._places = {field.name: (place, field) for place, field in enumerate(fields)}
        self._arena = self.context(Context.ARENA, PTR)

    def context(self, field: Context, type_name: str) -> Value:
        """Load a field of the context."""
        return self.load(type_name, self.at(Value(PTR, "%ctx"), field.value, I64), 8)

    def argument(self, name: str) -> Value:
        """Load an argument: a ptr for ARENA, CONST and STEP fields, an i64 for INT fields."""
        place, field = self._places[name]
        address = self.at(Value(PTR, "%args"), place, I64)
        if field.kind in {FieldKind.CONST, FieldKind.STEP}:
            return self.load(PTR, address, 8)
        number = self.load(I64, address, 8)
        if field.kind is FieldKind.INT:
            return number
        return self.at(self._arena, number)

    def float_argument(self, name: str, width: int) -> Value:
        """Load an INT field that holds a float32 bit pattern, in every element of a vector."""
        bits = self.cast("trunc", self.argument(name), I32)
        return self.splat(self.cast("bitcast", bits, F32), width)

    def parts_at_once(self, limit: int) -> int:
        """Return the most vectors of one row, up to a limit, that go into the lanes a whole number of times."""
        return max(count for count in range(1, limit + 1) if self.parts % count == 0)

    def row(self, base: Value, index: Value, part: int = 0) -> Value:
        """Address of vector `part` of row `index` of a value in feature-major layout."""
        start = self.at(base, self.mul(index, self.spec.lanes), F32)
        return self.at(start, part * self.width, F32) if part else start

    @property
    def full_width(self) -> int:
        """Elements of a whole register, for kernels that do not care about lanes."""
        return self.spec.isa.vector_floats

    def finish(self) -> str:
        """Return the LLVM IR text of the module."""
        self.line("ret void")
        return module_text(
            self,
            f"define void @{self.spec.symbol}(ptr noalias %ctx, ptr noalias %args)",
            self.spec.isa,
        )


def each_vector(
    w: Writer, count: Value, width: int, body: Callable[[Value, Value | None], None]
) -> None:
    """Write `body(index, mask)` for all whole vectors below `count`, then for the masked rest.

    `body` gets the element index (i64), and as mask None for a whole vector. For width 1 there is
    no rest.
    """
    if width == 1:
        with w.loop(0, count) as one:
            body(one.index, None)
        return
    whole = w.op("and", count, w.i64(-width))
    with w.loop(0, whole, width) as full:
        body(full.index, None)
    rest = w.op("sub", count, whole)
    with w.when(w.compare("sgt", rest, w.i64(0))):
        body(whole, w.first_lanes(rest, width))


def fold(
    w: Writer,
    count: Value,
    width: int,
    start: Sequence[Value],
    body: Callable[[Value, Value | None, tuple[Value, ...]], Sequence[Value]],
) -> tuple[Value, ...]:
    """Like `each_vector`, carrying values: `body(index, mask, values)` returns the next ones.

    The masked rest is always written (with an empty mask where nothing is left), so `body` must
    leave the values of masked-out lanes as they were.
    """
    if width == 1:
        with w.loop(0, count, carried=start) as one:
            one.carry(body(one.index, None, one.carried))
        return one.carried
    whole = w.op("and", count, w.i64(-width))
    with w.loop(0, whole, width, carried=start) as full:
        full.carry(body(full.index, None, full.carried))
    mask = w.first_lanes(w.op("sub", count, whole), width)
    return tuple(body(whole, mask, full.carried))
