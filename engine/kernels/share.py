"""`prunus_share`: one native call that computes a request with the help of the pool's workers.

    void prunus_share(ptr request)

The request has two forms, by CHUNK. Both compute what one thread computes, by the same kernels on the same
data; how many threads took part changes no bit of it.

- CHUNK = 0, SHARED: tiles one after another; the parts of a phase are computed by whoever takes them. The
  caller leads: it publishes a phase as a word of free parts, `phase number << 32 | bits`, takes parts as the
  others do, and goes on when all are done. A thread takes a part by clearing its bit; it tries first the
  part of its own number, so that the weights of a part stay in the cache of one core. What a taken part
  refers to cannot change before it is done, so a late thread needs no other check. Phases of one part are
  run by the caller alone, without any of this.
- CHUNK > 0, SPREAD: threads take chunks of so many samples with one atomic addition and run each as a
  request of its own in an arena of their own.

Where another call is being helped already, the same work is done by the calling thread alone: then every
call has a core of its own. Helpers leave a call as soon as a second one begins.

A helper that loses its core in the middle of a part holds up its caller. After a call that spent more than
half of its time waiting, calls run alone for so many times (`Pool.PATIENCE`) as long as it took: what
busy cores can cost is bounded.

    job   tickets | position, end | word, table, context | done | waited      each on a line of its own

Sample of a SHARED call with two parts, in time::

    caller   publish phase 1: 0b11    take 1: 0b10    kernel        wait until done = 2    one-part phase ...
    worker                  take 2: 0b00    kernel     done + 1     wait for a free bit
"""

from enum import IntEnum

from engine.kernels import shared_mode, spread_mode
from engine.kernels.abi import Context
from engine.kernels.driver import ARRAY_DATA_BYTES, Plan, Request, Step, Tile, emit_driver
from engine.kernels.driver import SYMBOL as RUN_SYMBOL
from engine.kernels.pool import LINE_BYTES, caller_text, fill
from engine.target import Isa

SYMBOL = "prunus_share"
# Parts of a layer are bits of half a word.
MAX_PARTS = 32


class Job(IntEnum):
    """Byte offset of each field of a job; it needs no preparation, and is zero at first."""

    TICKETS = 0
    POSITION = LINE_BYTES
    END = LINE_BYTES + 8
    WORD = 2 * LINE_BYTES
    TABLE = 2 * LINE_BYTES + 8
    CONTEXT = 2 * LINE_BYTES + 16
    DONE = 3 * LINE_BYTES
    WAITED_NS = 4 * LINE_BYTES


JOB_BYTES = 5 * LINE_BYTES
# Pauses after which a caller that waits looks at the clock.
_UNTIMED_PAUSES = 64

_TEXT = """
; Wait until so much is done, and keep account of a wait that is not short.
define internal void @join(ptr %pool, ptr %job, i64 %wanted) #0 {
entry:
  %donep = getelementptr i8, ptr %job, i64 $DONE
  br label %look
look:
  %count = phi i64 [ 0, %entry ], [ %count.n, %pause ]
  %done = load atomic i64, ptr %donep acquire, align 8
  %all = icmp eq i64 %done, %wanted
  br i1 %all, label %out, label %patient
patient:
  %early = icmp ult i64 %count, $UNTIMED
  br i1 %early, label %pause, label %slow
pause:
  $PAUSE
  %count.n = add i64 %count, 1
  br label %look
slow:
  %start = call i64 @now(ptr %pool)
  br label %again
again:
  %count.s = phi i64 [ 0, %slow ], [ %count.m, %rest ]
  %done.s = load atomic i64, ptr %donep acquire, align 8
  %all.s = icmp eq i64 %done.s, %wanted
  br i1 %all.s, label %add, label %rest
rest:
  call void @wait(ptr %pool, i64 %count.s)
  %count.m = add i64 %count.s, 1
  br label %again
add:
  %end = call i64 @now(ptr %pool)
  call void @add_wait(ptr %job, i64 %start, i64 %end)
  br label %out
out:
  ret void
}

; As the driver does for one thread, once for all of them.
define internal void @read_addresses(ptr %request) #0 {
entry:
  %arraysp = getelementptr i8, ptr %request, i64 $R_ARRAYS
  %arrays = load i64, ptr %arraysp, align 8
  %objectsp = getelementptr i8, ptr %request, i64 $R_OBJECTS
  %objects = load ptr, ptr %objectsp, align 8
  %addressesp = getelementptr i8, ptr %request, i64 $R_INPUTS
  %addresses = load ptr, ptr %addressesp, align 8
  br label %look
look:
  %i = phi i64 [ 0, %entry ], [ %i.n, %read ]
  %more = icmp slt i64 %i, %arrays
  br i1 %more, label %read, label %out
read:
  %objectp = getelementptr ptr, ptr %objects, i64 %i
  %object = load ptr, ptr %objectp, align 8
  %datap = getelementptr i8, ptr %object, i64 $ARRAY_DATA
  %data = load ptr, ptr %datap, align 8
  %place = getelementptr ptr, ptr %addresses, i64 %i
  store ptr %data, ptr %place, align 8
  %i.n = add i64 %i, 1
  br label %look
out:
  store i64 0, ptr %arraysp, align 8
  ret void
}

define internal void @add_wait(ptr %job, i64 %start, i64 %end) #0 {
  %waitedp = getelementptr i8, ptr %job, i64 $WAITED_NS
  %waited = load i64, ptr %waitedp, align 8
  %more = sub i64 %end, %start
  %sum = add i64 %waited, %more
  store i64 %sum, ptr %waitedp, align 8
  ret void
}

define internal void @help(ptr %request, i64 %number) #0 {
entry:
  %jobp = getelementptr i8, ptr %request, i64 $R_JOB
  %job = load ptr, ptr %jobp, align 8
  %helpersp = getelementptr i8, ptr %request, i64 $R_HELPERS
  %helpers = load i64, ptr %helpersp, align 8
  %ticketsp = getelementptr i8, ptr %job, i64 $TICKETS
  %ticket = atomicrmw add ptr %ticketsp, i64 1 acq_rel, align 8
  %welcome = icmp slt i64 %ticket, %helpers
  br i1 %welcome, label %which, label %out
which:
  %chunkp = getelementptr i8, ptr %request, i64 $R_CHUNK
  %chunk = load i64, ptr %chunkp, align 8
  %shared = icmp eq i64 %chunk, 0
  br i1 %shared, label %parts, label %chunks
parts:
  call void @help_shared(ptr %request, i64 %number)
  ret void
chunks:
  %arenasp = getelementptr i8, ptr %request, i64 $R_ARENAS
  %arenas = load ptr, ptr %arenasp, align 8
  %arenap = getelementptr ptr, ptr %arenas, i64 %ticket
  %arena = load ptr, ptr %arenap, align 8
  call void @take_chunks(ptr %request, ptr %arena, i1 false)
  ret void
out:
  ret void
}

define void @prunus_share(ptr %request) #0 {
entry:
  %poolp = getelementptr i8, ptr %request, i64 $R_POOL
  %pool = load ptr, ptr %poolp, align 8
  %jobp = getelementptr i8, ptr %request, i64 $R_JOB
  %job = load ptr, ptr %jobp, align 8
  %firstp = getelementptr i8, ptr %request, i64 $R_FIRST
  %first = load i64, ptr %firstp, align 8
  %samplesp = getelementptr i8, ptr %request, i64 $R_SAMPLES
  %samples = load i64, ptr %samplesp, align 8
  call void @read_addresses(ptr %request)
  %helpersp = getelementptr i8, ptr %request, i64 $R_HELPERS
  %helpers = load i64, ptr %helpersp, align 8
  %expectedp = getelementptr i8, ptr %request, i64 $R_EXPECTED
  %expected = load i64, ptr %expectedp, align 8
  %chunkp = getelementptr i8, ptr %request, i64 $R_CHUNK
  %chunk = load i64, ptr %chunkp, align 8
  %shared = icmp eq i64 %chunk, 0
  %callersp = getelementptr i8, ptr %pool, i64 $CALLERS
  %end = add i64 %first, %samples
  ; The job is prepared before anybody can see it.
  %ticketsp = getelementptr i8, ptr %job, i64 $TICKETS
  store i64 0, ptr %ticketsp, align 8
  %positionp = getelementptr i8, ptr %job, i64 $POSITION
  store i64 %first, ptr %positionp, align 8
  %endp = getelementptr i8, ptr %job, i64 $END
  store i64 %end, ptr %endp, align 8
  %wordp = getelementptr i8, ptr %job, i64 $WORD
  store i64 0, ptr %wordp, align 8
  %donep = getelementptr i8, ptr %job, i64 $DONE
  store i64 0, ptr %donep, align 8
  %waitedp = getelementptr i8, ptr %job, i64 $WAITED_NS
  store i64 0, ptr %waitedp, align 8
  %calmp = getelementptr i8, ptr %pool, i64 $CALM_UNTIL
  %lastp = getelementptr i8, ptr %pool, i64 $LAST_END
  %others = atomicrmw add ptr %callersp, i64 1 acq_rel, align 8
  %start = call i64 @now(ptr %pool)
  %only.caller = icmp eq i64 %others, 0
  br i1 %only.caller, label %calm, label %alone
calm:
  %until = load atomic i64, ptr %calmp monotonic, align 8
  %calm.down = icmp slt i64 %start, %until
  br i1 %calm.down, label %alone, label %helped

helped:
  call void @open_gate(ptr %pool, ptr @help, ptr %request, i64 %helpers, i64 %expected, i64 %start)
  br i1 %shared, label %lead.parts, label %lead.chunks
lead.parts:
  call void @lead_shared(ptr %request)
  br label %close
lead.chunks:
  call void @lead_spread(ptr %request)
  br label %close
close:
  %closing = call i64 @now(ptr %pool)
  call void @shut_gate(ptr %pool)
  %closed = call i64 @now(ptr %pool)
  call void @add_wait(ptr %job, i64 %closing, i64 %closed)
  %waited = load i64, ptr %waitedp, align 8
  %twice = mul i64 %waited, 2
  %took = sub i64 %closed, %start
  %late = icmp sgt i64 %twice, %took
  br i1 %late, label %rest, label %leave
rest:
  %patiencep = getelementptr i8, ptr %pool, i64 $PATIENCE
  %patience = load i64, ptr %patiencep, align 8
  %length = mul i64 %took, %patience
  %later = add i64 %closed, %length
  store atomic i64 %later, ptr %calmp monotonic, align 8
  br label %leave

alone:
  br i1 %shared, label %alone.parts, label %alone.chunks
alone.parts:
  call void @prunus_run(ptr %request)
  br label %leave
alone.chunks:
  %arenap = getelementptr i8, ptr %request, i64 $R_ARENA
  %arena = load ptr, ptr %arenap, align 8
  call void @take_chunks(ptr %request, ptr %arena, i1 true)
  br label %leave

leave:
  %ended = call i64 @now(ptr %pool)
  store atomic i64 %ended, ptr %lastp monotonic, align 8
  %after = atomicrmw sub ptr %callersp, i64 1 acq_rel, align 8
  ret void
}

declare i64 @llvm.cttz.i64(i64, i1)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
"""


def emit_share(isa: Isa) -> str:
    """Return the LLVM IR of `prunus_share`; it has its own copy of `prunus_run`."""
    fields = {place.name: place.value for place in Job}
    for prefix, enum in (("R", Request), ("P", Plan), ("T", Tile), ("C", Context)):
        fields |= {f"{prefix}_{place.name}": 8 * place.value for place in enum}
    fields |= {
        "C_FIRST": fields["C_FIRST_SAMPLE"],
        "C_VALID": fields["C_VALID_SAMPLES"],
        "R_FIRST": fields["R_FIRST_SAMPLE"],
        "R_EXPECTED": fields["R_EXPECTED_NS"],
        "ENDED": -(1 << 63),  # negative, and no part is free
        "UNTIMED": _UNTIMED_PAUSES,
        "ARRAY_DATA": ARRAY_DATA_BYTES,
        "STEP_BYTES": 8 * len(Step),
        "STEP_ARGS": 8 * Step.ARGS,
        "TILE_BYTES": 8 * len(Tile),
        "REQUEST_FIELDS": len(Request),
        "REQUEST_BYTES": 8 * len(Request),
        "CONTEXT_FIELDS": len(Context),
    }
    run = emit_driver(isa).replace(
        f"define void @{RUN_SYMBOL}", f"define internal void @{RUN_SYMBOL}"
    )
    return (
        run
        + caller_text().replace("declare i64 @llvm.smin.i64(i64, i64)\n", "")
        + fill(_TEXT + shared_mode.TEXT + spread_mode.TEXT, **fields)
    )
