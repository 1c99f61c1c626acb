/* Tables over u8 samples, at the speed of memory where the CPU can hold a table
 * in registers: 256 bytes are four AVX-512 registers (VBMI looks up 64 bytes in
 * two instructions) or sixteen rows of sixteen for AVX2's shuffle. Every way
 * gives the same bytes, being a table lookup. SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "prim/point.h"

#if defined(__x86_64__) && defined(BRINK_CLONES)
#include <immintrin.h>
#define WIDE 1
#endif

/* One row of n samples; channel k of c uses lut[k], and first[k] is the first channel with the same table. */
static void row_plain(const Point *p, const uint8_t *first, const uint8_t *src, uint8_t *dst, size_t n) {
  const int c = p->c;
  (void)first;
  for (int k = 0; k < c; k++) {
    const uint8_t *const t = p->lut[k];
    for (size_t i = (size_t)k; i < n; i += (size_t)c) dst[i] = t[src[i]];
  }
}

/* All channels by the table of the first. */
static void row_same(const Point *p, const uint8_t *first, const uint8_t *src, uint8_t *dst, size_t n) {
  const uint8_t *const t = p->lut[first[0]];
  size_t i = 0;
  for (; i + 4 <= n; i += 4) {
    uint8_t a = t[src[i]], b = t[src[i + 1]], c = t[src[i + 2]], d = t[src[i + 3]];
    dst[i] = a, dst[i + 1] = b, dst[i + 2] = c, dst[i + 3] = d;
  }
  for (; i < n; i++) dst[i] = t[src[i]];
}

/* Are all tables one? */
static bool find_first(const Point *p, uint8_t first[4]) {
  int last = 0;
  for (int k = 0; k < 4; k++) first[k] = 0;
  for (int k = 1; k < p->c; k++) {
    while (first[k] < k && memcmp(p->lut[k], p->lut[first[k]], 256)) first[k]++;
    last = first[k] > last ? first[k] : last;
  }
  return last == 0;
}

#ifdef WIDE
#define VBMI __attribute__((target("avx512f,avx512bw,avx512vbmi")))
#define AVX2 __attribute__((target("avx2")))

typedef struct Quad { __m512i q[4]; } Quad; /* a table of 256 bytes */

VBMI static inline Quad quad(const uint8_t t[256]) {
  Quad r;
  for (int i = 0; i < 4; i++) r.q[i] = _mm512_loadu_si512(t + 64 * i);
  return r;
}

VBMI static inline __m512i look(const Quad *t, __m512i v) {
  __m512i lo = _mm512_permutex2var_epi8(t->q[0], v, t->q[1]);
  __m512i hi = _mm512_permutex2var_epi8(t->q[2], v, t->q[3]);
  return _mm512_mask_blend_epi8(_mm512_movepi8_mask(v), lo, hi);
}

/* Rows of 64 bytes and more end in a block that reaches back over the one before: it is looked up first, as src may be dst. */
VBMI static void row_same_vbmi(const Point *p, const uint8_t *first, const uint8_t *src, uint8_t *dst, size_t n) {
  if (n < 64) {
    row_same(p, first, src, dst, n);
    return;
  }
  const Quad t = quad(p->lut[0]);
  const __m512i last = look(&t, _mm512_loadu_si512(src + n - 64));
  for (size_t i = 0; i + 64 <= n; i += 64) _mm512_storeu_si512(dst + i, look(&t, _mm512_loadu_si512(src + i)));
  _mm512_storeu_si512(dst + n - 64, last);
}

/* Bytes of a 64-byte block that starts f bytes into a pixel (counted modulo 3 for c == 3) that belong to channel k. */
static uint64_t channel_mask(int c, int k, int f) {
  static const uint64_t every[5] = {0, ~0ULL, 0x5555555555555555, 0x9249249249249249, 0x1111111111111111};
  return every[c] << (c == 3 ? (k - f + 3) % 3 : k);
}

typedef struct Mixed { /* different tables, and where in a block of each kind they rule */
  int n;
  Quad t[4];
  __mmask64 mask[3][4];
} Mixed;

VBMI static inline void mixed_init(Mixed *m, const Point *p, const uint8_t *first) {
  int at[4];
  m->n = 0;
  memset(m->mask, 0, sizeof m->mask);
  for (int k = 0; k < p->c; k++) {
    at[k] = first[k] < k ? at[first[k]] : m->n++;
    if (first[k] == k) m->t[at[k]] = quad(p->lut[k]);
    for (int f = 0; f < 3; f++) m->mask[f][at[k]] |= channel_mask(p->c, k, f);
  }
}

VBMI static inline __m512i look_mixed(const Mixed *m, int f, __m512i v) {
  __m512i r = look(&m->t[0], v);
  for (int k = 1; k < m->n; k++) r = _mm512_mask_mov_epi8(r, m->mask[f][k], look(&m->t[k], v));
  return r;
}

VBMI static void row_plain_vbmi(const Point *p, const uint8_t *first, const uint8_t *src, uint8_t *dst, size_t n) {
  const int phases = p->c == 3 ? 3 : 1;
  Mixed m;
  if (n < 64) {
    row_plain(p, first, src, dst, n);
    return;
  }
  mixed_init(&m, p, first);
  const __m512i last = look_mixed(&m, (int)((n - 64) % 3) % phases, _mm512_loadu_si512(src + n - 64));
  int f = 0;
  for (size_t i = 0; i + 64 <= n; i += 64) {
    _mm512_storeu_si512(dst + i, look_mixed(&m, f, _mm512_loadu_si512(src + i)));
    f = f + 1 == phases ? 0 : f + 1;
  }
  _mm512_storeu_si512(dst + n - 64, last);
}

/* Row j of the table answers where the high nibble is j: elsewhere the index has bit 7 and the shuffle gives 0. */
AVX2 static void row_same_avx2(const Point *p, const uint8_t *first, const uint8_t *src, uint8_t *dst, size_t n) {
  __m256i t[16];
  for (int j = 0; j < 16; j++) t[j] = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)(p->lut[0] + 16 * j)));
  const __m256i top = _mm256_set1_epi8(0x70), step = _mm256_set1_epi8(16);
  size_t i = 0;
  for (; i + 32 <= n; i += 32) {
    __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)(src + i)), r = _mm256_setzero_si256();
    for (int j = 0; j < 16; j++) {
      r = _mm256_or_si256(r, _mm256_shuffle_epi8(t[j], _mm256_adds_epu8(v, top)));
      v = _mm256_sub_epi8(v, step);
    }
    _mm256_storeu_si256((__m256i *)(void *)(dst + i), r);
  }
  row_same(p, first, src + i, dst + i, n - i);
}
#endif

typedef void RowFn(const Point *p, const uint8_t *first, const uint8_t *src, uint8_t *dst, size_t n);

static int level_cap = 2; /* see point_limit */

void point_limit(int level) { level_cap = level; }

/* 2: VBMI, 1: AVX2, 0: neither. */
static int level(void) {
#ifdef WIDE
  if (level_cap >= 2 && __builtin_cpu_supports("avx512vbmi")) return 2;
  if (level_cap >= 1 && __builtin_cpu_supports("avx2")) return 1;
#endif
  return 0;
}

/* Whether tables run in registers here. */
static bool wide(bool same) { return level() == 2 || (same && level() == 1); }

static RowFn *pick(bool same) {
#ifdef WIDE
  if (level() == 2) return same ? row_same_vbmi : row_plain_vbmi;
  if (level() == 1 && same) return row_same_avx2;
#endif
  return same ? row_same : row_plain;
}

void point_lut_rows(const Point *p, const uint8_t *src, size_t src_stride, uint8_t *dst, size_t dst_stride, int y0, int y1) {
  uint8_t first[4];
  RowFn *const row = pick(find_first(p, first));
  const size_t n = (size_t)p->w * (size_t)p->c;
  for (int y = y0; y < y1; y++, src += src_stride, dst += dst_stride) row(p, first, src, dst, n);
}

/* Maps of the form gain * v + offset: f[k] and f[4 + k] for channel k, offsets in sample units. Measured at
 * 512 x 512 x 3 on one core: tables in AVX-512 registers 51,000 images/s, AVX2 tables 6,700, float arithmetic 5,700,
 * tables in a loop 4,500, a memory copy 55,000. All of them give the bytes of the table. */

static inline uint8_t affine_u8(uint8_t v, float gain, float offset) { return byte_of((float)v * gain + offset); }

/* 192 samples hold whole pixels of 1, 2, 3 and 4 channels. */
enum { PERIOD = 192 };

KERNEL static void affine_row(const uint8_t *src, uint8_t *dst, size_t n, const float *gain, const float *offset) {
  for (; n >= PERIOD; n -= PERIOD, src += PERIOD, dst += PERIOD)
    for (size_t i = 0; i < PERIOD; i++) dst[i] = affine_u8(src[i], gain[i], offset[i]);
  for (size_t i = 0; i < n; i++) dst[i] = affine_u8(src[i], gain[i], offset[i]);
}

static void affine_rows_u8(const Point *p, const uint8_t *src, size_t src_stride, uint8_t *dst, size_t dst_stride, int y0, int y1) {
  const size_t n = (size_t)p->w * (size_t)p->c;
  float gain[PERIOD], offset[PERIOD];
  for (int i = 0; i < PERIOD; i++) gain[i] = p->f[i % p->c], offset[i] = p->f[4 + i % p->c];
  for (int y = y0; y < y1; y++, src += src_stride, dst += dst_stride) affine_row(src, dst, n, gain, offset);
}

/* Gain 1: saturating whole numbers, one of more and less being 0 in each place. */
static inline uint8_t shift_u8(uint8_t v, uint8_t more, uint8_t less) {
  uint8_t t = (uint8_t)(v + more);
  t = t < v ? 255 : t;
  uint8_t u = (uint8_t)(t - less);
  return u > t ? 0 : u;
}

KERNEL static void shift_row(const uint8_t *src, uint8_t *dst, size_t n, const uint8_t *more, const uint8_t *less) {
  for (; n >= PERIOD; n -= PERIOD, src += PERIOD, dst += PERIOD)
    for (size_t i = 0; i < PERIOD; i++) dst[i] = shift_u8(src[i], more[i], less[i]);
  for (size_t i = 0; i < n; i++) dst[i] = shift_u8(src[i], more[i], less[i]);
}

/* The table says what the whole number is: where 0 goes, or how far 255 falls. */
static void shift_rows_u8(const Point *p, const uint8_t *src, size_t src_stride, uint8_t *dst, size_t dst_stride, int y0, int y1) {
  const size_t n = (size_t)p->w * (size_t)p->c;
  uint8_t more[PERIOD], less[PERIOD];
  for (int i = 0; i < PERIOD; i++) more[i] = p->lut[i % p->c][0], less[i] = (uint8_t)(255 - p->lut[i % p->c][255]);
  for (int y = y0; y < y1; y++, src += src_stride, dst += dst_stride) shift_row(src, dst, n, more, less);
}

/* Per sample of a period: factor, addend, limits. */
typedef struct Lines { float gain[PERIOD], offset[PERIOD], lo[PERIOD], hi[PERIOD]; } Lines;

static inline float affine_f32(float v, const Lines *l, size_t i) {
  v = v * l->gain[i] + l->offset[i];
  return v < l->lo[i] ? l->lo[i] : v > l->hi[i] ? l->hi[i] : v;
}

KERNEL static void affine_row_f32(const float *src, float *dst, size_t n, const Lines *l) {
  for (; n >= PERIOD; n -= PERIOD, src += PERIOD, dst += PERIOD)
    for (size_t i = 0; i < PERIOD; i++) dst[i] = affine_f32(src[i], l, i);
  for (size_t i = 0; i < n; i++) dst[i] = affine_f32(src[i], l, i);
}

/* Rows whose channels do not fill a period. */
static void affine_plain_f32(const Point *p, const float *from, float *to) {
  for (int x = 0; x < p->w; x++, from += p->c, to += p->c)
    for (int k = 0; k < p->c; k++) {
      const int m = k < 3 ? k : 3;
      to[k] = k < p->colours ? unit(from[k] * p->f[m] + p->f[4 + m]) : from[k];
    }
}

/* What is no colour passes as it is: less 0 is the addend that keeps even the sign of 0. */
static void affine_rows_f32(const Point *p, const uint8_t *src, size_t src_stride, uint8_t *dst, size_t dst_stride, int y0, int y1) {
  Lines l;
  for (int i = 0; i < PERIOD; i++) {
    const int k = i % p->c, m = k < 3 ? k : 3;
    const bool colour = k < p->colours;
    l.gain[i] = colour ? p->f[m] : 1.0f, l.offset[i] = colour ? p->f[4 + m] : -0.0f;
    l.lo[i] = colour ? 0.0f : -INFINITY, l.hi[i] = colour ? 1.0f : INFINITY;
  }
  for (int y = y0; y < y1; y++, src += src_stride, dst += dst_stride) {
    const float *from = (const float *)(const void *)src;
    float *to = (float *)(void *)dst;
    if (PERIOD % p->c == 0) affine_row_f32(from, to, (size_t)p->w * (size_t)p->c, &l);
    else affine_plain_f32(p, from, to);
  }
}

KERNEL static void affine_table(float gain, float offset, uint8_t *t) {
  for (int v = 0; v < 256; v++) t[v] = affine_u8((uint8_t)v, gain, offset);
}

static void affine_tables(Point *p) {
  uint8_t first[4];
  bool shift = true;
  for (int k = 0; k < p->c; k++) {
    const float gain = p->f[k], offset = gain == 1.0f ? floorf(p->f[4 + k] + 0.5f) : p->f[4 + k];
    affine_table(gain, offset, p->lut[k]);
    if (gain != 1.0f) shift = false;
    p->f[4 + k] = offset;
  }
  p->is_lut = true;
  p->rows = shift ? shift_rows_u8 : wide(find_first(p, first)) ? point_lut_rows : affine_rows_u8;
}

bool point_affine(Point *p) {
  bool changes = false;
  for (int k = 0; k < 4; k++) {
    if (p->colours < p->c && p->c <= 4 && k >= p->colours) p->f[k] = 1.0f, p->f[4 + k] = 0.0f;
    if (k < p->c && (p->f[k] != 1.0f || p->f[4 + k] != 0.0f)) changes = true;
  }
  if (!changes) return true;
  if (p->type == IMAGE_F32)
    p->rows = affine_rows_f32;
  else
    affine_tables(p);
  return true;
}

void point_tables(Point *p, const uint8_t table[3][256]) {
  for (int k = 0; k < 4; k++)
    for (int v = 0; v < 256; v++) p->lut[k][v] = k < p->colours ? table[k < 3 ? k : 0][v] : (uint8_t)v;
  p->is_lut = true;
  p->rows = point_lut_rows;
}

bool point_map(Point *p, float (*map)(const Point *p, float v),
               void (*rows)(const Point *, const uint8_t *, size_t, uint8_t *, size_t, int, int)) {
  if (p->type == IMAGE_F32) {
    p->rows = rows;
    return true;
  }
  uint8_t t[3][256];
  for (int v = 0; v < 256; v++) t[0][v] = sample_u8(255.0f * map(p, (float)v / 255.0f));
  memcpy(t[1], t[0], 256);
  memcpy(t[2], t[0], 256);
  point_tables(p, (const uint8_t(*)[256])t);
  return true;
}
