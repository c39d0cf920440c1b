// SPDX-License-Identifier: Apache-2.0
// Sums, products, norms, softmax and rotary positions against plain loops in double precision.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "checking.h"

enum { ROWS = 3, WIDEST = 257, MOST = ROWS * WIDEST };
static const int lengths[] = {0, 1, 2, 3, 7, 15, 16, 17, 31, 33, 64, 67, WIDEST};

// A trial's operands: [rows, n], as they were drawn.
static ptrdiff_t n, count;
static int position;
static float a[MOST], b[MOST], c[MOST];
static double expected[MOST + 3 * WIDEST];

static void draw(float *values, float deviation) {
  for (ptrdiff_t i = 0; i < count; i++) values[i] = random_normal(deviation);
}

// Places an operand of `size` floats.
static float *put(int slot, const float *values, ptrdiff_t size) {
  return place_floats(slot, position, values, size);
}

static float *put_zeros(int slot, ptrdiff_t size) {
  float *at = place(slot, position, (size_t)size * sizeof(float));
  memset(at, 0, (size_t)size * sizeof(float));
  return at;
}

static void begin(const char *name) { now_checking("%s, %td floats at %d", name, n, position); }

static void end(const float *found, ptrdiff_t size, double tolerance, double floor) {
  check_close(found, expected, size, tolerance, floor);
  check_surroundings();
}

#define EACH(size, value) \
  for (ptrdiff_t i = 0; i < (size); i++) expected[i] = (value)

static void check_sums(void) {
  float *x, *y;
  begin("axpy");
  x = put(0, a, n), y = put(1, b, n);
  lk_axpy(n, 0.7f, x, y);
  EACH(n, b[i] + (double)0.7f * a[i]);
  end(y, n, 2e-6, 1);

  begin("scale");
  y = put(1, a, n);
  lk_scale(n, -1.5f, y);
  EACH(n, -1.5 * a[i]);
  end(y, n, 2e-6, 1);

  begin("add");
  x = put(0, a, n), y = put(1, b, n);
  float *z = put_zeros(2, n);
  lk_add(n, x, y, z);
  EACH(n, (double)a[i] + b[i]);
  end(z, n, 2e-6, 1);

  begin("multiply");
  x = put(0, a, n), y = put(1, b, n), z = put_zeros(2, n);
  lk_multiply(n, x, y, z);
  EACH(n, (double)a[i] * b[i]);
  end(z, n, 2e-6, 1);

  begin("multiply_add");
  x = put(0, a, n), y = put(1, b, n), z = put(2, c, n);
  lk_multiply_add(n, x, y, z);
  EACH(n, (double)a[i] * b[i] + c[i]);
  end(z, n, 2e-6, 1);

  begin("sum_squares");
  x = put(0, a, n);
  double squares = 0, dot = 0, highest = -INFINITY;
  for (ptrdiff_t i = 0; i < n; i++) {
    squares += (double)a[i] * a[i];
    dot += (double)a[i] * b[i];
    highest = fmax(highest, a[i]);
  }
  EXPECT(fabs(lk_sum_squares(n, x) - squares) <= 1e-12 * squares);
  begin("dot");
  y = put(1, b, n);
  expected[0] = dot;
  float found = lk_dot(n, x, y);
  end(&found, 1, 1e-5, 1);
  if (n > 0) {
    begin("max");
    x = put(0, a, n);
    EXPECT(lk_max(n, x) == highest);
  }

  begin("all_finite");
  EXPECT(lk_all_finite(n, put(0, a, n)) == 1);
  const ptrdiff_t places[] = {0, n / 2, n - 1};
  const float bad[] = {NAN, INFINITY, -INFINITY};
  for (int i = 0; i < 9 && n > 0; i++) {
    x = put(0, a, n);
    x[places[i / 3]] = bad[i % 3];
    EXPECT(lk_all_finite(n, x) == 0);
  }
  check_surroundings();
}

static void check_rows_with_a_vector(void) {
  float *x, *y, *z, *s;
  begin("add_bias");
  s = put(0, c, n), y = put(1, a, count);
  lk_add_bias(ROWS, n, s, y);
  EACH(count, (double)a[i] + c[i % n]);
  end(y, count, 2e-6, 1);

  begin("sum_rows");
  x = put(0, a, count), y = put(1, c, n);
  lk_sum_rows(ROWS, n, x, y);
  EACH(n, c[i] + (double)a[i] + a[n + i] + a[2 * n + i]);
  end(y, n, 2e-6, 1);

  begin("scaled_add");
  x = put(0, a, count), s = put(1, c, n), y = put(2, b, count), z = put_zeros(3, count);
  lk_scaled_add(ROWS, n, x, s, y, z);
  EACH(count, a[i] + (double)c[i % n] * b[i]);
  end(z, count, 2e-6, 1);

  begin("scaled_add_backward");
  x = put(0, a, count), s = put(1, c, n), y = put(2, b, count), z = put_zeros(3, count);
  float *sums = put(4, c, n);
  lk_scaled_add_backward(ROWS, n, x, s, y, z, sums);
  EACH(n, c[i] + (double)a[i] * b[i] + (double)a[n + i] * b[n + i] +
              (double)a[2 * n + i] * b[2 * n + i]);
  check_close(sums, expected, n, 2e-6, 1);
  EACH(count, (double)a[i] * c[i % n]);
  end(z, count, 2e-6, 1);
}

// x is a; g, the gradient that comes back, is b; the weight c, and the bias the start of b.
static void check_norms(void) {
  enum { GX = 0, GW = MOST, GB = MOST + WIDEST };
  static double rms[MOST + 2 * WIDEST], layer[MOST + 2 * WIDEST], y_rms[MOST], y_layer[MOST];
  memset(rms, 0, sizeof rms);
  memset(layer, 0, sizeof layer);
  const double eps = 1e-5f;
  double size = n > 0 ? (double)n : 1;
  for (int r = 0; r < ROWS; r++) {
    const float *x = a + r * n, *g = b + r * n;
    double squares = 0, sum = 0, variance = 0, dot = 0, first = 0, second = 0;
    for (ptrdiff_t i = 0; i < n; i++) squares += (double)x[i] * x[i], sum += x[i];
    double mean = sum / size, s = 1 / sqrt(squares / size + eps);
    for (ptrdiff_t i = 0; i < n; i++) variance += (x[i] - mean) * (x[i] - mean) / size;
    double scale = 1 / sqrt(variance + eps);
    for (ptrdiff_t i = 0; i < n; i++) {
      double weighted = (double)c[i] * g[i];
      dot += weighted * x[i] / size;
      first += weighted / size;
      second += weighted * (x[i] - mean) * scale / size;
    }
    for (ptrdiff_t i = 0; i < n; i++) {
      double normal = (x[i] - mean) * scale, weighted = (double)c[i] * g[i];
      y_rms[r * n + i] = x[i] * s * c[i];
      y_layer[r * n + i] = normal * c[i] + b[i];
      rms[GX + r * n + i] = s * (weighted - x[i] * dot * s * s);
      rms[GW + i] += g[i] * x[i] * s;
      layer[GX + r * n + i] = scale * (weighted - first - normal * second);
      layer[GW + i] += g[i] * normal;
      layer[GB + i] += g[i];
    }
  }
  // Two values that are nearly equal make 1 / deviation, and with it rounding, large.
  double tolerance = n < 4 ? 1e-4 : 1e-5;

  begin("rms_norm");
  float *x = put(0, a, count), *w = put(1, c, n), *g = put(2, b, count), *y = put_zeros(3, count);
  float *inverse = put_zeros(4, ROWS), *gx = put_zeros(5, count), *gw = put_zeros(6, n);
  lk_rms_norm(ROWS, n, x, w, (float)eps, y, inverse);
  check_close(y, y_rms, count, 3e-6, 1);
  if (n > 1) {
    begin("rms_norm_backward");
    lk_rms_norm_backward(ROWS, n, x, w, inverse, g, gx, gw);
    check_close(gx, rms + GX, count, 1e-5, 1);
    check_close(gw, rms + GW, n, 1e-5, 1);
    memset(gx, 0, (size_t)count * sizeof(float));
    lk_rms_norm_backward(ROWS, n, x, w, inverse, g, gx, NULL);
    check_close(gx, rms + GX, count, 1e-5, 1);
  }
  check_surroundings();

  begin("layer_norm");
  x = put(0, a, count), w = put(1, c, n), g = put(2, b, count), y = put_zeros(3, count);
  inverse = put_zeros(4, ROWS), gx = put_zeros(5, count), gw = put_zeros(6, n);
  float mean[ROWS], *gb = put_zeros(7, n);
  lk_layer_norm(ROWS, n, x, w, g, (float)eps, y, mean, inverse);
  check_close(y, y_layer, count, tolerance, 1);
  if (n > 1) {
    begin("layer_norm_backward");
    lk_layer_norm_backward(ROWS, n, x, w, mean, inverse, g, gx, gw, gb);
    check_close(gx, layer + GX, count, tolerance, 1);
    check_close(gw, layer + GW, n, tolerance, 1);
    check_close(gb, layer + GB, n, tolerance, 1);
    memset(gx, 0, (size_t)count * sizeof(float));
    lk_layer_norm_backward(ROWS, n, x, w, mean, inverse, g, gx, NULL, NULL);
    check_close(gx, layer + GX, count, tolerance, 1);
  }
  check_surroundings();
}

static void check_softmax(void) {
  static double logits[WIDEST];
  if (n > 0) {
    double highest = -INFINITY, sum = 0;
    for (ptrdiff_t i = 0; i < n; i++) {
      logits[i] = 8.0f * a[i];
      highest = fmax(highest, logits[i]);
    }
    for (ptrdiff_t i = 0; i < n; i++) sum += exp(logits[i] - highest);
    EACH(n, exp(logits[i] - highest) / sum);
    begin("softmax");
    float *y = put(0, a, n);
    for (ptrdiff_t i = 0; i < n; i++) y[i] *= 8;
    float log_sum = lk_softmax(n, y);
    EXPECT(fabs(log_sum - (highest + log(sum))) <= 2e-6 * fmax(1, fabs(log_sum)));
    end(y, n, 2e-6, 1);
    begin("exp_minus");
    y = put(0, a, n);
    for (ptrdiff_t i = 0; i < n; i++) y[i] *= 8;
    lk_exp_minus(n, (float)(highest + log(sum)), y);
    end(y, n, 3e-6, 1);
  }
  begin("softmax_backward");
  float *p = put(0, a, n), *dp = put(1, b, n);
  lk_softmax_backward(n, dp, 0.3f, 0.25f, p);
  EACH(n, (double)a[i] * (b[i] - (double)0.3f) * 0.25);
  end(p, n, 2e-6, 1);
}

static void check_softmax_of_extremes(void) {
  now_checking("softmax of extremes");
  float values[] = {-1e30f, 1e4f, 1e4f, -INFINITY};
  EXPECT(fabs(lk_softmax(4, values) - 10000.693) < 0.002);
  EXPECT(values[0] == 0 && values[1] == 0.5 && values[2] == 0.5 && values[3] == 0);
  float one = -3;
  EXPECT(lk_softmax(1, &one) == -3);
  EXPECT(one == 1);
}

static void check_rotary(void) {
  static const int shapes[][2] = {{1, 2}, {2, 6}, {3, 16}, {2, 34}, {1, 64}};
  for (int i = 0; i < 10; i++) {
    ptrdiff_t heads = shapes[i / 2][0], d = shapes[i / 2][1], half = d / 2;
    // A gap behind every row, as where keys lie behind queries.
    n = heads * d + 5;
    count = ROWS * n;
    position = i % POSITIONS;
    double sign = i % 2 ? -1 : 1;
    draw(a, 1);
    draw(b, 2);
    for (ptrdiff_t j = 0; j < ROWS * half; j++) c[j] = sinf(b[j]), b[j] = cosf(b[j]);
    EACH(count, a[i]);
    for (ptrdiff_t j = 0; j < ROWS * heads * half; j++) {
      ptrdiff_t row = j / (heads * half), head = j / half % heads, pair = j % half;
      ptrdiff_t at = row * n + head * d + pair, angle = row * half + pair;
      expected[at] = (double)a[at] * b[angle] - sign * a[at + half] * c[angle];
      expected[at + half] = (double)a[at + half] * b[angle] + sign * a[at] * c[angle];
    }
    now_checking("rotary, %td heads of %td, sign %g", heads, d, sign);
    float *x = put(0, a, count), *cosines = put(1, b, ROWS * half);
    float *sines = put(2, c, ROWS * half);
    lk_rotary(ROWS, heads, d, n, cosines, sines, (float)sign, x);
    end(x, count, 2e-6, 1);
  }
}

void check_sums_and_norms(void) {
  seed(5);
  for (unsigned i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    for (position = 0; position < POSITIONS; position++) {
      n = lengths[i];
      count = ROWS * n;
      draw(a, 1), draw(b, 1), draw(c, 1);
      check_sums();
      check_rows_with_a_vector();
      check_softmax();
      for (ptrdiff_t j = 0; j < count; j++) a[j] += 0.5f;
      check_norms();
    }
  }
  check_softmax_of_extremes();
  check_rotary();
}
