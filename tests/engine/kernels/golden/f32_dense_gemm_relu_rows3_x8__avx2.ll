declare <8 x float> @llvm.fmuladd.v8f32(<8 x float>, <8 x float>, <8 x float>)
declare i64 @llvm.smin.i64(i64, i64)
declare void @llvm.prefetch.p0(ptr, i32, i32, i32)
define void @f32_dense_gemm_relu_rows3_x8__avx2(ptr noalias %ctx, ptr noalias %args) #0 {
entry:
  %p1 = getelementptr i64, ptr %ctx, i64 0
  %ld2 = load ptr, ptr %p1, align 8
  %p3 = getelementptr i64, ptr %args, i64 4
  %ld4 = load i64, ptr %p3, align 8
  %p5 = getelementptr i64, ptr %args, i64 5
  %ld6 = load i64, ptr %p5, align 8
  %p7 = getelementptr i64, ptr %args, i64 0
  %ld8 = load i64, ptr %p7, align 8
  %p9 = getelementptr i8, ptr %ld2, i64 %ld8
  %p10 = getelementptr i64, ptr %args, i64 1
  %ld11 = load i64, ptr %p10, align 8
  %p12 = getelementptr i8, ptr %ld2, i64 %ld11
  %p13 = getelementptr i64, ptr %args, i64 7
  %ld14 = load i64, ptr %p13, align 8
  br label %loop15
loop15:
  %i15 = phi i64 [ 0, %entry ], [ %v121, %latch15 ]
  %is16 = icmp slt i64 %i15, %ld14
  br i1 %is16, label %body15, label %done15
body15:
  br label %loop17
loop17:
  %i17 = phi i64 [ 0, %body15 ], [ %v120, %latch17 ]
  %is18 = icmp slt i64 %i17, 8
  br i1 %is18, label %body17, label %done17
body17:
  %v19 = mul i64 %i15, %ld4
  %v20 = mul i64 %v19, 8
  %p21 = getelementptr float, ptr %p9, i64 %v20
  %p22 = getelementptr float, ptr %p21, i64 %i17
  %v23 = mul i64 %i15, %ld6
  %v24 = mul i64 %v23, 8
  %p25 = getelementptr float, ptr %p12, i64 %v24
  %p26 = getelementptr float, ptr %p25, i64 %i17
  %p27 = getelementptr i64, ptr %args, i64 6
  %ld28 = load i64, ptr %p27, align 8
  br label %loop29
loop29:
  %i29 = phi i64 [ 0, %body17 ], [ %v119, %latch29 ]
  %is30 = icmp slt i64 %i29, %ld28
  br i1 %is30, label %body29, label %done29
body29:
  %v31 = mul i64 %i29, 3
  %p32 = getelementptr i64, ptr %args, i64 4
  %ld33 = load i64, ptr %p32, align 8
  %p34 = getelementptr i64, ptr %args, i64 2
  %ld35 = load ptr, ptr %p34, align 8
  %v36 = mul i64 %v31, %ld33
  %p37 = getelementptr float, ptr %ld35, i64 %v36
  br label %loop38
loop38:
  %i38 = phi i64 [ 0, %body29 ], [ %v64, %latch38 ]
  %c39 = phi <8 x float> [ zeroinitializer, %body29 ], [ %r53, %latch38 ]
  %c40 = phi <8 x float> [ zeroinitializer, %body29 ], [ %r58, %latch38 ]
  %c41 = phi <8 x float> [ zeroinitializer, %body29 ], [ %r63, %latch38 ]
  %is42 = icmp slt i64 %i38, %ld33
  br i1 %is42, label %body38, label %done38
body38:
  %v43 = mul i64 %i38, 8
  %p44 = getelementptr float, ptr %p22, i64 %v43
  %ld45 = load <8 x float>, ptr %p44, align 4
  %v46 = mul i64 %i38, 3
  %p47 = getelementptr float, ptr %p37, i64 %v46
  %p48 = getelementptr i8, ptr %p47, i64 8192
  call void @llvm.prefetch.p0(ptr %p48, i32 0, i32 3, i32 1)
  %p49 = getelementptr float, ptr %p47, i64 0
  %ld50 = load float, ptr %p49, align 4
  %one51 = insertelement <8 x float> poison, float %ld50, i64 0
  %splat52 = shufflevector <8 x float> %one51, <8 x float> %one51, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %r53 = call <8 x float> @llvm.fmuladd.v8f32(<8 x float> %splat52, <8 x float> %ld45, <8 x float> %c39)
  %p54 = getelementptr float, ptr %p47, i64 1
  %ld55 = load float, ptr %p54, align 4
  %one56 = insertelement <8 x float> poison, float %ld55, i64 0
  %splat57 = shufflevector <8 x float> %one56, <8 x float> %one56, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %r58 = call <8 x float> @llvm.fmuladd.v8f32(<8 x float> %splat57, <8 x float> %ld45, <8 x float> %c40)
  %p59 = getelementptr float, ptr %p47, i64 2
  %ld60 = load float, ptr %p59, align 4
  %one61 = insertelement <8 x float> poison, float %ld60, i64 0
  %splat62 = shufflevector <8 x float> %one61, <8 x float> %one61, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %r63 = call <8 x float> @llvm.fmuladd.v8f32(<8 x float> %splat62, <8 x float> %ld45, <8 x float> %c41)
  br label %latch38
latch38:
  %v64 = add i64 %i38, 1
  br label %loop38
done38:
  %v65 = add i64 %v31, 0
  %p66 = getelementptr i64, ptr %args, i64 5
  %ld67 = load i64, ptr %p66, align 8
  %is68 = icmp slt i64 %v65, %ld67
  br i1 %is68, label %then69, label %after69
then69:
  %p70 = getelementptr i64, ptr %args, i64 3
  %ld71 = load ptr, ptr %p70, align 8
  %p72 = getelementptr float, ptr %ld71, i64 %v65
  %ld73 = load float, ptr %p72, align 4
  %one74 = insertelement <8 x float> poison, float %ld73, i64 0
  %splat75 = shufflevector <8 x float> %one74, <8 x float> %one74, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %v76 = fadd <8 x float> %c39, %splat75
  %v77 = mul i64 %v65, 8
  %p78 = getelementptr float, ptr %p26, i64 %v77
  store <8 x float> %v76, ptr %p78, align 4
  br label %after69
after69:
  %v79 = add i64 %v31, 1
  %p80 = getelementptr i64, ptr %args, i64 5
  %ld81 = load i64, ptr %p80, align 8
  %is82 = icmp slt i64 %v79, %ld81
  br i1 %is82, label %then83, label %after83
then83:
  %p84 = getelementptr i64, ptr %args, i64 3
  %ld85 = load ptr, ptr %p84, align 8
  %p86 = getelementptr float, ptr %ld85, i64 %v79
  %ld87 = load float, ptr %p86, align 4
  %one88 = insertelement <8 x float> poison, float %ld87, i64 0
  %splat89 = shufflevector <8 x float> %one88, <8 x float> %one88, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %v90 = fadd <8 x float> %c40, %splat89
  %v91 = mul i64 %v79, 8
  %p92 = getelementptr float, ptr %p26, i64 %v91
  store <8 x float> %v90, ptr %p92, align 4
  br label %after83
after83:
  %v93 = add i64 %v31, 2
  %p94 = getelementptr i64, ptr %args, i64 5
  %ld95 = load i64, ptr %p94, align 8
  %is96 = icmp slt i64 %v93, %ld95
  br i1 %is96, label %then97, label %after97
then97:
  %p98 = getelementptr i64, ptr %args, i64 3
  %ld99 = load ptr, ptr %p98, align 8
  %p100 = getelementptr float, ptr %ld99, i64 %v93
  %ld101 = load float, ptr %p100, align 4
  %one102 = insertelement <8 x float> poison, float %ld101, i64 0
  %splat103 = shufflevector <8 x float> %one102, <8 x float> %one102, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %v104 = fadd <8 x float> %c41, %splat103
  %v105 = mul i64 %v93, 8
  %p106 = getelementptr float, ptr %p26, i64 %v105
  store <8 x float> %v104, ptr %p106, align 4
  br label %after97
after97:
  %v107 = add i64 %v31, 3
  %p108 = getelementptr i64, ptr %args, i64 5
  %ld109 = load i64, ptr %p108, align 8
  %r110 = call i64 @llvm.smin.i64(i64 %v107, i64 %ld109)
  br label %loop111
loop111:
  %i111 = phi i64 [ %v31, %after97 ], [ %v118, %latch111 ]
  %is112 = icmp slt i64 %i111, %r110
  br i1 %is112, label %body111, label %done111
body111:
  %v113 = mul i64 %i111, 8
  %p114 = getelementptr float, ptr %p26, i64 %v113
  %ld115 = load <8 x float>, ptr %p114, align 4
  %is116 = fcmp olt <8 x float> %ld115, splat (float 0x0000000000000000)
  %sel117 = select <8 x i1> %is116, <8 x float> splat (float 0x0000000000000000), <8 x float> %ld115
  store <8 x float> %sel117, ptr %p114, align 4
  br label %latch111
latch111:
  %v118 = add i64 %i111, 1
  br label %loop111
done111:
  br label %latch29
latch29:
  %v119 = add i64 %i29, 1
  br label %loop29
done29:
  br label %latch17
latch17:
  %v120 = add i64 %i17, 8
  br label %loop17
done17:
  br label %latch15
latch15:
  %v121 = add i64 %i15, 1
  br label %loop15
done15:
  ret void
}
attributes #0 = { nounwind "no-builtins" "probe-stack"="inline-asm" "prefer-vector-width"="256" "min-legal-vector-width"="256" }
