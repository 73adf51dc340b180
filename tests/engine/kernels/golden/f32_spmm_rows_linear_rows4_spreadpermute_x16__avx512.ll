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
  %i11 = phi i64 [ 0, %entry ], [ %v588, %latch11 ]
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
  %i21 = phi i64 [ 0, %body11 ], [ %v587, %latch21 ]
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
  %i59 = phi i64 [ %cast35, %then28 ], [ %v174, %latch59 ]
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
  %i73 = phi i64 [ 0, %body59 ], [ %v173, %latch73 ]
  %c74 = phi ptr [ %c60, %body59 ], [ %p172, %latch73 ]
  %c75 = phi ptr [ %c61, %body59 ], [ %c99, %latch73 ]
  %c76 = phi ptr [ %c62, %body59 ], [ %c100, %latch73 ]
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
  br label %loop98
loop98:
  %i98 = phi i64 [ 0, %body73 ], [ %v139, %latch98 ]
  %c99 = phi ptr [ %c75, %body73 ], [ %p137, %latch98 ]
  %c100 = phi ptr [ %c76, %body73 ], [ %p138, %latch98 ]
  %c101 = phi <16 x float> [ zeroinitializer, %body73 ], [ %r124, %latch98 ]
  %c102 = phi <16 x float> [ zeroinitializer, %body73 ], [ %r128, %latch98 ]
  %c103 = phi <16 x float> [ zeroinitializer, %body73 ], [ %r132, %latch98 ]
  %c104 = phi <16 x float> [ zeroinitializer, %body73 ], [ %r136, %latch98 ]
  %is105 = icmp slt i64 %i98, %cast69
  br i1 %is105, label %body98, label %done98
body98:
  %ld106 = load <4 x float>, ptr %c100, align 4
  %shuf107 = shufflevector <4 x float> %ld106, <4 x float> %ld106, <16 x i32> <i32 0, i32 1, i32 2, i32 3, i32 0, i32 1, i32 2, i32 3, i32 0, i32 1, i32 2, i32 3, i32 0, i32 1, i32 2, i32 3>
  %kept108 = call <16 x float> asm "", "=v,0"(<16 x float> %shuf107)
  %shuf109 = shufflevector <16 x float> %kept108, <16 x float> %kept108, <16 x i32> <i32 0, i32 0, i32 0, i32 0, i32 4, i32 4, i32 4, i32 4, i32 8, i32 8, i32 8, i32 8, i32 12, i32 12, i32 12, i32 12>
  %shuf110 = shufflevector <16 x float> %kept108, <16 x float> %kept108, <16 x i32> <i32 1, i32 1, i32 1, i32 1, i32 5, i32 5, i32 5, i32 5, i32 9, i32 9, i32 9, i32 9, i32 13, i32 13, i32 13, i32 13>
  %shuf111 = shufflevector <16 x float> %kept108, <16 x float> %kept108, <16 x i32> <i32 2, i32 2, i32 2, i32 2, i32 6, i32 6, i32 6, i32 6, i32 10, i32 10, i32 10, i32 10, i32 14, i32 14, i32 14, i32 14>
  %shuf112 = shufflevector <16 x float> %kept108, <16 x float> %kept108, <16 x i32> <i32 3, i32 3, i32 3, i32 3, i32 7, i32 7, i32 7, i32 7, i32 11, i32 11, i32 11, i32 11, i32 15, i32 15, i32 15, i32 15>
  %ld113 = load i64, ptr %c99, align 2
  %v114 = and i64 %ld113, 65535
  %v115 = lshr i64 %ld113, 16
  %v116 = and i64 %v115, 65535
  %v117 = lshr i64 %ld113, 32
  %v118 = and i64 %v117, 65535
  %v119 = lshr i64 %ld113, 48
  %v120 = and i64 %v119, 65535
  %p121 = getelementptr i64, ptr %p58, i64 %v114
  %p122 = getelementptr float, ptr %p121, i64 0
  %ld123 = load <16 x float>, ptr %p122, align 64
  %r124 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf109, <16 x float> %ld123, <16 x float> %c101)
  %p125 = getelementptr i64, ptr %p58, i64 %v116
  %p126 = getelementptr float, ptr %p125, i64 0
  %ld127 = load <16 x float>, ptr %p126, align 64
  %r128 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf110, <16 x float> %ld127, <16 x float> %c102)
  %p129 = getelementptr i64, ptr %p58, i64 %v118
  %p130 = getelementptr float, ptr %p129, i64 0
  %ld131 = load <16 x float>, ptr %p130, align 64
  %r132 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf111, <16 x float> %ld131, <16 x float> %c103)
  %p133 = getelementptr i64, ptr %p58, i64 %v120
  %p134 = getelementptr float, ptr %p133, i64 0
  %ld135 = load <16 x float>, ptr %p134, align 64
  %r136 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf112, <16 x float> %ld135, <16 x float> %c104)
  %p137 = getelementptr i16, ptr %c99, i64 4
  %p138 = getelementptr float, ptr %c100, i64 4
  br label %latch98
latch98:
  %v139 = add i64 %i98, 1
  br label %loop98
done98:
  %p140 = getelementptr i64, ptr %args, i64 7
  %ld141 = load ptr, ptr %p140, align 8
  %p142 = getelementptr float, ptr %ld141, i64 %cast80
  %ld143 = load float, ptr %p142, align 4
  %one144 = insertelement <16 x float> poison, float %ld143, i64 0
  %splat145 = shufflevector <16 x float> %one144, <16 x float> %one144, <16 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %v146 = fadd <16 x float> %c101, %splat145
  %p147 = getelementptr float, ptr %p91, i64 0
  store <16 x float> %v146, ptr %p147, align 64
  %p148 = getelementptr i64, ptr %args, i64 7
  %ld149 = load ptr, ptr %p148, align 8
  %p150 = getelementptr float, ptr %ld149, i64 %cast83
  %ld151 = load float, ptr %p150, align 4
  %one152 = insertelement <16 x float> poison, float %ld151, i64 0
  %splat153 = shufflevector <16 x float> %one152, <16 x float> %one152, <16 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %v154 = fadd <16 x float> %c102, %splat153
  %p155 = getelementptr float, ptr %p93, i64 0
  store <16 x float> %v154, ptr %p155, align 64
  %p156 = getelementptr i64, ptr %args, i64 7
  %ld157 = load ptr, ptr %p156, align 8
  %p158 = getelementptr float, ptr %ld157, i64 %cast86
  %ld159 = load float, ptr %p158, align 4
  %one160 = insertelement <16 x float> poison, float %ld159, i64 0
  %splat161 = shufflevector <16 x float> %one160, <16 x float> %one160, <16 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %v162 = fadd <16 x float> %c103, %splat161
  %p163 = getelementptr float, ptr %p95, i64 0
  store <16 x float> %v162, ptr %p163, align 64
  %p164 = getelementptr i64, ptr %args, i64 7
  %ld165 = load ptr, ptr %p164, align 8
  %p166 = getelementptr float, ptr %ld165, i64 %cast89
  %ld167 = load float, ptr %p166, align 4
  %one168 = insertelement <16 x float> poison, float %ld167, i64 0
  %splat169 = shufflevector <16 x float> %one168, <16 x float> %one168, <16 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %v170 = fadd <16 x float> %c104, %splat169
  %p171 = getelementptr float, ptr %p97, i64 0
  store <16 x float> %v170, ptr %p171, align 64
  %p172 = getelementptr i32, ptr %c74, i64 4
  br label %latch73
latch73:
  %v173 = add i64 %i73, 1
  br label %loop73
done73:
  br label %latch59
latch59:
  %v174 = add i64 %i59, 1
  br label %loop59
done59:
  br label %after28
after28:
  %is175 = icmp sgt i64 %ld26, 1
  br i1 %is175, label %then176, label %after176
then176:
  %p177 = getelementptr i64, ptr %args, i64 2
  %ld178 = load ptr, ptr %p177, align 8
  %v179 = mul i64 0, 3
  %p180 = getelementptr i32, ptr %ld178, i64 %v179
  %p181 = getelementptr i32, ptr %p180, i64 0
  %ld182 = load i32, ptr %p181, align 4
  %cast183 = zext i32 %ld182 to i64
  %p184 = getelementptr i32, ptr %p180, i64 1
  %ld185 = load i32, ptr %p184, align 4
  %cast186 = zext i32 %ld185 to i64
  %p187 = getelementptr i32, ptr %p180, i64 2
  %ld188 = load i32, ptr %p187, align 4
  %cast189 = zext i32 %ld188 to i64
  %p190 = getelementptr i32, ptr %p180, i64 3
  %ld191 = load i32, ptr %p190, align 4
  %cast192 = zext i32 %ld191 to i64
  %v193 = mul i64 %cast186, 4
  %p194 = getelementptr i64, ptr %args, i64 4
  %ld195 = load ptr, ptr %p194, align 8
  %p196 = getelementptr i32, ptr %ld195, i64 %v193
  %p197 = getelementptr i64, ptr %args, i64 5
  %ld198 = load ptr, ptr %p197, align 8
  %p199 = getelementptr i16, ptr %ld198, i64 %cast189
  %p200 = getelementptr i64, ptr %args, i64 6
  %ld201 = load ptr, ptr %p200, align 8
  %p202 = getelementptr float, ptr %ld201, i64 %cast189
  %p203 = getelementptr i64, ptr %args, i64 9
  %ld204 = load i64, ptr %p203, align 8
  %v205 = mul i64 0, %ld204
  %p206 = getelementptr i8, ptr %p23, i64 %v205
  br label %loop207
loop207:
  %i207 = phi i64 [ %cast183, %then176 ], [ %v294, %latch207 ]
  %c208 = phi ptr [ %p196, %then176 ], [ %c222, %latch207 ]
  %c209 = phi ptr [ %p199, %then176 ], [ %c223, %latch207 ]
  %c210 = phi ptr [ %p202, %then176 ], [ %c224, %latch207 ]
  %is211 = icmp slt i64 %i207, %cast192
  br i1 %is211, label %body207, label %done207
body207:
  %p212 = getelementptr i64, ptr %args, i64 3
  %ld213 = load ptr, ptr %p212, align 8
  %v214 = mul i64 %i207, 2
  %p215 = getelementptr i32, ptr %ld213, i64 %v214
  %ld216 = load i32, ptr %p215, align 4
  %cast217 = zext i32 %ld216 to i64
  %p218 = getelementptr i32, ptr %p215, i64 1
  %ld219 = load i32, ptr %p218, align 4
  %cast220 = zext i32 %ld219 to i64
  br label %loop221
loop221:
  %i221 = phi i64 [ 0, %body207 ], [ %v293, %latch221 ]
  %c222 = phi ptr [ %c208, %body207 ], [ %p292, %latch221 ]
  %c223 = phi ptr [ %c209, %body207 ], [ %c247, %latch221 ]
  %c224 = phi ptr [ %c210, %body207 ], [ %c248, %latch221 ]
  %is225 = icmp slt i64 %i221, %cast220
  br i1 %is225, label %body221, label %done221
body221:
  %p226 = getelementptr i32, ptr %c222, i64 0
  %ld227 = load i32, ptr %p226, align 4
  %cast228 = zext i32 %ld227 to i64
  %p229 = getelementptr i32, ptr %c222, i64 1
  %ld230 = load i32, ptr %p229, align 4
  %cast231 = zext i32 %ld230 to i64
  %p232 = getelementptr i32, ptr %c222, i64 2
  %ld233 = load i32, ptr %p232, align 4
  %cast234 = zext i32 %ld233 to i64
  %p235 = getelementptr i32, ptr %c222, i64 3
  %ld236 = load i32, ptr %p235, align 4
  %cast237 = zext i32 %ld236 to i64
  %v238 = mul i64 %cast228, 16
  %p239 = getelementptr float, ptr %p24, i64 %v238
  %v240 = mul i64 %cast231, 16
  %p241 = getelementptr float, ptr %p24, i64 %v240
  %v242 = mul i64 %cast234, 16
  %p243 = getelementptr float, ptr %p24, i64 %v242
  %v244 = mul i64 %cast237, 16
  %p245 = getelementptr float, ptr %p24, i64 %v244
  br label %loop246
loop246:
  %i246 = phi i64 [ 0, %body221 ], [ %v287, %latch246 ]
  %c247 = phi ptr [ %c223, %body221 ], [ %p285, %latch246 ]
  %c248 = phi ptr [ %c224, %body221 ], [ %p286, %latch246 ]
  %c249 = phi <16 x float> [ zeroinitializer, %body221 ], [ %r272, %latch246 ]
  %c250 = phi <16 x float> [ zeroinitializer, %body221 ], [ %r276, %latch246 ]
  %c251 = phi <16 x float> [ zeroinitializer, %body221 ], [ %r280, %latch246 ]
  %c252 = phi <16 x float> [ zeroinitializer, %body221 ], [ %r284, %latch246 ]
  %is253 = icmp slt i64 %i246, %cast217
  br i1 %is253, label %body246, label %done246
body246:
  %ld254 = load <4 x float>, ptr %c248, align 4
  %shuf255 = shufflevector <4 x float> %ld254, <4 x float> %ld254, <16 x i32> <i32 0, i32 1, i32 2, i32 3, i32 0, i32 1, i32 2, i32 3, i32 0, i32 1, i32 2, i32 3, i32 0, i32 1, i32 2, i32 3>
  %kept256 = call <16 x float> asm "", "=v,0"(<16 x float> %shuf255)
  %shuf257 = shufflevector <16 x float> %kept256, <16 x float> %kept256, <16 x i32> <i32 0, i32 0, i32 0, i32 0, i32 4, i32 4, i32 4, i32 4, i32 8, i32 8, i32 8, i32 8, i32 12, i32 12, i32 12, i32 12>
  %shuf258 = shufflevector <16 x float> %kept256, <16 x float> %kept256, <16 x i32> <i32 1, i32 1, i32 1, i32 1, i32 5, i32 5, i32 5, i32 5, i32 9, i32 9, i32 9, i32 9, i32 13, i32 13, i32 13, i32 13>
  %shuf259 = shufflevector <16 x float> %kept256, <16 x float> %kept256, <16 x i32> <i32 2, i32 2, i32 2, i32 2, i32 6, i32 6, i32 6, i32 6, i32 10, i32 10, i32 10, i32 10, i32 14, i32 14, i32 14, i32 14>
  %shuf260 = shufflevector <16 x float> %kept256, <16 x float> %kept256, <16 x i32> <i32 3, i32 3, i32 3, i32 3, i32 7, i32 7, i32 7, i32 7, i32 11, i32 11, i32 11, i32 11, i32 15, i32 15, i32 15, i32 15>
  %ld261 = load i64, ptr %c247, align 2
  %v262 = and i64 %ld261, 65535
  %v263 = lshr i64 %ld261, 16
  %v264 = and i64 %v263, 65535
  %v265 = lshr i64 %ld261, 32
  %v266 = and i64 %v265, 65535
  %v267 = lshr i64 %ld261, 48
  %v268 = and i64 %v267, 65535
  %p269 = getelementptr i64, ptr %p206, i64 %v262
  %p270 = getelementptr float, ptr %p269, i64 0
  %ld271 = load <16 x float>, ptr %p270, align 64
  %r272 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf257, <16 x float> %ld271, <16 x float> %c249)
  %p273 = getelementptr i64, ptr %p206, i64 %v264
  %p274 = getelementptr float, ptr %p273, i64 0
  %ld275 = load <16 x float>, ptr %p274, align 64
  %r276 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf258, <16 x float> %ld275, <16 x float> %c250)
  %p277 = getelementptr i64, ptr %p206, i64 %v266
  %p278 = getelementptr float, ptr %p277, i64 0
  %ld279 = load <16 x float>, ptr %p278, align 64
  %r280 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf259, <16 x float> %ld279, <16 x float> %c251)
  %p281 = getelementptr i64, ptr %p206, i64 %v268
  %p282 = getelementptr float, ptr %p281, i64 0
  %ld283 = load <16 x float>, ptr %p282, align 64
  %r284 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf260, <16 x float> %ld283, <16 x float> %c252)
  %p285 = getelementptr i16, ptr %c247, i64 4
  %p286 = getelementptr float, ptr %c248, i64 4
  br label %latch246
latch246:
  %v287 = add i64 %i246, 1
  br label %loop246
done246:
  %p288 = getelementptr float, ptr %p239, i64 0
  store <16 x float> %c249, ptr %p288, align 64
  %p289 = getelementptr float, ptr %p241, i64 0
  store <16 x float> %c250, ptr %p289, align 64
  %p290 = getelementptr float, ptr %p243, i64 0
  store <16 x float> %c251, ptr %p290, align 64
  %p291 = getelementptr float, ptr %p245, i64 0
  store <16 x float> %c252, ptr %p291, align 64
  %p292 = getelementptr i32, ptr %c222, i64 4
  br label %latch221
latch221:
  %v293 = add i64 %i221, 1
  br label %loop221
done221:
  br label %latch207
latch207:
  %v294 = add i64 %i207, 1
  br label %loop207
done207:
  %v295 = add i64 %ld26, -1
  br label %loop296
loop296:
  %i296 = phi i64 [ 1, %done207 ], [ %v428, %latch296 ]
  %is297 = icmp slt i64 %i296, %v295
  br i1 %is297, label %body296, label %done296
body296:
  %p298 = getelementptr i64, ptr %args, i64 2
  %ld299 = load ptr, ptr %p298, align 8
  %v300 = mul i64 %i296, 3
  %p301 = getelementptr i32, ptr %ld299, i64 %v300
  %p302 = getelementptr i32, ptr %p301, i64 0
  %ld303 = load i32, ptr %p302, align 4
  %cast304 = zext i32 %ld303 to i64
  %p305 = getelementptr i32, ptr %p301, i64 1
  %ld306 = load i32, ptr %p305, align 4
  %cast307 = zext i32 %ld306 to i64
  %p308 = getelementptr i32, ptr %p301, i64 2
  %ld309 = load i32, ptr %p308, align 4
  %cast310 = zext i32 %ld309 to i64
  %p311 = getelementptr i32, ptr %p301, i64 3
  %ld312 = load i32, ptr %p311, align 4
  %cast313 = zext i32 %ld312 to i64
  %v314 = mul i64 %cast307, 4
  %p315 = getelementptr i64, ptr %args, i64 4
  %ld316 = load ptr, ptr %p315, align 8
  %p317 = getelementptr i32, ptr %ld316, i64 %v314
  %p318 = getelementptr i64, ptr %args, i64 5
  %ld319 = load ptr, ptr %p318, align 8
  %p320 = getelementptr i16, ptr %ld319, i64 %cast310
  %p321 = getelementptr i64, ptr %args, i64 6
  %ld322 = load ptr, ptr %p321, align 8
  %p323 = getelementptr float, ptr %ld322, i64 %cast310
  %p324 = getelementptr i64, ptr %args, i64 9
  %ld325 = load i64, ptr %p324, align 8
  %v326 = mul i64 %i296, %ld325
  %p327 = getelementptr i8, ptr %p23, i64 %v326
  br label %loop328
loop328:
  %i328 = phi i64 [ %cast304, %body296 ], [ %v427, %latch328 ]
  %c329 = phi ptr [ %p317, %body296 ], [ %c343, %latch328 ]
  %c330 = phi ptr [ %p320, %body296 ], [ %c344, %latch328 ]
  %c331 = phi ptr [ %p323, %body296 ], [ %c345, %latch328 ]
  %is332 = icmp slt i64 %i328, %cast313
  br i1 %is332, label %body328, label %done328
body328:
  %p333 = getelementptr i64, ptr %args, i64 3
  %ld334 = load ptr, ptr %p333, align 8
  %v335 = mul i64 %i328, 2
  %p336 = getelementptr i32, ptr %ld334, i64 %v335
  %ld337 = load i32, ptr %p336, align 4
  %cast338 = zext i32 %ld337 to i64
  %p339 = getelementptr i32, ptr %p336, i64 1
  %ld340 = load i32, ptr %p339, align 4
  %cast341 = zext i32 %ld340 to i64
  br label %loop342
loop342:
  %i342 = phi i64 [ 0, %body328 ], [ %v426, %latch342 ]
  %c343 = phi ptr [ %c329, %body328 ], [ %p425, %latch342 ]
  %c344 = phi ptr [ %c330, %body328 ], [ %c368, %latch342 ]
  %c345 = phi ptr [ %c331, %body328 ], [ %c369, %latch342 ]
  %is346 = icmp slt i64 %i342, %cast341
  br i1 %is346, label %body342, label %done342
body342:
  %p347 = getelementptr i32, ptr %c343, i64 0
  %ld348 = load i32, ptr %p347, align 4
  %cast349 = zext i32 %ld348 to i64
  %p350 = getelementptr i32, ptr %c343, i64 1
  %ld351 = load i32, ptr %p350, align 4
  %cast352 = zext i32 %ld351 to i64
  %p353 = getelementptr i32, ptr %c343, i64 2
  %ld354 = load i32, ptr %p353, align 4
  %cast355 = zext i32 %ld354 to i64
  %p356 = getelementptr i32, ptr %c343, i64 3
  %ld357 = load i32, ptr %p356, align 4
  %cast358 = zext i32 %ld357 to i64
  %v359 = mul i64 %cast349, 16
  %p360 = getelementptr float, ptr %p24, i64 %v359
  %v361 = mul i64 %cast352, 16
  %p362 = getelementptr float, ptr %p24, i64 %v361
  %v363 = mul i64 %cast355, 16
  %p364 = getelementptr float, ptr %p24, i64 %v363
  %v365 = mul i64 %cast358, 16
  %p366 = getelementptr float, ptr %p24, i64 %v365
  br label %loop367
loop367:
  %i367 = phi i64 [ 0, %body342 ], [ %v408, %latch367 ]
  %c368 = phi ptr [ %c344, %body342 ], [ %p406, %latch367 ]
  %c369 = phi ptr [ %c345, %body342 ], [ %p407, %latch367 ]
  %c370 = phi <16 x float> [ zeroinitializer, %body342 ], [ %r393, %latch367 ]
  %c371 = phi <16 x float> [ zeroinitializer, %body342 ], [ %r397, %latch367 ]
  %c372 = phi <16 x float> [ zeroinitializer, %body342 ], [ %r401, %latch367 ]
  %c373 = phi <16 x float> [ zeroinitializer, %body342 ], [ %r405, %latch367 ]
  %is374 = icmp slt i64 %i367, %cast338
  br i1 %is374, label %body367, label %done367
body367:
  %ld375 = load <4 x float>, ptr %c369, align 4
  %shuf376 = shufflevector <4 x float> %ld375, <4 x float> %ld375, <16 x i32> <i32 0, i32 1, i32 2, i32 3, i32 0, i32 1, i32 2, i32 3, i32 0, i32 1, i32 2, i32 3, i32 0, i32 1, i32 2, i32 3>
  %kept377 = call <16 x float> asm "", "=v,0"(<16 x float> %shuf376)
  %shuf378 = shufflevector <16 x float> %kept377, <16 x float> %kept377, <16 x i32> <i32 0, i32 0, i32 0, i32 0, i32 4, i32 4, i32 4, i32 4, i32 8, i32 8, i32 8, i32 8, i32 12, i32 12, i32 12, i32 12>
  %shuf379 = shufflevector <16 x float> %kept377, <16 x float> %kept377, <16 x i32> <i32 1, i32 1, i32 1, i32 1, i32 5, i32 5, i32 5, i32 5, i32 9, i32 9, i32 9, i32 9, i32 13, i32 13, i32 13, i32 13>
  %shuf380 = shufflevector <16 x float> %kept377, <16 x float> %kept377, <16 x i32> <i32 2, i32 2, i32 2, i32 2, i32 6, i32 6, i32 6, i32 6, i32 10, i32 10, i32 10, i32 10, i32 14, i32 14, i32 14, i32 14>
  %shuf381 = shufflevector <16 x float> %kept377, <16 x float> %kept377, <16 x i32> <i32 3, i32 3, i32 3, i32 3, i32 7, i32 7, i32 7, i32 7, i32 11, i32 11, i32 11, i32 11, i32 15, i32 15, i32 15, i32 15>
  %ld382 = load i64, ptr %c368, align 2
  %v383 = and i64 %ld382, 65535
  %v384 = lshr i64 %ld382, 16
  %v385 = and i64 %v384, 65535
  %v386 = lshr i64 %ld382, 32
  %v387 = and i64 %v386, 65535
  %v388 = lshr i64 %ld382, 48
  %v389 = and i64 %v388, 65535
  %p390 = getelementptr i64, ptr %p327, i64 %v383
  %p391 = getelementptr float, ptr %p390, i64 0
  %ld392 = load <16 x float>, ptr %p391, align 64
  %r393 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf378, <16 x float> %ld392, <16 x float> %c370)
  %p394 = getelementptr i64, ptr %p327, i64 %v385
  %p395 = getelementptr float, ptr %p394, i64 0
  %ld396 = load <16 x float>, ptr %p395, align 64
  %r397 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf379, <16 x float> %ld396, <16 x float> %c371)
  %p398 = getelementptr i64, ptr %p327, i64 %v387
  %p399 = getelementptr float, ptr %p398, i64 0
  %ld400 = load <16 x float>, ptr %p399, align 64
  %r401 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf380, <16 x float> %ld400, <16 x float> %c372)
  %p402 = getelementptr i64, ptr %p327, i64 %v389
  %p403 = getelementptr float, ptr %p402, i64 0
  %ld404 = load <16 x float>, ptr %p403, align 64
  %r405 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf381, <16 x float> %ld404, <16 x float> %c373)
  %p406 = getelementptr i16, ptr %c368, i64 4
  %p407 = getelementptr float, ptr %c369, i64 4
  br label %latch367
latch367:
  %v408 = add i64 %i367, 1
  br label %loop367
done367:
  %p409 = getelementptr float, ptr %p360, i64 0
  %ld410 = load <16 x float>, ptr %p409, align 64
  %p411 = getelementptr float, ptr %p362, i64 0
  %ld412 = load <16 x float>, ptr %p411, align 64
  %p413 = getelementptr float, ptr %p364, i64 0
  %ld414 = load <16 x float>, ptr %p413, align 64
  %p415 = getelementptr float, ptr %p366, i64 0
  %ld416 = load <16 x float>, ptr %p415, align 64
  %v417 = fadd <16 x float> %ld410, %c370
  %v418 = fadd <16 x float> %ld412, %c371
  %v419 = fadd <16 x float> %ld414, %c372
  %v420 = fadd <16 x float> %ld416, %c373
  %p421 = getelementptr float, ptr %p360, i64 0
  store <16 x float> %v417, ptr %p421, align 64
  %p422 = getelementptr float, ptr %p362, i64 0
  store <16 x float> %v418, ptr %p422, align 64
  %p423 = getelementptr float, ptr %p364, i64 0
  store <16 x float> %v419, ptr %p423, align 64
  %p424 = getelementptr float, ptr %p366, i64 0
  store <16 x float> %v420, ptr %p424, align 64
  %p425 = getelementptr i32, ptr %c343, i64 4
  br label %latch342
latch342:
  %v426 = add i64 %i342, 1
  br label %loop342
done342:
  br label %latch328
latch328:
  %v427 = add i64 %i328, 1
  br label %loop328
done328:
  br label %latch296
latch296:
  %v428 = add i64 %i296, 1
  br label %loop296
done296:
  %p429 = getelementptr i64, ptr %args, i64 2
  %ld430 = load ptr, ptr %p429, align 8
  %v431 = mul i64 %v295, 3
  %p432 = getelementptr i32, ptr %ld430, i64 %v431
  %p433 = getelementptr i32, ptr %p432, i64 0
  %ld434 = load i32, ptr %p433, align 4
  %cast435 = zext i32 %ld434 to i64
  %p436 = getelementptr i32, ptr %p432, i64 1
  %ld437 = load i32, ptr %p436, align 4
  %cast438 = zext i32 %ld437 to i64
  %p439 = getelementptr i32, ptr %p432, i64 2
  %ld440 = load i32, ptr %p439, align 4
  %cast441 = zext i32 %ld440 to i64
  %p442 = getelementptr i32, ptr %p432, i64 3
  %ld443 = load i32, ptr %p442, align 4
  %cast444 = zext i32 %ld443 to i64
  %v445 = mul i64 %cast438, 4
  %p446 = getelementptr i64, ptr %args, i64 4
  %ld447 = load ptr, ptr %p446, align 8
  %p448 = getelementptr i32, ptr %ld447, i64 %v445
  %p449 = getelementptr i64, ptr %args, i64 5
  %ld450 = load ptr, ptr %p449, align 8
  %p451 = getelementptr i16, ptr %ld450, i64 %cast441
  %p452 = getelementptr i64, ptr %args, i64 6
  %ld453 = load ptr, ptr %p452, align 8
  %p454 = getelementptr float, ptr %ld453, i64 %cast441
  %p455 = getelementptr i64, ptr %args, i64 9
  %ld456 = load i64, ptr %p455, align 8
  %v457 = mul i64 %v295, %ld456
  %p458 = getelementptr i8, ptr %p23, i64 %v457
  br label %loop459
loop459:
  %i459 = phi i64 [ %cast435, %done296 ], [ %v586, %latch459 ]
  %c460 = phi ptr [ %p448, %done296 ], [ %c474, %latch459 ]
  %c461 = phi ptr [ %p451, %done296 ], [ %c475, %latch459 ]
  %c462 = phi ptr [ %p454, %done296 ], [ %c476, %latch459 ]
  %is463 = icmp slt i64 %i459, %cast444
  br i1 %is463, label %body459, label %done459
body459:
  %p464 = getelementptr i64, ptr %args, i64 3
  %ld465 = load ptr, ptr %p464, align 8
  %v466 = mul i64 %i459, 2
  %p467 = getelementptr i32, ptr %ld465, i64 %v466
  %ld468 = load i32, ptr %p467, align 4
  %cast469 = zext i32 %ld468 to i64
  %p470 = getelementptr i32, ptr %p467, i64 1
  %ld471 = load i32, ptr %p470, align 4
  %cast472 = zext i32 %ld471 to i64
  br label %loop473
loop473:
  %i473 = phi i64 [ 0, %body459 ], [ %v585, %latch473 ]
  %c474 = phi ptr [ %c460, %body459 ], [ %p584, %latch473 ]
  %c475 = phi ptr [ %c461, %body459 ], [ %c499, %latch473 ]
  %c476 = phi ptr [ %c462, %body459 ], [ %c500, %latch473 ]
  %is477 = icmp slt i64 %i473, %cast472
  br i1 %is477, label %body473, label %done473
body473:
  %p478 = getelementptr i32, ptr %c474, i64 0
  %ld479 = load i32, ptr %p478, align 4
  %cast480 = zext i32 %ld479 to i64
  %p481 = getelementptr i32, ptr %c474, i64 1
  %ld482 = load i32, ptr %p481, align 4
  %cast483 = zext i32 %ld482 to i64
  %p484 = getelementptr i32, ptr %c474, i64 2
  %ld485 = load i32, ptr %p484, align 4
  %cast486 = zext i32 %ld485 to i64
  %p487 = getelementptr i32, ptr %c474, i64 3
  %ld488 = load i32, ptr %p487, align 4
  %cast489 = zext i32 %ld488 to i64
  %v490 = mul i64 %cast480, 16
  %p491 = getelementptr float, ptr %p24, i64 %v490
  %v492 = mul i64 %cast483, 16
  %p493 = getelementptr float, ptr %p24, i64 %v492
  %v494 = mul i64 %cast486, 16
  %p495 = getelementptr float, ptr %p24, i64 %v494
  %v496 = mul i64 %cast489, 16
  %p497 = getelementptr float, ptr %p24, i64 %v496
  br label %loop498
loop498:
  %i498 = phi i64 [ 0, %body473 ], [ %v539, %latch498 ]
  %c499 = phi ptr [ %c475, %body473 ], [ %p537, %latch498 ]
  %c500 = phi ptr [ %c476, %body473 ], [ %p538, %latch498 ]
  %c501 = phi <16 x float> [ zeroinitializer, %body473 ], [ %r524, %latch498 ]
  %c502 = phi <16 x float> [ zeroinitializer, %body473 ], [ %r528, %latch498 ]
  %c503 = phi <16 x float> [ zeroinitializer, %body473 ], [ %r532, %latch498 ]
  %c504 = phi <16 x float> [ zeroinitializer, %body473 ], [ %r536, %latch498 ]
  %is505 = icmp slt i64 %i498, %cast469
  br i1 %is505, label %body498, label %done498
body498:
  %ld506 = load <4 x float>, ptr %c500, align 4
  %shuf507 = shufflevector <4 x float> %ld506, <4 x float> %ld506, <16 x i32> <i32 0, i32 1, i32 2, i32 3, i32 0, i32 1, i32 2, i32 3, i32 0, i32 1, i32 2, i32 3, i32 0, i32 1, i32 2, i32 3>
  %kept508 = call <16 x float> asm "", "=v,0"(<16 x float> %shuf507)
  %shuf509 = shufflevector <16 x float> %kept508, <16 x float> %kept508, <16 x i32> <i32 0, i32 0, i32 0, i32 0, i32 4, i32 4, i32 4, i32 4, i32 8, i32 8, i32 8, i32 8, i32 12, i32 12, i32 12, i32 12>
  %shuf510 = shufflevector <16 x float> %kept508, <16 x float> %kept508, <16 x i32> <i32 1, i32 1, i32 1, i32 1, i32 5, i32 5, i32 5, i32 5, i32 9, i32 9, i32 9, i32 9, i32 13, i32 13, i32 13, i32 13>
  %shuf511 = shufflevector <16 x float> %kept508, <16 x float> %kept508, <16 x i32> <i32 2, i32 2, i32 2, i32 2, i32 6, i32 6, i32 6, i32 6, i32 10, i32 10, i32 10, i32 10, i32 14, i32 14, i32 14, i32 14>
  %shuf512 = shufflevector <16 x float> %kept508, <16 x float> %kept508, <16 x i32> <i32 3, i32 3, i32 3, i32 3, i32 7, i32 7, i32 7, i32 7, i32 11, i32 11, i32 11, i32 11, i32 15, i32 15, i32 15, i32 15>
  %ld513 = load i64, ptr %c499, align 2
  %v514 = and i64 %ld513, 65535
  %v515 = lshr i64 %ld513, 16
  %v516 = and i64 %v515, 65535
  %v517 = lshr i64 %ld513, 32
  %v518 = and i64 %v517, 65535
  %v519 = lshr i64 %ld513, 48
  %v520 = and i64 %v519, 65535
  %p521 = getelementptr i64, ptr %p458, i64 %v514
  %p522 = getelementptr float, ptr %p521, i64 0
  %ld523 = load <16 x float>, ptr %p522, align 64
  %r524 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf509, <16 x float> %ld523, <16 x float> %c501)
  %p525 = getelementptr i64, ptr %p458, i64 %v516
  %p526 = getelementptr float, ptr %p525, i64 0
  %ld527 = load <16 x float>, ptr %p526, align 64
  %r528 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf510, <16 x float> %ld527, <16 x float> %c502)
  %p529 = getelementptr i64, ptr %p458, i64 %v518
  %p530 = getelementptr float, ptr %p529, i64 0
  %ld531 = load <16 x float>, ptr %p530, align 64
  %r532 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf511, <16 x float> %ld531, <16 x float> %c503)
  %p533 = getelementptr i64, ptr %p458, i64 %v520
  %p534 = getelementptr float, ptr %p533, i64 0
  %ld535 = load <16 x float>, ptr %p534, align 64
  %r536 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf512, <16 x float> %ld535, <16 x float> %c504)
  %p537 = getelementptr i16, ptr %c499, i64 4
  %p538 = getelementptr float, ptr %c500, i64 4
  br label %latch498
latch498:
  %v539 = add i64 %i498, 1
  br label %loop498
done498:
  %p540 = getelementptr float, ptr %p491, i64 0
  %ld541 = load <16 x float>, ptr %p540, align 64
  %p542 = getelementptr float, ptr %p493, i64 0
  %ld543 = load <16 x float>, ptr %p542, align 64
  %p544 = getelementptr float, ptr %p495, i64 0
  %ld545 = load <16 x float>, ptr %p544, align 64
  %p546 = getelementptr float, ptr %p497, i64 0
  %ld547 = load <16 x float>, ptr %p546, align 64
  %v548 = fadd <16 x float> %ld541, %c501
  %v549 = fadd <16 x float> %ld543, %c502
  %v550 = fadd <16 x float> %ld545, %c503
  %v551 = fadd <16 x float> %ld547, %c504
  %p552 = getelementptr i64, ptr %args, i64 7
  %ld553 = load ptr, ptr %p552, align 8
  %p554 = getelementptr float, ptr %ld553, i64 %cast480
  %ld555 = load float, ptr %p554, align 4
  %one556 = insertelement <16 x float> poison, float %ld555, i64 0
  %splat557 = shufflevector <16 x float> %one556, <16 x float> %one556, <16 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %v558 = fadd <16 x float> %v548, %splat557
  %p559 = getelementptr float, ptr %p491, i64 0
  store <16 x float> %v558, ptr %p559, align 64
  %p560 = getelementptr i64, ptr %args, i64 7
  %ld561 = load ptr, ptr %p560, align 8
  %p562 = getelementptr float, ptr %ld561, i64 %cast483
  %ld563 = load float, ptr %p562, align 4
  %one564 = insertelement <16 x float> poison, float %ld563, i64 0
  %splat565 = shufflevector <16 x float> %one564, <16 x float> %one564, <16 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %v566 = fadd <16 x float> %v549, %splat565
  %p567 = getelementptr float, ptr %p493, i64 0
  store <16 x float> %v566, ptr %p567, align 64
  %p568 = getelementptr i64, ptr %args, i64 7
  %ld569 = load ptr, ptr %p568, align 8
  %p570 = getelementptr float, ptr %ld569, i64 %cast486
  %ld571 = load float, ptr %p570, align 4
  %one572 = insertelement <16 x float> poison, float %ld571, i64 0
  %splat573 = shufflevector <16 x float> %one572, <16 x float> %one572, <16 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %v574 = fadd <16 x float> %v550, %splat573
  %p575 = getelementptr float, ptr %p495, i64 0
  store <16 x float> %v574, ptr %p575, align 64
  %p576 = getelementptr i64, ptr %args, i64 7
  %ld577 = load ptr, ptr %p576, align 8
  %p578 = getelementptr float, ptr %ld577, i64 %cast489
  %ld579 = load float, ptr %p578, align 4
  %one580 = insertelement <16 x float> poison, float %ld579, i64 0
  %splat581 = shufflevector <16 x float> %one580, <16 x float> %one580, <16 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %v582 = fadd <16 x float> %v551, %splat581
  %p583 = getelementptr float, ptr %p497, i64 0
  store <16 x float> %v582, ptr %p583, align 64
  %p584 = getelementptr i32, ptr %c474, i64 4
  br label %latch473
latch473:
  %v585 = add i64 %i473, 1
  br label %loop473
done473:
  br label %latch459
latch459:
  %v586 = add i64 %i459, 1
  br label %loop459
done459:
  br label %after176
after176:
  br label %latch21
latch21:
  %v587 = add i64 %i21, 16
  br label %loop21
done21:
  br label %latch11
latch11:
  %v588 = add i64 %i11, 1
  br label %loop11
done11:
  ret void
}
attributes #0 = { nounwind "no-builtins" "probe-stack"="inline-asm" "prefer-vector-width"="512" "min-legal-vector-width"="512" }
