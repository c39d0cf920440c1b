// SPDX-License-Identifier: Apache-2.0
// AVX2 with FMA: 6 x 16 tiles in 12 of the 16 registers.
#if defined(__x86_64__)

#include <immintrin.h>

#include "gemm_internal.h"

#define TARGET __attribute__((target("avx2,fma,f16c")))
#define KERNELS lk_kernels_avx2
#define NAME "avx2"
#define VLEN 8
#define MR 6
#define NV 2
#define DOT_I 3
#define DOT_J 4
#define THIN_ROWS 4
#define THIN_COUNT 4

typedef __m256 vec;

LK_INLINE TARGET vec v_zero(void) { return _mm256_setzero_ps(); }
LK_INLINE TARGET vec v_set1(float x) { return _mm256_set1_ps(x); }
LK_INLINE TARGET vec v_load(const float *p) { return _mm256_loadu_ps(p); }
LK_INLINE TARGET void v_store(float *p, vec x) { _mm256_storeu_ps(p, x); }
LK_INLINE TARGET vec v_mul(vec a, vec b) { return _mm256_mul_ps(a, b); }
LK_INLINE TARGET vec v_fma(vec a, vec b, vec c) { return _mm256_fmadd_ps(a, b, c); }
LK_INLINE TARGET float v_sum(vec a) {
  __m128 x = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  x = _mm_add_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_add_ss(x, _mm_movehdup_ps(x)));
}

LK_INLINE TARGET __m256i first(ptrdiff_t count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count),
                            _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
// Holds the computation of x in its place, so that the compiler does not load everything first and
// run out of registers.
#define V_PIN(x) __asm__ volatile("" : "+x"(x) : : "memory")

// The first `count` elements, 0 < count <= VLEN; the others are 0 and not touched.
LK_INLINE TARGET vec v_load_part(const float *p, ptrdiff_t count) {
  return _mm256_maskload_ps(p, first(count));
}
LK_INLINE TARGET void v_store_part(float *p, vec x, ptrdiff_t count) {
  _mm256_maskstore_ps(p, first(count), x);
}

LK_INLINE TARGET void v_transpose(vec r[8]) {
  vec t[8], u[8];
#pragma clang loop unroll(full)
  for (int i = 0; i < 8; i += 2) {
    t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
    t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
  }
  // u[4 g + c], 128-bit lane l: rows 4 g ..< 4 g + 4 of column 4 l + c.
#pragma clang loop unroll(full)
  for (int g = 0; g < 8; g += 4) {
    u[g] = _mm256_shuffle_ps(t[g], t[g + 2], 0x44);
    u[g + 1] = _mm256_shuffle_ps(t[g], t[g + 2], 0xEE);
    u[g + 2] = _mm256_shuffle_ps(t[g + 1], t[g + 3], 0x44);
    u[g + 3] = _mm256_shuffle_ps(t[g + 1], t[g + 3], 0xEE);
  }
#pragma clang loop unroll(full)
  for (int c = 0; c < 4; c++) {
    r[c] = _mm256_permute2f128_ps(u[c], u[4 + c], 0x20);
    r[4 + c] = _mm256_permute2f128_ps(u[c], u[4 + c], 0x31);
  }
}

LK_INLINE TARGET vec v_from_bf16(const void *p) {
  __m256i x = _mm256_cvtepu16_epi32(_mm_loadu_si128(p));
  return _mm256_castsi256_ps(_mm256_slli_epi32(x, 16));
}
LK_INLINE TARGET vec v_from_f16(const void *p) { return _mm256_cvtph_ps(_mm_loadu_si128(p)); }
LK_INLINE TARGET vec v_from_i8(const int8_t *p) {
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)p)));
}

LK_INLINE TARGET vec v_load_bytes(const void *p) { return _mm256_loadu_ps(p); }
LK_INLINE TARGET vec v_set1_half(const uint8_t *p) {
  uint16_t half;
  memcpy(&half, p, sizeof half);
  return _mm256_broadcastss_ps(_mm_cvtph_ps(_mm_cvtsi32_si128(half)));
}
// Two halves side by side, each in all lanes.
LK_INLINE TARGET void v_set1_halves(const uint8_t *p, vec *first, vec *second) {
  int pair;
  memcpy(&pair, p, sizeof pair);
  vec both = _mm256_cvtph_ps(_mm_set1_epi32(pair));
  *first = _mm256_moveldup_ps(both);
  *second = _mm256_movehdup_ps(both);
}
// The low halves of 16 bytes, then the high ones.
LK_INLINE TARGET void v_from_nibbles(const uint8_t *p, vec w[4]) {
  __m128i bytes = _mm_loadu_si128((const void *)p), mask = _mm_set1_epi8(0xF);
  __m128i low = _mm_and_si128(bytes, mask), high = _mm_and_si128(_mm_srli_epi16(bytes, 4), mask);
  w[0] = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(low));
  w[1] = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_unpackhi_epi64(low, low)));
  w[2] = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(high));
  w[3] = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_unpackhi_epi64(high, high)));
}
// Entries of a table of 16 at the places q; only the lowest four bits count.
LK_INLINE TARGET vec entries(const float *table, __m256i q) {
  vec low = _mm256_permutevar8x32_ps(_mm256_loadu_ps(table), q);
  vec high = _mm256_permutevar8x32_ps(_mm256_loadu_ps(table + 8), q);
  return _mm256_blendv_ps(low, high, _mm256_castsi256_ps(_mm256_slli_epi32(q, 28)));
}
LK_INLINE TARGET void v_look_up_nibbles(const uint8_t *p, const float *table, vec w[4]) {
  __m256i first = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)p));
  __m256i second = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)(p + 8)));
  w[0] = entries(table, first);
  w[1] = entries(table, second);
  w[2] = entries(table, _mm256_srli_epi32(first, 4));
  w[3] = entries(table, _mm256_srli_epi32(second, 4));
}

#include "gemm_template.h"
#include "gemm_dequantize.h"
#include "gemm_thin.h"
#include "gemm_attend.h"

const lk_kernels KERNELS = {
    .name = NAME, .sgemm = sgemm, .dequantize = dequantize, .thin = thin, .score = score,
    .mix = mix};

#endif
