// SPDX-License-Identifier: Apache-2.0
#include "lk_instruction_set.h"

#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"portable", "neon", "avx2", "avx512"};

const char *lk_instruction_set_name(int set) {
  return set >= LK_PORTABLE && set <= LK_AVX512 ? names[set] : NULL;
}

int lk_instruction_set_named(const char *name) {
  for (int set = LK_PORTABLE; set <= LK_AVX512; set++)
    if (strcmp(name, names[set]) == 0) return set;
  return -1;
}

int lk_instruction_set_available(int set) {
  switch (set) {
    case LK_PORTABLE: return 1;
#if defined(__aarch64__)
    case LK_NEON: return 1;
#endif
#if defined(__x86_64__)
    case LK_AVX2:
      __builtin_cpu_init();
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
             __builtin_cpu_supports("f16c");
    case LK_AVX512:
      return lk_instruction_set_available(LK_AVX2) && __builtin_cpu_supports("avx512f") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512vl");
#endif
    default: return 0;
  }
}

static int choose(void) {
  const char *wanted = getenv("LORIKEET_ISA");
  if (wanted) {
    int set = lk_instruction_set_named(wanted);
    if (lk_instruction_set_available(set)) return set;
  }
  int best = LK_AVX512;
  while (!lk_instruction_set_available(best)) best--;
  return best;
}

static _Thread_local int forced = -1;

int lk_instruction_set(void) {
  if (forced >= 0) return forced;
  // Every thread that races here stores the same value.
  static int chosen = -1;
  int set = __atomic_load_n(&chosen, __ATOMIC_RELAXED);
  if (set < 0) {
    set = choose();
    __atomic_store_n(&chosen, set, __ATOMIC_RELAXED);
  }
  return set;
}

const char *lk_isa(void) { return lk_instruction_set_name(lk_instruction_set()); }

int lk_force_instruction_set(int set) {
  if (set >= 0 && !lk_instruction_set_available(set)) return 0;
  forced = set;
  return 1;
}
