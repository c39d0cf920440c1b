// SPDX-License-Identifier: Apache-2.0
// Builds elementwise.inc once for each instruction set and chooses at run time.
#include "CLorikeetKernels.h"

#include <math.h>
#include <string.h>

#pragma clang fp contract(fast)

#define LK_SOURCE "elementwise.inc"
#include "variants.h"

void lk_axpy(long n, float a, const float *x, float *y) { LK_CHOOSE(axpy, n, a, x, y) }
void lk_scale(long n, float a, float *y) { LK_CHOOSE(scale, n, a, y) }
void lk_add(long n, const float *a, const float *b, float *y) { LK_CHOOSE(add, n, a, b, y) }
void lk_multiply(long n, const float *a, const float *b, float *y) {
  LK_CHOOSE(multiply, n, a, b, y)
}
void lk_multiply_add(long n, const float *a, const float *b, float *y) {
  LK_CHOOSE(multiply_add, n, a, b, y)
}
double lk_sum_squares(long n, const float *x) { LK_CHOOSE(sum_squares, n, x) }
int lk_all_finite(long n, const float *x) { LK_CHOOSE(all_finite, n, x) }
void lk_add_bias(long rows, long width, const float *b, float *y) {
  LK_CHOOSE(add_bias, rows, width, b, y)
}
void lk_sum_rows(long rows, long width, const float *g, float *b) {
  LK_CHOOSE(sum_rows, rows, width, g, b)
}
void lk_scaled_add(
    long rows, long width, const float *x, const float *s, const float *f, float *y) {
  LK_CHOOSE(scaled_add, rows, width, x, s, f, y)
}
void lk_scaled_add_backward(
    long rows, long width, const float *g, const float *s, const float *f, float *gf, float *gs) {
  LK_CHOOSE(scaled_add_backward, rows, width, g, s, f, gf, gs)
}
void lk_rms_norm(
    long rows, long width, const float *x, const float *w, float eps, float *y, float *inverse) {
  LK_CHOOSE(rms_norm, rows, width, x, w, eps, y, inverse)
}
void lk_rms_norm_backward(
    long rows, long width, const float *x, const float *w, const float *inverse, const float *g,
    float *gx, float *gw) {
  LK_CHOOSE(rms_norm_backward, rows, width, x, w, inverse, g, gx, gw)
}
void lk_layer_norm(
    long rows, long width, const float *x, const float *w, const float *b, float eps, float *y,
    float *mean, float *inverse) {
  LK_CHOOSE(layer_norm, rows, width, x, w, b, eps, y, mean, inverse)
}
void lk_layer_norm_backward(
    long rows, long width, const float *x, const float *w, const float *mean, const float *inverse,
    const float *g, float *gx, float *gw, float *gb) {
  LK_CHOOSE(layer_norm_backward, rows, width, x, w, mean, inverse, g, gx, gw, gb)
}
void lk_activation(int kind, long n, const float *x, float *y) {
  LK_CHOOSE(activation, kind, n, x, y)
}
void lk_activation_backward(int kind, long n, const float *x, const float *g, float *gx) {
  LK_CHOOSE(activation_backward, kind, n, x, g, gx)
}
void lk_gated(int kind, long n, const float *gate, const float *up, float *y) {
  LK_CHOOSE(gated, kind, n, gate, up, y)
}
void lk_gated_backward(
    int kind, long n, const float *gate, const float *up, const float *g, float *ggate,
    float *gup) {
  LK_CHOOSE(gated_backward, kind, n, gate, up, g, ggate, gup)
}
void lk_rotary(
    long rows, long heads, long d, long stride, const float *cosines, const float *sines,
    float sign, float *x) {
  LK_CHOOSE(rotary, rows, heads, d, stride, cosines, sines, sign, x)
}
float lk_softmax(long n, float *s) { LK_CHOOSE(softmax, n, s) }
void lk_exp_minus(long n, float log_sum, float *s) { LK_CHOOSE(exp_minus, n, log_sum, s) }
void lk_softmax_backward(long n, const float *dp, float dot, float scale, float *p) {
  LK_CHOOSE(softmax_backward, n, dp, dot, scale, p)
}
void lk_soft_cap(long n, float cap, float *x) { LK_CHOOSE(soft_cap, n, cap, x) }
void lk_soft_cap_backward(long n, float cap, const float *y, float *g) {
  LK_CHOOSE(soft_cap_backward, n, cap, y, g)
}
float lk_dot(long n, const float *a, const float *b) { LK_CHOOSE(dot, n, a, b) }
float lk_max(long n, const float *x) { LK_CHOOSE(max, n, x) }
void lk_adamw(
    long n, float *w, const float *g, float *m, float *v, float rate, float beta1, float beta2,
    float eps, float decay, float c1, float c2, float gradient_scale) {
  LK_CHOOSE(adamw, n, w, g, m, v, rate, beta1, beta2, eps, decay, c1, c2, gradient_scale)
}
void lk_dropout(long n, long first, uint64_t key, float p, const float *x, float *y) {
  LK_CHOOSE(dropout, n, first, key, p, x, y)
}
void lk_dropout_add(long n, long first, uint64_t key, float p, const float *x, float *y) {
  LK_CHOOSE(dropout_add, n, first, key, p, x, y)
}
