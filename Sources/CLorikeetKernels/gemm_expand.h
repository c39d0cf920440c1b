// SPDX-License-Identifier: Apache-2.0
// Matrix products that sum over a few terms only, as the B of a low-rank term does: as much time goes
// into the result as into the sums.

#define EXPAND_DEPTH 8
// Vectors side by side whose EXPAND_DEPTH rows stay in registers.
#define EXPAND_VECTORS (MR >= 8 ? 2 : 1)
#define EXPAND_WIDTH (EXPAND_VECTORS * VLEN)
#define EXPAND_ROWS 16
#define EXPAND_COLUMNS \
  ((LK_WORKSPACE_FLOATS - EXPAND_ROWS * EXPAND_DEPTH) / EXPAND_DEPTH / EXPAND_WIDTH * EXPAND_WIDTH)

// C = P V, or C + P V, for a few columns; P and V have EXPAND_DEPTH terms side by side.
LK_INLINE TARGET void expand_body(const int adds, const int vectors, ptrdiff_t rows, const float *p,
                                  const float *v, ptrdiff_t ldv, float *c, ptrdiff_t ldc,
                                  ptrdiff_t last) {
  vec right[EXPAND_DEPTH][2];
#pragma clang loop unroll(full)
  for (int q = 0; q < EXPAND_DEPTH; q++) {
#pragma clang loop unroll(full)
    for (int j = 0; j < vectors; j++) right[q][j] = v_load(v + q * ldv + j * VLEN);
  }
#pragma clang loop unroll_count(2)
  for (ptrdiff_t i = 0; i < rows; i++, c += ldc, p += EXPAND_DEPTH) {
    vec acc[2];
    __builtin_prefetch(c + 2 * EXPAND_WIDTH, 1);
#pragma clang loop unroll(full)
    for (int j = 0; j < vectors; j++) {
      acc[j] = !adds                ? v_zero()
               : j + 1 < vectors    ? v_load(c + j * VLEN)
               : last == VLEN       ? v_load(c + j * VLEN)
                                    : v_load_part(c + j * VLEN, last);
    }
#pragma clang loop unroll(full)
    for (int q = 0; q < EXPAND_DEPTH; q++) {
      vec left = v_set1(p[q]);
#pragma clang loop unroll(full)
      for (int j = 0; j < vectors; j++) acc[j] = v_fma(left, right[q][j], acc[j]);
    }
#pragma clang loop unroll(full)
    for (int j = 0; j < vectors; j++) {
      if (j + 1 < vectors || last == VLEN) {
        v_store(c + j * VLEN, acc[j]);
      } else {
        v_store_part(c + j * VLEN, acc[j], last);
      }
    }
  }
}

// Copies `count` columns of V from column j on, up to EXPAND_DEPTH rows and VLEN columns with zeros.
LK_INLINE TARGET void expand_pack(view v, ptrdiff_t k, ptrdiff_t j, ptrdiff_t count, float *out,
                                  ptrdiff_t ldv) {
  for (ptrdiff_t p = 0; p < EXPAND_DEPTH; p += VLEN) {
    ptrdiff_t depth = k - p < VLEN ? k - p : VLEN;
    vec block[VLEN];
#pragma clang loop unroll(full)
    for (int r = 0; r < VLEN; r++) {
      if (v.rows == 1) {
        int is_there = r < count && depth > 0;
        block[r] = is_there ? v_load_part(v.at + (j + r) * v.columns + p, depth) : v_zero();
      } else {
        int is_there = r < depth && count > 0;
        block[r] = is_there ? v_load_part(v.at + (p + r) * v.rows + j, count) : v_zero();
      }
    }
    if (v.rows == 1) v_transpose(block);
#pragma clang loop unroll(full)
    for (int r = 0; r < VLEN && r < EXPAND_DEPTH; r++) v_store(out + (p + r) * ldv, block[r]);
  }
}

// C [m, n] = alpha P V, or C + alpha P V, with k <= EXPAND_DEPTH and n <= EXPAND_COLUMNS.
static TARGET void expand(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, float alpha, const float *p,
                          ptrdiff_t ldp, view v, int adds, float *c, ptrdiff_t ldc,
                          float *workspace) {
  ptrdiff_t ldv = (n + EXPAND_WIDTH - 1) / EXPAND_WIDTH * EXPAND_WIDTH;
  float *left = workspace, *right = workspace + EXPAND_ROWS * EXPAND_DEPTH;
  memset(left, 0, EXPAND_ROWS * EXPAND_DEPTH * sizeof *left);
  for (ptrdiff_t j = 0; j < ldv; j += VLEN) {
    expand_pack(v, k, j, n - j < VLEN ? n - j : VLEN, right + j, ldv);
  }
  for (ptrdiff_t i = 0; i < m; i += EXPAND_ROWS, c += EXPAND_ROWS * ldc) {
    ptrdiff_t rows = m - i < EXPAND_ROWS ? m - i : EXPAND_ROWS;
    for (ptrdiff_t r = 0; r < rows; r++) {
      for (ptrdiff_t q = 0; q < k; q++) {
        left[r * EXPAND_DEPTH + q] = alpha * p[(i + r) * ldp + q];
      }
    }
    for (ptrdiff_t j = 0; j < n; j += EXPAND_WIDTH) {
      ptrdiff_t width = n - j < EXPAND_WIDTH ? n - j : EXPAND_WIDTH;
      if (width == EXPAND_WIDTH) {
        if (adds) {
          expand_body(1, EXPAND_VECTORS, rows, left, right + j, ldv, c + j, ldc, VLEN);
        } else {
          expand_body(0, EXPAND_VECTORS, rows, left, right + j, ldv, c + j, ldc, VLEN);
        }
        continue;
      }
      for (ptrdiff_t first = 0; first < width; first += VLEN) {
        ptrdiff_t last = width - first < VLEN ? width - first : VLEN;
        float *out = c + j + first;
        const float *terms = right + j + first;
        if (adds) {
          expand_body(1, 1, rows, left, terms, ldv, out, ldc, last);
        } else {
          expand_body(0, 1, rows, left, terms, ldv, out, ldc, last);
        }
      }
    }
  }
}
