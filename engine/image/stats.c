/* Statistics. u8 sums are integers and so exact; f32 sums run in eight lanes
 * whose order never depends on the machine. SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "base/fmath.h"
#include "image/image.h"

/* 48 is a multiple of 1..4 channels: sample i of a row always has phase i % 48, which fixes its channel,
 * and the loop over phases is plain arithmetic on neighbours. */
enum { PHASES = 48, BATCH = 255 * 256 / 4 };

typedef struct Sums {
  uint32_t sum[PHASES], square[PHASES]; /* of one batch of a row: no more than 2^32 / 255^2 samples a phase */
  uint8_t min[PHASES], max[PHASES];
} Sums;

typedef struct Totals {
  uint64_t sum[4], square[4];
  uint8_t min[4], max[4];
} Totals;

KERNEL static void sum_blocks(const uint8_t *restrict s, size_t blocks, Sums *restrict t) {
  for (size_t b = 0; b < blocks; b++, s += PHASES)
    for (int i = 0; i < PHASES; i++) {
      t->sum[i] += s[i];
      t->square[i] += (uint32_t)s[i] * s[i];
      t->min[i] = s[i] < t->min[i] ? s[i] : t->min[i];
      t->max[i] = s[i] > t->max[i] ? s[i] : t->max[i];
    }
}

static void fold(const Sums *s, int phases, int c, Totals *t) {
  for (int i = 0; i < phases; i++) {
    int k = i % c;
    t->sum[k] += s->sum[i];
    t->square[k] += s->square[i];
    if (s->min[i] < t->min[k]) t->min[k] = s->min[i];
    if (s->max[i] > t->max[k]) t->max[k] = s->max[i];
  }
}

static void clear(Sums *s) {
  memset(s, 0, sizeof *s);
  memset(s->min, 255, sizeof s->min);
}

static void sum_row(const uint8_t *s, size_t n, int c, Totals *t) {
  Sums part;
  while (n >= PHASES) {
    size_t blocks = n / PHASES < BATCH ? n / PHASES : BATCH;
    clear(&part);
    sum_blocks(s, blocks, &part);
    fold(&part, PHASES, c, t);
    s += blocks * PHASES;
    n -= blocks * PHASES;
  }
  for (size_t i = 0; i < n; i++) {
    size_t k = i % (size_t)c;
    t->sum[k] += s[i];
    t->square[k] += (uint32_t)s[i] * s[i];
    if (s[i] < t->min[k]) t->min[k] = s[i];
    if (s[i] > t->max[k]) t->max[k] = s[i];
  }
}

__extension__ typedef unsigned __int128 Wide;

/* Population deviation of n values from exact sums: n * square - sum^2 needs up to 2^94 bits of room. */
static double deviation(uint64_t n, uint64_t sum, uint64_t square) {
  Wide v = (Wide)n * square - (Wide)sum * sum;
  return sqrt((double)v) / (double)n;
}

static void channels_u8(const Image *im, ImageStats *out) {
  Totals t;
  const uint64_t n = (uint64_t)im->w * (uint64_t)im->h;
  memset(&t, 0, sizeof t);
  memset(t.min, 255, sizeof t.min);
  for (int y = 0; y < im->h; y++) sum_row(image_row(im, y), (size_t)im->w * (size_t)im->c, im->c, &t);
  for (int k = 0; k < image_colours(im); k++) {
    out->mean[k] = (double)t.sum[k] / (double)n;
    out->dev[k] = deviation(n, t.sum[k], t.square[k]);
    out->min[k] = t.min[k];
    out->max[k] = t.max[k];
  }
}

/* Sum over channel k of v, or of (v - mean)^2, in eight lanes by column. */
static double lanes(const Image *im, int k, bool squares, double mean) {
  double lane[8] = {0}, sum = 0;
  for (int y = 0; y < im->h; y++) {
    const float *s = image_row_f(im, y) + k;
    for (int x = 0; x < im->w; x++) {
      double v = (double)s[(size_t)x * (size_t)im->c] - mean;
      lane[x & 7] += squares ? v * v : v;
    }
  }
  for (int i = 0; i < 8; i++) sum += lane[i];
  return sum;
}

static void channels_f32(const Image *im, ImageStats *out) {
  const double n = (double)im->w * (double)im->h;
  int count = image_colours(im) < 4 ? image_colours(im) : 4;
  for (int k = 0; k < count; k++) {
    float lo = INFINITY, hi = -INFINITY;
    for (int y = 0; y < im->h; y++) {
      const float *s = image_row_f(im, y) + k;
      for (int x = 0; x < im->w; x++) {
        float v = s[(size_t)x * (size_t)im->c];
        lo = v < lo ? v : lo;
        hi = v > hi ? v : hi;
      }
    }
    out->mean[k] = lanes(im, k, false, 0) / n;
    out->dev[k] = sqrt(lanes(im, k, true, out->mean[k]) / n);
    out->min[k] = lo;
    out->max[k] = hi;
  }
}

/* Four tables, so that equal neighbours do not wait for each other's count. */
static void histogram(const uint8_t *s, int w, uint32_t t[4][256]) {
  int x = 0;
  for (; x + 4 <= w; x += 4) {
    t[0][s[x]]++;
    t[1][s[x + 1]]++;
    t[2][s[x + 2]]++;
    t[3][s[x + 3]]++;
  }
  for (; x < w; x++) t[0][s[x]]++;
}

/* Rows wider than the strip go through it in parts, so that no memory is asked for. */
static void luma(const Image *im, ImageStats *out) {
  enum { STRIP = 2048 };
  uint8_t strip[STRIP];
  uint32_t t[4][256];
  /* no copy of the struct: another thread may be counting its references */
  Image part = { .h = 1, .c = im->c, .type = im->type, .alpha = im->alpha, .stride = im->stride };
  const size_t px = (size_t)im->c * image_sample_size(im);
  for (int y = 0; y < im->h; y++) {
    memset(t, 0, sizeof t);
    for (int x = 0; x < im->w; x += STRIP) {
      part.w = im->w - x < STRIP ? im->w - x : STRIP;
      part.data = image_row(im, y) + (size_t)x * px;
      image_luma_u8(&part, 0, strip);
      histogram(strip, part.w, t);
    }
    for (int i = 0; i < 256; i++) out->luma_hist[i] += (uint64_t)t[0][i] + t[1][i] + t[2][i] + t[3][i];
  }
}

static void from_histogram(ImageStats *out, uint64_t n) {
  uint64_t sum = 0, square = 0;
  double bits = 0;
  for (unsigned i = 0; i < 256; i++) {
    uint64_t k = out->luma_hist[i];
    sum += k * i;
    square += k * i * i;
    if (k && k < n) bits -= (double)k / (double)n * fm_log((double)k / (double)n);
  }
  out->luma_mean = (double)sum / (double)n;
  out->luma_dev = deviation(n, sum, square);
  out->entropy = bits / 0.69314718055994530942; /* ln 2 */
}

void image_stats(const Image *im, ImageStats *out) {
  memset(out, 0, sizeof *out);
  if (im->type == IMAGE_U8) channels_u8(im, out);
  else channels_f32(im, out);
  luma(im, out);
  from_histogram(out, (uint64_t)im->w * (uint64_t)im->h);
}
