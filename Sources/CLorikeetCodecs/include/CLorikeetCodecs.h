// SPDX-License-Identifier: Apache-2.0
// Pixel work in C: calls into libpng and libjpeg that turn their longjmp errors into return values,
// and the inner loops of resampling, reordering and normalising 8-bit pictures.
//
// Pictures are interleaved RGB, 8 bits a channel, rows from the top without padding, unless a
// stride (in bytes) says otherwise. Every pointer is lent for the length of the call.
#ifndef LORIKEET_CODECS_H
#define LORIKEET_CODECS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// The room a message needs, with its closing zero.
#define LK_MESSAGE_SIZE 256

// What a codec returns. Unless it is LK_OK nothing was produced and `message` holds one line.
typedef enum {
  LK_OK = 0,
  LK_TRUNCATED = 1,    // the data end before the picture is complete
  LK_CORRUPT = 2,      // the data break the format's rules
  LK_UNSUPPORTED = 3,  // a picture of a kind that is not read
  LK_NO_MEMORY = 4,
} lk_status;

// Bytes that an encoder made; free them with lk_bytes_free.
typedef struct {
  uint8_t *data;
  size_t size;
} lk_bytes;

void lk_bytes_free(lk_bytes *bytes);

// Decodes a PNG of any colour type, bit depth and interlacing into RGB. Transparency is laid over
// white, 16 bits keep their high byte. `width` and `height` are those of the header.
lk_status lk_png_decode(const uint8_t *data, size_t size, uint32_t width, uint32_t height,
                        uint8_t *rgb, char *message);

// Encodes RGB (channels = 3) or RGBA (channels = 4).
lk_status lk_png_encode(const uint8_t *pixels, uint32_t width, uint32_t height, int channels,
                        lk_bytes *out, char *message);

// Reads the size of a JPEG without decoding it.
lk_status lk_jpeg_size(const uint8_t *data, size_t size, uint32_t *width, uint32_t *height,
                       char *message);

// Decodes a gray, YCbCr, RGB, CMYK or YCCK JPEG, baseline or progressive, into RGB.
lk_status lk_jpeg_decode(const uint8_t *data, size_t size, uint32_t width, uint32_t height,
                         uint8_t *rgb, char *message);

// Encodes RGB, `quality` in 1 ... 100, colour at half resolution (4:2:0) unless `full_colour`.
lk_status lk_jpeg_encode(const uint8_t *rgb, uint32_t width, uint32_t height, int quality,
                         int full_colour, lk_bytes *out, char *message);

// The taps of one output position: `count` inputs from `first` on.
typedef struct {
  int32_t first;
  int32_t count;
} lk_span;

// The fraction bits of resampling coefficients: 32 less 8 of the value and 2 of headroom.
#define LK_RESAMPLE_BITS 22

// Resamples `rows` rows to `width` pixels. Output x is the sum over its span of source pixels times
// coefficients[x * taps ...], rounded and clipped to 0 ... 255.
void lk_resample_rows(const uint8_t *source, size_t source_stride, size_t rows, uint8_t *target,
                      size_t width, const lk_span *spans, const int32_t *coefficients,
                      size_t taps);

// lk_resample_rows without vector instructions beyond the platform's baseline.
void lk_resample_rows_portable(const uint8_t *source, size_t source_stride, size_t rows,
                               uint8_t *target, size_t width, const lk_span *spans,
                               const int32_t *coefficients, size_t taps);

// Resamples columns: output row y is the sum over its span of source rows of `row_bytes` bytes.
void lk_resample_columns(const uint8_t *source, size_t row_bytes,
                         uint8_t *target, size_t height, const lk_span *spans,
                         const int32_t *coefficients, size_t taps);

// lk_resample_columns without vector instructions beyond the platform's baseline.
void lk_resample_columns_portable(const uint8_t *source, size_t row_bytes,
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

#ifdef __cplusplus
}
#endif

#endif
