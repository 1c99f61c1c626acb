/* Bilinear mixing for sample.c and straight.c: f32 pixels of four channels, and four u8 pixels per step. Of the latter
 * the numbers are lerp_u8's: vertical to 15 bits, then horizontal. SPDX-License-Identifier: MIT */
#ifndef BRINK_LERP_H
#define BRINK_LERP_H

#include <string.h>

#include "prim/resample.h"

/* Four floats of four channels: vertically, then horizontally. a b above c d. */
static inline __attribute__((always_inline)) void lerp_pixel(const float *a, const float *b, const float *c, const float *d, float fx, float fy, float *dst) {
  typedef float Pixel __attribute__((vector_size(16)));
  Pixel p[4];
  memcpy(&p[0], a, sizeof *p);
  memcpy(&p[1], b, sizeof *p);
  memcpy(&p[2], c, sizeof *p);
  memcpy(&p[3], d, sizeof *p);
  p[0] += (p[2] - p[0]) * fy;
  p[1] += (p[3] - p[1]) * fy;
  p[0] += (p[1] - p[0]) * fx;
  memcpy(dst, &p[0], sizeof *p);
}

#if defined(__x86_64__) && (defined(BRINK_CLONES) || defined(__SANITIZE_ADDRESS__))
#include <immintrin.h>
#define AVX2 __attribute__((target("avx2")))

/* Left neighbours at one and two (16 bytes are read) and the right ones behind them: 16-bit left right left right ... */
AVX2 static inline __attribute__((always_inline)) __m256i load_two(const uint8_t *one, const uint8_t *two, __m256i spread) {
  __m256i v = _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)one));
  return _mm256_shuffle_epi8(_mm256_inserti128_si256(v, _mm_loadu_si128((const __m128i *)(const void *)two), 1), spread);
}

/* lerp_four for a pixel in each half, before the packing */
AVX2 static inline __attribute__((always_inline)) __m256i lerp_two(__m256i a, __m256i b, __m256i across, __m256i down) {
  __m256i v = _mm256_add_epi16(_mm256_slli_epi16(a, 8), _mm256_mullo_epi16(_mm256_sub_epi16(b, a), down));
  __m256i h = _mm256_madd_epi16(_mm256_srli_epi16(v, 1), across);
  return _mm256_srli_epi32(_mm256_add_epi32(h, _mm256_set1_epi32(1 << 14)), 15);
}

/* Four pixels of 3 or 4 channels whose upper and lower left neighbours start at data + top[i] and data + low[i]; the right
 * ones lie beside them. 16 bytes are read at each. across: weight of the right one in the upper half, of the left one in
 * the lower; down: weight of the lower pair in both halves. Writes 8 + 2 c bytes. */
AVX2 static inline __attribute__((always_inline)) void lerp_store(const uint8_t *data, const int *top, const int *low, const uint32_t *across_at, const uint32_t *down_at,
                                   uint8_t *dst, const int c) {
  const __m256i spread = _mm256_broadcastsi128_si256(
      c == 3 ? _mm_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1) : _mm_setr_epi8(0, -1, 4, -1, 1, -1, 5, -1, 2, -1, 6, -1, 3, -1, 7, -1));
  const __m256i even = _mm256_setr_epi32(0, 0, 0, 0, 2, 2, 2, 2), uneven = _mm256_setr_epi32(1, 1, 1, 1, 3, 3, 3, 3);
  const __m256i across = _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)across_at));
  const __m256i down = _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)down_at));
  __m256i v = lerp_two(load_two(data + top[0], data + top[2], spread), load_two(data + low[0], data + low[2], spread),
                       _mm256_permutevar8x32_epi32(across, even), _mm256_permutevar8x32_epi32(down, even));
  __m256i w = lerp_two(load_two(data + top[1], data + top[3], spread), load_two(data + low[1], data + low[3], spread),
                       _mm256_permutevar8x32_epi32(across, uneven), _mm256_permutevar8x32_epi32(down, uneven));
  v = _mm256_packs_epi32(v, w);
  v = _mm256_packus_epi16(v, v);
  if (c == 3) v = _mm256_shuffle_epi8(v, _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 2, 4, 5, 6, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1)));
  _mm_storel_epi64((__m128i *)(void *)dst, _mm256_castsi256_si128(v));
  _mm_storel_epi64((__m128i *)(void *)(dst + 2 * c), _mm256_extracti128_si256(v, 1));
}

static inline bool has_quads(void) { return __builtin_cpu_supports("avx2"); }
#else
static inline bool has_quads(void) { return false; }
#endif

#endif
