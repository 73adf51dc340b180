declare <8 x float> @llvm.fmuladd.v8f32(<8 x float>, <8 x float>, <8 x float>)
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
  %i15 = phi i64 [ 0, %entry ], [ %v110, %latch15 ]
  %is16 = icmp slt i64 %i15, %ld14
  br i1 %is16, label %body15, label %done15
body15:
  %v17 = mul i64 %i15, %ld4
  %v18 = mul i64 %v17, 8
  %p19 = getelementptr float, ptr %p9, i64 %v18
  %v20 = mul i64 %i15, %ld6
  %v21 = mul i64 %v20, 8
  %p22 = getelementptr float, ptr %p12, i64 %v21
  %p23 = getelementptr i64, ptr %args, i64 6
  %ld24 = load i64, ptr %p23, align 8
  br label %loop25
loop25:
  %i25 = phi i64 [ 0, %body15 ], [ %v109, %latch25 ]
  %is26 = icmp slt i64 %i25, %ld24
  br i1 %is26, label %body25, label %done25
body25:
  %p27 = getelementptr i64, ptr %args, i64 4
  %ld28 = load i64, ptr %p27, align 8
  %p29 = getelementptr i64, ptr %args, i64 2
  %ld30 = load ptr, ptr %p29, align 8
  %v31 = mul i64 %i25, %ld28
  %v32 = mul i64 %v31, 3
  %p33 = getelementptr float, ptr %ld30, i64 %v32
  br label %loop34
loop34:
  %i34 = phi i64 [ 0, %body25 ], [ %v59, %latch34 ]
  %c35 = phi <8 x float> [ zeroinitializer, %body25 ], [ %r48, %latch34 ]
  %c36 = phi <8 x float> [ zeroinitializer, %body25 ], [ %r53, %latch34 ]
  %c37 = phi <8 x float> [ zeroinitializer, %body25 ], [ %r58, %latch34 ]
  %is38 = icmp slt i64 %i34, %ld28
  br i1 %is38, label %body34, label %done34
body34:
  %v39 = mul i64 %i34, 8
  %p40 = getelementptr float, ptr %p19, i64 %v39
  %ld41 = load <8 x float>, ptr %p40, align 4
  %v42 = mul i64 %i34, 3
  %p43 = getelementptr float, ptr %p33, i64 %v42
  %p44 = getelementptr float, ptr %p43, i64 0
  %ld45 = load float, ptr %p44, align 4
  %one46 = insertelement <8 x float> poison, float %ld45, i64 0
  %splat47 = shufflevector <8 x float> %one46, <8 x float> %one46, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %r48 = call <8 x float> @llvm.fmuladd.v8f32(<8 x float> %splat47, <8 x float> %ld41, <8 x float> %c35)
  %p49 = getelementptr float, ptr %p43, i64 1
  %ld50 = load float, ptr %p49, align 4
  %one51 = insertelement <8 x float> poison, float %ld50, i64 0
  %splat52 = shufflevector <8 x float> %one51, <8 x float> %one51, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %r53 = call <8 x float> @llvm.fmuladd.v8f32(<8 x float> %splat52, <8 x float> %ld41, <8 x float> %c36)
  %p54 = getelementptr float, ptr %p43, i64 2
  %ld55 = load float, ptr %p54, align 4
  %one56 = insertelement <8 x float> poison, float %ld55, i64 0
  %splat57 = shufflevector <8 x float> %one56, <8 x float> %one56, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %r58 = call <8 x float> @llvm.fmuladd.v8f32(<8 x float> %splat57, <8 x float> %ld41, <8 x float> %c37)
  br label %latch34
latch34:
  %v59 = add i64 %i34, 1
  br label %loop34
done34:
  %v60 = mul i64 %i25, 3
  %v61 = add i64 %v60, 0
  %p62 = getelementptr i64, ptr %args, i64 5
  %ld63 = load i64, ptr %p62, align 8
  %is64 = icmp slt i64 %v61, %ld63
  br i1 %is64, label %then65, label %after65
then65:
  %p66 = getelementptr i64, ptr %args, i64 3
  %ld67 = load ptr, ptr %p66, align 8
  %p68 = getelementptr float, ptr %ld67, i64 %v61
  %ld69 = load float, ptr %p68, align 4
  %one70 = insertelement <8 x float> poison, float %ld69, i64 0
  %splat71 = shufflevector <8 x float> %one70, <8 x float> %one70, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %v72 = fadd <8 x float> %c35, %splat71
  %is73 = fcmp olt <8 x float> %v72, splat (float 0x0000000000000000)
  %sel74 = select <8 x i1> %is73, <8 x float> splat (float 0x0000000000000000), <8 x float> %v72
  %v75 = mul i64 %v61, 8
  %p76 = getelementptr float, ptr %p22, i64 %v75
  store <8 x float> %sel74, ptr %p76, align 4
  br label %after65
after65:
  %v77 = add i64 %v60, 1
  %p78 = getelementptr i64, ptr %args, i64 5
  %ld79 = load i64, ptr %p78, align 8
  %is80 = icmp slt i64 %v77, %ld79
  br i1 %is80, label %then81, label %after81
then81:
  %p82 = getelementptr i64, ptr %args, i64 3
  %ld83 = load ptr, ptr %p82, align 8
  %p84 = getelementptr float, ptr %ld83, i64 %v77
  %ld85 = load float, ptr %p84, align 4
  %one86 = insertelement <8 x float> poison, float %ld85, i64 0
  %splat87 = shufflevector <8 x float> %one86, <8 x float> %one86, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %v88 = fadd <8 x float> %c36, %splat87
  %is89 = fcmp olt <8 x float> %v88, splat (float 0x0000000000000000)
  %sel90 = select <8 x i1> %is89, <8 x float> splat (float 0x0000000000000000), <8 x float> %v88
  %v91 = mul i64 %v77, 8
  %p92 = getelementptr float, ptr %p22, i64 %v91
  store <8 x float> %sel90, ptr %p92, align 4
  br label %after81
after81:
  %v93 = add i64 %v60, 2
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
  %v104 = fadd <8 x float> %c37, %splat103
  %is105 = fcmp olt <8 x float> %v104, splat (float 0x0000000000000000)
  %sel106 = select <8 x i1> %is105, <8 x float> splat (float 0x0000000000000000), <8 x float> %v104
  %v107 = mul i64 %v93, 8
  %p108 = getelementptr float, ptr %p22, i64 %v107
  store <8 x float> %sel106, ptr %p108, align 4
  br label %after97
after97:
  br label %latch25
latch25:
  %v109 = add i64 %i25, 1
  br label %loop25
done25:
  br label %latch15
latch15:
  %v110 = add i64 %i15, 1
  br label %loop15
done15:
  ret void
}
attributes #0 = { nounwind "no-builtins" "prefer-vector-width"="256" "min-legal-vector-width"="256" }
