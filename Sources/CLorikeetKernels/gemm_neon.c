// SPDX-License-Identifier: Apache-2.0
// NEON: 8 x 12 tiles in 24 of the 32 registers.
#if defined(__aarch64__)

#include <arm_neon.h>
#include <string.h>

#include "gemm_internal.h"

#define TARGET
#define KERNELS lk_kernels_neon
#define NAME "neon"
#define VLEN 4
#define MR 8
#define NV 3
#define DOT_I 4
#define DOT_J 6
#define THIN_ROWS 4
#define THIN_COUNT 4

typedef float32x4_t vec;

LK_INLINE vec v_zero(void) { return vdupq_n_f32(0); }
LK_INLINE vec v_set1(float x) { return vdupq_n_f32(x); }
LK_INLINE vec v_load(const float *p) { return vld1q_f32(p); }
LK_INLINE void v_store(float *p, vec x) { vst1q_f32(p, x); }
LK_INLINE vec v_mul(vec a, vec b) { return vmulq_f32(a, b); }
LK_INLINE vec v_fma(vec a, vec b, vec c) { return vfmaq_f32(c, a, b); }
LK_INLINE float v_sum(vec a) { return vaddvq_f32(a); }

// Holds the computation of x in its place, so that the compiler does not load everything first and
// run out of registers.
#define V_PIN(x) __asm__ volatile("" : "+w"(x) : : "memory")

// The first `count` elements, 0 < count <= VLEN; the others are 0 and not touched.
LK_INLINE vec v_load_part(const float *p, ptrdiff_t count) {
  float part[4] = {0, 0, 0, 0};
  for (ptrdiff_t i = 0; i < count; i++) part[i] = p[i];
  return vld1q_f32(part);
}
LK_INLINE void v_store_part(float *p, vec x, ptrdiff_t count) {
  float part[4];
  vst1q_f32(part, x);
  for (ptrdiff_t i = 0; i < count; i++) p[i] = part[i];
}

LK_INLINE void v_transpose(vec r[4]) {
  float32x4x2_t a = vtrnq_f32(r[0], r[1]), b = vtrnq_f32(r[2], r[3]);
  r[0] = vcombine_f32(vget_low_f32(a.val[0]), vget_low_f32(b.val[0]));
  r[1] = vcombine_f32(vget_low_f32(a.val[1]), vget_low_f32(b.val[1]));
  r[2] = vcombine_f32(vget_high_f32(a.val[0]), vget_high_f32(b.val[0]));
  r[3] = vcombine_f32(vget_high_f32(a.val[1]), vget_high_f32(b.val[1]));
}

LK_INLINE vec v_from_bf16(const void *p) {
  uint16x4_t x;
  memcpy(&x, p, sizeof x);
  return vreinterpretq_f32_u32(vshll_n_u16(x, 16));
}
LK_INLINE vec v_from_f16(const void *p) {
  float16x4_t x;
  memcpy(&x, p, sizeof x);
  return vcvt_f32_f16(x);
}
LK_INLINE vec v_from_i8(const int8_t *p) {
  int8x8_t x = vcreate_s8(0);
  memcpy(&x, p, 4);
  return vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(x))));
}

LK_INLINE vec v_load_bytes(const void *p) {
  return vreinterpretq_f32_u8(vld1q_u8(p));
}
LK_INLINE vec v_set1_half(const uint8_t *p) {
  float16x4_t x;
  uint16_t half;
  memcpy(&half, p, sizeof half);
  x = vreinterpret_f16_u16(vdup_n_u16(half));
  return vcvt_f32_f16(x);
}
// Two halves side by side, each in all lanes.
LK_INLINE void v_set1_halves(const uint8_t *p, vec *first, vec *second) {
  *first = v_set1_half(p);
  *second = v_set1_half(p + 2);
}
LK_INLINE void v_from_bytes(uint8x16_t q, vec w[4]) {
  uint16x8_t low = vmovl_u8(vget_low_u8(q)), high = vmovl_u8(vget_high_u8(q));
  w[0] = vcvtq_f32_u32(vmovl_u16(vget_low_u16(low)));
  w[1] = vcvtq_f32_u32(vmovl_u16(vget_high_u16(low)));
  w[2] = vcvtq_f32_u32(vmovl_u16(vget_low_u16(high)));
  w[3] = vcvtq_f32_u32(vmovl_u16(vget_high_u16(high)));
}
// The low halves of 16 bytes, then the high ones.
LK_INLINE void v_from_nibbles(const uint8_t *p, vec w[8]) {
  uint8x16_t bytes = vld1q_u8(p);
  v_from_bytes(vandq_u8(bytes, vdupq_n_u8(0xF)), w);
  v_from_bytes(vshrq_n_u8(bytes, 4), w + 4);
}
// Entries of a table of 16 at the low halves of 16 bytes, then at the high ones.
LK_INLINE void v_look_up_nibbles(const uint8_t *p, const float *table, vec w[8]) {
  float values[32];
  for (int i = 0; i < 16; i++) {
    values[i] = table[p[i] & 0xF];
    values[16 + i] = table[p[i] >> 4];
  }
  for (int i = 0; i < 8; i++) w[i] = v_load(values + 4 * i);
}

#include "gemm_template.h"
#include "gemm_dequantize.h"
#include "gemm_thin.h"
#include "gemm_attend.h"

const lk_kernels KERNELS = {
    .name = NAME, .sgemm = sgemm, .dequantize = dequantize, .thin = thin, .score = score,
    .mix = mix};

#endif
