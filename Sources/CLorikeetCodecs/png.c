// SPDX-License-Identifier: Apache-2.0
// PNG in and out through libpng. Its errors end in `fail`, which jumps back to the caller's frame.

#include <png.h>
#include <setjmp.h>

#include "buffer.h"

typedef struct {
  const uint8_t *data;
  size_t size, position;
  lk_bytes out;
  size_t capacity;
  lk_status status;
  char *message;
  jmp_buf back;
} png_state;

void lk_bytes_free(lk_bytes *bytes) {
  free(bytes->data);
  bytes->data = NULL;
  bytes->size = 0;
}

static void fail(png_structp png, png_const_charp text) {
  png_state *state = png_get_error_ptr(png);
  lk_set_message(state->message, text);
  longjmp(state->back, 1);
}

static void ignore_warning(png_structp png, png_const_charp text) {
  (void)png;
  (void)text;
}

static void read_bytes(png_structp png, png_bytep target, size_t count) {
  png_state *state = png_get_io_ptr(png);
  if (count > state->size - state->position) {
    state->status = LK_TRUNCATED;
    png_error(png, "the data end before the picture is complete");
  }
  memcpy(target, state->data + state->position, count);
  state->position += count;
}

static void write_bytes(png_structp png, png_bytep source, size_t count) {
  png_state *state = png_get_io_ptr(png);
  if (!lk_bytes_reserve(&state->out, &state->capacity, state->out.size + count)) {
    state->status = LK_NO_MEMORY;
    png_error(png, "no memory");
  }
  memcpy(state->out.data + state->out.size, source, count);
  state->out.size += count;
}

static void flush_nothing(png_structp png) { (void)png; }

// a / 255, rounded, for a up to 255 * 255 * 128 and the rounding term added by the caller.
static inline uint32_t shift_for_division_by_255(uint32_t a) { return ((a >> 8) + a) >> 8; }

// Lays RGBA over white in 8 bits with 7 further bits of fraction, as Pillow's alpha_composite does.
static void over_white(const uint8_t *rgba, uint8_t *rgb, size_t count) {
  for (size_t i = 0; i < count; i++, rgba += 4, rgb += 3) {
    uint32_t alpha = rgba[3];
    if (alpha == 255) {
      memcpy(rgb, rgba, 3);
      continue;
    }
    if (alpha == 0) {
      memset(rgb, 255, 3);
      continue;
    }
    uint32_t above = alpha << 7, below = 255 * ((255 - alpha) << 7);
    for (int c = 0; c < 3; c++) {
      rgb[c] = (uint8_t)(shift_for_division_by_255(rgba[c] * above + below + (0x80u << 7)) >> 7);
    }
  }
}

lk_status lk_png_decode(const uint8_t *data, size_t size, uint32_t width, uint32_t height,
                        uint8_t *rgb, char *message) {
  png_state state = {.data = data, .size = size, .status = LK_CORRUPT, .message = message};
  png_structp volatile png = NULL;
  png_infop volatile info = NULL;
  uint8_t *volatile rgba = NULL;

  if (setjmp(state.back)) {
    png_structp doomed = png;
    png_infop doomed_info = info;
    if (doomed) png_destroy_read_struct(&doomed, &doomed_info, NULL);
    free(rgba);
    return state.status;
  }
  png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &state, fail, ignore_warning);
  if (png) info = png_create_info_struct(png);
  if (!png || !info) {
    state.status = LK_NO_MEMORY;
    lk_set_message(message, "no memory");
    longjmp(state.back, 1);
  }
  png_set_read_fn(png, &state, read_bytes);
  png_set_user_limits(png, 0x7fffffff, 0x7fffffff);
  png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
#ifdef PNG_IGNORE_ADLER32
  // A second sum over what the chunks' own sums have vouched for.
  png_set_option(png, PNG_IGNORE_ADLER32, PNG_OPTION_ON);
#endif
  // Colour profiles, texts and the like do not change the 8-bit values, so they are skipped unread.
  static const png_byte skipped[] =
      "bKGD\0cHRM\0eXIf\0gAMA\0hIST\0iCCP\0iTXt\0oFFs\0pCAL\0pHYs\0sBIT\0sCAL\0sPLT\0sRGB\0tEXt\0"
      "tIME\0zTXt";
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, skipped, sizeof(skipped) / 5);
  png_read_info(png, info);
  if (png_get_image_width(png, info) != width || png_get_image_height(png, info) != height) {
    png_error(png, "the size in the header is not the size of the picture");
  }

  png_set_expand(png);  // palettes to RGB, gray to 8 bits, tRNS to alpha (compared in all its bits)
  png_set_strip_16(png);
  png_set_gray_to_rgb(png);
  int passes = png_set_interlace_handling(png);
  png_read_update_info(png, info);
  size_t row_bytes = png_get_rowbytes(png, info);
  int channels = png_get_channels(png, info);
  if (row_bytes != (size_t)width * channels || (channels != 3 && channels != 4)) {
    png_error(png, "unexpected row length");
  }

  if (channels == 3) {
    for (int pass = 0; pass < passes; pass++) {
      for (uint32_t y = 0; y < height; y++) png_read_row(png, rgb + y * row_bytes, NULL);
    }
  } else {
    // Interlaced passes fill rows bit by bit, so all rows with alpha must be kept until the last.
    size_t kept = passes > 1 ? height : 1;
    rgba = calloc(kept, row_bytes);
    if (!rgba) {
      state.status = LK_NO_MEMORY;
      png_error(png, "no memory");
    }
    for (int pass = 0; pass < passes; pass++) {
      for (uint32_t y = 0; y < height; y++) {
        uint8_t *row = rgba + (passes > 1 ? y * row_bytes : 0);
        png_read_row(png, row, NULL);
        if (pass == passes - 1) over_white(row, rgb + (size_t)y * width * 3, width);
      }
    }
  }
  png_read_end(png, NULL);

  png_structp done = png;
  png_infop done_info = info;
  png_destroy_read_struct(&done, &done_info, NULL);
  free(rgba);
  return LK_OK;
}

lk_status lk_png_encode(const uint8_t *pixels, uint32_t width, uint32_t height, int channels,
                        lk_bytes *out, char *message) {
  png_state state = {.status = LK_UNSUPPORTED, .message = message};
  png_structp volatile png = NULL;
  png_infop volatile info = NULL;

  if (setjmp(state.back)) {
    png_structp doomed = png;
    png_infop doomed_info = info;
    if (doomed) png_destroy_write_struct(&doomed, &doomed_info);
    lk_bytes_free(&state.out);
    return state.status;
  }
  png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &state, fail, ignore_warning);
  if (png) info = png_create_info_struct(png);
  if (!png || !info) {
    state.status = LK_NO_MEMORY;
    lk_set_message(message, "no memory");
    longjmp(state.back, 1);
  }
  png_set_write_fn(png, &state, write_bytes, flush_nothing);
  png_set_user_limits(png, 0x7fffffff, 0x7fffffff);
  png_set_IHDR(png, info, width, height, 8, channels == 4 ? PNG_COLOR_TYPE_RGBA : PNG_COLOR_TYPE_RGB,
               PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, info);
  for (uint32_t y = 0; y < height; y++) {
    png_write_row(png, pixels + (size_t)y * width * channels);
  }
  png_write_end(png, NULL);
  png_structp done = png;
  png_infop done_info = info;
  png_destroy_write_struct(&done, &done_info);
  *out = state.out;
  return LK_OK;
}
