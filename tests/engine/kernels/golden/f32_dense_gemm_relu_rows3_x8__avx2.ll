declare <8 x float> @llvm.fmuladd.v8f32(<8 x float>, <8 x float>, <8 x float>)
declare i64 @llvm.smin.i64(i64, i64)
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
  %i15 = phi i64 [ 0, %entry ], [ %v120, %latch15 ]
  %is16 = icmp slt i64 %i15, %ld14
  br i1 %is16, label %body15, label %done15
body15:
  br label %loop17
loop17:
  %i17 = phi i64 [ 0, %body15 ], [ %v119, %latch17 ]
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
  %i29 = phi i64 [ 0, %body17 ], [ %v118, %latch29 ]
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
  %i38 = phi i64 [ 0, %body29 ], [ %v63, %latch38 ]
  %c39 = phi <8 x float> [ zeroinitializer, %body29 ], [ %r52, %latch38 ]
  %c40 = phi <8 x float> [ zeroinitializer, %body29 ], [ %r57, %latch38 ]
  %c41 = phi <8 x float> [ zeroinitializer, %body29 ], [ %r62, %latch38 ]
  %is42 = icmp slt i64 %i38, %ld33
  br i1 %is42, label %body38, label %done38
body38:
  %v43 = mul i64 %i38, 8
  %p44 = getelementptr float, ptr %p22, i64 %v43
  %ld45 = load <8 x float>, ptr %p44, align 4
  %v46 = mul i64 %i38, 3
  %p47 = getelementptr float, ptr %p37, i64 %v46
  %p48 = getelementptr float, ptr %p47, i64 0
  %ld49 = load float, ptr %p48, align 4
  %one50 = insertelement <8 x float> poison, float %ld49, i64 0
  %splat51 = shufflevector <8 x float> %one50, <8 x float> %one50, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %r52 = call <8 x float> @llvm.fmuladd.v8f32(<8 x float> %splat51, <8 x float> %ld45, <8 x float> %c39)
  %p53 = getelementptr float, ptr %p47, i64 1
  %ld54 = load float, ptr %p53, align 4
  %one55 = insertelement <8 x float> poison, float %ld54, i64 0
  %splat56 = shufflevector <8 x float> %one55, <8 x float> %one55, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %r57 = call <8 x float> @llvm.fmuladd.v8f32(<8 x float> %splat56, <8 x float> %ld45, <8 x float> %c40)
  %p58 = getelementptr float, ptr %p47, i64 2
  %ld59 = load float, ptr %p58, align 4
  %one60 = insertelement <8 x float> poison, float %ld59, i64 0
  %splat61 = shufflevector <8 x float> %one60, <8 x float> %one60, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %r62 = call <8 x float> @llvm.fmuladd.v8f32(<8 x float> %splat61, <8 x float> %ld45, <8 x float> %c41)
  br label %latch38
latch38:
  %v63 = add i64 %i38, 1
  br label %loop38
done38:
  %v64 = add i64 %v31, 0
  %p65 = getelementptr i64, ptr %args, i64 5
  %ld66 = load i64, ptr %p65, align 8
  %is67 = icmp slt i64 %v64, %ld66
  br i1 %is67, label %then68, label %after68
then68:
  %p69 = getelementptr i64, ptr %args, i64 3
  %ld70 = load ptr, ptr %p69, align 8
  %p71 = getelementptr float, ptr %ld70, i64 %v64
  %ld72 = load float, ptr %p71, align 4
  %one73 = insertelement <8 x float> poison, float %ld72, i64 0
  %splat74 = shufflevector <8 x float> %one73, <8 x float> %one73, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %v75 = fadd <8 x float> %c39, %splat74
  %v76 = mul i64 %v64, 8
  %p77 = getelementptr float, ptr %p26, i64 %v76
  store <8 x float> %v75, ptr %p77, align 4
  br label %after68
after68:
  %v78 = add i64 %v31, 1
  %p79 = getelementptr i64, ptr %args, i64 5
  %ld80 = load i64, ptr %p79, align 8
  %is81 = icmp slt i64 %v78, %ld80
  br i1 %is81, label %then82, label %after82
then82:
  %p83 = getelementptr i64, ptr %args, i64 3
  %ld84 = load ptr, ptr %p83, align 8
  %p85 = getelementptr float, ptr %ld84, i64 %v78
  %ld86 = load float, ptr %p85, align 4
  %one87 = insertelement <8 x float> poison, float %ld86, i64 0
  %splat88 = shufflevector <8 x float> %one87, <8 x float> %one87, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %v89 = fadd <8 x float> %c40, %splat88
  %v90 = mul i64 %v78, 8
  %p91 = getelementptr float, ptr %p26, i64 %v90
  store <8 x float> %v89, ptr %p91, align 4
  br label %after82
after82:
  %v92 = add i64 %v31, 2
  %p93 = getelementptr i64, ptr %args, i64 5
  %ld94 = load i64, ptr %p93, align 8
  %is95 = icmp slt i64 %v92, %ld94
  br i1 %is95, label %then96, label %after96
then96:
  %p97 = getelementptr i64, ptr %args, i64 3
  %ld98 = load ptr, ptr %p97, align 8
  %p99 = getelementptr float, ptr %ld98, i64 %v92
  %ld100 = load float, ptr %p99, align 4
  %one101 = insertelement <8 x float> poison, float %ld100, i64 0
  %splat102 = shufflevector <8 x float> %one101, <8 x float> %one101, <8 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %v103 = fadd <8 x float> %c41, %splat102
  %v104 = mul i64 %v92, 8
  %p105 = getelementptr float, ptr %p26, i64 %v104
  store <8 x float> %v103, ptr %p105, align 4
  br label %after96
after96:
  %v106 = add i64 %v31, 3
  %p107 = getelementptr i64, ptr %args, i64 5
  %ld108 = load i64, ptr %p107, align 8
  %r109 = call i64 @llvm.smin.i64(i64 %v106, i64 %ld108)
  br label %loop110
loop110:
  %i110 = phi i64 [ %v31, %after96 ], [ %v117, %latch110 ]
  %is111 = icmp slt i64 %i110, %r109
  br i1 %is111, label %body110, label %done110
body110:
  %v112 = mul i64 %i110, 8
  %p113 = getelementptr float, ptr %p26, i64 %v112
  %ld114 = load <8 x float>, ptr %p113, align 4
  %is115 = fcmp olt <8 x float> %ld114, splat (float 0x0000000000000000)
  %sel116 = select <8 x i1> %is115, <8 x float> splat (float 0x0000000000000000), <8 x float> %ld114
  store <8 x float> %sel116, ptr %p113, align 4
  br label %latch110
latch110:
  %v117 = add i64 %i110, 1
  br label %loop110
done110:
  br label %latch29
latch29:
  %v118 = add i64 %i29, 1
  br label %loop29
done29:
  br label %latch17
latch17:
  %v119 = add i64 %i17, 8
  br label %loop17
done17:
  br label %latch15
latch15:
  %v120 = add i64 %i15, 1
  br label %loop15
done15:
  ret void
}
attributes #0 = { nounwind "no-builtins" "prefer-vector-width"="256" "min-legal-vector-width"="256" }
