// SPDX-License-Identifier: Apache-2.0
// Holds the kernels of every instruction set that this machine has against plain loops.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "checking.h"

// The set that a fresh process chooses if LORIKEET_ISA is `wanted`, or is not set.
static int chosen_for(const char *wanted) {
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    if (wanted == NULL) {
      unsetenv("LORIKEET_ISA");
    } else {
      setenv("LORIKEET_ISA", wanted, 1);
    }
    _exit(lk_instruction_set());
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) < 0 || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status);
}

// Before anything else asks for the set, which is chosen once.
static void check_choice(void) {
  now_checking("the choice of a set");
  int widest = LK_AVX512;
  while (!lk_instruction_set_available(widest)) widest--;
#if defined(__aarch64__)
  EXPECT(widest == LK_NEON);
#endif
  EXPECT(chosen_for(NULL) == widest);
  EXPECT(chosen_for("") == widest);
  EXPECT(chosen_for("sse9") == widest);
  for (int set = LK_PORTABLE; set <= LK_AVX512; set++) {
    const char *name = lk_instruction_set_name(set);
    int available = lk_instruction_set_available(set);
    EXPECT(lk_instruction_set_named(name) == set);
    EXPECT(chosen_for(name) == (available ? set : widest));
    EXPECT((lk_kernels_named(name) != NULL) == available);
    EXPECT(lk_force_instruction_set(set) == available);
    if (available) {
      EXPECT(strcmp(lk_isa(), name) == 0);
      EXPECT(strcmp(lk_kernels_chosen()->name, name) == 0);
    }
    lk_force_instruction_set(-1);
  }
  EXPECT(lk_instruction_set_name(99) == NULL && lk_instruction_set_named("sse9") == -1);
  EXPECT(lk_force_instruction_set(99) == 0 && lk_kernels_named("sse9") == NULL);
}

// lk_sgemm, lk_thin, lk_dequantize, lk_score and lk_mix with the memory of the calling thread.
static void *run_chosen(void *result) {
  static const float a[] = {1, 2, 3, 4, 5, 6}, b[] = {1, 0, 2, 0, 1, 3};
  float c[4] = {0}, y[4] = {0}, copy[6] = {0}, score = 0, mixed[3] = {0};
  lk_sgemm(0, 1, 2, 2, 3, 1, a, 3, b, 3, 0, c, 2, NULL);
  lk_thin(LK_F32, 1, 2, 2, 3, 1, a, 3, b, 3 * sizeof(float), 0, y, 2);
  lk_dequantize(LK_F32, a, copy, 6);
  const lk_cached one = {LK_F32, 1, 3 * sizeof(float), 1, 3};
  lk_score(&one, 1, 1, a, b, b, &score);
  lk_mix(&one, 1, &score, a, a, mixed);
  static const float expected[] = {7, 11, 16, 23}, sevenfold[] = {7, 14, 21};
  EXPECT(score == 7 && same_bits(mixed, sevenfold, 3));
  EXPECT(same_bits(c, expected, 4) && same_bits(y, expected, 4) && same_bits(copy, a, 6));
  uintptr_t workspace = (uintptr_t)lk_thread_workspace();
  EXPECT(workspace % 64 == 0 && workspace == (uintptr_t)lk_thread_workspace());
  float *scratch = lk_thread_scratch();
  EXPECT((uintptr_t)scratch % 64 == 0 &&
         (uintptr_t)scratch >= workspace + lk_sgemm_workspace());
  memset(scratch, 0, LK_SCRATCH_FLOATS * sizeof(float));
  lk_spin_pause();
  *(uintptr_t *)result = workspace;
  return NULL;
}

static void check_threads(void) {
  now_checking("the chosen kernels in two threads");
  uintptr_t here = 0, there = 0;
  pthread_t thread;
  run_chosen(&here);
  EXPECT(pthread_create(&thread, NULL, run_chosen, &there) == 0);
  pthread_join(thread, NULL);
  EXPECT(here != there);
}

int main(void) {
  check_choice();
  check_threads();
  for (int set = LK_PORTABLE; set <= LK_AVX512; set++) {
    if (!lk_force_instruction_set(set)) continue;
    long failed = failures, compared = comparisons;
    const lk_kernels *kernels = lk_kernels_chosen();
    check_products(kernels);
    check_conversions(kernels);
    check_thin_products(kernels);
    check_cached_attention(kernels);
    check_sums_and_norms();
    check_activations();
    check_training();
    check_pixels();
    check_limits();
    printf("%s: %ld comparisons, %ld failures\n", lk_isa(), comparisons - compared,
           failures - failed);
    fflush(stdout);
  }
  return failures == 0 ? 0 : 1;
}
