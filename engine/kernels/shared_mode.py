"""Mode SHARED of `engine.kernels.share`, as LLVM IR text: one tile after another, its parts by all threads.

Names with `$` are byte offsets and numbers that `share.emit_share` puts in.
"""

TEXT = """
; Take and run parts of the phase in `word` until none is free; the word then seen.
define internal i64 @take_parts(ptr %job, i64 %number) #0 {
entry:
  %wordp = getelementptr i8, ptr %job, i64 $WORD
  %tablep = getelementptr i8, ptr %job, i64 $TABLE
  %contextp = getelementptr i8, ptr %job, i64 $CONTEXT
  %donep = getelementptr i8, ptr %job, i64 $DONE
  %low = and i64 %number, 31
  %own = shl i64 1, %low
  br label %look
look:
  %word = load atomic i64, ptr %wordp acquire, align 8
  %free = and i64 %word, 4294967295
  %none = icmp eq i64 %free, 0
  br i1 %none, label %out, label %choose
choose:
  %mine = and i64 %free, %own
  %minus = sub i64 0, %free
  %lowest = and i64 %free, %minus
  %has = icmp ne i64 %mine, 0
  %bit = select i1 %has, i64 %own, i64 %lowest
  %rest = xor i64 %word, %bit
  %pair = cmpxchg ptr %wordp, i64 %word, i64 %rest acq_rel monotonic, align 8
  %taken = extractvalue { i64, i1 } %pair, 1
  br i1 %taken, label %run, label %look
run:
  %part = call i64 @llvm.cttz.i64(i64 %bit, i1 true)
  %table = load ptr, ptr %tablep, align 8
  %context = load ptr, ptr %contextp, align 8
  %offset = mul i64 %part, $STEP_BYTES
  %step = getelementptr i8, ptr %table, i64 %offset
  call void @run_step(ptr %context, ptr %step)
  %before = atomicrmw add ptr %donep, i64 1 release, align 8
  br label %look
out:
  ret i64 %word
}

define internal void @run_step(ptr %context, ptr %step) #0 {
  %kernel = load ptr, ptr %step, align 8
  %argsp = getelementptr i8, ptr %step, i64 $STEP_ARGS
  %args = load ptr, ptr %argsp, align 8
  call void %kernel(ptr %context, ptr %args)
  ret void
}

; A helper of a SHARED call: parts until the word says that there are no more phases.
define internal void @help_shared(ptr %request, i64 %number) #0 {
entry:
  %jobp = getelementptr i8, ptr %request, i64 $R_JOB
  %job = load ptr, ptr %jobp, align 8
  %poolp = getelementptr i8, ptr %request, i64 $R_POOL
  %pool = load ptr, ptr %poolp, align 8
  %callersp = getelementptr i8, ptr %pool, i64 $CALLERS
  %wordp = getelementptr i8, ptr %job, i64 $WORD
  br label %look
look:
  %count = phi i64 [ 0, %entry ], [ %count.n, %pause ], [ 0, %take ]
  %word = load atomic i64, ptr %wordp acquire, align 8
  %ended = icmp slt i64 %word, 0
  br i1 %ended, label %out, label %crowd
crowd:
  %callers = load atomic i64, ptr %callersp monotonic, align 8
  %crowded = icmp sgt i64 %callers, 1
  br i1 %crowded, label %out, label %free
free:
  %bits = and i64 %word, 4294967295
  %none = icmp eq i64 %bits, 0
  br i1 %none, label %pause, label %take
take:
  %seen = call i64 @take_parts(ptr %job, i64 %number)
  br label %look
pause:
  call void @wait(ptr %pool, i64 %count)
  %count.n = add i64 %count, 1
  br label %look
out:
  ret void
}

; The caller of a SHARED call: every tile, phase by phase.
define internal void @lead_shared(ptr %request) #0 {
entry:
  %context = alloca [$CONTEXT_FIELDS x i64], align 16
  %poolp = getelementptr i8, ptr %request, i64 $R_POOL
  %pool = load ptr, ptr %poolp, align 8
  %jobp = getelementptr i8, ptr %request, i64 $R_JOB
  %job = load ptr, ptr %jobp, align 8
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
  %contextp = getelementptr i8, ptr %job, i64 $CONTEXT
  store ptr %context, ptr %contextp, align 8
  %wordp = getelementptr i8, ptr %job, i64 $WORD
  %tablep = getelementptr i8, ptr %job, i64 $TABLE
  %donep = getelementptr i8, ptr %job, i64 $DONE
  %longestp = getelementptr i8, ptr %plan, i64 $P_LONGEST
  %longest = load i64, ptr %longestp, align 8
  %choicep = getelementptr i8, ptr %plan, i64 $P_CHOICE
  %choice = load ptr, ptr %choicep, align 8
  %tilesp = getelementptr i8, ptr %plan, i64 $P_TILES
  %tiles = load ptr, ptr %tilesp, align 8
  br label %tile

tile:
  %sample = phi i64 [ %first, %entry ], [ %sample.n, %tile.done ]
  %sequence = phi i64 [ 0, %entry ], [ %sequence.l, %tile.done ]
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
  %sequence.l = phi i64 [ %sequence, %begin ], [ %sequence.n, %phase.done ]
  %p.more = icmp slt i64 %p, %phases
  br i1 %p.more, label %phase.begin, label %tile.done
phase.begin:
  %countp = getelementptr i64, ptr %parts.table, i64 %p
  %count = load i64, ptr %countp, align 8
  %single = icmp eq i64 %count, 1
  br i1 %single, label %one, label %several
one:
  call void @run_step(ptr %context, ptr %step)
  br label %phase.done
several:
  store atomic i64 0, ptr %donep monotonic, align 8
  store ptr %step, ptr %tablep, align 8
  %following = add i64 %sequence.l, 1
  %cut = and i64 %following, 1073741823
  %high = shl i64 %cut, 32
  %unused = sub i64 64, %count
  %bits = lshr i64 -1, %unused
  %word = or i64 %high, %bits
  store atomic i64 %word, ptr %wordp release, align 8
  %seen = call i64 @take_parts(ptr %job, i64 0)
  call void @join(ptr %pool, ptr %job, i64 %count)
  br label %phase.done
phase.done:
  %sequence.n = phi i64 [ %sequence.l, %one ], [ %following, %several ]
  %p.n = add i64 %p, 1
  %passed = mul i64 %count, $STEP_BYTES
  %step.n = getelementptr i8, ptr %step, i64 %passed
  br label %phase
tile.done:
  %sample.n = add i64 %sample, %lanes
  br label %tile
out:
  store atomic i64 $ENDED, ptr %wordp release, align 8
  ret void
}
"""
