/* Small squares of samples whose rows become columns. SPDX-License-Identifier: MIT */
#ifndef BRINK_TURN_H
#define BRINK_TURN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#if defined(__SSE2__)
/* 16 x 16 bytes: four rounds of interleaving row i with row i + 8. from and to: bytes from row to row, of either sign. */
static inline __attribute__((always_inline)) void turn_bytes(const uint8_t *src, ptrdiff_t from, uint8_t *dst, ptrdiff_t to) {
  __m128i a[16], b[16];
  for (int i = 0; i < 16; i++) a[i] = _mm_loadu_si128((const __m128i *)(const void *)(src + i * from));
  for (int round = 0; round < 4; round++) {
    for (int i = 0; i < 8; i++) {
      b[2 * i] = _mm_unpacklo_epi8(a[i], a[i + 8]);
      b[2 * i + 1] = _mm_unpackhi_epi8(a[i], a[i + 8]);
    }
    memcpy(a, b, sizeof a);
  }
  for (int i = 0; i < 16; i++) _mm_storeu_si128((__m128i *)(void *)(dst + i * to), a[i]);
}

/* 4 x 4 words of four bytes. */
static inline __attribute__((always_inline)) void turn_words(const uint8_t *src, ptrdiff_t from, uint8_t *dst, ptrdiff_t to) {
  __m128i a[4], b[4];
  for (int i = 0; i < 4; i++) a[i] = _mm_loadu_si128((const __m128i *)(const void *)(src + i * from));
  for (int i = 0; i < 2; i++) {
    b[2 * i] = _mm_unpacklo_epi32(a[i], a[i + 2]);
    b[2 * i + 1] = _mm_unpackhi_epi32(a[i], a[i + 2]);
  }
  a[0] = _mm_unpacklo_epi32(b[0], b[2]), a[1] = _mm_unpackhi_epi32(b[0], b[2]);
  a[2] = _mm_unpacklo_epi32(b[1], b[3]), a[3] = _mm_unpackhi_epi32(b[1], b[3]);
  for (int i = 0; i < 4; i++) _mm_storeu_si128((__m128i *)(void *)(dst + i * to), a[i]);
}
#else
static inline void turn_bytes(const uint8_t *src, ptrdiff_t from, uint8_t *dst, ptrdiff_t to) {
  for (int i = 0; i < 16; i++)
    for (int j = 0; j < 16; j++) dst[j * to + i] = src[i * from + j];
}

static inline void turn_words(const uint8_t *src, ptrdiff_t from, uint8_t *dst, ptrdiff_t to) {
  for (int i = 0; i < 4; i++)
    for (int j = 0; j < 4; j++) memcpy(dst + j * to + 4 * i, src + i * from + 4 * j, 4);
}
#endif

#endif
