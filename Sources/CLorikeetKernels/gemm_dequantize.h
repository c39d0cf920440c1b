// SPDX-License-Identifier: Apache-2.0
// Conversion of stored weights, written once over the vector type of the including file.

// d q + b for 32 values q.
LK_INLINE TARGET void affine_block(const int8_t *q, float scale, float offset, float *to) {
  vec d = v_set1(scale), b = v_set1(offset);
#pragma clang loop unroll(full)
  for (int i = 0; i < 32; i += VLEN) v_store(to + i, v_fma(d, v_from_i8(q + i), b));
}

// Blocks of `header` bytes and 16 bytes of two 4-bit values q; the header is d, or d and m.
LK_INLINE TARGET void nibble_blocks(const uint8_t *from, const int header, float *to,
                                    ptrdiff_t count) {
  for (ptrdiff_t i = 0; i < count; i += 32, from += header + 16) {
    float scale = lk_float_of_half(from);
    float offset = header == 4 ? lk_float_of_half(from + 2) : -8 * scale;
    int8_t q[32];
    for (int j = 0; j < 16; j++) {
      q[j] = (int8_t)(from[header + j] & 0xF);
      q[16 + j] = (int8_t)(from[header + j] >> 4);
    }
    affine_block(q, scale, offset, to + i);
  }
}

static TARGET void dequantize(lk_format format, const void *from, float *to, ptrdiff_t count) {
  const uint8_t *bytes = from;
  ptrdiff_t i = 0;
  switch (format) {
    case LK_BF16:
      for (; i + VLEN <= count; i += VLEN) v_store(to + i, v_from_bf16(bytes + 2 * i));
      for (; i < count; i++) {
        uint16_t half;
        memcpy(&half, bytes + 2 * i, sizeof half);
        to[i] = lk_float_of_bits((uint32_t)half << 16);
      }
      break;
    case LK_F16:
      for (; i + VLEN <= count; i += VLEN) v_store(to + i, v_from_f16(bytes + 2 * i));
      for (; i < count; i++) to[i] = lk_float_of_half(bytes + 2 * i);
      break;
    case LK_Q8_0:
      for (; i < count; i += 32, bytes += 34) {
        // Minus zero, so that a product of -0 stays -0.
        affine_block((const int8_t *)bytes + 2, lk_float_of_half(bytes), -0.0f, to + i);
      }
      break;
    case LK_Q4_0: nibble_blocks(bytes, 2, to, count); break;
    case LK_Q4_1: nibble_blocks(bytes, 4, to, count); break;
  }
}
