"""A small writer of LLVM IR text: typed values, loops, vectors. Kernel families are built on it.

Sample of what it writes (`with w.loop(0, n) as i: ...`)::

    entry:
      br label %loop1
    loop1:
      %i2 = phi i64 [ 0, %entry ], [ %next3, %latch1 ]
      %more4 = icmp slt i64 %i2, %n
      br i1 %more4, label %body1, label %done1
    body1:
      ...
      br label %latch1
    latch1:
      %next3 = add i64 %i2, 1
      br label %loop1
    done1:

Floats are never given fast-math flags: NaN and infinities must come out as IEEE 754 says. Only
`llvm.fmuladd` may contract a multiplication and an addition.
"""

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from engine.core.target import Isa

I1, I8, I16, I32, I64, F32, F64, PTR = "i1", "i8", "i16", "i32", "i64", "float", "double", "ptr"


@dataclass(frozen=True, slots=True)
class Value:
    """An LLVM value: its type and its name or constant, e.g. ("<16 x float>", "%acc3")."""

    type: str
    name: str

    def __str__(self) -> str:
        return f"{self.type} {self.name}"


def vector(element: str, width: int) -> str:
    """Return the type of `width` elements; one element is the scalar itself."""
    return element if width == 1 else f"<{width} x {element}>"


def width_of(type_name: str) -> int:
    """Return the number of elements of a scalar or vector type."""
    return int(type_name[1:].split(" ", 1)[0]) if type_name.startswith("<") else 1


def element_of(type_name: str) -> str:
    """Return the element type of a scalar or vector type."""
    return type_name.rsplit(" ", 1)[1][:-1] if type_name.startswith("<") else type_name


def mangled(type_name: str) -> str:
    """Return the suffix of overloaded intrinsics, e.g. "v16f32" for <16 x float>."""
    short = {F32: "f32", F64: "f64", PTR: "p0"}.get(element_of(type_name), element_of(type_name))
    width = width_of(type_name)
    return short if width == 1 else f"v{width}{short}"


def float_literal(value: float) -> str:
    """Return LLVM's spelling of a float32 constant: the bits of the double with the same value."""
    return f"0x{struct.unpack('>Q', struct.pack('>d', float(np.float32(value))))[0]:016X}"


def double_literal(value: float) -> str:
    """Return LLVM's spelling of a float64 constant: its bits."""
    return f"0x{struct.unpack('>Q', struct.pack('>d', value))[0]:016X}"


def _literal(element: str, number: float) -> str:
    match element:
        case "float":
            return float_literal(number)
        case "double":
            return double_literal(number)
        case _:
            return str(int(number))


class Loop:
    """An open loop: its index, and the values that are carried from one round to the next.

    Attributes:
        index: i64 index of this round.
        carried: current values; after the loop, the final ones.
    """

    def __init__(self, index: Value, carried: tuple[Value, ...]) -> None:
        self.index = index
        self.carried = carried
        self.following: tuple[Value, ...] = carried

    def carry(self, values: Sequence[Value]) -> None:
        """Set what `carried` will be in the next round."""
        self.following = tuple(values)


class Writer:
    """Writes the body of one native function, instruction by instruction."""

    def __init__(self) -> None:
        self.lines: list[str] = ["entry:"]
        self.declarations: dict[str, str] = {}
        self.block = "entry"
        self._count = 0

    # --- values ------------------------------------------------------------------------------

    def name(self, hint: str) -> str:
        """Return a fresh name without its % sign."""
        self._count += 1
        return f"{hint}{self._count}"

    def line(self, text: str) -> None:
        """Append an instruction that yields nothing."""
        self.lines.append(f"  {text}")

    def value(self, type_name: str, expression: str, hint: str = "v") -> Value:
        """Append an instruction that yields a value of `type_name`."""
        name = f"%{self.name(hint)}"
        self.lines.append(f"  {name} = {expression}")
        return Value(type_name, name)

    def i64(self, number: int) -> Value:
        """Return an i64 constant."""
        return Value(I64, str(number))

    def const(self, type_name: str, number: float) -> Value:
        """Return a constant of any scalar or vector type; vectors hold it in every element."""
        element = element_of(type_name)
        text = _literal(element, number)
        if width_of(type_name) == 1:
            return Value(type_name, text)
        return Value(type_name, f"splat ({element} {text})")

    def zero(self, type_name: str) -> Value:
        """Return the zero of a type."""
        return Value(
            type_name,
            "zeroinitializer" if width_of(type_name) > 1 else _literal(type_name, 0.0),
        )

    def splat(self, scalar: Value, width: int) -> Value:
        """Return a vector with `scalar` in every element (`width` 1: the scalar)."""
        if width == 1:
            return scalar
        kind = vector(scalar.type, width)
        first = self.value(kind, f"insertelement {kind} poison, {scalar}, i64 0", "one")
        return self.shuffle(first, first, [0] * width, "splat")

    def iota(self, width: int, element: str = I32) -> Value:
        """Return the vector 0, 1, 2, ..."""
        if width == 1:
            return self.zero(element)
        places = ", ".join(f"{element} {place}" for place in range(width))
        return Value(vector(element, width), f"<{places}>")

    def first_lanes(self, count: Value, width: int) -> Value:
        """Return a mask that is set in the first `count` (i64) lanes."""
        limit = self.splat(self.cast("trunc", count, I32), width)
        return self.compare("ult", self.iota(width), limit)

    def shuffle(self, a: Value, b: Value, places: Sequence[int], hint: str = "shuf") -> Value:
        """Elements of a and b (numbered on) at constant `places`."""
        mask = ", ".join(f"i32 {place}" for place in places)
        kind = vector(element_of(a.type), len(places))
        text = f"shufflevector {a}, {b}, <{len(places)} x i32> <{mask}>"
        return self.value(kind, text, hint)

    # --- arithmetic --------------------------------------------------------------------------

    def op(self, opcode: str, a: Value, b: Value, hint: str = "v") -> Value:
        """Return a binary instruction: add sub mul and or xor shl lshr ashr fadd fsub fmul fdiv ..."""
        return self.value(a.type, f"{opcode} {a}, {b.name}", hint)

    def add(self, a: Value, b: Value | int) -> Value:
        """Integer addition; an int is a constant of a's type."""
        return self.op("add", a, b if isinstance(b, Value) else self.const(a.type, b))

    def mul(self, a: Value, b: Value | int) -> Value:
        """Integer multiplication; an int is a constant of a's type."""
        return self.op("mul", a, b if isinstance(b, Value) else self.const(a.type, b))

    def compare(self, predicate: str, a: Value, b: Value) -> Value:
        """`icmp` or `fcmp` by the element type; predicate as LLVM spells it."""
        opcode = "fcmp" if element_of(a.type) in {F32, F64} else "icmp"
        kind = vector(I1, width_of(a.type))
        return self.value(kind, f"{opcode} {predicate} {a}, {b.name}", "is")

    def select(self, condition: Value, yes: Value, no: Value) -> Value:
        """Elementwise choice."""
        return self.value(yes.type, f"select {condition}, {yes}, {no}", "sel")

    def cast(self, opcode: str, a: Value, element: str) -> Value:
        """zext sext trunc bitcast sitofp uitofp fptosi fpext fptrunc to the element type."""
        kind = vector(element, width_of(a.type))
        return self.value(kind, f"{opcode} {a} to {kind}", "cast")

    def call(self, function: str, result: str, arguments: Sequence[Value]) -> Value:
        """Call a pure function or intrinsic, declared on first use."""
        kinds = ", ".join(argument.type for argument in arguments)
        self.declarations[function] = f"declare {result} @{function}({kinds})"
        text = ", ".join(str(argument) for argument in arguments)
        return self.value(result, f"call {result} @{function}({text})", "r")

    def intrinsic(self, name: str, *arguments: Value) -> Value:
        """Call an intrinsic overloaded on its first argument's type, which it returns."""
        kind = arguments[0].type
        return self.call(f"llvm.{name}.{mangled(kind)}", kind, arguments)

    def fma(self, a: Value, b: Value, c: Value) -> Value:
        """a * b + c, fused where the target does that fast."""
        return self.intrinsic("fmuladd", a, b, c)

    # --- memory ------------------------------------------------------------------------------

    def at(self, base: Value, index: Value | int, element: str = I8) -> Value:
        """Address of element `index` behind `base`; default in bytes."""
        place = index if isinstance(index, Value) else self.i64(index)
        return self.value(PTR, f"getelementptr {element}, {base}, {place}", "p")

    def load(self, type_name: str, address: Value, align: int = 4) -> Value:
        """Load a scalar or vector."""
        return self.value(type_name, f"load {type_name}, {address}, align {align}", "ld")

    def store(self, value: Value, address: Value, align: int = 4) -> None:
        """Store a scalar or vector."""
        self.line(f"store {value}, {address}, align {align}")

    def masked_load(self, type_name: str, address: Value, mask: Value, align: int = 4) -> Value:
        """Load the elements whose mask is set; the others are zero and not touched."""
        name = f"llvm.masked.load.{mangled(type_name)}.p0"
        self.declarations[name] = f"declare {type_name} @{name}(ptr, {mask.type}, {type_name})"
        zero = self.zero(type_name)
        text = f"call {type_name} @{name}(ptr align {align} {address.name}, {mask}, {zero})"
        return self.value(type_name, text, "ld")

    def masked_store(self, value: Value, address: Value, mask: Value, align: int = 4) -> None:
        """Store the elements whose mask is set."""
        name = f"llvm.masked.store.{mangled(value.type)}.p0"
        self.declarations[name] = f"declare void @{name}({value.type}, ptr, {mask.type})"
        self.line(f"call void @{name}({value}, ptr align {align} {address.name}, {mask})")

    def load_part(self, type_name: str, address: Value, mask: Value | None) -> Value:
        """Load a vector, or with a mask only some of it (the rest is zero)."""
        if mask is None:
            return self.load(type_name, address)
        return self.masked_load(type_name, address, mask)

    def store_part(self, value: Value, address: Value, mask: Value | None) -> None:
        """Store a vector, or with a mask only some of it."""
        if mask is None:
            self.store(value, address)
        else:
            self.masked_store(value, address, mask)

    def prefetch(self, address: Value) -> None:
        """Ask for the cache line at an address, which need not be valid."""
        name = "llvm.prefetch.p0"
        self.declarations[name] = f"declare void @{name}(ptr, i32, i32, i32)"
        self.line(f"call void @{name}({address}, i32 0, i32 3, i32 1)")

    # --- control flow ------------------------------------------------------------------------

    def start_block(self, label: str) -> None:
        """Begin a basic block; the one before must have been ended by a branch."""
        self.lines.append(f"{label}:")
        self.block = label

    @contextmanager
    def loop(
        self,
        start: Value | int,
        stop: Value | int,
        step: int = 1,
        carried: Sequence[Value] = (),
    ) -> Iterator[Loop]:
        """A loop `for index in range(start, stop, step)` with carried values (phi nodes)."""
        number = self.name("")
        head, body, latch, done = (f"{k}{number}" for k in ("loop", "body", "latch", "done"))
        first = start if isinstance(start, Value) else self.i64(start)
        last = stop if isinstance(stop, Value) else self.i64(stop)
        before = self.block
        self.line(f"br label %{head}")
        self.start_block(head)
        index = Value(I64, f"%i{number}")
        phis = tuple(Value(v.type, f"%{self.name('c')}") for v in carried)
        place = len(self.lines)
        self.lines.extend([""] * (1 + len(phis)))  # the phi nodes need the names of the latch
        more = self.compare("slt", index, last)
        self.line(f"br {more}, label %{body}, label %{done}")
        self.start_block(body)
        loop = Loop(index, phis)
        yield loop
        self.line(f"br label %{latch}")
        self.start_block(latch)
        following = self.add(index, step)
        self.line(f"br label %{head}")
        for offset, (phi, begin, end) in enumerate(
            zip((index, *phis), (first, *carried), (following, *loop.following), strict=True)
        ):
            self.lines[place + offset] = (
                f"  {phi.name} = phi {phi.type} "
                f"[ {begin.name}, %{before} ], [ {end.name}, %{latch} ]"
            )
        self.start_block(done)

    @contextmanager
    def while_less(self, start: Value, stop: Value) -> Iterator[Loop]:
        """A loop that runs while its index is below `stop`; `carry((following,))` advances it."""
        number = self.name("")
        head, body, done = (f"{kind}{number}" for kind in ("while", "body", "done"))
        before = self.block
        self.line(f"br label %{head}")
        self.start_block(head)
        index = Value(I64, f"%i{number}")
        place = len(self.lines)
        self.lines.append("")  # the phi node needs the name of the following index
        more = self.compare("slt", index, stop)
        self.line(f"br {more}, label %{body}, label %{done}")
        self.start_block(body)
        loop = Loop(index, ())
        yield loop
        (following,) = loop.following
        self.lines[place] = (
            f"  {index.name} = phi i64 [ {start.name}, %{before} ], "
            f"[ {following.name}, %{self.block} ]"
        )
        self.line(f"br label %{head}")
        self.start_block(done)

    @contextmanager
    def when(self, condition: Value) -> Iterator[None]:
        """A block that runs only where the scalar condition holds; it yields no value."""
        number = self.name("")
        self.line(f"br {condition}, label %then{number}, label %after{number}")
        self.start_block(f"then{number}")
        yield
        self.line(f"br label %after{number}")
        self.start_block(f"after{number}")


def module_text(writer: Writer, signature: str, isa: Isa) -> str:
    """Return a module with one function: declarations, signature, body, attributes."""
    bits = isa.vector_floats * 32
    attributes = (
        f'attributes #0 = {{ nounwind "no-builtins" "probe-stack"="inline-asm" "prefer-vector-width"="{bits}" '
        f'"min-legal-vector-width"="{bits}" }}'
    )
    parts = [
        *sorted(writer.declarations.values()),
        f"{signature} #0 {{",
        *writer.lines,
        "}",
        attributes,
    ]
    return "\n".join(parts) + "\n"
