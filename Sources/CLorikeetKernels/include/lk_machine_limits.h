// SPDX-License-Identifier: Apache-2.0
// What the processor can do at most, for holding measurements against. All run in the calling thread.
#ifndef LK_MACHINE_LIMITS_H
#define LK_MACHINE_LIMITS_H

#include <stddef.h>
#include <stdint.h>

// Multiplies and adds in registers alone, with the instruction set in use; returns the number of
// floating-point operations. `sink` receives a number that depends on all of them.
double lk_multiply_add_rounds(long rounds, float *sink);

// Reads memory in order and returns a sum of it; `from` is 64-byte aligned and the bytes beyond a
// multiple of 512 are left out.
uint64_t lk_read_in_order(const void *from, size_t bytes);

// Memory straight from the system, filled, which goes back to it at once when it is freed; NULL if
// there is none.
void *lk_map_memory(size_t bytes);
void lk_unmap_memory(void *memory, size_t bytes);

#endif
