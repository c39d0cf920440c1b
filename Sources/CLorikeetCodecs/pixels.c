// SPDX-License-Identifier: Apache-2.0
// Inner loops over 8-bit pixels. All sums are integers, so every variant gives the same bytes.

#include <string.h>

#include "CLorikeetCodecs.h"

#define LK_HALF (1 << (LK_RESAMPLE_BITS - 1))

static inline uint8_t clip(int32_t sum) {
  int32_t value = sum >> LK_RESAMPLE_BITS;
  return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

typedef uint8_t four_bytes __attribute__((vector_size(4)));
typedef int32_t four_sums __attribute__((vector_size(16)));

static inline __attribute__((always_inline)) void resample_rows(
    const uint8_t *source, size_t source_stride, size_t rows, uint8_t *target, size_t width,
    const lk_span *spans, const int32_t *coefficients, size_t taps) {
  for (size_t y = 0; y < rows; y++, source += source_stride) {
    // A pixel is read with the byte that follows it, which after the last row nobody owns.
    int is_last = y + 1 == rows;
    for (size_t x = 0; x < width; x++, target += 3) {
      const int32_t *weights = coefficients + x * taps;
      const uint8_t *pixel = source + (size_t)spans[x].first * 3;
      four_sums sums = {LK_HALF, LK_HALF, LK_HALF, 0};
      if (!is_last) {
        for (int32_t i = 0; i < spans[x].count; i++, pixel += 3) {
          four_bytes values;
          memcpy(&values, pixel, 4);
          sums += __builtin_convertvector(values, four_sums) * weights[i];
        }
      } else {
        for (int32_t i = 0; i < spans[x].count; i++, pixel += 3) {
          for (int c = 0; c < 3; c++) sums[c] += pixel[c] * weights[i];
        }
      }
      for (int c = 0; c < 3; c++) target[c] = clip(sums[c]);
    }
  }
}

void lk_resample_rows_portable(const uint8_t *source, size_t source_stride, size_t rows,
                               uint8_t *target, size_t width, const lk_span *spans,
                               const int32_t *coefficients, size_t taps) {
  resample_rows(source, source_stride, rows, target, width, spans, coefficients, taps);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void resample_rows_avx2(
    const uint8_t *source, size_t source_stride, size_t rows, uint8_t *target, size_t width,
    const lk_span *spans, const int32_t *coefficients, size_t taps) {
  resample_rows(source, source_stride, rows, target, width, spans, coefficients, taps);
}
#endif

void lk_resample_rows(const uint8_t *source, size_t source_stride, size_t rows, uint8_t *target,
                      size_t width, const lk_span *spans, const int32_t *coefficients,
                      size_t taps) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) {
    resample_rows_avx2(source, source_stride, rows, target, width, spans, coefficients, taps);
    return;
  }
#endif
  resample_rows(source, source_stride, rows, target, width, spans, coefficients, taps);
}

#define LK_BLOCK 64

static inline __attribute__((always_inline)) void resample_columns(
    const uint8_t *source, size_t row_bytes, uint8_t *target, size_t height,
    const lk_span *spans, const int32_t *coefficients, size_t taps) {
  for (size_t y = 0; y < height; y++, target += row_bytes) {
    const int32_t *weights = coefficients + y * taps;
    const uint8_t *top = source + (size_t)spans[y].first * row_bytes;
    size_t x = 0;
    for (; x + LK_BLOCK <= row_bytes; x += LK_BLOCK) {
      int32_t sums[LK_BLOCK];
      for (int i = 0; i < LK_BLOCK; i++) sums[i] = LK_HALF;
      for (int32_t k = 0; k < spans[y].count; k++) {
        const uint8_t *row = top + (size_t)k * row_bytes + x;
        int32_t weight = weights[k];
        for (int i = 0; i < LK_BLOCK; i++) sums[i] += row[i] * weight;
      }
      for (int i = 0; i < LK_BLOCK; i++) target[x + i] = clip(sums[i]);
    }
    for (; x < row_bytes; x++) {
      int32_t sum = LK_HALF;
      for (int32_t k = 0; k < spans[y].count; k++) {
        sum += top[(size_t)k * row_bytes + x] * weights[k];
      }
      target[x] = clip(sum);
    }
  }
}

void lk_resample_columns_portable(const uint8_t *source, size_t row_bytes,
                                  uint8_t *target, size_t height, const lk_span *spans,
                                  const int32_t *coefficients, size_t taps) {
  resample_columns(source, row_bytes, target, height, spans, coefficients, taps);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void resample_columns_avx2(
    const uint8_t *source, size_t row_bytes, uint8_t *target, size_t height,
    const lk_span *spans, const int32_t *coefficients, size_t taps) {
  resample_columns(source, row_bytes, target, height, spans, coefficients, taps);
}
#endif

void lk_resample_columns(const uint8_t *source, size_t row_bytes,
                         uint8_t *target, size_t height, const lk_span *spans,
                         const int32_t *coefficients, size_t taps) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) {
    resample_columns_avx2(source, row_bytes, target, height, spans, coefficients, taps);
    return;
  }
#endif
  resample_columns(source, row_bytes, target, height, spans, coefficients, taps);
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
