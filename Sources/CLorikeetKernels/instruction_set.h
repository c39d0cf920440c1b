// SPDX-License-Identifier: Apache-2.0
#ifndef LK_INSTRUCTION_SET_H
#define LK_INSTRUCTION_SET_H

// The instruction sets that kernels are written for.
enum { LK_PORTABLE = 0, LK_NEON = 1, LK_AVX2 = 2, LK_AVX512 = 3 };

// The one in use: the widest that the processor has, or what LORIKEET_ISA (portable, avx2, avx512)
// asks for if the processor has it.
int lk_instruction_set(void);

#endif
