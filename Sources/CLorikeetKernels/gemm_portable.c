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

#include "gemm_template.h"
