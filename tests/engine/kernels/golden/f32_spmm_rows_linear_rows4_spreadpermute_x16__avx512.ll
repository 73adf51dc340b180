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
  %i11 = phi i64 [ 0, %entry ], [ %v569, %latch11 ]
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
  %p21 = getelementptr float, ptr %p16, i64 0
  %p22 = getelementptr float, ptr %p20, i64 0
  %p23 = getelementptr i64, ptr %args, i64 8
  %ld24 = load i64, ptr %p23, align 8
  %is25 = icmp eq i64 %ld24, 1
  br i1 %is25, label %then26, label %after26
then26:
  %p27 = getelementptr i64, ptr %args, i64 2
  %ld28 = load ptr, ptr %p27, align 8
  %v29 = mul i64 0, 3
  %p30 = getelementptr i32, ptr %ld28, i64 %v29
  %p31 = getelementptr i32, ptr %p30, i64 0
  %ld32 = load i32, ptr %p31, align 4
  %cast33 = zext i32 %ld32 to i64
  %p34 = getelementptr i32, ptr %p30, i64 1
  %ld35 = load i32, ptr %p34, align 4
  %cast36 = zext i32 %ld35 to i64
  %p37 = getelementptr i32, ptr %p30, i64 2
  %ld38 = load i32, ptr %p37, align 4
  %cast39 = zext i32 %ld38 to i64
  %p40 = getelementptr i32, ptr %p30, i64 3
  %ld41 = load i32, ptr %p40, align 4
  %cast42 = zext i32 %ld41 to i64
  %v43 = mul i64 %cast36, 4
  %p44 = getelementptr i64, ptr %args, i64 4
  %ld45 = load ptr, ptr %p44, align 8
  %p46 = getelementptr i32, ptr %ld45, i64 %v43
  %p47 = getelementptr i64, ptr %args, i64 5
  %ld48 = load ptr, ptr %p47, align 8
  %p49 = getelementptr i16, ptr %ld48, i64 %cast39
  %p50 = getelementptr i64, ptr %args, i64 6
  %ld51 = load ptr, ptr %p50, align 8
  %p52 = getelementptr float, ptr %ld51, i64 %cast39
  %p53 = getelementptr i64, ptr %args, i64 9
  %ld54 = load i64, ptr %p53, align 8
  %v55 = mul i64 0, %ld54
  %p56 = getelementptr i8, ptr %p21, i64 %v55
  br label %loop57
loop57:
  %i57 = phi i64 [ %cast33, %then26 ], [ %v168, %latch57 ]
  %c58 = phi ptr [ %p46, %then26 ], [ %c72, %latch57 ]
  %c59 = phi ptr [ %p49, %then26 ], [ %c73, %latch57 ]
  %c60 = phi ptr [ %p52, %then26 ], [ %c74, %latch57 ]
  %is61 = icmp slt i64 %i57, %cast42
  br i1 %is61, label %body57, label %done57
body57:
  %p62 = getelementptr i64, ptr %args, i64 3
  %ld63 = load ptr, ptr %p62, align 8
  %v64 = mul i64 %i57, 2
  %p65 = getelementptr i32, ptr %ld63, i64 %v64
  %ld66 = load i32, ptr %p65, align 4
  %cast67 = zext i32 %ld66 to i64
  %p68 = getelementptr i32, ptr %p65, i64 1
  %ld69 = load i32, ptr %p68, align 4
  %cast70 = zext i32 %ld69 to i64
  br label %loop71
loop71:
  %i71 = phi i64 [ 0, %body57 ], [ %v167, %latch71 ]
  %c72 = phi ptr [ %c58, %body57 ], [ %p166, %latch71 ]
  %c73 = phi ptr [ %c59, %body57 ], [ %c121, %latch71 ]
  %c74 = phi ptr [ %c60, %body57 ], [ %c122, %latch71 ]
  %is75 = icmp slt i64 %i71, %cast70
  br i1 %is75, label %body71, label %done71
body71:
  %p76 = getelementptr i32, ptr %c72, i64 0
  %ld77 = load i32, ptr %p76, align 4
  %cast78 = zext i32 %ld77 to i64
  %p79 = getelementptr i32, ptr %c72, i64 1
  %ld80 = load i32, ptr %p79, align 4
  %cast81 = zext i32 %ld80 to i64
  %p82 = getelementptr i32, ptr %c72, i64 2
  %ld83 = load i32, ptr %p82, align 4
  %cast84 = zext i32 %ld83 to i64
  %p85 = getelementptr i32, ptr %c72, i64 3
  %ld86 = load i32, ptr %p85, align 4
  %cast87 = zext i32 %ld86 to i64
  %v88 = mul i64 %cast78, 16
  %p89 = getelementptr float, ptr %p22, i64 %v88
  %v90 = mul i64 %cast81, 16
  %p91 = getelementptr float, ptr %p22, i64 %v90
  %v92 = mul i64 %cast84, 16
  %p93 = getelementptr float, ptr %p22, i64 %v92
  %v94 = mul i64 %cast87, 16
  %p95 = getelementptr float, ptr %p22, i64 %v94
  %p96 = getelementptr i64, ptr %args, i64 7
  %ld97 = load ptr, ptr %p96, align 8
  %p98 = getelementptr float, ptr %ld97, i64 %cast78
  %ld99 = load float, ptr %p98, align 4
  %one100 = insertelement <16 x float> poison, float %ld99, i64 0
  %splat101 = shufflevector <16 x float> %one100, <16 x float> %one100, <16 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %p102 = getelementptr i64, ptr %args, i64 7
  %ld103 = load ptr, ptr %p102, align 8
  %p104 = getelementptr float, ptr %ld103, i64 %cast81
  %ld105 = load float, ptr %p104, align 4
  %one106 = insertelement <16 x float> poison, float %ld105, i64 0
  %splat107 = shufflevector <16 x float> %one106, <16 x float> %one106, <16 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %p108 = getelementptr i64, ptr %args, i64 7
  %ld109 = load ptr, ptr %p108, align 8
  %p110 = getelementptr float, ptr %ld109, i64 %cast84
  %ld111 = load float, ptr %p110, align 4
  %one112 = insertelement <16 x float> poison, float %ld111, i64 0
  %splat113 = shufflevector <16 x float> %one112, <16 x float> %one112, <16 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %p114 = getelementptr i64, ptr %args, i64 7
  %ld115 = load ptr, ptr %p114, align 8
  %p116 = getelementptr float, ptr %ld115, i64 %cast87
  %ld117 = load float, ptr %p116, align 4
  %one118 = insertelement <16 x float> poison, float %ld117, i64 0
  %splat119 = shufflevector <16 x float> %one118, <16 x float> %one118, <16 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  br label %loop120
loop120:
  %i120 = phi i64 [ 0, %body71 ], [ %v161, %latch120 ]
  %c121 = phi ptr [ %c73, %body71 ], [ %p159, %latch120 ]
  %c122 = phi ptr [ %c74, %body71 ], [ %p160, %latch120 ]
  %c123 = phi <16 x float> [ %splat101, %body71 ], [ %r146, %latch120 ]
  %c124 = phi <16 x float> [ %splat107, %body71 ], [ %r150, %latch120 ]
  %c125 = phi <16 x float> [ %splat113, %body71 ], [ %r154, %latch120 ]
  %c126 = phi <16 x float> [ %splat119, %body71 ], [ %r158, %latch120 ]
  %is127 = icmp slt i64 %i120, %cast67
  br i1 %is127, label %body120, label %done120
body120:
  %ld128 = load <4 x float>, ptr %c122, align 4
  %shuf129 = shufflevector <4 x float> %ld128, <4 x float> %ld128, <16 x i32> <i32 0, i32 1, i32 2, i32 3, i32 0, i32 1, i32 2, i32 3, i32 0, i32 1, i32 2, i32 3, i32 0, i32 1, i32 2, i32 3>
  %kept130 = call <16 x float> asm "", "=v,0"(<16 x float> %shuf129)
  %shuf131 = shufflevector <16 x float> %kept130, <16 x float> %kept130, <16 x i32> <i32 0, i32 0, i32 0, i32 0, i32 4, i32 4, i32 4, i32 4, i32 8, i32 8, i32 8, i32 8, i32 12, i32 12, i32 12, i32 12>
  %shuf132 = shufflevector <16 x float> %kept130, <16 x float> %kept130, <16 x i32> <i32 1, i32 1, i32 1, i32 1, i32 5, i32 5, i32 5, i32 5, i32 9, i32 9, i32 9, i32 9, i32 13, i32 13, i32 13, i32 13>
  %shuf133 = shufflevector <16 x float> %kept130, <16 x float> %kept130, <16 x i32> <i32 2, i32 2, i32 2, i32 2, i32 6, i32 6, i32 6, i32 6, i32 10, i32 10, i32 10, i32 10, i32 14, i32 14, i32 14, i32 14>
  %shuf134 = shufflevector <16 x float> %kept130, <16 x float> %kept130, <16 x i32> <i32 3, i32 3, i32 3, i32 3, i32 7, i32 7, i32 7, i32 7, i32 11, i32 11, i32 11, i32 11, i32 15, i32 15, i32 15, i32 15>
  %ld135 = load i64, ptr %c121, align 2
  %v136 = and i64 %ld135, 65535
  %v137 = lshr i64 %ld135, 16
  %v138 = and i64 %v137, 65535
  %v139 = lshr i64 %ld135, 32
  %v140 = and i64 %v139, 65535
  %v141 = lshr i64 %ld135, 48
  %v142 = and i64 %v141, 65535
  %p143 = getelementptr i64, ptr %p56, i64 %v136
  %p144 = getelementptr float, ptr %p143, i64 0
  %ld145 = load <16 x float>, ptr %p144, align 64
  %r146 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf131, <16 x float> %ld145, <16 x float> %c123)
  %p147 = getelementptr i64, ptr %p56, i64 %v138
  %p148 = getelementptr float, ptr %p147, i64 0
  %ld149 = load <16 x float>, ptr %p148, align 64
  %r150 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf132, <16 x float> %ld149, <16 x float> %c124)
  %p151 = getelementptr i64, ptr %p56, i64 %v140
  %p152 = getelementptr float, ptr %p151, i64 0
  %ld153 = load <16 x float>, ptr %p152, align 64
  %r154 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf133, <16 x float> %ld153, <16 x float> %c125)
  %p155 = getelementptr i64, ptr %p56, i64 %v142
  %p156 = getelementptr float, ptr %p155, i64 0
  %ld157 = load <16 x float>, ptr %p156, align 64
  %r158 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf134, <16 x float> %ld157, <16 x float> %c126)
  %p159 = getelementptr i16, ptr %c121, i64 4
  %p160 = getelementptr float, ptr %c122, i64 4
  br label %latch120
latch120:
  %v161 = add i64 %i120, 1
  br label %loop120
done120:
  %p162 = getelementptr float, ptr %p89, i64 0
  store <16 x float> %c123, ptr %p162, align 64
  %p163 = getelementptr float, ptr %p91, i64 0
  store <16 x float> %c124, ptr %p163, align 64
  %p164 = getelementptr float, ptr %p93, i64 0
  store <16 x float> %c125, ptr %p164, align 64
  %p165 = getelementptr float, ptr %p95, i64 0
  store <16 x float> %c126, ptr %p165, align 64
  %p166 = getelementptr i32, ptr %c72, i64 4
  br label %latch71
latch71:
  %v167 = add i64 %i71, 1
  br label %loop71
done71:
  br label %latch57
latch57:
  %v168 = add i64 %i57, 1
  br label %loop57
done57:
  br label %after26
after26:
  %is169 = icmp sgt i64 %ld24, 1
  br i1 %is169, label %then170, label %after170
then170:
  %p171 = getelementptr i64, ptr %args, i64 2
  %ld172 = load ptr, ptr %p171, align 8
  %v173 = mul i64 0, 3
  %p174 = getelementptr i32, ptr %ld172, i64 %v173
  %p175 = getelementptr i32, ptr %p174, i64 0
  %ld176 = load i32, ptr %p175, align 4
  %cast177 = zext i32 %ld176 to i64
  %p178 = getelementptr i32, ptr %p174, i64 1
  %ld179 = load i32, ptr %p178, align 4
  %cast180 = zext i32 %ld179 to i64
  %p181 = getelementptr i32, ptr %p174, i64 2
  %ld182 = load i32, ptr %p181, align 4
  %cast183 = zext i32 %ld182 to i64
  %p184 = getelementptr i32, ptr %p174, i64 3
  %ld185 = load i32, ptr %p184, align 4
  %cast186 = zext i32 %ld185 to i64
  %v187 = mul i64 %cast180, 4
  %p188 = getelementptr i64, ptr %args, i64 4
  %ld189 = load ptr, ptr %p188, align 8
  %p190 = getelementptr i32, ptr %ld189, i64 %v187
  %p191 = getelementptr i64, ptr %args, i64 5
  %ld192 = load ptr, ptr %p191, align 8
  %p193 = getelementptr i16, ptr %ld192, i64 %cast183
  %p194 = getelementptr i64, ptr %args, i64 6
  %ld195 = load ptr, ptr %p194, align 8
  %p196 = getelementptr float, ptr %ld195, i64 %cast183
  %p197 = getelementptr i64, ptr %args, i64 9
  %ld198 = load i64, ptr %p197, align 8
  %v199 = mul i64 0, %ld198
  %p200 = getelementptr i8, ptr %p21, i64 %v199
  br label %loop201
loop201:
  %i201 = phi i64 [ %cast177, %then170 ], [ %v312, %latch201 ]
  %c202 = phi ptr [ %p190, %then170 ], [ %c216, %latch201 ]
  %c203 = phi ptr [ %p193, %then170 ], [ %c217, %latch201 ]
  %c204 = phi ptr [ %p196, %then170 ], [ %c218, %latch201 ]
  %is205 = icmp slt i64 %i201, %cast186
  br i1 %is205, label %body201, label %done201
body201:
  %p206 = getelementptr i64, ptr %args, i64 3
  %ld207 = load ptr, ptr %p206, align 8
  %v208 = mul i64 %i201, 2
  %p209 = getelementptr i32, ptr %ld207, i64 %v208
  %ld210 = load i32, ptr %p209, align 4
  %cast211 = zext i32 %ld210 to i64
  %p212 = getelementptr i32, ptr %p209, i64 1
  %ld213 = load i32, ptr %p212, align 4
  %cast214 = zext i32 %ld213 to i64
  br label %loop215
loop215:
  %i215 = phi i64 [ 0, %body201 ], [ %v311, %latch215 ]
  %c216 = phi ptr [ %c202, %body201 ], [ %p310, %latch215 ]
  %c217 = phi ptr [ %c203, %body201 ], [ %c265, %latch215 ]
  %c218 = phi ptr [ %c204, %body201 ], [ %c266, %latch215 ]
  %is219 = icmp slt i64 %i215, %cast214
  br i1 %is219, label %body215, label %done215
body215:
  %p220 = getelementptr i32, ptr %c216, i64 0
  %ld221 = load i32, ptr %p220, align 4
  %cast222 = zext i32 %ld221 to i64
  %p223 = getelementptr i32, ptr %c216, i64 1
  %ld224 = load i32, ptr %p223, align 4
  %cast225 = zext i32 %ld224 to i64
  %p226 = getelementptr i32, ptr %c216, i64 2
  %ld227 = load i32, ptr %p226, align 4
  %cast228 = zext i32 %ld227 to i64
  %p229 = getelementptr i32, ptr %c216, i64 3
  %ld230 = load i32, ptr %p229, align 4
  %cast231 = zext i32 %ld230 to i64
  %v232 = mul i64 %cast222, 16
  %p233 = getelementptr float, ptr %p22, i64 %v232
  %v234 = mul i64 %cast225, 16
  %p235 = getelementptr float, ptr %p22, i64 %v234
  %v236 = mul i64 %cast228, 16
  %p237 = getelementptr float, ptr %p22, i64 %v236
  %v238 = mul i64 %cast231, 16
  %p239 = getelementptr float, ptr %p22, i64 %v238
  %p240 = getelementptr i64, ptr %args, i64 7
  %ld241 = load ptr, ptr %p240, align 8
  %p242 = getelementptr float, ptr %ld241, i64 %cast222
  %ld243 = load float, ptr %p242, align 4
  %one244 = insertelement <16 x float> poison, float %ld243, i64 0
  %splat245 = shufflevector <16 x float> %one244, <16 x float> %one244, <16 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %p246 = getelementptr i64, ptr %args, i64 7
  %ld247 = load ptr, ptr %p246, align 8
  %p248 = getelementptr float, ptr %ld247, i64 %cast225
  %ld249 = load float, ptr %p248, align 4
  %one250 = insertelement <16 x float> poison, float %ld249, i64 0
  %splat251 = shufflevector <16 x float> %one250, <16 x float> %one250, <16 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %p252 = getelementptr i64, ptr %args, i64 7
  %ld253 = load ptr, ptr %p252, align 8
  %p254 = getelementptr float, ptr %ld253, i64 %cast228
  %ld255 = load float, ptr %p254, align 4
  %one256 = insertelement <16 x float> poison, float %ld255, i64 0
  %splat257 = shufflevector <16 x float> %one256, <16 x float> %one256, <16 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  %p258 = getelementptr i64, ptr %args, i64 7
  %ld259 = load ptr, ptr %p258, align 8
  %p260 = getelementptr float, ptr %ld259, i64 %cast231
  %ld261 = load float, ptr %p260, align 4
  %one262 = insertelement <16 x float> poison, float %ld261, i64 0
  %splat263 = shufflevector <16 x float> %one262, <16 x float> %one262, <16 x i32> <i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0, i32 0>
  br label %loop264
loop264:
  %i264 = phi i64 [ 0, %body215 ], [ %v305, %latch264 ]
  %c265 = phi ptr [ %c217, %body215 ], [ %p303, %latch264 ]
  %c266 = phi ptr [ %c218, %body215 ], [ %p304, %latch264 ]
  %c267 = phi <16 x float> [ %splat245, %body215 ], [ %r290, %latch264 ]
  %c268 = phi <16 x float> [ %splat251, %body215 ], [ %r294, %latch264 ]
  %c269 = phi <16 x float> [ %splat257, %body215 ], [ %r298, %latch264 ]
  %c270 = phi <16 x float> [ %splat263, %body215 ], [ %r302, %latch264 ]
  %is271 = icmp slt i64 %i264, %cast211
  br i1 %is271, label %body264, label %done264
body264:
  %ld272 = load <4 x float>, ptr %c266, align 4
  %shuf273 = shufflevector <4 x float> %ld272, <4 x float> %ld272, <16 x i32> <i32 0, i32 1, i32 2, i32 3, i32 0, i32 1, i32 2, i32 3, i32 0, i32 1, i32 2, i32 3, i32 0, i32 1, i32 2, i32 3>
  %kept274 = call <16 x float> asm "", "=v,0"(<16 x float> %shuf273)
  %shuf275 = shufflevector <16 x float> %kept274, <16 x float> %kept274, <16 x i32> <i32 0, i32 0, i32 0, i32 0, i32 4, i32 4, i32 4, i32 4, i32 8, i32 8, i32 8, i32 8, i32 12, i32 12, i32 12, i32 12>
  %shuf276 = shufflevector <16 x float> %kept274, <16 x float> %kept274, <16 x i32> <i32 1, i32 1, i32 1, i32 1, i32 5, i32 5, i32 5, i32 5, i32 9, i32 9, i32 9, i32 9, i32 13, i32 13, i32 13, i32 13>
  %shuf277 = shufflevector <16 x float> %kept274, <16 x float> %kept274, <16 x i32> <i32 2, i32 2, i32 2, i32 2, i32 6, i32 6, i32 6, i32 6, i32 10, i32 10, i32 10, i32 10, i32 14, i32 14, i32 14, i32 14>
  %shuf278 = shufflevector <16 x float> %kept274, <16 x float> %kept274, <16 x i32> <i32 3, i32 3, i32 3, i32 3, i32 7, i32 7, i32 7, i32 7, i32 11, i32 11, i32 11, i32 11, i32 15, i32 15, i32 15, i32 15>
  %ld279 = load i64, ptr %c265, align 2
  %v280 = and i64 %ld279, 65535
  %v281 = lshr i64 %ld279, 16
  %v282 = and i64 %v281, 65535
  %v283 = lshr i64 %ld279, 32
  %v284 = and i64 %v283, 65535
  %v285 = lshr i64 %ld279, 48
  %v286 = and i64 %v285, 65535
  %p287 = getelementptr i64, ptr %p200, i64 %v280
  %p288 = getelementptr float, ptr %p287, i64 0
  %ld289 = load <16 x float>, ptr %p288, align 64
  %r290 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf275, <16 x float> %ld289, <16 x float> %c267)
  %p291 = getelementptr i64, ptr %p200, i64 %v282
  %p292 = getelementptr float, ptr %p291, i64 0
  %ld293 = load <16 x float>, ptr %p292, align 64
  %r294 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf276, <16 x float> %ld293, <16 x float> %c268)
  %p295 = getelementptr i64, ptr %p200, i64 %v284
  %p296 = getelementptr float, ptr %p295, i64 0
  %ld297 = load <16 x float>, ptr %p296, align 64
  %r298 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf277, <16 x float> %ld297, <16 x float> %c269)
  %p299 = getelementptr i64, ptr %p200, i64 %v286
  %p300 = getelementptr float, ptr %p299, i64 0
  %ld301 = load <16 x float>, ptr %p300, align 64
  %r302 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf278, <16 x float> %ld301, <16 x float> %c270)
  %p303 = getelementptr i16, ptr %c265, i64 4
  %p304 = getelementptr float, ptr %c266, i64 4
  br label %latch264
latch264:
  %v305 = add i64 %i264, 1
  br label %loop264
done264:
  %p306 = getelementptr float, ptr %p233, i64 0
  store <16 x float> %c267, ptr %p306, align 64
  %p307 = getelementptr float, ptr %p235, i64 0
  store <16 x float> %c268, ptr %p307, align 64
  %p308 = getelementptr float, ptr %p237, i64 0
  store <16 x float> %c269, ptr %p308, align 64
  %p309 = getelementptr float, ptr %p239, i64 0
  store <16 x float> %c270, ptr %p309, align 64
  %p310 = getelementptr i32, ptr %c216, i64 4
  br label %latch215
latch215:
  %v311 = add i64 %i215, 1
  br label %loop215
done215:
  br label %latch201
latch201:
  %v312 = add i64 %i201, 1
  br label %loop201
done201:
  %v313 = add i64 %ld24, -1
  br label %loop314
loop314:
  %i314 = phi i64 [ 1, %done201 ], [ %v442, %latch314 ]
  %is315 = icmp slt i64 %i314, %v313
  br i1 %is315, label %body314, label %done314
body314:
  %p316 = getelementptr i64, ptr %args, i64 2
  %ld317 = load ptr, ptr %p316, align 8
  %v318 = mul i64 %i314, 3
  %p319 = getelementptr i32, ptr %ld317, i64 %v318
  %p320 = getelementptr i32, ptr %p319, i64 0
  %ld321 = load i32, ptr %p320, align 4
  %cast322 = zext i32 %ld321 to i64
  %p323 = getelementptr i32, ptr %p319, i64 1
  %ld324 = load i32, ptr %p323, align 4
  %cast325 = zext i32 %ld324 to i64
  %p326 = getelementptr i32, ptr %p319, i64 2
  %ld327 = load i32, ptr %p326, align 4
  %cast328 = zext i32 %ld327 to i64
  %p329 = getelementptr i32, ptr %p319, i64 3
  %ld330 = load i32, ptr %p329, align 4
  %cast331 = zext i32 %ld330 to i64
  %v332 = mul i64 %cast325, 4
  %p333 = getelementptr i64, ptr %args, i64 4
  %ld334 = load ptr, ptr %p333, align 8
  %p335 = getelementptr i32, ptr %ld334, i64 %v332
  %p336 = getelementptr i64, ptr %args, i64 5
  %ld337 = load ptr, ptr %p336, align 8
  %p338 = getelementptr i16, ptr %ld337, i64 %cast328
  %p339 = getelementptr i64, ptr %args, i64 6
  %ld340 = load ptr, ptr %p339, align 8
  %p341 = getelementptr float, ptr %ld340, i64 %cast328
  %p342 = getelementptr i64, ptr %args, i64 9
  %ld343 = load i64, ptr %p342, align 8
  %v344 = mul i64 %i314, %ld343
  %p345 = getelementptr i8, ptr %p21, i64 %v344
  br label %loop346
loop346:
  %i346 = phi i64 [ %cast322, %body314 ], [ %v441, %latch346 ]
  %c347 = phi ptr [ %p335, %body314 ], [ %c361, %latch346 ]
  %c348 = phi ptr [ %p338, %body314 ], [ %c362, %latch346 ]
  %c349 = phi ptr [ %p341, %body314 ], [ %c363, %latch346 ]
  %is350 = icmp slt i64 %i346, %cast331
  br i1 %is350, label %body346, label %done346
body346:
  %p351 = getelementptr i64, ptr %args, i64 3
  %ld352 = load ptr, ptr %p351, align 8
  %v353 = mul i64 %i346, 2
  %p354 = getelementptr i32, ptr %ld352, i64 %v353
  %ld355 = load i32, ptr %p354, align 4
  %cast356 = zext i32 %ld355 to i64
  %p357 = getelementptr i32, ptr %p354, i64 1
  %ld358 = load i32, ptr %p357, align 4
  %cast359 = zext i32 %ld358 to i64
  br label %loop360
loop360:
  %i360 = phi i64 [ 0, %body346 ], [ %v440, %latch360 ]
  %c361 = phi ptr [ %c347, %body346 ], [ %p439, %latch360 ]
  %c362 = phi ptr [ %c348, %body346 ], [ %c394, %latch360 ]
  %c363 = phi ptr [ %c349, %body346 ], [ %c395, %latch360 ]
  %is364 = icmp slt i64 %i360, %cast359
  br i1 %is364, label %body360, label %done360
body360:
  %p365 = getelementptr i32, ptr %c361, i64 0
  %ld366 = load i32, ptr %p365, align 4
  %cast367 = zext i32 %ld366 to i64
  %p368 = getelementptr i32, ptr %c361, i64 1
  %ld369 = load i32, ptr %p368, align 4
  %cast370 = zext i32 %ld369 to i64
  %p371 = getelementptr i32, ptr %c361, i64 2
  %ld372 = load i32, ptr %p371, align 4
  %cast373 = zext i32 %ld372 to i64
  %p374 = getelementptr i32, ptr %c361, i64 3
  %ld375 = load i32, ptr %p374, align 4
  %cast376 = zext i32 %ld375 to i64
  %v377 = mul i64 %cast367, 16
  %p378 = getelementptr float, ptr %p22, i64 %v377
  %v379 = mul i64 %cast370, 16
  %p380 = getelementptr float, ptr %p22, i64 %v379
  %v381 = mul i64 %cast373, 16
  %p382 = getelementptr float, ptr %p22, i64 %v381
  %v383 = mul i64 %cast376, 16
  %p384 = getelementptr float, ptr %p22, i64 %v383
  %p385 = getelementptr float, ptr %p378, i64 0
  %ld386 = load <16 x float>, ptr %p385, align 64
  %p387 = getelementptr float, ptr %p380, i64 0
  %ld388 = load <16 x float>, ptr %p387, align 64
  %p389 = getelementptr float, ptr %p382, i64 0
  %ld390 = load <16 x float>, ptr %p389, align 64
  %p391 = getelementptr float, ptr %p384, i64 0
  %ld392 = load <16 x float>, ptr %p391, align 64
  br label %loop393
loop393:
  %i393 = phi i64 [ 0, %body360 ], [ %v434, %latch393 ]
  %c394 = phi ptr [ %c362, %body360 ], [ %p432, %latch393 ]
  %c395 = phi ptr [ %c363, %body360 ], [ %p433, %latch393 ]
  %c396 = phi <16 x float> [ %ld386, %body360 ], [ %r419, %latch393 ]
  %c397 = phi <16 x float> [ %ld388, %body360 ], [ %r423, %latch393 ]
  %c398 = phi <16 x float> [ %ld390, %body360 ], [ %r427, %latch393 ]
  %c399 = phi <16 x float> [ %ld392, %body360 ], [ %r431, %latch393 ]
  %is400 = icmp slt i64 %i393, %cast356
  br i1 %is400, label %body393, label %done393
body393:
  %ld401 = load <4 x float>, ptr %c395, align 4
  %shuf402 = shufflevector <4 x float> %ld401, <4 x float> %ld401, <16 x i32> <i32 0, i32 1, i32 2, i32 3, i32 0, i32 1, i32 2, i32 3, i32 0, i32 1, i32 2, i32 3, i32 0, i32 1, i32 2, i32 3>
  %kept403 = call <16 x float> asm "", "=v,0"(<16 x float> %shuf402)
  %shuf404 = shufflevector <16 x float> %kept403, <16 x float> %kept403, <16 x i32> <i32 0, i32 0, i32 0, i32 0, i32 4, i32 4, i32 4, i32 4, i32 8, i32 8, i32 8, i32 8, i32 12, i32 12, i32 12, i32 12>
  %shuf405 = shufflevector <16 x float> %kept403, <16 x float> %kept403, <16 x i32> <i32 1, i32 1, i32 1, i32 1, i32 5, i32 5, i32 5, i32 5, i32 9, i32 9, i32 9, i32 9, i32 13, i32 13, i32 13, i32 13>
  %shuf406 = shufflevector <16 x float> %kept403, <16 x float> %kept403, <16 x i32> <i32 2, i32 2, i32 2, i32 2, i32 6, i32 6, i32 6, i32 6, i32 10, i32 10, i32 10, i32 10, i32 14, i32 14, i32 14, i32 14>
  %shuf407 = shufflevector <16 x float> %kept403, <16 x float> %kept403, <16 x i32> <i32 3, i32 3, i32 3, i32 3, i32 7, i32 7, i32 7, i32 7, i32 11, i32 11, i32 11, i32 11, i32 15, i32 15, i32 15, i32 15>
  %ld408 = load i64, ptr %c394, align 2
  %v409 = and i64 %ld408, 65535
  %v410 = lshr i64 %ld408, 16
  %v411 = and i64 %v410, 65535
  %v412 = lshr i64 %ld408, 32
  %v413 = and i64 %v412, 65535
  %v414 = lshr i64 %ld408, 48
  %v415 = and i64 %v414, 65535
  %p416 = getelementptr i64, ptr %p345, i64 %v409
  %p417 = getelementptr float, ptr %p416, i64 0
  %ld418 = load <16 x float>, ptr %p417, align 64
  %r419 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf404, <16 x float> %ld418, <16 x float> %c396)
  %p420 = getelementptr i64, ptr %p345, i64 %v411
  %p421 = getelementptr float, ptr %p420, i64 0
  %ld422 = load <16 x float>, ptr %p421, align 64
  %r423 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf405, <16 x float> %ld422, <16 x float> %c397)
  %p424 = getelementptr i64, ptr %p345, i64 %v413
  %p425 = getelementptr float, ptr %p424, i64 0
  %ld426 = load <16 x float>, ptr %p425, align 64
  %r427 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf406, <16 x float> %ld426, <16 x float> %c398)
  %p428 = getelementptr i64, ptr %p345, i64 %v415
  %p429 = getelementptr float, ptr %p428, i64 0
  %ld430 = load <16 x float>, ptr %p429, align 64
  %r431 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf407, <16 x float> %ld430, <16 x float> %c399)
  %p432 = getelementptr i16, ptr %c394, i64 4
  %p433 = getelementptr float, ptr %c395, i64 4
  br label %latch393
latch393:
  %v434 = add i64 %i393, 1
  br label %loop393
done393:
  %p435 = getelementptr float, ptr %p378, i64 0
  store <16 x float> %c396, ptr %p435, align 64
  %p436 = getelementptr float, ptr %p380, i64 0
  store <16 x float> %c397, ptr %p436, align 64
  %p437 = getelementptr float, ptr %p382, i64 0
  store <16 x float> %c398, ptr %p437, align 64
  %p438 = getelementptr float, ptr %p384, i64 0
  store <16 x float> %c399, ptr %p438, align 64
  %p439 = getelementptr i32, ptr %c361, i64 4
  br label %latch360
latch360:
  %v440 = add i64 %i360, 1
  br label %loop360
done360:
  br label %latch346
latch346:
  %v441 = add i64 %i346, 1
  br label %loop346
done346:
  br label %latch314
latch314:
  %v442 = add i64 %i314, 1
  br label %loop314
done314:
  %p443 = getelementptr i64, ptr %args, i64 2
  %ld444 = load ptr, ptr %p443, align 8
  %v445 = mul i64 %v313, 3
  %p446 = getelementptr i32, ptr %ld444, i64 %v445
  %p447 = getelementptr i32, ptr %p446, i64 0
  %ld448 = load i32, ptr %p447, align 4
  %cast449 = zext i32 %ld448 to i64
  %p450 = getelementptr i32, ptr %p446, i64 1
  %ld451 = load i32, ptr %p450, align 4
  %cast452 = zext i32 %ld451 to i64
  %p453 = getelementptr i32, ptr %p446, i64 2
  %ld454 = load i32, ptr %p453, align 4
  %cast455 = zext i32 %ld454 to i64
  %p456 = getelementptr i32, ptr %p446, i64 3
  %ld457 = load i32, ptr %p456, align 4
  %cast458 = zext i32 %ld457 to i64
  %v459 = mul i64 %cast452, 4
  %p460 = getelementptr i64, ptr %args, i64 4
  %ld461 = load ptr, ptr %p460, align 8
  %p462 = getelementptr i32, ptr %ld461, i64 %v459
  %p463 = getelementptr i64, ptr %args, i64 5
  %ld464 = load ptr, ptr %p463, align 8
  %p465 = getelementptr i16, ptr %ld464, i64 %cast455
  %p466 = getelementptr i64, ptr %args, i64 6
  %ld467 = load ptr, ptr %p466, align 8
  %p468 = getelementptr float, ptr %ld467, i64 %cast455
  %p469 = getelementptr i64, ptr %args, i64 9
  %ld470 = load i64, ptr %p469, align 8
  %v471 = mul i64 %v313, %ld470
  %p472 = getelementptr i8, ptr %p21, i64 %v471
  br label %loop473
loop473:
  %i473 = phi i64 [ %cast449, %done314 ], [ %v568, %latch473 ]
  %c474 = phi ptr [ %p462, %done314 ], [ %c488, %latch473 ]
  %c475 = phi ptr [ %p465, %done314 ], [ %c489, %latch473 ]
  %c476 = phi ptr [ %p468, %done314 ], [ %c490, %latch473 ]
  %is477 = icmp slt i64 %i473, %cast458
  br i1 %is477, label %body473, label %done473
body473:
  %p478 = getelementptr i64, ptr %args, i64 3
  %ld479 = load ptr, ptr %p478, align 8
  %v480 = mul i64 %i473, 2
  %p481 = getelementptr i32, ptr %ld479, i64 %v480
  %ld482 = load i32, ptr %p481, align 4
  %cast483 = zext i32 %ld482 to i64
  %p484 = getelementptr i32, ptr %p481, i64 1
  %ld485 = load i32, ptr %p484, align 4
  %cast486 = zext i32 %ld485 to i64
  br label %loop487
loop487:
  %i487 = phi i64 [ 0, %body473 ], [ %v567, %latch487 ]
  %c488 = phi ptr [ %c474, %body473 ], [ %p566, %latch487 ]
  %c489 = phi ptr [ %c475, %body473 ], [ %c521, %latch487 ]
  %c490 = phi ptr [ %c476, %body473 ], [ %c522, %latch487 ]
  %is491 = icmp slt i64 %i487, %cast486
  br i1 %is491, label %body487, label %done487
body487:
  %p492 = getelementptr i32, ptr %c488, i64 0
  %ld493 = load i32, ptr %p492, align 4
  %cast494 = zext i32 %ld493 to i64
  %p495 = getelementptr i32, ptr %c488, i64 1
  %ld496 = load i32, ptr %p495, align 4
  %cast497 = zext i32 %ld496 to i64
  %p498 = getelementptr i32, ptr %c488, i64 2
  %ld499 = load i32, ptr %p498, align 4
  %cast500 = zext i32 %ld499 to i64
  %p501 = getelementptr i32, ptr %c488, i64 3
  %ld502 = load i32, ptr %p501, align 4
  %cast503 = zext i32 %ld502 to i64
  %v504 = mul i64 %cast494, 16
  %p505 = getelementptr float, ptr %p22, i64 %v504
  %v506 = mul i64 %cast497, 16
  %p507 = getelementptr float, ptr %p22, i64 %v506
  %v508 = mul i64 %cast500, 16
  %p509 = getelementptr float, ptr %p22, i64 %v508
  %v510 = mul i64 %cast503, 16
  %p511 = getelementptr float, ptr %p22, i64 %v510
  %p512 = getelementptr float, ptr %p505, i64 0
  %ld513 = load <16 x float>, ptr %p512, align 64
  %p514 = getelementptr float, ptr %p507, i64 0
  %ld515 = load <16 x float>, ptr %p514, align 64
  %p516 = getelementptr float, ptr %p509, i64 0
  %ld517 = load <16 x float>, ptr %p516, align 64
  %p518 = getelementptr float, ptr %p511, i64 0
  %ld519 = load <16 x float>, ptr %p518, align 64
  br label %loop520
loop520:
  %i520 = phi i64 [ 0, %body487 ], [ %v561, %latch520 ]
  %c521 = phi ptr [ %c489, %body487 ], [ %p559, %latch520 ]
  %c522 = phi ptr [ %c490, %body487 ], [ %p560, %latch520 ]
  %c523 = phi <16 x float> [ %ld513, %body487 ], [ %r546, %latch520 ]
  %c524 = phi <16 x float> [ %ld515, %body487 ], [ %r550, %latch520 ]
  %c525 = phi <16 x float> [ %ld517, %body487 ], [ %r554, %latch520 ]
  %c526 = phi <16 x float> [ %ld519, %body487 ], [ %r558, %latch520 ]
  %is527 = icmp slt i64 %i520, %cast483
  br i1 %is527, label %body520, label %done520
body520:
  %ld528 = load <4 x float>, ptr %c522, align 4
  %shuf529 = shufflevector <4 x float> %ld528, <4 x float> %ld528, <16 x i32> <i32 0, i32 1, i32 2, i32 3, i32 0, i32 1, i32 2, i32 3, i32 0, i32 1, i32 2, i32 3, i32 0, i32 1, i32 2, i32 3>
  %kept530 = call <16 x float> asm "", "=v,0"(<16 x float> %shuf529)
  %shuf531 = shufflevector <16 x float> %kept530, <16 x float> %kept530, <16 x i32> <i32 0, i32 0, i32 0, i32 0, i32 4, i32 4, i32 4, i32 4, i32 8, i32 8, i32 8, i32 8, i32 12, i32 12, i32 12, i32 12>
  %shuf532 = shufflevector <16 x float> %kept530, <16 x float> %kept530, <16 x i32> <i32 1, i32 1, i32 1, i32 1, i32 5, i32 5, i32 5, i32 5, i32 9, i32 9, i32 9, i32 9, i32 13, i32 13, i32 13, i32 13>
  %shuf533 = shufflevector <16 x float> %kept530, <16 x float> %kept530, <16 x i32> <i32 2, i32 2, i32 2, i32 2, i32 6, i32 6, i32 6, i32 6, i32 10, i32 10, i32 10, i32 10, i32 14, i32 14, i32 14, i32 14>
  %shuf534 = shufflevector <16 x float> %kept530, <16 x float> %kept530, <16 x i32> <i32 3, i32 3, i32 3, i32 3, i32 7, i32 7, i32 7, i32 7, i32 11, i32 11, i32 11, i32 11, i32 15, i32 15, i32 15, i32 15>
  %ld535 = load i64, ptr %c521, align 2
  %v536 = and i64 %ld535, 65535
  %v537 = lshr i64 %ld535, 16
  %v538 = and i64 %v537, 65535
  %v539 = lshr i64 %ld535, 32
  %v540 = and i64 %v539, 65535
  %v541 = lshr i64 %ld535, 48
  %v542 = and i64 %v541, 65535
  %p543 = getelementptr i64, ptr %p472, i64 %v536
  %p544 = getelementptr float, ptr %p543, i64 0
  %ld545 = load <16 x float>, ptr %p544, align 64
  %r546 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf531, <16 x float> %ld545, <16 x float> %c523)
  %p547 = getelementptr i64, ptr %p472, i64 %v538
  %p548 = getelementptr float, ptr %p547, i64 0
  %ld549 = load <16 x float>, ptr %p548, align 64
  %r550 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf532, <16 x float> %ld549, <16 x float> %c524)
  %p551 = getelementptr i64, ptr %p472, i64 %v540
  %p552 = getelementptr float, ptr %p551, i64 0
  %ld553 = load <16 x float>, ptr %p552, align 64
  %r554 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf533, <16 x float> %ld553, <16 x float> %c525)
  %p555 = getelementptr i64, ptr %p472, i64 %v542
  %p556 = getelementptr float, ptr %p555, i64 0
  %ld557 = load <16 x float>, ptr %p556, align 64
  %r558 = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %shuf534, <16 x float> %ld557, <16 x float> %c526)
  %p559 = getelementptr i16, ptr %c521, i64 4
  %p560 = getelementptr float, ptr %c522, i64 4
  br label %latch520
latch520:
  %v561 = add i64 %i520, 1
  br label %loop520
done520:
  %p562 = getelementptr float, ptr %p505, i64 0
  store <16 x float> %c523, ptr %p562, align 64
  %p563 = getelementptr float, ptr %p507, i64 0
  store <16 x float> %c524, ptr %p563, align 64
  %p564 = getelementptr float, ptr %p509, i64 0
  store <16 x float> %c525, ptr %p564, align 64
  %p565 = getelementptr float, ptr %p511, i64 0
  store <16 x float> %c526, ptr %p565, align 64
  %p566 = getelementptr i32, ptr %c488, i64 4
  br label %latch487
latch487:
  %v567 = add i64 %i487, 1
  br label %loop487
done487:
  br label %latch473
latch473:
  %v568 = add i64 %i473, 1
  br label %loop473
done473:
  br label %after170
after170:
  br label %latch11
latch11:
  %v569 = add i64 %i11, 1
  br label %loop11
done11:
  ret void
}
attributes #0 = { nounwind "no-builtins" "prefer-vector-width"="512" "min-legal-vector-width"="512" }
