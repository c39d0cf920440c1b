// SPDX-License-Identifier: Apache-2.0
// The matrix product in blocks.
//
// A tile of the result is an outer product: scalars of the "broadcast side" P [rows, k] times
// vectors of the "vector side" V [k, columns]. Since C^T = B^T A^T, either operand can take either
// side; the result tile is transposed on its way out if they are exchanged. P is read where it
// lies. V is copied, block by block, into panels of NR columns (K. Goto and R. van de Geijn,
// "Anatomy of high-performance matrix multiplication", ACM TOMS 34(3), 2008), so that the
// operand whose copy would cost more, a large weight under few rows, can be P.

#define NR (NV * VLEN)
#define BLOCK_COLUMNS (LK_NC / NR * NR)

// A matrix seen through its two strides, of which one is 1.
typedef struct {
  const float *at;
  ptrdiff_t rows, columns;  // strides
} view;

// What will be needed soon: step q of a tile asks for the cache line at + (q % 16) step + (q / 16) leap.
typedef struct {
  const float *at;
  ptrdiff_t step, leap;
} upcoming;

// MARK: tiles

// acc[i][j] = sum over p of P[i, p] V[p, j]; C = alpha acc + beta C.
LK_INLINE TARGET void tile_body(const int mr, const int nv, ptrdiff_t k, const float *p,
                                ptrdiff_t row, ptrdiff_t step, const float *v, ptrdiff_t ldv,
                                float alpha, float beta, float *c, ptrdiff_t ldc,
                                const upcoming *soon) {
  vec acc[MR][NV];
  const upcoming ahead = *soon;
  const float *base[(MR + 2) / 3];
#pragma clang loop unroll(full)
  for (int i = 0; i < mr; i++) {
    if (i % 3 == 0) base[i / 3] = p + i * row;
#pragma clang loop unroll(full)
    for (int j = 0; j < nv; j++) {
      acc[i][j] = v_zero();
      __builtin_prefetch(c + i * ldc + j * VLEN, 1);
    }
  }
#pragma clang loop unroll_count(2)
  for (ptrdiff_t q = 0; q < k; q++) {
    __builtin_prefetch(ahead.at + (q & 15) * ahead.step + (q >> 4) * ahead.leap, 0, 2);
    vec right[NV];
#pragma clang loop unroll(full)
    for (int j = 0; j < nv; j++) right[j] = v_load(v + j * VLEN);
#pragma clang loop unroll(full)
    for (int i = 0; i < mr; i++) {
      vec left = v_set1(base[i / 3][(i % 3) * row]);
#pragma clang loop unroll(full)
      for (int j = 0; j < nv; j++) {
        acc[i][j] = v_fma(left, right[j], acc[i][j]);
        V_PIN(acc[i][j]);
      }
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < mr; i += 3) base[i / 3] += step;
    v += ldv;
  }
  vec scale = v_set1(alpha);
#pragma clang loop unroll(full)
  for (int i = 0; i < mr; i++) {
#pragma clang loop unroll(full)
    for (int j = 0; j < nv; j++) {
      float *out = c + i * ldc + j * VLEN;
      vec x = v_mul(scale, acc[i][j]);
      if (beta != 0) x = v_fma(v_set1(beta), v_load(out), x);
      v_store(out, x);
    }
  }
}

typedef void tile_function(ptrdiff_t k, const float *p, ptrdiff_t row, ptrdiff_t step,
                           const float *v, ptrdiff_t ldv, float alpha, float beta, float *c,
                           ptrdiff_t ldc, const upcoming *soon);

#define TILE(mr, nv)                                                                               \
  static TARGET void tile_##mr##_##nv(ptrdiff_t k, const float *p, ptrdiff_t row, ptrdiff_t step,  \
                                      const float *v, ptrdiff_t ldv, float alpha, float beta,      \
                                      float *c, ptrdiff_t ldc, const upcoming *soon) {             \
    tile_body(mr, nv, k, p, row, step, v, ldv, alpha, beta, c, ldc, soon);                         \
  }
#if NV == 2
#define TILES(mr) TILE(mr, 1) TILE(mr, 2)
#define TILE_NAMES(mr) {tile_##mr##_1, tile_##mr##_2}
#else
#define TILES(mr) TILE(mr, 1) TILE(mr, 2) TILE(mr, 3)
#define TILE_NAMES(mr) {tile_##mr##_1, tile_##mr##_2, tile_##mr##_3}
#endif

TILES(1) TILES(2) TILES(3) TILES(4)
#if MR >= 6
TILES(5) TILES(6)
#endif
#if MR >= 8
TILES(7) TILES(8)
#endif
#if MR >= 14
TILES(9) TILES(10) TILES(11) TILES(12) TILES(13) TILES(14)
#endif

static tile_function *const tiles[MR][NV] = {
    TILE_NAMES(1), TILE_NAMES(2), TILE_NAMES(3), TILE_NAMES(4),
#if MR >= 6
    TILE_NAMES(5), TILE_NAMES(6),
#endif
#if MR >= 8
    TILE_NAMES(7), TILE_NAMES(8),
#endif
#if MR >= 14
    TILE_NAMES(9), TILE_NAMES(10), TILE_NAMES(11), TILE_NAMES(12), TILE_NAMES(13), TILE_NAMES(14),
#endif
};

// C = alpha T + beta C for the first `columns` columns of a tile of row stride NR.
static TARGET void merge_tile(const float *tile, ptrdiff_t rows, ptrdiff_t columns, float alpha,
                              float beta, float *c, ptrdiff_t ldc) {
  vec scale = v_set1(alpha), keep = v_set1(beta);
  for (ptrdiff_t i = 0; i < rows; i++) {
    for (ptrdiff_t j = 0; j < columns; j += VLEN) {
      ptrdiff_t count = columns - j < VLEN ? columns - j : VLEN;
      float *out = c + i * ldc + j;
      vec x = v_mul(scale, v_load(tile + i * NR + j));
      if (beta != 0) x = v_fma(keep, v_load_part(out, count), x);
      v_store_part(out, x, count);
    }
  }
}

// C = alpha T^T + beta C; the tile has room for rows up to the next multiple of VLEN.
static TARGET void merge_transposed(const float *tile, ptrdiff_t rows, ptrdiff_t columns,
                                    float alpha, float beta, float *c, ptrdiff_t ldc) {
  vec scale = v_set1(alpha), keep = v_set1(beta);
  for (ptrdiff_t i = 0; i < rows; i += VLEN) {
    ptrdiff_t count = rows - i < VLEN ? rows - i : VLEN;
    for (ptrdiff_t j = 0; j < columns; j += VLEN) {
      vec block[VLEN];
#pragma clang loop unroll(full)
      for (int r = 0; r < VLEN; r++) block[r] = v_load(tile + (i + r) * NR + j);
      v_transpose(block);
      ptrdiff_t lines = columns - j < VLEN ? columns - j : VLEN;
      float *out = c + j * ldc + i;
      if (lines == VLEN && beta == 0) {
#pragma clang loop unroll(full)
        for (int r = 0; r < VLEN; r++) v_store_part(out + r * ldc, v_mul(scale, block[r]), count);
      } else if (lines == VLEN) {
#pragma clang loop unroll(full)
        for (int r = 0; r < VLEN; r++) {
          vec old = v_load_part(out + r * ldc, count);
          v_store_part(out + r * ldc, v_fma(keep, old, v_mul(scale, block[r])), count);
        }
      } else {
        float square[VLEN * VLEN];
#pragma clang loop unroll(full)
        for (int r = 0; r < VLEN; r++) v_store(square + r * VLEN, v_mul(scale, block[r]));
        for (ptrdiff_t r = 0; r < lines; r++) {
          vec x = v_load(square + r * VLEN);
          if (beta != 0) x = v_fma(keep, v_load_part(out + r * ldc, count), x);
          v_store_part(out + r * ldc, x, count);
        }
      }
    }
  }
}

// MARK: packing

// Copies V [k, columns], whose rows are contiguous, into panels [k][NR] side by side; the last one
// is filled up with zeros.
static TARGET void pack_contiguous(view v, ptrdiff_t k, ptrdiff_t columns, float *out) {
  ptrdiff_t whole = columns / NR * NR;
  for (ptrdiff_t p = 0; p < k; p++) {
    const float *from = v.at + p * v.rows, *later = from + 8 * v.rows;
    float *to = out + p * NR;
    for (ptrdiff_t first = 0; first < whole; first += NR, to += k * NR) {
#pragma clang loop unroll(full)
      for (int j = 0; j < NR; j += VLEN) {
        __builtin_prefetch(later + first + j, 0, 3);
        v_store(to + j, v_load(from + first + j));
      }
    }
    if (whole == columns) continue;
#pragma clang loop unroll(full)
    for (int j = 0; j < NR; j += VLEN) {
      ptrdiff_t count = columns - whole - j;
      vec x = v_zero();
      if (count >= VLEN) {
        x = v_load(from + whole + j);
      } else if (count > 0) {
        x = v_load_part(from + whole + j, count);
      }
      v_store(to + j, x);
    }
  }
}

// Copies V [k, columns], whose columns are contiguous, into the same panels.
static TARGET void pack_transposed(view v, ptrdiff_t k, ptrdiff_t columns, float *out) {
  for (ptrdiff_t first = 0; first < columns; first += NR, out += k * NR) {
    ptrdiff_t width = columns - first < NR ? columns - first : NR;
    for (ptrdiff_t j = 0; j < NR; j += VLEN) {
      ptrdiff_t lines = width - j < VLEN ? width - j : VLEN;
      const float *from = v.at + (first + j) * v.columns;
      for (ptrdiff_t p = 0; p < k; p += VLEN) {
        ptrdiff_t count = k - p < VLEN ? k - p : VLEN;
        vec block[VLEN];
        if (lines == VLEN && count == VLEN) {
#pragma clang loop unroll(full)
          for (int r = 0; r < VLEN; r++) block[r] = v_load(from + r * v.columns + p);
        } else {
#pragma clang loop unroll(full)
          for (int r = 0; r < VLEN; r++) {
            block[r] = r < lines ? v_load_part(from + r * v.columns + p, count) : v_zero();
          }
        }
        v_transpose(block);
        float *to = out + p * NR + j;
        if (count == VLEN) {
#pragma clang loop unroll(full)
          for (int r = 0; r < VLEN; r++) v_store(to + r * NR, block[r]);
        } else {
#pragma clang loop unroll(full)
          for (int r = 0; r < VLEN; r++) {
            if (r < count) v_store(to + r * NR, block[r]);
          }
        }
      }
    }
  }
}

// Copies P [rows, k] next to each other, and says how it lies there.
static TARGET view pack_rows(view p, ptrdiff_t rows, ptrdiff_t k, float *out) {
  if (p.rows == 1) {
    for (ptrdiff_t q = 0; q < k; q++) {
      for (ptrdiff_t i = 0; i < rows; i++) out[q * MR + i] = p.at[q * p.columns + i];
    }
    return (view){out, 1, MR};
  }
  // An odd number of cache lines, so that the rows do not compete for the same sets.
  ptrdiff_t line = (k + 31) / 32 * 32 + 16;
  for (ptrdiff_t i = 0; i < rows; i++) {
    const float *from = p.at + i * p.rows;
    float *to = out + i * line;
    ptrdiff_t q = 0;
    for (; q + VLEN <= k; q += VLEN) v_store(to + q, v_load(from + q));
    for (; q < k; q++) to[q] = from[q];
  }
  return (view){out, line, 1};
}

// MARK: the blocked product

// C [m, n] = alpha P V + beta C, or its transpose.
//
// V's columns, where they lie one after the other, are copied panel by panel, each just before the first
// panels of P meet it. Their tiles ask for the panel of V after it, so that a weight comes from memory
// while the processor computes.
static TARGET void blocked(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, float alpha, view p, view v,
                           float beta, float *c, ptrdiff_t ldc, int transposed, float *workspace) {
  float *tile = workspace, *panels = tile + LK_TILE, *block = panels + LK_FIRST * LK_PANEL;
  ptrdiff_t pieces = (k + LK_KC - 1) / LK_KC;
  ptrdiff_t depth = ((k + pieces - 1) / pieces + 15) / 16 * 16;
  ptrdiff_t row_panels = (m + MR - 1) / MR;
  ptrdiff_t height = (m + row_panels - 1) / row_panels;
  // Rows that lie a multiple of 1 KiB apart compete for the same sets of the cache.
  int crowded = p.rows == 1 ? p.columns > 64 : p.rows % 256 == 0;
  // A copy of V is worth it only if enough panels of P meet it.
  int by_panel = v.columns != 1;
  int in_place = !by_panel && row_panels <= (v.rows % 256 == 0 ? 2 : 10);

  for (ptrdiff_t n0 = 0; n0 < n; n0 += BLOCK_COLUMNS) {
    ptrdiff_t columns = n - n0 < BLOCK_COLUMNS ? n - n0 : BLOCK_COLUMNS;
    ptrdiff_t whole = in_place ? columns / NR * NR : 0;
    for (ptrdiff_t k0 = 0; k0 < k; k0 += depth) {
      ptrdiff_t kc = k - k0 < depth ? k - k0 : depth;
      float keep = k0 == 0 ? beta : 1;
      const float *source = v.at + k0 * v.rows + n0 * v.columns;
      // Where the next block starts, if there is one.
      const float *after = k0 + depth < k            ? source + depth * v.rows
                           : n0 + BLOCK_COLUMNS < n ? v.at + (n0 + BLOCK_COLUMNS) * v.columns
                                                     : NULL;
      if (!by_panel) {
        view rest = {source + whole, v.rows, 1};
        pack_contiguous(rest, kc, columns - whole, block);
      }
      for (ptrdiff_t m0 = 0, group; m0 < m; m0 += group * height) {
        group = m0 == 0 && by_panel ? LK_FIRST : 1;
        view left[LK_FIRST];
        for (int i = 0; i < group && m0 + i * height < m; i++) {
          ptrdiff_t row = m0 + i * height, rows = m - row < height ? m - row : height;
          left[i] = (view){p.at + row * p.rows + k0 * p.columns, p.rows, p.columns};
          if (crowded && columns > 2 * NR) {
            left[i] = pack_rows(left[i], rows, kc, panels + i * LK_PANEL);
          }
        }
        for (ptrdiff_t j = 0; j < columns; j += NR) {
          ptrdiff_t width = columns - j < NR ? columns - j : NR, ldv = j < whole ? v.rows : NR;
          float *copy = block + (j - whole) * kc;
          if (m0 == 0 && by_panel) {
            view panel = {source + j * v.columns, 1, v.columns};
            pack_transposed(panel, kc, width, copy);
          }
          const float *right = j < whole ? source + j : copy;
          for (int i = 0; i < group && m0 + i * height < m; i++) {
            ptrdiff_t row = m0 + i * height, rows = m - row < height ? m - row : height;
            upcoming soon = {left[i].at, 0, 0};
            const float *next = j + NR < columns ? source + (j + NR) * v.columns : after;
            if (m0 == 0 && by_panel && !transposed && i < (NR + 15) / 16) {
              if (next != NULL) soon = (upcoming){next + 16 * i * v.columns, v.columns, 16};
            } else if (j == 0 && p.rows > 1) {
              soon = (upcoming){p.at + (row + height) * p.rows + k0, p.rows, 16};
            }
            tile_function *run = tiles[rows - 1][(width - 1) / VLEN];
            if (!transposed && width % VLEN == 0) {
              run(kc, left[i].at, left[i].rows, left[i].columns, right, ldv, alpha, keep,
                  c + row * ldc + n0 + j, ldc, &soon);
              continue;
            }
            run(kc, left[i].at, left[i].rows, left[i].columns, right, ldv, 1, 0, tile, NR, &soon);
            if (transposed) {
              merge_transposed(tile, rows, width, alpha, keep, c + (n0 + j) * ldc + row, ldc);
            } else {
              merge_tile(tile, rows, width, alpha, keep, c + row * ldc + n0 + j, ldc);
            }
          }
        }
      }
    }
  }
}
