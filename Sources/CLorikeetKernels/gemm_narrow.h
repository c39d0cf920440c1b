// SPDX-License-Identifier: Apache-2.0
// Matrix products with few rows or columns.

// C[i, j] = alpha <A[i], B[j]> + beta C[i, j] for a tile; vectors run along k.
LK_INLINE TARGET void dots_body(const int rows, const int columns, ptrdiff_t k, float alpha,
                                const float *a, ptrdiff_t lda, const float *b, ptrdiff_t ldb,
                                float beta, float *c, ptrdiff_t ldc) {
  vec acc[DOT_I][DOT_J];
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++) {
#pragma clang loop unroll(full)
    for (int j = 0; j < columns; j++) acc[i][j] = v_zero();
  }
  ptrdiff_t p = 0;
  for (; p + VLEN <= k; p += VLEN) {
    vec left[DOT_I];
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) left[i] = v_load(a + i * lda + p);
#pragma clang loop unroll(full)
    for (int j = 0; j < columns; j++) {
      vec right = v_load(b + j * ldb + p);
#pragma clang loop unroll(full)
      for (int i = 0; i < rows; i++) acc[i][j] = v_fma(left[i], right, acc[i][j]);
    }
  }
  if (p < k) {
    vec left[DOT_I];
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) left[i] = v_load_part(a + i * lda + p, k - p);
#pragma clang loop unroll(full)
    for (int j = 0; j < columns; j++) {
      vec right = v_load_part(b + j * ldb + p, k - p);
#pragma clang loop unroll(full)
      for (int i = 0; i < rows; i++) acc[i][j] = v_fma(left[i], right, acc[i][j]);
    }
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++) {
#pragma clang loop unroll(full)
    for (int j = 0; j < columns; j++) {
      float *out = c + i * ldc + j;
      float x = alpha * v_sum(acc[i][j]);
      *out = beta == 0 ? x : x + beta * *out;
    }
  }
}

typedef void dots_function(ptrdiff_t k, float alpha, const float *a, ptrdiff_t lda, const float *b,
                           ptrdiff_t ldb, float beta, float *c, ptrdiff_t ldc);

#define DOTS(rows, columns)                                                                       \
  static TARGET void dots_##rows##_##columns(ptrdiff_t k, float alpha, const float *a,            \
                                             ptrdiff_t lda, const float *b, ptrdiff_t ldb,        \
                                             float beta, float *c, ptrdiff_t ldc) {               \
    dots_body(rows, columns, k, alpha, a, lda, b, ldb, beta, c, ldc);                             \
  }
#if DOT_J == 6
#define DOTS_ROW(i) DOTS(i, 1) DOTS(i, 2) DOTS(i, 3) DOTS(i, 4) DOTS(i, 5) DOTS(i, 6)
#define DOTS_NAMES(i) \
  {dots_##i##_1, dots_##i##_2, dots_##i##_3, dots_##i##_4, dots_##i##_5, dots_##i##_6}
#else
#define DOTS_ROW(i) DOTS(i, 1) DOTS(i, 2) DOTS(i, 3) DOTS(i, 4)
#define DOTS_NAMES(i) {dots_##i##_1, dots_##i##_2, dots_##i##_3, dots_##i##_4}
#endif

DOTS_ROW(1) DOTS_ROW(2)
#if DOT_I >= 3
DOTS_ROW(3)
#endif
#if DOT_I >= 4
DOTS_ROW(4)
#endif

static dots_function *const dots[DOT_I][DOT_J] = {
    DOTS_NAMES(1), DOTS_NAMES(2),
#if DOT_I >= 3
    DOTS_NAMES(3),
#endif
#if DOT_I >= 4
    DOTS_NAMES(4),
#endif
};

// C = alpha A B^T + beta C, where A or B has few rows: they are read once, side by side.
static TARGET void narrow(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, float alpha, const float *a,
                          ptrdiff_t lda, const float *b, ptrdiff_t ldb, float beta, float *c,
                          ptrdiff_t ldc) {
  ptrdiff_t down = (m + DOT_I - 1) / DOT_I, across = (n + DOT_J - 1) / DOT_J;
  ptrdiff_t height = (m + down - 1) / down, width = (n + across - 1) / across;
  if (m < n) {
    for (ptrdiff_t j = 0; j < n; j += width) {
      ptrdiff_t columns = n - j < width ? n - j : width;
      for (ptrdiff_t i = 0; i < m; i += height) {
        ptrdiff_t rows = m - i < height ? m - i : height;
        dots[rows - 1][columns - 1](k, alpha, a + i * lda, lda, b + j * ldb, ldb, beta,
                                    c + i * ldc + j, ldc);
      }
    }
  } else {
    for (ptrdiff_t i = 0; i < m; i += height) {
      ptrdiff_t rows = m - i < height ? m - i : height;
      for (ptrdiff_t j = 0; j < n; j += width) {
        ptrdiff_t columns = n - j < width ? n - j : width;
        dots[rows - 1][columns - 1](k, alpha, a + i * lda, lda, b + j * ldb, ldb, beta,
                                    c + i * ldc + j, ldc);
      }
    }
  }
}

// C = alpha A B + beta C, where B has few columns: B^T is copied, slice by slice, and meets A as in
// `narrow`.
static TARGET void narrow_columns(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, float alpha,
                                  const float *a, ptrdiff_t lda, const float *b, ptrdiff_t ldb,
                                  float beta, float *c, ptrdiff_t ldc, float *workspace) {
  const ptrdiff_t slice = 1024, line = slice + 16;
  for (ptrdiff_t k0 = 0; k0 < k; k0 += slice) {
    ptrdiff_t kc = k - k0 < slice ? k - k0 : slice;
    for (ptrdiff_t p = 0; p < kc; p++) {
      for (ptrdiff_t j = 0; j < n; j++) workspace[j * line + p] = b[(k0 + p) * ldb + j];
    }
    narrow(m, n, kc, alpha, a + k0, lda, workspace, line, k0 == 0 ? beta : 1, c, ldc);
  }
}

// C = alpha A B + beta C, where A has few rows: rows of B are read whole, eight at a time.
static TARGET void few_rows(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, float alpha, const float *a,
                            ptrdiff_t row, ptrdiff_t step, const float *b, ptrdiff_t ldb,
                            float beta, float *c, ptrdiff_t ldc) {
  for (ptrdiff_t p = 0; p < k; p += 8) {
    ptrdiff_t count = k - p < 8 ? k - p : 8;
    float keep = p == 0 ? beta : 1;
    for (ptrdiff_t i = 0; i < m; i++) {
      vec left[8];
      for (ptrdiff_t q = 0; q < count; q++) left[q] = v_set1(alpha * a[i * row + (p + q) * step]);
      for (ptrdiff_t j = 0; j < n; j += VLEN) {
        float *out = c + i * ldc + j;
        const float *right = b + p * ldb + j;
        ptrdiff_t width = n - j < VLEN ? n - j : VLEN;
        vec x = v_zero();
        if (keep != 0) x = v_mul(v_set1(keep), v_load_part(out, width));
        if (width == VLEN && count == 8) {
#pragma clang loop unroll(full)
          for (int q = 0; q < 8; q++) x = v_fma(left[q], v_load(right + q * ldb), x);
          v_store(out, x);
          continue;
        }
        for (ptrdiff_t q = 0; q < count; q++) {
          x = v_fma(left[q], v_load_part(right + q * ldb, width), x);
        }
        v_store_part(out, x, width);
      }
    }
  }
}
