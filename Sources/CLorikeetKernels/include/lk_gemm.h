// SPDX-License-Identifier: Apache-2.0
// Matrix products, in one variant for each instruction set; the best one is chosen at run time.
#ifndef LK_GEMM_H
#define LK_GEMM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// How weights are stored. Three formats of blocks are GGUF's: 32 values each, a float16 scale d
// first (Q4_1: then a float16 minimum), then 32 int8, or 16 bytes of two 4-bit values, low halves
// first. NF4 has 64 values: a float32 scale, then twice 16 bytes of two 4-bit places in lk_nf4.
typedef enum lk_format { LK_F32, LK_BF16, LK_F16, LK_Q8_0, LK_Q4_0, LK_Q4_1, LK_NF4 } lk_format;

// The code book of the 4-bit normal float, ascending (T. Dettmers et al., "QLoRA", 2023, app. E).
extern const float lk_nf4[16];

// Keys or values of some tokens, in one of the formats without blocks: rows `stride` bytes apart
// that hold `heads` times `width` values each.
typedef struct lk_cached {
  lk_format format;
  ptrdiff_t tokens, stride, heads, width;
} lk_cached;

// The kernels of one instruction set. All run in the calling thread.
typedef struct lk_kernels {
  // "avx512", "avx2", "neon" or "portable".
  const char *name;

  // C = alpha op(A) op(B) + beta C: op(A) is [m, k], op(B) [k, n], C [m, n], all row-major with
  // row strides lda, ldb, ldc; op transposes where the flag is not 0. C is not read when beta is
  // 0. The workspace has lk_sgemm_workspace() bytes, 64-byte aligned. Every element is summed in
  // an order that depends on k, the flags and which extents are tiny, not on tiles.
  void (*sgemm)(int trans_a, int trans_b, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, float alpha,
                const float *a, ptrdiff_t lda, const float *b, ptrdiff_t ldb, float beta, float *c,
                ptrdiff_t ldc, float *workspace);

  // Converts `count` stored values, whole blocks, to float32; `from` may have any alignment. Exact
  // but for Q4_1, whose sums are rounded once.
  void (*dequantize)(lk_format format, const void *from, float *to, ptrdiff_t count);

  // Y = alpha X W^T + beta Y where `transposed` is not 0 (X is [m, k], Y [m, n]), else
  // Y = alpha X W + beta Y (X is [m, n], Y [m, k]), for a W [n, k] whose rows of whole blocks are
  // `stride` bytes apart. For a few rows m: W is read once, without a copy in float32. Y is not
  // read when beta is 0.
  void (*thin)(lk_format format, int transposed, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k,
               float alpha, const float *x, ptrdiff_t ldx, const void *w, ptrdiff_t stride,
               float beta, float *y, ptrdiff_t ldy);

  // scores[h, t] = scale <q[h], key of head h at token t> for a q [heads, width]; heads h that come
  // after each other share one of the keys' heads. Meanwhile it asks for as much memory at `next`,
  // which may lie anywhere, as it reads of the keys.
  void (*score)(const lk_cached *keys_are, ptrdiff_t heads, float scale, const float *q,
                const void *keys, const void *next, float *scores);

  // mixed[h] = sum over t of shares[h, t] value of head h at token t; the rest is as above.
  void (*mix)(const lk_cached *values_are, ptrdiff_t heads, const float *shares,
              const void *values, const void *next, float *mixed);
} lk_kernels;

// The kernels chosen for this machine: the widest that it has, or those that the environment
// variable LORIKEET_ISA names (avx512, avx2, neon, portable), if it has them.
const lk_kernels *lk_kernels_chosen(void);

// The kernels of that name, or NULL if this machine cannot run them.
const lk_kernels *lk_kernels_named(const char *name);

// The number of bytes that a workspace of sgemm needs.
size_t lk_sgemm_workspace(void);

// The chosen kernels' sgemm. With a NULL workspace it uses one that belongs to the thread.
void lk_sgemm(int trans_a, int trans_b, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, float alpha,
              const float *a, ptrdiff_t lda, const float *b, ptrdiff_t ldb, float beta, float *c,
              ptrdiff_t ldc, float *workspace);

// The chosen kernels' dequantize.
void lk_dequantize(lk_format format, const void *from, float *to, ptrdiff_t count);

// The chosen kernels' thin.
void lk_thin(lk_format format, int transposed, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, float alpha,
             const float *x, ptrdiff_t ldx, const void *w, ptrdiff_t stride, float beta, float *y,
             ptrdiff_t ldy);

// The chosen kernels' score and mix.
void lk_score(const lk_cached *keys_are, ptrdiff_t heads, float scale, const float *q,
              const void *keys, const void *next, float *scores);
void lk_mix(const lk_cached *values_are, ptrdiff_t heads, const float *shares, const void *values,
            const void *next, float *mixed);

// The calling thread's own workspace for sgemm.
float *lk_thread_workspace(void);

// LK_SCRATCH_FLOATS floats, 64-byte aligned, that belong to the calling thread; sgemm leaves them
// alone.
#define LK_SCRATCH_FLOATS 65536
float *lk_thread_scratch(void);

// Asks for bytes that are about to be read.
static inline void lk_prefetch(const void *from, ptrdiff_t bytes) {
  for (ptrdiff_t i = 0; i < bytes; i += 64) __builtin_prefetch((const char *)from + i);
}

// Tells the processor that the thread is waiting in a loop.
static inline void lk_spin_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb" ::: "memory");
#endif
}

#ifdef __cplusplus
}
#endif

#endif
