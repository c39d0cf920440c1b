// SPDX-License-Identifier: Apache-2.0
// Element-wise and row-wise kernels, each over a contiguous block of work so that the caller can
// split rows over threads. The widest instruction set that the processor has is chosen at run time.
#ifndef LK_ELEMENTWISE_H
#define LK_ELEMENTWISE_H

#include <stdint.h>

// y += a x
void lk_axpy(long n, float a, const float *x, float *y);
// y = a y
void lk_scale(long n, float a, float *y);
// y = a + b
void lk_add(long n, const float *a, const float *b, float *y);
// y = a * b
void lk_multiply(long n, const float *a, const float *b, float *y);
// y += a * b
void lk_multiply_add(long n, const float *a, const float *b, float *y);
// sum of squares
double lk_sum_squares(long n, const float *x);
// 1 if every value is finite
int lk_all_finite(long n, const float *x);

// Each row of y gets b added: y[rows, width] += b[width]
void lk_add_bias(long rows, long width, const float *b, float *y);
// b[width] += sum over rows of g
void lk_sum_rows(long rows, long width, const float *g, float *b);
// y = x + s * f over rows, s[width]; and its backward: gf = s * g, gs += sum over rows of g * f
void lk_scaled_add(long rows, long width, const float *x, const float *s, const float *f, float *y);
void lk_scaled_add_backward(
    long rows, long width, const float *g, const float *s, const float *f, float *gf, float *gs);

// y = x / sqrt(mean(x^2) + eps) * w; inverse[rows] keeps 1 / sqrt(...)
void lk_rms_norm(
    long rows, long width, const float *x, const float *w, float eps, float *y, float *inverse);
// gx = ..., and gw += ... unless gw is null
void lk_rms_norm_backward(
    long rows, long width, const float *x, const float *w, const float *inverse, const float *g,
    float *gx, float *gw);
// y = (x - mean) / sqrt(var + eps) * w + b
void lk_layer_norm(
    long rows, long width, const float *x, const float *w, const float *b, float eps, float *y,
    float *mean, float *inverse);
void lk_layer_norm_backward(
    long rows, long width, const float *x, const float *w, const float *mean, const float *inverse,
    const float *g, float *gx, float *gw, float *gb);

// Activations: 0 gelu (erf), 1 gelu (tanh approximation), 2 quick gelu, 3 silu, 4 relu
void lk_activation(int kind, long n, const float *x, float *y);
// gx = g * f'(x)
void lk_activation_backward(int kind, long n, const float *x, const float *g, float *gx);
// y = f(gate) * up
void lk_gated(int kind, long n, const float *gate, const float *up, float *y);
void lk_gated_backward(
    int kind, long n, const float *gate, const float *up, const float *g, float *ggate, float *gup);

// Rotates the pairs (x[i], x[i + d/2]) of every head by the row's angles: cosines and sines are
// [rows, d/2]. sign -1 rotates back (the backward pass). x is [rows, stride], heads of d.
void lk_rotary(
    long rows, long heads, long d, long stride, const float *cosines, const float *sines, float sign,
    float *x);

// In place: s[0..n) becomes exp(s - max) / sum; returns max + log(sum). n >= 1.
float lk_softmax(long n, float *s);
// In place: s becomes exp(s - log_sum)
void lk_exp_minus(long n, float log_sum, float *s);
// In place: p becomes p * (dp - dot) * scale
void lk_softmax_backward(long n, const float *dp, float dot, float scale, float *p);
// In place: x becomes cap tanh(x / cap)
void lk_soft_cap(long n, float cap, float *x);
// In place: g becomes g (1 - (y / cap)^2), y being what lk_soft_cap gave
void lk_soft_cap_backward(long n, float cap, const float *y, float *g);
float lk_dot(long n, const float *a, const float *b);
float lk_max(long n, const float *x);

// One AdamW step (Loshchilov and Hutter, 2019) over n values; c1 = 1 - beta1^t, c2 = 1 - beta2^t
void lk_adamw(
    long n, float *w, const float *g, float *m, float *v, float rate, float beta1, float beta2,
    float eps, float decay, float c1, float c2, float gradient_scale);

// Keeps a value with probability 1 - p, scaled by 1 / (1 - p). The mask is a function of the key and
// the index alone, counted from `first`, so that the backward pass draws it again. y may be x.
void lk_dropout(long n, long first, uint64_t key, float p, const float *x, float *y);
// y += dropout(x)
void lk_dropout_add(long n, long first, uint64_t key, float p, const float *x, float *y);

#endif
