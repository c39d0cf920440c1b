// SPDX-License-Identifier: Apache-2.0
// Conversion of stored weights, written once over the vector type of the including file.

// The number of vectors that 32 values fill.
#define UNIT (32 / VLEN)

// The bytes of `count` values, whole blocks.
LK_INLINE ptrdiff_t stored_bytes(const lk_format format, ptrdiff_t count) {
  switch (format) {
    case LK_F32: return 4 * count;
    case LK_BF16:
    case LK_F16: return 2 * count;
    case LK_Q8_0: return count / 32 * 34;
    case LK_Q4_0: return count / 32 * 18;
    case LK_Q4_1: return count / 32 * 20;
    case LK_NF4: return count / 64 * 36;
  }
  return 0;
}

// w = d w + b
LK_INLINE TARGET void affine(vec w[UNIT], vec d, vec b) {
#pragma clang loop unroll(full)
  for (int i = 0; i < UNIT; i++) w[i] = v_fma(d, w[i], b);
}

// Values 32 u ..< 32 u + 32 of a row of whole blocks as float32.
LK_INLINE TARGET void unpack(const lk_format format, const uint8_t *row, ptrdiff_t u,
                             vec w[UNIT]) {
  switch (format) {
    case LK_F32: {
#pragma clang loop unroll(full)
      for (int i = 0; i < UNIT; i++) w[i] = v_load_bytes(row + 128 * u + 4 * VLEN * i);
      break;
    }
    case LK_BF16: {
#pragma clang loop unroll(full)
      for (int i = 0; i < UNIT; i++) w[i] = v_from_bf16(row + 64 * u + 2 * VLEN * i);
      break;
    }
    case LK_F16: {
#pragma clang loop unroll(full)
      for (int i = 0; i < UNIT; i++) w[i] = v_from_f16(row + 64 * u + 2 * VLEN * i);
      break;
    }
    case LK_Q8_0: {
      const uint8_t *block = row + 34 * u;
      vec d = v_set1_half(block);
#pragma clang loop unroll(full)
      for (int i = 0; i < UNIT; i++) {
        w[i] = v_mul(d, v_from_i8((const int8_t *)block + 2 + VLEN * i));
      }
      break;
    }
    case LK_Q4_0: {
      const uint8_t *block = row + 18 * u;
      vec d = v_set1_half(block);
      v_from_nibbles(block + 2, w);
      affine(w, d, v_mul(v_set1(-8), d));
      break;
    }
    case LK_Q4_1: {
      const uint8_t *block = row + 20 * u;
      vec d, m;
      v_set1_halves(block, &d, &m);
      v_from_nibbles(block + 4, w);
      affine(w, d, m);
      break;
    }
    case LK_NF4: {
      const uint8_t *block = row + u / 2 * 36;
      float scale;
      memcpy(&scale, block, sizeof scale);
      vec d = v_set1(scale);
      v_look_up_nibbles(block + 4 + 16 * (u & 1), lk_nf4, w);
#pragma clang loop unroll(full)
      for (int i = 0; i < UNIT; i++) w[i] = v_mul(d, w[i]);
      break;
    }
  }
}

// Whether rows need not consist of blocks.
LK_INLINE int has_single_values(const lk_format format) {
  return format == LK_F32 || format == LK_BF16 || format == LK_F16;
}

// One value of a type without blocks.
LK_INLINE float stored_float(const lk_format format, const uint8_t *row, ptrdiff_t i) {
  uint16_t half;
  float x;
  switch (format) {
    case LK_F32: memcpy(&x, row + 4 * i, sizeof x); return x;
    case LK_BF16:
      memcpy(&half, row + 2 * i, sizeof half);
      return lk_float_of_bits((uint32_t)half << 16);
    default: return lk_float_of_half(row + 2 * i);
  }
}

LK_INLINE TARGET void dequantize_body(const lk_format format, const uint8_t *from, float *to,
                                      ptrdiff_t count) {
  ptrdiff_t units = count / 32;
  for (ptrdiff_t u = 0; u < units; u++) {
    vec w[UNIT];
    unpack(format, from, u, w);
#pragma clang loop unroll(full)
    for (int i = 0; i < UNIT; i++) v_store(to + 32 * u + VLEN * i, w[i]);
  }
  for (ptrdiff_t i = 32 * units; i < count && has_single_values(format); i++) {
    to[i] = stored_float(format, from, i);
  }
}

static TARGET void dequantize(lk_format format, const void *from, float *to, ptrdiff_t count) {
  switch (format) {
    case LK_F32: memcpy(to, from, (size_t)count * sizeof(float)); break;
    case LK_BF16: dequantize_body(LK_BF16, from, to, count); break;
    case LK_F16: dequantize_body(LK_F16, from, to, count); break;
    case LK_Q8_0: dequantize_body(LK_Q8_0, from, to, count); break;
    case LK_Q4_0: dequantize_body(LK_Q4_0, from, to, count); break;
    case LK_Q4_1: dequantize_body(LK_Q4_1, from, to, count); break;
    case LK_NF4: dequantize_body(LK_NF4, from, to, count); break;
  }
}
