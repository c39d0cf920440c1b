// SPDX-License-Identifier: Apache-2.0
// The matrix product, written once over the vector type of the file that includes this one.
#include "gemm_blocked.h"
#include "gemm_narrow.h"
#include "gemm_expand.h"

static TARGET void scale_only(ptrdiff_t m, ptrdiff_t n, float beta, float *c, ptrdiff_t ldc) {
  if (beta == 1) return;
  for (ptrdiff_t i = 0; i < m; i++) {
    for (ptrdiff_t j = 0; j < n; j++) c[i * ldc + j] = beta == 0 ? 0 : beta * c[i * ldc + j];
  }
}

static TARGET void sgemm(int trans_a, int trans_b, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k,
                         float alpha, const float *a, ptrdiff_t lda, const float *b, ptrdiff_t ldb,
                         float beta, float *c, ptrdiff_t ldc, float *workspace) {
  if (m <= 0 || n <= 0) return;
  if (k <= 0 || alpha == 0) {
    scale_only(m, n, beta, c, ldc);
    return;
  }
  const ptrdiff_t few = 12;
  if (!trans_a && trans_b && (m <= few || n <= few) && k >= 2 * VLEN) {
    narrow(m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
    return;
  }
  if (!trans_a && !trans_b && n <= few && m > few && k >= 2 * VLEN) {
    narrow_columns(m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, workspace);
    return;
  }
  if (!trans_b && m <= 2) {
    few_rows(m, n, k, alpha, a, trans_a ? 1 : lda, trans_a ? lda : 1, b, ldb, beta, c, ldc);
    return;
  }
  if (!trans_a && k <= EXPAND_DEPTH && m >= MR && n >= EXPAND_WIDTH && n <= EXPAND_COLUMNS) {
    view v = trans_b ? (view){b, 1, ldb} : (view){b, ldb, 1};
    if (beta != 0) scale_only(m, n, beta, c, ldc);
    expand(m, n, k, alpha, a, lda, v, beta != 0, c, ldc, workspace);
    return;
  }
  int exchanged;
  if (!trans_a && !trans_b) {
    exchanged = 0;
  } else if (trans_a && trans_b) {
    exchanged = 1;
  } else if (trans_a) {
    exchanged = n < NR && m > n;
  } else {
    // Copy B or A into panels? The smaller one, unless transposing the result costs more.
    exchanged = (n - m) * k > m * n * ((k + LK_KC - 1) / LK_KC);
  }
  view left = trans_a ? (view){a, 1, lda} : (view){a, lda, 1};
  view right = trans_b ? (view){b, 1, ldb} : (view){b, ldb, 1};
  if (exchanged) {
    view p = {right.at, right.columns, right.rows}, v = {left.at, left.columns, left.rows};
    blocked(n, m, k, alpha, p, v, beta, c, ldc, 1, workspace);
  } else {
    blocked(m, n, k, alpha, left, right, beta, c, ldc, 0, workspace);
  }
}
