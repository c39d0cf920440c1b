// SPDX-License-Identifier: Apache-2.0
// Products of a few rows with stored weights, at the speed of memory: weights are read once and
// converted in registers. Written once over the vector type of the including file.

// y[i, r] = alpha <x[i], W[r]> + beta y[i, r] for a tile; vectors run along k.
LK_INLINE TARGET void thin_tile(const lk_format format, const int rows, const int count,
                                ptrdiff_t k, float alpha, const float *x, ptrdiff_t ldx,
                                const uint8_t *w, ptrdiff_t stride, ptrdiff_t ahead, float beta,
                                float *y, ptrdiff_t ldy) {
  vec acc[THIN_ROWS][THIN_COUNT];
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++) {
#pragma clang loop unroll(full)
    for (int i = 0; i < count; i++) acc[r][i] = v_zero();
  }
  ptrdiff_t units = k / 32;
  const ptrdiff_t step = rows * stored_bytes(format, 64) / 2;
  const uint8_t *later = w + ahead;
  for (ptrdiff_t u = 0; u < units; u++, later += step) {
#pragma clang loop unroll(full)
    for (ptrdiff_t i = 0; i < step; i += 64) __builtin_prefetch(later + i, 0, 3);
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) {
      const uint8_t *row = w + r * stride;
      vec t[UNIT];
      unpack(format, row, u, t);
#pragma clang loop unroll(full)
      for (int j = 0; j < UNIT; j++) {
#pragma clang loop unroll(full)
        for (int i = 0; i < count; i++) {
          acc[r][i] = v_fma(t[j], v_load(x + i * ldx + 32 * u + VLEN * j), acc[r][i]);
        }
      }
    }
  }
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++) {
#pragma clang loop unroll(full)
    for (int i = 0; i < count; i++) {
      float sum = v_sum(acc[r][i]);
      for (ptrdiff_t p = 32 * units; p < k && has_single_values(format); p++) {
        sum += x[i * ldx + p] * stored_float(format, w + r * stride, p);
      }
      float *out = y + i * ldy + r;
      *out = beta == 0 ? alpha * sum : alpha * sum + beta * *out;
    }
  }
}

// The number of units of 32 values whose sums are kept apart, so that none waits for the one before.
#define DOT_UNITS (UNIT < 4 ? 4 / UNIT : 1)

// <x, row>, read in the order of memory: the fastest way where values need no blocks.
LK_INLINE TARGET float thin_dot(const lk_format format, ptrdiff_t k, const float *x,
                                const uint8_t *row) {
  vec acc[DOT_UNITS * UNIT];
#pragma clang loop unroll(full)
  for (int j = 0; j < DOT_UNITS * UNIT; j++) acc[j] = v_zero();
  ptrdiff_t units = k / 32, u = 0;
  for (; u + DOT_UNITS <= units; u += DOT_UNITS) {
#pragma clang loop unroll(full)
    for (int s = 0; s < DOT_UNITS; s++) {
      // Conversion leaves the processor too little room to look this far ahead by itself.
      if (format != LK_F32) __builtin_prefetch(row + 64 * (u + s) + 8192, 0, 3);
      vec t[UNIT];
      unpack(format, row, u + s, t);
#pragma clang loop unroll(full)
      for (int j = 0; j < UNIT; j++) {
        acc[s * UNIT + j] = v_fma(t[j], v_load(x + 32 * (u + s) + VLEN * j), acc[s * UNIT + j]);
      }
    }
  }
  for (; u < units; u++) {
    vec t[UNIT];
    unpack(format, row, u, t);
#pragma clang loop unroll(full)
    for (int j = 0; j < UNIT; j++) acc[j] = v_fma(t[j], v_load(x + 32 * u + VLEN * j), acc[j]);
  }
#pragma clang loop unroll(full)
  for (int j = 1; j < DOT_UNITS * UNIT; j++) acc[0] = v_fma(v_set1(1), acc[j], acc[0]);
  float sum = v_sum(acc[0]);
  for (ptrdiff_t p = 32 * units; p < k; p++) sum += x[p] * stored_float(format, row, p);
  return sum;
}

LK_INLINE TARGET void thin_rows(const lk_format format, const int count, ptrdiff_t n, ptrdiff_t k,
                                float alpha, const float *x, ptrdiff_t ldx, const uint8_t *w,
                                ptrdiff_t stride, float beta, float *y, ptrdiff_t ldy) {
  if (count == 1 && has_single_values(format)) {
    for (ptrdiff_t r = 0; r < n; r++) {
      float sum = thin_dot(format, k, x, w + r * stride);
      y[r] = beta == 0 ? alpha * sum : alpha * sum + beta * y[r];
    }
    return;
  }
  const int height = count <= 2 ? THIN_ROWS : 2;
  // Whole tiles ahead, 8 KiB at the least: the processor's own prefetching stops at each page.
  ptrdiff_t tile = height * stride;
  ptrdiff_t ahead = (8192 + tile - 1) / tile * tile;
  ptrdiff_t r = 0;
  for (; r + height <= n; r += height) {
    thin_tile(format, height, count, k, alpha, x, ldx, w + r * stride, stride, ahead, beta, y + r,
              ldy);
  }
  for (; r < n; r++) {
    thin_tile(format, 1, count, k, alpha, x, ldx, w + r * stride, stride, ahead, beta, y + r, ldy);
  }
}

LK_INLINE TARGET void thin_forward(const lk_format format, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k,
                                   float alpha, const float *x, ptrdiff_t ldx, const uint8_t *w,
                                   ptrdiff_t stride, float beta, float *y, ptrdiff_t ldy) {
  // Some rows of W at a time, so that more than THIN_COUNT rows of X find them in the cache.
  ptrdiff_t height = m <= THIN_COUNT ? n : 32;
  for (ptrdiff_t r = 0; r < n; r += height) {
    ptrdiff_t rows = n - r < height ? n - r : height;
    const uint8_t *part = w + r * stride;
    for (ptrdiff_t i = 0; i < m; i += THIN_COUNT) {
      const float *from = x + i * ldx;
      float *to = y + i * ldy + r;
      switch (m - i) {
        case 1: thin_rows(format, 1, rows, k, alpha, from, ldx, part, stride, beta, to, ldy); break;
        case 2: thin_rows(format, 2, rows, k, alpha, from, ldx, part, stride, beta, to, ldy); break;
        case 3: thin_rows(format, 3, rows, k, alpha, from, ldx, part, stride, beta, to, ldy); break;
        default: thin_rows(format, 4, rows, k, alpha, from, ldx, part, stride, beta, to, ldy);
      }
    }
  }
}

// y[i] += alpha sum over r of g[i, r] W[r] for some rows of W at once; y stays in the cache.
LK_INLINE TARGET void thin_strip(const lk_format format, const int rows, ptrdiff_t k, float alpha,
                                 const float *g, const uint8_t *w, ptrdiff_t stride, float *y) {
  vec factor[THIN_ROWS];
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++) factor[r] = v_set1(alpha * g[r]);
  ptrdiff_t units = k / 32;
  for (ptrdiff_t u = 0; u < units; u++) {
    vec sum[UNIT];
#pragma clang loop unroll(full)
    for (int j = 0; j < UNIT; j++) sum[j] = v_load(y + 32 * u + VLEN * j);
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) {
      const uint8_t *row = w + r * stride;
      const uint8_t *later = row + stored_bytes(format, 64) * u / 2 + rows * stride;
      __builtin_prefetch(later, 0, 3);
      if (format == LK_F32) __builtin_prefetch(later + 64, 0, 3);
      vec t[UNIT];
      unpack(format, row, u, t);
#pragma clang loop unroll(full)
      for (int j = 0; j < UNIT; j++) sum[j] = v_fma(factor[r], t[j], sum[j]);
    }
#pragma clang loop unroll(full)
    for (int j = 0; j < UNIT; j++) v_store(y + 32 * u + VLEN * j, sum[j]);
  }
  for (ptrdiff_t p = 32 * units; p < k && has_single_values(format); p++) {
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) {
      y[p] += alpha * g[r] * stored_float(format, w + r * stride, p);
    }
  }
}

LK_INLINE TARGET void thin_backward(const lk_format format, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k,
                                    float alpha, const float *g, ptrdiff_t ldg, const uint8_t *w,
                                    ptrdiff_t stride, float *y, ptrdiff_t ldy) {
  ptrdiff_t r = 0;
  for (; r + THIN_ROWS <= n; r += THIN_ROWS) {
    for (ptrdiff_t i = 0; i < m; i++) {
      thin_strip(format, THIN_ROWS, k, alpha, g + i * ldg + r, w + r * stride, stride,
                 y + i * ldy);
    }
  }
  for (; r < n; r++) {
    for (ptrdiff_t i = 0; i < m; i++) {
      thin_strip(format, 1, k, alpha, g + i * ldg + r, w + r * stride, stride, y + i * ldy);
    }
  }
}

static TARGET void thin(lk_format format, int transposed, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k,
                        float alpha, const float *x, ptrdiff_t ldx, const void *w,
                        ptrdiff_t stride, float beta, float *y, ptrdiff_t ldy) {
  if (m <= 0) return;
  if (!transposed) scale_only(m, k, beta, y, ldy);
  if (n <= 0) return;
  if (transposed && k <= 0) {
    scale_only(m, n, beta, y, ldy);
    return;
  }
#define THIN(name)                                                                 \
  case name:                                                                       \
    if (transposed) {                                                              \
      thin_forward(name, m, n, k, alpha, x, ldx, w, stride, beta, y, ldy);         \
    } else {                                                                       \
      thin_backward(name, m, n, k, alpha, x, ldx, w, stride, y, ldy);              \
    }                                                                              \
    break;
  switch (format) {
    THIN(LK_F32)
    THIN(LK_BF16)
    THIN(LK_F16)
    THIN(LK_Q8_0)
    THIN(LK_Q4_0)
    THIN(LK_Q4_1)
    THIN(LK_NF4)
  }
#undef THIN
}
