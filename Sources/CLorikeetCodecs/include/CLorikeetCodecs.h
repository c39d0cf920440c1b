// SPDX-License-Identifier: Apache-2.0
// Calls into libpng and libjpeg that turn their longjmp errors into return values.
//
// Pictures are interleaved RGB, 8 bits a channel, rows from the top without padding. Every pointer is
// lent for the length of the call.
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

#ifdef __cplusplus
}
#endif

#endif
