// SPDX-License-Identifier: Apache-2.0
// The instruction set that kernels use, chosen once for all of them.
#ifndef LK_INSTRUCTION_SET_H
#define LK_INSTRUCTION_SET_H

// The instruction sets that kernels are written for.
enum { LK_PORTABLE = 0, LK_NEON = 1, LK_AVX2 = 2, LK_AVX512 = 3 };

// The one in use: the widest that the processor has, or what LORIKEET_ISA (portable, neon, avx2,
// avx512) asks for if the processor has it.
int lk_instruction_set(void);

// Its name, as LORIKEET_ISA spells it.
const char *lk_isa(void);

// The name of a set, and the set of a name; NULL and -1 if there is none.
const char *lk_instruction_set_name(int set);
int lk_instruction_set_named(const char *name);

// Whether the processor has a set.
int lk_instruction_set_available(int set);

// For tests: the calling thread uses this set from now on, or again the chosen one if it is -1.
// Returns 0, and changes nothing, if the processor does not have it.
int lk_force_instruction_set(int set);

#endif
