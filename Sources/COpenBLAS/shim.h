// SPDX-License-Identifier: Apache-2.0
#include <cblas.h>
#include <stddef.h>

// Ends the threads that OpenBLAS starts when it is loaded. They would wait busily for a tenth of a
// second; OpenBLAS starts them again when it wants them. Builds without threads of their own lack
// this, its handler of forks.
#if defined(__ELF__)
extern int blas_thread_shutdown_(void) __attribute__((weak));
static inline void openblas_end_threads(void) {
  if (blas_thread_shutdown_) blas_thread_shutdown_();
}
#else
static inline void openblas_end_threads(void) {}
#endif

// The routines of LAPACK that are used; OpenBLAS holds them, its cblas.h does not declare them. Matrices
// are column-major. The length of a character argument follows last.

// A = U diag(S) V^T by divide and conquer.
void sgesdd_(
  const char *jobz, const blasint *m, const blasint *n, float *a, const blasint *lda, float *s,
  float *u, const blasint *ldu, float *vt, const blasint *ldvt, float *work, const blasint *lwork,
  blasint *iwork, blasint *info, size_t jobz_length);

// A = Q R; what is needed to form Q is left below the diagonal.
void sgeqrf_(
  const blasint *m, const blasint *n, float *a, const blasint *lda, float *tau, float *work,
  const blasint *lwork, blasint *info);

// Q from what sgeqrf_ left.
void sorgqr_(
  const blasint *m, const blasint *n, const blasint *k, float *a, const blasint *lda,
  const float *tau, float *work, const blasint *lwork, blasint *info);
