// SPDX-License-Identifier: Apache-2.0
// Activations, gated units, exponentials and soft caps against the C library in double precision.
#include <math.h>
#include <string.h>

#include "checking.h"

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }
static double tanh_part(double x) { return tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)); }

static double value(int kind, double x) {
  switch (kind) {
    case 0: return 0.5 * x * (1 + erf(x / sqrt(2)));
    case 1: return 0.5 * x * (1 + tanh_part(x));
    case 2: return x * sigmoid(1.702 * x);
    case 3: return x * sigmoid(x);
    default: return x > 0 ? x : 0;
  }
}

static double slope(int kind, double x) {
  double s = sigmoid(kind == 2 ? 1.702 * x : x), t = tanh_part(x);
  switch (kind) {
    case 0: return 0.5 * (1 + erf(x / sqrt(2))) + x * exp(-x * x / 2) / sqrt(2 * M_PI);
    case 1:
      return 0.5 * (1 + t) +
             0.5 * x * (1 - t * t) * sqrt(2 / M_PI) * (1 + 3 * 0.044715 * x * x);
    case 2: return s + 1.702 * x * s * (1 - s);
    case 3: return s + x * s * (1 - s);
    default: return x > 0 ? 1 : 0;
  }
}

static const char *const names[] = {"gelu", "gelu_tanh", "quick_gelu", "silu", "relu"};
enum { KINDS = 5, FINE = 12289, FAR = 11, GRID = FINE + FAR };

// -12 to 12 by 1/512, an odd number of values, then some far away.
static void check_grid(void) {
  static const float far[FAR] = {-1e30f, -1e12f, -300, -100, -88, -30, 30, 88, 100, 300, 1e4f};
  static float ones[GRID];
  float *x = place(0, 1, GRID * sizeof(float));
  for (int i = 0; i < FINE; i++) x[i] = (float)(i - 6144) / 512;
  memcpy(x + FINE, far, sizeof far);
  for (int i = 0; i < GRID; i++) ones[i] = 1;
  for (int kind = 0; kind < KINDS; kind++) {
    now_checking("%s and its slope", names[kind]);
    float *y = place(1, 3, GRID * sizeof(float)), *gx = place(2, 2, GRID * sizeof(float));
    lk_activation(kind, GRID, x, y);
    lk_activation_backward(kind, GRID, x, ones, gx);
    for (int i = 0; i < GRID; i++) {
      comparisons++;
      // 3e-7 of |x|, as the error of erf, exp and tanh is multiplied by x.
      double error = fabs(y[i] - value(kind, x[i])) / fmax(1, fabs(x[i]));
      double slope_error = fabs(gx[i] - slope(kind, x[i]));
      if (error < 3e-7 && slope_error < 1e-6) continue;
      fail("at %g: %.9g and %.9g, expected %.9g and %.9g", x[i], y[i], gx[i], value(kind, x[i]),
           slope(kind, x[i]));
      break;
    }
  }
  check_surroundings();
}

static void check_exponentials(void) {
  enum { COUNT = 22001 };
  float *y = place(0, 2, COUNT * sizeof(float));
  for (int i = 0; i < COUNT; i++) y[i] = -88 + (float)i / 250;
  now_checking("exp");
  lk_exp_minus(COUNT, 0, y);
  for (int i = 0; i < COUNT; i++) {
    comparisons++;
    double expected = exp(-88 + (float)i / 250);
    if (fabs(y[i] - expected) <= 3e-7 * expected + 1e-37) continue;
    fail("exp(%g) is %.9g", -88 + (float)i / 250, y[i]);
    break;
  }
  check_surroundings();
  float far[] = {-1e30f, -200, -INFINITY};
  lk_exp_minus(3, 0, far);
  EXPECT(far[0] == 0 && far[1] == 0 && far[2] == 0);
}

static void check_lengths(void) {
  enum { MOST = 67 };
  static const int lengths[] = {0, 1, 3, 17, 33, MOST};
  static float a[MOST], b[MOST], c[MOST];
  static double expected[MOST];
  for (int trial = 0; trial < 6 * POSITIONS; trial++) {
    ptrdiff_t n = lengths[trial / POSITIONS];
    int position = trial % POSITIONS;
    for (int i = 0; i < MOST; i++) {
      a[i] = random_normal(2), b[i] = random_normal(1), c[i] = random_normal(1);
    }
    size_t bytes = (size_t)n * sizeof(float);
    for (int kind = 0; kind < KINDS; kind++) {
      now_checking("%s gated, %td floats at %d", names[kind], n, position);
      float *gate = place_floats(0, position, a, n), *up = place_floats(1, position, b, n);
      float *g = place_floats(2, position, c, n), *y = place(3, position, bytes);
      float *ggate = place(4, position, bytes), *gup = place(5, position, bytes);
      lk_gated(kind, n, gate, up, y);
      for (int i = 0; i < n; i++) expected[i] = value(kind, a[i]) * b[i];
      check_close(y, expected, n, 1e-6, 1);
      lk_gated_backward(kind, n, gate, up, g, ggate, gup);
      for (int i = 0; i < n; i++) expected[i] = slope(kind, a[i]) * b[i] * c[i];
      check_close(ggate, expected, n, 1e-6, 1);
      for (int i = 0; i < n; i++) expected[i] = value(kind, a[i]) * c[i];
      check_close(gup, expected, n, 1e-6, 1);
      now_checking("%s, %td floats at %d", names[kind], n, position);
      lk_activation(kind, n, gate, y);
      for (int i = 0; i < n; i++) expected[i] = value(kind, a[i]);
      check_close(y, expected, n, 1e-6, 1);
      lk_activation_backward(kind, n, gate, g, ggate);
      for (int i = 0; i < n; i++) expected[i] = slope(kind, a[i]) * c[i];
      check_close(ggate, expected, n, 1e-6, 1);
      check_surroundings();
    }

    now_checking("soft_cap, %td floats at %d", n, position);
    const float cap = 2.5f;
    float *x = place_floats(0, position, a, n), *g = place_floats(1, position, c, n);
    lk_soft_cap(n, cap, x);
    for (int i = 0; i < n; i++) expected[i] = cap * tanh(a[i] / cap);
    check_close(x, expected, n, 1e-6, 1);
    lk_soft_cap_backward(n, cap, x, g);
    for (int i = 0; i < n; i++) expected[i] = c[i] * (1 - pow(tanh(a[i] / cap), 2));
    check_close(g, expected, n, 2e-6, 1);
    check_surroundings();
  }
}

void check_activations(void) {
  seed(6);
  check_grid();
  check_exponentials();
  check_lengths();
}
