// SPDX-License-Identifier: Apache-2.0
// Resampling of 8-bit pictures against plain loops.

#include <string.h>

#include "checking.h"

enum { MOST_TAPS = 16, MOST_OUTPUTS = 40 };

// Spans of up to `most` taps over `length` inputs, with coefficients that may clip.
static void make_taps(int outputs, int length, int most, int taps, lk_span *spans,
                      int32_t *coefficients) {
  memset(coefficients, 0, (size_t)(outputs * taps) * sizeof *coefficients);
  for (int x = 0; x < outputs; x++) {
    int count = 1 + random_below(most < length ? most : length);
    // The last span ends with the inputs.
    int first = x + 1 == outputs ? length - count : random_below(length - count + 1);
    spans[x] = (lk_span){first, count};
    for (int i = 0; i < count; i++)
      coefficients[x * taps + i] = random_below(9 << (LK_RESAMPLE_BITS - 2)) / count -
                                   (1 << (LK_RESAMPLE_BITS - 1)) / count;
  }
}

static uint8_t rounded(int64_t sum) {
  int64_t value = (sum + (1 << (LK_RESAMPLE_BITS - 1))) >> LK_RESAMPLE_BITS;
  return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

static void check_one(int width, int height, int outputs, int most, int position) {
  now_checking("%d x %d pixels to %d, %d taps, position %d", width, height, outputs, most, position);
  static lk_span spans[MOST_OUTPUTS];
  static int32_t coefficients[MOST_OUTPUTS * MOST_TAPS];
  int taps = (most + LK_TAP_GROUP - 1) / LK_TAP_GROUP * LK_TAP_GROUP;
  uint8_t *source = place(0, position, (size_t)(width * height * 3));
  for (int i = 0; i < width * height * 3; i++) source[i] = (uint8_t)random_below(256);

  make_taps(outputs, width, most, taps, spans, coefficients);
  uint8_t *across = place(1, position, (size_t)(outputs * height * 3));
  lk_resample_rows(source, (size_t)width * 3, (size_t)height, across, (size_t)outputs, spans,
                   coefficients, (size_t)taps);
  for (int y = 0; y < height; y++)
    for (int x = 0; x < outputs; x++)
      for (int c = 0; c < 3; c++) {
        int64_t sum = 0;
        for (int i = 0; i < spans[x].count; i++)
          sum += (int64_t)source[(y * width + spans[x].first + i) * 3 + c] *
                 coefficients[x * taps + i];
        EXPECT(across[(y * outputs + x) * 3 + c] == rounded(sum));
      }

  make_taps(outputs, height, most, taps, spans, coefficients);
  uint8_t *down = place(2, position, (size_t)(width * outputs * 3));
  lk_resample_columns(source, (size_t)width * 3, down, (size_t)outputs, spans, coefficients,
                      (size_t)taps);
  for (int y = 0; y < outputs; y++)
    for (int x = 0; x < width * 3; x++) {
      int64_t sum = 0;
      for (int i = 0; i < spans[y].count; i++)
        sum += (int64_t)source[(spans[y].first + i) * width * 3 + x] * coefficients[y * taps + i];
      EXPECT(down[y * width * 3 + x] == rounded(sum));
    }
  check_surroundings();
}

void check_pixels(void) {
  seed(11);
  static const int sides[] = {1, 2, 3, 5, 21, 22, 43};
  for (int w = 0; w < 7; w++)
    for (int h = 0; h < 7; h++)
      for (int position = 0; position < POSITIONS; position++)
        check_one(sides[w], sides[h], 1 + random_below(MOST_OUTPUTS),
                  1 + random_below(MOST_TAPS), position);
}
