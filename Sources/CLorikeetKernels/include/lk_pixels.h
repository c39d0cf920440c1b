// SPDX-License-Identifier: Apache-2.0
// The inner loops of resampling, reordering and normalising 8-bit pictures.
//
// Pictures are interleaved RGB, 8 bits a channel, rows from the top without padding, unless a
// stride (in bytes) says otherwise. Every pointer is lent for the length of the call.
#ifndef LK_PIXELS_H
#define LK_PIXELS_H

#include <stddef.h>
#include <stdint.h>

// The taps of one output position: `count` inputs from `first` on.
typedef struct {
  int32_t first;
  int32_t count;
} lk_span;

// The fraction bits of resampling coefficients: 32 less 8 of the value and 2 of headroom.
#define LK_RESAMPLE_BITS 22
// Coefficients come in groups of so many.
#define LK_TAP_GROUP 4

// Resamples `rows` rows of `source_stride` bytes to `width` pixels. Output x is the sum over its span
// of source pixels times coefficients[x * taps ...], rounded and clipped to 0 ... 255. `taps` is a
// multiple of LK_TAP_GROUP, and the coefficients beyond a span are 0. All sums are integers, so every
// instruction set gives the same bytes.
void lk_resample_rows(const uint8_t *source, size_t source_stride, size_t rows, uint8_t *target,
                      size_t width, const lk_span *spans, const int32_t *coefficients,
                      size_t taps);

// Resamples columns: output row y is the sum over its span of source rows of `row_bytes` bytes.
void lk_resample_columns(const uint8_t *source, size_t row_bytes,
                         uint8_t *target, size_t height, const lk_span *spans,
                         const int32_t *coefficients, size_t taps);

// Picks source pixel columns[x] of source row rows[y] for each output pixel.
void lk_pick_pixels(const uint8_t *source, size_t source_width, uint8_t *target, size_t width,
                    size_t height, const int32_t *columns, const int32_t *rows);

// Reorders pixels: output (x, y) is source pixel origin + x * column_step + y * row_step.
void lk_reorder_pixels(const uint8_t *source, ptrdiff_t origin, ptrdiff_t column_step,
                       ptrdiff_t row_step, uint8_t *target, size_t width, size_t height);

// Writes channel c of each pixel, through table[c * 256 + value], to plane c of `target`.
void lk_planes(const uint8_t *source, size_t source_stride, size_t width, size_t height,
               const float *table, float *target, size_t target_stride, size_t plane_size);

#endif
