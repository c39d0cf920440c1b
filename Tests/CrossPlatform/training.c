// SPDX-License-Identifier: Apache-2.0
// The AdamW step against its formula in double precision, dropout, and what measures the machine.
#include <math.h>
#include <string.h>

#include "checking.h"

enum { MOST = 257 };
static const int lengths[] = {0, 1, 2, 3, 7, 15, 16, 17, 31, 33, 64, 67, MOST};
enum { LENGTHS = sizeof lengths / sizeof *lengths };
static float a[MOST], b[MOST], c[MOST], d[MOST];

// Step 3 with rate 0.01, betas 0.9 and 0.99, epsilon 1e-6, decay 0.1, gradients halved.
static void check_adamw(ptrdiff_t n, int position) {
  static double w1[MOST], m1[MOST], v1[MOST];
  now_checking("adamw, %td floats at %d", n, position);
  const double c1 = 1 - pow(0.9, 3), c2 = 1 - pow(0.99, 3);
  for (ptrdiff_t i = 0; i < n; i++) {
    a[i] = random_normal(1), b[i] = random_normal(1), c[i] = random_normal(1);
    d[i] = powf(random_normal(1), 2);
    double g = b[i] / 2.0;
    m1[i] = 0.9 * c[i] + 0.1 * g;
    v1[i] = 0.99 * d[i] + 0.01 * g * g;
    w1[i] = a[i] * (1 - 0.01 * 0.1) - 0.01 * (m1[i] / c1) / (sqrt(v1[i] / c2) + 1e-6);
  }
  float *w = place_floats(0, position, a, n), *g = place_floats(1, position, b, n);
  float *m = place_floats(2, position, c, n), *v = place_floats(3, position, d, n);
  lk_adamw(n, w, g, m, v, 0.01f, 0.9f, 0.99f, 1e-6f, 0.1f, (float)c1, (float)c2, 0.5f);
  check_close(w, w1, n, 4e-6, 1);
  check_close(m, m1, n, 4e-6, 1);
  check_close(v, v1, n, 4e-6, 1);
  check_surroundings();
}

static void check_dropout(ptrdiff_t n, int position) {
  now_checking("dropout, %td floats at %d", n, position);
  const uint64_t key = 0x123456789ABCDEF0u;
  for (ptrdiff_t i = 0; i < n; i++) a[i] = random_normal(1) + 4, b[i] = random_normal(1);
  float *x = place_floats(0, position, a, n), *y = place_floats(1, position, b, n);
  lk_dropout_add(n, 0, key, 0.25f, x, y);
  lk_dropout(n, 0, key, 0.25f, x, x);
  int equal = 1, drawn_again = 1, added = 1;
  for (ptrdiff_t i = 0; i < n; i++) {
    equal &= x[i] == 0 || fabsf(x[i] - a[i] / 0.75f) <= 1e-6f * fabsf(a[i]);
    added &= fabsf(y[i] - (b[i] + x[i])) <= 1e-6f * (fabsf(b[i]) + fabsf(x[i]));
    float one;
    lk_dropout(1, i, key, 0.25f, a + i, &one);
    drawn_again &= (one == 0) == (x[i] == 0);
  }
  EXPECT(equal && added && drawn_again);
  check_surroundings();
}

// The mask of a key is the same on every machine; its share of zeros is what was asked for.
static void check_masks(void) {
  enum { COUNT = 40000 };
  static float ones[COUNT];
  now_checking("dropout masks");
  for (int i = 0; i < COUNT; i++) ones[i] = 1;
  lk_dropout(COUNT, 0, 77, 0.25f, ones, ones);
  uint64_t first = 0;
  int zeros = 0;
  for (int i = 0; i < COUNT; i++) {
    if (i < 64) first |= (uint64_t)(ones[i] != 0) << i;
    zeros += ones[i] == 0;
  }
  EXPECT(first == 0xD4EF0AB5F727FBA3u);
  // The deviation of a binomial share is 0.0022.
  EXPECT(fabs((double)zeros / COUNT - 0.25) < 0.011);
}

void check_training(void) {
  seed(8);
  for (int i = 0; i < LENGTHS * POSITIONS; i++) {
    check_adamw(lengths[i / POSITIONS], i % POSITIONS);
    check_dropout(lengths[i / POSITIONS], i % POSITIONS);
  }
  check_masks();
}

void check_limits(void) {
  now_checking("multiply_add_rounds");
  float sink = NAN;
  double operations = lk_multiply_add_rounds(1000, &sink);
  EXPECT(isfinite(sink) && operations >= 2 * 4 * 12 * 1000 && fmod(operations, 8000) == 0);

  now_checking("read_in_order");
  enum { BYTES = 3 * 512 };
  uint8_t *memory = lk_map_memory(BYTES);
  EXPECT(memory != NULL);
  if (memory == NULL) return;
  // Two lanes of each vector count: of 2, 4 or 8.
  int set = lk_instruction_set(), lanes = set == LK_AVX512 ? 8 : set == LK_AVX2 ? 4 : 2;
  uint64_t sum = 0;
  for (int i = 0; i < BYTES / 8; i++) {
    uint64_t x = random_bits();
    memcpy(memory + 8 * i, &x, sizeof x);
    if (i % lanes < 2 && i < 2 * 64) sum += x;
  }
  EXPECT(lk_read_in_order(memory, 2 * 512 + 511) == sum);
  lk_unmap_memory(memory, BYTES);
}
