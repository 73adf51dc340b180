"""The loop over time of a recurrent layer: a product by another kernel, then the gates of all units.

The product of the state with the recurrent kernel is computed by any kernel for Dense layers, which is called through a
step entry (`engine.kernels.driver`) of its own. So every format and every kernel that a Dense layer may have can stand
in the loop, and what follows the product is one kernel for all of them::

    for t in times:
        product.kernel(ctx, product.args)         ; s = h @ kernel + bias, from and to places of its own
        for each vector of units x lanes:         ; LSTM
            i, f, c, o = x[t][gate] + s[gate]
            state = sigmoid(f) * state + sigmoid(i) * tanh(c)
            h = y[t] = sigmoid(o) * tanh(state)

A call may compute some of the steps of time and some of the units: several threads share the units, one call for
each step of time. Rows of s lie in blocks of 16 units, gate after gate in each (`engine.core.recurrent_steps`).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from engine.core.functions import MAX_PARAMETERS, ElementFunction, FusedActivation, float_bits
from engine.core.recurrent_steps import BLOCK_UNITS, Cell, MaskedOutput
from engine.core.target import Isa
from engine.kernels import gate_math
from engine.kernels.abi import ARGUMENT_FIELDS, Field, FieldKind, KernelSpec
from engine.kernels.activations import PARAMETER_COUNTS, Parameters, apply_function
from engine.kernels.driver import Step
from engine.kernels.emit import F32, I64, PTR, Value, vector
from engine.kernels.kernel_writer import KernelWriter, each_vector

FAMILY = "recurrent"
PRODUCT, CANDIDATE = "product", "candidate"
VARIANTS: Mapping[str, Collection[int | str]] = {
    "cell": tuple(Cell),
    "gate": tuple(FusedActivation),
    "masked": tuple(MaskedOutput),
}
_GATE_FIELDS = tuple(Field(f"q{place}", FieldKind.INT) for place in range(MAX_PARAMETERS))


def recurrent_spec(
    isa: Isa, lanes: int, cell: Cell, functions: tuple[FusedActivation, FusedActivation],
    masked: MaskedOutput,
) -> KernelSpec:  # fmt: skip
    """Return the loop of a cell; `functions` are its activation and that of its gates."""
    activation, gate = functions
    variant = (("cell", cell.value), ("gate", gate.value), ("masked", masked.value))
    return KernelSpec(FAMILY, isa, lanes, activation, variant)


def fields(spec: KernelSpec) -> tuple[Field, ...]:
    """Return the fields of a loop.

    `x`, `y`, `mask` are those of the first step of time and unit of the call; `x_step`, `y_step` and `mask_step` bytes
    from one step of time to the next, `x_gate` rows from one gate of x to the next, `units` how many are computed.
    """
    cell, masked = Cell(str(spec.option("cell"))), MaskedOutput(str(spec.option("masked")))
    arena = ["x", "y", "s", "h_in", "h_out"]
    numbers = ["units", "times", "x_gate", "x_step", "y_step"]
    steps = [PRODUCT]
    if cell is Cell.LSTM:
        arena.append("c")
    if cell is Cell.GRU_BEFORE:
        arena += ["s_candidate", "reset"]
        steps.append(CANDIDATE)
    if masked is not MaskedOutput.NONE:
        arena.append("mask")
        numbers.append("mask_step")
    if masked is MaskedOutput.REPEAT:
        arena.append("repeated")
    return (
        *(Field(name, FieldKind.ARENA) for name in arena),
        *(Field(name, FieldKind.INT) for name in numbers),
        *(Field(name, FieldKind.STEP) for name in steps),
        *ARGUMENT_FIELDS,
        *_GATE_FIELDS,
    )


def function_ints(activation: ElementFunction, gate: ElementFunction) -> dict[str, int]:
    """Return the parameters of both functions, as float32 bit patterns."""
    padded = gate.parameters + (0.0,) * (MAX_PARAMETERS - len(gate.parameters))
    own = {f"q{place}": float_bits(value) for place, value in enumerate(padded)}
    return {**activation.as_ints(), **own}


def emit(spec: KernelSpec) -> str:
    """Return the LLVM IR of a loop over time."""
    w = KernelWriter(spec, fields(spec))
    loop = _loop_of(w)
    moving = [w.argument("x"), w.argument("y")]
    strides = [w.argument("x_step"), w.argument("y_step")]
    if loop.masked is not MaskedOutput.NONE:
        moving.append(w.argument("mask"))
        strides.append(w.argument("mask_step"))
    with w.loop(0, w.argument("times"), carried=moving) as time:
        x, y, *mask = time.carried
        loop.write(x, y, mask[0] if mask else None)
        time.carry([w.at(place, step) for place, step in zip(time.carried, strides, strict=True)])
    return w.finish()


@dataclass(frozen=True, slots=True)
class _Element:
    """One vector of units x lanes.

    Attributes:
        place: number of its first element behind the first unit's.
        in_block: the same behind the first unit of its block.
        block: number of the block's first element behind the first unit's.
        run: elements of the block.
        mask: the elements that exist; None for all.
        real: those of them that are not masked in time; None for all.
    """

    place: Value
    in_block: Value
    block: Value
    run: Value
    mask: Value | None
    real: Value | None


_Body = Callable[[_Element], None]


@dataclass(frozen=True, slots=True)
class _Loop:
    """The body of the loop.

    Attributes:
        w: the kernel.
        cell: what is computed.
        masked: output of masked steps of time.
        width: elements of a vector.
        parameters: those of the activation and of the gates' function.
        places: addresses of the ARENA fields that stay.
    """

    w: KernelWriter
    cell: Cell
    masked: MaskedOutput
    width: int
    parameters: tuple[Parameters, Parameters]
    places: Mapping[str, Value]

    def write(self, x: Value, y: Value, mask: Value | None) -> None:
        """Write one step of time."""
        _call(self.w, PRODUCT)
        match self.cell:
            case Cell.LSTM:
                self._each(mask, lambda e: self._lstm(e, x, y))
            case Cell.GRU:
                self._each(mask, lambda e: self._gru(e, x, y))
            case Cell.GRU_BEFORE:
                self._each(None, lambda e: self._reset(e, x))
                _call(self.w, CANDIDATE)
                self._each(mask, lambda e: self._gru_candidate(e, x, y))
            case Cell.SIMPLE:
                self._each(mask, lambda e: self._simple(e, x, y))

    def _lstm(self, e: _Element, x: Value, y: Value) -> None:
        w = self.w
        i, f, candidate, o = (w.op("fadd", *pair) for pair in self._pairs(e, x, range(4), 4))
        state = self._load(e, "c")
        if self.usual:
            gates = [gate_math.sigmoid_fraction(w, gate) for gate in (f, i, o)]
            new = gate_math.lstm_state(
                w, gates[0], state, gates[1], gate_math.tanh_fraction(w, candidate)
            )
            h = gate_math.product(w, gates[2], gate_math.tanh_fraction(w, new))
        else:
            kept = w.op("fmul", self._gate(f), state)
            new = w.fma(self._gate(i), self._activate(candidate), kept)
            h = w.op("fmul", self._gate(o), self._activate(new))
        self._store(e, "c", self._chosen(e, new, state))
        self._finish(e, y, h)

    def _gru(self, e: _Element, x: Value, y: Value) -> None:
        w = self.w
        z_pair, r_pair, (x_h, s_h) = self._pairs(e, x, range(3), 3)
        z, r = w.op("fadd", *z_pair), self._gate(w.op("fadd", *r_pair))
        self._finish(e, y, self._mixed(z, self._load(e, "h_in"), w.fma(r, s_h, x_h)))

    def _reset(self, e: _Element, x: Value) -> None:
        """The gate r of a GRU with two products."""
        w = self.w
        ((x_r, s_r),) = self._pairs(e, x, [1], 2)
        r = self._gate(w.op("fadd", x_r, s_r))
        self._store(e, "reset", w.op("fmul", r, self._load(e, "h_in")))

    def _gru_candidate(self, e: _Element, x: Value, y: Value) -> None:
        w = self.w
        ((x_z, s_z),) = self._pairs(e, x, [0], 2)
        x_h = w.load_part(self._kind, self._gate_of_x(e, x, 2), e.mask)
        s_h = w.load_part(self._kind, self._product(e, "s_candidate", 0, 1), e.mask)
        z, candidate = w.op("fadd", x_z, s_z), w.op("fadd", x_h, s_h)
        self._finish(e, y, self._mixed(z, self._load(e, "h_in"), candidate))

    def _simple(self, e: _Element, x: Value, y: Value) -> None:
        (pair,) = self._pairs(e, x, range(1), 1)
        self._finish(e, y, self._activate(self.w.op("fadd", *pair)))

    def _mixed(self, z: Value, h: Value, candidate: Value) -> Value:
        """z * h + (1 - z) * candidate, with the functions of both applied."""
        w = self.w
        if self.usual:
            new = gate_math.tanh_fraction(w, candidate)
            return gate_math.mixed(w, gate_math.sigmoid_fraction(w, z), h, new)
        z, candidate = self._gate(z), self._activate(candidate)
        rest = w.op("fsub", w.const(z.type, 1.0), z)
        return w.fma(z, h, w.op("fmul", rest, candidate))

    def _finish(self, e: _Element, y: Value, h: Value) -> None:
        """Store the new state and the output."""
        w, output = self.w, h
        if e.real is not None:
            before = (
                self._load(e, "repeated") if self.masked is MaskedOutput.REPEAT else w.zero(h.type)
            )
            output = w.select(e.real, h, before)
            h = self._chosen(e, h, self._load(e, "h_in"))
            if self.masked is MaskedOutput.REPEAT:
                self._store(e, "repeated", output)
        self._store(e, "h_out", h)
        w.store_part(output, w.at(y, e.place, F32), e.mask)

    def _chosen(self, e: _Element, new: Value, old: Value) -> Value:
        return new if e.real is None else self.w.select(e.real, new, old)

    def _pairs(
        self, e: _Element, x: Value, gates: Sequence[int], all_gates: int
    ) -> list[tuple[Value, Value]]:
        """What x and the product give to each of some gates."""
        w = self.w
        return [
            (
                w.load_part(self._kind, self._gate_of_x(e, x, gate), e.mask),
                w.load_part(self._kind, self._product(e, "s", gate, all_gates), e.mask),
            )
            for gate in gates
        ]

    def _gate_of_x(self, e: _Element, x: Value, gate: int) -> Value:
        w = self.w
        rows = w.mul(w.argument("x_gate"), gate * w.spec.lanes)
        return w.at(x, w.add(rows, e.place), F32)

    def _product(self, e: _Element, name: str, gate: int, gates: int) -> Value:
        w = self.w
        block = w.add(w.mul(e.block, gates), w.mul(e.run, gate))
        return w.at(self.places[name], w.add(block, e.in_block), F32)

    def _load(self, e: _Element, name: str) -> Value:
        return self.w.load_part(self._kind, self.w.at(self.places[name], e.place, F32), e.mask)

    def _store(self, e: _Element, name: str, value: Value) -> None:
        self.w.store_part(value, self.w.at(self.places[name], e.place, F32), e.mask)

    @property
    def usual(self) -> bool:
        """Return whether the functions are tanh and sigmoid."""
        return (self._gate_function, self._activation) == (
            FusedActivation.SIGMOID,
            FusedActivation.TANH,
        )

    def _gate(self, x: Value) -> Value:
        if self.usual:
            return gate_math.divided(self.w, gate_math.sigmoid_fraction(self.w, x))
        return apply_function(self.w, self._gate_function, x, self.parameters[1])

    def _activate(self, x: Value) -> Value:
        return apply_function(self.w, self._activation, x, self.parameters[0])

    @property
    def _gate_function(self) -> FusedActivation:
        return FusedActivation(str(self.w.spec.option("gate")))

    @property
    def _activation(self) -> FusedActivation:
        return self.w.spec.activation or FusedActivation.LINEAR

    @property
    def _kind(self) -> str:
        return vector(F32, self.width)

    def _each(self, mask: Value | None, body: _Body) -> None:
        """Write `body` for every vector of every block."""
        w, lanes = self.w, self.w.spec.lanes
        units = w.argument("units")
        with w.loop(0, units, BLOCK_UNITS) as block:
            size = w.intrinsic("smin", w.op("sub", units, block.index), w.i64(BLOCK_UNITS))
            first, run = w.mul(block.index, lanes), w.mul(size, lanes)
            start = (first, run)
            if lanes >= self.width:
                self._wide(mask, size, start, body)
            else:
                self._narrow(mask, start, body)

    def _wide(
        self, mask: Value | None, size: Value, start: tuple[Value, Value], body: _Body
    ) -> None:
        """Units of a block that each fill whole vectors with their samples."""
        w, lanes = self.w, self.w.spec.lanes
        with w.loop(0, size) as unit, w.loop(0, lanes, self.width) as lane:
            index = w.add(w.mul(unit.index, lanes), lane.index)
            real = None if mask is None else self._real(mask, lane.index)
            body(_Element(w.add(start[0], index), index, *start, None, real))

    def _narrow(self, mask: Value | None, start: tuple[Value, Value], body: _Body) -> None:
        """Units of a block of which several share a vector."""
        w = self.w
        real = None if mask is None else self._repeated(mask)

        def write(index: Value, exists: Value | None) -> None:
            body(_Element(w.add(start[0], index), index, *start, exists, real))

        each_vector(w, start[1], self.width, write)

    def _real(self, mask: Value, lane: Value) -> Value:
        """Which of a vector of samples are not masked in time."""
        w = self.w
        held = w.load(self._kind, w.at(mask, lane, F32))
        return w.compare("une", held, w.zero(held.type))

    def _repeated(self, mask: Value) -> Value:
        """The same where a vector holds all samples of several units."""
        w, lanes = self.w, self.w.spec.lanes
        held = w.load(vector(F32, lanes), mask)
        whole = (
            w.splat(held, self.width)
            if lanes == 1
            else w.shuffle(held, held, [place % lanes for place in range(self.width)])
        )
        return w.compare("une", whole, w.zero(whole.type))


def _loop_of(w: KernelWriter) -> _Loop:
    spec, width = w.spec, w.full_width
    gate = FusedActivation(str(spec.option("gate")))
    parameters = tuple(
        tuple(
            w.float_argument(f"{letter}{place}", width)
            for place in range(PARAMETER_COUNTS.get(function, 0))
        )
        for letter, function in (("p", spec.activation or FusedActivation.LINEAR), ("q", gate))
    )
    stay = [field.name for field in fields(spec) if field.kind is FieldKind.ARENA]
    places = {name: w.argument(name) for name in stay if name not in {"x", "y", "mask"}}
    return _Loop(
        w,
        Cell(str(spec.option("cell"))),
        MaskedOutput(str(spec.option("masked"))),
        width,
        (parameters[0], parameters[1]),
        places,
    )


def _call(w: KernelWriter, name: str) -> None:
    """Call the kernel of a step entry."""
    entry = w.argument(name)
    kernel = w.load(PTR, w.at(entry, Step.KERNEL.value, I64), 8)
    arguments = w.load(PTR, w.at(entry, Step.ARGS.value, I64), 8)
    w.line(f"call void {kernel.name}(ptr %ctx, {arguments})")
