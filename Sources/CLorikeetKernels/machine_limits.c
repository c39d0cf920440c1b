// SPDX-License-Identifier: Apache-2.0
#include "lk_machine_limits.h"

#include <string.h>
#include <sys/mman.h>

#include "lk_instruction_set.h"

#pragma clang fp contract(fast)

// As many independent chains as keep all multiply-add units busy and fit the registers.
#define DEFINE(name, target, vector_bytes, chains)                                      \
  target static double multiply_add_##name(long rounds, float *sink) {                  \
    typedef float vec __attribute__((vector_size(vector_bytes)));                       \
    const vec factor = (vec){0} + 0.999f, term = (vec){0} + 0.001f;                     \
    vec x[chains];                                                                      \
    for (int i = 0; i < chains; i++) x[i] = term * (float)i;                            \
    for (long round = 0; round < rounds; round++) {                                     \
      _Pragma("clang loop unroll(full)")                                                \
      for (int i = 0; i < chains; i++) x[i] = x[i] * factor + term;                     \
    }                                                                                   \
    vec sum = x[0];                                                                     \
    for (int i = 1; i < chains; i++) sum += x[i];                                       \
    *sink = sum[0];                                                                     \
    return 2.0 * (vector_bytes / 4) * chains * (double)rounds;                          \
  }                                                                                     \
  target static uint64_t read_##name(const void *from, size_t bytes) {                  \
    typedef uint64_t vec __attribute__((vector_size(vector_bytes)));                    \
    const size_t count = 512 / vector_bytes;                                            \
    vec sums[512 / vector_bytes];                                                       \
    for (size_t i = 0; i < count; i++) sums[i] = (vec){0};                              \
    const vec *p = from;                                                                \
    for (size_t block = 0; block < bytes / 512; block++, p += count) {                  \
      _Pragma("clang loop unroll(full)")                                                \
      for (size_t i = 0; i < count; i++) sums[i] += p[i];                               \
    }                                                                                   \
    for (size_t i = 1; i < count; i++) sums[0] += sums[i];                              \
    return sums[0][0] + sums[0][1];                                                     \
  }

#if defined(__x86_64__)
DEFINE(portable, , 16, 12)
DEFINE(avx2, __attribute__((target("avx2,fma"))), 32, 12)
DEFINE(avx512, __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma"))), 64, 24)
#define CHOOSE(function, ...)                               \
  switch (lk_instruction_set()) {                           \
    case LK_AVX512: return function##_avx512(__VA_ARGS__);  \
    case LK_AVX2: return function##_avx2(__VA_ARGS__);      \
    default: return function##_portable(__VA_ARGS__);       \
  }
#else
DEFINE(portable, , 16, 24)
#define CHOOSE(function, ...) return function##_portable(__VA_ARGS__);
#endif

double lk_multiply_add_rounds(long rounds, float *sink) { CHOOSE(multiply_add, rounds, sink) }

uint64_t lk_read_in_order(const void *from, size_t bytes) { CHOOSE(read, from, bytes) }

void *lk_map_memory(size_t bytes) {
  void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
  if (memory == MAP_FAILED) return NULL;
  memset(memory, 1, bytes);
  return memory;
}

void lk_unmap_memory(void *memory, size_t bytes) { munmap(memory, bytes); }
