// SPDX-License-Identifier: Apache-2.0
// Matrix products.
#ifndef LK_GEMM_H
#define LK_GEMM_H

#endif
