// SPDX-License-Identifier: Apache-2.0
// Element-wise and row-wise kernels.
#ifndef LK_ELEMENTWISE_H
#define LK_ELEMENTWISE_H

#endif
