// SPDX-License-Identifier: Apache-2.0
// sgemm against a loop in double precision.
#include <math.h>
#include <string.h>

#include "checking.h"

typedef struct {
  int trans_a, trans_b;
  ptrdiff_t m, n, k;
  ptrdiff_t gap_a, gap_b, gap_c;  // between rows
  int position;
  float alpha, beta;
} product;

// Operands end where the last row does, not where its stride does.
static ptrdiff_t extent(ptrdiff_t rows, ptrdiff_t width, ptrdiff_t stride) {
  return rows == 0 || width == 0 ? 0 : (rows - 1) * stride + width;
}

static float *place_random(int slot, int position, ptrdiff_t count) {
  float *at = place(slot, position, (size_t)count * sizeof(float));
  for (ptrdiff_t i = 0; i < count; i++) at[i] = random_float();
  return at;
}

// C, and what lies between its rows, is remembered here.
static float before[1 << 20];

static void check(const lk_kernels *kernels, product x) {
  now_checking("sgemm %c%c %td x %td x %td, gaps %td %td %td, position %d, alpha %g, beta %g",
               x.trans_a ? 'T' : 'N', x.trans_b ? 'T' : 'N', x.m, x.n, x.k, x.gap_a, x.gap_b,
               x.gap_c, x.position, x.alpha, x.beta);
  ptrdiff_t lda = (x.trans_a ? x.m : x.k) + x.gap_a, ldb = (x.trans_b ? x.k : x.n) + x.gap_b;
  ptrdiff_t ldc = x.n + x.gap_c;
  float *a = place_random(
      0, x.position, x.trans_a ? extent(x.k, x.m, lda) : extent(x.m, x.k, lda));
  float *b = place_random(
      1, x.position, x.trans_b ? extent(x.n, x.k, ldb) : extent(x.k, x.n, ldb));
  ptrdiff_t count = extent(x.m, x.n, ldc);
  float *c = place_random(2, x.position, count);
  for (ptrdiff_t i = 0; i < x.m && x.beta == 0; i++) {
    for (ptrdiff_t j = 0; j < x.n; j++) c[i * ldc + j] = NAN;
  }
  memcpy(before, c, (size_t)count * sizeof(float));
  kernels->sgemm(x.trans_a, x.trans_b, x.m, x.n, x.k, x.alpha, a, lda, b, ldb, x.beta, c, ldc,
                 lk_thread_workspace());
  for (ptrdiff_t i = 0; i < x.m; i++) {
    for (ptrdiff_t j = 0; j < x.n; j++) {
      double sum = 0, size = 0;
      for (ptrdiff_t p = 0; p < x.k; p++) {
        double term = (double)a[x.trans_a ? p * lda + i : i * lda + p] *
                      (double)b[x.trans_b ? j * ldb + p : p * ldb + j];
        sum += term;
        size += fabs(term);
      }
      ptrdiff_t at = i * ldc + j;
      double old = x.beta == 0 ? 0 : (double)x.beta * before[at];
      double expected = x.alpha * sum + old;
      // Rounding of k products and sums, each 2^-24 of what is summed at most.
      double bound = ((double)x.k + 4) * 0x1p-24 * (fabs(x.alpha) * size + fabs(old));
      comparisons++;
      if (!(fabs(c[at] - expected) <= bound)) {
        fail("[%td, %td] is %.9g, expected %.9g", i, j, c[at], expected);
        return;
      }
      c[at] = before[at];
    }
  }
  EXPECT(same_bits(c, before, count));
  check_surroundings();
}

static void check_sizes(const lk_kernels *kernels) {
  static const int widths[] = {0, 1, 3, 4, 5, 8, 11, 12, 13, 16, 24, 25, 33};
  static const int depths[] = {0, 1, 4, 7, 8, 17, 33};
  for (int m = 0; m <= 17; m++) {
    for (unsigned n = 0; n < sizeof widths / sizeof *widths; n++) {
      for (unsigned k = 0; k < sizeof depths / sizeof *depths; k++) {
        for (int flags = 0; flags < 4; flags++) {
          product x = {.trans_a = flags & 1, .trans_b = flags >> 1, .m = m, .n = widths[n],
                       .k = depths[k], .gap_c = random_below(2), .alpha = 1,
                       .position = random_below(POSITIONS), .beta = random_below(2) ? 0.5f : 0};
          check(kernels, x);
        }
      }
    }
  }
}

static void check_any(const lk_kernels *kernels) {
  static const int sizes[] = {0, 1, 2, 3, 7, 8, 12, 13, 15, 16, 17, 31, 33, 47, 64, 65, 127};
  static const int gaps_a[] = {0, 0, 1, 5, 100}, gaps_b[] = {0, 0, 3, 16, 100};
  static const int gaps_c[] = {0, 0, 1, 9};
  static const float alphas[] = {1, 1, -0.5f, 0}, betas[] = {0, 0, 1, 0.25f};
#define PICK(values) values[random_below((int)(sizeof values / sizeof *values))]
  for (int i = 0; i < 500; i++) {
    product x = {.trans_a = random_below(2), .trans_b = random_below(2), .m = PICK(sizes),
                 .n = PICK(sizes), .k = PICK(sizes), .gap_a = PICK(gaps_a), .gap_b = PICK(gaps_b),
                 .gap_c = PICK(gaps_c), .position = random_below(POSITIONS),
                 .alpha = PICK(alphas), .beta = PICK(betas)};
    check(kernels, x);
  }
#undef PICK
}

// Several blocks along every extent, many rows, and strides that make rows compete in the cache.
static void check_blocks(const lk_kernels *kernels) {
  static const product cases[] = {
      {.m = 30, .n = 400, .k = 410},
      {.m = 150, .n = 40, .k = 50},
      {.m = 15, .n = 256, .k = 40},
      {.m = 70, .n = 512, .k = 40, .alpha = 0.5f, .beta = 1},
      {.m = 90, .n = 5, .k = 2100, .beta = 0.5f},
      {.m = 1, .n = 200, .k = 300},
      {.m = 16, .n = 40, .k = 1024},
      {.trans_b = 1, .m = 150, .n = 60, .k = 400},
      {.trans_b = 1, .m = 40, .n = 400, .k = 390},
      {.trans_b = 1, .m = 20, .n = 40, .k = 1024, .beta = 1},
      {.trans_b = 1, .m = 90, .n = 6, .k = 900},
      {.trans_b = 1, .m = 2, .n = 200, .k = 900},
      {.trans_a = 1, .m = 2, .n = 33, .k = 700, .beta = 1},
      {.trans_a = 1, .m = 400, .n = 30, .k = 400},
      {.trans_a = 1, .m = 256, .n = 9, .k = 500},
      {.trans_a = 1, .m = 9, .n = 400, .k = 500, .beta = 1},
      {.trans_a = 1, .trans_b = 1, .m = 400, .n = 40, .k = 390},
      {.trans_a = 1, .trans_b = 1, .m = 20, .n = 400, .k = 390, .beta = 1},
  };
  for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
    product x = cases[i];
    if (x.alpha == 0) x.alpha = 1;
    x.position = (int)i % POSITIONS;
    check(kernels, x);
  }
}

// Parts of a result that are computed apart are the same bits as in one piece.
static void check_parts(const lk_kernels *kernels) {
  enum { M = 40, N = 100, K = 450 };
  static float whole[M * N], part[M * N];
  float *workspace = lk_thread_workspace();
  for (int flags = 0; flags < 4; flags++) {
    int trans_a = flags & 1, trans_b = flags >> 1;
    now_checking("sgemm %d %d in parts", trans_a, trans_b);
    float *a = place_random(0, 0, M * K), *b = place_random(1, 0, K * N);
    ptrdiff_t lda = trans_a ? M : K, ldb = trans_b ? K : N;
    kernels->sgemm(trans_a, trans_b, M, N, K, 1, a, lda, b, ldb, 0, whole, N, workspace);
    for (int i = 0; i < M; i += 20) {
      for (int j = 0; j < N; j += 47) {
        ptrdiff_t n = N - j < 47 ? N - j : 47;
        if (n < 13) continue;
        kernels->sgemm(trans_a, trans_b, 20, n, K, 1, a + (trans_a ? i : i * lda), lda,
                       b + (trans_b ? j * ldb : j), ldb, 0, part, N, workspace);
        for (int r = 0; r < 20; r++) {
          EXPECT(same_bits(part + r * N, whole + (i + r) * N + j, n));
        }
      }
    }
  }
}

static void check_not_a_number(const lk_kernels *kernels) {
  enum { M = 40, N = 30, K = 50 };
  static float a[M * K], b[K * N], c[M * N];
  now_checking("sgemm with not-a-number in A");
  for (int i = 0; i < M * K; i++) a[i] = 1;
  a[3 * K + 7] = NAN;
  kernels->sgemm(0, 0, M, N, K, 1, a, K, b, N, 0, c, N, lk_thread_workspace());
  for (int i = 0; i < M * N; i++) EXPECT(isnan(c[i]) ? i / N == 3 : i / N != 3);
}

void check_products(const lk_kernels *kernels) {
  seed(7);
  check_sizes(kernels);
  check_any(kernels);
  check_blocks(kernels);
  check_parts(kernels);
  check_not_a_number(kernels);
}
