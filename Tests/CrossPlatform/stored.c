// SPDX-License-Identifier: Apache-2.0
// Conversion of stored weights, bit for bit, and products with them.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "checking.h"

static const struct {
  lk_format format;
  const char *name;
  int values, bytes;  // of a block
} formats[] = {
    {LK_F32, "f32", 1, 4},     {LK_BF16, "bf16", 1, 2},   {LK_F16, "f16", 1, 2},
    {LK_Q8_0, "q8_0", 32, 34}, {LK_Q4_0, "q4_0", 32, 18}, {LK_Q4_1, "q4_1", 32, 20},
    {LK_NF4, "nf4", 64, 36},
};
enum { FORMATS = sizeof formats / sizeof *formats, MOST = 65536 };

// MARK: conversion by the definition

static double of_half(const uint8_t *p) {
  int exponent = p[1] >> 2 & 31, fraction = (p[1] & 3) << 8 | p[0];
  double x;
  if (exponent == 31) {
    x = fraction == 0 ? INFINITY : NAN;
  } else if (exponent == 0) {
    x = ldexp(fraction, -24);
  } else {
    x = ldexp(1024 + fraction, exponent - 25);
  }
  return p[1] & 0x80 ? -x : x;
}

static float of_bits(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

static uint32_t little_endian(const uint8_t *p, int bytes) {
  uint32_t bits = 0;
  for (int i = 0; i < bytes; i++) bits |= (uint32_t)p[i] << 8 * i;
  return bits;
}

// Value i of a row.
static float value(lk_format format, const uint8_t *row, ptrdiff_t i) {
  const uint8_t *block = row + i / formats[format].values * formats[format].bytes;
  // Of 32 four-bit values, the first 16 are the low halves of 16 bytes.
  int place = i % 16, shift = i % 32 < 16 ? 0 : 4;
#define NIBBLE(start) (block[(start) + place] >> shift & 15)
  switch (format) {
    case LK_F32: return of_bits(little_endian(block, 4));
    case LK_BF16: return of_bits(little_endian(block, 2) << 16);
    case LK_F16: return (float)of_half(block);
    case LK_Q8_0: return (float)(of_half(block) * (int8_t)block[2 + i % 32]);
    case LK_Q4_0: return (float)(of_half(block) * NIBBLE(2) - 8 * of_half(block));
    case LK_Q4_1: return (float)(of_half(block) * NIBBLE(4) + of_half(block + 2));
    case LK_NF4: return of_bits(little_endian(block, 4)) * lk_nf4[NIBBLE(i % 64 < 32 ? 4 : 20)];
  }
#undef NIBBLE
  return NAN;
}

static ptrdiff_t bytes_of(lk_format format, ptrdiff_t count) {
  return count / formats[format].values * formats[format].bytes;
}

// Fills whole blocks with numbers of moderate size.
static void fill(lk_format format, uint8_t *at, ptrdiff_t count) {
  for (ptrdiff_t i = 0; i < count; i += formats[format].values, at += formats[format].bytes) {
    for (int j = 0; j < formats[format].bytes; j++) at[j] = (uint8_t)random_bits();
    float x;
    switch (format) {
      case LK_F32:
        x = random_float();
        memcpy(at, &x, sizeof x);
        break;
      case LK_BF16: at[1] = (at[1] & 0x80) | 0x3F; break;
      case LK_Q4_1:
        at[3] = (at[3] & 0x83) | 0x2C;
        at[1] = (at[1] & 0x83) | 0x2C;
        break;
      case LK_NF4:
        // A magnitude as it is, or one that was quantised itself: a place in a code times another
        // magnitude plus an offset, which may come out as 0 or less.
        x = random_below(2) ? random_float() + 0.6f
                            : (float)(random_below(256) - 127) / 127 * 0.25f + 0.2f;
        memcpy(at, &x, sizeof x);
        break;
      default: at[1] = (at[1] & 0x83) | 0x2C;
    }
  }
}

// MARK: the checks

static float expected[MOST];

static void check_conversion(const lk_kernels *kernels, lk_format format, const uint8_t *bytes,
                             ptrdiff_t count, int position) {
  uint8_t *from = place(0, position, (size_t)bytes_of(format, count));
  memcpy(from, bytes, (size_t)bytes_of(format, count));
  float *to = place(1, position, (size_t)count * sizeof(float));
  kernels->dequantize(format, from, to, count);
  for (ptrdiff_t i = 0; i < count; i++) {
    comparisons++;
    float wanted = value(format, bytes, i);
    if (isnan(wanted) ? !isnan(to[i]) : !same_bits(to + i, &wanted, 1)) {
      fail("value %td of %td is %.9g, expected %.9g", i, count, to[i], wanted);
      break;
    }
  }
  check_surroundings();
}

void check_conversions(const lk_kernels *kernels) {
  static const int counts[] = {0, 64, 128, 1024, 1, 2, 3, 15, 17, 31, 33, 47, 95};
  static uint8_t bytes[MOST * 34];
  seed(3);
  for (int f = 0; f < FORMATS; f++) {
    for (unsigned i = 0; i < sizeof counts / sizeof *counts; i++) {
      if (counts[i] % formats[f].values != 0) continue;
      for (int position = 0; position < POSITIONS; position++) {
        now_checking("dequantize %s, %d values at %d", formats[f].name, counts[i], position);
        fill(f, bytes, counts[i]);
        check_conversion(kernels, f, bytes, counts[i], position);
      }
    }
  }
  now_checking("every half");
  for (int half = 0; half < 65536; half++) {
    bytes[2 * half] = (uint8_t)half;
    bytes[2 * half + 1] = (uint8_t)(half >> 8);
  }
  check_conversion(kernels, LK_F16, bytes, 65536, 0);
  for (int f = 0; f < FORMATS; f++) {
    if (formats[f].values != 32) continue;
    now_checking("every half as a scale of %s", formats[f].name);
    for (int half = 0; half < 65536; half += 2048) {
      fill(f, bytes, 2048 * 32);
      for (int i = 0; i < 2048; i++) {
        uint8_t *block = bytes + i * formats[f].bytes;
        block[0] = (uint8_t)(half + i);
        block[1] = (uint8_t)((half + i) >> 8);
        // Of Q4_1 the minimum too, in another order.
        if (f == LK_Q4_1) block[2] = block[1], block[3] = block[0];
      }
      check_conversion(kernels, f, bytes, 2048 * 32, half / 2048 % POSITIONS);
    }
  }
}

static void check_thin(const lk_kernels *kernels, lk_format format, ptrdiff_t m, ptrdiff_t rows,
                       ptrdiff_t columns, int transposed, int position, float alpha, float beta) {
  now_checking("thin %s %s, %td rows, W %td x %td at %d, alpha %g, beta %g", formats[format].name,
               transposed ? "W^T" : "W", m, rows, columns, position, alpha, beta);
  static float before[MOST];
  // Rows of X, W and Y have gaps behind them, but for the last.
  ptrdiff_t n = transposed ? rows : columns, k = transposed ? columns : rows;
  ptrdiff_t ldx = k + 3, ldy = n + 2, row = bytes_of(format, columns), stride = row + 5;
  if (position % 2 == 0) stride = row;
  uint8_t *w = place(0, position, (size_t)(rows == 0 ? 0 : (rows - 1) * stride + row));
  for (ptrdiff_t r = 0; r < rows; r++) {
    fill(format, w + r * stride, columns);
    for (ptrdiff_t i = 0; i < columns; i++) {
      expected[r * columns + i] = value(format, w + r * stride, i);
    }
  }
  ptrdiff_t count = m == 0 ? 0 : (m - 1) * ldx + k;
  float *x = place(1, position, (size_t)count * sizeof(float));
  for (ptrdiff_t i = 0; i < count; i++) x[i] = random_float();
  count = m == 0 ? 0 : (m - 1) * ldy + n;
  float *y = place(2, position, (size_t)count * sizeof(float));
  for (ptrdiff_t i = 0; i < count; i++) y[i] = beta == 0 ? NAN : random_float();
  memcpy(before, y, (size_t)count * sizeof(float));
  kernels->thin(format, transposed, m, rows, columns, alpha, x, ldx, w, stride, beta, y, ldy);
  for (ptrdiff_t i = 0; i < m; i++) {
    for (ptrdiff_t j = 0; j < n; j++) {
      double sum = 0, size = 0;
      for (ptrdiff_t p = 0; p < k; p++) {
        double weight = expected[transposed ? j * columns + p : p * columns + j];
        double term = (double)alpha * x[i * ldx + p] * weight;
        sum += term;
        size += fabs(term);
      }
      double old = beta == 0 ? 0 : (double)beta * before[i * ldy + j];
      float new = y[i * ldy + j];
      comparisons++;
      if (!(fabs(new - sum - old) <= (double)(k + 8) * 0x1p-24 * (size + fabs(old)))) {
        fail("[%td, %td] is %.9g, expected %.9g", i, j, new, sum + old);
        return;
      }
      y[i * ldy + j] = before[i * ldy + j];
    }
  }
  EXPECT(same_bits(y, before, count));
  check_surroundings();
}

void check_thin_products(const lk_kernels *kernels) {
  static const int widths[] = {0, 1, 3, 17, 31, 32, 33, 47, 64, 96, 192, 320, 321};
  static const int heights[] = {0, 1, 2, 3, 4, 5, 7, 9, 34};
  static const int several[] = {1, 2, 3, 4, 5, 9};
  seed(11);
  for (int f = 0; f < FORMATS; f++) {
    for (unsigned i = 0; i < sizeof widths / sizeof *widths; i++) {
      if (widths[i] % formats[f].values != 0) continue;
      for (unsigned j = 0; j < sizeof heights / sizeof *heights; j++) {
        for (int transposed = 0; transposed < 2; transposed++) {
          // Every way of taking 1 to 4 rows of X at a time, and several ways after each other.
          int m = several[(i + j) % 6], position = (int)(i + 3 * j) % POSITIONS;
          check_thin(kernels, f, m, heights[j], widths[i], transposed, position, 1, 0);
          check_thin(kernels, f, m, heights[j], widths[i], transposed, position, 0.5f, 2);
        }
      }
    }
    for (int m = 0; m <= 40; m += m < 13 ? 1 : 9) {
      for (int transposed = 0; transposed < 2; transposed++) {
        check_thin(kernels, f, m, 39, 128, transposed, m % POSITIONS, 1, (float)(m % 2));
      }
    }
  }
}
