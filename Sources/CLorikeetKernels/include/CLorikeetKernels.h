// SPDX-License-Identifier: Apache-2.0
// Kernels of our own. All pointers are dense row-major float32 unless a name says otherwise.
#ifndef LORIKEET_KERNELS_H
#define LORIKEET_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "lk_elementwise.h"
#include "lk_gemm.h"
#include "lk_machine_limits.h"
#include "lk_pixels.h"
#include "lk_place.h"
#include "lk_instruction_set.h"

#endif
