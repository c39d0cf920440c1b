// SPDX-License-Identifier: Apache-2.0
// JPEG in and out through libjpeg. Its errors, and those warnings that mean lost picture data, end
// in a jump back to the caller's frame.

#include <stdio.h>

#include <jpeglib.h>
#include <jerror.h>
#include <setjmp.h>

#include "buffer.h"

// A progressive file may order thousands of passes over a large picture; real ones have about ten.
#define LK_MAXIMUM_SCANS 500

typedef struct {
  struct jpeg_error_mgr manager;  // first, so that a pointer to it is a pointer to this
  struct jpeg_progress_mgr progress;
  lk_status status;
  char *message;
  jmp_buf back;
} jpeg_state;

static void format(j_common_ptr common, char *message) {
  char text[JMSG_LENGTH_MAX];
  common->err->format_message(common, text);
  lk_set_message(message, text);
}

static void fail(j_common_ptr common) {
  jpeg_state *state = (jpeg_state *)common->err;
  if (common->err->msg_code == JERR_OUT_OF_MEMORY) state->status = LK_NO_MEMORY;
  if (common->err->msg_code == JERR_INPUT_EOF) state->status = LK_TRUNCATED;
  format(common, state->message);
  longjmp(state->back, 1);
}

static void stop(j_common_ptr common, lk_status status, const char *message) {
  jpeg_state *state = (jpeg_state *)common->err;
  state->status = status;
  lk_set_message(state->message, message);
  longjmp(state->back, 1);
}

// Warnings that mean missing or wrong pixels are errors; padding and odd headers are not.
static void judge_warning(j_common_ptr common, int level) {
  if (level >= 0) return;
  switch (common->err->msg_code) {
    case JWRN_JPEG_EOF:
      stop(common, LK_TRUNCATED, "the data end before the picture is complete");
      break;
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_ARITH_BAD_CODE:
    case JWRN_MUST_RESYNC:
      fail(common);
      break;
    default:
      break;
  }
}

static void limit_scans(j_common_ptr common) {
  if (common->is_decompressor &&
      ((j_decompress_ptr)common)->input_scan_number > LK_MAXIMUM_SCANS) {
    stop(common, LK_CORRUPT, "too many progressive scans");
  }
}

static void print_nothing(j_common_ptr common) { (void)common; }

static void prepare(jpeg_state *state, char *message) {
  memset(state, 0, sizeof(*state));
  jpeg_std_error(&state->manager);
  state->manager.error_exit = fail;
  state->manager.emit_message = judge_warning;
  state->manager.output_message = print_nothing;
  state->progress.progress_monitor = limit_scans;
  state->status = LK_CORRUPT;
  state->message = message;
}

lk_status lk_jpeg_size(const uint8_t *data, size_t size, uint32_t *width, uint32_t *height,
                       char *message) {
  jpeg_state state;
  struct jpeg_decompress_struct decoder;
  memset(&decoder, 0, sizeof(decoder));
  prepare(&state, message);
  decoder.err = &state.manager;
  if (setjmp(state.back)) {
    jpeg_destroy_decompress(&decoder);
    return state.status;
  }
  jpeg_create_decompress(&decoder);
  jpeg_mem_src(&decoder, data, (unsigned long)size);
  jpeg_read_header(&decoder, TRUE);
  *width = decoder.image_width;
  *height = decoder.image_height;
  int components = decoder.num_components;
  jpeg_destroy_decompress(&decoder);
  if (components != 1 && components != 3 && components != 4) {
    snprintf(message, LK_MESSAGE_SIZE, "%d colour components, expected 1, 3 or 4", components);
    return LK_UNSUPPORTED;
  }
  return LK_OK;
}

// a * b / 255, rounded.
static inline uint32_t multiply_by_255th(uint32_t a, uint32_t b) {
  uint32_t product = a * b + 128;
  return ((product >> 8) + product) >> 8;
}

// CMYK as Adobe stores it (255 = no ink) to RGB, as Pillow converts it.
static void rgb_from_inverted_cmyk(const uint8_t *cmyk, uint8_t *rgb, size_t count) {
  for (size_t i = 0; i < count; i++, cmyk += 4, rgb += 3) {
    uint32_t light = cmyk[3];
    for (int c = 0; c < 3; c++) {
      int value = (int)light - (int)multiply_by_255th(255 - cmyk[c], light);
      rgb[c] = (uint8_t)(value < 0 ? 0 : value);
    }
  }
}

lk_status lk_jpeg_decode(const uint8_t *data, size_t size, uint32_t width, uint32_t height,
                         uint8_t *rgb, char *message) {
  jpeg_state state;
  struct jpeg_decompress_struct decoder;
  memset(&decoder, 0, sizeof(decoder));
  prepare(&state, message);
  decoder.err = &state.manager;
  if (setjmp(state.back)) {
    jpeg_destroy_decompress(&decoder);
    return state.status;
  }
  jpeg_create_decompress(&decoder);
  decoder.progress = &state.progress;
  jpeg_mem_src(&decoder, data, (unsigned long)size);
  jpeg_read_header(&decoder, TRUE);
  int inks = decoder.num_components == 4;
  decoder.out_color_space = inks ? JCS_CMYK : JCS_RGB;
  jpeg_start_decompress(&decoder);
  if (decoder.output_width != width || decoder.output_height != height) {
    stop((j_common_ptr)&decoder, LK_CORRUPT, "the size in the header is not that of the picture");
  }
  JSAMPARRAY scratch = NULL;
  if (inks) {
    scratch = decoder.mem->alloc_sarray((j_common_ptr)&decoder, JPOOL_IMAGE, width * 4, 1);
  }
  while (decoder.output_scanline < height) {
    uint8_t *row = rgb + (size_t)decoder.output_scanline * width * 3;
    JSAMPROW target = inks ? scratch[0] : row;
    if (jpeg_read_scanlines(&decoder, &target, 1) != 1) {
      stop((j_common_ptr)&decoder, LK_TRUNCATED, "the data end before the picture is complete");
    }
    if (inks) rgb_from_inverted_cmyk(target, row, width);
  }
  jpeg_finish_decompress(&decoder);
  jpeg_destroy_decompress(&decoder);
  return LK_OK;
}

// Where the encoder's bytes go.
typedef struct {
  struct jpeg_destination_mgr manager;  // first, for the same reason
  lk_bytes out;
  size_t capacity;
} jpeg_target;

static void make_room(j_compress_ptr encoder) {
  jpeg_target *target = (jpeg_target *)encoder->dest;
  if (!lk_bytes_reserve(&target->out, &target->capacity, target->out.size + 65536)) {
    stop((j_common_ptr)encoder, LK_NO_MEMORY, "no memory");
  }
  target->manager.next_output_byte = target->out.data + target->out.size;
  target->manager.free_in_buffer = target->capacity - target->out.size;
}

// libjpeg calls this when the whole buffer is full.
static boolean grow(j_compress_ptr encoder) {
  jpeg_target *target = (jpeg_target *)encoder->dest;
  target->out.size = target->capacity;
  make_room(encoder);
  return TRUE;
}

static void finish(j_compress_ptr encoder) {
  jpeg_target *target = (jpeg_target *)encoder->dest;
  target->out.size = target->capacity - target->manager.free_in_buffer;
}

lk_status lk_jpeg_encode(const uint8_t *rgb, uint32_t width, uint32_t height, int quality,
                         int full_colour, lk_bytes *out, char *message) {
  jpeg_state state;
  struct jpeg_compress_struct encoder;
  jpeg_target target;
  memset(&encoder, 0, sizeof(encoder));
  memset(&target, 0, sizeof(target));
  prepare(&state, message);
  state.status = LK_UNSUPPORTED;
  encoder.err = &state.manager;
  if (setjmp(state.back)) {
    jpeg_destroy_compress(&encoder);
    lk_bytes_free(&target.out);
    return state.status;
  }
  jpeg_create_compress(&encoder);
  target.manager.init_destination = make_room;
  target.manager.empty_output_buffer = grow;
  target.manager.term_destination = finish;
  encoder.dest = &target.manager;
  encoder.image_width = width;
  encoder.image_height = height;
  encoder.input_components = 3;
  encoder.in_color_space = JCS_RGB;
  jpeg_set_defaults(&encoder);
  jpeg_set_quality(&encoder, quality, TRUE);
  if (full_colour) encoder.comp_info[0].h_samp_factor = encoder.comp_info[0].v_samp_factor = 1;
  jpeg_start_compress(&encoder, TRUE);
  while (encoder.next_scanline < height) {
    JSAMPROW row = (JSAMPROW)(uintptr_t)(rgb + (size_t)encoder.next_scanline * width * 3);
    jpeg_write_scanlines(&encoder, &row, 1);
  }
  jpeg_finish_compress(&encoder);
  jpeg_destroy_compress(&encoder);
  *out = target.out;
  return LK_OK;
}
