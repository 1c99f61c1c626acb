/* What point primitives share: runners for maps of a single sample.
 * SPDX-License-Identifier: MIT */
#ifndef BRINK_POINT_H
#define BRINK_POINT_H

#include "prim/prim.h"

/* Rec. 601 */
#define LUMA_R 0.299f
#define LUMA_G 0.587f
#define LUMA_B 0.114f

static inline float unit(float v) { return v < 0.0f ? 0.0f : v > 1.0f ? 1.0f : v; }

/* sample_u8 for |v| < 2^31, with the limits on integers: compilers make minimum and maximum of that. */
static inline uint8_t byte_of(float v) {
  int t = (int)(v + 0.5f);
  t = t < 0 ? 0 : t;
  return (uint8_t)(t > 255 ? 255 : t);
}

/* gain * v + offset with p->f[k] and p->f[4 + k] for channel k (index 3 serves every further channel), offsets in
 * sample units (0..255 for u8, 0..1 for f32). Alpha is left alone whatever f says. u8 runs as arithmetic and gives
 * exactly the bytes of its table; f32 is clamped to 0..1. */
bool point_affine(Point *p);

/* Test double: look tables up as a lesser CPU would. 2 (default): AVX-512 VBMI, 1: AVX2, 0: neither. */
void point_limit(int level);

/* u8 tables by colour channel; alpha gets the identity. */
void point_tables(Point *p, const uint8_t table[3][256]);

/* The same map 0..1 -> 0..1 on every colour channel: u8 by table, f32 by `rows`, made by POINT_MAP_ROWS. */
bool point_map(Point *p, float (*map)(const Point *p, float v),
               void (*rows)(const Point *, const uint8_t *, size_t, uint8_t *, size_t, int, int));

#define POINT_MAP_ROWS(name, map)                                                                                   \
  static void name(const Point *p, const uint8_t *src, size_t src_stride, uint8_t *dst, size_t dst_stride, int y0,  \
                   int y1) {                                                                                        \
    for (int y = y0; y < y1; y++, src += src_stride, dst += dst_stride) {                                           \
      const float *from = (const float *)(const void *)src;                                                         \
      float *to = (float *)(void *)dst;                                                                             \
      for (int x = 0; x < p->w; x++, from += p->c, to += p->c) {                                                    \
        for (int k = 0; k < p->colours; k++) to[k] = map(p, unit(from[k]));                                         \
        for (int k = p->colours; k < p->c; k++) to[k] = from[k];                                                    \
      }                                                                                                             \
    }                                                                                                               \
  }

#endif
