declare i64 @llvm.smin.i64(i64, i64)
define void @f32_pack_fromfloat16_x4__generic(ptr noalias %ctx, ptr noalias %args) #0 {
entry:
  %p1 = getelementptr i64, ptr %ctx, i64 0
  %ld2 = load ptr, ptr %p1, align 8
  %p3 = getelementptr i64, ptr %ctx, i64 1
  %ld4 = load ptr, ptr %p3, align 8
  %p5 = getelementptr i64, ptr %args, i64 1
  %ld6 = load i64, ptr %p5, align 8
  %p7 = getelementptr ptr, ptr %ld4, i64 %ld6
  %ld8 = load ptr, ptr %p7, align 8
  %p9 = getelementptr i64, ptr %args, i64 2
  %ld10 = load i64, ptr %p9, align 8
  %p11 = getelementptr i64, ptr %ctx, i64 3
  %ld12 = load i64, ptr %p11, align 8
  %v13 = mul i64 %ld12, %ld10
  %v14 = mul i64 %v13, 2
  %p15 = getelementptr i8, ptr %ld8, i64 %v14
  %p16 = getelementptr i64, ptr %ctx, i64 4
  %ld17 = load i64, ptr %p16, align 8
  %v18 = add i64 %ld17, -1
  %v19 = mul i64 %ld10, 2
  %r20 = call i64 @llvm.smin.i64(i64 0, i64 %v18)
  %v21 = mul i64 %r20, %v19
  %p22 = getelementptr i8, ptr %p15, i64 %v21
  %r23 = call i64 @llvm.smin.i64(i64 1, i64 %v18)
  %v24 = mul i64 %r23, %v19
  %p25 = getelementptr i8, ptr %p15, i64 %v24
  %r26 = call i64 @llvm.smin.i64(i64 2, i64 %v18)
  %v27 = mul i64 %r26, %v19
  %p28 = getelementptr i8, ptr %p15, i64 %v27
  %r29 = call i64 @llvm.smin.i64(i64 3, i64 %v18)
  %v30 = mul i64 %r29, %v19
  %p31 = getelementptr i8, ptr %p15, i64 %v30
  %p32 = getelementptr i64, ptr %args, i64 0
  %ld33 = load i64, ptr %p32, align 8
  %p34 = getelementptr i8, ptr %ld2, i64 %ld33
  %v35 = and i64 %ld10, -4
  br label %loop36
loop36:
  %i36 = phi i64 [ 0, %entry ], [ %v118, %latch36 ]
  %is37 = icmp slt i64 %i36, %v35
  br i1 %is37, label %body36, label %done36
body36:
  %p38 = getelementptr i16, ptr %p22, i64 %i36
  %ld39 = load <4 x i16>, ptr %p38, align 1
  %cast40 = zext <4 x i16> %ld39 to <4 x i32>
  %v41 = and <4 x i32> %cast40, splat (i32 32767)
  %v42 = shl <4 x i32> %v41, splat (i32 13)
  %cast43 = bitcast <4 x i32> %v42 to <4 x float>
  %v44 = fmul <4 x float> %cast43, splat (float 0x46F0000000000000)
  %cast45 = bitcast <4 x float> %v44 to <4 x i32>
  %v46 = or <4 x i32> %v42, splat (i32 2139095040)
  %is47 = icmp uge <4 x i32> %v41, splat (i32 31744)
  %v48 = and <4 x i32> %cast40, splat (i32 32768)
  %v49 = shl <4 x i32> %v48, splat (i32 16)
  %sel50 = select <4 x i1> %is47, <4 x i32> %v46, <4 x i32> %cast45
  %v51 = or <4 x i32> %sel50, %v49
  %cast52 = bitcast <4 x i32> %v51 to <4 x float>
  %p53 = getelementptr i16, ptr %p25, i64 %i36
  %ld54 = load <4 x i16>, ptr %p53, align 1
  %cast55 = zext <4 x i16> %ld54 to <4 x i32>
  %v56 = and <4 x i32> %cast55, splat (i32 32767)
  %v57 = shl <4 x i32> %v56, splat (i32 13)
  %cast58 = bitcast <4 x i32> %v57 to <4 x float>
  %v59 = fmul <4 x float> %cast58, splat (float 0x46F0000000000000)
  %cast60 = bitcast <4 x float> %v59 to <4 x i32>
  %v61 = or <4 x i32> %v57, splat (i32 2139095040)
  %is62 = icmp uge <4 x i32> %v56, splat (i32 31744)
  %v63 = and <4 x i32> %cast55, splat (i32 32768)
  %v64 = shl <4 x i32> %v63, splat (i32 16)
  %sel65 = select <4 x i1> %is62, <4 x i32> %v61, <4 x i32> %cast60
  %v66 = or <4 x i32> %sel65, %v64
  %cast67 = bitcast <4 x i32> %v66 to <4 x float>
  %p68 = getelementptr i16, ptr %p28, i64 %i36
  %ld69 = load <4 x i16>, ptr %p68, align 1
  %cast70 = zext <4 x i16> %ld69 to <4 x i32>
  %v71 = and <4 x i32> %cast70, splat (i32 32767)
  %v72 = shl <4 x i32> %v71, splat (i32 13)
  %cast73 = bitcast <4 x i32> %v72 to <4 x float>
  %v74 = fmul <4 x float> %cast73, splat (float 0x46F0000000000000)
  %cast75 = bitcast <4 x float> %v74 to <4 x i32>
  %v76 = or <4 x i32> %v72, splat (i32 2139095040)
  %is77 = icmp uge <4 x i32> %v71, splat (i32 31744)
  %v78 = and <4 x i32> %cast70, splat (i32 32768)
  %v79 = shl <4 x i32> %v78, splat (i32 16)
  %sel80 = select <4 x i1> %is77, <4 x i32> %v76, <4 x i32> %cast75
  %v81 = or <4 x i32> %sel80, %v79
  %cast82 = bitcast <4 x i32> %v81 to <4 x float>
  %p83 = getelementptr i16, ptr %p31, i64 %i36
  %ld84 = load <4 x i16>, ptr %p83, align 1
  %cast85 = zext <4 x i16> %ld84 to <4 x i32>
  %v86 = and <4 x i32> %cast85, splat (i32 32767)
  %v87 = shl <4 x i32> %v86, splat (i32 13)
  %cast88 = bitcast <4 x i32> %v87 to <4 x float>
  %v89 = fmul <4 x float> %cast88, splat (float 0x46F0000000000000)
  %cast90 = bitcast <4 x float> %v89 to <4 x i32>
  %v91 = or <4 x i32> %v87, splat (i32 2139095040)
  %is92 = icmp uge <4 x i32> %v86, splat (i32 31744)
  %v93 = and <4 x i32> %cast85, splat (i32 32768)
  %v94 = shl <4 x i32> %v93, splat (i32 16)
  %sel95 = select <4 x i1> %is92, <4 x i32> %v91, <4 x i32> %cast90
  %v96 = or <4 x i32> %sel95, %v94
  %cast97 = bitcast <4 x i32> %v96 to <4 x float>
  %shuf98 = shufflevector <4 x float> %cast52, <4 x float> %cast82, <4 x i32> <i32 0, i32 1, i32 4, i32 5>
  %shuf99 = shufflevector <4 x float> %cast52, <4 x float> %cast82, <4 x i32> <i32 2, i32 3, i32 6, i32 7>
  %shuf100 = shufflevector <4 x float> %cast67, <4 x float> %cast97, <4 x i32> <i32 0, i32 1, i32 4, i32 5>
  %shuf101 = shufflevector <4 x float> %cast67, <4 x float> %cast97, <4 x i32> <i32 2, i32 3, i32 6, i32 7>
  %shuf102 = shufflevector <4 x float> %shuf98, <4 x float> %shuf100, <4 x i32> <i32 0, i32 4, i32 2, i32 6>
  %shuf103 = shufflevector <4 x float> %shuf98, <4 x float> %shuf100, <4 x i32> <i32 1, i32 5, i32 3, i32 7>
  %shuf104 = shufflevector <4 x float> %shuf99, <4 x float> %shuf101, <4 x i32> <i32 0, i32 4, i32 2, i32 6>
  %shuf105 = shufflevector <4 x float> %shuf99, <4 x float> %shuf101, <4 x i32> <i32 1, i32 5, i32 3, i32 7>
  %v106 = add i64 %i36, 0
  %v107 = mul i64 %v106, 4
  %p108 = getelementptr float, ptr %p34, i64 %v107
  store <4 x float> %shuf102, ptr %p108, align 4
  %v109 = add i64 %i36, 1
  %v110 = mul i64 %v109, 4
  %p111 = getelementptr float, ptr %p34, i64 %v110
  store <4 x float> %shuf103, ptr %p111, align 4
  %v112 = add i64 %i36, 2
  %v113 = mul i64 %v112, 4
  %p114 = getelementptr float, ptr %p34, i64 %v113
  store <4 x float> %shuf104, ptr %p114, align 4
  %v115 = add i64 %i36, 3
  %v116 = mul i64 %v115, 4
  %p117 = getelementptr float, ptr %p34, i64 %v116
  store <4 x float> %shuf105, ptr %p117, align 4
  br label %latch36
latch36:
  %v118 = add i64 %i36, 4
  br label %loop36
done36:
  br label %loop119
loop119:
  %i119 = phi i64 [ %v35, %done36 ], [ %v187, %latch119 ]
  %is120 = icmp slt i64 %i119, %ld10
  br i1 %is120, label %body119, label %done119
body119:
  %v121 = mul i64 %i119, 4
  %p122 = getelementptr float, ptr %p34, i64 %v121
  %p123 = getelementptr i16, ptr %p22, i64 %i119
  %ld124 = load i16, ptr %p123, align 1
  %cast125 = zext i16 %ld124 to i32
  %v126 = and i32 %cast125, 32767
  %v127 = shl i32 %v126, 13
  %cast128 = bitcast i32 %v127 to float
  %v129 = fmul float %cast128, 0x46F0000000000000
  %cast130 = bitcast float %v129 to i32
  %v131 = or i32 %v127, 2139095040
  %is132 = icmp uge i32 %v126, 31744
  %v133 = and i32 %cast125, 32768
  %v134 = shl i32 %v133, 16
  %sel135 = select i1 %is132, i32 %v131, i32 %cast130
  %v136 = or i32 %sel135, %v134
  %cast137 = bitcast i32 %v136 to float
  %p138 = getelementptr float, ptr %p122, i64 0
  store float %cast137, ptr %p138, align 4
  %p139 = getelementptr i16, ptr %p25, i64 %i119
  %ld140 = load i16, ptr %p139, align 1
  %cast141 = zext i16 %ld140 to i32
  %v142 = and i32 %cast141, 32767
  %v143 = shl i32 %v142, 13
  %cast144 = bitcast i32 %v143 to float
  %v145 = fmul float %cast144, 0x46F0000000000000
  %cast146 = bitcast float %v145 to i32
  %v147 = or i32 %v143, 2139095040
  %is148 = icmp uge i32 %v142, 31744
  %v149 = and i32 %cast141, 32768
  %v150 = shl i32 %v149, 16
  %sel151 = select i1 %is148, i32 %v147, i32 %cast146
  %v152 = or i32 %sel151, %v150
  %cast153 = bitcast i32 %v152 to float
  %p154 = getelementptr float, ptr %p122, i64 1
  store float %cast153, ptr %p154, align 4
  %p155 = getelementptr i16, ptr %p28, i64 %i119
  %ld156 = load i16, ptr %p155, align 1
  %cast157 = zext i16 %ld156 to i32
  %v158 = and i32 %cast157, 32767
  %v159 = shl i32 %v158, 13
  %cast160 = bitcast i32 %v159 to float
  %v161 = fmul float %cast160, 0x46F0000000000000
  %cast162 = bitcast float %v161 to i32
  %v163 = or i32 %v159, 2139095040
  %is164 = icmp uge i32 %v158, 31744
  %v165 = and i32 %cast157, 32768
  %v166 = shl i32 %v165, 16
  %sel167 = select i1 %is164, i32 %v163, i32 %cast162
  %v168 = or i32 %sel167, %v166
  %cast169 = bitcast i32 %v168 to float
  %p170 = getelementptr float, ptr %p122, i64 2
  store float %cast169, ptr %p170, align 4
  %p171 = getelementptr i16, ptr %p31, i64 %i119
  %ld172 = load i16, ptr %p171, align 1
  %cast173 = zext i16 %ld172 to i32
  %v174 = and i32 %cast173, 32767
  %v175 = shl i32 %v174, 13
  %cast176 = bitcast i32 %v175 to float
  %v177 = fmul float %cast176, 0x46F0000000000000
  %cast178 = bitcast float %v177 to i32
  %v179 = or i32 %v175, 2139095040
  %is180 = icmp uge i32 %v174, 31744
  %v181 = and i32 %cast173, 32768
  %v182 = shl i32 %v181, 16
  %sel183 = select i1 %is180, i32 %v179, i32 %cast178
  %v184 = or i32 %sel183, %v182
  %cast185 = bitcast i32 %v184 to float
  %p186 = getelementptr float, ptr %p122, i64 3
  store float %cast185, ptr %p186, align 4
  br label %latch119
latch119:
  %v187 = add i64 %i119, 1
  br label %loop119
done119:
  ret void
}
attributes #0 = { nounwind "no-builtins" "prefer-vector-width"="128" "min-legal-vector-width"="128" }
