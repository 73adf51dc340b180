"""`prunus_run`: one native call that computes a whole request, tile by tile.

    void prunus_run(ptr request)

`request` points to eight-byte fields, in the order of `Request`; `PLAN` points to a plan, which is
shared by all threads and read only; ARENA belongs to the calling thread.

    request  plan ptr | arena ptr | inputs ptr | outputs ptr | first i64 | samples i64 | for several threads:
             pool ptr | arenas of helpers ptr | helpers i64 | chunk i64 | expected ns i64 |
             for the call from Python: function ptr | functions of CPython ptr, ptr, ptr
    plan     longest i64 | choice ptr | tiles ptr | keeps subnormals i64
    choice   i64[longest + 1]: for r remaining samples, the number of the tile to use (entry 0 unused);
             more than `longest` remaining samples use the entry of `longest`
    tiles    per tile: lanes i64 | steps i64 | step table ptr | phases i64 | parts of each phase i64[] ptr
    step     kernel ptr | args ptr

A tile of `lanes` samples is used for min(lanes, remaining) of them. `first` is the number of the first
sample in the user arrays. The steps of a tile are the parts of its phases one after another; a single
thread needs to know nothing of phases. Several threads are the business of `engine.kernels.share`.

Subnormal numbers are flushed to zero while a request is computed, unless the plan keeps them (not zero there); see
`engine.kernels.subnormals`.

`inputs` and `outputs` point to addresses of user arrays. Those of the outputs follow those of the inputs where
`engine.kernels.call` fills them in.

Sample of what is generated::

    state = set_subnormals(plan.keeps_subnormals)
    while remaining > 0:
        tile = tiles[choice[min(remaining, longest)]]
        ctx = (arena, inputs, outputs, first, min(tile.lanes, remaining))
        for kernel, args in tile.steps: kernel(ctx, args)
        first += tile.lanes; remaining -= tile.lanes
    restore_subnormals(state)
"""

from enum import IntEnum

from engine.core.target import Isa
from engine.kernels.abi import Context
from engine.kernels.emit import I64, PTR, Value, Writer, module_text
from engine.kernels.subnormals import subnormals_text

SYMBOL = "prunus_run"


class Request(IntEnum):
    """Index of each 8-byte field of a request."""

    PLAN = 0
    ARENA = 1
    INPUTS = 2
    OUTPUTS = 3
    FIRST_SAMPLE = 4
    SAMPLES = 5
    POOL = 6
    ARENAS = 7
    HELPERS = 8
    CHUNK = 9
    EXPECTED_NS = 10
    FUNCTION = 11
    SAVE_THREAD = 12
    RESTORE_THREAD = 13
    INC_REF = 14


class Plan(IntEnum):
    """Index of each 8-byte field of a plan."""

    LONGEST = 0
    CHOICE = 1
    TILES = 2
    KEEPS_SUBNORMALS = 3


class Tile(IntEnum):
    """Index of each 8-byte field of a tile."""

    LANES = 0
    STEPS = 1
    TABLE = 2
    PHASES = 3
    PARTS = 4


class Step(IntEnum):
    """Index of each 8-byte field of a step."""

    KERNEL = 0
    ARGS = 1


def emit_driver(isa: Isa, machine: str | None = None) -> str:
    """Return the LLVM IR of `prunus_run`.

    Args:
        isa: instruction set level of the kernels.
        machine: name of the processor's family; default: this host's.
    """
    w = Writer()
    request = Value(PTR, "%request")
    plan = _field(w, request, Request.PLAN, PTR)
    ctx = w.value(PTR, f"alloca [{len(Context)} x i64], align 16", "ctx")
    for source, place in (
        (Request.ARENA, Context.ARENA),
        (Request.INPUTS, Context.INPUTS),
        (Request.OUTPUTS, Context.OUTPUTS),
    ):
        w.store(_field(w, request, source, PTR), w.at(ctx, place.value, I64), 8)
    keeps = _field(w, plan, Plan.KEEPS_SUBNORMALS, I64)
    state = w.value(I64, f"call i64 @set_subnormals({keeps})", "state")
    first = _field(w, request, Request.FIRST_SAMPLE, I64)
    end = w.add(first, _field(w, request, Request.SAMPLES, I64))
    # Tiles advance by their own lanes, so the loop counts in samples by hand.
    with w.while_less(first, end) as sample:
        remaining = w.op("sub", end, sample.index)
        tile = _choose(w, plan, remaining)
        lanes = _field(w, tile, Tile.LANES, I64)
        w.store(sample.index, w.at(ctx, Context.FIRST_SAMPLE.value, I64), 8)
        w.store(
            w.intrinsic("smin", lanes, remaining), w.at(ctx, Context.VALID_SAMPLES.value, I64), 8
        )
        _run_steps(w, tile, ctx)
        sample.carry((w.add(sample.index, lanes),))
    w.line(f"call void @restore_subnormals({state})")
    w.line("ret void")
    run = module_text(w, f"define void @{SYMBOL}(ptr noalias %request)", isa)
    return run + subnormals_text(machine)


def _choose(w: Writer, plan: Value, remaining: Value) -> Value:
    """Address of the tile for so many remaining samples."""
    longest = _field(w, plan, Plan.LONGEST, I64)
    choice = _field(w, plan, Plan.CHOICE, PTR)
    number = w.load(I64, w.at(choice, w.intrinsic("smin", remaining, longest), I64), 8)
    return w.at(_field(w, plan, Plan.TILES, PTR), w.mul(number, len(Tile)), I64)


def _run_steps(w: Writer, tile: Value, ctx: Value) -> None:
    table = _field(w, tile, Tile.TABLE, PTR)
    with w.loop(0, _field(w, tile, Tile.STEPS, I64)) as step:
        entry = w.at(table, w.mul(step.index, len(Step)), I64)
        kernel = _field(w, entry, Step.KERNEL, PTR)
        args = _field(w, entry, Step.ARGS, PTR)
        w.line(f"call void {kernel.name}({ctx}, {args})")


def _field(w: Writer, base: Value, place: IntEnum, type_name: str) -> Value:
    return w.load(type_name, w.at(base, place.value, I64), 8)
