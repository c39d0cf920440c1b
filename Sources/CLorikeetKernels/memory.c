// SPDX-License-Identifier: Apache-2.0
#include "lk_memory.h"

#if defined(__linux__) && !defined(__ANDROID__)
#include <malloc.h>
#endif

void lk_keep_freed_blocks(void) {
#if defined(__linux__) && !defined(__ANDROID__)
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 0x7FFFFFFF);
  mallopt(M_TOP_PAD, 64 << 20);
#endif
}
