// SPDX-License-Identifier: Apache-2.0
// What the variants of the matrix product share.
#ifndef LK_GEMM_INTERNAL_H
#define LK_GEMM_INTERNAL_H

#include "lk_gemm.h"

// Extents of the block of the vector-side operand that is packed at once: LK_KC x LK_NC floats
// stay in the second-level cache (0.56 MiB).
#define LK_KC 384
#define LK_NC 384
// Room for the packed panel of the broadcast-side operand: up to 16 rows of LK_KC floats.
#define LK_PANEL (16 * (LK_KC + 16))
// Room for one tile of the result, up to 16 rows of 64 columns.
#define LK_TILE (16 * 64)
#define LK_WORKSPACE_FLOATS (LK_KC * LK_NC + LK_PANEL + LK_TILE)

#define LK_INLINE static inline __attribute__((always_inline))

#if defined(__x86_64__)
extern const lk_kernels lk_kernels_avx512;
extern const lk_kernels lk_kernels_avx2;
#endif
#if defined(__aarch64__)
extern const lk_kernels lk_kernels_neon;
#endif
extern const lk_kernels lk_kernels_portable;

#endif
