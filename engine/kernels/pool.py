"""The native side of the thread pool: `prunus_worker`, and what a caller does to get helped.

    void prunus_worker(ptr pool, i64 number)

is the life of a worker: it looks for a job, waits a bounded time for the next one with `pause`, and then
sleeps on a semaphore. `pool` points to lines of 128 bytes, so that what one thread writes disturbs no other
(processors fetch cache lines in pairs):

    settings  functions of libc, times in nanoseconds, number of workers; read only
    callers   how many calls are in progress that would like help; when the last one ended; until when
              calls are not helped, because the last helpers were late
    gate      generation << 32 | open << 31 | helpers inside; stop; function and argument of the job; the
              core that its caller was on
    sleepers  one line per worker: state (0 awake, 1 asleep, 2 being woken), jobs it helped with, semaphore

A caller that finds no other caller owns the gate. It opens the gate for a new generation, does the work
itself, shuts the gate, and waits until nobody is inside. A worker enters by counting itself in, which can
only succeed while the gate is open, and at most once in a generation. So a job may be forgotten as soon as
the gate is shut and empty, and a worker that is late or asleep costs its caller nothing. A worker that
finds itself on its caller's core only takes time from it: it moves to another core, where the system would
leave it for as long as it sleeps, sleeps at once, and calls are not helped for a while.

`function(argument, number)` is called by each worker that enters; workers are numbered from 1, the caller
being 0.

The text of functions here is written by hand: it is about atomic accesses, of which
`engine.kernels.emit` knows nothing. Fields are given by their byte offsets, from the enums below.
"""

import platform
from enum import IntEnum
from string import Template

SYMBOL = "prunus_worker"
LINE_BYTES = 128
MAX_WORKERS = 63


class Pool(IntEnum):
    """Byte offset of each field of a pool; all are eight bytes long."""

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
    CALLERS = LINE_BYTES
    LAST_END = LINE_BYTES + 8
    CALM_UNTIL = LINE_BYTES + 16
    GATE = 2 * LINE_BYTES
    STOP = 2 * LINE_BYTES + 8
    FUNCTION = 2 * LINE_BYTES + 16
    ARGUMENT = 2 * LINE_BYTES + 24
    CPU = 2 * LINE_BYTES + 32
    SLEEPERS = 3 * LINE_BYTES


class Sleeper(IntEnum):
    """Byte offset of each field of a worker's line."""

    STATE = 0
    JOBS = 8
    SEMAPHORE = 64  # to the end of the line: room for twice what glibc and musl need


POOL_BYTES = Pool.SLEEPERS + (MAX_WORKERS + 1) * LINE_BYTES

# Pauses between two looks at the clock, and before a waiting thread lets others have its core.
_PAUSES_PER_LOOK = 64
_PAUSES_BEFORE_YIELD = 2048
_CLOCK_MONOTONIC = 1
# Size of libc's set of cores.
_CORES_BYTES = 128

_COMMON = """
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

; One step of waiting: a pause, and after many of them the core is left to others.
define internal void @wait(ptr %pool, i64 %count) #0 {
  $PAUSE
  %patient = icmp ult i64 %count, $BEFORE_YIELD
  br i1 %patient, label %done, label %leave
leave:
  %place = getelementptr i8, ptr %pool, i64 $YIELD
  %yield = load ptr, ptr %place, align 8
  %ignored = call i32 %yield()
  br label %done
done:
  ret void
}
"""

_WORKER = """
; Move this thread to another core: it may not be on this one for a moment.
define internal void @move(ptr %pool, i64 %here) #0 {
entry:
  %all = alloca [$CORES_BYTES x i8], align 16
  %others = alloca [$CORES_BYTES x i8], align 16
  %getp = getelementptr i8, ptr %pool, i64 $GET_AFFINITY
  %get = load ptr, ptr %getp, align 8
  %setp = getelementptr i8, ptr %pool, i64 $SET_AFFINITY
  %set = load ptr, ptr %setp, align 8
  %got = call i32 %get(i32 0, i64 $CORES_BYTES, ptr %all)
  %known = icmp eq i32 %got, 0
  %few = icmp ult i64 %here, $CORES
  %go = and i1 %known, %few
  br i1 %go, label %copy, label %done
copy:
  call void @llvm.memcpy.p0.p0.i64(ptr %others, ptr %all, i64 $CORES_BYTES, i1 false)
  %byte = lshr i64 %here, 3
  %place = getelementptr i8, ptr %others, i64 %byte
  %low = and i64 %here, 7
  %wide = shl i64 1, %low
  %bit = trunc i64 %wide to i8
  %clear = xor i8 %bit, -1
  %old = load i8, ptr %place, align 1
  %new = and i8 %old, %clear
  store i8 %new, ptr %place, align 1
  %moved = call i32 %set(i32 0, i64 $CORES_BYTES, ptr %others)
  %restored = call i32 %set(i32 0, i64 $CORES_BYTES, ptr %all)
  br label %done
done:
  ret void
}

declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
define void @prunus_worker(ptr %pool, i64 %number) #0 {
entry:
  %gate = getelementptr i8, ptr %pool, i64 $GATE
  %stop = getelementptr i8, ptr %pool, i64 $STOP
  %spinp = getelementptr i8, ptr %pool, i64 $SPIN_NS
  %waitp = getelementptr i8, ptr %pool, i64 $SEM_WAIT
  %functionp = getelementptr i8, ptr %pool, i64 $FUNCTION
  %argumentp = getelementptr i8, ptr %pool, i64 $ARGUMENT
  %offset = mul i64 %number, $LINE
  %lines = getelementptr i8, ptr %pool, i64 $SLEEPERS
  %state = getelementptr i8, ptr %lines, i64 %offset
  %semaphore = getelementptr i8, ptr %state, i64 $SEMAPHORE
  %jobsp = getelementptr i8, ptr %state, i64 $JOBS
  %wait = load ptr, ptr %waitp, align 8
  br label %rest

rest:                                        ; the time of the last job, or of waking
  %seen = phi i64 [ -1, %entry ], [ %generation, %work ], [ %seen.l, %awake ]
  %since = call i64 @now(ptr %pool)
  %spin = load i64, ptr %spinp, align 8
  br label %look

look:
  %seen.l = phi i64 [ %seen, %rest ], [ %seen.l, %again ], [ %seen.l, %stay ]
  %since.l = phi i64 [ %since, %rest ], [ %since.l, %again ], [ %since.l, %stay ]
  %count = phi i64 [ 1, %rest ], [ %count.n, %again ], [ 1, %stay ]
  %g = load atomic i64, ptr %gate acquire, align 8
  %s = load atomic i64, ptr %stop monotonic, align 8
  %stopped = icmp ne i64 %s, 0
  br i1 %stopped, label %out, label %check
check:
  %generation = lshr i64 %g, 32
  %bit = and i64 %g, $OPEN
  %open = icmp ne i64 %bit, 0
  %new = icmp ne i64 %generation, %seen.l
  %wanted = and i1 %open, %new
  br i1 %wanted, label %enter, label %pause
enter:
  %here = call i64 @cpu(ptr %pool)
  %therep = getelementptr i8, ptr %pool, i64 $CPU
  %there = load i64, ptr %therep, align 8
  %same = icmp eq i64 %here, %there
  br i1 %same, label %crowded, label %count.in
crowded:
  %instant = call i64 @now(ptr %pool)
  %lengthp = getelementptr i8, ptr %pool, i64 $CALM_NS
  %length = load i64, ptr %lengthp, align 8
  %until = add i64 %instant, %length
  %calmp = getelementptr i8, ptr %pool, i64 $CALM_UNTIL
  store atomic i64 %until, ptr %calmp monotonic, align 8
  call void @move(ptr %pool, i64 %here)
  br label %sleep
count.in:
  %inside = add i64 %g, 1
  %pair = cmpxchg ptr %gate, i64 %g, i64 %inside acq_rel monotonic, align 8
  %entered = extractvalue { i64, i1 } %pair, 1
  br i1 %entered, label %work, label %pause
work:
  %function = load ptr, ptr %functionp, align 8
  %argument = load ptr, ptr %argumentp, align 8
  call void %function(ptr %argument, i64 %number)
  %jobs = load i64, ptr %jobsp, align 8
  %jobs.n = add i64 %jobs, 1
  store i64 %jobs.n, ptr %jobsp, align 8
  %left = atomicrmw sub ptr %gate, i64 1 release, align 8
  br label %rest

pause:
  $PAUSE
  %count.n = add i64 %count, 1
  %low = and i64 %count, $LOOK_MASK
  %skip = icmp ne i64 %low, 0
  br i1 %skip, label %again, label %time
again:
  br label %look
time:
  %now = call i64 @now(ptr %pool)
  %idle = sub i64 %now, %since.l
  %short = icmp slt i64 %idle, %spin
  br i1 %short, label %stay, label %sleep
stay:
  br label %look

sleep:                                       ; said first, then looked again: no stop is missed
  store atomic i64 1, ptr %state seq_cst, align 8
  %s2 = load atomic i64, ptr %stop seq_cst, align 8
  %stopped2 = icmp ne i64 %s2, 0
  br i1 %stopped2, label %out, label %doze
doze:
  %result = call i32 %wait(ptr %semaphore)
  %interrupted = icmp ne i32 %result, 0
  br i1 %interrupted, label %doze, label %awake
awake:
  store atomic i64 0, ptr %state seq_cst, align 8
  br label %rest

out:
  ret void
}
"""

# What callers use; %helpers and %expected (nanoseconds that the job should take) decide who is woken.
_CALLER = """
define internal void @open_gate(ptr %pool, ptr %function, ptr %argument, i64 %helpers, i64 %expected, i64 %now) #0 {
entry:
  %workersp = getelementptr i8, ptr %pool, i64 $WORKERS
  %workers = load atomic i64, ptr %workersp acquire, align 8
  %any = icmp sgt i64 %workers, 0
  br i1 %any, label %open, label %done
open:
  %gate = getelementptr i8, ptr %pool, i64 $GATE
  %functionp = getelementptr i8, ptr %pool, i64 $FUNCTION
  %argumentp = getelementptr i8, ptr %pool, i64 $ARGUMENT
  %cpup = getelementptr i8, ptr %pool, i64 $CPU
  %here = call i64 @cpu(ptr %pool)
  store i64 %here, ptr %cpup, align 8
  store ptr %function, ptr %functionp, align 8
  store ptr %argument, ptr %argumentp, align 8
  %old = load atomic i64, ptr %gate monotonic, align 8
  %generation = lshr i64 %old, 32
  %next = add i64 %generation, 1
  %shifted = shl i64 %next, 32
  %word = or i64 %shifted, $OPEN
  store atomic i64 %word, ptr %gate seq_cst, align 8
  %wakep = getelementptr i8, ptr %pool, i64 $WAKE_NS
  %wake = load i64, ptr %wakep, align 8
  %long = icmp sge i64 %expected, %wake
  br i1 %long, label %rouse, label %recent
recent:                                      ; calls follow each other closely: worth having workers awake
  %endp = getelementptr i8, ptr %pool, i64 $LAST_END
  %hotp = getelementptr i8, ptr %pool, i64 $HOT_NS
  %end = load atomic i64, ptr %endp monotonic, align 8
  %hot = load i64, ptr %hotp, align 8
  %gap = sub i64 %now, %end
  %close = icmp slt i64 %gap, %hot
  br i1 %close, label %rouse, label %done
rouse:
  %most = call i64 @llvm.smin.i64(i64 %workers, i64 %helpers)
  %postp = getelementptr i8, ptr %pool, i64 $SEM_POST
  %post = load ptr, ptr %postp, align 8
  br label %each
each:
  %number = phi i64 [ 0, %rouse ], [ %number.n, %following ]
  %number.n = add i64 %number, 1
  %more = icmp slt i64 %number, %most
  br i1 %more, label %try, label %done
try:
  %offset = mul i64 %number.n, $LINE
  %lines = getelementptr i8, ptr %pool, i64 $SLEEPERS
  %state = getelementptr i8, ptr %lines, i64 %offset
  %asleep = load atomic i64, ptr %state seq_cst, align 8
  %sleeps = icmp eq i64 %asleep, 1
  br i1 %sleeps, label %claim, label %following
claim:
  %pair = cmpxchg ptr %state, i64 1, i64 2 seq_cst monotonic, align 8
  %mine = extractvalue { i64, i1 } %pair, 1
  br i1 %mine, label %ring, label %following
ring:
  %semaphore = getelementptr i8, ptr %state, i64 $SEMAPHORE
  %ignored = call i32 %post(ptr %semaphore)
  br label %following
following:
  br label %each
done:
  ret void
}

define internal void @shut_gate(ptr %pool) #0 {
entry:
  %gate = getelementptr i8, ptr %pool, i64 $GATE
  %before = atomicrmw and ptr %gate, i64 $NOT_OPEN acq_rel, align 8
  br label %look
look:
  %count = phi i64 [ 0, %entry ], [ %count.n, %pause ]
  %g = load atomic i64, ptr %gate acquire, align 8
  %inside = and i64 %g, $INSIDE_MASK
  %empty = icmp eq i64 %inside, 0
  br i1 %empty, label %done, label %pause
pause:
  call void @wait(ptr %pool, i64 %count)
  %count.n = add i64 %count, 1
  br label %look
done:
  ret void
}

declare i64 @llvm.smin.i64(i64, i64)
"""


def pause_text(machine: str | None = None) -> tuple[str, str]:
    """The instruction that tells the processor of a waiting loop, and its declaration; may be empty."""
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
        "LINE": LINE_BYTES,
        "SEMAPHORE": Sleeper.SEMAPHORE.value,
        "JOBS": Sleeper.JOBS.value,
        "OPEN": 1 << 31,
        "NOT_OPEN": ~(1 << 31),
        "INSIDE_MASK": (1 << 31) - 1,
        "LOOK_MASK": _PAUSES_PER_LOOK - 1,
        "BEFORE_YIELD": _PAUSES_BEFORE_YIELD,
        "CORES_BYTES": _CORES_BYTES,
        "CORES": 8 * _CORES_BYTES,
        "MONOTONIC": _CLOCK_MONOTONIC,
        "PAUSE": pause_text()[0],
    }
    return Template(template).substitute(names | more)


def emit_worker() -> str:
    """Return the LLVM IR of `prunus_worker`."""
    return fill(_COMMON + _WORKER) + pause_text()[1] + "\nattributes #0 = { nounwind }\n"


def caller_text() -> str:
    """Return the LLVM IR of `open_gate`, `shut_gate` and `wait`, to be put into a caller's module."""
    return fill(_COMMON + _CALLER) + pause_text()[1] + "\n"
