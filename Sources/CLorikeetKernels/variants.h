// SPDX-License-Identifier: Apache-2.0
// Builds the file LK_SOURCE, plain C that the compiler vectorises, once for each instruction set;
// LK_NAME(name) in it gives each its own copy. LK_CHOOSE(name, arguments) returns what the copy for
// the set in use does.
#include "lk_instruction_set.h"

#define LK_NAME(name) name##_portable
#include LK_SOURCE
#undef LK_NAME

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define LK_NAME(name) name##_avx2
#include LK_SOURCE
#undef LK_NAME
#pragma clang attribute pop

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma"))), apply_to = function)
#define LK_NAME(name) name##_avx512
#include LK_SOURCE
#undef LK_NAME
#pragma clang attribute pop

#define LK_CHOOSE(name, ...)                                    \
  switch (lk_instruction_set()) {                               \
    case LK_AVX512: return name##_avx512(__VA_ARGS__);          \
    case LK_AVX2: return name##_avx2(__VA_ARGS__);              \
    default: return name##_portable(__VA_ARGS__);               \
  }
#else
#define LK_CHOOSE(name, ...) return name##_portable(__VA_ARGS__);
#endif
