// SPDX-License-Identifier: Apache-2.0
// Bytes that grow, where the encoders write, and messages of bounded length.
#ifndef LORIKEET_CODECS_BUFFER_H
#define LORIKEET_CODECS_BUFFER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "CLorikeetCodecs.h"

static inline void lk_set_message(char *message, const char *text) {
  snprintf(message, LK_MESSAGE_SIZE, "%s", text);
}

// Makes room for `capacity` bytes; 0 if there is no memory.
static inline int lk_bytes_reserve(lk_bytes *bytes, size_t *capacity, size_t wanted) {
  if (wanted <= *capacity) return 1;
  size_t next = *capacity < 4096 ? 4096 : *capacity;
  while (next < wanted) {
    if (next > SIZE_MAX / 2) return 0;
    next *= 2;
  }
  uint8_t *moved = realloc(bytes->data, next);
  if (moved == NULL) return 0;
  bytes->data = moved;
  *capacity = next;
  return 1;
}

#endif
