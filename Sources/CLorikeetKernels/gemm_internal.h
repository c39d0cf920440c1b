// SPDX-License-Identifier: Apache-2.0
// What the variants of the matrix product share.
#ifndef LK_GEMM_INTERNAL_H
#define LK_GEMM_INTERNAL_H

#include <string.h>

#include "lk_gemm.h"

// Extents of the block of the vector-side operand that is packed at once: LK_KC x LK_NC floats
// stay in the second-level cache (0.56 MiB).
#define LK_KC 384
#define LK_NC 384
// Room for the packed panel of the broadcast-side operand: up to 16 rows of LK_KC floats.
#define LK_PANEL (16 * (LK_KC + 16))
// The number of panels of the broadcast-side operand that meet a panel of the other one together
// when that has just been packed.
#define LK_FIRST 2
// Room for one tile of the result, up to 16 rows of 64 columns.
#define LK_TILE (16 * 64)
#define LK_WORKSPACE_FLOATS (LK_KC * LK_NC + LK_FIRST * LK_PANEL + LK_TILE)

#define LK_INLINE static inline __attribute__((always_inline))

LK_INLINE float lk_float_of_bits(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

// IEEE 754 binary16 to binary32, exactly.
LK_INLINE float lk_float_of_half(const void *p) {
  uint16_t half;
  memcpy(&half, p, sizeof half);
  uint32_t sign = (uint32_t)(half & 0x8000) << 16, magnitude = half & 0x7FFF;
  if (magnitude >= 0x7C00) return lk_float_of_bits(sign | 0x7F800000 | magnitude << 13);
  if (magnitude >= 0x0400) return lk_float_of_bits(sign | (magnitude + (112 << 10)) << 13);
  float small = (float)magnitude * 0x1p-24f;
  return sign != 0 ? -small : small;
}

// What four bits stand for in the formats of evenly spaced values.
static const float lk_sixteen[16] __attribute__((unused)) = {0, 1, 2,  3,  4,  5,  6,  7,
                                                             8, 9, 10, 11, 12, 13, 14, 15};

#if defined(__x86_64__)
extern const lk_kernels lk_kernels_avx512;
extern const lk_kernels lk_kernels_avx2;
#endif
#if defined(__aarch64__)
extern const lk_kernels lk_kernels_neon;
#endif
extern const lk_kernels lk_kernels_portable;

#endif
