"""Mode SHARED of `engine.kernels.share`, as LLVM IR text: one tile after another, its parts by all threads.

Names with `$` are byte offsets and numbers that `share.emit_share` puts in.
"""

TEXT = """
; One phase of several parts. The first is the caller's own; it takes others as the workers do.
; Nanoseconds waited; %doneslot holds what workers have done.
define internal i64 @run_parts(ptr %pool, ptr %step, i64 %count, i64 %helpers, ptr %doneslot) #0 {
entry:
  %wordp = getelementptr i8, ptr %pool, i64 $WORD
  %tablep = getelementptr i8, ptr %pool, i64 $TABLE
  %context = getelementptr i8, ptr %pool, i64 $CONTEXT
  store ptr %step, ptr %tablep, align 8
  %unused = sub i64 64, %count
  %all = lshr i64 -1, %unused
  %others = xor i64 %all, 1
  %high = shl i64 %helpers, $HELPERS_SHIFT
  %first = or i64 %high, %others
  store atomic i64 %first, ptr %wordp release, align 8
  call void @run_step(ptr %context, ptr %step)
  br label %look
look:
  %mine = phi i64 [ 1, %entry ], [ %mine, %try ], [ %mine.n, %run ]
  %word = load atomic i64, ptr %wordp monotonic, align 8
  %free = and i64 %word, $FREE
  %none = icmp eq i64 %free, 0
  br i1 %none, label %taken.all, label %try
try:
  %minus = sub i64 0, %free
  %bit = and i64 %free, %minus
  %rest = xor i64 %word, %bit
  %pair = cmpxchg ptr %wordp, i64 %word, i64 %rest monotonic monotonic, align 8
  %taken = extractvalue { i64, i1 } %pair, 1
  br i1 %taken, label %run, label %look
run:
  %n = call i64 @llvm.cttz.i64(i64 %bit, i1 true)
  %offset = mul i64 %n, $STEP_BYTES
  %taken.step = getelementptr i8, ptr %step, i64 %offset
  call void @run_step(ptr %context, ptr %taken.step)
  %mine.n = add i64 %mine, 1
  br label %look
taken.all:
  %theirs = sub i64 %count, %mine
  %helped = icmp ne i64 %theirs, 0
  br i1 %helped, label %wait, label %out
wait:
  %before = load i64, ptr %doneslot, align 8
  %wanted = add i64 %before, %theirs
  store i64 %wanted, ptr %doneslot, align 8
  %waited = call i64 @join(ptr %pool, i64 %wanted)
  ret i64 %waited
out:
  ret i64 0
}

; All parts of a phase by this thread.
define internal void @run_alone(ptr %context, ptr %step, i64 %count) #0 {
entry:
  br label %look
look:
  %i = phi i64 [ 0, %entry ], [ %i.n, %run ]
  %more = icmp slt i64 %i, %count
  br i1 %more, label %run, label %out
run:
  %offset = mul i64 %i, $STEP_BYTES
  %one = getelementptr i8, ptr %step, i64 %offset
  call void @run_step(ptr %context, ptr %one)
  %i.n = add i64 %i, 1
  br label %look
out:
  ret void
}

; The caller of a SHARED call: every tile, phase by phase. Nanoseconds waited.
define internal i64 @lead_shared(ptr %request, ptr %pool, i64 %helpers) #0 {
entry:
  %doneslot = alloca i64, align 8
  %donep = getelementptr i8, ptr %pool, i64 $DONE
  %done = load atomic i64, ptr %donep monotonic, align 8
  store i64 %done, ptr %doneslot, align 8
  %callersp = getelementptr i8, ptr %pool, i64 $CALLERS
  %context = getelementptr i8, ptr %pool, i64 $CONTEXT
  %planp = getelementptr i8, ptr %request, i64 $R_PLAN
  %plan = load ptr, ptr %planp, align 8
  %arenap = getelementptr i8, ptr %request, i64 $R_ARENA
  %arena = load ptr, ptr %arenap, align 8
  %inputsp = getelementptr i8, ptr %request, i64 $R_INPUTS
  %inputs = load ptr, ptr %inputsp, align 8
  %outputsp = getelementptr i8, ptr %request, i64 $R_OUTPUTS
  %outputs = load ptr, ptr %outputsp, align 8
  %firstp = getelementptr i8, ptr %request, i64 $R_FIRST
  %first = load i64, ptr %firstp, align 8
  %samplesp = getelementptr i8, ptr %request, i64 $R_SAMPLES
  %samples = load i64, ptr %samplesp, align 8
  %end = add i64 %first, %samples
  %c.arena = getelementptr i8, ptr %context, i64 $C_ARENA
  store ptr %arena, ptr %c.arena, align 8
  %c.inputs = getelementptr i8, ptr %context, i64 $C_INPUTS
  store ptr %inputs, ptr %c.inputs, align 8
  %c.outputs = getelementptr i8, ptr %context, i64 $C_OUTPUTS
  store ptr %outputs, ptr %c.outputs, align 8
  %c.first = getelementptr i8, ptr %context, i64 $C_FIRST
  %c.valid = getelementptr i8, ptr %context, i64 $C_VALID
  %longestp = getelementptr i8, ptr %plan, i64 $P_LONGEST
  %longest = load i64, ptr %longestp, align 8
  %choicep = getelementptr i8, ptr %plan, i64 $P_CHOICE
  %choice = load ptr, ptr %choicep, align 8
  %tilesp = getelementptr i8, ptr %plan, i64 $P_TILES
  %tiles = load ptr, ptr %tilesp, align 8
  br label %tile

tile:
  %sample = phi i64 [ %first, %entry ], [ %sample.n, %tile.done ]
  %waited = phi i64 [ 0, %entry ], [ %waited.l, %tile.done ]
  %more = icmp slt i64 %sample, %end
  br i1 %more, label %begin, label %out
begin:
  %remaining = sub i64 %end, %sample
  %known = call i64 @llvm.smin.i64(i64 %remaining, i64 %longest)
  %numberp = getelementptr i64, ptr %choice, i64 %known
  %number = load i64, ptr %numberp, align 8
  %tile.offset = mul i64 %number, $TILE_BYTES
  %t = getelementptr i8, ptr %tiles, i64 %tile.offset
  %lanesp = getelementptr i8, ptr %t, i64 $T_LANES
  %lanes = load i64, ptr %lanesp, align 8
  %valid = call i64 @llvm.smin.i64(i64 %lanes, i64 %remaining)
  store i64 %sample, ptr %c.first, align 8
  store i64 %valid, ptr %c.valid, align 8
  %stepsp = getelementptr i8, ptr %t, i64 $T_TABLE
  %steps = load ptr, ptr %stepsp, align 8
  %phasesp = getelementptr i8, ptr %t, i64 $T_PHASES
  %phases = load i64, ptr %phasesp, align 8
  %partsp = getelementptr i8, ptr %t, i64 $T_PARTS
  %parts.table = load ptr, ptr %partsp, align 8
  br label %phase

phase:
  %p = phi i64 [ 0, %begin ], [ %p.n, %phase.done ]
  %step = phi ptr [ %steps, %begin ], [ %step.n, %phase.done ]
  %waited.l = phi i64 [ %waited, %begin ], [ %waited.n, %phase.done ]
  %p.more = icmp slt i64 %p, %phases
  br i1 %p.more, label %phase.begin, label %tile.done
phase.begin:
  %countp = getelementptr i64, ptr %parts.table, i64 %p
  %count = load i64, ptr %countp, align 8
  %single = icmp eq i64 %count, 1
  br i1 %single, label %own, label %crowd
crowd:                                       ; each caller has a core of its own
  %callers = load atomic i64, ptr %callersp monotonic, align 8
  %crowded = icmp sgt i64 %callers, 1
  br i1 %crowded, label %own, label %several
own:
  call void @run_alone(ptr %context, ptr %step, i64 %count)
  br label %phase.done
several:
  %wait = call i64 @run_parts(ptr %pool, ptr %step, i64 %count, i64 %helpers, ptr %doneslot)
  %waited.m = add i64 %waited.l, %wait
  br label %phase.done
phase.done:
  %waited.n = phi i64 [ %waited.l, %own ], [ %waited.m, %several ]
  %p.n = add i64 %p, 1
  %passed = mul i64 %count, $STEP_BYTES
  %step.n = getelementptr i8, ptr %step, i64 %passed
  br label %phase
tile.done:
  %sample.n = add i64 %sample, %lanes
  br label %tile
out:
  ret i64 %waited
}
"""
