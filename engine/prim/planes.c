/* Bytes of red, green and blue: apart into planes, together again, and what 16-bit integers can do with them on the
 * way. Integers give the same bytes in any order and width, so that the vector form is written out for AVX2 and the
 * plain loop serves everywhere else. SPDX-License-Identifier: MIT */
#include "prim/planes.h"

#include <math.h>
#include <string.h>

/* Luma with 15-bit weights that add up to one, so that grey stays what it is. */
enum { GREY_R = 9798, GREY_G = 19235, GREY_B = 3735, GREY_HALF = 1 << 14 };

/* A matrix: samples times 64 by weights in 1/16384 are products in 1/32 level, rounded one by one. For rows that
 * cannot leave 16 bits. */
typedef struct Weights { int16_t w[3][4]; } Weights;

#if defined(__x86_64__) && defined(BRINK_CLONES)
#include <immintrin.h>
#define WIDE __attribute__((target("avx2")))

/* Sixteen pixels lie in three vectors a b c, and byte i of channel k is the only byte of the three whose place within
 * its vector is (3 i + k) % 16: so a channel is two blends and a shuffle, and the way back a shuffle and two blends.
 * Each half of a register does its own sixteen pixels. */
WIDE static inline __m256i both(__m128i v) { return _mm256_broadcastsi128_si256(v); }
WIDE static inline __m256i turn(__m256i v, __m128i order) { return _mm256_shuffle_epi8(v, both(order)); }

/* Of a where the place modulo 3 is `of_a`, of b where it is of_a + 2, of c where it is of_a + 1. */
WIDE static inline __m256i weave(__m256i a, __m256i b, __m256i c, const __m256i place[3], int of_a) {
  return _mm256_blendv_epi8(_mm256_blendv_epi8(a, b, place[(of_a + 2) % 3]), c, place[(of_a + 1) % 3]);
}

typedef struct Weave {
  __m256i place[3];            /* all ones where the place within 16 is k modulo 3 */
  __m128i apart[3], together[3]; /* (3 i + k) % 16, and its inverse */
} Weave;

WIDE static inline void weave_init(Weave *w) {
  for (int k = 0; k < 3; k++) {
    uint8_t place[16], apart[16], together[16];
    for (int i = 0; i < 16; i++) {
      place[i] = i % 3 == k ? 0xff : 0;
      apart[i] = (uint8_t)((3 * i + k) % 16);
      together[apart[i]] = (uint8_t)i;
    }
    w->place[k] = both(_mm_loadu_si128((const __m128i *)(const void *)place));
    w->apart[k] = _mm_loadu_si128((const __m128i *)(const void *)apart);
    w->together[k] = _mm_loadu_si128((const __m128i *)(const void *)together);
  }
}

WIDE static inline __m256i load_halves(const uint8_t *p) {
  const __m128i *low = (const __m128i *)(const void *)p, *high = low + 3;
  return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128(low)), _mm_loadu_si128(high), 1);
}

WIDE static inline void store_halves(uint8_t *p, __m256i v) {
  __m128i *low = (__m128i *)(void *)p;
  _mm_storeu_si128(low, _mm256_castsi256_si128(v));
  _mm_storeu_si128(low + 3, _mm256_extracti128_si256(v, 1));
}

WIDE static inline __m256i load_plane(const uint8_t *p) { return _mm256_load_si256((const __m256i *)(const void *)p); }
WIDE static inline void store_plane(uint8_t *p, __m256i v) { _mm256_store_si256((__m256i *)(void *)p, v); }

/* Three streams of 32 from 96 bytes, or the other way round. Returns the pixels done. */
WIDE static int apart_wide(Bytes *s, const uint8_t *src, int n) {
  Weave w;
  int i = 0;
  weave_init(&w);
  for (; i + 32 <= n; i += 32, src += 96) {
    __m256i a = load_halves(src), b = load_halves(src + 16), c = load_halves(src + 32);
    store_plane(s->r + i, turn(weave(a, b, c, w.place, 0), w.apart[0]));
    store_plane(s->g + i, turn(weave(a, b, c, w.place, 1), w.apart[1]));
    store_plane(s->b + i, turn(weave(a, b, c, w.place, 2), w.apart[2]));
  }
  return i;
}

WIDE static int together_wide(const Bytes *s, uint8_t *dst, int n) {
  Weave w;
  int i = 0;
  weave_init(&w);
  for (; i + 32 <= n; i += 32, dst += 96) {
    __m256i r = turn(load_plane(s->r + i), w.together[0]);
    __m256i g = turn(load_plane(s->g + i), w.together[1]);
    __m256i b = turn(load_plane(s->b + i), w.together[2]);
    store_halves(dst, weave(r, b, g, w.place, 0));
    store_halves(dst + 16, weave(g, r, b, w.place, 0));
    store_halves(dst + 32, weave(b, g, r, w.place, 0));
  }
  return i;
}

WIDE static int grey_wide(Bytes *s, int n) {
  const __m256i zero = _mm256_setzero_si256(), one = _mm256_set1_epi8(1);
  const __m256i rg = _mm256_set1_epi32(GREY_G << 16 | GREY_R), b1 = _mm256_set1_epi32(GREY_HALF << 16 | GREY_B);
  int i = 0;
  for (; i + 32 <= n; i += 32) {
    const __m256i r = load_plane(s->r + i), g = load_plane(s->g + i), b = load_plane(s->b + i);
    __m256i word[2];
    for (int k = 0; k < 2; k++) {
      const __m256i x = k ? _mm256_unpackhi_epi8(r, g) : _mm256_unpacklo_epi8(r, g);
      const __m256i y = k ? _mm256_unpackhi_epi8(b, one) : _mm256_unpacklo_epi8(b, one);
      const __m256i low = _mm256_add_epi32(_mm256_madd_epi16(_mm256_unpacklo_epi8(x, zero), rg), _mm256_madd_epi16(_mm256_unpacklo_epi8(y, zero), b1));
      const __m256i high = _mm256_add_epi32(_mm256_madd_epi16(_mm256_unpackhi_epi8(x, zero), rg), _mm256_madd_epi16(_mm256_unpackhi_epi8(y, zero), b1));
      word[k] = _mm256_packs_epi32(_mm256_srli_epi32(low, 15), _mm256_srli_epi32(high, 15));
    }
    store_plane(s->r + i, _mm256_packus_epi16(word[0], word[1]));
  }
  return i;
}

/* Sixteen pixels, samples times 64. */
WIDE static inline __m256i weigh_16(const __m256i v[3], const __m256i w[4]) {
  __m256i sum = _mm256_add_epi16(_mm256_mulhrs_epi16(v[0], w[0]), _mm256_mulhrs_epi16(v[1], w[1]));
  sum = _mm256_add_epi16(sum, _mm256_add_epi16(_mm256_mulhrs_epi16(v[2], w[2]), w[3]));
  return _mm256_srai_epi16(sum, 5);
}

WIDE static int weigh_wide(Bytes *s, int n, const Weights *m) {
  const __m256i zero = _mm256_setzero_si256();
  uint8_t *plane[3] = {s->r, s->g, s->b};
  __m256i w[3][4], low[3], high[3];
  int i = 0;
  for (int k = 0; k < 12; k++) w[k / 4][k % 4] = _mm256_set1_epi16(m->w[k / 4][k % 4]);
  for (; i + 32 <= n; i += 32) {
    for (int k = 0; k < 3; k++) {
      const __m256i v = load_plane(plane[k] + i);
      low[k] = _mm256_srli_epi16(_mm256_unpacklo_epi8(zero, v), 2);
      high[k] = _mm256_srli_epi16(_mm256_unpackhi_epi8(zero, v), 2);
    }
    for (int k = 0; k < 3; k++) store_plane(plane[k] + i, _mm256_packus_epi16(weigh_16(low, w[k]), weigh_16(high, w[k])));
  }
  return i;
}

static bool wide(void) { return __builtin_cpu_supports("avx2"); }
#else
static int apart_wide(Bytes *s, const uint8_t *src, int n) { (void)s, (void)src, (void)n; return 0; }
static int together_wide(const Bytes *s, uint8_t *dst, int n) { (void)s, (void)dst, (void)n; return 0; }
static int grey_wide(Bytes *s, int n) { (void)s, (void)n; return 0; }
static int weigh_wide(Bytes *s, int n, const Weights *m) { (void)s, (void)n, (void)m; return 0; }
static bool wide(void) { return false; }
#endif

void planes_split(Bytes *s, const uint8_t *src, int c, int n) {
  int i = c == 3 && wide() ? apart_wide(s, src, n) : 0;
  if (c == 3) {
    for (; i < n; i++) s->r[i] = src[3 * i], s->g[i] = src[3 * i + 1], s->b[i] = src[3 * i + 2];
  } else {
    for (; i < n; i++) s->r[i] = src[4 * i], s->g[i] = src[4 * i + 1], s->b[i] = src[4 * i + 2];
  }
}

void planes_join(const Bytes *s, const uint8_t *src, uint8_t *dst, int c, int n) {
  int i = c == 3 && wide() ? together_wide(s, dst, n) : 0;
  if (c == 3) {
    for (; i < n; i++) dst[3 * i] = s->r[i], dst[3 * i + 1] = s->g[i], dst[3 * i + 2] = s->b[i];
  } else {
    for (; i < n; i++) {
      uint8_t a = src[4 * i + 3];
      dst[4 * i] = s->r[i], dst[4 * i + 1] = s->g[i], dst[4 * i + 2] = s->b[i], dst[4 * i + 3] = a;
    }
  }
}

void planes_grey(Bytes *s, int n, const float *f) {
  (void)f;
  for (int i = wide() ? grey_wide(s, n) : 0; i < n; i++)
    s->r[i] = (uint8_t)((s->r[i] * GREY_R + s->g[i] * GREY_G + s->b[i] * GREY_B + GREY_HALF) >> 15);
  memcpy(s->g, s->r, (size_t)n);
  memcpy(s->b, s->r, (size_t)n);
}

static bool weights_of(const float *f, Weights *m) {
  for (int k = 0; k < 3; k++, f += 4) {
    if (!(fabsf(f[0]) + fabsf(f[1]) + fabsf(f[2]) + fabsf(f[3]) / 255.0f < 4.0f)) return false;
    for (int j = 0; j < 3; j++) {
      if (!(fabsf(f[j]) < 1.9999f)) return false;
      m->w[k][j] = (int16_t)floorf(f[j] * 16384.0f + 0.5f);
    }
    m->w[k][3] = (int16_t)(floorf(f[3] * 32.0f + 0.5f) + 16.0f);
  }
  return true;
}

/* What pmulhrsw does. */
static inline int part(uint8_t v, int16_t weight) { return (v * 64 * weight + (1 << 14)) >> 15; }

static inline uint8_t weigh(uint8_t r, uint8_t g, uint8_t b, const int16_t *w) {
  int v = (part(r, w[0]) + part(g, w[1]) + part(b, w[2]) + w[3]) >> 5;
  return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

bool planes_weigh(Bytes *s, int n, const float *f) {
  Weights m;
  if (!weights_of(f, &m)) return false;
  for (int i = wide() ? weigh_wide(s, n, &m) : 0; i < n; i++) {
    const uint8_t r = s->r[i], g = s->g[i], b = s->b[i];
    s->r[i] = weigh(r, g, b, m.w[0]), s->g[i] = weigh(r, g, b, m.w[1]), s->b[i] = weigh(r, g, b, m.w[2]);
  }
  return true;
}
