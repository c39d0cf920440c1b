// SPDX-License-Identifier: Apache-2.0
// Inner loops over 8-bit pixels.
#include "lk_pixels.h"

#include <string.h>

#define LK_HALF (1 << (LK_RESAMPLE_BITS - 1))
#define LK_BLOCK 64

typedef uint8_t four_bytes __attribute__((vector_size(4)));
typedef uint8_t sixteen_bytes __attribute__((vector_size(16)));
typedef int32_t four_sums __attribute__((vector_size(16)));
typedef int32_t sixteen_sums __attribute__((vector_size(64)));

#define LK_SOURCE "pixels.inc"
#include "variants.h"

void lk_resample_rows(const uint8_t *source, size_t source_stride, size_t rows, uint8_t *target,
                      size_t width, const lk_span *spans, const int32_t *coefficients,
                      size_t taps) {
  LK_CHOOSE(resample_rows, source, source_stride, rows, target, width, spans, coefficients, taps)
}

void lk_resample_columns(const uint8_t *source, size_t row_bytes,
                         uint8_t *target, size_t height, const lk_span *spans,
                         const int32_t *coefficients, size_t taps) {
  LK_CHOOSE(resample_columns, source, row_bytes, target, height, spans, coefficients, taps)
}

void lk_pick_pixels(const uint8_t *source, size_t source_width, uint8_t *target, size_t width,
                    size_t height, const int32_t *columns, const int32_t *rows) {
  for (size_t y = 0; y < height; y++) {
    const uint8_t *row = source + (size_t)rows[y] * source_width * 3;
    for (size_t x = 0; x < width; x++, target += 3) memcpy(target, row + (size_t)columns[x] * 3, 3);
  }
}

void lk_reorder_pixels(const uint8_t *source, ptrdiff_t origin, ptrdiff_t column_step,
                       ptrdiff_t row_step, uint8_t *target, size_t width, size_t height) {
  // In tiles, so that a quarter turn finds the source rows it goes across in the cache.
  for (size_t top = 0; top < height; top += LK_BLOCK) {
    size_t bottom = top + LK_BLOCK < height ? top + LK_BLOCK : height;
    for (size_t left = 0; left < width; left += LK_BLOCK) {
      size_t right = left + LK_BLOCK < width ? left + LK_BLOCK : width;
      for (size_t y = top; y < bottom; y++) {
        ptrdiff_t pixel = origin + (ptrdiff_t)y * row_step + (ptrdiff_t)left * column_step;
        uint8_t *row = target + (y * width + left) * 3;
        for (size_t x = left; x < right; x++, row += 3, pixel += column_step) {
          memcpy(row, source + pixel * 3, 3);
        }
      }
    }
  }
}

void lk_planes(const uint8_t *source, size_t source_stride, size_t width, size_t height,
               const float *table, float *target, size_t target_stride, size_t plane_size) {
  for (size_t y = 0; y < height; y++) {
    const uint8_t *pixel = source + y * source_stride;
    float *row = target + y * target_stride;
    for (size_t x = 0; x < width; x++, pixel += 3) {
      row[x] = table[pixel[0]];
      row[plane_size + x] = table[256 + pixel[1]];
      row[2 * plane_size + x] = table[512 + pixel[2]];
    }
  }
}
