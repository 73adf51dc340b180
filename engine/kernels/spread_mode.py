"""Mode SPREAD of `engine.kernels.share`, as LLVM IR text: chunks of samples, each by one thread.

Names with `$` are byte offsets and numbers that `share.emit_share` puts in.
"""

TEXT = """
; Take and run chunks until none is left, or until `patient` is not set and other callers came.
define internal void @take_chunks(ptr %request, ptr %arena, i1 %patient) #0 {
entry:
  %own = alloca [$REQUEST_FIELDS x i64], align 16
  call void @llvm.memcpy.p0.p0.i64(ptr %own, ptr %request, i64 $REQUEST_BYTES, i1 false)
  %o.arena = getelementptr i8, ptr %own, i64 $R_ARENA
  store ptr %arena, ptr %o.arena, align 8
  %o.first = getelementptr i8, ptr %own, i64 $R_FIRST
  %o.samples = getelementptr i8, ptr %own, i64 $R_SAMPLES
  %poolp = getelementptr i8, ptr %request, i64 $R_POOL
  %pool = load ptr, ptr %poolp, align 8
  %callersp = getelementptr i8, ptr %pool, i64 $CALLERS
  %jobp = getelementptr i8, ptr %request, i64 $R_JOB
  %job = load ptr, ptr %jobp, align 8
  %chunkp = getelementptr i8, ptr %request, i64 $R_CHUNK
  %chunk = load i64, ptr %chunkp, align 8
  %positionp = getelementptr i8, ptr %job, i64 $POSITION
  %endp = getelementptr i8, ptr %job, i64 $END
  %end = load i64, ptr %endp, align 8
  %donep = getelementptr i8, ptr %job, i64 $DONE
  br label %look
look:
  %callers = load atomic i64, ptr %callersp monotonic, align 8
  %few = icmp slt i64 %callers, 2
  %stay = or i1 %few, %patient
  br i1 %stay, label %try, label %out
try:
  %first = atomicrmw add ptr %positionp, i64 %chunk acq_rel, align 8
  %more = icmp slt i64 %first, %end
  br i1 %more, label %run, label %out
run:
  %rest = sub i64 %end, %first
  %samples = call i64 @llvm.smin.i64(i64 %chunk, i64 %rest)
  store i64 %first, ptr %o.first, align 8
  store i64 %samples, ptr %o.samples, align 8
  call void @prunus_run(ptr %own)
  %before = atomicrmw add ptr %donep, i64 %samples release, align 8
  br label %look
out:
  ret void
}

define internal void @lead_spread(ptr %request) #0 {
entry:
  %poolp = getelementptr i8, ptr %request, i64 $R_POOL
  %pool = load ptr, ptr %poolp, align 8
  %jobp = getelementptr i8, ptr %request, i64 $R_JOB
  %job = load ptr, ptr %jobp, align 8
  %arenap = getelementptr i8, ptr %request, i64 $R_ARENA
  %arena = load ptr, ptr %arenap, align 8
  %samplesp = getelementptr i8, ptr %request, i64 $R_SAMPLES
  %samples = load i64, ptr %samplesp, align 8
  call void @take_chunks(ptr %request, ptr %arena, i1 true)
  call void @join(ptr %pool, ptr %job, i64 %samples)
  ret void
}
"""
