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
  %i37 = phi i64 [ 0, %then32 ], [ %v471, %latch37 ]
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
  %i58 = phi i64 [ 0, %body37 ], [ %v470, %latch58 ]
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
  %cast87 = uitofp <4 x i32> %v83 to <4 x float>
  %v88 = fmul <4 x float> %cast87, splat (float 0x3E70000000000000)
  %is89 = icmp ult <4 x i32> %v83, splat (i32 1024)
  %sel90 = select <4 x i1> %is89, <4 x float> %v88, <4 x float> %v86
  %cast91 = bitcast <4 x float> %sel90 to <4 x i32>
  %v92 = or <4 x i32> %v84, splat (i32 2139095040)
  %is93 = icmp uge <4 x i32> %v83, splat (i32 31744)
  %v94 = and <4 x i32> %cast82, splat (i32 32768)
  %v95 = shl <4 x i32> %v94, splat (i32 16)
  %sel96 = select <4 x i1> %is93, <4 x i32> %v92, <4 x i32> %cast91
  %v97 = or <4 x i32> %sel96, %v95
  %cast98 = bitcast <4 x i32> %v97 to <4 x float>
  %cast99 = zext <4 x i16> %ld75 to <4 x i32>
  %v100 = and <4 x i32> %cast99, splat (i32 32767)
  %v101 = shl <4 x i32> %v100, splat (i32 13)
  %cast102 = bitcast <4 x i32> %v101 to <4 x float>
  %v103 = fmul <4 x float> %cast102, splat (float 0x46F0000000000000)
  %cast104 = uitofp <4 x i32> %v100 to <4 x float>
  %v105 = fmul <4 x float> %cast104, splat (float 0x3E70000000000000)
  %is106 = icmp ult <4 x i32> %v100, splat (i32 1024)
  %sel107 = select <4 x i1> %is106, <4 x float> %v105, <4 x float> %v103
  %cast108 = bitcast <4 x float> %sel107 to <4 x i32>
  %v109 = or <4 x i32> %v101, splat (i32 2139095040)
  %is110 = icmp uge <4 x i32> %v100, splat (i32 31744)
  %v111 = and <4 x i32> %cast99, splat (i32 32768)
  %v112 = shl <4 x i32> %v111, splat (i32 16)
  %sel113 = select <4 x i1> %is110, <4 x i32> %v109, <4 x i32> %cast108
  %v114 = or <4 x i32> %sel113, %v112
  %cast115 = bitcast <4 x i32> %v114 to <4 x float>
  %cast116 = zext <4 x i16> %ld78 to <4 x i32>
  %v117 = and <4 x i32> %cast116, splat (i32 32767)
  %v118 = shl <4 x i32> %v117, splat (i32 13)
  %cast119 = bitcast <4 x i32> %v118 to <4 x float>
  %v120 = fmul <4 x float> %cast119, splat (float 0x46F0000000000000)
  %cast121 = uitofp <4 x i32> %v117 to <4 x float>
  %v122 = fmul <4 x float> %cast121, splat (float 0x3E70000000000000)
  %is123 = icmp ult <4 x i32> %v117, splat (i32 1024)
  %sel124 = select <4 x i1> %is123, <4 x float> %v122, <4 x float> %v120
  %cast125 = bitcast <4 x float> %sel124 to <4 x i32>
  %v126 = or <4 x i32> %v118, splat (i32 2139095040)
  %is127 = icmp uge <4 x i32> %v117, splat (i32 31744)
  %v128 = and <4 x i32> %cast116, splat (i32 32768)
  %v129 = shl <4 x i32> %v128, splat (i32 16)
  %sel130 = select <4 x i1> %is127, <4 x i32> %v126, <4 x i32> %cast125
  %v131 = or <4 x i32> %sel130, %v129
  %cast132 = bitcast <4 x i32> %v131 to <4 x float>
  %cast133 = zext <4 x i16> %ld81 to <4 x i32>
  %v134 = and <4 x i32> %cast133, splat (i32 32767)
  %v135 = shl <4 x i32> %v134, splat (i32 13)
  %cast136 = bitcast <4 x i32> %v135 to <4 x float>
  %v137 = fmul <4 x float> %cast136, splat (float 0x46F0000000000000)
  %cast138 = uitofp <4 x i32> %v134 to <4 x float>
  %v139 = fmul <4 x float> %cast138, splat (float 0x3E70000000000000)
  %is140 = icmp ult <4 x i32> %v134, splat (i32 1024)
  %sel141 = select <4 x i1> %is140, <4 x float> %v139, <4 x float> %v137
  %cast142 = bitcast <4 x float> %sel141 to <4 x i32>
  %v143 = or <4 x i32> %v135, splat (i32 2139095040)
  %is144 = icmp uge <4 x i32> %v134, splat (i32 31744)
  %v145 = and <4 x i32> %cast133, splat (i32 32768)
  %v146 = shl <4 x i32> %v145, splat (i32 16)
  %sel147 = select <4 x i1> %is144, <4 x i32> %v143, <4 x i32> %cast142
  %v148 = or <4 x i32> %sel147, %v146
  %cast149 = bitcast <4 x i32> %v148 to <4 x float>
  %shuf150 = shufflevector <4 x float> %cast98, <4 x float> %cast115, <4 x i32> <i32 0, i32 4, i32 1, i32 5>
  %shuf151 = shufflevector <4 x float> %cast132, <4 x float> %cast149, <4 x i32> <i32 0, i32 4, i32 1, i32 5>
  %shuf152 = shufflevector <4 x float> %cast98, <4 x float> %cast115, <4 x i32> <i32 2, i32 6, i32 3, i32 7>
  %shuf153 = shufflevector <4 x float> %cast132, <4 x float> %cast149, <4 x i32> <i32 2, i32 6, i32 3, i32 7>
  %shuf154 = shufflevector <4 x float> %shuf150, <4 x float> %shuf151, <4 x i32> <i32 0, i32 1, i32 4, i32 5>
  %shuf155 = shufflevector <4 x float> %shuf150, <4 x float> %shuf151, <4 x i32> <i32 2, i32 3, i32 6, i32 7>
  %shuf156 = shufflevector <4 x float> %shuf152, <4 x float> %shuf153, <4 x i32> <i32 0, i32 1, i32 4, i32 5>
  %shuf157 = shufflevector <4 x float> %shuf152, <4 x float> %shuf153, <4 x i32> <i32 2, i32 3, i32 6, i32 7>
  %v158 = add i64 %r65, 0
  %v159 = mul i64 %v158, 4
  %p160 = getelementptr float, ptr %p69, i64 %v159
  store <4 x float> %shuf154, ptr %p160, align 4
  %v161 = add i64 %r65, 1
  %v162 = mul i64 %v161, 4
  %p163 = getelementptr float, ptr %p69, i64 %v162
  store <4 x float> %shuf155, ptr %p163, align 4
  %v164 = add i64 %r65, 2
  %v165 = mul i64 %v164, 4
  %p166 = getelementptr float, ptr %p69, i64 %v165
  store <4 x float> %shuf156, ptr %p166, align 4
  %v167 = add i64 %r65, 3
  %v168 = mul i64 %v167, 4
  %p169 = getelementptr float, ptr %p69, i64 %v168
  store <4 x float> %shuf157, ptr %p169, align 4
  %v170 = add i64 %r65, 4
  %p171 = getelementptr i16, ptr %p43, i64 %v170
  %ld172 = load <4 x i16>, ptr %p171, align 1
  %v173 = add i64 %r65, 4
  %p174 = getelementptr i16, ptr %p47, i64 %v173
  %ld175 = load <4 x i16>, ptr %p174, align 1
  %v176 = add i64 %r65, 4
  %p177 = getelementptr i16, ptr %p51, i64 %v176
  %ld178 = load <4 x i16>, ptr %p177, align 1
  %v179 = add i64 %r65, 4
  %p180 = getelementptr i16, ptr %p55, i64 %v179
  %ld181 = load <4 x i16>, ptr %p180, align 1
  %cast182 = zext <4 x i16> %ld172 to <4 x i32>
  %v183 = and <4 x i32> %cast182, splat (i32 32767)
  %v184 = shl <4 x i32> %v183, splat (i32 13)
  %cast185 = bitcast <4 x i32> %v184 to <4 x float>
  %v186 = fmul <4 x float> %cast185, splat (float 0x46F0000000000000)
  %cast187 = uitofp <4 x i32> %v183 to <4 x float>
  %v188 = fmul <4 x float> %cast187, splat (float 0x3E70000000000000)
  %is189 = icmp ult <4 x i32> %v183, splat (i32 1024)
  %sel190 = select <4 x i1> %is189, <4 x float> %v188, <4 x float> %v186
  %cast191 = bitcast <4 x float> %sel190 to <4 x i32>
  %v192 = or <4 x i32> %v184, splat (i32 2139095040)
  %is193 = icmp uge <4 x i32> %v183, splat (i32 31744)
  %v194 = and <4 x i32> %cast182, splat (i32 32768)
  %v195 = shl <4 x i32> %v194, splat (i32 16)
  %sel196 = select <4 x i1> %is193, <4 x i32> %v192, <4 x i32> %cast191
  %v197 = or <4 x i32> %sel196, %v195
  %cast198 = bitcast <4 x i32> %v197 to <4 x float>
  %cast199 = zext <4 x i16> %ld175 to <4 x i32>
  %v200 = and <4 x i32> %cast199, splat (i32 32767)
  %v201 = shl <4 x i32> %v200, splat (i32 13)
  %cast202 = bitcast <4 x i32> %v201 to <4 x float>
  %v203 = fmul <4 x float> %cast202, splat (float 0x46F0000000000000)
  %cast204 = uitofp <4 x i32> %v200 to <4 x float>
  %v205 = fmul <4 x float> %cast204, splat (float 0x3E70000000000000)
  %is206 = icmp ult <4 x i32> %v200, splat (i32 1024)
  %sel207 = select <4 x i1> %is206, <4 x float> %v205, <4 x float> %v203
  %cast208 = bitcast <4 x float> %sel207 to <4 x i32>
  %v209 = or <4 x i32> %v201, splat (i32 2139095040)
  %is210 = icmp uge <4 x i32> %v200, splat (i32 31744)
  %v211 = and <4 x i32> %cast199, splat (i32 32768)
  %v212 = shl <4 x i32> %v211, splat (i32 16)
  %sel213 = select <4 x i1> %is210, <4 x i32> %v209, <4 x i32> %cast208
  %v214 = or <4 x i32> %sel213, %v212
  %cast215 = bitcast <4 x i32> %v214 to <4 x float>
  %cast216 = zext <4 x i16> %ld178 to <4 x i32>
  %v217 = and <4 x i32> %cast216, splat (i32 32767)
  %v218 = shl <4 x i32> %v217, splat (i32 13)
  %cast219 = bitcast <4 x i32> %v218 to <4 x float>
  %v220 = fmul <4 x float> %cast219, splat (float 0x46F0000000000000)
  %cast221 = uitofp <4 x i32> %v217 to <4 x float>
  %v222 = fmul <4 x float> %cast221, splat (float 0x3E70000000000000)
  %is223 = icmp ult <4 x i32> %v217, splat (i32 1024)
  %sel224 = select <4 x i1> %is223, <4 x float> %v222, <4 x float> %v220
  %cast225 = bitcast <4 x float> %sel224 to <4 x i32>
  %v226 = or <4 x i32> %v218, splat (i32 2139095040)
  %is227 = icmp uge <4 x i32> %v217, splat (i32 31744)
  %v228 = and <4 x i32> %cast216, splat (i32 32768)
  %v229 = shl <4 x i32> %v228, splat (i32 16)
  %sel230 = select <4 x i1> %is227, <4 x i32> %v226, <4 x i32> %cast225
  %v231 = or <4 x i32> %sel230, %v229
  %cast232 = bitcast <4 x i32> %v231 to <4 x float>
  %cast233 = zext <4 x i16> %ld181 to <4 x i32>
  %v234 = and <4 x i32> %cast233, splat (i32 32767)
  %v235 = shl <4 x i32> %v234, splat (i32 13)
  %cast236 = bitcast <4 x i32> %v235 to <4 x float>
  %v237 = fmul <4 x float> %cast236, splat (float 0x46F0000000000000)
  %cast238 = uitofp <4 x i32> %v234 to <4 x float>
  %v239 = fmul <4 x float> %cast238, splat (float 0x3E70000000000000)
  %is240 = icmp ult <4 x i32> %v234, splat (i32 1024)
  %sel241 = select <4 x i1> %is240, <4 x float> %v239, <4 x float> %v237
  %cast242 = bitcast <4 x float> %sel241 to <4 x i32>
  %v243 = or <4 x i32> %v235, splat (i32 2139095040)
  %is244 = icmp uge <4 x i32> %v234, splat (i32 31744)
  %v245 = and <4 x i32> %cast233, splat (i32 32768)
  %v246 = shl <4 x i32> %v245, splat (i32 16)
  %sel247 = select <4 x i1> %is244, <4 x i32> %v243, <4 x i32> %cast242
  %v248 = or <4 x i32> %sel247, %v246
  %cast249 = bitcast <4 x i32> %v248 to <4 x float>
  %shuf250 = shufflevector <4 x float> %cast198, <4 x float> %cast215, <4 x i32> <i32 0, i32 4, i32 1, i32 5>
  %shuf251 = shufflevector <4 x float> %cast232, <4 x float> %cast249, <4 x i32> <i32 0, i32 4, i32 1, i32 5>
  %shuf252 = shufflevector <4 x float> %cast198, <4 x float> %cast215, <4 x i32> <i32 2, i32 6, i32 3, i32 7>
  %shuf253 = shufflevector <4 x float> %cast232, <4 x float> %cast249, <4 x i32> <i32 2, i32 6, i32 3, i32 7>
  %shuf254 = shufflevector <4 x float> %shuf250, <4 x float> %shuf251, <4 x i32> <i32 0, i32 1, i32 4, i32 5>
  %shuf255 = shufflevector <4 x float> %shuf250, <4 x float> %shuf251, <4 x i32> <i32 2, i32 3, i32 6, i32 7>
  %shuf256 = shufflevector <4 x float> %shuf252, <4 x float> %shuf253, <4 x i32> <i32 0, i32 1, i32 4, i32 5>
  %shuf257 = shufflevector <4 x float> %shuf252, <4 x float> %shuf253, <4 x i32> <i32 2, i32 3, i32 6, i32 7>
  %v258 = add i64 %r65, 4
  %v259 = mul i64 %v258, 4
  %p260 = getelementptr float, ptr %p69, i64 %v259
  store <4 x float> %shuf254, ptr %p260, align 4
  %v261 = add i64 %r65, 5
  %v262 = mul i64 %v261, 4
  %p263 = getelementptr float, ptr %p69, i64 %v262
  store <4 x float> %shuf255, ptr %p263, align 4
  %v264 = add i64 %r65, 6
  %v265 = mul i64 %v264, 4
  %p266 = getelementptr float, ptr %p69, i64 %v265
  store <4 x float> %shuf256, ptr %p266, align 4
  %v267 = add i64 %r65, 7
  %v268 = mul i64 %v267, 4
  %p269 = getelementptr float, ptr %p69, i64 %v268
  store <4 x float> %shuf257, ptr %p269, align 4
  %v270 = add i64 %r65, 8
  %p271 = getelementptr i16, ptr %p43, i64 %v270
  %ld272 = load <4 x i16>, ptr %p271, align 1
  %v273 = add i64 %r65, 8
  %p274 = getelementptr i16, ptr %p47, i64 %v273
  %ld275 = load <4 x i16>, ptr %p274, align 1
  %v276 = add i64 %r65, 8
  %p277 = getelementptr i16, ptr %p51, i64 %v276
  %ld278 = load <4 x i16>, ptr %p277, align 1
  %v279 = add i64 %r65, 8
  %p280 = getelementptr i16, ptr %p55, i64 %v279
  %ld281 = load <4 x i16>, ptr %p280, align 1
  %cast282 = zext <4 x i16> %ld272 to <4 x i32>
  %v283 = and <4 x i32> %cast282, splat (i32 32767)
  %v284 = shl <4 x i32> %v283, splat (i32 13)
  %cast285 = bitcast <4 x i32> %v284 to <4 x float>
  %v286 = fmul <4 x float> %cast285, splat (float 0x46F0000000000000)
  %cast287 = uitofp <4 x i32> %v283 to <4 x float>
  %v288 = fmul <4 x float> %cast287, splat (float 0x3E70000000000000)
  %is289 = icmp ult <4 x i32> %v283, splat (i32 1024)
  %sel290 = select <4 x i1> %is289, <4 x float> %v288, <4 x float> %v286
  %cast291 = bitcast <4 x float> %sel290 to <4 x i32>
  %v292 = or <4 x i32> %v284, splat (i32 2139095040)
  %is293 = icmp uge <4 x i32> %v283, splat (i32 31744)
  %v294 = and <4 x i32> %cast282, splat (i32 32768)
  %v295 = shl <4 x i32> %v294, splat (i32 16)
  %sel296 = select <4 x i1> %is293, <4 x i32> %v292, <4 x i32> %cast291
  %v297 = or <4 x i32> %sel296, %v295
  %cast298 = bitcast <4 x i32> %v297 to <4 x float>
  %cast299 = zext <4 x i16> %ld275 to <4 x i32>
  %v300 = and <4 x i32> %cast299, splat (i32 32767)
  %v301 = shl <4 x i32> %v300, splat (i32 13)
  %cast302 = bitcast <4 x i32> %v301 to <4 x float>
  %v303 = fmul <4 x float> %cast302, splat (float 0x46F0000000000000)
  %cast304 = uitofp <4 x i32> %v300 to <4 x float>
  %v305 = fmul <4 x float> %cast304, splat (float 0x3E70000000000000)
  %is306 = icmp ult <4 x i32> %v300, splat (i32 1024)
  %sel307 = select <4 x i1> %is306, <4 x float> %v305, <4 x float> %v303
  %cast308 = bitcast <4 x float> %sel307 to <4 x i32>
  %v309 = or <4 x i32> %v301, splat (i32 2139095040)
  %is310 = icmp uge <4 x i32> %v300, splat (i32 31744)
  %v311 = and <4 x i32> %cast299, splat (i32 32768)
  %v312 = shl <4 x i32> %v311, splat (i32 16)
  %sel313 = select <4 x i1> %is310, <4 x i32> %v309, <4 x i32> %cast308
  %v314 = or <4 x i32> %sel313, %v312
  %cast315 = bitcast <4 x i32> %v314 to <4 x float>
  %cast316 = zext <4 x i16> %ld278 to <4 x i32>
  %v317 = and <4 x i32> %cast316, splat (i32 32767)
  %v318 = shl <4 x i32> %v317, splat (i32 13)
  %cast319 = bitcast <4 x i32> %v318 to <4 x float>
  %v320 = fmul <4 x float> %cast319, splat (float 0x46F0000000000000)
  %cast321 = uitofp <4 x i32> %v317 to <4 x float>
  %v322 = fmul <4 x float> %cast321, splat (float 0x3E70000000000000)
  %is323 = icmp ult <4 x i32> %v317, splat (i32 1024)
  %sel324 = select <4 x i1> %is323, <4 x float> %v322, <4 x float> %v320
  %cast325 = bitcast <4 x float> %sel324 to <4 x i32>
  %v326 = or <4 x i32> %v318, splat (i32 2139095040)
  %is327 = icmp uge <4 x i32> %v317, splat (i32 31744)
  %v328 = and <4 x i32> %cast316, splat (i32 32768)
  %v329 = shl <4 x i32> %v328, splat (i32 16)
  %sel330 = select <4 x i1> %is327, <4 x i32> %v326, <4 x i32> %cast325
  %v331 = or <4 x i32> %sel330, %v329
  %cast332 = bitcast <4 x i32> %v331 to <4 x float>
  %cast333 = zext <4 x i16> %ld281 to <4 x i32>
  %v334 = and <4 x i32> %cast333, splat (i32 32767)
  %v335 = shl <4 x i32> %v334, splat (i32 13)
  %cast336 = bitcast <4 x i32> %v335 to <4 x float>
  %v337 = fmul <4 x float> %cast336, splat (float 0x46F0000000000000)
  %cast338 = uitofp <4 x i32> %v334 to <4 x float>
  %v339 = fmul <4 x float> %cast338, splat (float 0x3E70000000000000)
  %is340 = icmp ult <4 x i32> %v334, splat (i32 1024)
  %sel341 = select <4 x i1> %is340, <4 x float> %v339, <4 x float> %v337
  %cast342 = bitcast <4 x float> %sel341 to <4 x i32>
  %v343 = or <4 x i32> %v335, splat (i32 2139095040)
  %is344 = icmp uge <4 x i32> %v334, splat (i32 31744)
  %v345 = and <4 x i32> %cast333, splat (i32 32768)
  %v346 = shl <4 x i32> %v345, splat (i32 16)
  %sel347 = select <4 x i1> %is344, <4 x i32> %v343, <4 x i32> %cast342
  %v348 = or <4 x i32> %sel347, %v346
  %cast349 = bitcast <4 x i32> %v348 to <4 x float>
  %shuf350 = shufflevector <4 x float> %cast298, <4 x float> %cast315, <4 x i32> <i32 0, i32 4, i32 1, i32 5>
  %shuf351 = shufflevector <4 x float> %cast332, <4 x float> %cast349, <4 x i32> <i32 0, i32 4, i32 1, i32 5>
  %shuf352 = shufflevector <4 x float> %cast298, <4 x float> %cast315, <4 x i32> <i32 2, i32 6, i32 3, i32 7>
  %shuf353 = shufflevector <4 x float> %cast332, <4 x float> %cast349, <4 x i32> <i32 2, i32 6, i32 3, i32 7>
  %shuf354 = shufflevector <4 x float> %shuf350, <4 x float> %shuf351, <4 x i32> <i32 0, i32 1, i32 4, i32 5>
  %shuf355 = shufflevector <4 x float> %shuf350, <4 x float> %shuf351, <4 x i32> <i32 2, i32 3, i32 6, i32 7>
  %shuf356 = shufflevector <4 x float> %shuf352, <4 x float> %shuf353, <4 x i32> <i32 0, i32 1, i32 4, i32 5>
  %shuf357 = shufflevector <4 x float> %shuf352, <4 x float> %shuf353, <4 x i32> <i32 2, i32 3, i32 6, i32 7>
  %v358 = add i64 %r65, 8
  %v359 = mul i64 %v358, 4
  %p360 = getelementptr float, ptr %p69, i64 %v359
  store <4 x float> %shuf354, ptr %p360, align 4
  %v361 = add i64 %r65, 9
  %v362 = mul i64 %v361, 4
  %p363 = getelementptr float, ptr %p69, i64 %v362
  store <4 x float> %shuf355, ptr %p363, align 4
  %v364 = add i64 %r65, 10
  %v365 = mul i64 %v364, 4
  %p366 = getelementptr float, ptr %p69, i64 %v365
  store <4 x float> %shuf356, ptr %p366, align 4
  %v367 = add i64 %r65, 11
  %v368 = mul i64 %v367, 4
  %p369 = getelementptr float, ptr %p69, i64 %v368
  store <4 x float> %shuf357, ptr %p369, align 4
  %v370 = add i64 %r65, 12
  %p371 = getelementptr i16, ptr %p43, i64 %v370
  %ld372 = load <4 x i16>, ptr %p371, align 1
  %v373 = add i64 %r65, 12
  %p374 = getelementptr i16, ptr %p47, i64 %v373
  %ld375 = load <4 x i16>, ptr %p374, align 1
  %v376 = add i64 %r65, 12
  %p377 = getelementptr i16, ptr %p51, i64 %v376
  %ld378 = load <4 x i16>, ptr %p377, align 1
  %v379 = add i64 %r65, 12
  %p380 = getelementptr i16, ptr %p55, i64 %v379
  %ld381 = load <4 x i16>, ptr %p380, align 1
  %cast382 = zext <4 x i16> %ld372 to <4 x i32>
  %v383 = and <4 x i32> %cast382, splat (i32 32767)
  %v384 = shl <4 x i32> %v383, splat (i32 13)
  %cast385 = bitcast <4 x i32> %v384 to <4 x float>
  %v386 = fmul <4 x float> %cast385, splat (float 0x46F0000000000000)
  %cast387 = uitofp <4 x i32> %v383 to <4 x float>
  %v388 = fmul <4 x float> %cast387, splat (float 0x3E70000000000000)
  %is389 = icmp ult <4 x i32> %v383, splat (i32 1024)
  %sel390 = select <4 x i1> %is389, <4 x float> %v388, <4 x float> %v386
  %cast391 = bitcast <4 x float> %sel390 to <4 x i32>
  %v392 = or <4 x i32> %v384, splat (i32 2139095040)
  %is393 = icmp uge <4 x i32> %v383, splat (i32 31744)
  %v394 = and <4 x i32> %cast382, splat (i32 32768)
  %v395 = shl <4 x i32> %v394, splat (i32 16)
  %sel396 = select <4 x i1> %is393, <4 x i32> %v392, <4 x i32> %cast391
  %v397 = or <4 x i32> %sel396, %v395
  %cast398 = bitcast <4 x i32> %v397 to <4 x float>
  %cast399 = zext <4 x i16> %ld375 to <4 x i32>
  %v400 = and <4 x i32> %cast399, splat (i32 32767)
  %v401 = shl <4 x i32> %v400, splat (i32 13)
  %cast402 = bitcast <4 x i32> %v401 to <4 x float>
  %v403 = fmul <4 x float> %cast402, splat (float 0x46F0000000000000)
  %cast404 = uitofp <4 x i32> %v400 to <4 x float>
  %v405 = fmul <4 x float> %cast404, splat (float 0x3E70000000000000)
  %is406 = icmp ult <4 x i32> %v400, splat (i32 1024)
  %sel407 = select <4 x i1> %is406, <4 x float> %v405, <4 x float> %v403
  %cast408 = bitcast <4 x float> %sel407 to <4 x i32>
  %v409 = or <4 x i32> %v401, splat (i32 2139095040)
  %is410 = icmp uge <4 x i32> %v400, splat (i32 31744)
  %v411 = and <4 x i32> %cast399, splat (i32 32768)
  %v412 = shl <4 x i32> %v411, splat (i32 16)
  %sel413 = select <4 x i1> %is410, <4 x i32> %v409, <4 x i32> %cast408
  %v414 = or <4 x i32> %sel413, %v412
  %cast415 = bitcast <4 x i32> %v414 to <4 x float>
  %cast416 = zext <4 x i16> %ld378 to <4 x i32>
  %v417 = and <4 x i32> %cast416, splat (i32 32767)
  %v418 = shl <4 x i32> %v417, splat (i32 13)
  %cast419 = bitcast <4 x i32> %v418 to <4 x float>
  %v420 = fmul <4 x float> %cast419, splat (float 0x46F0000000000000)
  %cast421 = uitofp <4 x i32> %v417 to <4 x float>
  %v422 = fmul <4 x float> %cast421, splat (float 0x3E70000000000000)
  %is423 = icmp ult <4 x i32> %v417, splat (i32 1024)
  %sel424 = select <4 x i1> %is423, <4 x float> %v422, <4 x float> %v420
  %cast425 = bitcast <4 x float> %sel424 to <4 x i32>
  %v426 = or <4 x i32> %v418, splat (i32 2139095040)
  %is427 = icmp uge <4 x i32> %v417, splat (i32 31744)
  %v428 = and <4 x i32> %cast416, splat (i32 32768)
  %v429 = shl <4 x i32> %v428, splat (i32 16)
  %sel430 = select <4 x i1> %is427, <4 x i32> %v426, <4 x i32> %cast425
  %v431 = or <4 x i32> %sel430, %v429
  %cast432 = bitcast <4 x i32> %v431 to <4 x float>
  %cast433 = zext <4 x i16> %ld381 to <4 x i32>
  %v434 = and <4 x i32> %cast433, splat (i32 32767)
  %v435 = shl <4 x i32> %v434, splat (i32 13)
  %cast436 = bitcast <4 x i32> %v435 to <4 x float>
  %v437 = fmul <4 x float> %cast436, splat (float 0x46F0000000000000)
  %cast438 = uitofp <4 x i32> %v434 to <4 x float>
  %v439 = fmul <4 x float> %cast438, splat (float 0x3E70000000000000)
  %is440 = icmp ult <4 x i32> %v434, splat (i32 1024)
  %sel441 = select <4 x i1> %is440, <4 x float> %v439, <4 x float> %v437
  %cast442 = bitcast <4 x float> %sel441 to <4 x i32>
  %v443 = or <4 x i32> %v435, splat (i32 2139095040)
  %is444 = icmp uge <4 x i32> %v434, splat (i32 31744)
  %v445 = and <4 x i32> %cast433, splat (i32 32768)
  %v446 = shl <4 x i32> %v445, splat (i32 16)
  %sel447 = select <4 x i1> %is444, <4 x i32> %v443, <4 x i32> %cast442
  %v448 = or <4 x i32> %sel447, %v446
  %cast449 = bitcast <4 x i32> %v448 to <4 x float>
  %shuf450 = shufflevector <4 x float> %cast398, <4 x float> %cast415, <4 x i32> <i32 0, i32 4, i32 1, i32 5>
  %shuf451 = shufflevector <4 x float> %cast432, <4 x float> %cast449, <4 x i32> <i32 0, i32 4, i32 1, i32 5>
  %shuf452 = shufflevector <4 x float> %cast398, <4 x float> %cast415, <4 x i32> <i32 2, i32 6, i32 3, i32 7>
  %shuf453 = shufflevector <4 x float> %cast432, <4 x float> %cast449, <4 x i32> <i32 2, i32 6, i32 3, i32 7>
  %shuf454 = shufflevector <4 x float> %shuf450, <4 x float> %shuf451, <4 x i32> <i32 0, i32 1, i32 4, i32 5>
  %shuf455 = shufflevector <4 x float> %shuf450, <4 x float> %shuf451, <4 x i32> <i32 2, i32 3, i32 6, i32 7>
  %shuf456 = shufflevector <4 x float> %shuf452, <4 x float> %shuf453, <4 x i32> <i32 0, i32 1, i32 4, i32 5>
  %shuf457 = shufflevector <4 x float> %shuf452, <4 x float> %shuf453, <4 x i32> <i32 2, i32 3, i32 6, i32 7>
  %v458 = add i64 %r65, 12
  %v459 = mul i64 %v458, 4
  %p460 = getelementptr float, ptr %p69, i64 %v459
  store <4 x float> %shuf454, ptr %p460, align 4
  %v461 = add i64 %r65, 13
  %v462 = mul i64 %v461, 4
  %p463 = getelementptr float, ptr %p69, i64 %v462
  store <4 x float> %shuf455, ptr %p463, align 4
  %v464 = add i64 %r65, 14
  %v465 = mul i64 %v464, 4
  %p466 = getelementptr float, ptr %p69, i64 %v465
  store <4 x float> %shuf456, ptr %p466, align 4
  %v467 = add i64 %r65, 15
  %v468 = mul i64 %v467, 4
  %p469 = getelementptr float, ptr %p69, i64 %v468
  store <4 x float> %shuf457, ptr %p469, align 4
  br label %latch58
latch58:
  %v470 = add i64 %i58, 1
  br label %loop58
done58:
  br label %latch37
latch37:
  %v471 = add i64 %i37, 4
  br label %loop37
done37:
  br label %after32
after32:
  %is472 = icmp sge i64 %ld10, 4
  %is473 = icmp slt i64 %ld10, 16
  %v474 = and i1 %is472, %is473
  br i1 %v474, label %then475, label %after475
then475:
  br label %loop476
loop476:
  %i476 = phi i64 [ 0, %then475 ], [ %v603, %latch476 ]
  %is477 = icmp slt i64 %i476, 4
  br i1 %is477, label %body476, label %done476
body476:
  %v478 = add i64 %i476, 0
  %r479 = call i64 @llvm.smin.i64(i64 %v478, i64 %v21)
  %v480 = mul i64 %r479, %v14
  %p481 = getelementptr i8, ptr %p18, i64 %v480
  %v482 = add i64 %i476, 1
  %r483 = call i64 @llvm.smin.i64(i64 %v482, i64 %v21)
  %v484 = mul i64 %r483, %v14
  %p485 = getelementptr i8, ptr %p18, i64 %v484
  %v486 = add i64 %i476, 2
  %r487 = call i64 @llvm.smin.i64(i64 %v486, i64 %v21)
  %v488 = mul i64 %r487, %v14
  %p489 = getelementptr i8, ptr %p18, i64 %v488
  %v490 = add i64 %i476, 3
  %r491 = call i64 @llvm.smin.i64(i64 %v490, i64 %v21)
  %v492 = mul i64 %r491, %v14
  %p493 = getelementptr i8, ptr %p18, i64 %v492
  br label %loop494
loop494:
  %i494 = phi i64 [ 0, %body476 ], [ %v602, %latch494 ]
  %is495 = icmp slt i64 %i494, %ld10
  br i1 %is495, label %body494, label %done494
body494:
  %v496 = add i64 %ld10, -4
  %r497 = call i64 @llvm.smin.i64(i64 %i494, i64 %v496)
  %p498 = getelementptr i64, ptr %args, i64 0
  %ld499 = load i64, ptr %p498, align 8
  %p500 = getelementptr i8, ptr %ld2, i64 %ld499
  %p501 = getelementptr float, ptr %p500, i64 %i476
  %v502 = add i64 %r497, 0
  %p503 = getelementptr i16, ptr %p481, i64 %v502
  %ld504 = load <4 x i16>, ptr %p503, align 1
  %v505 = add i64 %r497, 0
  %p506 = getelementptr i16, ptr %p485, i64 %v505
  %ld507 = load <4 x i16>, ptr %p506, align 1
  %v508 = add i64 %r497, 0
  %p509 = getelementptr i16, ptr %p489, i64 %v508
  %ld510 = load <4 x i16>, ptr %p509, align 1
  %v511 = add i64 %r497, 0
  %p512 = getelementptr i16, ptr %p493, i64 %v511
  %ld513 = load <4 x i16>, ptr %p512, align 1
  %cast514 = zext <4 x i16> %ld504 to <4 x i32>
  %v515 = and <4 x i32> %cast514, splat (i32 32767)
  %v516 = shl <4 x i32> %v515, splat (i32 13)
  %cast517 = bitcast <4 x i32> %v516 to <4 x float>
  %v518 = fmul <4 x float> %cast517, splat (float 0x46F0000000000000)
  %cast519 = uitofp <4 x i32> %v515 to <4 x float>
  %v520 = fmul <4 x float> %cast519, splat (float 0x3E70000000000000)
  %is521 = icmp ult <4 x i32> %v515, splat (i32 1024)
  %sel522 = select <4 x i1> %is521, <4 x float> %v520, <4 x float> %v518
  %cast523 = bitcast <4 x float> %sel522 to <4 x i32>
  %v524 = or <4 x i32> %v516, splat (i32 2139095040)
  %is525 = icmp uge <4 x i32> %v515, splat (i32 31744)
  %v526 = and <4 x i32> %cast514, splat (i32 32768)
  %v527 = shl <4 x i32> %v526, splat (i32 16)
  %sel528 = select <4 x i1> %is525, <4 x i32> %v524, <4 x i32> %cast523
  %v529 = or <4 x i32> %sel528, %v527
  %cast530 = bitcast <4 x i32> %v529 to <4 x float>
  %cast531 = zext <4 x i16> %ld507 to <4 x i32>
  %v532 = and <4 x i32> %cast531, splat (i32 32767)
  %v533 = shl <4 x i32> %v532, splat (i32 13)
  %cast534 = bitcast <4 x i32> %v533 to <4 x float>
  %v535 = fmul <4 x float> %cast534, splat (float 0x46F0000000000000)
  %cast536 = uitofp <4 x i32> %v532 to <4 x float>
  %v537 = fmul <4 x float> %cast536, splat (float 0x3E70000000000000)
  %is538 = icmp ult <4 x i32> %v532, splat (i32 1024)
  %sel539 = select <4 x i1> %is538, <4 x float> %v537, <4 x float> %v535
  %cast540 = bitcast <4 x float> %sel539 to <4 x i32>
  %v541 = or <4 x i32> %v533, splat (i32 2139095040)
  %is542 = icmp uge <4 x i32> %v532, splat (i32 31744)
  %v543 = and <4 x i32> %cast531, splat (i32 32768)
  %v544 = shl <4 x i32> %v543, splat (i32 16)
  %sel545 = select <4 x i1> %is542, <4 x i32> %v541, <4 x i32> %cast540
  %v546 = or <4 x i32> %sel545, %v544
  %cast547 = bitcast <4 x i32> %v546 to <4 x float>
  %cast548 = zext <4 x i16> %ld510 to <4 x i32>
  %v549 = and <4 x i32> %cast548, splat (i32 32767)
  %v550 = shl <4 x i32> %v549, splat (i32 13)
  %cast551 = bitcast <4 x i32> %v550 to <4 x float>
  %v552 = fmul <4 x float> %cast551, splat (float 0x46F0000000000000)
  %cast553 = uitofp <4 x i32> %v549 to <4 x float>
  %v554 = fmul <4 x float> %cast553, splat (float 0x3E70000000000000)
  %is555 = icmp ult <4 x i32> %v549, splat (i32 1024)
  %sel556 = select <4 x i1> %is555, <4 x float> %v554, <4 x float> %v552
  %cast557 = bitcast <4 x float> %sel556 to <4 x i32>
  %v558 = or <4 x i32> %v550, splat (i32 2139095040)
  %is559 = icmp uge <4 x i32> %v549, splat (i32 31744)
  %v560 = and <4 x i32> %cast548, splat (i32 32768)
  %v561 = shl <4 x i32> %v560, splat (i32 16)
  %sel562 = select <4 x i1> %is559, <4 x i32> %v558, <4 x i32> %cast557
  %v563 = or <4 x i32> %sel562, %v561
  %cast564 = bitcast <4 x i32> %v563 to <4 x float>
  %cast565 = zext <4 x i16> %ld513 to <4 x i32>
  %v566 = and <4 x i32> %cast565, splat (i32 32767)
  %v567 = shl <4 x i32> %v566, splat (i32 13)
  %cast568 = bitcast <4 x i32> %v567 to <4 x float>
  %v569 = fmul <4 x float> %cast568, splat (float 0x46F0000000000000)
  %cast570 = uitofp <4 x i32> %v566 to <4 x float>
  %v571 = fmul <4 x float> %cast570, splat (float 0x3E70000000000000)
  %is572 = icmp ult <4 x i32> %v566, splat (i32 1024)
  %sel573 = select <4 x i1> %is572, <4 x float> %v571, <4 x float> %v569
  %cast574 = bitcast <4 x float> %sel573 to <4 x i32>
  %v575 = or <4 x i32> %v567, splat (i32 2139095040)
  %is576 = icmp uge <4 x i32> %v566, splat (i32 31744)
  %v577 = and <4 x i32> %cast565, splat (i32 32768)
  %v578 = shl <4 x i32> %v577, splat (i32 16)
  %sel579 = select <4 x i1> %is576, <4 x i32> %v575, <4 x i32> %cast574
  %v580 = or <4 x i32> %sel579, %v578
  %cast581 = bitcast <4 x i32> %v580 to <4 x float>
  %shuf582 = shufflevector <4 x float> %cast530, <4 x float> %cast547, <4 x i32> <i32 0, i32 4, i32 1, i32 5>
  %shuf583 = shufflevector <4 x float> %cast564, <4 x float> %cast581, <4 x i32> <i32 0, i32 4, i32 1, i32 5>
  %shuf584 = shufflevector <4 x float> %cast530, <4 x float> %cast547, <4 x i32> <i32 2, i32 6, i32 3, i32 7>
  %shuf585 = shufflevector <4 x float> %cast564, <4 x float> %cast581, <4 x i32> <i32 2, i32 6, i32 3, i32 7>
  %shuf586 = shufflevector <4 x float> %shuf582, <4 x float> %shuf583, <4 x i32> <i32 0, i32 1, i32 4, i32 5>
  %shuf587 = shufflevector <4 x float> %shuf582, <4 x float> %shuf583, <4 x i32> <i32 2, i32 3, i32 6, i32 7>
  %shuf588 = shufflevector <4 x float> %shuf584, <4 x float> %shuf585, <4 x i32> <i32 0, i32 1, i32 4, i32 5>
  %shuf589 = shufflevector <4 x float> %shuf584, <4 x float> %shuf585, <4 x i32> <i32 2, i32 3, i32 6, i32 7>
  %v590 = add i64 %r497, 0
  %v591 = mul i64 %v590, 4
  %p592 = getelementptr float, ptr %p501, i64 %v591
  store <4 x float> %shuf586, ptr %p592, align 4
  %v593 = add i64 %r497, 1
  %v594 = mul i64 %v593, 4
  %p595 = getelementptr float, ptr %p501, i64 %v594
  store <4 x float> %shuf587, ptr %p595, align 4
  %v596 = add i64 %r497, 2
  %v597 = mul i64 %v596, 4
  %p598 = getelementptr float, ptr %p501, i64 %v597
  store <4 x float> %shuf588, ptr %p598, align 4
  %v599 = add i64 %r497, 3
  %v600 = mul i64 %v599, 4
  %p601 = getelementptr float, ptr %p501, i64 %v600
  store <4 x float> %shuf589, ptr %p601, align 4
  br label %latch494
latch494:
  %v602 = add i64 %i494, 4
  br label %loop494
done494:
  br label %latch476
latch476:
  %v603 = add i64 %i476, 4
  br label %loop476
done476:
  br label %after475
after475:
  %is604 = icmp sge i64 %ld10, 0
  %is605 = icmp slt i64 %ld10, 4
  %v606 = and i1 %is604, %is605
  br i1 %v606, label %then607, label %after607
then607:
  br label %loop608
loop608:
  %i608 = phi i64 [ 0, %then607 ], [ %v638, %latch608 ]
  %is609 = icmp slt i64 %i608, %ld10
  br i1 %is609, label %body608, label %done608
body608:
  br label %loop610
loop610:
  %i610 = phi i64 [ 0, %body608 ], [ %v637, %latch610 ]
  %is611 = icmp slt i64 %i610, 4
  br i1 %is611, label %body610, label %done610
body610:
  %r612 = call i64 @llvm.smin.i64(i64 %i610, i64 %v21)
  %v613 = mul i64 %r612, %v14
  %p614 = getelementptr i8, ptr %p18, i64 %v613
  %p615 = getelementptr i16, ptr %p614, i64 %i608
  %ld616 = load i16, ptr %p615, align 1
  %cast617 = zext i16 %ld616 to i32
  %v618 = and i32 %cast617, 32767
  %v619 = shl i32 %v618, 13
  %cast620 = bitcast i32 %v619 to float
  %v621 = fmul float %cast620, 0x46F0000000000000
  %cast622 = uitofp i32 %v618 to float
  %v623 = fmul float %cast622, 0x3E70000000000000
  %is624 = icmp ult i32 %v618, 1024
  %sel625 = select i1 %is624, float %v623, float %v621
  %cast626 = bitcast float %sel625 to i32
  %v627 = or i32 %v619, 2139095040
  %is628 = icmp uge i32 %v618, 31744
  %v629 = and i32 %cast617, 32768
  %v630 = shl i32 %v629, 16
  %sel631 = select i1 %is628, i32 %v627, i32 %cast626
  %v632 = or i32 %sel631, %v630
  %cast633 = bitcast i32 %v632 to float
  %v634 = mul i64 %i608, 4
  %p635 = getelementptr float, ptr %p13, i64 %v634
  %p636 = getelementptr float, ptr %p635, i64 %i610
  store float %cast633, ptr %p636, align 4
  br label %latch610
latch610:
  %v637 = add i64 %i610, 1
  br label %loop610
done610:
  br label %latch608
latch608:
  %v638 = add i64 %i608, 1
  br label %loop608
done608:
  br label %after607
after607:
  ret void
}
attributes #0 = { nounwind "no-builtins" "probe-stack"="inline-asm" "prefer-vector-width"="128" "min-legal-vector-width"="128" }
