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
  %i15 = phi i64 [ 0, %entry ], [ %v140, %latch15 ]
  %is16 = icmp slt i64 %i15, %ld14
  br i1 %is16, label %body15, label %done15
body15:
  br label %loop17
loop17:
  %i17 = phi i64 [ 0, %body15 ], [ %v139, %latch17 ]
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
  %i29 = phi i64 [ 0, %body17 ], [ %v138, %latch29 ]
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
  %is38 = icmp sgt i64 %ld33, 8192
  %sel39 = select i1 %is38, i64 512, i64 256
  %is40 = icmp sgt i64 %ld33, 384
  %sel41 = select i1 %is40, i64 %sel39, i64 %ld33
  %v42 = add i64 %sel41, -1
  %v43 = add i64 %ld33, %v42
  %v44 = udiv i64 %v43, %sel41
  br label %loop45
loop45:
  %i45 = phi i64 [ 0, %body29 ], [ %v83, %latch45 ]
  %c46 = phi <8 x float> [ zeroinitializer, %body29 ], [ %v80, %latch45 ]
  %c47 = phi <8 x float> [ zeroinitializer, %body29 ], [ %v81, %latch45 ]
  %c48 = phi <8 x float> [ zeroinitializer, %body29 ], [ %v82, %latch45 ]
  %is49 = icmp slt i64 %i45, %v44
  br i1 %is49, label %body45, label %done45
body45:
  %v50 = mul i64 %i45, %sel41
  %v51 = add i64 %v50, %sel41
  %r52 = call i64 @llvm.smin.i64(i64 %v51, i64 %ld33)
  br label %loop53
loop53:
  %i53 = phi i64 [ %v50, %body45 ], [ %v79, %latch53 ]
  %c54 = phi <8 x float> [ zeroinitializer, %body45 ], [ %r68, %latch53 ]
  %c55 = phi <8 x float> [ zeroinitializer, %body45 ], [ %r73, %latch53 ]
  %c56 = phi <8 x float> [ zeroinitializer, %body45 ], [ %r78, %latch53 ]
  %is57 = icmp slt i64 %i53, %r52
  br i1 %is57, label %body53, label %done53
body53:
  %v58 = mul i64 %i53, 8
  %p59 = getelementptr float, ptr %p22, i64 %v58
  %ld60 = load <8 x float>, ptr %p59, align 4
  %v61 = mul i64 %i53, 3
  %p62 = getelementptr float, ptr %p37, i64 %v61
  %p63 = getelementptr i8, ptr %p62, i64 8192
  call void @llvm.prefetch.p0(ptr %p63, i32 0, i32 3, i32 1)
  %p64 = getelementptr float, ptr %p62, i64 0
  %ld65 = load float, ptr %p64, align 4
  %one66 = insertelement <8 x float> poison, float %ld65, i64 0
  %splat67 = shufflevector <8 x float> %one66, <8 x float> %one66, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %r68 = call <8 x float> @llvm.fmuladd.v8f32(<8 x float> %splat67, <8 x float> %ld60, <8 x float> %c54)
  %p69 = getelementptr float, ptr %p62, i64 1
  %ld70 = load float, ptr %p69, align 4
  %one71 = insertelement <8 x float> poison, float %ld70, i64 0
  %splat72 = shufflevector <8 x float> %one71, <8 x float> %one71, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %r73 = call <8 x float> @llvm.fmuladd.v8f32(<8 x float> %splat72, <8 x float> %ld60, <8 x float> %c55)
  %p74 = getelementptr float, ptr %p62, i64 2
  %ld75 = load float, ptr %p74, align 4
  %one76 = insertelement <8 x float> poison, float %ld75, i64 0
  %splat77 = shufflevector <8 x float> %one76, <8 x float> %one76, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %r78 = call <8 x float> @llvm.fmuladd.v8f32(<8 x float> %splat77, <8 x float> %ld60, <8 x float> %c56)
  br label %latch53
latch53:
  %v79 = add i64 %i53, 1
  br label %loop53
done53:
  %v80 = fadd <8 x float> %c46, %c54
  %v81 = fadd <8 x float> %c47, %c55
  %v82 = fadd <8 x float> %c48, %c56
  br label %latch45
latch45:
  %v83 = add i64 %i45, 1
  br label %loop45
done45:
  %v84 = add i64 %v31, 0
  %p85 = getelementptr i64, ptr %args, i64 5
  %ld86 = load i64, ptr %p85, align 8
  %is87 = icmp slt i64 %v84, %ld86
  br i1 %is87, label %then88, label %after88
then88:
  %p89 = getelementptr i64, ptr %args, i64 3
  %ld90 = load ptr, ptr %p89, align 8
  %p91 = getelementptr float, ptr %ld90, i64 %v84
  %ld92 = load float, ptr %p91, align 4
  %one93 = insertelement <8 x float> poison, float %ld92, i64 0
  %splat94 = shufflevector <8 x float> %one93, <8 x float> %one93, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %v95 = fadd <8 x float> %c46, %splat94
  %v96 = mul i64 %v84, 8
  %p97 = getelementptr float, ptr %p26, i64 %v96
  store <8 x float> %v95, ptr %p97, align 4
  br label %after88
after88:
  %v98 = add i64 %v31, 1
  %p99 = getelementptr i64, ptr %args, i64 5
  %ld100 = load i64, ptr %p99, align 8
  %is101 = icmp slt i64 %v98, %ld100
  br i1 %is101, label %then102, label %after102
then102:
  %p103 = getelementptr i64, ptr %args, i64 3
  %ld104 = load ptr, ptr %p103, align 8
  %p105 = getelementptr float, ptr %ld104, i64 %v98
  %ld106 = load float, ptr %p105, align 4
  %one107 = insertelement <8 x float> poison, float %ld106, i64 0
  %splat108 = shufflevector <8 x float> %one107, <8 x float> %one107, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %v109 = fadd <8 x float> %c47, %splat108
  %v110 = mul i64 %v98, 8
  %p111 = getelementptr float, ptr %p26, i64 %v110
  store <8 x float> %v109, ptr %p111, align 4
  br label %after102
after102:
  %v112 = add i64 %v31, 2
  %p113 = getelementptr i64, ptr %args, i64 5
  %ld114 = load i64, ptr %p113, align 8
  %is115 = icmp slt i64 %v112, %ld114
  br i1 %is115, label %then116, label %after116
then116:
  %p117 = getelementptr i64, ptr %args, i64 3
  %ld118 = load ptr, ptr %p117, align 8
  %p119 = getelementptr float, ptr %ld118, i64 %v112
  %ld120 = load float, ptr %p119, align 4
  %one121 = insertelement <8 x float> poison, float %ld120, i64 0
  %splat122 = shufflevector <8 x float> %one121, <8 x float> %one121, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %v123 = fadd <8 x float> %c48, %splat122
  %v124 = mul i64 %v112, 8
  %p125 = getelementptr float, ptr %p26, i64 %v124
  store <8 x float> %v123, ptr %p125, align 4
  br label %after116
after116:
  %v126 = add i64 %v31, 3
  %p127 = getelementptr i64, ptr %args, i64 5
  %ld128 = load i64, ptr %p127, align 8
  %r129 = call i64 @llvm.smin.i64(i64 %v126, i64 %ld128)
  br label %loop130
loop130:
  %i130 = phi i64 [ %v31, %after116 ], [ %v137, %latch130 ]
  %is131 = icmp slt i64 %i130, %r129
  br i1 %is131, label %body130, label %done130
body130:
  %v132 = mul i64 %i130, 8
  %p133 = getelementptr float, ptr %p26, i64 %v132
  %ld134 = load <8 x float>, ptr %p133, align 4
  %is135 = fcmp olt <8 x float> %ld134, splat (float 0x0000000000000000)
  %sel136 = select <8 x i1> %is135, <8 x float> splat (float 0x0000000000000000), <8 x float> %ld134
  store <8 x float> %sel136, ptr %p133, align 4
  br label %latch130
latch130:
  %v137 = add i64 %i130, 1
  br label %loop130
done130:
  br label %latch29
latch29:
  %v138 = add i64 %i29, 1
  br label %loop29
done29:
  br label %latch17
latch17:
  %v139 = add i64 %i17, 8
  br label %loop17
done17:
  br label %latch15
latch15:
  %v140 = add i64 %i15, 1
  br label %loop15
done15:
  ret void
}
attributes #0 = { nounwind "no-builtins" "probe-stack"="inline-asm" "prefer-vector-width"="256" "min-legal-vector-width"="256" }
