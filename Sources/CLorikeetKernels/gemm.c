// SPDX-License-Identifier: Apache-2.0
// Choice of the instruction set, and workspaces that belong to threads.

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "gemm_internal.h"

const lk_kernels *lk_kernels_named(const char *name) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (strcmp(name, "avx512") == 0 && __builtin_cpu_supports("avx512f") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma")) {
    return &lk_kernels_avx512;
  }
  if (strcmp(name, "avx2") == 0 && __builtin_cpu_supports("avx2") &&
      __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c")) {
    return &lk_kernels_avx2;
  }
#endif
#if defined(__aarch64__)
  if (strcmp(name, "neon") == 0) return &lk_kernels_neon;
#endif
  if (strcmp(name, "portable") == 0) return &lk_kernels_portable;
  return NULL;
}

static const lk_kernels *chosen;
static pthread_key_t workspace_key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void choose(void) {
  pthread_key_create(&workspace_key, free);
  const char *wanted = getenv("LORIKEET_ISA");
  if (wanted != NULL) chosen = lk_kernels_named(wanted);
  static const char *const best[] = {"avx512", "avx2", "neon", "portable"};
  for (size_t i = 0; chosen == NULL; i++) chosen = lk_kernels_named(best[i]);
}

const lk_kernels *lk_kernels_chosen(void) {
  pthread_once(&once, choose);
  return chosen;
}

const char *lk_isa(void) { return lk_kernels_chosen()->name; }

size_t lk_sgemm_workspace(void) { return LK_WORKSPACE_FLOATS * sizeof(float); }

// The workspace and, after it, the scratch memory; freed when the thread ends.
float *lk_thread_workspace(void) {
  static _Thread_local float *workspace;
  if (workspace == NULL) {
    lk_kernels_chosen();  // makes the key
    void *memory = NULL;
    size_t bytes = lk_sgemm_workspace() + LK_SCRATCH_FLOATS * sizeof(float);
    if (posix_memalign(&memory, 4096, bytes) != 0) abort();
    pthread_setspecific(workspace_key, memory);
    workspace = memory;
  }
  return workspace;
}

float *lk_thread_scratch(void) { return lk_thread_workspace() + LK_WORKSPACE_FLOATS; }

void lk_sgemm(int trans_a, int trans_b, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, float alpha,
              const float *a, ptrdiff_t lda, const float *b, ptrdiff_t ldb, float beta, float *c,
              ptrdiff_t ldc, float *workspace) {
  const lk_kernels *kernels = lk_kernels_chosen();
  if (workspace == NULL) workspace = lk_thread_workspace();
  kernels->sgemm(trans_a, trans_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, workspace);
}

void lk_dequantize(lk_format format, const void *from, float *to, ptrdiff_t count) {
  lk_kernels_chosen()->dequantize(format, from, to, count);
}
