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
  br label %loop16
loop16:
  %i16 = phi i64 [ 0, %entry ], [ %v197, %latch16 ]
  %is17 = icmp slt i64 %i16, 4
  br i1 %is17, label %body16, label %done16
body16:
  %p18 = getelementptr i64, ptr %args, i64 2
  %ld19 = load i64, ptr %p18, align 8
  %p20 = getelementptr i64, ptr %ctx, i64 4
  %ld21 = load i64, ptr %p20, align 8
  %v22 = add i64 %ld21, -1
  %v23 = mul i64 %ld19, 2
  %v24 = add i64 %i16, 0
  %r25 = call i64 @llvm.smin.i64(i64 %v24, i64 %v22)
  %v26 = add i64 %i16, 1
  %r27 = call i64 @llvm.smin.i64(i64 %v26, i64 %v22)
  %v28 = add i64 %i16, 2
  %r29 = call i64 @llvm.smin.i64(i64 %v28, i64 %v22)
  %v30 = add i64 %i16, 3
  %r31 = call i64 @llvm.smin.i64(i64 %v30, i64 %v22)
  %v32 = mul i64 %r25, %v23
  %p33 = getelementptr i8, ptr %p15, i64 %v32
  %v34 = mul i64 %r27, %v23
  %p35 = getelementptr i8, ptr %p15, i64 %v34
  %v36 = mul i64 %r29, %v23
  %p37 = getelementptr i8, ptr %p15, i64 %v36
  %v38 = mul i64 %r31, %v23
  %p39 = getelementptr i8, ptr %p15, i64 %v38
  %p40 = getelementptr i64, ptr %args, i64 0
  %ld41 = load i64, ptr %p40, align 8
  %p42 = getelementptr i8, ptr %ld2, i64 %ld41
  %p43 = getelementptr float, ptr %p42, i64 %i16
  %v44 = and i64 %ld19, -4
  br label %loop45
loop45:
  %i45 = phi i64 [ 0, %body16 ], [ %v127, %latch45 ]
  %is46 = icmp slt i64 %i45, %v44
  br i1 %is46, label %body45, label %done45
body45:
  %p47 = getelementptr i16, ptr %p33, i64 %i45
  %ld48 = load <4 x i16>, ptr %p47, align 1
  %cast49 = zext <4 x i16> %ld48 to <4 x i32>
  %v50 = and <4 x i32> %cast49, splat (i32 32767)
  %v51 = shl <4 x i32> %v50, splat (i32 13)
  %cast52 = bitcast <4 x i32> %v51 to <4 x float>
  %v53 = fmul <4 x float> %cast52, splat (float 0x46F0000000000000)
  %cast54 = bitcast <4 x float> %v53 to <4 x i32>
  %v55 = or <4 x i32> %v51, splat (i32 2139095040)
  %is56 = icmp uge <4 x i32> %v50, splat (i32 31744)
  %v57 = and <4 x i32> %cast49, splat (i32 32768)
  %v58 = shl <4 x i32> %v57, splat (i32 16)
  %sel59 = select <4 x i1> %is56, <4 x i32> %v55, <4 x i32> %cast54
  %v60 = or <4 x i32> %sel59, %v58
  %cast61 = bitcast <4 x i32> %v60 to <4 x float>
  %p62 = getelementptr i16, ptr %p35, i64 %i45
  %ld63 = load <4 x i16>, ptr %p62, align 1
  %cast64 = zext <4 x i16> %ld63 to <4 x i32>
  %v65 = and <4 x i32> %cast64, splat (i32 32767)
  %v66 = shl <4 x i32> %v65, splat (i32 13)
  %cast67 = bitcast <4 x i32> %v66 to <4 x float>
  %v68 = fmul <4 x float> %cast67, splat (float 0x46F0000000000000)
  %cast69 = bitcast <4 x float> %v68 to <4 x i32>
  %v70 = or <4 x i32> %v66, splat (i32 2139095040)
  %is71 = icmp uge <4 x i32> %v65, splat (i32 31744)
  %v72 = and <4 x i32> %cast64, splat (i32 32768)
  %v73 = shl <4 x i32> %v72, splat (i32 16)
  %sel74 = select <4 x i1> %is71, <4 x i32> %v70, <4 x i32> %cast69
  %v75 = or <4 x i32> %sel74, %v73
  %cast76 = bitcast <4 x i32> %v75 to <4 x float>
  %p77 = getelementptr i16, ptr %p37, i64 %i45
  %ld78 = load <4 x i16>, ptr %p77, align 1
  %cast79 = zext <4 x i16> %ld78 to <4 x i32>
  %v80 = and <4 x i32> %cast79, splat (i32 32767)
  %v81 = shl <4 x i32> %v80, splat (i32 13)
  %cast82 = bitcast <4 x i32> %v81 to <4 x float>
  %v83 = fmul <4 x float> %cast82, splat (float 0x46F0000000000000)
  %cast84 = bitcast <4 x float> %v83 to <4 x i32>
  %v85 = or <4 x i32> %v81, splat (i32 2139095040)
  %is86 = icmp uge <4 x i32> %v80, splat (i32 31744)
  %v87 = and <4 x i32> %cast79, splat (i32 32768)
  %v88 = shl <4 x i32> %v87, splat (i32 16)
  %sel89 = select <4 x i1> %is86, <4 x i32> %v85, <4 x i32> %cast84
  %v90 = or <4 x i32> %sel89, %v88
  %cast91 = bitcast <4 x i32> %v90 to <4 x float>
  %p92 = getelementptr i16, ptr %p39, i64 %i45
  %ld93 = load <4 x i16>, ptr %p92, align 1
  %cast94 = zext <4 x i16> %ld93 to <4 x i32>
  %v95 = and <4 x i32> %cast94, splat (i32 32767)
  %v96 = shl <4 x i32> %v95, splat (i32 13)
  %cast97 = bitcast <4 x i32> %v96 to <4 x float>
  %v98 = fmul <4 x float> %cast97, splat (float 0x46F0000000000000)
  %cast99 = bitcast <4 x float> %v98 to <4 x i32>
  %v100 = or <4 x i32> %v96, splat (i32 2139095040)
  %is101 = icmp uge <4 x i32> %v95, splat (i32 31744)
  %v102 = and <4 x i32> %cast94, splat (i32 32768)
  %v103 = shl <4 x i32> %v102, splat (i32 16)
  %sel104 = select <4 x i1> %is101, <4 x i32> %v100, <4 x i32> %cast99
  %v105 = or <4 x i32> %sel104, %v103
  %cast106 = bitcast <4 x i32> %v105 to <4 x float>
  %shuf107 = shufflevector <4 x float> %cast61, <4 x float> %cast91, <4 x i32> <i32 0, i32 1, i32 4, i32 5>
  %shuf108 = shufflevector <4 x float> %cast61, <4 x float> %cast91, <4 x i32> <i32 2, i32 3, i32 6, i32 7>
  %shuf109 = shufflevector <4 x float> %cast76, <4 x float> %cast106, <4 x i32> <i32 0, i32 1, i32 4, i32 5>
  %shuf110 = shufflevector <4 x float> %cast76, <4 x float> %cast106, <4 x i32> <i32 2, i32 3, i32 6, i32 7>
  %shuf111 = shufflevector <4 x float> %shuf107, <4 x float> %shuf109, <4 x i32> <i32 0, i32 4, i32 2, i32 6>
  %shuf112 = shufflevector <4 x float> %shuf107, <4 x float> %shuf109, <4 x i32> <i32 1, i32 5, i32 3, i32 7>
  %shuf113 = shufflevector <4 x float> %shuf108, <4 x float> %shuf110, <4 x i32> <i32 0, i32 4, i32 2, i32 6>
  %shuf114 = shufflevector <4 x float> %shuf108, <4 x float> %shuf110, <4 x i32> <i32 1, i32 5, i32 3, i32 7>
  %v115 = add i64 %i45, 0
  %v116 = mul i64 %v115, 4
  %p117 = getelementptr float, ptr %p43, i64 %v116
  store <4 x float> %shuf111, ptr %p117, align 4
  %v118 = add i64 %i45, 1
  %v119 = mul i64 %v118, 4
  %p120 = getelementptr float, ptr %p43, i64 %v119
  store <4 x float> %shuf112, ptr %p120, align 4
  %v121 = add i64 %i45, 2
  %v122 = mul i64 %v121, 4
  %p123 = getelementptr float, ptr %p43, i64 %v122
  store <4 x float> %shuf113, ptr %p123, align 4
  %v124 = add i64 %i45, 3
  %v125 = mul i64 %v124, 4
  %p126 = getelementptr float, ptr %p43, i64 %v125
  store <4 x float> %shuf114, ptr %p126, align 4
  br label %latch45
latch45:
  %v127 = add i64 %i45, 4
  br label %loop45
done45:
  br label %loop128
loop128:
  %i128 = phi i64 [ %v44, %done45 ], [ %v196, %latch128 ]
  %is129 = icmp slt i64 %i128, %ld19
  br i1 %is129, label %body128, label %done128
body128:
  %v130 = mul i64 %i128, 4
  %p131 = getelementptr float, ptr %p43, i64 %v130
  %p132 = getelementptr i16, ptr %p33, i64 %i128
  %ld133 = load i16, ptr %p132, align 1
  %cast134 = zext i16 %ld133 to i32
  %v135 = and i32 %cast134, 32767
  %v136 = shl i32 %v135, 13
  %cast137 = bitcast i32 %v136 to float
  %v138 = fmul float %cast137, 0x46F0000000000000
  %cast139 = bitcast float %v138 to i32
  %v140 = or i32 %v136, 2139095040
  %is141 = icmp uge i32 %v135, 31744
  %v142 = and i32 %cast134, 32768
  %v143 = shl i32 %v142, 16
  %sel144 = select i1 %is141, i32 %v140, i32 %cast139
  %v145 = or i32 %sel144, %v143
  %cast146 = bitcast i32 %v145 to float
  %p147 = getelementptr float, ptr %p131, i64 0
  store float %cast146, ptr %p147, align 4
  %p148 = getelementptr i16, ptr %p35, i64 %i128
  %ld149 = load i16, ptr %p148, align 1
  %cast150 = zext i16 %ld149 to i32
  %v151 = and i32 %cast150, 32767
  %v152 = shl i32 %v151, 13
  %cast153 = bitcast i32 %v152 to float
  %v154 = fmul float %cast153, 0x46F0000000000000
  %cast155 = bitcast float %v154 to i32
  %v156 = or i32 %v152, 2139095040
  %is157 = icmp uge i32 %v151, 31744
  %v158 = and i32 %cast150, 32768
  %v159 = shl i32 %v158, 16
  %sel160 = select i1 %is157, i32 %v156, i32 %cast155
  %v161 = or i32 %sel160, %v159
  %cast162 = bitcast i32 %v161 to float
  %p163 = getelementptr float, ptr %p131, i64 1
  store float %cast162, ptr %p163, align 4
  %p164 = getelementptr i16, ptr %p37, i64 %i128
  %ld165 = load i16, ptr %p164, align 1
  %cast166 = zext i16 %ld165 to i32
  %v167 = and i32 %cast166, 32767
  %v168 = shl i32 %v167, 13
  %cast169 = bitcast i32 %v168 to float
  %v170 = fmul float %cast169, 0x46F0000000000000
  %cast171 = bitcast float %v170 to i32
  %v172 = or i32 %v168, 2139095040
  %is173 = icmp uge i32 %v167, 31744
  %v174 = and i32 %cast166, 32768
  %v175 = shl i32 %v174, 16
  %sel176 = select i1 %is173, i32 %v172, i32 %cast171
  %v177 = or i32 %sel176, %v175
  %cast178 = bitcast i32 %v177 to float
  %p179 = getelementptr float, ptr %p131, i64 2
  store float %cast178, ptr %p179, align 4
  %p180 = getelementptr i16, ptr %p39, i64 %i128
  %ld181 = load i16, ptr %p180, align 1
  %cast182 = zext i16 %ld181 to i32
  %v183 = and i32 %cast182, 32767
  %v184 = shl i32 %v183, 13
  %cast185 = bitcast i32 %v184 to float
  %v186 = fmul float %cast185, 0x46F0000000000000
  %cast187 = bitcast float %v186 to i32
  %v188 = or i32 %v184, 2139095040
  %is189 = icmp uge i32 %v183, 31744
  %v190 = and i32 %cast182, 32768
  %v191 = shl i32 %v190, 16
  %sel192 = select i1 %is189, i32 %v188, i32 %cast187
  %v193 = or i32 %sel192, %v191
  %cast194 = bitcast i32 %v193 to float
  %p195 = getelementptr float, ptr %p131, i64 3
  store float %cast194, ptr %p195, align 4
  br label %latch128
latch128:
  %v196 = add i64 %i128, 1
  br label %loop128
done128:
  br label %latch16
latch16:
  %v197 = add i64 %i16, 4
  br label %loop16
done16:
  ret void
}
attributes #0 = { nounwind "no-builtins" "prefer-vector-width"="128" "min-legal-vector-width"="128" }
