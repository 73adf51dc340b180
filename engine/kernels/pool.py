"""What callers and workers (`engine.kernels.worker`) share, and what a caller does to get helped.

Workers are numbered from 1; the caller is 0. A pool is lines of 128 bytes, so that what one thread writes
disturbs no other (processors fetch cache lines in pairs):

    settings  functions of libc, times in nanoseconds, patience, number of workers, stop; seldom written
    callers   how many calls are in progress that would like help; when the last one ended; until when
              calls are not helped; whether one is helped now; a bit for each worker that sleeps; for how
              many times its length the last late call had others run alone
    work      word: helpers << 57 | chunked << 56 | free; table, context
    done      pieces of work that workers have done, ever
    core      that the last helped caller was on
    sleepers  two lines per worker: its semaphore; pieces of work it did

The work and done lines are all that goes from core to core while calls follow each other. A caller that finds no
other caller owns it. It fills in the table and the context, then publishes a word with pieces of work that
are free: parts of a layer, one bit each, or so many chunks of samples. Whoever exchanges the word for one
with a piece less has taken that piece, and the caller waits for it: until it is counted as done, nothing
that it refers to changes. Only the word decides, so a thread that comes late with an old word takes nothing,
or, where the same word was published again, a piece of what is in the line now. Nothing has to be
opened, shut or left: a call ends when its pieces are done, and a worker that is late or asleep costs its
caller nothing.

    chunked = 0   piece n: step n of the table, with the context that is in the line; a worker tries first
                  the part of its own number, so that the weights of a part stay in the cache of one core
    chunked = 1   the table is a request, the context a function(request, chunks free before, number)

The text of functions here is written by hand: it is about atomic accesses, of which
`engine.kernels.emit` knows nothing. Fields are given by their byte offsets, from the enums below.
"""

import platform
from enum import IntEnum
from string import Template

from engine.kernels.driver import Step

LINE_BYTES = 128
MAX_WORKERS = 63


class Pool(IntEnum):
    """Byte offset of each field of a pool; all are eight bytes long but for the context."""

    SEM_WAIT = 0
    SEM_POST = 8
    CLOCK = 16
    YIELD = 24
    SPIN_NS = 32
    HOT_NS = 40
    WAKE_NS = 48
    WORKERS = 56
    GET_CPU = 64
    CALM_NS = 72
    PATIENCE = 80
    GET_AFFINITY = 88
    SET_AFFINITY = 96
    STOP = 104
    CALLERS = LINE_BYTES
    LAST_END = LINE_BYTES + 8
    CALM_UNTIL = LINE_BYTES + 16
    HELPED = LINE_BYTES + 24
    ASLEEP = LINE_BYTES + 32
    PAUSE_TIMES = LINE_BYTES + 40
    WORD = 2 * LINE_BYTES
    TABLE = 2 * LINE_BYTES + 8
    CONTEXT = 2 * LINE_BYTES + 16
    DONE = 3 * LINE_BYTES
    CPU = 4 * LINE_BYTES
    SLEEPERS = 5 * LINE_BYTES


class Sleeper(IntEnum):
    """Byte offset of each field of a worker's lines."""

    SEMAPHORE = 0  # a line of its own: room for four times what glibc and musl need
    JOBS = LINE_BYTES


SLEEPER_BYTES = 2 * LINE_BYTES
POOL_BYTES = Pool.SLEEPERS + (MAX_WORKERS + 1) * SLEEPER_BYTES
# What a word says besides the pieces that are free.
HELPERS_SHIFT = 57
CHUNKED = 1 << 56

# Pauses between two looks at the clock; after which a caller that waits first looks at it; and before it
# lets others have its core.
_PAUSES_PER_LOOK = 64
_UNTIMED_PAUSES = 64
_PAUSES_BEFORE_YIELD = 2048
_CLOCK_MONOTONIC = 1
# Size of libc's set of cores.
_CORES_BYTES = 128

COMMON = """
define internal i64 @now(ptr %pool) #0 {
  %time = alloca [2 x i64], align 16
  %place = getelementptr i8, ptr %pool, i64 $CLOCK
  %clock = load ptr, ptr %place, align 8
  %ignored = call i32 %clock(i32 $MONOTONIC, ptr %time)
  %seconds = load i64, ptr %time, align 8
  %rest = getelementptr i8, ptr %time, i64 8
  %nanoseconds = load i64, ptr %rest, align 8
  %whole = mul i64 %seconds, 1000000000
  %sum = add i64 %whole, %nanoseconds
  ret i64 %sum
}

define internal i64 @cpu(ptr %pool) #0 {
  %place = getelementptr i8, ptr %pool, i64 $GET_CPU
  %get = load ptr, ptr %place, align 8
  %number = call i32 %get()
  %wide = sext i32 %number to i64
  ret i64 %wide
}

define internal void @run_step(ptr %context, ptr %step) #0 {
  %kernel = load ptr, ptr %step, align 8
  %argsp = getelementptr i8, ptr %step, i64 $STEP_ARGS
  %args = load ptr, ptr %argsp, align 8
  call void %kernel(ptr %context, ptr %args)
  ret void
}
"""

_CALLER = """
; Wake those of the first %helpers workers that sleep, where that is worth it: the call should take
; %expected nanoseconds and begins %now.
define internal void @rouse(ptr %pool, i64 %helpers, i64 %expected, i64 %now) #0 {
entry:
  %asleep = call i64 @asleep(ptr %pool, i64 %helpers)
  %any = icmp ne i64 %asleep, 0
  br i1 %any, label %some, label %done
some:
  %wakep = getelementptr i8, ptr %pool, i64 $WAKE_NS
  %wake = load i64, ptr %wakep, align 8
  %long = icmp sge i64 %expected, %wake
  br i1 %long, label %ring, label %recent
recent:                                      ; calls follow each other closely: worth having workers awake
  %endp = getelementptr i8, ptr %pool, i64 $LAST_END
  %hotp = getelementptr i8, ptr %pool, i64 $HOT_NS
  %end = load atomic i64, ptr %endp monotonic, align 8
  %hot = load i64, ptr %hotp, align 8
  %gap = sub i64 %now, %end
  %close = icmp slt i64 %gap, %hot
  br i1 %close, label %ring, label %done
ring:
  %postp = getelementptr i8, ptr %pool, i64 $SEM_POST
  %post = load ptr, ptr %postp, align 8
  %asleepp = getelementptr i8, ptr %pool, i64 $ASLEEP
  %others = xor i64 %asleep, -1
  %before = atomicrmw and ptr %asleepp, i64 %others seq_cst, align 8
  %claimed = and i64 %before, %asleep
  br label %each
each:
  %left = phi i64 [ %claimed, %ring ], [ %left.n, %post.one ]
  %more = icmp ne i64 %left, 0
  br i1 %more, label %post.one, label %done
post.one:
  %number = call i64 @llvm.cttz.i64(i64 %left, i1 true)
  %below = sub i64 %left, 1
  %left.n = and i64 %left, %below
  %offset = mul i64 %number, $SLEEPER_BYTES
  %lines = getelementptr i8, ptr %pool, i64 $SLEEPERS
  %line = getelementptr i8, ptr %lines, i64 %offset
  %semaphore = getelementptr i8, ptr %line, i64 $SEMAPHORE
  %ignored = call i32 %post(ptr %semaphore)
  br label %each
done:
  ret void
}

; Bits of those of the first %helpers workers that sleep.
define internal i64 @asleep(ptr %pool, i64 %helpers) #0 {
  %workersp = getelementptr i8, ptr %pool, i64 $WORKERS
  %workers = load atomic i64, ptr %workersp acquire, align 8
  %most = call i64 @llvm.smin.i64(i64 %workers, i64 %helpers)
  %above = shl i64 2, %most
  %first = sub i64 %above, 2
  %asleepp = getelementptr i8, ptr %pool, i64 $ASLEEP
  %asleep = load atomic i64, ptr %asleepp monotonic, align 8
  %both = and i64 %asleep, %first
  ret i64 %both
}

; Wait until workers have done so much, ever: nanoseconds of a wait that is not short, otherwise 0.
define internal i64 @join(ptr %pool, i64 %wanted) #0 {
entry:
  %donep = getelementptr i8, ptr %pool, i64 $DONE
  br label %look
look:
  %count = phi i64 [ 0, %entry ], [ %count.n, %pause ]
  %done = load atomic i64, ptr %donep acquire, align 8
  %all = icmp eq i64 %done, %wanted
  br i1 %all, label %at.once, label %patient
at.once:
  ret i64 0
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
  %count.s = phi i64 [ 0, %slow ], [ %count.m, %next ]
  %done.s = load atomic i64, ptr %donep acquire, align 8
  %all.s = icmp eq i64 %done.s, %wanted
  br i1 %all.s, label %late, label %rest
rest:
  $PAUSE
  %count.m = add i64 %count.s, 1
  %tired = icmp ugt i64 %count.m, $BEFORE_YIELD
  br i1 %tired, label %leave, label %next
leave:                                       ; the worker may wait for this core
  %yieldp = getelementptr i8, ptr %pool, i64 $YIELD
  %yield = load ptr, ptr %yieldp, align 8
  %ignored = call i32 %yield()
  br label %next
next:
  br label %again
late:
  %end = call i64 @now(ptr %pool)
  %waited = sub i64 %end, %start
  ret i64 %waited
}

declare i64 @llvm.smin.i64(i64, i64)
declare i64 @llvm.cttz.i64(i64, i1)
"""


def pause_text(machine: str | None = None) -> tuple[str, str]:
    """Return the instruction that tells the processor of a waiting loop, and its declaration; may be empty."""
    family = (machine or platform.machine()).lower()
    if family in {"x86_64", "amd64"}:
        return "call void @llvm.x86.sse2.pause()", "declare void @llvm.x86.sse2.pause()"
    if family in {"aarch64", "arm64"}:
        return "call void @llvm.aarch64.hint(i32 1)", "declare void @llvm.aarch64.hint(i32)"
    return "", ""


def fill(template: str, **more: object) -> str:
    """Replace `$NAME` by byte offsets of a pool, by numbers, and by the `pause` of this machine."""
    names: dict[str, object] = {place.name: place.value for place in Pool}
    names |= {
        "SLEEPER_BYTES": SLEEPER_BYTES,
        "SEMAPHORE": Sleeper.SEMAPHORE.value,
        "JOBS": Sleeper.JOBS.value,
        "HELPERS_SHIFT": HELPERS_SHIFT,
        "CHUNKED": CHUNKED,
        "FREE": CHUNKED - 1,
        "STEP_BYTES": 8 * len(Step),
        "STEP_ARGS": 8 * Step.ARGS,
        "LOOK_MASK": _PAUSES_PER_LOOK - 1,
        "UNTIMED": _UNTIMED_PAUSES,
        "BEFORE_YIELD": _PAUSES_BEFORE_YIELD,
        "CORES_BYTES": _CORES_BYTES,
        "CORES": 8 * _CORES_BYTES,
        "MONOTONIC": _CLOCK_MONOTONIC,
        "PAUSE": pause_text()[0],
    }
    return Template(template).substitute(names | more)


def caller_text() -> str:
    """Return the LLVM IR of `rouse`, `asleep` and `join`, to be put into a caller's module."""
    return fill(COMMON + _CALLER) + pause_text()[1] + "\n"
