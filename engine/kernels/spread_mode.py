"""Mode SPREAD of `engine.kernels.share`, as LLVM IR text: chunks of samples, each by one thread.

Names with `$` are byte offsets and numbers that `share.emit_share` puts in.
"""

TEXT = """
define internal i64 @chunks_of(ptr %request) #0 {
  %samplesp = getelementptr i8, ptr %request, i64 $R_SAMPLES
  %samples = load i64, ptr %samplesp, align 8
  %chunkp = getelementptr i8, ptr %request, i64 $R_CHUNK
  %chunk = load i64, ptr %chunkp, align 8
  %sum = add i64 %samples, %chunk
  %most = sub i64 %sum, 1
  %count = udiv i64 %most, %chunk
  ret i64 %count
}

; The chunk that so many, it included, were free before: a request of its own in the thread's own arena.
define internal void @run_chunk(ptr %request, i64 %free, i64 %number) #0 {
entry:
  %own = alloca [$REQUEST_FIELDS x i64], align 16
  call void @llvm.memcpy.p0.p0.i64(ptr %own, ptr %request, i64 $REQUEST_BYTES, i1 false)
  %chunkp = getelementptr i8, ptr %request, i64 $R_CHUNK
  %chunk = load i64, ptr %chunkp, align 8
  %firstp = getelementptr i8, ptr %request, i64 $R_FIRST
  %first = load i64, ptr %firstp, align 8
  %samplesp = getelementptr i8, ptr %request, i64 $R_SAMPLES
  %samples = load i64, ptr %samplesp, align 8
  %count = call i64 @chunks_of(ptr %request)
  %place = sub i64 %count, %free
  %passed = mul i64 %place, %chunk
  %left = sub i64 %samples, %passed
  %valid = call i64 @llvm.smin.i64(i64 %chunk, i64 %left)
  %begin = add i64 %first, %passed
  %o.first = getelementptr i8, ptr %own, i64 $R_FIRST
  store i64 %begin, ptr %o.first, align 8
  %o.samples = getelementptr i8, ptr %own, i64 $R_SAMPLES
  store i64 %valid, ptr %o.samples, align 8
  %helper = icmp ne i64 %number, 0
  br i1 %helper, label %theirs, label %run
theirs:
  %arenasp = getelementptr i8, ptr %request, i64 $R_ARENAS
  %arenas = load ptr, ptr %arenasp, align 8
  %nth = sub i64 %number, 1
  %arenap = getelementptr ptr, ptr %arenas, i64 %nth
  %arena = load ptr, ptr %arenap, align 8
  %o.arena = getelementptr i8, ptr %own, i64 $R_ARENA
  store ptr %arena, ptr %o.arena, align 8
  br label %run
run:
  call void @prunus_run(ptr %own)
  ret void
}

; All chunks by this thread.
define internal void @run_chunks_alone(ptr %request) #0 {
entry:
  %count = call i64 @chunks_of(ptr %request)
  br label %look
look:
  %free = phi i64 [ %count, %entry ], [ %free.n, %run ]
  %more = icmp ne i64 %free, 0
  br i1 %more, label %run, label %out
run:
  call void @run_chunk(ptr %request, i64 %free, i64 0)
  %free.n = sub i64 %free, 1
  br label %look
out:
  ret void
}

; The caller of a SPREAD call: the first chunk is its own; it takes others as the workers do. Nanoseconds waited.
define internal i64 @lead_spread(ptr %request, ptr %pool, i64 %helpers) #0 {
entry:
  %donep = getelementptr i8, ptr %pool, i64 $DONE
  %done = load atomic i64, ptr %donep monotonic, align 8
  %wordp = getelementptr i8, ptr %pool, i64 $WORD
  %tablep = getelementptr i8, ptr %pool, i64 $TABLE
  %context = getelementptr i8, ptr %pool, i64 $CONTEXT
  store ptr %request, ptr %tablep, align 8
  store ptr @run_chunk, ptr %context, align 8
  %count = call i64 @chunks_of(ptr %request)
  %others = sub i64 %count, 1
  %high = shl i64 %helpers, $HELPERS_SHIFT
  %tagged = or i64 %high, $CHUNKED
  %first = or i64 %tagged, %others
  store atomic i64 %first, ptr %wordp release, align 8
  call void @run_chunk(ptr %request, i64 %count, i64 0)
  br label %look
look:
  %mine = phi i64 [ 1, %entry ], [ %mine, %try ], [ %mine.n, %run ]
  %word = load atomic i64, ptr %wordp monotonic, align 8
  %free = and i64 %word, $FREE
  %none = icmp eq i64 %free, 0
  br i1 %none, label %out, label %try
try:
  %fewer = sub i64 %word, 1
  %pair = cmpxchg ptr %wordp, i64 %word, i64 %fewer monotonic monotonic, align 8
  %taken = extractvalue { i64, i1 } %pair, 1
  br i1 %taken, label %run, label %look
run:
  call void @run_chunk(ptr %request, i64 %free, i64 0)
  %mine.n = add i64 %mine, 1
  br label %look
out:
  %theirs = sub i64 %count, %mine
  %wanted = add i64 %done, %theirs
  %waited = call i64 @join(ptr %pool, i64 %wanted)
  ret i64 %waited
}
"""
