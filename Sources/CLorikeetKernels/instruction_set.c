// SPDX-License-Identifier: Apache-2.0
#include "instruction_set.h"

#include <stdlib.h>
#include <string.h>

static int detect(void) {
  int best = LK_PORTABLE;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) best = LK_AVX2;
  if (best == LK_AVX2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
    best = LK_AVX512;
#elif defined(__ARM_NEON)
  best = LK_NEON;
#endif
  const char *wanted = getenv("LORIKEET_ISA");
  if (wanted) {
    if (!strcmp(wanted, "portable")) return LK_PORTABLE;
    if (!strcmp(wanted, "avx2") && best >= LK_AVX2) return LK_AVX2;
  }
  return best;
}

int lk_instruction_set(void) {
  // Every thread that races here stores the same value.
  static int chosen = -1;
  int set = __atomic_load_n(&chosen, __ATOMIC_RELAXED);
  if (set < 0) {
    set = detect();
    __atomic_store_n(&chosen, set, __ATOMIC_RELAXED);
  }
  return set;
}
