declare <16 x float> @llvm.fmuladd.v16f32(<16 x float>, <16 x float>, <16 x float>)
declare <16 x float> @llvm.x86.avx512.vpermi2var.ps.512(<16 x float>, <16 x i32>, <16 x float>)
define void @f32_spmv_window_relu_columns64_vectors2_x1__avx512(ptr noalias %ctx, ptr noalias %args) #0 {
entry:
  %p1 = getelementptr i64, ptr %ctx, i64 0
  %ld2 = load ptr, ptr %p1, align 8
  %p3 = getelementptr i64, ptr %args, i64 4
  %ld4 = load ptr, ptr %p3, align 8
  %p5 = getelementptr i64, ptr %args, i64 5
  %ld6 = load ptr, ptr %p5, align 8
  %p7 = getelementptr i64, ptr %args, i64 6
  %ld8 = load ptr, ptr %p7, align 8
  %p9 = getelementptr i64, ptr %args, i64 0
  %ld10 = load i64, ptr %p9, align 8
  %p11 = getelementptr i8, ptr %ld2, i64 %ld10
  %p12 = getelementptr i64, ptr %args, i64 1
  %ld13 = load i64, ptr %p12, align 8
  %p14 = getelementptr i8, ptr %ld2, i64 %ld13
  %p15 = getelementptr i64, ptr %args, i64 2
  %ld16 = load ptr, ptr %p15, align 8
  %p17 = getelementptr i64, ptr %args, i64 3
  %ld18 = load ptr, ptr %p17, align 8
  %p19 = getelementptr i64, ptr %args, i64 7
  %ld20 = load ptr, ptr %p19, align 8
  %p21 = getelementptr i64, ptr %args, i64 9
  %ld22 = load i64, ptr %p21, align 8
  br label %loop23
loop23:
  %i23 = phi i64 [ 0, %entry ], [ %v268, %latch23 ]
  %is24 = icmp slt i64 %i23, %ld22
  br i1 %is24, label %body23, label %done23
body23:
  %p25 = getelementptr i64, ptr %args, i64 10
  %ld26 = load i64, ptr %p25, align 8
  %v27 = mul i64 %i23, %ld26
  %p28 = getelementptr i8, ptr %p11, i64 %v27
  %p29 = getelementptr i64, ptr %args, i64 11
  %ld30 = load i64, ptr %p29, align 8
  %v31 = mul i64 %i23, %ld30
  %p32 = getelementptr i8, ptr %p14, i64 %v31
  %p33 = getelementptr i64, ptr %args, i64 8
  %ld34 = load i64, ptr %p33, align 8
  br label %loop35
loop35:
  %i35 = phi i64 [ 0, %body23 ], [ %v267, %latch35 ]
  %c36 = phi ptr [ %ld4, %body23 ], [ %c44, %latch35 ]
  %c37 = phi ptr [ %ld6, %body23 ], [ %c45, %latch35 ]
  %c38 = phi ptr [ %ld8, %body23 ], [ %c46, %latch35 ]
  %is39 = icmp slt i64 %i35, %ld34
  br i1 %is39, label %body35, label %done35
body35:
  %p40 = getelementptr i32, ptr %ld16, i64 %i35
  %ld41 = load i32, ptr %p40, align 4
  %cast42 = zext i32 %ld41 to i64
  br label %loop43
loop43:
  %i43 = phi i64 [ 0, %body35 ], [ %v91, %latch43 ]
  %c44 = phi ptr [ %c36, %body35 ], [ %p88, %latch43 ]
  %c45 = phi ptr [ %c37, %body35 ], [ %p89, %latch43 ]
  %c46 = phi ptr [ %c38, %body35 ], [ %p90, %latch43 ]
  %c47 = phi <16 x float> [ zeroinitializer, %body35 ], [ %sel74, %latch43 ]
  %c48 = phi <16 x float> [ zeroinitializer, %body35 ], [ %sel87, %latch43 ]
  %is49 = icmp slt i64 %i43, %cast42
  br i1 %is49, label %body43, label %done43
body43:
  %ld50 = load i16, ptr %c44, align 2
  %cast51 = zext i16 %ld50 to i64
  %v52 = mul i64 %cast51, 16
  %p53 = getelementptr float, ptr %p28, i64 %v52
  %p54 = getelementptr float, ptr %p53, i64 0
  %ld55 = load <16 x float>, ptr %p54, align 4
  %p56 = getelementptr float, ptr %p53, i64 16
  %ld57 = load <16 x float>, ptr %p56, align 4
  %p58 = getelementptr float, ptr %p53, i64 32
  %ld59 = load <16 x float>, ptr %p58, align 4
  %p60 = getelementptr float, ptr %p53, i64 48
  %ld61 = load <16 x float>, ptr %p60, align 4
  %p62 = getelementptr i8, ptr %c45, i64 0
  %p63 = getelementptr float, ptr %c46, i64 0
  %ld64 = load <16 x i8>, ptr %p62, align 1
  %cast65 = zext <16 x i8> %ld64 to <16 x i32>
  %r66 = call <16 x float> @llvm.x86.avx512.vpermi2var.ps.512(<16 x float> %ld55, <16 x i32> %cast65, <16 x float> %ld57)
  %r67 = call <16 x float> @llvm.x86.avx512.vpermi2var.ps.512(<16 x float> %ld59, <16 x i32> %cast65, <16 x float> %ld61)
  %v68 = and <16 x i32> %cast65, splat (i32 32)
  %is69 = icmp ne <16 x i32> %v68, zeroinitializer
  %sel70 = select <16 x i1> %is69, <16 x float> %r67, <16 x float> %r66
  %ld71 = load <16 x float>, ptr %p63, align 4
  %is72 = icmp slt <16 x i8> %ld64, zeroinitializer
  %r73 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %ld71, <16 x float> %sel70, <16 x float> %c47)
  %sel74 = select <16 x i1> %is72, <16 x float> %r73, <16 x float> %c47
  %p75 = getelementptr i8, ptr %c45, i64 16
  %p76 = getelementptr float, ptr %c46, i64 16
  %ld77 = load <16 x i8>, ptr %p75, align 1
  %cast78 = zext <16 x i8> %ld77 to <16 x i32>
  %r79 = call <16 x float> @llvm.x86.avx512.vpermi2var.ps.512(<16 x float> %ld55, <16 x i32> %cast78, <16 x float> %ld57)
  %r80 = call <16 x float> @llvm.x86.avx512.vpermi2var.ps.512(<16 x float> %ld59, <16 x i32> %cast78, <16 x float> %ld61)
  %v81 = and <16 x i32> %cast78, splat (i32 32)
  %is82 = icmp ne <16 x i32> %v81, zeroinitializer
  %sel83 = select <16 x i1> %is82, <16 x float> %r80, <16 x float> %r79
  %ld84 = load <16 x float>, ptr %p76, align 4
  %is85 = icmp slt <16 x i8> %ld77, zeroinitializer
  %r86 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %ld84, <16 x float> %sel83, <16 x float> %c48)
  %sel87 = select <16 x i1> %is85, <16 x float> %r86, <16 x float> %c48
  %p88 = getelementptr i16, ptr %c44, i64 1
  %p89 = getelementptr i8, ptr %c45, i64 32
  %p90 = getelementptr float, ptr %c46, i64 32
  br label %latch43
latch43:
  %v91 = add i64 %i43, 1
  br label %loop43
done43:
  %v92 = mul i64 %i35, 32
  %v93 = add i64 %v92, 0
  %p94 = getelementptr float, ptr %ld20, i64 %v93
  %ld95 = load <16 x float>, ptr %p94, align 4
  %v96 = fadd <16 x float> %c47, %ld95
  %is97 = fcmp olt <16 x float> %v96, splat (float 0x0000000000000000)
  %sel98 = select <16 x i1> %is97, <16 x float> splat (float 0x0000000000000000), <16 x float> %v96
  %p99 = getelementptr i32, ptr %ld18, i64 %v93
  %p100 = getelementptr i32, ptr %p99, i64 0
  %ld101 = load i32, ptr %p100, align 4
  %cast102 = zext i32 %ld101 to i64
  %lane103 = extractelement <16 x float> %sel98, i64 0
  %p104 = getelementptr float, ptr %p32, i64 %cast102
  store float %lane103, ptr %p104, align 4
  %p105 = getelementptr i32, ptr %p99, i64 1
  %ld106 = load i32, ptr %p105, align 4
  %cast107 = zext i32 %ld106 to i64
  %lane108 = extractelement <16 x float> %sel98, i64 1
  %p109 = getelementptr float, ptr %p32, i64 %cast107
  store float %lane108, ptr %p109, align 4
  %p110 = getelementptr i32, ptr %p99, i64 2
  %ld111 = load i32, ptr %p110, align 4
  %cast112 = zext i32 %ld111 to i64
  %lane113 = extractelement <16 x float> %sel98, i64 2
  %p114 = getelementptr float, ptr %p32, i64 %cast112
  store float %lane113, ptr %p114, align 4
  %p115 = getelementptr i32, ptr %p99, i64 3
  %ld116 = load i32, ptr %p115, align 4
  %cast117 = zext i32 %ld116 to i64
  %lane118 = extractelement <16 x float> %sel98, i64 3
  %p119 = getelementptr float, ptr %p32, i64 %cast117
  store float %lane118, ptr %p119, align 4
  %p120 = getelementptr i32, ptr %p99, i64 4
  %ld121 = load i32, ptr %p120, align 4
  %cast122 = zext i32 %ld121 to i64
  %lane123 = extractelement <16 x float> %sel98, i64 4
  %p124 = getelementptr float, ptr %p32, i64 %cast122
  store float %lane123, ptr %p124, align 4
  %p125 = getelementptr i32, ptr %p99, i64 5
  %ld126 = load i32, ptr %p125, align 4
  %cast127 = zext i32 %ld126 to i64
  %lane128 = extractelement <16 x float> %sel98, i64 5
  %p129 = getelementptr float, ptr %p32, i64 %cast127
  store float %lane128, ptr %p129, align 4
  %p130 = getelementptr i32, ptr %p99, i64 6
  %ld131 = load i32, ptr %p130, align 4
  %cast132 = zext i32 %ld131 to i64
  %lane133 = extractelement <16 x float> %sel98, i64 6
  %p134 = getelementptr float, ptr %p32, i64 %cast132
  store float %lane133, ptr %p134, align 4
  %p135 = getelementptr i32, ptr %p99, i64 7
  %ld136 = load i32, ptr %p135, align 4
  %cast137 = zext i32 %ld136 to i64
  %lane138 = extractelement <16 x float> %sel98, i64 7
  %p139 = getelementptr float, ptr %p32, i64 %cast137
  store float %lane138, ptr %p139, align 4
  %p140 = getelementptr i32, ptr %p99, i64 8
  %ld141 = load i32, ptr %p140, align 4
  %cast142 = zext i32 %ld141 to i64
  %lane143 = extractelement <16 x float> %sel98, i64 8
  %p144 = getelementptr float, ptr %p32, i64 %cast142
  store float %lane143, ptr %p144, align 4
  %p145 = getelementptr i32, ptr %p99, i64 9
  %ld146 = load i32, ptr %p145, align 4
  %cast147 = zext i32 %ld146 to i64
  %lane148 = extractelement <16 x float> %sel98, i64 9
  %p149 = getelementptr float, ptr %p32, i64 %cast147
  store float %lane148, ptr %p149, align 4
  %p150 = getelementptr i32, ptr %p99, i64 10
  %ld151 = load i32, ptr %p150, align 4
  %cast152 = zext i32 %ld151 to i64
  %lane153 = extractelement <16 x float> %sel98, i64 10
  %p154 = getelementptr float, ptr %p32, i64 %cast152
  store float %lane153, ptr %p154, align 4
  %p155 = getelementptr i32, ptr %p99, i64 11
  %ld156 = load i32, ptr %p155, align 4
  %cast157 = zext i32 %ld156 to i64
  %lane158 = extractelement <16 x float> %sel98, i64 11
  %p159 = getelementptr float, ptr %p32, i64 %cast157
  store float %lane158, ptr %p159, align 4
  %p160 = getelementptr i32, ptr %p99, i64 12
  %ld161 = load i32, ptr %p160, align 4
  %cast162 = zext i32 %ld161 to i64
  %lane163 = extractelement <16 x float> %sel98, i64 12
  %p164 = getelementptr float, ptr %p32, i64 %cast162
  store float %lane163, ptr %p164, align 4
  %p165 = getelementptr i32, ptr %p99, i64 13
  %ld166 = load i32, ptr %p165, align 4
  %cast167 = zext i32 %ld166 to i64
  %lane168 = extractelement <16 x float> %sel98, i64 13
  %p169 = getelementptr float, ptr %p32, i64 %cast167
  store float %lane168, ptr %p169, align 4
  %p170 = getelementptr i32, ptr %p99, i64 14
  %ld171 = load i32, ptr %p170, align 4
  %cast172 = zext i32 %ld171 to i64
  %lane173 = extractelement <16 x float> %sel98, i64 14
  %p174 = getelementptr float, ptr %p32, i64 %cast172
  store float %lane173, ptr %p174, align 4
  %p175 = getelementptr i32, ptr %p99, i64 15
  %ld176 = load i32, ptr %p175, align 4
  %cast177 = zext i32 %ld176 to i64
  %lane178 = extractelement <16 x float> %sel98, i64 15
  %p179 = getelementptr float, ptr %p32, i64 %cast177
  store float %lane178, ptr %p179, align 4
  %v180 = add i64 %v92, 16
  %p181 = getelementptr float, ptr %ld20, i64 %v180
  %ld182 = load <16 x float>, ptr %p181, align 4
  %v183 = fadd <16 x float> %c48, %ld182
  %is184 = fcmp olt <16 x float> %v183, splat (float 0x0000000000000000)
  %sel185 = select <16 x i1> %is184, <16 x float> splat (float 0x0000000000000000), <16 x float> %v183
  %p186 = getelementptr i32, ptr %ld18, i64 %v180
  %p187 = getelementptr i32, ptr %p186, i64 0
  %ld188 = load i32, ptr %p187, align 4
  %cast189 = zext i32 %ld188 to i64
  %lane190 = extractelement <16 x float> %sel185, i64 0
  %p191 = getelementptr float, ptr %p32, i64 %cast189
  store float %lane190, ptr %p191, align 4
  %p192 = getelementptr i32, ptr %p186, i64 1
  %ld193 = load i32, ptr %p192, align 4
  %cast194 = zext i32 %ld193 to i64
  %lane195 = extractelement <16 x float> %sel185, i64 1
  %p196 = getelementptr float, ptr %p32, i64 %cast194
  store float %lane195, ptr %p196, align 4
  %p197 = getelementptr i32, ptr %p186, i64 2
  %ld198 = load i32, ptr %p197, align 4
  %cast199 = zext i32 %ld198 to i64
  %lane200 = extractelement <16 x float> %sel185, i64 2
  %p201 = getelementptr float, ptr %p32, i64 %cast199
  store float %lane200, ptr %p201, align 4
  %p202 = getelementptr i32, ptr %p186, i64 3
  %ld203 = load i32, ptr %p202, align 4
  %cast204 = zext i32 %ld203 to i64
  %lane205 = extractelement <16 x float> %sel185, i64 3
  %p206 = getelementptr float, ptr %p32, i64 %cast204
  store float %lane205, ptr %p206, align 4
  %p207 = getelementptr i32, ptr %p186, i64 4
  %ld208 = load i32, ptr %p207, align 4
  %cast209 = zext i32 %ld208 to i64
  %lane210 = extractelement <16 x float> %sel185, i64 4
  %p211 = getelementptr float, ptr %p32, i64 %cast209
  store float %lane210, ptr %p211, align 4
  %p212 = getelementptr i32, ptr %p186, i64 5
  %ld213 = load i32, ptr %p212, align 4
  %cast214 = zext i32 %ld213 to i64
  %lane215 = extractelement <16 x float> %sel185, i64 5
  %p216 = getelementptr float, ptr %p32, i64 %cast214
  store float %lane215, ptr %p216, align 4
  %p217 = getelementptr i32, ptr %p186, i64 6
  %ld218 = load i32, ptr %p217, align 4
  %cast219 = zext i32 %ld218 to i64
  %lane220 = extractelement <16 x float> %sel185, i64 6
  %p221 = getelementptr float, ptr %p32, i64 %cast219
  store float %lane220, ptr %p221, align 4
  %p222 = getelementptr i32, ptr %p186, i64 7
  %ld223 = load i32, ptr %p222, align 4
  %cast224 = zext i32 %ld223 to i64
  %lane225 = extractelement <16 x float> %sel185, i64 7
  %p226 = getelementptr float, ptr %p32, i64 %cast224
  store float %lane225, ptr %p226, align 4
  %p227 = getelementptr i32, ptr %p186, i64 8
  %ld228 = load i32, ptr %p227, align 4
  %cast229 = zext i32 %ld228 to i64
  %lane230 = extractelement <16 x float> %sel185, i64 8
  %p231 = getelementptr float, ptr %p32, i64 %cast229
  store float %lane230, ptr %p231, align 4
  %p232 = getelementptr i32, ptr %p186, i64 9
  %ld233 = load i32, ptr %p232, align 4
  %cast234 = zext i32 %ld233 to i64
  %lane235 = extractelement <16 x float> %sel185, i64 9
  %p236 = getelementptr float, ptr %p32, i64 %cast234
  store float %lane235, ptr %p236, align 4
  %p237 = getelementptr i32, ptr %p186, i64 10
  %ld238 = load i32, ptr %p237, align 4
  %cast239 = zext i32 %ld238 to i64
  %lane240 = extractelement <16 x float> %sel185, i64 10
  %p241 = getelementptr float, ptr %p32, i64 %cast239
  store float %lane240, ptr %p241, align 4
  %p242 = getelementptr i32, ptr %p186, i64 11
  %ld243 = load i32, ptr %p242, align 4
  %cast244 = zext i32 %ld243 to i64
  %lane245 = extractelement <16 x float> %sel185, i64 11
  %p246 = getelementptr float, ptr %p32, i64 %cast244
  store float %lane245, ptr %p246, align 4
  %p247 = getelementptr i32, ptr %p186, i64 12
  %ld248 = load i32, ptr %p247, align 4
  %cast249 = zext i32 %ld248 to i64
  %lane250 = extractelement <16 x float> %sel185, i64 12
  %p251 = getelementptr float, ptr %p32, i64 %cast249
  store float %lane250, ptr %p251, align 4
  %p252 = getelementptr i32, ptr %p186, i64 13
  %ld253 = load i32, ptr %p252, align 4
  %cast254 = zext i32 %ld253 to i64
  %lane255 = extractelement <16 x float> %sel185, i64 13
  %p256 = getelementptr float, ptr %p32, i64 %cast254
  store float %lane255, ptr %p256, align 4
  %p257 = getelementptr i32, ptr %p186, i64 14
  %ld258 = load i32, ptr %p257, align 4
  %cast259 = zext i32 %ld258 to i64
  %lane260 = extractelement <16 x float> %sel185, i64 14
  %p261 = getelementptr float, ptr %p32, i64 %cast259
  store float %lane260, ptr %p261, align 4
  %p262 = getelementptr i32, ptr %p186, i64 15
  %ld263 = load i32, ptr %p262, align 4
  %cast264 = zext i32 %ld263 to i64
  %lane265 = extractelement <16 x float> %sel185, i64 15
  %p266 = getelementptr float, ptr %p32, i64 %cast264
  store float %lane265, ptr %p266, align 4
  br label %latch35
latch35:
  %v267 = add i64 %i35, 1
  br label %loop35
done35:
  br label %latch23
latch23:
  %v268 = add i64 %i23, 1
  br label %loop23
done23:
  ret void
}
attributes #0 = { nounwind "no-builtins" "probe-stack"="inline-asm" "prefer-vector-width"="512" "min-legal-vector-width"="512" }
