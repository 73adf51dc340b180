"""`prunus_share`: one native call that computes a request with the help of the pool's workers.

    void prunus_share(ptr request)

The request has two forms, by CHUNK. Both compute what one thread computes, by the same kernels on the same
data; how many threads took part changes no bit of it.

- CHUNK = 0, SHARED: tiles one after another; the parts of a phase are computed by whoever takes them. The
  caller leads: it publishes a phase as a word of free parts (see `engine.kernels.pool`), computes the first
  one and then takes parts as the others do, and goes on when all are done. Phases of one part are run by the
  caller alone, without any of this.
- CHUNK > 0, SPREAD: threads take chunks of so many samples and run each as a request of its own in an arena
  of their own.

Where another call is being helped already, the same work is done by the calling thread alone: then every
call has a core of its own. As soon as a second call begins, no more parts or chunks are given away.

A helper that loses its core in the middle of a part holds up its caller. After a call that spent more than
half of its time in waits that were not short, calls run alone for as long as it took; after the next one, if
that comes soon, for twice as long, and so on up to `Pool.PATIENCE` times: a core that is busy costs little,
and one late call on a core that is free costs one call's help.

Workers flush subnormal numbers; a plan that keeps them has no request of mode SHARED, and sets each thread for each
chunk (see `engine.kernels.driver`).

The clock is read once when a call begins, and again only where there was a long wait, or where workers
sleep: only then does it matter when the last call ended.

Sample of a SHARED call with three parts, in time::

    caller   publish phase 1: 0b110  part 0     take 2: 0b000  part 2     wait until worker's is done   ...
    worker                       take 1: 0b100  part 1 ............. done + 1   wait for a free bit
"""

from engine.core.target import Isa
from engine.kernels import shared_mode, spread_mode
from engine.kernels.abi import Context
from engine.kernels.driver import SYMBOL as RUN_SYMBOL
from engine.kernels.driver import Plan, Request, Tile, emit_driver
from engine.kernels.pool import caller_text, fill

SYMBOL = "prunus_share"
# A late call after fewer times its own length without one is no accident.
_SOON_TIMES = 16

_TEXT = """
define void @prunus_share(ptr %request) #0 {
entry:
  %poolp = getelementptr i8, ptr %request, i64 $R_POOL
  %pool = load ptr, ptr %poolp, align 8
  %helpersp = getelementptr i8, ptr %request, i64 $R_HELPERS
  %helpers = load i64, ptr %helpersp, align 8
  %expectedp = getelementptr i8, ptr %request, i64 $R_EXPECTED
  %expected = load i64, ptr %expectedp, align 8
  %chunkp = getelementptr i8, ptr %request, i64 $R_CHUNK
  %chunk = load i64, ptr %chunkp, align 8
  %shared = icmp eq i64 %chunk, 0
  %planp = getelementptr i8, ptr %request, i64 $R_PLAN
  %plan = load ptr, ptr %planp, align 8
  %keepsp = getelementptr i8, ptr %plan, i64 $P_KEEPS_SUBNORMALS
  %keeps = load i64, ptr %keepsp, align 8
  %state = call i64 @set_subnormals(i64 %keeps)
  %callersp = getelementptr i8, ptr %pool, i64 $CALLERS
  %calmp = getelementptr i8, ptr %pool, i64 $CALM_UNTIL
  %helpedp = getelementptr i8, ptr %pool, i64 $HELPED
  %workersp = getelementptr i8, ptr %pool, i64 $WORKERS
  %others = atomicrmw add ptr %callersp, i64 1 acq_rel, align 8
  %start = call i64 @now(ptr %pool)
  %until = load atomic i64, ptr %calmp monotonic, align 8
  %workers = load atomic i64, ptr %workersp acquire, align 8
  %only.caller = icmp eq i64 %others, 0
  %brisk = icmp sge i64 %start, %until
  %staffed = icmp sgt i64 %workers, 0
  %free = and i1 %only.caller, %brisk
  %may = and i1 %free, %staffed
  br i1 %may, label %helped, label %alone

helped:
  %cpup = getelementptr i8, ptr %pool, i64 $CPU
  %here = call i64 @cpu(ptr %pool)
  %there = load atomic i64, ptr %cpup monotonic, align 8
  %moved = icmp ne i64 %here, %there
  br i1 %moved, label %tell, label %begin
tell:
  store atomic i64 %here, ptr %cpup monotonic, align 8
  br label %begin
begin:
  store atomic i64 1, ptr %helpedp monotonic, align 8
  call void @rouse(ptr %pool, i64 %helpers, i64 %expected, i64 %start)
  br i1 %shared, label %lead.parts, label %lead.chunks
lead.parts:
  %waited.parts = call i64 @lead_shared(ptr %request, ptr %pool, i64 %helpers)
  br label %close
lead.chunks:
  %waited.chunks = call i64 @lead_spread(ptr %request, ptr %pool, i64 %helpers)
  br label %close
close:
  %waited = phi i64 [ %waited.parts, %lead.parts ], [ %waited.chunks, %lead.chunks ]
  store atomic i64 0, ptr %helpedp monotonic, align 8
  %short = icmp eq i64 %waited, 0
  br i1 %short, label %leave, label %long
long:
  %closed = call i64 @now(ptr %pool)
  %twice = mul i64 %waited, 2
  %took = sub i64 %closed, %start
  %late = icmp sgt i64 %twice, %took
  br i1 %late, label %rest, label %leave
rest:                                        ; twice as many times as last, if that ended not long ago
  %patiencep = getelementptr i8, ptr %pool, i64 $PATIENCE
  %patience = load i64, ptr %patiencep, align 8
  %timesp = getelementptr i8, ptr %pool, i64 $PAUSE_TIMES
  %last = load atomic i64, ptr %timesp monotonic, align 8
  %passed = sub i64 %closed, %until
  %while = mul i64 %took, $SOON_TIMES
  %soon = icmp slt i64 %passed, %while
  %more = shl i64 %last, 1
  %grown = select i1 %soon, i64 %more, i64 1
  %least = call i64 @llvm.smax.i64(i64 %grown, i64 1)
  %times = call i64 @llvm.smin.i64(i64 %least, i64 %patience)
  store atomic i64 %times, ptr %timesp monotonic, align 8
  %length = mul i64 %took, %times
  %later = add i64 %closed, %length
  store atomic i64 %later, ptr %calmp monotonic, align 8
  br label %leave

alone:
  br i1 %shared, label %alone.parts, label %alone.chunks
alone.parts:
  call void @prunus_run(ptr %request)
  br label %leave
alone.chunks:
  call void @run_chunks_alone(ptr %request)
  br label %leave

leave:
  %asleep = call i64 @asleep(ptr %pool, i64 %helpers)
  %any = icmp ne i64 %asleep, 0
  br i1 %any, label %note, label %out
note:                                        ; for `rouse`
  %lastp = getelementptr i8, ptr %pool, i64 $LAST_END
  %ended = call i64 @now(ptr %pool)
  store atomic i64 %ended, ptr %lastp monotonic, align 8
  br label %out
out:
  %after = atomicrmw sub ptr %callersp, i64 1 acq_rel, align 8
  call void @restore_subnormals(i64 %state)
  ret void
}

declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
declare i64 @llvm.smax.i64(i64, i64)
"""


def emit_share(isa: Isa) -> str:
    """Return the LLVM IR of `prunus_share`; it has its own copy of `prunus_run`."""
    fields: dict[str, int] = {}
    for prefix, enum in (("R", Request), ("P", Plan), ("T", Tile), ("C", Context)):
        fields |= {f"{prefix}_{place.name}": 8 * place.value for place in enum}
    fields |= {
        "C_FIRST": fields["C_FIRST_SAMPLE"],
        "C_VALID": fields["C_VALID_SAMPLES"],
        "R_FIRST": fields["R_FIRST_SAMPLE"],
        "R_EXPECTED": fields["R_EXPECTED_NS"],
        "TILE_BYTES": 8 * len(Tile),
        "REQUEST_FIELDS": len(Request),
        "SOON_TIMES": _SOON_TIMES,
        "REQUEST_BYTES": 8 * len(Request),
    }
    run = emit_driver(isa).replace(
        f"define void @{RUN_SYMBOL}", f"define internal void @{RUN_SYMBOL}"
    )
    return (
        run
        + caller_text().replace("declare i64 @llvm.smin.i64(i64, i64)\n", "")
        + fill(_TEXT + shared_mode.TEXT + spread_mode.TEXT, **fields)
    )
