/* See stream.h. SPDX-License-Identifier: MIT */
#include "prim/stream.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

#include "base/cpu.h"
#include "base/fmath.h"

enum { LANES = 16, GROUP_WORDS = 4 * LANES, GROUP_HALVES = 2 * GROUP_WORDS };

/* Philox 4x32-10 on 16 counters at a time (constants: Salmon et al. 2011, table 2). */
KERNEL static void groups(uint32_t *out, uint64_t key, uint32_t lane, int y, int group, int n) {
  for (int g = 0; g < n; g++, out += GROUP_WORDS) {
    uint32_t a[LANES], b[LANES], c[LANES], d[LANES];
    uint64_t lo = (uint64_t)(group + g) * LANES;
    for (int i = 0; i < LANES; i++) {
      a[i] = (uint32_t)lo + (uint32_t)i;
      b[i] = (uint32_t)(lo >> 32);
      c[i] = (uint32_t)y;
      d[i] = lane;
    }
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int r = 0; r < 10; r++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
      for (int i = 0; i < LANES; i++) {
        uint64_t p = (uint64_t)0xD2511F53u * a[i], q = (uint64_t)0xCD9E8D57u * c[i];
        a[i] = (uint32_t)(q >> 32) ^ b[i] ^ k0;
        b[i] = (uint32_t)q;
        c[i] = (uint32_t)(p >> 32) ^ d[i] ^ k1;
        d[i] = (uint32_t)p;
      }
    }
    memcpy(out, a, sizeof a);
    memcpy(out + LANES, b, sizeof b);
    memcpy(out + 2 * LANES, c, sizeof c);
    memcpy(out + 3 * LANES, d, sizeof d);
  }
}

const uint32_t *stream_words(StreamBuf *buf, uint64_t key, uint32_t lane, int y, int first, int n) {
  int g = first / GROUP_WORDS, last = (first + n - 1) / GROUP_WORDS;
  groups(buf->word, key, lane, y, g, last - g + 1);
  return buf->word + (first - g * GROUP_WORDS);
}

const uint16_t *stream_halves(StreamBuf *buf, uint64_t key, uint32_t lane, int y, int first, int n) {
  int g = first / GROUP_HALVES, last = (first + n - 1) / GROUP_HALVES;
  groups(buf->word, key, lane, y, g, last - g + 1);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  for (int i = 0; i < (last - g + 1) * GROUP_WORDS; i++) buf->word[i] = buf->word[i] << 16 | buf->word[i] >> 16;
#endif
  return buf->half + (first - g * GROUP_HALVES);
}

/* Quantiles of the upper half: bin k is (k + .5) / 65536 above the median. */
static struct { pthread_once_t once; float unit; int16_t step[32768]; } table = {.once = PTHREAD_ONCE_INIT};

/* Inverse of the normal distribution at .5 + q, 0 <= q < .5: Wichura 1988, AS 241, PPND7 (relative error 1e-7). */
static double quantile(double q) {
  if (q <= 0.425) {
    double r = 0.180625 - q * q;
    return q * (((59.109374720 * r + 159.29113202) * r + 50.434271938) * r + 3.3871327179) /
           (((67.187563600 * r + 78.757757664) * r + 17.895169469) * r + 1.0);
  }
  double r = sqrt(-fm_log(0.5 - q)) - 1.6;
  return (((0.17023821103 * r + 1.3067284816) * r + 2.7568153900) * r + 1.4234372777) /
         ((0.12021132975 * r + 0.73700164250) * r + 1.0);
}

static void build(void) {
  const double per_unit = 7500; /* the last quantile is 4.325: 32,440 */
  double sum = 0;
  for (int k = 0; k < 32768; k++) {
    int16_t v = (int16_t)(quantile((k + 0.5) / 65536.0) * per_unit + 0.5);
    table.step[k] = v;
    sum += (double)v * v;
  }
  table.unit = (float)(1.0 / sqrt(sum / 32768.0)); /* deviation exactly 1 */
}

static inline float lookup(const int16_t *step, float unit, uint16_t u) {
  int sign = (u >> 15) - 1; /* 0 above the median, -1 below */
  int z = step[(u ^ sign) & 0x7fff];
  return (float)((z ^ sign) - sign) * unit;
}

float stream_quantile(uint16_t half) {
  pthread_once(&table.once, build);
  return lookup(table.step, table.unit, half);
}

/* lookup() for many, in three passes: only the middle one, the table reads, is not vectorised. */
KERNEL static void look_up(float *out, const uint16_t *u, int n, const int16_t *step, float unit) {
  enum { PART = 256 };
  uint16_t at[PART];
  int16_t z[PART];
  for (; n > 0; n -= PART, u += PART, out += PART) {
    int m = n < PART ? n : PART;
    for (int i = 0; i < m; i++) at[i] = (uint16_t)((u[i] ^ (uint16_t)((u[i] >> 15) - 1)) & 0x7fff);
    for (int i = 0; i < m; i++) z[i] = step[at[i]];
    for (int i = 0; i < m; i++) {
      int32_t sign = (u[i] >> 15) - 1;
      out[i] = (float)((z[i] ^ sign) - sign) * unit;
    }
  }
}

void stream_normal(float *out, uint64_t key, uint32_t lane, int y, int first, int n) {
  StreamBuf buf;
  pthread_once(&table.once, build);
  look_up(out, stream_halves(&buf, key, lane, y, first, n), n, table.step, table.unit);
}

KERNEL static void to_unit(float *out, const uint32_t *w, int n) {
  for (int i = 0; i < n; i++) out[i] = (float)(int32_t)(w[i] >> 8) * 0x1p-24f;
}

void stream_unit(float *out, uint64_t key, uint32_t lane, int y, int first, int n) {
  StreamBuf buf;
  to_unit(out, stream_words(&buf, key, lane, y, first, n), n);
}

KERNEL static void to_signed(float *out, const uint16_t *u, int n) {
  for (int i = 0; i < n; i++) out[i] = (float)(2 * (int32_t)u[i] - 65535) * 0x1p-16f;
}

void stream_signed(float *out, uint64_t key, uint32_t lane, int y, int first, int n) {
  StreamBuf buf;
  to_signed(out, stream_halves(&buf, key, lane, y, first, n), n);
}
