declare i64 @llvm.smax.i64(i64, i64)
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
  %p11 = getelementptr i64, ptr %args, i64 0
  %ld12 = load i64, ptr %p11, align 8
  %p13 = getelementptr i8, ptr %ld2, i64 %ld12
  %v14 = mul i64 %ld10, 2
  %p15 = getelementptr i64, ptr %ctx, i64 3
  %ld16 = load i64, ptr %p15, align 8
  %v17 = mul i64 %ld16, %v14
  %p18 = getelementptr i8, ptr %ld8, i64 %v17
  %p19 = getelementptr i64, ptr %ctx, i64 4
  %ld20 = load i64, ptr %p19, align 8
  %v21 = add i64 %ld20, -1
  %v22 = and i64 %v14, 2047
  %is23 = icmp eq i64 %v22, 0
  %cast24 = zext i1 %is23 to i64
  %cast25 = ptrtoint ptr %p18 to i64
  %v26 = and i64 %cast25, 63
  %v27 = lshr i64 %v26, 1
  %v28 = and i64 %v27, 15
  %v29 = sub i64 0, %v28
  %v30 = mul i64 %v29, %cast24
  %is31 = icmp sge i64 %ld10, 16
  br i1 %is31, label %then32, label %after32
then32:
  %v33 = sub i64 %ld10, %v30
  %v34 = add i64 %v33, 15
  %v35 = lshr i64 %v34, 4
  %v36 = add i64 %ld10, -16
  br label %loop37
loop37:
  %i37 = phi i64 [ 0, %then32 ], [ %v407, %latch37 ]
  %is38 = icmp slt i64 %i37, 4
  br i1 %is38, label %body37, label %done37
body37:
  %v39 = add i64 %i37, 0
  %v40 = add i64 %v39, 0
  %r41 = call i64 @llvm.smin.i64(i64 %v40, i64 %v21)
  %v42 = mul i64 %r41, %v14
  %p43 = getelementptr i8, ptr %p18, i64 %v42
  %v44 = add i64 %v39, 1
  %r45 = call i64 @llvm.smin.i64(i64 %v44, i64 %v21)
  %v46 = mul i64 %r45, %v14
  %p47 = getelementptr i8, ptr %p18, i64 %v46
  %v48 = add i64 %v39, 2
  %r49 = call i64 @llvm.smin.i64(i64 %v48, i64 %v21)
  %v50 = mul i64 %r49, %v14
  %p51 = getelementptr i8, ptr %p18, i64 %v50
  %v52 = add i64 %v39, 3
  %r53 = call i64 @llvm.smin.i64(i64 %v52, i64 %v21)
  %v54 = mul i64 %r53, %v14
  %p55 = getelementptr i8, ptr %p18, i64 %v54
  %v56 = mul i64 %cast24, 0
  %v57 = add i64 %v35, %v56
  br label %loop58
loop58:
  %i58 = phi i64 [ 0, %body37 ], [ %v406, %latch58 ]
  %is59 = icmp slt i64 %i58, %v57
  br i1 %is59, label %body58, label %done58
body58:
  %v60 = mul i64 %cast24, 0
  %v61 = sub i64 %i58, %v60
  %v62 = mul i64 %v61, 16
  %v63 = add i64 %v62, %v30
  %r64 = call i64 @llvm.smax.i64(i64 %v63, i64 0)
  %r65 = call i64 @llvm.smin.i64(i64 %r64, i64 %v36)
  %p66 = getelementptr i64, ptr %args, i64 0
  %ld67 = load i64, ptr %p66, align 8
  %p68 = getelementptr i8, ptr %ld2, i64 %ld67
  %p69 = getelementptr float, ptr %p68, i64 %v39
  %v70 = add i64 %r65, 0
  %p71 = getelementptr i16, ptr %p43, i64 %v70
  %ld72 = load <4 x i16>, ptr %p71, align 1
  %v73 = add i64 %r65, 0
  %p74 = getelementptr i16, ptr %p47, i64 %v73
  %ld75 = load <4 x i16>, ptr %p74, align 1
  %v76 = add i64 %r65, 0
  %p77 = getelementptr i16, ptr %p51, i64 %v76
  %ld78 = load <4 x i16>, ptr %p77, align 1
  %v79 = add i64 %r65, 0
  %p80 = getelementptr i16, ptr %p55, i64 %v79
  %ld81 = load <4 x i16>, ptr %p80, align 1
  %cast82 = zext <4 x i16> %ld72 to <4 x i32>
  %v83 = and <4 x i32> %cast82, splat (i32 32767)
  %v84 = shl <4 x i32> %v83, splat (i32 13)
  %cast85 = bitcast <4 x i32> %v84 to <4 x float>
  %v86 = fmul <4 x float> %cast85, splat (float 0x46F0000000000000)
  %cast87 = bitcast <4 x float> %v86 to <4 x i32>
  %v88 = or <4 x i32> %v84, splat (i32 2139095040)
  %is89 = icmp uge <4 x i32> %v83, splat (i32 31744)
  %v90 = and <4 x i32> %cast82, splat (i32 32768)
  %v91 = shl <4 x i32> %v90, splat (i32 16)
  %sel92 = select <4 x i1> %is89, <4 x i32> %v88, <4 x i32> %cast87
  %v93 = or <4 x i32> %sel92, %v91
  %cast94 = bitcast <4 x i32> %v93 to <4 x float>
  %cast95 = zext <4 x i16> %ld75 to <4 x i32>
  %v96 = and <4 x i32> %cast95, splat (i32 32767)
  %v97 = shl <4 x i32> %v96, splat (i32 13)
  %cast98 = bitcast <4 x i32> %v97 to <4 x float>
  %v99 = fmul <4 x float> %cast98, splat (float 0x46F0000000000000)
  %cast100 = bitcast <4 x float> %v99 to <4 x i32>
  %v101 = or <4 x i32> %v97, splat (i32 2139095040)
  %is102 = icmp uge <4 x i32> %v96, splat (i32 31744)
  %v103 = and <4 x i32> %cast95, splat (i32 32768)
  %v104 = shl <4 x i32> %v103, splat (i32 16)
  %sel105 = select <4 x i1> %is102, <4 x i32> %v101, <4 x i32> %cast100
  %v106 = or <4 x i32> %sel105, %v104
  %cast107 = bitcast <4 x i32> %v106 to <4 x float>
  %cast108 = zext <4 x i16> %ld78 to <4 x i32>
  %v109 = and <4 x i32> %cast108, splat (i32 32767)
  %v110 = shl <4 x i32> %v109, splat (i32 13)
  %cast111 = bitcast <4 x i32> %v110 to <4 x float>
  %v112 = fmul <4 x float> %cast111, splat (float 0x46F0000000000000)
  %cast113 = bitcast <4 x float> %v112 to <4 x i32>
  %v114 = or <4 x i32> %v110, splat (i32 2139095040)
  %is115 = icmp uge <4 x i32> %v109, splat (i32 31744)
  %v116 = and <4 x i32> %cast108, splat (i32 32768)
  %v117 = shl <4 x i32> %v116, splat (i32 16)
  %sel118 = select <4 x i1> %is115, <4 x i32> %v114, <4 x i32> %cast113
  %v119 = or <4 x i32> %sel118, %v117
  %cast120 = bitcast <4 x i32> %v119 to <4 x float>
  %cast121 = zext <4 x i16> %ld81 to <4 x i32>
  %v122 = and <4 x i32> %cast121, splat (i32 32767)
  %v123 = shl <4 x i32> %v122, splat (i32 13)
  %cast124 = bitcast <4 x i32> %v123 to <4 x float>
  %v125 = fmul <4 x float> %cast124, splat (float 0x46F0000000000000)
  %cast126 = bitcast <4 x float> %v125 to <4 x i32>
  %v127 = or <4 x i32> %v123, splat (i32 2139095040)
  %is128 = icmp uge <4 x i32> %v122, splat (i32 31744)
  %v129 = and <4 x i32> %cast121, splat (i32 32768)
  %v130 = shl <4 x i32> %v129, splat (i32 16)
  %sel131 = select <4 x i1> %is128, <4 x i32> %v127, <4 x i32> %cast126
  %v132 = or <4 x i32> %sel131, %v130
  %cast133 = bitcast <4 x i32> %v132 to <4 x float>
  %shuf134 = shufflevector <4 x float> %cast94, <4 x float> %cast107, <4 x i32> <i32 0, i32 4, i32 1, i32 5>
  %shuf135 = shufflevector <4 x float> %cast120, <4 x float> %cast133, <4 x i32> <i32 0, i32 4, i32 1, i32 5>
  %shuf136 = shufflevector <4 x float> %cast94, <4 x float> %cast107, <4 x i32> <i32 2, i32 6, i32 3, i32 7>
  %shuf137 = shufflevector <4 x float> %cast120, <4 x float> %cast133, <4 x i32> <i32 2, i32 6, i32 3, i32 7>
  %shuf138 = shufflevector <4 x float> %shuf134, <4 x float> %shuf135, <4 x i32> <i32 0, i32 1, i32 4, i32 5>
  %shuf139 = shufflevector <4 x float> %shuf134, <4 x float> %shuf135, <4 x i32> <i32 2, i32 3, i32 6, i32 7>
  %shuf140 = shufflevector <4 x float> %shuf136, <4 x float> %shuf137, <4 x i32> <i32 0, i32 1, i32 4, i32 5>
  %shuf141 = shufflevector <4 x float> %shuf136, <4 x float> %shuf137, <4 x i32> <i32 2, i32 3, i32 6, i32 7>
  %v142 = add i64 %r65, 0
  %v143 = mul i64 %v142, 4
  %p144 = getelementptr float, ptr %p69, i64 %v143
  store <4 x float> %shuf138, ptr %p144, align 4
  %v145 = add i64 %r65, 1
  %v146 = mul i64 %v145, 4
  %p147 = getelementptr float, ptr %p69, i64 %v146
  store <4 x float> %shuf139, ptr %p147, align 4
  %v148 = add i64 %r65, 2
  %v149 = mul i64 %v148, 4
  %p150 = getelementptr float, ptr %p69, i64 %v149
  store <4 x float> %shuf140, ptr %p150, align 4
  %v151 = add i64 %r65, 3
  %v152 = mul i64 %v151, 4
  %p153 = getelementptr float, ptr %p69, i64 %v152
  store <4 x float> %shuf141, ptr %p153, align 4
  %v154 = add i64 %r65, 4
  %p155 = getelementptr i16, ptr %p43, i64 %v154
  %ld156 = load <4 x i16>, ptr %p155, align 1
  %v157 = add i64 %r65, 4
  %p158 = getelementptr i16, ptr %p47, i64 %v157
  %ld159 = load <4 x i16>, ptr %p158, align 1
  %v160 = add i64 %r65, 4
  %p161 = getelementptr i16, ptr %p51, i64 %v160
  %ld162 = load <4 x i16>, ptr %p161, align 1
  %v163 = add i64 %r65, 4
  %p164 = getelementptr i16, ptr %p55, i64 %v163
  %ld165 = load <4 x i16>, ptr %p164, align 1
  %cast166 = zext <4 x i16> %ld156 to <4 x i32>
  %v167 = and <4 x i32> %cast166, splat (i32 32767)
  %v168 = shl <4 x i32> %v167, splat (i32 13)
  %cast169 = bitcast <4 x i32> %v168 to <4 x float>
  %v170 = fmul <4 x float> %cast169, splat (float 0x46F0000000000000)
  %cast171 = bitcast <4 x float> %v170 to <4 x i32>
  %v172 = or <4 x i32> %v168, splat (i32 2139095040)
  %is173 = icmp uge <4 x i32> %v167, splat (i32 31744)
  %v174 = and <4 x i32> %cast166, splat (i32 32768)
  %v175 = shl <4 x i32> %v174, splat (i32 16)
  %sel176 = select <4 x i1> %is173, <4 x i32> %v172, <4 x i32> %cast171
  %v177 = or <4 x i32> %sel176, %v175
  %cast178 = bitcast <4 x i32> %v177 to <4 x float>
  %cast179 = zext <4 x i16> %ld159 to <4 x i32>
  %v180 = and <4 x i32> %cast179, splat (i32 32767)
  %v181 = shl <4 x i32> %v180, splat (i32 13)
  %cast182 = bitcast <4 x i32> %v181 to <4 x float>
  %v183 = fmul <4 x float> %cast182, splat (float 0x46F0000000000000)
  %cast184 = bitcast <4 x float> %v183 to <4 x i32>
  %v185 = or <4 x i32> %v181, splat (i32 2139095040)
  %is186 = icmp uge <4 x i32> %v180, splat (i32 31744)
  %v187 = and <4 x i32> %cast179, splat (i32 32768)
  %v188 = shl <4 x i32> %v187, splat (i32 16)
  %sel189 = select <4 x i1> %is186, <4 x i32> %v185, <4 x i32> %cast184
  %v190 = or <4 x i32> %sel189, %v188
  %cast191 = bitcast <4 x i32> %v190 to <4 x float>
  %cast192 = zext <4 x i16> %ld162 to <4 x i32>
  %v193 = and <4 x i32> %cast192, splat (i32 32767)
  %v194 = shl <4 x i32> %v193, splat (i32 13)
  %cast195 = bitcast <4 x i32> %v194 to <4 x float>
  %v196 = fmul <4 x float> %cast195, splat (float 0x46F0000000000000)
  %cast197 = bitcast <4 x float> %v196 to <4 x i32>
  %v198 = or <4 x i32> %v194, splat (i32 2139095040)
  %is199 = icmp uge <4 x i32> %v193, splat (i32 31744)
  %v200 = and <4 x i32> %cast192, splat (i32 32768)
  %v201 = shl <4 x i32> %v200, splat (i32 16)
  %sel202 = select <4 x i1> %is199, <4 x i32> %v198, <4 x i32> %cast197
  %v203 = or <4 x i32> %sel202, %v201
  %cast204 = bitcast <4 x i32> %v203 to <4 x float>
  %cast205 = zext <4 x i16> %ld165 to <4 x i32>
  %v206 = and <4 x i32> %cast205, splat (i32 32767)
  %v207 = shl <4 x i32> %v206, splat (i32 13)
  %cast208 = bitcast <4 x i32> %v207 to <4 x float>
  %v209 = fmul <4 x float> %cast208, splat (float 0x46F0000000000000)
  %cast210 = bitcast <4 x float> %v209 to <4 x i32>
  %v211 = or <4 x i32> %v207, splat (i32 2139095040)
  %is212 = icmp uge <4 x i32> %v206, splat (i32 31744)
  %v213 = and <4 x i32> %cast205, splat (i32 32768)
  %v214 = shl <4 x i32> %v213, splat (i32 16)
  %sel215 = select <4 x i1> %is212, <4 x i32> %v211, <4 x i32> %cast210
  %v216 = or <4 x i32> %sel215, %v214
  %cast217 = bitcast <4 x i32> %v216 to <4 x float>
  %shuf218 = shufflevector <4 x float> %cast178, <4 x float> %cast191, <4 x i32> <i32 0, i32 4, i32 1, i32 5>
  %shuf219 = shufflevector <4 x float> %cast204, <4 x float> %cast217, <4 x i32> <i32 0, i32 4, i32 1, i32 5>
  %shuf220 = shufflevector <4 x float> %cast178, <4 x float> %cast191, <4 x i32> <i32 2, i32 6, i32 3, i32 7>
  %shuf221 = shufflevector <4 x float> %cast204, <4 x float> %cast217, <4 x i32> <i32 2, i32 6, i32 3, i32 7>
  %shuf222 = shufflevector <4 x float> %shuf218, <4 x float> %shuf219, <4 x i32> <i32 0, i32 1, i32 4, i32 5>
  %shuf223 = shufflevector <4 x float> %shuf218, <4 x float> %shuf219, <4 x i32> <i32 2, i32 3, i32 6, i32 7>
  %shuf224 = shufflevector <4 x float> %shuf220, <4 x float> %shuf221, <4 x i32> <i32 0, i32 1, i32 4, i32 5>
  %shuf225 = shufflevector <4 x float> %shuf220, <4 x float> %shuf221, <4 x i32> <i32 2, i32 3, i32 6, i32 7>
  %v226 = add i64 %r65, 4
  %v227 = mul i64 %v226, 4
  %p228 = getelementptr float, ptr %p69, i64 %v227
  store <4 x float> %shuf222, ptr %p228, align 4
  %v229 = add i64 %r65, 5
  %v230 = mul i64 %v229, 4
  %p231 = getelementptr float, ptr %p69, i64 %v230
  store <4 x float> %shuf223, ptr %p231, align 4
  %v232 = add i64 %r65, 6
  %v233 = mul i64 %v232, 4
  %p234 = getelementptr float, ptr %p69, i64 %v233
  store <4 x float> %shuf224, ptr %p234, align 4
  %v235 = add i64 %r65, 7
  %v236 = mul i64 %v235, 4
  %p237 = getelementptr float, ptr %p69, i64 %v236
  store <4 x float> %shuf225, ptr %p237, align 4
  %v238 = add i64 %r65, 8
  %p239 = getelementptr i16, ptr %p43, i64 %v238
  %ld240 = load <4 x i16>, ptr %p239, align 1
  %v241 = add i64 %r65, 8
  %p242 = getelementptr i16, ptr %p47, i64 %v241
  %ld243 = load <4 x i16>, ptr %p242, align 1
  %v244 = add i64 %r65, 8
  %p245 = getelementptr i16, ptr %p51, i64 %v244
  %ld246 = load <4 x i16>, ptr %p245, align 1
  %v247 = add i64 %r65, 8
  %p248 = getelementptr i16, ptr %p55, i64 %v247
  %ld249 = load <4 x i16>, ptr %p248, align 1
  %cast250 = zext <4 x i16> %ld240 to <4 x i32>
  %v251 = and <4 x i32> %cast250, splat (i32 32767)
  %v252 = shl <4 x i32> %v251, splat (i32 13)
  %cast253 = bitcast <4 x i32> %v252 to <4 x float>
  %v254 = fmul <4 x float> %cast253, splat (float 0x46F0000000000000)
  %cast255 = bitcast <4 x float> %v254 to <4 x i32>
  %v256 = or <4 x i32> %v252, splat (i32 2139095040)
  %is257 = icmp uge <4 x i32> %v251, splat (i32 31744)
  %v258 = and <4 x i32> %cast250, splat (i32 32768)
  %v259 = shl <4 x i32> %v258, splat (i32 16)
  %sel260 = select <4 x i1> %is257, <4 x i32> %v256, <4 x i32> %cast255
  %v261 = or <4 x i32> %sel260, %v259
  %cast262 = bitcast <4 x i32> %v261 to <4 x float>
  %cast263 = zext <4 x i16> %ld243 to <4 x i32>
  %v264 = and <4 x i32> %cast263, splat (i32 32767)
  %v265 = shl <4 x i32> %v264, splat (i32 13)
  %cast266 = bitcast <4 x i32> %v265 to <4 x float>
  %v267 = fmul <4 x float> %cast266, splat (float 0x46F0000000000000)
  %cast268 = bitcast <4 x float> %v267 to <4 x i32>
  %v269 = or <4 x i32> %v265, splat (i32 2139095040)
  %is270 = icmp uge <4 x i32> %v264, splat (i32 31744)
  %v271 = and <4 x i32> %cast263, splat (i32 32768)
  %v272 = shl <4 x i32> %v271, splat (i32 16)
  %sel273 = select <4 x i1> %is270, <4 x i32> %v269, <4 x i32> %cast268
  %v274 = or <4 x i32> %sel273, %v272
  %cast275 = bitcast <4 x i32> %v274 to <4 x float>
  %cast276 = zext <4 x i16> %ld246 to <4 x i32>
  %v277 = and <4 x i32> %cast276, splat (i32 32767)
  %v278 = shl <4 x i32> %v277, splat (i32 13)
  %cast279 = bitcast <4 x i32> %v278 to <4 x float>
  %v280 = fmul <4 x float> %cast279, splat (float 0x46F0000000000000)
  %cast281 = bitcast <4 x float> %v280 to <4 x i32>
  %v282 = or <4 x i32> %v278, splat (i32 2139095040)
  %is283 = icmp uge <4 x i32> %v277, splat (i32 31744)
  %v284 = and <4 x i32> %cast276, splat (i32 32768)
  %v285 = shl <4 x i32> %v284, splat (i32 16)
  %sel286 = select <4 x i1> %is283, <4 x i32> %v282, <4 x i32> %cast281
  %v287 = or <4 x i32> %sel286, %v285
  %cast288 = bitcast <4 x i32> %v287 to <4 x float>
  %cast289 = zext <4 x i16> %ld249 to <4 x i32>
  %v290 = and <4 x i32> %cast289, splat (i32 32767)
  %v291 = shl <4 x i32> %v290, splat (i32 13)
  %cast292 = bitcast <4 x i32> %v291 to <4 x float>
  %v293 = fmul <4 x float> %cast292, splat (float 0x46F0000000000000)
  %cast294 = bitcast <4 x float> %v293 to <4 x i32>
  %v295 = or <4 x i32> %v291, splat (i32 2139095040)
  %is296 = icmp uge <4 x i32> %v290, splat (i32 31744)
  %v297 = and <4 x i32> %cast289, splat (i32 32768)
  %v298 = shl <4 x i32> %v297, splat (i32 16)
  %sel299 = select <4 x i1> %is296, <4 x i32> %v295, <4 x i32> %cast294
  %v300 = or <4 x i32> %sel299, %v298
  %cast301 = bitcast <4 x i32> %v300 to <4 x float>
  %shuf302 = shufflevector <4 x float> %cast262, <4 x float> %cast275, <4 x i32> <i32 0, i32 4, i32 1, i32 5>
  %shuf303 = shufflevector <4 x float> %cast288, <4 x float> %cast301, <4 x i32> <i32 0, i32 4, i32 1, i32 5>
  %shuf304 = shufflevector <4 x float> %cast262, <4 x float> %cast275, <4 x i32> <i32 2, i32 6, i32 3, i32 7>
  %shuf305 = shufflevector <4 x float> %cast288, <4 x float> %cast301, <4 x i32> <i32 2, i32 6, i32 3, i32 7>
  %shuf306 = shufflevector <4 x float> %shuf302, <4 x float> %shuf303, <4 x i32> <i32 0, i32 1, i32 4, i32 5>
  %shuf307 = shufflevector <4 x float> %shuf302, <4 x float> %shuf303, <4 x i32> <i32 2, i32 3, i32 6, i32 7>
  %shuf308 = shufflevector <4 x float> %shuf304, <4 x float> %shuf305, <4 x i32> <i32 0, i32 1, i32 4, i32 5>
  %shuf309 = shufflevector <4 x float> %shuf304, <4 x float> %shuf305, <4 x i32> <i32 2, i32 3, i32 6, i32 7>
  %v310 = add i64 %r65, 8
  %v311 = mul i64 %v310, 4
  %p312 = getelementptr float, ptr %p69, i64 %v311
  store <4 x float> %shuf306, ptr %p312, align 4
  %v313 = add i64 %r65, 9
  %v314 = mul i64 %v313, 4
  %p315 = getelementptr float, ptr %p69, i64 %v314
  store <4 x float> %shuf307, ptr %p315, align 4
  %v316 = add i64 %r65, 10
  %v317 = mul i64 %v316, 4
  %p318 = getelementptr float, ptr %p69, i64 %v317
  store <4 x float> %shuf308, ptr %p318, align 4
  %v319 = add i64 %r65, 11
  %v320 = mul i64 %v319, 4
  %p321 = getelementptr float, ptr %p69, i64 %v320
  store <4 x float> %shuf309, ptr %p321, align 4
  %v322 = add i64 %r65, 12
  %p323 = getelementptr i16, ptr %p43, i64 %v322
  %ld324 = load <4 x i16>, ptr %p323, align 1
  %v325 = add i64 %r65, 12
  %p326 = getelementptr i16, ptr %p47, i64 %v325
  %ld327 = load <4 x i16>, ptr %p326, align 1
  %v328 = add i64 %r65, 12
  %p329 = getelementptr i16, ptr %p51, i64 %v328
  %ld330 = load <4 x i16>, ptr %p329, align 1
  %v331 = add i64 %r65, 12
  %p332 = getelementptr i16, ptr %p55, i64 %v331
  %ld333 = load <4 x i16>, ptr %p332, align 1
  %cast334 = zext <4 x i16> %ld324 to <4 x i32>
  %v335 = and <4 x i32> %cast334, splat (i32 32767)
  %v336 = shl <4 x i32> %v335, splat (i32 13)
  %cast337 = bitcast <4 x i32> %v336 to <4 x float>
  %v338 = fmul <4 x float> %cast337, splat (float 0x46F0000000000000)
  %cast339 = bitcast <4 x float> %v338 to <4 x i32>
  %v340 = or <4 x i32> %v336, splat (i32 2139095040)
  %is341 = icmp uge <4 x i32> %v335, splat (i32 31744)
  %v342 = and <4 x i32> %cast334, splat (i32 32768)
  %v343 = shl <4 x i32> %v342, splat (i32 16)
  %sel344 = select <4 x i1> %is341, <4 x i32> %v340, <4 x i32> %cast339
  %v345 = or <4 x i32> %sel344, %v343
  %cast346 = bitcast <4 x i32> %v345 to <4 x float>
  %cast347 = zext <4 x i16> %ld327 to <4 x i32>
  %v348 = and <4 x i32> %cast347, splat (i32 32767)
  %v349 = shl <4 x i32> %v348, splat (i32 13)
  %cast350 = bitcast <4 x i32> %v349 to <4 x float>
  %v351 = fmul <4 x float> %cast350, splat (float 0x46F0000000000000)
  %cast352 = bitcast <4 x float> %v351 to <4 x i32>
  %v353 = or <4 x i32> %v349, splat (i32 2139095040)
  %is354 = icmp uge <4 x i32> %v348, splat (i32 31744)
  %v355 = and <4 x i32> %cast347, splat (i32 32768)
  %v356 = shl <4 x i32> %v355, splat (i32 16)
  %sel357 = select <4 x i1> %is354, <4 x i32> %v353, <4 x i32> %cast352
  %v358 = or <4 x i32> %sel357, %v356
  %cast359 = bitcast <4 x i32> %v358 to <4 x float>
  %cast360 = zext <4 x i16> %ld330 to <4 x i32>
  %v361 = and <4 x i32> %cast360, splat (i32 32767)
  %v362 = shl <4 x i32> %v361, splat (i32 13)
  %cast363 = bitcast <4 x i32> %v362 to <4 x float>
  %v364 = fmul <4 x float> %cast363, splat (float 0x46F0000000000000)
  %cast365 = bitcast <4 x float> %v364 to <4 x i32>
  %v366 = or <4 x i32> %v362, splat (i32 2139095040)
  %is367 = icmp uge <4 x i32> %v361, splat (i32 31744)
  %v368 = and <4 x i32> %cast360, splat (i32 32768)
  %v369 = shl <4 x i32> %v368, splat (i32 16)
  %sel370 = select <4 x i1> %is367, <4 x i32> %v366, <4 x i32> %cast365
  %v371 = or <4 x i32> %sel370, %v369
  %cast372 = bitcast <4 x i32> %v371 to <4 x float>
  %cast373 = zext <4 x i16> %ld333 to <4 x i32>
  %v374 = and <4 x i32> %cast373, splat (i32 32767)
  %v375 = shl <4 x i32> %v374, splat (i32 13)
  %cast376 = bitcast <4 x i32> %v375 to <4 x float>
  %v377 = fmul <4 x float> %cast376, splat (float 0x46F0000000000000)
  %cast378 = bitcast <4 x float> %v377 to <4 x i32>
  %v379 = or <4 x i32> %v375, splat (i32 2139095040)
  %is380 = icmp uge <4 x i32> %v374, splat (i32 31744)
  %v381 = and <4 x i32> %cast373, splat (i32 32768)
  %v382 = shl <4 x i32> %v381, splat (i32 16)
  %sel383 = select <4 x i1> %is380, <4 x i32> %v379, <4 x i32> %cast378
  %v384 = or <4 x i32> %sel383, %v382
  %cast385 = bitcast <4 x i32> %v384 to <4 x float>
  %shuf386 = shufflevector <4 x float> %cast346, <4 x float> %cast359, <4 x i32> <i32 0, i32 4, i32 1, i32 5>
  %shuf387 = shufflevector <4 x float> %cast372, <4 x float> %cast385, <4 x i32> <i32 0, i32 4, i32 1, i32 5>
  %shuf388 = shufflevector <4 x float> %cast346, <4 x float> %cast359, <4 x i32> <i32 2, i32 6, i32 3, i32 7>
  %shuf389 = shufflevector <4 x float> %cast372, <4 x float> %cast385, <4 x i32> <i32 2, i32 6, i32 3, i32 7>
  %shuf390 = shufflevector <4 x float> %shuf386, <4 x float> %shuf387, <4 x i32> <i32 0, i32 1, i32 4, i32 5>
  %shuf391 = shufflevector <4 x float> %shuf386, <4 x float> %shuf387, <4 x i32> <i32 2, i32 3, i32 6, i32 7>
  %shuf392 = shufflevector <4 x float> %shuf388, <4 x float> %shuf389, <4 x i32> <i32 0, i32 1, i32 4, i32 5>
  %shuf393 = shufflevector <4 x float> %shuf388, <4 x float> %shuf389, <4 x i32> <i32 2, i32 3, i32 6, i32 7>
  %v394 = add i64 %r65, 12
  %v395 = mul i64 %v394, 4
  %p396 = getelementptr float, ptr %p69, i64 %v395
  store <4 x float> %shuf390, ptr %p396, align 4
  %v397 = add i64 %r65, 13
  %v398 = mul i64 %v397, 4
  %p399 = getelementptr float, ptr %p69, i64 %v398
  store <4 x float> %shuf391, ptr %p399, align 4
  %v400 = add i64 %r65, 14
  %v401 = mul i64 %v400, 4
  %p402 = getelementptr float, ptr %p69, i64 %v401
  store <4 x float> %shuf392, ptr %p402, align 4
  %v403 = add i64 %r65, 15
  %v404 = mul i64 %v403, 4
  %p405 = getelementptr float, ptr %p69, i64 %v404
  store <4 x float> %shuf393, ptr %p405, align 4
  br label %latch58
latch58:
  %v406 = add i64 %i58, 1
  br label %loop58
done58:
  br label %latch37
latch37:
  %v407 = add i64 %i37, 4
  br label %loop37
done37:
  br label %after32
after32:
  %is408 = icmp sge i64 %ld10, 4
  %is409 = icmp slt i64 %ld10, 16
  %v410 = and i1 %is408, %is409
  br i1 %v410, label %then411, label %after411
then411:
  br label %loop412
loop412:
  %i412 = phi i64 [ 0, %then411 ], [ %v523, %latch412 ]
  %is413 = icmp slt i64 %i412, 4
  br i1 %is413, label %body412, label %done412
body412:
  %v414 = add i64 %i412, 0
  %r415 = call i64 @llvm.smin.i64(i64 %v414, i64 %v21)
  %v416 = mul i64 %r415, %v14
  %p417 = getelementptr i8, ptr %p18, i64 %v416
  %v418 = add i64 %i412, 1
  %r419 = call i64 @llvm.smin.i64(i64 %v418, i64 %v21)
  %v420 = mul i64 %r419, %v14
  %p421 = getelementptr i8, ptr %p18, i64 %v420
  %v422 = add i64 %i412, 2
  %r423 = call i64 @llvm.smin.i64(i64 %v422, i64 %v21)
  %v424 = mul i64 %r423, %v14
  %p425 = getelementptr i8, ptr %p18, i64 %v424
  %v426 = add i64 %i412, 3
  %r427 = call i64 @llvm.smin.i64(i64 %v426, i64 %v21)
  %v428 = mul i64 %r427, %v14
  %p429 = getelementptr i8, ptr %p18, i64 %v428
  br label %loop430
loop430:
  %i430 = phi i64 [ 0, %body412 ], [ %v522, %latch430 ]
  %is431 = icmp slt i64 %i430, %ld10
  br i1 %is431, label %body430, label %done430
body430:
  %v432 = add i64 %ld10, -4
  %r433 = call i64 @llvm.smin.i64(i64 %i430, i64 %v432)
  %p434 = getelementptr i64, ptr %args, i64 0
  %ld435 = load i64, ptr %p434, align 8
  %p436 = getelementptr i8, ptr %ld2, i64 %ld435
  %p437 = getelementptr float, ptr %p436, i64 %i412
  %v438 = add i64 %r433, 0
  %p439 = getelementptr i16, ptr %p417, i64 %v438
  %ld440 = load <4 x i16>, ptr %p439, align 1
  %v441 = add i64 %r433, 0
  %p442 = getelementptr i16, ptr %p421, i64 %v441
  %ld443 = load <4 x i16>, ptr %p442, align 1
  %v444 = add i64 %r433, 0
  %p445 = getelementptr i16, ptr %p425, i64 %v444
  %ld446 = load <4 x i16>, ptr %p445, align 1
  %v447 = add i64 %r433, 0
  %p448 = getelementptr i16, ptr %p429, i64 %v447
  %ld449 = load <4 x i16>, ptr %p448, align 1
  %cast450 = zext <4 x i16> %ld440 to <4 x i32>
  %v451 = and <4 x i32> %cast450, splat (i32 32767)
  %v452 = shl <4 x i32> %v451, splat (i32 13)
  %cast453 = bitcast <4 x i32> %v452 to <4 x float>
  %v454 = fmul <4 x float> %cast453, splat (float 0x46F0000000000000)
  %cast455 = bitcast <4 x float> %v454 to <4 x i32>
  %v456 = or <4 x i32> %v452, splat (i32 2139095040)
  %is457 = icmp uge <4 x i32> %v451, splat (i32 31744)
  %v458 = and <4 x i32> %cast450, splat (i32 32768)
  %v459 = shl <4 x i32> %v458, splat (i32 16)
  %sel460 = select <4 x i1> %is457, <4 x i32> %v456, <4 x i32> %cast455
  %v461 = or <4 x i32> %sel460, %v459
  %cast462 = bitcast <4 x i32> %v461 to <4 x float>
  %cast463 = zext <4 x i16> %ld443 to <4 x i32>
  %v464 = and <4 x i32> %cast463, splat (i32 32767)
  %v465 = shl <4 x i32> %v464, splat (i32 13)
  %cast466 = bitcast <4 x i32> %v465 to <4 x float>
  %v467 = fmul <4 x float> %cast466, splat (float 0x46F0000000000000)
  %cast468 = bitcast <4 x float> %v467 to <4 x i32>
  %v469 = or <4 x i32> %v465, splat (i32 2139095040)
  %is470 = icmp uge <4 x i32> %v464, splat (i32 31744)
  %v471 = and <4 x i32> %cast463, splat (i32 32768)
  %v472 = shl <4 x i32> %v471, splat (i32 16)
  %sel473 = select <4 x i1> %is470, <4 x i32> %v469, <4 x i32> %cast468
  %v474 = or <4 x i32> %sel473, %v472
  %cast475 = bitcast <4 x i32> %v474 to <4 x float>
  %cast476 = zext <4 x i16> %ld446 to <4 x i32>
  %v477 = and <4 x i32> %cast476, splat (i32 32767)
  %v478 = shl <4 x i32> %v477, splat (i32 13)
  %cast479 = bitcast <4 x i32> %v478 to <4 x float>
  %v480 = fmul <4 x float> %cast479, splat (float 0x46F0000000000000)
  %cast481 = bitcast <4 x float> %v480 to <4 x i32>
  %v482 = or <4 x i32> %v478, splat (i32 2139095040)
  %is483 = icmp uge <4 x i32> %v477, splat (i32 31744)
  %v484 = and <4 x i32> %cast476, splat (i32 32768)
  %v485 = shl <4 x i32> %v484, splat (i32 16)
  %sel486 = select <4 x i1> %is483, <4 x i32> %v482, <4 x i32> %cast481
  %v487 = or <4 x i32> %sel486, %v485
  %cast488 = bitcast <4 x i32> %v487 to <4 x float>
  %cast489 = zext <4 x i16> %ld449 to <4 x i32>
  %v490 = and <4 x i32> %cast489, splat (i32 32767)
  %v491 = shl <4 x i32> %v490, splat (i32 13)
  %cast492 = bitcast <4 x i32> %v491 to <4 x float>
  %v493 = fmul <4 x float> %cast492, splat (float 0x46F0000000000000)
  %cast494 = bitcast <4 x float> %v493 to <4 x i32>
  %v495 = or <4 x i32> %v491, splat (i32 2139095040)
  %is496 = icmp uge <4 x i32> %v490, splat (i32 31744)
  %v497 = and <4 x i32> %cast489, splat (i32 32768)
  %v498 = shl <4 x i32> %v497, splat (i32 16)
  %sel499 = select <4 x i1> %is496, <4 x i32> %v495, <4 x i32> %cast494
  %v500 = or <4 x i32> %sel499, %v498
  %cast501 = bitcast <4 x i32> %v500 to <4 x float>
  %shuf502 = shufflevector <4 x float> %cast462, <4 x float> %cast475, <4 x i32> <i32 0, i32 4, i32 1, i32 5>
  %shuf503 = shufflevector <4 x float> %cast488, <4 x float> %cast501, <4 x i32> <i32 0, i32 4, i32 1, i32 5>
  %shuf504 = shufflevector <4 x float> %cast462, <4 x float> %cast475, <4 x i32> <i32 2, i32 6, i32 3, i32 7>
  %shuf505 = shufflevector <4 x float> %cast488, <4 x float> %cast501, <4 x i32> <i32 2, i32 6, i32 3, i32 7>
  %shuf506 = shufflevector <4 x float> %shuf502, <4 x float> %shuf503, <4 x i32> <i32 0, i32 1, i32 4, i32 5>
  %shuf507 = shufflevector <4 x float> %shuf502, <4 x float> %shuf503, <4 x i32> <i32 2, i32 3, i32 6, i32 7>
  %shuf508 = shufflevector <4 x float> %shuf504, <4 x float> %shuf505, <4 x i32> <i32 0, i32 1, i32 4, i32 5>
  %shuf509 = shufflevector <4 x float> %shuf504, <4 x float> %shuf505, <4 x i32> <i32 2, i32 3, i32 6, i32 7>
  %v510 = add i64 %r433, 0
  %v511 = mul i64 %v510, 4
  %p512 = getelementptr float, ptr %p437, i64 %v511
  store <4 x float> %shuf506, ptr %p512, align 4
  %v513 = add i64 %r433, 1
  %v514 = mul i64 %v513, 4
  %p515 = getelementptr float, ptr %p437, i64 %v514
  store <4 x float> %shuf507, ptr %p515, align 4
  %v516 = add i64 %r433, 2
  %v517 = mul i64 %v516, 4
  %p518 = getelementptr float, ptr %p437, i64 %v517
  store <4 x float> %shuf508, ptr %p518, align 4
  %v519 = add i64 %r433, 3
  %v520 = mul i64 %v519, 4
  %p521 = getelementptr float, ptr %p437, i64 %v520
  store <4 x float> %shuf509, ptr %p521, align 4
  br label %latch430
latch430:
  %v522 = add i64 %i430, 4
  br label %loop430
done430:
  br label %latch412
latch412:
  %v523 = add i64 %i412, 4
  br label %loop412
done412:
  br label %after411
after411:
  %is524 = icmp sge i64 %ld10, 0
  %is525 = icmp slt i64 %ld10, 4
  %v526 = and i1 %is524, %is525
  br i1 %v526, label %then527, label %after527
then527:
  br label %loop528
loop528:
  %i528 = phi i64 [ 0, %then527 ], [ %v554, %latch528 ]
  %is529 = icmp slt i64 %i528, %ld10
  br i1 %is529, label %body528, label %done528
body528:
  br label %loop530
loop530:
  %i530 = phi i64 [ 0, %body528 ], [ %v553, %latch530 ]
  %is531 = icmp slt i64 %i530, 4
  br i1 %is531, label %body530, label %done530
body530:
  %r532 = call i64 @llvm.smin.i64(i64 %i530, i64 %v21)
  %v533 = mul i64 %r532, %v14
  %p534 = getelementptr i8, ptr %p18, i64 %v533
  %p535 = getelementptr i16, ptr %p534, i64 %i528
  %ld536 = load i16, ptr %p535, align 1
  %cast537 = zext i16 %ld536 to i32
  %v538 = and i32 %cast537, 32767
  %v539 = shl i32 %v538, 13
  %cast540 = bitcast i32 %v539 to float
  %v541 = fmul float %cast540, 0x46F0000000000000
  %cast542 = bitcast float %v541 to i32
  %v543 = or i32 %v539, 2139095040
  %is544 = icmp uge i32 %v538, 31744
  %v545 = and i32 %cast537, 32768
  %v546 = shl i32 %v545, 16
  %sel547 = select i1 %is544, i32 %v543, i32 %cast542
  %v548 = or i32 %sel547, %v546
  %cast549 = bitcast i32 %v548 to float
  %v550 = mul i64 %i528, 4
  %p551 = getelementptr float, ptr %p13, i64 %v550
  %p552 = getelementptr float, ptr %p551, i64 %i530
  store float %cast549, ptr %p552, align 4
  br label %latch530
latch530:
  %v553 = add i64 %i530, 1
  br label %loop530
done530:
  br label %latch528
latch528:
  %v554 = add i64 %i528, 1
  br label %loop528
done528:
  br label %after527
after527:
  ret void
}
attributes #0 = { nounwind "no-builtins" "probe-stack"="inline-asm" "prefer-vector-width"="128" "min-legal-vector-width"="128" }
