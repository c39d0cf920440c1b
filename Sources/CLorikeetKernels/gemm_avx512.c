// SPDX-License-Identifier: Apache-2.0
// AVX-512: 14 x 32 tiles in 28 of the 32 registers.
#if defined(__x86_64__)

#include <immintrin.h>

#include "gemm_internal.h"

#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")))
#define KERNELS lk_kernels_avx512
#define NAME "avx512"
#define VLEN 16
#define MR 14
#define NV 2
#define DOT_I 4
#define DOT_J 6
#define THIN_ROWS 4
#define THIN_COUNT 4

typedef __m512 vec;

LK_INLINE TARGET vec v_zero(void) { return _mm512_setzero_ps(); }
LK_INLINE TARGET vec v_set1(float x) { return _mm512_set1_ps(x); }
LK_INLINE TARGET vec v_load(const float *p) { return _mm512_loadu_ps(p); }
LK_INLINE TARGET void v_store(float *p, vec x) { _mm512_storeu_ps(p, x); }
LK_INLINE TARGET vec v_mul(vec a, vec b) { return _mm512_mul_ps(a, b); }
LK_INLINE TARGET vec v_fma(vec a, vec b, vec c) { return _mm512_fmadd_ps(a, b, c); }
LK_INLINE TARGET float v_sum(vec a) { return _mm512_reduce_add_ps(a); }

// Holds the computation of x in its place, so that the compiler does not load everything first and
// run out of registers.
#define V_PIN(x) __asm__ volatile("" : "+v"(x) : : "memory")

// The first `count` elements, 0 < count <= VLEN; the others are 0 and not touched.
LK_INLINE TARGET vec v_load_part(const float *p, ptrdiff_t count) {
  return _mm512_maskz_loadu_ps((__mmask16)(0xFFFFu >> (16 - count)), p);
}
LK_INLINE TARGET void v_store_part(float *p, vec x, ptrdiff_t count) {
  _mm512_mask_storeu_ps(p, (__mmask16)(0xFFFFu >> (16 - count)), x);
}

LK_INLINE TARGET void v_transpose(vec r[16]) {
  vec t[16], u[16];
#pragma clang loop unroll(full)
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
  }
  // u[4 g + c], 128-bit lane l: rows 4 g ..< 4 g + 4 of column 4 l + c.
#pragma clang loop unroll(full)
  for (int g = 0; g < 16; g += 4) {
    u[g] = _mm512_shuffle_ps(t[g], t[g + 2], 0x44);
    u[g + 1] = _mm512_shuffle_ps(t[g], t[g + 2], 0xEE);
    u[g + 2] = _mm512_shuffle_ps(t[g + 1], t[g + 3], 0x44);
    u[g + 3] = _mm512_shuffle_ps(t[g + 1], t[g + 3], 0xEE);
  }
#pragma clang loop unroll(full)
  for (int c = 0; c < 4; c++) {
    vec even_low = _mm512_shuffle_f32x4(u[c], u[4 + c], 0x88);
    vec odd_low = _mm512_shuffle_f32x4(u[c], u[4 + c], 0xDD);
    vec even_high = _mm512_shuffle_f32x4(u[8 + c], u[12 + c], 0x88);
    vec odd_high = _mm512_shuffle_f32x4(u[8 + c], u[12 + c], 0xDD);
    r[c] = _mm512_shuffle_f32x4(even_low, even_high, 0x88);
    r[4 + c] = _mm512_shuffle_f32x4(odd_low, odd_high, 0x88);
    r[8 + c] = _mm512_shuffle_f32x4(even_low, even_high, 0xDD);
    r[12 + c] = _mm512_shuffle_f32x4(odd_low, odd_high, 0xDD);
  }
}

LK_INLINE TARGET vec v_from_bf16(const void *p) {
  __m512i x = _mm512_cvtepu16_epi32(_mm256_loadu_si256(p));
  return _mm512_castsi512_ps(_mm512_slli_epi32(x, 16));
}
LK_INLINE TARGET vec v_from_f16(const void *p) { return _mm512_cvtph_ps(_mm256_loadu_si256(p)); }
LK_INLINE TARGET vec v_from_i8(const int8_t *p) {
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)p)));
}

LK_INLINE TARGET vec v_load_bytes(const void *p) { return _mm512_loadu_ps(p); }
LK_INLINE TARGET vec v_set1_half(const uint8_t *p) {
  uint16_t half;
  memcpy(&half, p, sizeof half);
  return _mm512_broadcastss_ps(_mm_cvtph_ps(_mm_cvtsi32_si128(half)));
}
// Two halves side by side, each in all lanes.
LK_INLINE TARGET void v_set1_halves(const uint8_t *p, vec *first, vec *second) {
  int pair;
  memcpy(&pair, p, sizeof pair);
  vec both = _mm512_cvtph_ps(_mm256_set1_epi32(pair));
  *first = _mm512_moveldup_ps(both);
  *second = _mm512_movehdup_ps(both);
}
// Entries of a table of 16 at the low halves of 16 bytes, then at the high ones.
LK_INLINE TARGET void v_look_up_nibbles(const uint8_t *p, const float *table, vec w[2]) {
  // Only the lowest four bits of an index count.
  __m512i q = _mm512_cvtepu8_epi32(_mm_loadu_si128((const void *)p));
  vec entries = _mm512_loadu_ps(table);
  w[0] = _mm512_permutexvar_ps(q, entries);
  w[1] = _mm512_permutexvar_ps(_mm512_srli_epi32(q, 4), entries);
}
LK_INLINE TARGET void v_from_nibbles(const uint8_t *p, vec w[2]) {
  v_look_up_nibbles(p, lk_sixteen, w);
}

#include "gemm_template.h"
#include "gemm_dequantize.h"
#include "gemm_thin.h"
#include "gemm_attend.h"

const lk_kernels KERNELS = {
    .name = NAME, .sgemm = sgemm, .dequantize = dequantize, .thin = thin, .score = score,
    .mix = mix};

#endif
