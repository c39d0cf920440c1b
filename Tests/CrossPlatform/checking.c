// SPDX-License-Identifier: Apache-2.0
#include "checking.h"

#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

long failures, comparisons;

static char label[256];

void now_checking(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(label, sizeof label, format, arguments);
  va_end(arguments);
}

void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "%s: %s: ", lk_isa(), label);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  if (++failures >= 20) {
    fprintf(stderr, "%ld failures; giving up\n", failures);
    exit(1);
  }
}

// splitmix64 (S. Vigna).
static uint64_t state;

void seed(uint64_t value) { state = value; }

uint64_t random_bits(void) {
  uint64_t z = state += 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

int random_below(int bound) { return (int)(random_bits() >> 33) % bound; }

float random_float(void) { return (float)(random_bits() >> 40) * 0x1p-24f - 0.5f; }

float random_normal(float deviation) {
  double radius = sqrt(-2 * log(((double)(random_bits() >> 11) + 1) * 0x1p-53));
  return deviation * (float)(radius * cos(6.283185307179586 * (random_float() + 0.5)));
}

enum { ROOM = 8 << 20, BAND = 64, FILL = 0xA5 };

static struct {
  uint8_t *low, *high;  // between the walls
  uint8_t *from, *to;   // the operand; NULL if there is none
} slots[SLOTS];

static void end_at_wall(int number) {
  (void)number;
  static const char text[] = ": touched memory beyond an operand\n";
  // Nothing else may be called from here.
  if (write(2, label, strlen(label)) < 0 || write(2, text, sizeof text - 1) < 0) _exit(2);
  _exit(1);
}

static void build_walls(void) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  for (int i = 0; i < SLOTS; i++) {
    uint8_t *memory =
        mmap(NULL, ROOM + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANON, -1, 0);
    if (memory == MAP_FAILED || mprotect(memory + page, ROOM, PROT_READ | PROT_WRITE) != 0) {
      perror("memory");
      exit(1);
    }
    slots[i].low = memory + page;
    slots[i].high = memory + page + ROOM;
  }
  signal(SIGSEGV, end_at_wall);
  signal(SIGBUS, end_at_wall);
}

// The bytes from `from` to `to` that lie in the slot.
static void clip(int slot, uint8_t **from, uint8_t **to) {
  if (*from < slots[slot].low) *from = slots[slot].low;
  if (*to > slots[slot].high) *to = slots[slot].high;
}

void *place(int slot, int position, size_t bytes) {
  static const size_t distances[POSITIONS - 1] = {0, 4, 12};
  if (slots[slot].low == NULL) build_walls();
  if (bytes + 16 > ROOM) {
    fprintf(stderr, "an operand of %zu bytes has no room\n", bytes);
    exit(1);
  }
  uint8_t *at = position == POSITIONS - 1 ? slots[slot].high - bytes
                                          : slots[slot].low + distances[position];
  slots[slot].from = at;
  slots[slot].to = at + bytes;
  uint8_t *from = at - BAND, *to = at + bytes + BAND;
  clip(slot, &from, &to);
  memset(from, FILL, (size_t)(to - from));
  return at;
}

float *place_floats(int slot, int position, const float *values, ptrdiff_t count) {
  size_t bytes = (size_t)count * sizeof(float);
  float *at = place(slot, position, bytes);
  memcpy(at, values, bytes);
  return at;
}

void check_surroundings(void) {
  for (int i = 0; i < SLOTS; i++) {
    if (slots[i].from == NULL) continue;
    uint8_t *from = slots[i].from - BAND, *to = slots[i].to + BAND;
    clip(i, &from, &to);
    comparisons++;
    for (uint8_t *p = from; p < to; p++) {
      if (p == slots[i].from) p = slots[i].to;
      if (p == to) break;
      if (*p != FILL) {
        fail("wrote %td bytes from the start of operand %d", p - slots[i].from, i);
        break;
      }
    }
    slots[i].from = NULL;
  }
}

void check_close(const float *found, const double *expected, ptrdiff_t count, double tolerance,
                 double floor) {
  double largest = floor;
  for (ptrdiff_t i = 0; i < count; i++) largest = fmax(largest, fabs(expected[i]));
  for (ptrdiff_t i = 0; i < count; i++) {
    comparisons++;
    // Not-a-number compares false and must not pass.
    if (!(fabs(found[i] - expected[i]) <= tolerance * largest)) {
      fail("value %td of %td is %.9g, expected %.9g within %g", i, count, found[i], expected[i],
           tolerance * largest);
      return;
    }
  }
}

int same_bits(const float *a, const float *b, ptrdiff_t count) {
  return memcmp(a, b, (size_t)count * sizeof(float)) == 0;
}
