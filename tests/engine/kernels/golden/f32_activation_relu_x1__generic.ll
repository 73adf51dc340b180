declare <4 x float> @llvm.masked.load.v4f32.p0(ptr, <4 x i1>, <4 x float>)
declare void @llvm.masked.store.v4f32.p0(<4 x float>, ptr, <4 x i1>)
define void @f32_activation_relu_x1__generic(ptr noalias %ctx, ptr noalias %args) #0 {
entry:
  %p1 = getelementptr i64, ptr %ctx, i64 0
  %ld2 = load ptr, ptr %p1, align 8
  %p3 = getelementptr i64, ptr %args, i64 0
  %ld4 = load i64, ptr %p3, align 8
  %p5 = getelementptr i8, ptr %ld2, i64 %ld4
  %p6 = getelementptr i64, ptr %args, i64 1
  %ld7 = load i64, ptr %p6, align 8
  %p8 = getelementptr i8, ptr %ld2, i64 %ld7
  %p9 = getelementptr i64, ptr %args, i64 2
  %ld10 = load i64, ptr %p9, align 8
  %v11 = and i64 %ld10, -4
  br label %loop12
loop12:
  %i12 = phi i64 [ 0, %entry ], [ %v19, %latch12 ]
  %is13 = icmp slt i64 %i12, %v11
  br i1 %is13, label %body12, label %done12
body12:
  %p14 = getelementptr float, ptr %p5, i64 %i12
  %ld15 = load <4 x float>, ptr %p14, align 4
  %is16 = fcmp olt <4 x float> %ld15, splat (float 0x0000000000000000)
  %sel17 = select <4 x i1> %is16, <4 x float> splat (float 0x0000000000000000), <4 x float> %ld15
  %p18 = getelementptr float, ptr %p8, i64 %i12
  store <4 x float> %sel17, ptr %p18, align 4
  br label %latch12
latch12:
  %v19 = add i64 %i12, 4
  br label %loop12
done12:
  %v20 = sub i64 %ld10, %v11
  %is21 = icmp sgt i64 %v20, 0
  br i1 %is21, label %then22, label %after22
then22:
  %cast23 = trunc i64 %v20 to i32
  %one24 = insertelement <4 x i32> poison, i32 %cast23, i64 0
  %splat25 = shufflevector <4 x i32> %one24, <4 x i32> %one24, <4 x i32> <i32 0, i32 0, i32 0, i32 0>
  %is26 = icmp ult <4 x i32> <i32 0, i32 1, i32 2, i32 3>, %splat25
  %p27 = getelementptr float, ptr %p5, i64 %v11
  %ld28 = call <4 x float> @llvm.masked.load.v4f32.p0(ptr align 4 %p27, <4 x i1> %is26, <4 x float> zeroinitializer)
  %is29 = fcmp olt <4 x float> %ld28, splat (float 0x0000000000000000)
  %sel30 = select <4 x i1> %is29, <4 x float> splat (float 0x0000000000000000), <4 x float> %ld28
  %p31 = getelementptr float, ptr %p8, i64 %v11
  call void @llvm.masked.store.v4f32.p0(<4 x float> %sel30, ptr align 4 %p31, <4 x i1> %is26)
  br label %after22
after22:
  ret void
}
attributes #0 = { nounwind "no-builtins" "probe-stack"="inline-asm" "prefer-vector-width"="128" "min-legal-vector-width"="128" }
