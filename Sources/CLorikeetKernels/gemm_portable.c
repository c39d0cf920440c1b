// SPDX-License-Identifier: Apache-2.0
// Vectors of four floats as the compiler offers them on any machine: 4 x 8 tiles.

#include <string.h>

#include "gemm_internal.h"

#define TARGET
#define KERNELS lk_kernels_portable
#define NAME "portable"
#define VLEN 4
#define MR 4
#define NV 2
#define DOT_I 2
#define DOT_J 4
#define THIN_ROWS 4
#define THIN_COUNT 4

typedef float vec __attribute__((vector_size(16)));

LK_INLINE vec v_zero(void) { return (vec){0, 0, 0, 0}; }
LK_INLINE vec v_set1(float x) { return (vec){x, x, x, x}; }
LK_INLINE vec v_load(const float *p) {
  vec x;
  memcpy(&x, p, sizeof x);
  return x;
}
LK_INLINE void v_store(float *p, vec x) { memcpy(p, &x, sizeof x); }
LK_INLINE vec v_mul(vec a, vec b) { return a * b; }
LK_INLINE vec v_fma(vec a, vec b, vec c) { return a * b + c; }
LK_INLINE float v_sum(vec a) { return (a[0] + a[2]) + (a[1] + a[3]); }

// Holds the computation of x in its place, so that the compiler does not load everything first and
// run out of registers.
#if defined(__x86_64__)
#define V_PIN(x) __asm__ volatile("" : "+x"(x) : : "memory")
#else
#define V_PIN(x) (void)0
#endif

// The first `count` elements, 0 < count <= VLEN; the others are 0 and not touched.
LK_INLINE vec v_load_part(const float *p, ptrdiff_t count) {
  vec x = v_zero();
  memcpy(&x, p, (size_t)count * sizeof(float));
  return x;
}
LK_INLINE void v_store_part(float *p, vec x, ptrdiff_t count) {
  memcpy(p, &x, (size_t)count * sizeof(float));
}

LK_INLINE void v_transpose(vec r[4]) {
  vec t[4];
  for (int i = 0; i < 4; i++) t[i] = (vec){r[0][i], r[1][i], r[2][i], r[3][i]};
  for (int i = 0; i < 4; i++) r[i] = t[i];
}

LK_INLINE vec v_from_bf16(const void *p) {
  vec x;
  for (int i = 0; i < 4; i++) {
    uint16_t half;
    memcpy(&half, (const char *)p + 2 * i, 2);
    x[i] = lk_float_of_bits((uint32_t)half << 16);
  }
  return x;
}
LK_INLINE vec v_from_f16(const void *p) {
  vec x;
  for (int i = 0; i < 4; i++) x[i] = lk_float_of_half((const char *)p + 2 * i);
  return x;
}
LK_INLINE vec v_from_i8(const int8_t *p) { return (vec){p[0], p[1], p[2], p[3]}; }

LK_INLINE vec v_load_bytes(const void *p) {
  vec x;
  memcpy(&x, p, sizeof x);
  return x;
}
LK_INLINE TARGET vec v_set1_half(const uint8_t *p) { return v_set1(lk_float_of_half(p)); }
// Two halves side by side, each in all lanes.
LK_INLINE TARGET void v_set1_halves(const uint8_t *p, vec *first, vec *second) {
  *first = v_set1_half(p);
  *second = v_set1_half(p + 2);
}
// Entries of a table of 16 at the low halves of 16 bytes, then at the high ones.
LK_INLINE TARGET void v_look_up_nibbles(const uint8_t *p, const float *table, vec w[8]) {
  float values[32];
  for (int i = 0; i < 16; i++) {
    values[i] = table[p[i] & 0xF];
    values[16 + i] = table[p[i] >> 4];
  }
  for (int i = 0; i < 8; i++) w[i] = v_load(values + 4 * i);
}
LK_INLINE void v_from_nibbles(const uint8_t *p, vec w[8]) {
  v_look_up_nibbles(p, lk_sixteen, w);
}

#include "gemm_template.h"
#include "gemm_dequantize.h"
#include "gemm_thin.h"
#include "gemm_attend.h"

const lk_kernels KERNELS = {
    .name = NAME, .sgemm = sgemm, .dequantize = dequantize, .thin = thin, .score = score,
    .mix = mix};
