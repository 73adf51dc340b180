"""`prunus_worker`: the life of a worker of the pool, see `engine.kernels.pool`.

    void prunus_worker(ptr pool, i64 number)

It looks for work in the pool's word, waits a bounded time for the next with `pause`, and then sleeps on a
semaphore; while a call that it may help is in progress it stays awake, for after a step that one thread runs
more may come. It returns when it is told to stop.

Subnormal numbers are flushed to zero on this thread for as long as it lives: it runs nothing but kernels.

A worker that finds itself on its caller's core only takes time from it: it moves to another core, where the
system would leave it for as long as it sleeps, sleeps at once, and calls are not helped for a while.
"""

from engine.kernels.pool import COMMON, fill, pause_text
from engine.kernels.subnormals import subnormals_text

SYMBOL = "prunus_worker"

_TEXT = """
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
declare i64 @llvm.cttz.i64(i64, i1)

define void @prunus_worker(ptr %pool, i64 %number) #0 {
entry:
  %wordp = getelementptr i8, ptr %pool, i64 $WORD
  %tablep = getelementptr i8, ptr %pool, i64 $TABLE
  %context = getelementptr i8, ptr %pool, i64 $CONTEXT
  %donep = getelementptr i8, ptr %pool, i64 $DONE
  %stop = getelementptr i8, ptr %pool, i64 $STOP
  %spinp = getelementptr i8, ptr %pool, i64 $SPIN_NS
  %callersp = getelementptr i8, ptr %pool, i64 $CALLERS
  %helpedp = getelementptr i8, ptr %pool, i64 $HELPED
  %asleepp = getelementptr i8, ptr %pool, i64 $ASLEEP
  %cpup = getelementptr i8, ptr %pool, i64 $CPU
  %offset = mul i64 %number, $SLEEPER_BYTES
  %lines = getelementptr i8, ptr %pool, i64 $SLEEPERS
  %line = getelementptr i8, ptr %lines, i64 %offset
  %semaphore = getelementptr i8, ptr %line, i64 $SEMAPHORE
  %jobsp = getelementptr i8, ptr %line, i64 $JOBS
  %waitp = getelementptr i8, ptr %pool, i64 $SEM_WAIT
  %wait = load ptr, ptr %waitp, align 8
  %self = shl i64 1, %number
  %state = call i64 @set_subnormals(i64 0)
  br label %look

look:                                        ; %since: of the first look at the clock; 0 before that
  %since = phi i64 [ 0, %entry ], [ %since, %pause ], [ 0, %finished ], [ %since.n, %stay ], [ 0, %awake ]
  %count = phi i64 [ 1, %entry ], [ %count.n, %pause ], [ 1, %finished ], [ 1, %stay ], [ 1, %awake ]
  %word = load atomic i64, ptr %wordp acquire, align 8
  %s = load atomic i64, ptr %stop monotonic, align 8
  %stopped = icmp ne i64 %s, 0
  br i1 %stopped, label %out, label %check
check:
  %helpers = lshr i64 %word, $HELPERS_SHIFT
  %welcome = icmp ule i64 %number, %helpers
  %free = and i64 %word, $FREE
  %any = icmp ne i64 %free, 0
  %wanted = and i1 %welcome, %any
  br i1 %wanted, label %place, label %idle
place:
  %here = call i64 @cpu(ptr %pool)
  %there = load atomic i64, ptr %cpup monotonic, align 8
  %same = icmp eq i64 %here, %there
  br i1 %same, label %crowded, label %choose
crowded:
  %instant = call i64 @now(ptr %pool)
  %lengthp = getelementptr i8, ptr %pool, i64 $CALM_NS
  %length = load i64, ptr %lengthp, align 8
  %until = add i64 %instant, %length
  %calmp = getelementptr i8, ptr %pool, i64 $CALM_UNTIL
  store atomic i64 %until, ptr %calmp monotonic, align 8
  call void @move(ptr %pool, i64 %here)
  br label %sleep
choose:
  %chunk.bit = and i64 %word, $CHUNKED
  %chunked = icmp ne i64 %chunk.bit, 0
  br i1 %chunked, label %chunk, label %part
chunk:                                       ; each caller has a core of its own
  %callers = load atomic i64, ptr %callersp monotonic, align 8
  %alone = icmp slt i64 %callers, 2
  br i1 %alone, label %chunk.take, label %idle
chunk.take:
  %fewer = sub i64 %word, 1
  %chunk.pair = cmpxchg ptr %wordp, i64 %word, i64 %fewer acq_rel monotonic, align 8
  %chunk.taken = extractvalue { i64, i1 } %chunk.pair, 1
  br i1 %chunk.taken, label %chunk.run, label %idle
chunk.run:
  %request = load ptr, ptr %tablep, align 8
  %function = load ptr, ptr %context, align 8
  call void %function(ptr %request, i64 %free, i64 %number)
  br label %finished
part:
  %mine = and i64 %free, %self
  %minus = sub i64 0, %free
  %lowest = and i64 %free, %minus
  %has = icmp ne i64 %mine, 0
  %bit = select i1 %has, i64 %self, i64 %lowest
  %rest = xor i64 %word, %bit
  %pair = cmpxchg ptr %wordp, i64 %word, i64 %rest acq_rel monotonic, align 8
  %taken = extractvalue { i64, i1 } %pair, 1
  br i1 %taken, label %part.run, label %idle
part.run:
  %table = load ptr, ptr %tablep, align 8
  %n = call i64 @llvm.cttz.i64(i64 %bit, i1 true)
  %step.offset = mul i64 %n, $STEP_BYTES
  %step = getelementptr i8, ptr %table, i64 %step.offset
  call void @run_step(ptr %context, ptr %step)
  br label %finished
finished:
  %before = atomicrmw add ptr %donep, i64 1 release, align 8
  %jobs = load i64, ptr %jobsp, align 8
  %jobs.n = add i64 %jobs, 1
  store i64 %jobs.n, ptr %jobsp, align 8
  br label %look

idle:
  $PAUSE
  %count.n = add i64 %count, 1
  %turn = and i64 %count, $LOOK_MASK
  %skip = icmp ne i64 %turn, 0
  br i1 %skip, label %pause, label %time
pause:
  br label %look
time:
  %now = call i64 @now(ptr %pool)
  %first = icmp eq i64 %since, 0
  %since.n = select i1 %first, i64 %now, i64 %since
  %waiting = sub i64 %now, %since.n
  %spin = load i64, ptr %spinp, align 8
  %short = icmp slt i64 %waiting, %spin
  br i1 %short, label %stay, label %long
long:                                        ; a step that one thread runs may be long: more will follow it
  %helped = load atomic i64, ptr %helpedp monotonic, align 8
  %busy = icmp ne i64 %helped, 0
  %needed = and i1 %busy, %welcome
  br i1 %needed, label %yield, label %sleep
yield:
  %yieldp = getelementptr i8, ptr %pool, i64 $YIELD
  %leave = load ptr, ptr %yieldp, align 8
  %left = call i32 %leave()
  br label %stay
stay:
  br label %look

sleep:                                       ; said first, then looked again: no stop is missed
  %others = atomicrmw or ptr %asleepp, i64 %self seq_cst, align 8
  %s2 = load atomic i64, ptr %stop seq_cst, align 8
  %stopped2 = icmp ne i64 %s2, 0
  br i1 %stopped2, label %out, label %doze
doze:
  %result = call i32 %wait(ptr %semaphore)
  %interrupted = icmp ne i32 %result, 0
  br i1 %interrupted, label %doze, label %awake
awake:                                       ; who rang has taken the bit away
  br label %look

out:
  call void @restore_subnormals(i64 %state)
  ret void
}
"""


def emit_worker() -> str:
    """Return the LLVM IR of `prunus_worker`."""
    text = fill(COMMON + _TEXT) + pause_text()[1] + subnormals_text()
    return text + "\nattributes #0 = { nounwind }\n"
