// SPDX-License-Identifier: Apache-2.0
// Attention of one query to tokens in a cache. Written once over the vector type of the including
// file, after the products of a few rows.

// The most heads that are handled together, and the tokens after which other heads get their turn:
// memory is read in order but for so many rows.
#define HEADS 4
#define STRIP 8

// Calls `body` for all heads, those of a group side by side in blocks whose size is a constant.
#define FOR_HEADS(body)                                                \
  for (ptrdiff_t head = 0; head < heads; head += group, row += bytes)  \
    for (ptrdiff_t first = head; first < head + group; first += HEADS) \
      switch (head + group - first) {                                  \
        case 1: body(1); break;                                        \
        case 2: body(2); break;                                        \
        case 3: body(3); break;                                        \
        default: body(4);                                              \
      }

// mixed[i] += sum of shares[i, row] values[row], shares `ld` apart.
LK_INLINE TARGET void mix_heads(const lk_format format, const int count, ptrdiff_t rows,
                                ptrdiff_t d, const float *shares, ptrdiff_t ld,
                                const uint8_t *values, ptrdiff_t stride, float *mixed) {
  ptrdiff_t units = d / 32;
  for (ptrdiff_t u = 0; u < units; u++) {
    vec acc[HEADS][UNIT];
#pragma clang loop unroll(full)
    for (int i = 0; i < count; i++) {
#pragma clang loop unroll(full)
      for (int j = 0; j < UNIT; j++) acc[i][j] = v_load(mixed + i * d + 32 * u + VLEN * j);
    }
    for (ptrdiff_t row = 0; row < rows; row++) {
      vec t[UNIT];
      unpack(format, values + row * stride, u, t);
#pragma clang loop unroll(full)
      for (int i = 0; i < count; i++) {
        vec share = v_set1(shares[i * ld + row]);
#pragma clang loop unroll(full)
        for (int j = 0; j < UNIT; j++) acc[i][j] = v_fma(share, t[j], acc[i][j]);
      }
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < count; i++) {
#pragma clang loop unroll(full)
      for (int j = 0; j < UNIT; j++) v_store(mixed + i * d + 32 * u + VLEN * j, acc[i][j]);
    }
  }
  for (ptrdiff_t p = 32 * units; p < d; p++) {
    for (ptrdiff_t row = 0; row < rows; row++) {
      float value = stored_float(format, values + row * stride, p);
      for (int i = 0; i < count; i++) mixed[i * d + p] += shares[i * ld + row] * value;
    }
  }
}

LK_INLINE TARGET void score_tokens(const lk_format format, const lk_cached *c, ptrdiff_t heads,
                                   float scale, const float *q, const uint8_t *keys,
                                   const uint8_t *next, float *scores) {
  const ptrdiff_t group = heads / c->heads, d = c->width, bytes = stored_bytes(format, 1) * d;
  for (ptrdiff_t token = 0; token < c->tokens; token++) {
    const uint8_t *row = keys + token * c->stride;
    // What a product of some rows with one asks for ahead is the same place in `next`.
#define BODY(count)                                                               \
  thin_tile(format, 1, count, d, scale, q + first * d, d, row, 0, next - keys, 0, \
            scores + first * c->tokens + token, c->tokens)
    FOR_HEADS(BODY)
#undef BODY
  }
}

LK_INLINE TARGET void mix_tokens(const lk_format format, const lk_cached *c, ptrdiff_t heads,
                                 const float *shares, const uint8_t *values, const uint8_t *next,
                                 float *mixed) {
  const ptrdiff_t group = heads / c->heads, d = c->width, bytes = stored_bytes(format, 1) * d;
  memset(mixed, 0, (size_t)(heads * d) * sizeof(float));
  for (ptrdiff_t token = 0; token < c->tokens; token += STRIP) {
    ptrdiff_t rows = c->tokens - token < STRIP ? c->tokens - token : STRIP;
    for (ptrdiff_t i = token; i < token + rows; i++) {
      lk_prefetch(next + i * c->stride, c->heads * bytes);
    }
    const uint8_t *row = values + token * c->stride;
#define BODY(count)                                                                  \
  mix_heads(format, count, rows, d, shares + first * c->tokens + token, c->tokens, row, \
            c->stride, mixed + first * d)
    FOR_HEADS(BODY)
#undef BODY
  }
}

// Types without blocks.
#define FOR_SINGLE_VALUES(format, body) \
  switch (format) {                     \
    case LK_F32: body(LK_F32); break;   \
    case LK_BF16: body(LK_BF16); break; \
    case LK_F16: body(LK_F16); break;   \
    default: break;                     \
  }

static TARGET void score(const lk_cached *c, ptrdiff_t heads, float scale, const float *q,
                         const void *keys, const void *next, float *scores) {
#define BODY(format) score_tokens(format, c, heads, scale, q, keys, next, scores)
  FOR_SINGLE_VALUES(c->format, BODY)
#undef BODY
}

static TARGET void mix(const lk_cached *c, ptrdiff_t heads, const float *shares,
                       const void *values, const void *next, float *mixed) {
#define BODY(format) mix_tokens(format, c, heads, shares, values, next, mixed)
  FOR_SINGLE_VALUES(c->format, BODY)
#undef BODY
}
