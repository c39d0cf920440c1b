// SPDX-License-Identifier: Apache-2.0
#if defined(__linux__)
#define _GNU_SOURCE
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <stddef.h>

#include "lk_place.h"

#if defined(__linux__)

struct lk_place {
  pid_t thread;
  // Where it may run.
  cpu_set_t allowed;
  // Where it went to sleep; -1 while it is awake.
  int processor;
  // Whether it may run on fewer processors than before.
  int moved;
};

lk_place *lk_place_create(void) {
  lk_place *place = calloc(1, sizeof *place);
  if (place == NULL) return NULL;
  place->thread = (pid_t)syscall(SYS_gettid);
  place->processor = -1;
  if (sched_getaffinity(0, sizeof place->allowed, &place->allowed) == 0 &&
      CPU_COUNT(&place->allowed) > 1) {
    return place;
  }
  free(place);
  return NULL;
}

void lk_place_destroy(lk_place *place) { free(place); }

void lk_place_leave(lk_place *place) {
  if (place != NULL) place->processor = sched_getcpu();
}

void lk_place_call(lk_place *place) {
  if (place == NULL) return;
  int here = sched_getcpu();
  if (here < 0 || place->processor != here) return;
  cpu_set_t others = place->allowed;
  CPU_CLR(here, &others);
  if (CPU_COUNT(&others) == 0) return;
  if (sched_setaffinity(place->thread, sizeof others, &others) == 0) place->moved = 1;
}

void lk_place_return(lk_place *place) {
  if (place == NULL) return;
  place->processor = -1;
  if (place->moved) sched_setaffinity(0, sizeof place->allowed, &place->allowed);
  place->moved = 0;
}

#else

lk_place *lk_place_create(void) { return NULL; }
void lk_place_destroy(lk_place *place) { (void)place; }
void lk_place_leave(lk_place *place) { (void)place; }
void lk_place_call(lk_place *place) { (void)place; }
void lk_place_return(lk_place *place) { (void)place; }

#endif
