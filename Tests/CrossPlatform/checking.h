// SPDX-License-Identifier: Apache-2.0
// What the checks of the kernels share: random numbers, memory with walls, and comparisons.
#ifndef CHECKING_H
#define CHECKING_H

#include <stddef.h>
#include <stdint.h>

#include "CLorikeetKernels.h"

// MARK: what is checked

// Says what is being checked; failures name it.
void now_checking(const char *format, ...) __attribute__((format(printf, 1, 2)));
// Records a failure and says why; the process ends after many.
void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
// The number of failures, and of comparisons, so far.
extern long failures, comparisons;

#define EXPECT(condition)                             \
  do {                                                \
    comparisons++;                                    \
    if (!(condition)) fail("not so: %s", #condition); \
  } while (0)

// MARK: random numbers, the same on every machine

void seed(uint64_t value);
uint64_t random_bits(void);
int random_below(int bound);
// In -0.5 ..< 0.5.
float random_float(void);
// Normal, about 0.
float random_normal(float deviation);

// MARK: memory with walls

// Operands of a kernel lie in different slots.
enum { SLOTS = 8, POSITIONS = 4 };

// Memory for an operand: after a page that cannot be touched (position 0), 4 or 12 bytes further on
// (1 and 2), or right before such a page (3). Touching the page ends the process; what is written
// elsewhere beside the operand is found by `check_surroundings`.
void *place(int slot, int position, size_t bytes);
// The same, with floats in it.
float *place_floats(int slot, int position, const float *values, ptrdiff_t count);
// Nothing has been written beside the operands placed since the last call.
void check_surroundings(void);

// MARK: comparisons

// Every value is within tolerance x the largest expected magnitude, or x `floor` if that is larger.
void check_close(const float *found, const double *expected, ptrdiff_t count, double tolerance,
                 double floor);
int same_bits(const float *a, const float *b, ptrdiff_t count);

// MARK: the checks

void check_products(const lk_kernels *kernels);
void check_conversions(const lk_kernels *kernels);
void check_thin_products(const lk_kernels *kernels);
void check_cached_attention(const lk_kernels *kernels);
void check_sums_and_norms(void);
void check_activations(void);
void check_training(void);
void check_pixels(void);
void check_limits(void);

#endif
