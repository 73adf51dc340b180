declare <16 x float> @llvm.fmuladd.v16f32(<16 x float>, <16 x float>, <16 x float>)
define void @f32_spmm_rows_linear_rows4_spreadpermute_x16__avx512(ptr noalias %ctx, ptr noalias %args) #0 {
entry:
  %p1 = getelementptr i64, ptr %ctx, i64 0
  %ld2 = load ptr, ptr %p1, align 8
  %p3 = getelementptr i64, ptr %args, i64 0
  %ld4 = load i64, ptr %p3, align 8
  %p5 = getelementptr i8, ptr %ld2, i64 %ld4
  %p6 = getelementptr i64, ptr %args, i64 1
  %ld7 = load i64, ptr %p6, align 8
  %p8 = getelementptr i8, ptr %ld2, i64 %ld7
  %p9 = getelementptr i64, ptr %args, i64 10
  %ld10 = load i64, ptr %p9, align 8
  br label %loop11
loop11:
  %i11 = phi i64 [ 0, %entry ], [ %v572, %latch11 ]
  %is12 = icmp slt i64 %i11, %ld10
  br i1 %is12, label %body11, label %done11
body11:
  %p13 = getelementptr i64, ptr %args, i64 11
  %ld14 = load i64, ptr %p13, align 8
  %v15 = mul i64 %i11, %ld14
  %p16 = getelementptr i8, ptr %p5, i64 %v15
  %p17 = getelementptr i64, ptr %args, i64 12
  %ld18 = load i64, ptr %p17, align 8
  %v19 = mul i64 %i11, %ld18
  %p20 = getelementptr i8, ptr %p8, i64 %v19
  br label %loop21
loop21:
  %i21 = phi i64 [ 0, %body11 ], [ %v571, %latch21 ]
  %is22 = icmp slt i64 %i21, 16
  br i1 %is22, label %body21, label %done21
body21:
  %p23 = getelementptr float, ptr %p16, i64 %i21
  %p24 = getelementptr float, ptr %p20, i64 %i21
  %p25 = getelementptr i64, ptr %args, i64 8
  %ld26 = load i64, ptr %p25, align 8
  %is27 = icmp eq i64 %ld26, 1
  br i1 %is27, label %then28, label %after28
then28:
  %p29 = getelementptr i64, ptr %args, i64 2
  %ld30 = load ptr, ptr %p29, align 8
  %v31 = mul i64 0, 3
  %p32 = getelementptr i32, ptr %ld30, i64 %v31
  %p33 = getelementptr i32, ptr %p32, i64 0
  %ld34 = load i32, ptr %p33, align 4
  %cast35 = zext i32 %ld34 to i64
  %p36 = getelementptr i32, ptr %p32, i64 1
  %ld37 = load i32, ptr %p36, align 4
  %cast38 = zext i32 %ld37 to i64
  %p39 = getelementptr i32, ptr %p32, i64 2
  %ld40 = load i32, ptr %p39, align 4
  %cast41 = zext i32 %ld40 to i64
  %p42 = getelementptr i32, ptr %p32, i64 3
  %ld43 = load i32, ptr %p42, align 4
  %cast44 = zext i32 %ld43 to i64
  %v45 = mul i64 %cast38, 4
  %p46 = getelementptr i64, ptr %args, i64 4
  %ld47 = load ptr, ptr %p46, align 8
  %p48 = getelementptr i32, ptr %ld47, i64 %v45
  %p49 = getelementptr i64, ptr %args, i64 5
  %ld50 = load ptr, ptr %p49, align 8
  %p51 = getelementptr i16, ptr %ld50, i64 %cast41
  %p52 = getelementptr i64, ptr %args, i64 6
  %ld53 = load ptr, ptr %p52, align 8
  %p54 = getelementptr float, ptr %ld53, i64 %cast41
  %p55 = getelementptr i64, ptr %args, i64 9
  %ld56 = load i64, ptr %p55, align 8
  %v57 = mul i64 0, %ld56
  %p58 = getelementptr i8, ptr %p23, i64 %v57
  br label %loop59
loop59:
  %i59 = phi i64 [ %cast35, %then28 ], [ %v170, %latch59 ]
  %c60 = phi ptr [ %p48, %then28 ], [ %c74, %latch59 ]
  %c61 = phi ptr [ %p51, %then28 ], [ %c75, %latch59 ]
  %c62 = phi ptr [ %p54, %then28 ], [ %c76, %latch59 ]
  %is63 = icmp slt i64 %i59, %cast44
  br i1 %is63, label %body59, label %done59
body59:
  %p64 = getelementptr i64, ptr %args, i64 3
  %ld65 = load ptr, ptr %p64, align 8
  %v66 = mul i64 %i59, 2
  %p67 = getelementptr i32, ptr %ld65, i64 %v66
  %ld68 = load i32, ptr %p67, align 4
  %cast69 = zext i32 %ld68 to i64
  %p70 = getelementptr i32, ptr %p67, i64 1
  %ld71 = load i32, ptr %p70, align 4
  %cast72 = zext i32 %ld71 to i64
  br label %loop73
loop73:
  %i73 = phi i64 [ 0, %body59 ], [ %v169, %latch73 ]
  %c74 = phi ptr [ %c60, %body59 ], [ %p168, %latch73 ]
  %c75 = phi ptr [ %c61, %body59 ], [ %c123, %latch73 ]
  %c76 = phi ptr [ %c62, %body59 ], [ %c124, %latch73 ]
  %is77 = icmp slt i64 %i73, %cast72
  br i1 %is77, label %body73, label %done73
body73:
  %p78 = getelementptr i32, ptr %c74, i64 0
  %ld79 = load i32, ptr %p78, align 4
  %cast80 = zext i32 %ld79 to i64
  %p81 = getelementptr i32, ptr %c74, i64 1
  %ld82 = load i32, ptr %p81, align 4
  %cast83 = zext i32 %ld82 to i64
  %p84 = getelementptr i32, ptr %c74, i64 2
  %ld85 = load i32, ptr %p84, align 4
  %cast86 = zext i32 %ld85 to i64
  %p87 = getelementptr i32, ptr %c74, i64 3
  %ld88 = load i32, ptr %p87, align 4
  %cast89 = zext i32 %ld88 to i64
  %v90 = mul i64 %cast80, 16
  %p91 = getelementptr float, ptr %p24, i64 %v90
  %v92 = mul i64 %cast83, 16
  %p93 = getelementptr float, ptr %p24, i64 %v92
  %v94 = mul i64 %cast86, 16
  %p95 = getelementptr float, ptr %p24, i64 %v94
  %v96 = mul i64 %cast89, 16
  %p97 = getelementptr float, ptr %p24, i64 %v96
  %p98 = getelementptr i64, ptr %args, i64 7
  %ld99 = load ptr, ptr %p98, align 8
  %p100 = getelementptr float, ptr %ld99, i64 %cast80
  %ld101 = load float, ptr %p100, align 4
  %one102 = insertelement <16 x float> poison, float %ld101, i64 0
  %splat103 = shufflevector <16 x float> %one102, <16 x float> %one102, <16 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %p104 = getelementptr i64, ptr %args, i64 7
  %ld105 = load ptr, ptr %p104, align 8
  %p106 = getelementptr float, ptr %ld105, i64 %cast83
  %ld107 = load float, ptr %p106, align 4
  %one108 = insertelement <16 x float> poison, float %ld107, i64 0
  %splat109 = shufflevector <16 x float> %one108, <16 x float> %one108, <16 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %p110 = getelementptr i64, ptr %args, i64 7
  %ld111 = load ptr, ptr %p110, align 8
  %p112 = getelementptr float, ptr %ld111, i64 %cast86
  %ld113 = load float, ptr %p112, align 4
  %one114 = insertelement <16 x float> poison, float %ld113, i64 0
  %splat115 = shufflevector <16 x float> %one114, <16 x float> %one114, <16 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %p116 = getelementptr i64, ptr %args, i64 7
  %ld117 = load ptr, ptr %p116, align 8
  %p118 = getelementptr float, ptr %ld117, i64 %cast89
  %ld119 = load float, ptr %p118, align 4
  %one120 = insertelement <16 x float> poison, float %ld119, i64 0
  %splat121 = shufflevector <16 x float> %one120, <16 x float> %one120, <16 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  br label %loop122
loop122:
  %i122 = phi i64 [ 0, %body73 ], [ %v163, %latch122 ]
  %c123 = phi ptr [ %c75, %body73 ], [ %p161, %latch122 ]
  %c124 = phi ptr [ %c76, %body73 ], [ %p162, %latch122 ]
  %c125 = phi <16 x float> [ %splat103, %body73 ], [ %r148, %latch122 ]
  %c126 = phi <16 x float> [ %splat109, %body73 ], [ %r152, %latch122 ]
  %c127 = phi <16 x float> [ %splat115, %body73 ], [ %r156, %latch122 ]
  %c128 = phi <16 x float> [ %splat121, %body73 ], [ %r160, %latch122 ]
  %is129 = icmp slt i64 %i122, %cast69
  br i1 %is129, label %body122, label %done122
body122:
  %ld130 = load <4 x float>, ptr %c124, align 4
  %shuf131 = shufflevector <4 x float> %ld130, <4 x float> %ld130, <16 x i32> <i32 0, i32 1, i32 2, i32 3, i32 0, i32 1, i32 2, i32 3, i32 0, i32 1, i32 2, i32 3, i32 0, i32 1, i32 2, i32 3>
  %kept132 = call <16 x float> asm "", "=v,0"(<16 x float> %shuf131)
  %shuf133 = shufflevector <16 x float> %kept132, <16 x float> %kept132, <16 x i32> <i32 0, i32 0, i32 0, i32 0, i32 4, i32 4, i32 4, i32 4, i32 8, i32 8, i32 8, i32 8, i32 12, i32 12, i32 12, i32 12>
  %shuf134 = shufflevector <16 x float> %kept132, <16 x float> %kept132, <16 x i32> <i32 1, i32 1, i32 1, i32 1, i32 5, i32 5, i32 5, i32 5, i32 9, i32 9, i32 9, i32 9, i32 13, i32 13, i32 13, i32 13>
  %shuf135 = shufflevector <16 x float> %kept132, <16 x float> %kept132, <16 x i32> <i32 2, i32 2, i32 2, i32 2, i32 6, i32 6, i32 6, i32 6, i32 10, i32 10, i32 10, i32 10, i32 14, i32 14, i32 14, i32 14>
  %shuf136 = shufflevector <16 x float> %kept132, <16 x float> %kept132, <16 x i32> <i32 3, i32 3, i32 3, i32 3, i32 7, i32 7, i32 7, i32 7, i32 11, i32 11, i32 11, i32 11, i32 15, i32 15, i32 15, i32 15>
  %ld137 = load i64, ptr %c123, align 2
  %v138 = and i64 %ld137, 65535
  %v139 = lshr i64 %ld137, 16
  %v140 = and i64 %v139, 65535
  %v141 = lshr i64 %ld137, 32
  %v142 = and i64 %v141, 65535
  %v143 = lshr i64 %ld137, 48
  %v144 = and i64 %v143, 65535
  %p145 = getelementptr i64, ptr %p58, i64 %v138
  %p146 = getelementptr float, ptr %p145, i64 0
  %ld147 = load <16 x float>, ptr %p146, align 64
  %r148 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf133, <16 x float> %ld147, <16 x float> %c125)
  %p149 = getelementptr i64, ptr %p58, i64 %v140
  %p150 = getelementptr float, ptr %p149, i64 0
  %ld151 = load <16 x float>, ptr %p150, align 64
  %r152 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf134, <16 x float> %ld151, <16 x float> %c126)
  %p153 = getelementptr i64, ptr %p58, i64 %v142
  %p154 = getelementptr float, ptr %p153, i64 0
  %ld155 = load <16 x float>, ptr %p154, align 64
  %r156 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf135, <16 x float> %ld155, <16 x float> %c127)
  %p157 = getelementptr i64, ptr %p58, i64 %v144
  %p158 = getelementptr float, ptr %p157, i64 0
  %ld159 = load <16 x float>, ptr %p158, align 64
  %r160 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf136, <16 x float> %ld159, <16 x float> %c128)
  %p161 = getelementptr i16, ptr %c123, i64 4
  %p162 = getelementptr float, ptr %c124, i64 4
  br label %latch122
latch122:
  %v163 = add i64 %i122, 1
  br label %loop122
done122:
  %p164 = getelementptr float, ptr %p91, i64 0
  store <16 x float> %c125, ptr %p164, align 64
  %p165 = getelementptr float, ptr %p93, i64 0
  store <16 x float> %c126, ptr %p165, align 64
  %p166 = getelementptr float, ptr %p95, i64 0
  store <16 x float> %c127, ptr %p166, align 64
  %p167 = getelementptr float, ptr %p97, i64 0
  store <16 x float> %c128, ptr %p167, align 64
  %p168 = getelementptr i32, ptr %c74, i64 4
  br label %latch73
latch73:
  %v169 = add i64 %i73, 1
  br label %loop73
done73:
  br label %latch59
latch59:
  %v170 = add i64 %i59, 1
  br label %loop59
done59:
  br label %after28
after28:
  %is171 = icmp sgt i64 %ld26, 1
  br i1 %is171, label %then172, label %after172
then172:
  %p173 = getelementptr i64, ptr %args, i64 2
  %ld174 = load ptr, ptr %p173, align 8
  %v175 = mul i64 0, 3
  %p176 = getelementptr i32, ptr %ld174, i64 %v175
  %p177 = getelementptr i32, ptr %p176, i64 0
  %ld178 = load i32, ptr %p177, align 4
  %cast179 = zext i32 %ld178 to i64
  %p180 = getelementptr i32, ptr %p176, i64 1
  %ld181 = load i32, ptr %p180, align 4
  %cast182 = zext i32 %ld181 to i64
  %p183 = getelementptr i32, ptr %p176, i64 2
  %ld184 = load i32, ptr %p183, align 4
  %cast185 = zext i32 %ld184 to i64
  %p186 = getelementptr i32, ptr %p176, i64 3
  %ld187 = load i32, ptr %p186, align 4
  %cast188 = zext i32 %ld187 to i64
  %v189 = mul i64 %cast182, 4
  %p190 = getelementptr i64, ptr %args, i64 4
  %ld191 = load ptr, ptr %p190, align 8
  %p192 = getelementptr i32, ptr %ld191, i64 %v189
  %p193 = getelementptr i64, ptr %args, i64 5
  %ld194 = load ptr, ptr %p193, align 8
  %p195 = getelementptr i16, ptr %ld194, i64 %cast185
  %p196 = getelementptr i64, ptr %args, i64 6
  %ld197 = load ptr, ptr %p196, align 8
  %p198 = getelementptr float, ptr %ld197, i64 %cast185
  %p199 = getelementptr i64, ptr %args, i64 9
  %ld200 = load i64, ptr %p199, align 8
  %v201 = mul i64 0, %ld200
  %p202 = getelementptr i8, ptr %p23, i64 %v201
  br label %loop203
loop203:
  %i203 = phi i64 [ %cast179, %then172 ], [ %v314, %latch203 ]
  %c204 = phi ptr [ %p192, %then172 ], [ %c218, %latch203 ]
  %c205 = phi ptr [ %p195, %then172 ], [ %c219, %latch203 ]
  %c206 = phi ptr [ %p198, %then172 ], [ %c220, %latch203 ]
  %is207 = icmp slt i64 %i203, %cast188
  br i1 %is207, label %body203, label %done203
body203:
  %p208 = getelementptr i64, ptr %args, i64 3
  %ld209 = load ptr, ptr %p208, align 8
  %v210 = mul i64 %i203, 2
  %p211 = getelementptr i32, ptr %ld209, i64 %v210
  %ld212 = load i32, ptr %p211, align 4
  %cast213 = zext i32 %ld212 to i64
  %p214 = getelementptr i32, ptr %p211, i64 1
  %ld215 = load i32, ptr %p214, align 4
  %cast216 = zext i32 %ld215 to i64
  br label %loop217
loop217:
  %i217 = phi i64 [ 0, %body203 ], [ %v313, %latch217 ]
  %c218 = phi ptr [ %c204, %body203 ], [ %p312, %latch217 ]
  %c219 = phi ptr [ %c205, %body203 ], [ %c267, %latch217 ]
  %c220 = phi ptr [ %c206, %body203 ], [ %c268, %latch217 ]
  %is221 = icmp slt i64 %i217, %cast216
  br i1 %is221, label %body217, label %done217
body217:
  %p222 = getelementptr i32, ptr %c218, i64 0
  %ld223 = load i32, ptr %p222, align 4
  %cast224 = zext i32 %ld223 to i64
  %p225 = getelementptr i32, ptr %c218, i64 1
  %ld226 = load i32, ptr %p225, align 4
  %cast227 = zext i32 %ld226 to i64
  %p228 = getelementptr i32, ptr %c218, i64 2
  %ld229 = load i32, ptr %p228, align 4
  %cast230 = zext i32 %ld229 to i64
  %p231 = getelementptr i32, ptr %c218, i64 3
  %ld232 = load i32, ptr %p231, align 4
  %cast233 = zext i32 %ld232 to i64
  %v234 = mul i64 %cast224, 16
  %p235 = getelementptr float, ptr %p24, i64 %v234
  %v236 = mul i64 %cast227, 16
  %p237 = getelementptr float, ptr %p24, i64 %v236
  %v238 = mul i64 %cast230, 16
  %p239 = getelementptr float, ptr %p24, i64 %v238
  %v240 = mul i64 %cast233, 16
  %p241 = getelementptr float, ptr %p24, i64 %v240
  %p242 = getelementptr i64, ptr %args, i64 7
  %ld243 = load ptr, ptr %p242, align 8
  %p244 = getelementptr float, ptr %ld243, i64 %cast224
  %ld245 = load float, ptr %p244, align 4
  %one246 = insertelement <16 x float> poison, float %ld245, i64 0
  %splat247 = shufflevector <16 x float> %one246, <16 x float> %one246, <16 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %p248 = getelementptr i64, ptr %args, i64 7
  %ld249 = load ptr, ptr %p248, align 8
  %p250 = getelementptr float, ptr %ld249, i64 %cast227
  %ld251 = load float, ptr %p250, align 4
  %one252 = insertelement <16 x float> poison, float %ld251, i64 0
  %splat253 = shufflevector <16 x float> %one252, <16 x float> %one252, <16 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %p254 = getelementptr i64, ptr %args, i64 7
  %ld255 = load ptr, ptr %p254, align 8
  %p256 = getelementptr float, ptr %ld255, i64 %cast230
  %ld257 = load float, ptr %p256, align 4
  %one258 = insertelement <16 x float> poison, float %ld257, i64 0
  %splat259 = shufflevector <16 x float> %one258, <16 x float> %one258, <16 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %p260 = getelementptr i64, ptr %args, i64 7
  %ld261 = load ptr, ptr %p260, align 8
  %p262 = getelementptr float, ptr %ld261, i64 %cast233
  %ld263 = load float, ptr %p262, align 4
  %one264 = insertelement <16 x float> poison, float %ld263, i64 0
  %splat265 = shufflevector <16 x float> %one264, <16 x float> %one264, <16 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  br label %loop266
loop266:
  %i266 = phi i64 [ 0, %body217 ], [ %v307, %latch266 ]
  %c267 = phi ptr [ %c219, %body217 ], [ %p305, %latch266 ]
  %c268 = phi ptr [ %c220, %body217 ], [ %p306, %latch266 ]
  %c269 = phi <16 x float> [ %splat247, %body217 ], [ %r292, %latch266 ]
  %c270 = phi <16 x float> [ %splat253, %body217 ], [ %r296, %latch266 ]
  %c271 = phi <16 x float> [ %splat259, %body217 ], [ %r300, %latch266 ]
  %c272 = phi <16 x float> [ %splat265, %body217 ], [ %r304, %latch266 ]
  %is273 = icmp slt i64 %i266, %cast213
  br i1 %is273, label %body266, label %done266
body266:
  %ld274 = load <4 x float>, ptr %c268, align 4
  %shuf275 = shufflevector <4 x float> %ld274, <4 x float> %ld274, <16 x i32> <i32 0, i32 1, i32 2, i32 3, i32 0, i32 1, i32 2, i32 3, i32 0, i32 1, i32 2, i32 3, i32 0, i32 1, i32 2, i32 3>
  %kept276 = call <16 x float> asm "", "=v,0"(<16 x float> %shuf275)
  %shuf277 = shufflevector <16 x float> %kept276, <16 x float> %kept276, <16 x i32> <i32 0, i32 0, i32 0, i32 0, i32 4, i32 4, i32 4, i32 4, i32 8, i32 8, i32 8, i32 8, i32 12, i32 12, i32 12, i32 12>
  %shuf278 = shufflevector <16 x float> %kept276, <16 x float> %kept276, <16 x i32> <i32 1, i32 1, i32 1, i32 1, i32 5, i32 5, i32 5, i32 5, i32 9, i32 9, i32 9, i32 9, i32 13, i32 13, i32 13, i32 13>
  %shuf279 = shufflevector <16 x float> %kept276, <16 x float> %kept276, <16 x i32> <i32 2, i32 2, i32 2, i32 2, i32 6, i32 6, i32 6, i32 6, i32 10, i32 10, i32 10, i32 10, i32 14, i32 14, i32 14, i32 14>
  %shuf280 = shufflevector <16 x float> %kept276, <16 x float> %kept276, <16 x i32> <i32 3, i32 3, i32 3, i32 3, i32 7, i32 7, i32 7, i32 7, i32 11, i32 11, i32 11, i32 11, i32 15, i32 15, i32 15, i32 15>
  %ld281 = load i64, ptr %c267, align 2
  %v282 = and i64 %ld281, 65535
  %v283 = lshr i64 %ld281, 16
  %v284 = and i64 %v283, 65535
  %v285 = lshr i64 %ld281, 32
  %v286 = and i64 %v285, 65535
  %v287 = lshr i64 %ld281, 48
  %v288 = and i64 %v287, 65535
  %p289 = getelementptr i64, ptr %p202, i64 %v282
  %p290 = getelementptr float, ptr %p289, i64 0
  %ld291 = load <16 x float>, ptr %p290, align 64
  %r292 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf277, <16 x float> %ld291, <16 x float> %c269)
  %p293 = getelementptr i64, ptr %p202, i64 %v284
  %p294 = getelementptr float, ptr %p293, i64 0
  %ld295 = load <16 x float>, ptr %p294, align 64
  %r296 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf278, <16 x float> %ld295, <16 x float> %c270)
  %p297 = getelementptr i64, ptr %p202, i64 %v286
  %p298 = getelementptr float, ptr %p297, i64 0
  %ld299 = load <16 x float>, ptr %p298, align 64
  %r300 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf279, <16 x float> %ld299, <16 x float> %c271)
  %p301 = getelementptr i64, ptr %p202, i64 %v288
  %p302 = getelementptr float, ptr %p301, i64 0
  %ld303 = load <16 x float>, ptr %p302, align 64
  %r304 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf280, <16 x float> %ld303, <16 x float> %c272)
  %p305 = getelementptr i16, ptr %c267, i64 4
  %p306 = getelementptr float, ptr %c268, i64 4
  br label %latch266
latch266:
  %v307 = add i64 %i266, 1
  br label %loop266
done266:
  %p308 = getelementptr float, ptr %p235, i64 0
  store <16 x float> %c269, ptr %p308, align 64
  %p309 = getelementptr float, ptr %p237, i64 0
  store <16 x float> %c270, ptr %p309, align 64
  %p310 = getelementptr float, ptr %p239, i64 0
  store <16 x float> %c271, ptr %p310, align 64
  %p311 = getelementptr float, ptr %p241, i64 0
  store <16 x float> %c272, ptr %p311, align 64
  %p312 = getelementptr i32, ptr %c218, i64 4
  br label %latch217
latch217:
  %v313 = add i64 %i217, 1
  br label %loop217
done217:
  br label %latch203
latch203:
  %v314 = add i64 %i203, 1
  br label %loop203
done203:
  %v315 = add i64 %ld26, -1
  br label %loop316
loop316:
  %i316 = phi i64 [ 1, %done203 ], [ %v444, %latch316 ]
  %is317 = icmp slt i64 %i316, %v315
  br i1 %is317, label %body316, label %done316
body316:
  %p318 = getelementptr i64, ptr %args, i64 2
  %ld319 = load ptr, ptr %p318, align 8
  %v320 = mul i64 %i316, 3
  %p321 = getelementptr i32, ptr %ld319, i64 %v320
  %p322 = getelementptr i32, ptr %p321, i64 0
  %ld323 = load i32, ptr %p322, align 4
  %cast324 = zext i32 %ld323 to i64
  %p325 = getelementptr i32, ptr %p321, i64 1
  %ld326 = load i32, ptr %p325, align 4
  %cast327 = zext i32 %ld326 to i64
  %p328 = getelementptr i32, ptr %p321, i64 2
  %ld329 = load i32, ptr %p328, align 4
  %cast330 = zext i32 %ld329 to i64
  %p331 = getelementptr i32, ptr %p321, i64 3
  %ld332 = load i32, ptr %p331, align 4
  %cast333 = zext i32 %ld332 to i64
  %v334 = mul i64 %cast327, 4
  %p335 = getelementptr i64, ptr %args, i64 4
  %ld336 = load ptr, ptr %p335, align 8
  %p337 = getelementptr i32, ptr %ld336, i64 %v334
  %p338 = getelementptr i64, ptr %args, i64 5
  %ld339 = load ptr, ptr %p338, align 8
  %p340 = getelementptr i16, ptr %ld339, i64 %cast330
  %p341 = getelementptr i64, ptr %args, i64 6
  %ld342 = load ptr, ptr %p341, align 8
  %p343 = getelementptr float, ptr %ld342, i64 %cast330
  %p344 = getelementptr i64, ptr %args, i64 9
  %ld345 = load i64, ptr %p344, align 8
  %v346 = mul i64 %i316, %ld345
  %p347 = getelementptr i8, ptr %p23, i64 %v346
  br label %loop348
loop348:
  %i348 = phi i64 [ %cast324, %body316 ], [ %v443, %latch348 ]
  %c349 = phi ptr [ %p337, %body316 ], [ %c363, %latch348 ]
  %c350 = phi ptr [ %p340, %body316 ], [ %c364, %latch348 ]
  %c351 = phi ptr [ %p343, %body316 ], [ %c365, %latch348 ]
  %is352 = icmp slt i64 %i348, %cast333
  br i1 %is352, label %body348, label %done348
body348:
  %p353 = getelementptr i64, ptr %args, i64 3
  %ld354 = load ptr, ptr %p353, align 8
  %v355 = mul i64 %i348, 2
  %p356 = getelementptr i32, ptr %ld354, i64 %v355
  %ld357 = load i32, ptr %p356, align 4
  %cast358 = zext i32 %ld357 to i64
  %p359 = getelementptr i32, ptr %p356, i64 1
  %ld360 = load i32, ptr %p359, align 4
  %cast361 = zext i32 %ld360 to i64
  br label %loop362
loop362:
  %i362 = phi i64 [ 0, %body348 ], [ %v442, %latch362 ]
  %c363 = phi ptr [ %c349, %body348 ], [ %p441, %latch362 ]
  %c364 = phi ptr [ %c350, %body348 ], [ %c396, %latch362 ]
  %c365 = phi ptr [ %c351, %body348 ], [ %c397, %latch362 ]
  %is366 = icmp slt i64 %i362, %cast361
  br i1 %is366, label %body362, label %done362
body362:
  %p367 = getelementptr i32, ptr %c363, i64 0
  %ld368 = load i32, ptr %p367, align 4
  %cast369 = zext i32 %ld368 to i64
  %p370 = getelementptr i32, ptr %c363, i64 1
  %ld371 = load i32, ptr %p370, align 4
  %cast372 = zext i32 %ld371 to i64
  %p373 = getelementptr i32, ptr %c363, i64 2
  %ld374 = load i32, ptr %p373, align 4
  %cast375 = zext i32 %ld374 to i64
  %p376 = getelementptr i32, ptr %c363, i64 3
  %ld377 = load i32, ptr %p376, align 4
  %cast378 = zext i32 %ld377 to i64
  %v379 = mul i64 %cast369, 16
  %p380 = getelementptr float, ptr %p24, i64 %v379
  %v381 = mul i64 %cast372, 16
  %p382 = getelementptr float, ptr %p24, i64 %v381
  %v383 = mul i64 %cast375, 16
  %p384 = getelementptr float, ptr %p24, i64 %v383
  %v385 = mul i64 %cast378, 16
  %p386 = getelementptr float, ptr %p24, i64 %v385
  %p387 = getelementptr float, ptr %p380, i64 0
  %ld388 = load <16 x float>, ptr %p387, align 64
  %p389 = getelementptr float, ptr %p382, i64 0
  %ld390 = load <16 x float>, ptr %p389, align 64
  %p391 = getelementptr float, ptr %p384, i64 0
  %ld392 = load <16 x float>, ptr %p391, align 64
  %p393 = getelementptr float, ptr %p386, i64 0
  %ld394 = load <16 x float>, ptr %p393, align 64
  br label %loop395
loop395:
  %i395 = phi i64 [ 0, %body362 ], [ %v436, %latch395 ]
  %c396 = phi ptr [ %c364, %body362 ], [ %p434, %latch395 ]
  %c397 = phi ptr [ %c365, %body362 ], [ %p435, %latch395 ]
  %c398 = phi <16 x float> [ %ld388, %body362 ], [ %r421, %latch395 ]
  %c399 = phi <16 x float> [ %ld390, %body362 ], [ %r425, %latch395 ]
  %c400 = phi <16 x float> [ %ld392, %body362 ], [ %r429, %latch395 ]
  %c401 = phi <16 x float> [ %ld394, %body362 ], [ %r433, %latch395 ]
  %is402 = icmp slt i64 %i395, %cast358
  br i1 %is402, label %body395, label %done395
body395:
  %ld403 = load <4 x float>, ptr %c397, align 4
  %shuf404 = shufflevector <4 x float> %ld403, <4 x float> %ld403, <16 x i32> <i32 0, i32 1, i32 2, i32 3, i32 0, i32 1, i32 2, i32 3, i32 0, i32 1, i32 2, i32 3, i32 0, i32 1, i32 2, i32 3>
  %kept405 = call <16 x float> asm "", "=v,0"(<16 x float> %shuf404)
  %shuf406 = shufflevector <16 x float> %kept405, <16 x float> %kept405, <16 x i32> <i32 0, i32 0, i32 0, i32 0, i32 4, i32 4, i32 4, i32 4, i32 8, i32 8, i32 8, i32 8, i32 12, i32 12, i32 12, i32 12>
  %shuf407 = shufflevector <16 x float> %kept405, <16 x float> %kept405, <16 x i32> <i32 1, i32 1, i32 1, i32 1, i32 5, i32 5, i32 5, i32 5, i32 9, i32 9, i32 9, i32 9, i32 13, i32 13, i32 13, i32 13>
  %shuf408 = shufflevector <16 x float> %kept405, <16 x float> %kept405, <16 x i32> <i32 2, i32 2, i32 2, i32 2, i32 6, i32 6, i32 6, i32 6, i32 10, i32 10, i32 10, i32 10, i32 14, i32 14, i32 14, i32 14>
  %shuf409 = shufflevector <16 x float> %kept405, <16 x float> %kept405, <16 x i32> <i32 3, i32 3, i32 3, i32 3, i32 7, i32 7, i32 7, i32 7, i32 11, i32 11, i32 11, i32 11, i32 15, i32 15, i32 15, i32 15>
  %ld410 = load i64, ptr %c396, align 2
  %v411 = and i64 %ld410, 65535
  %v412 = lshr i64 %ld410, 16
  %v413 = and i64 %v412, 65535
  %v414 = lshr i64 %ld410, 32
  %v415 = and i64 %v414, 65535
  %v416 = lshr i64 %ld410, 48
  %v417 = and i64 %v416, 65535
  %p418 = getelementptr i64, ptr %p347, i64 %v411
  %p419 = getelementptr float, ptr %p418, i64 0
  %ld420 = load <16 x float>, ptr %p419, align 64
  %r421 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf406, <16 x float> %ld420, <16 x float> %c398)
  %p422 = getelementptr i64, ptr %p347, i64 %v413
  %p423 = getelementptr float, ptr %p422, i64 0
  %ld424 = load <16 x float>, ptr %p423, align 64
  %r425 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf407, <16 x float> %ld424, <16 x float> %c399)
  %p426 = getelementptr i64, ptr %p347, i64 %v415
  %p427 = getelementptr float, ptr %p426, i64 0
  %ld428 = load <16 x float>, ptr %p427, align 64
  %r429 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf408, <16 x float> %ld428, <16 x float> %c400)
  %p430 = getelementptr i64, ptr %p347, i64 %v417
  %p431 = getelementptr float, ptr %p430, i64 0
  %ld432 = load <16 x float>, ptr %p431, align 64
  %r433 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf409, <16 x float> %ld432, <16 x float> %c401)
  %p434 = getelementptr i16, ptr %c396, i64 4
  %p435 = getelementptr float, ptr %c397, i64 4
  br label %latch395
latch395:
  %v436 = add i64 %i395, 1
  br label %loop395
done395:
  %p437 = getelementptr float, ptr %p380, i64 0
  store <16 x float> %c398, ptr %p437, align 64
  %p438 = getelementptr float, ptr %p382, i64 0
  store <16 x float> %c399, ptr %p438, align 64
  %p439 = getelementptr float, ptr %p384, i64 0
  store <16 x float> %c400, ptr %p439, align 64
  %p440 = getelementptr float, ptr %p386, i64 0
  store <16 x float> %c401, ptr %p440, align 64
  %p441 = getelementptr i32, ptr %c363, i64 4
  br label %latch362
latch362:
  %v442 = add i64 %i362, 1
  br label %loop362
done362:
  br label %latch348
latch348:
  %v443 = add i64 %i348, 1
  br label %loop348
done348:
  br label %latch316
latch316:
  %v444 = add i64 %i316, 1
  br label %loop316
done316:
  %p445 = getelementptr i64, ptr %args, i64 2
  %ld446 = load ptr, ptr %p445, align 8
  %v447 = mul i64 %v315, 3
  %p448 = getelementptr i32, ptr %ld446, i64 %v447
  %p449 = getelementptr i32, ptr %p448, i64 0
  %ld450 = load i32, ptr %p449, align 4
  %cast451 = zext i32 %ld450 to i64
  %p452 = getelementptr i32, ptr %p448, i64 1
  %ld453 = load i32, ptr %p452, align 4
  %cast454 = zext i32 %ld453 to i64
  %p455 = getelementptr i32, ptr %p448, i64 2
  %ld456 = load i32, ptr %p455, align 4
  %cast457 = zext i32 %ld456 to i64
  %p458 = getelementptr i32, ptr %p448, i64 3
  %ld459 = load i32, ptr %p458, align 4
  %cast460 = zext i32 %ld459 to i64
  %v461 = mul i64 %cast454, 4
  %p462 = getelementptr i64, ptr %args, i64 4
  %ld463 = load ptr, ptr %p462, align 8
  %p464 = getelementptr i32, ptr %ld463, i64 %v461
  %p465 = getelementptr i64, ptr %args, i64 5
  %ld466 = load ptr, ptr %p465, align 8
  %p467 = getelementptr i16, ptr %ld466, i64 %cast457
  %p468 = getelementptr i64, ptr %args, i64 6
  %ld469 = load ptr, ptr %p468, align 8
  %p470 = getelementptr float, ptr %ld469, i64 %cast457
  %p471 = getelementptr i64, ptr %args, i64 9
  %ld472 = load i64, ptr %p471, align 8
  %v473 = mul i64 %v315, %ld472
  %p474 = getelementptr i8, ptr %p23, i64 %v473
  br label %loop475
loop475:
  %i475 = phi i64 [ %cast451, %done316 ], [ %v570, %latch475 ]
  %c476 = phi ptr [ %p464, %done316 ], [ %c490, %latch475 ]
  %c477 = phi ptr [ %p467, %done316 ], [ %c491, %latch475 ]
  %c478 = phi ptr [ %p470, %done316 ], [ %c492, %latch475 ]
  %is479 = icmp slt i64 %i475, %cast460
  br i1 %is479, label %body475, label %done475
body475:
  %p480 = getelementptr i64, ptr %args, i64 3
  %ld481 = load ptr, ptr %p480, align 8
  %v482 = mul i64 %i475, 2
  %p483 = getelementptr i32, ptr %ld481, i64 %v482
  %ld484 = load i32, ptr %p483, align 4
  %cast485 = zext i32 %ld484 to i64
  %p486 = getelementptr i32, ptr %p483, i64 1
  %ld487 = load i32, ptr %p486, align 4
  %cast488 = zext i32 %ld487 to i64
  br label %loop489
loop489:
  %i489 = phi i64 [ 0, %body475 ], [ %v569, %latch489 ]
  %c490 = phi ptr [ %c476, %body475 ], [ %p568, %latch489 ]
  %c491 = phi ptr [ %c477, %body475 ], [ %c523, %latch489 ]
  %c492 = phi ptr [ %c478, %body475 ], [ %c524, %latch489 ]
  %is493 = icmp slt i64 %i489, %cast488
  br i1 %is493, label %body489, label %done489
body489:
  %p494 = getelementptr i32, ptr %c490, i64 0
  %ld495 = load i32, ptr %p494, align 4
  %cast496 = zext i32 %ld495 to i64
  %p497 = getelementptr i32, ptr %c490, i64 1
  %ld498 = load i32, ptr %p497, align 4
  %cast499 = zext i32 %ld498 to i64
  %p500 = getelementptr i32, ptr %c490, i64 2
  %ld501 = load i32, ptr %p500, align 4
  %cast502 = zext i32 %ld501 to i64
  %p503 = getelementptr i32, ptr %c490, i64 3
  %ld504 = load i32, ptr %p503, align 4
  %cast505 = zext i32 %ld504 to i64
  %v506 = mul i64 %cast496, 16
  %p507 = getelementptr float, ptr %p24, i64 %v506
  %v508 = mul i64 %cast499, 16
  %p509 = getelementptr float, ptr %p24, i64 %v508
  %v510 = mul i64 %cast502, 16
  %p511 = getelementptr float, ptr %p24, i64 %v510
  %v512 = mul i64 %cast505, 16
  %p513 = getelementptr float, ptr %p24, i64 %v512
  %p514 = getelementptr float, ptr %p507, i64 0
  %ld515 = load <16 x float>, ptr %p514, align 64
  %p516 = getelementptr float, ptr %p509, i64 0
  %ld517 = load <16 x float>, ptr %p516, align 64
  %p518 = getelementptr float, ptr %p511, i64 0
  %ld519 = load <16 x float>, ptr %p518, align 64
  %p520 = getelementptr float, ptr %p513, i64 0
  %ld521 = load <16 x float>, ptr %p520, align 64
  br label %loop522
loop522:
  %i522 = phi i64 [ 0, %body489 ], [ %v563, %latch522 ]
  %c523 = phi ptr [ %c491, %body489 ], [ %p561, %latch522 ]
  %c524 = phi ptr [ %c492, %body489 ], [ %p562, %latch522 ]
  %c525 = phi <16 x float> [ %ld515, %body489 ], [ %r548, %latch522 ]
  %c526 = phi <16 x float> [ %ld517, %body489 ], [ %r552, %latch522 ]
  %c527 = phi <16 x float> [ %ld519, %body489 ], [ %r556, %latch522 ]
  %c528 = phi <16 x float> [ %ld521, %body489 ], [ %r560, %latch522 ]
  %is529 = icmp slt i64 %i522, %cast485
  br i1 %is529, label %body522, label %done522
body522:
  %ld530 = load <4 x float>, ptr %c524, align 4
  %shuf531 = shufflevector <4 x float> %ld530, <4 x float> %ld530, <16 x i32> <i32 0, i32 1, i32 2, i32 3, i32 0, i32 1, i32 2, i32 3, i32 0, i32 1, i32 2, i32 3, i32 0, i32 1, i32 2, i32 3>
  %kept532 = call <16 x float> asm "", "=v,0"(<16 x float> %shuf531)
  %shuf533 = shufflevector <16 x float> %kept532, <16 x float> %kept532, <16 x i32> <i32 0, i32 0, i32 0, i32 0, i32 4, i32 4, i32 4, i32 4, i32 8, i32 8, i32 8, i32 8, i32 12, i32 12, i32 12, i32 12>
  %shuf534 = shufflevector <16 x float> %kept532, <16 x float> %kept532, <16 x i32> <i32 1, i32 1, i32 1, i32 1, i32 5, i32 5, i32 5, i32 5, i32 9, i32 9, i32 9, i32 9, i32 13, i32 13, i32 13, i32 13>
  %shuf535 = shufflevector <16 x float> %kept532, <16 x float> %kept532, <16 x i32> <i32 2, i32 2, i32 2, i32 2, i32 6, i32 6, i32 6, i32 6, i32 10, i32 10, i32 10, i32 10, i32 14, i32 14, i32 14, i32 14>
  %shuf536 = shufflevector <16 x float> %kept532, <16 x float> %kept532, <16 x i32> <i32 3, i32 3, i32 3, i32 3, i32 7, i32 7, i32 7, i32 7, i32 11, i32 11, i32 11, i32 11, i32 15, i32 15, i32 15, i32 15>
  %ld537 = load i64, ptr %c523, align 2
  %v538 = and i64 %ld537, 65535
  %v539 = lshr i64 %ld537, 16
  %v540 = and i64 %v539, 65535
  %v541 = lshr i64 %ld537, 32
  %v542 = and i64 %v541, 65535
  %v543 = lshr i64 %ld537, 48
  %v544 = and i64 %v543, 65535
  %p545 = getelementptr i64, ptr %p474, i64 %v538
  %p546 = getelementptr float, ptr %p545, i64 0
  %ld547 = load <16 x float>, ptr %p546, align 64
  %r548 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf533, <16 x float> %ld547, <16 x float> %c525)
  %p549 = getelementptr i64, ptr %p474, i64 %v540
  %p550 = getelementptr float, ptr %p549, i64 0
  %ld551 = load <16 x float>, ptr %p550, align 64
  %r552 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf534, <16 x float> %ld551, <16 x float> %c526)
  %p553 = getelementptr i64, ptr %p474, i64 %v542
  %p554 = getelementptr float, ptr %p553, i64 0
  %ld555 = load <16 x float>, ptr %p554, align 64
  %r556 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf535, <16 x float> %ld555, <16 x float> %c527)
  %p557 = getelementptr i64, ptr %p474, i64 %v544
  %p558 = getelementptr float, ptr %p557, i64 0
  %ld559 = load <16 x float>, ptr %p558, align 64
  %r560 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf536, <16 x float> %ld559, <16 x float> %c528)
  %p561 = getelementptr i16, ptr %c523, i64 4
  %p562 = getelementptr float, ptr %c524, i64 4
  br label %latch522
latch522:
  %v563 = add i64 %i522, 1
  br label %loop522
done522:
  %p564 = getelementptr float, ptr %p507, i64 0
  store <16 x float> %c525, ptr %p564, align 64
  %p565 = getelementptr float, ptr %p509, i64 0
  store <16 x float> %c526, ptr %p565, align 64
  %p566 = getelementptr float, ptr %p511, i64 0
  store <16 x float> %c527, ptr %p566, align 64
  %p567 = getelementptr float, ptr %p513, i64 0
  store <16 x float> %c528, ptr %p567, align 64
  %p568 = getelementptr i32, ptr %c490, i64 4
  br label %latch489
latch489:
  %v569 = add i64 %i489, 1
  br label %loop489
done489:
  br label %latch475
latch475:
  %v570 = add i64 %i475, 1
  br label %loop475
done475:
  br label %after172
after172:
  br label %latch21
latch21:
  %v571 = add i64 %i21, 16
  br label %loop21
done21:
  br label %latch11
latch11:
  %v572 = add i64 %i11, 1
  br label %loop11
done11:
  ret void
}
attributes #0 = { nounwind "no-builtins" "prefer-vector-width"="512" "min-legal-vector-width"="512" }
