// SPDX-License-Identifier: Apache-2.0
// The kernels of the chosen instruction set, and workspaces that belong to threads.

#include <pthread.h>
#include <stdlib.h>

#include "gemm_internal.h"
#include "lk_instruction_set.h"

static const lk_kernels *kernels_of(int set) {
  switch (set) {
#if defined(__x86_64__)
    case LK_AVX512: return &lk_kernels_avx512;
    case LK_AVX2: return &lk_kernels_avx2;
#endif
#if defined(__aarch64__)
    case LK_NEON: return &lk_kernels_neon;
#endif
    default: return &lk_kernels_portable;
  }
}

const lk_kernels *lk_kernels_named(const char *name) {
  int set = lk_instruction_set_named(name);
  return lk_instruction_set_available(set) ? kernels_of(set) : NULL;
}

const lk_kernels *lk_kernels_chosen(void) { return kernels_of(lk_instruction_set()); }

static pthread_key_t workspace_key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_key(void) { pthread_key_create(&workspace_key, free); }

size_t lk_sgemm_workspace(void) { return LK_WORKSPACE_FLOATS * sizeof(float); }

// The workspace and, after it, the scratch memory; freed when the thread ends.
float *lk_thread_workspace(void) {
  static _Thread_local float *workspace;
  if (workspace == NULL) {
    pthread_once(&once, make_key);
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

void lk_thin(lk_format format, int transposed, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, float alpha,
             const float *x, ptrdiff_t ldx, const void *w, ptrdiff_t stride, float beta, float *y,
             ptrdiff_t ldy) {
  lk_kernels_chosen()->thin(format, transposed, m, n, k, alpha, x, ldx, w, stride, beta, y, ldy);
}

void lk_score(const lk_cached *keys_are, ptrdiff_t heads, float scale, const float *q,
              const void *keys, const void *next, float *scores) {
  lk_kernels_chosen()->score(keys_are, heads, scale, q, keys, next, scores);
}

void lk_mix(const lk_cached *values_are, ptrdiff_t heads, const float *shares, const void *values,
            const void *next, float *mixed) {
  lk_kernels_chosen()->mix(values_are, heads, shares, values, next, mixed);
}

const float lk_nf4[16] = {
    -1.0f,
    -0.6961928009986877f,
    -0.5250730514526367f,
    -0.39491748809814453f,
    -0.28444138169288635f,
    -0.18477343022823334f,
    -0.09105003625154495f,
    0.0f,
    0.07958029955625534f,
    0.16093020141124725f,
    0.24611230194568634f,
    0.33791524171829224f,
    0.44070982933044434f,
    0.5626170039176941f,
    0.7229568362236023f,
    1.0f,
};
