// SPDX-License-Identifier: Apache-2.0
// Attention of one query to cached tokens against plain loops.

#include <math.h>
#include <string.h>

#include "checking.h"

enum { MOST = 1 << 14 };

// A value that float16 and bfloat16 hold exactly, and its bytes in a format.
static float write_value(lk_format format, uint8_t *to) {
  int eighths = random_below(65) - 32;
  float x = (float)eighths / 8;
  if (format == LK_F32) {
    memcpy(to, &x, sizeof x);
  } else if (format == LK_BF16) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    uint16_t half = (uint16_t)(bits >> 16);
    memcpy(to, &half, sizeof half);
  } else {
    int exponent = 0;
    float mantissa = frexpf(fabsf(x), &exponent);
    uint16_t half = 0;
    if (x != 0) half = (uint16_t)((exponent + 14) << 10 | ((int)(mantissa * 2048) - 1024));
    if (x < 0) half |= 0x8000;
    memcpy(to, &half, sizeof half);
  }
  return x;
}

static void check_one(const lk_kernels *kernels, lk_format format, int heads, int groups,
                      int width, int tokens, int position) {
  now_checking("format %d, %d heads in %d groups, width %d, %d tokens, position %d", (int)format,
               heads, groups, width, tokens, position);
  static float cached[MOST];
  static double expected[MOST];
  const ptrdiff_t size = format == LK_F32 ? 4 : 2, row = groups * width * size;
  // Rows have gaps behind them, but for the last.
  lk_cached shape = {format, tokens, position % 2 == 0 ? row : row + 6, groups, width};
  uint8_t *bytes = place(0, position, (size_t)((tokens - 1) * shape.stride + row));
  for (int t = 0; t < tokens; t++) {
    for (int i = 0; i < groups * width; i++) {
      cached[t * groups * width + i] = write_value(format, bytes + t * shape.stride + i * size);
    }
  }
  float *q = place(1, position, (size_t)(heads * width) * sizeof(float));
  for (int i = 0; i < heads * width; i++) q[i] = random_float();
  float *scores = place(2, position, (size_t)(heads * tokens) * sizeof(float));
  float *mixed = place(3, position, (size_t)(heads * width) * sizeof(float));
  for (int i = 0; i < heads * tokens; i++) scores[i] = NAN;
  for (int i = 0; i < heads * width; i++) mixed[i] = NAN;

  for (int h = 0; h < heads; h++) {
    for (int t = 0; t < tokens; t++) {
      const float *key = cached + (t * groups + h / (heads / groups)) * width;
      double sum = 0;
      for (int i = 0; i < width; i++) sum += (double)q[h * width + i] * key[i];
      expected[h * tokens + t] = 0.3f * sum;
    }
  }
  kernels->score(&shape, heads, 0.3f, q, bytes, NULL, scores);
  check_close(scores, expected, heads * tokens, 2e-6, 1);

  for (int h = 0; h < heads; h++) {
    for (int i = 0; i < width; i++) {
      double sum = 0;
      for (int t = 0; t < tokens; t++) {
        sum += (double)scores[h * tokens + t] *
               cached[(t * groups + h / (heads / groups)) * width + i];
      }
      expected[h * width + i] = sum;
    }
  }
  kernels->mix(&shape, heads, scores, bytes, bytes, mixed);
  check_close(mixed, expected, heads * width, 2e-6, 1);
  check_surroundings();
}

void check_cached_attention(const lk_kernels *kernels) {
  static const int widths[] = {1, 5, 31, 32, 33, 64, 80, 96};
  static const int counts[] = {1, 2, 7, 8, 9, 32};
  static const lk_format formats[] = {LK_F32, LK_BF16, LK_F16};
  seed(12);
  for (int f = 0; f < 3; f++) {
    for (int w = 0; w < 8; w++) {
      for (int c = 0; c < 6; c++) {
        // Groups of 1 to 9 heads: every block, and several after each other.
        int group = 1 + (w + 2 * c) % 9, groups = 1 + (w + c) % 3;
        check_one(kernels, formats[f], group * groups, groups, widths[w], counts[c],
                  (w + c + f) % POSITIONS);
      }
    }
  }
}
