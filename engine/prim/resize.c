/* Axis-aligned scaling: first rows, then columns, each output sample a weighted
 * sum of neighbouring inputs. Shrinking widens the kernel with the factor (as
 * Pillow does), so nothing aliases; AREA weighs each input by its overlap.
 *
 * u8 with few non-negative weights runs in 16 bits: samples times 2^8, weights
 * of 15 bits, products' high halves. Columns are done on blocks of BLOCK rows
 * turned so that a column's samples lie side by side, which makes any channel
 * count equally fast. Everything else runs in f32.
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "prim/resample.h"
#include "prim/turn.h"

enum { BLOCK = 32, FIXED_TAPS = 24, WIDE_TAPS = 256 };

typedef struct Axis {
  int n;           /* output positions */
  int k;           /* taps of each */
  int *first;      /* input index of the first tap */
  float *w;        /* n x k */
  uint16_t *fixed; /* n x k, summing to share * 2^15; NULL where weights may be negative or many */
  float *share;    /* sum of the weights: 1 inside, less where a constant border shows */
  bool full;       /* every share is 1 */
} Axis;

static double kernel(Interp interp, double x) {
  x = fabs(x);
  if (interp == INTERP_CUBIC) { /* Catmull-Rom */
    if (x < 1.0) return (1.5 * x - 2.5) * x * x + 1.0;
    return x < 2.0 ? ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0 : 0.0;
  }
  return x < 1.0 ? 1.0 - x : 0.0;
}

/* Weight of input sample i for an output centred at q covering `scale` input samples. */
static double tap_weight(Interp interp, int64_t i, double q, double scale) {
  if (interp == INTERP_AREA) {
    double a = fmax((double)i, q - scale / 2.0), b = fmin((double)i + 1.0, q + scale / 2.0);
    return b > a ? (b - a) / scale : 0.0;
  }
  double wide = scale > 1.0 ? scale : 1.0;
  return kernel(interp, ((double)i + 0.5 - q) / wide) / wide;
}

static double support(Interp interp, double scale) {
  double wide = scale > 1.0 ? scale : 1.0;
  return interp == INTERP_AREA ? scale / 2.0 : interp == INTERP_CUBIC ? 2.0 * wide : wide;
}

/* Whole numbers of 2^15 whose sum is exact, the largest taking the difference. */
static void fix_weights(Axis *a, int o) {
  const float *w = a->w + (size_t)o * (size_t)a->k;
  uint16_t *f = a->fixed + (size_t)o * (size_t)a->k;
  int sum = 0, big = 0, want = (int)(a->share[o] * 32768.0f + 0.5f);
  for (int i = 0; i < a->k; i++) {
    f[i] = (uint16_t)(w[i] * 32768.0f + 0.5f);
    sum += f[i];
    if (f[i] > f[big]) big = i;
  }
  f[big] = (uint16_t)(f[big] + want - sum);
}

static void fill_taps(Axis *a, int o, double q, double scale, int size, Interp interp, Border border) {
  float *w = a->w + (size_t)o * (size_t)a->k;
  if (border != BORDER_CONSTANT) q = q < 0.0 ? 0.0 : q > size ? size : q;
  double reach = support(interp, scale), sum = 0.0, all = 0.0;
  int64_t lo = (int64_t)floor(fmax(q - reach, -1e9)), hi = (int64_t)ceil(fmin(q + reach, 2e9));
  int64_t start = lo < 0 ? 0 : lo;
  if (start > size - a->k) start = size - a->k;
  if (hi <= 0 || lo >= size) hi = lo; /* sees nothing of the picture */
  const bool wide = hi - lo > WIDE_TAPS; /* so many that they sum to 1 however they fall */
  if (wide) {
    lo = start;
    hi = start + a->k;
  }
  for (int64_t i = lo; i < hi; i++) {
    double v = tap_weight(interp, i, q, scale);
    all += v;
    if (i >= start && i < start + a->k) sum += w[i - start] = (float)v;
  }
  if (wide) all = 1.0;
  double norm = border == BORDER_CONSTANT ? all : sum;
  for (int i = 0; i < a->k; i++) w[i] = norm != 0.0 ? (float)(w[i] / norm) : 0.0f;
  a->first[o] = (int)start;
  a->share[o] = border != BORDER_CONSTANT || all == sum ? (norm != 0.0 ? 1.0f : 0.0f) : (float)(sum / norm);
  if (a->share[o] != 1.0f) a->full = false;
}

static void axis_clear(Axis *a) {
  mem_free(a->first);
  mem_free(a->w);
  mem_free(a->fixed);
  mem_free(a->share);
}

/* Output i sits at scale * (i + .5) + shift of the input; scale may be negative. */
static bool axis_init(Axis *a, int n, double scale, double shift, int size, Interp interp, Border border, bool fixed, Err *err) {
  double k = 2.0 * ceil(support(interp, fabs(scale))) + 1.0;
  *a = (Axis){.n = n, .k = k > size ? size : (int)k, .full = true};
  fixed = fixed && interp != INTERP_CUBIC && a->k <= FIXED_TAPS;
  a->first = mem_alloc((size_t)n, sizeof *a->first);
  a->share = mem_alloc((size_t)n, sizeof *a->share);
  a->w = mem_calloc((size_t)n * (size_t)a->k, sizeof *a->w);
  if (fixed) a->fixed = mem_calloc((size_t)n * (size_t)a->k, sizeof *a->fixed);
  if (!a->first || !a->share || !a->w || (fixed && !a->fixed)) {
    axis_clear(a);
    return err_memory(err);
  }
  for (int o = 0; o < n; o++) {
    fill_taps(a, o, scale * (o + 0.5) + shift, fabs(scale), size, interp, border);
    if (fixed) fix_weights(a, o);
  }
  return true;
}

/* One output row of f32 sums from k input rows. */
KERNEL static void mix_row_u8(const uint8_t *src, size_t stride, const float *w, int k, int n, float *restrict out) {
  memset(out, 0, (size_t)n * sizeof *out);
  for (int t = 0; t < k; t++) {
    const uint8_t *row = src + (size_t)t * stride;
    const float v = w[t];
    if (v == 0.0f) continue;
    for (int i = 0; i < n; i++) out[i] += row[i] * v;
  }
}

KERNEL static void mix_row_f32(const float *src, size_t stride, const float *w, int k, int n, float *restrict out) {
  memset(out, 0, (size_t)n * sizeof *out);
  for (int t = 0; t < k; t++) {
    const float *row = src + (size_t)t * stride;
    const float v = w[t];
    if (v == 0.0f) continue;
    for (int i = 0; i < n; i++) out[i] += row[i] * v;
  }
}

static inline __attribute__((always_inline)) void mix_columns(const Axis *a, const float *row, float *restrict out, const int c) {
  for (int o = 0; o < a->n; o++, out += c) {
    const float *p = row + (size_t)a->first[o] * (size_t)c, *w = a->w + (size_t)o * (size_t)a->k;
    for (int j = 0; j < c; j++) out[j] = 0.0f;
    for (int t = 0; t < a->k; t++, p += c)
      for (int j = 0; j < c; j++) out[j] += p[j] * w[t];
  }
}

static void add_fill(const Axis *ax, float share, const float *fill, int c, float *out) {
  for (int o = 0; o < ax->n; o++, out += c) {
    float missing = 1.0f - share * ax->share[o];
    if (missing == 0.0f) continue;
    for (int j = 0; j < c; j++) out[j] += missing * fill[j];
  }
}

static bool scale_f32(const Axis *ax, const Axis *ay, const Image *in, const float *fill, Image *out, Err *err) {
  const int c = in->c, m = in->w * c, n = out->w * c;
  float *mid = mem_alloc((size_t)m + (size_t)n, sizeof *mid), *line = mid + m;
  if (!mid) return err_memory(err);
  for (int y = 0; y < out->h; y++) {
    const float *w = ay->w + (size_t)y * (size_t)ay->k;
    const uint8_t *src = image_row(in, ay->first[y]);
    if (in->type == IMAGE_U8) mix_row_u8(src, in->stride, w, ay->k, m, mid);
    else mix_row_f32((const float *)(const void *)src, in->stride / sizeof *mid, w, ay->k, m, mid);
    float *dst = in->type == IMAGE_U8 ? line : image_row_f(out, y);
    if (c == 3) mix_columns(ax, mid, dst, 3);
    else if (c == 1) mix_columns(ax, mid, dst, 1);
    else if (c == 4) mix_columns(ax, mid, dst, 4);
    else mix_columns(ax, mid, dst, c);
    if (!ax->full || !ay->full) add_fill(ax, ay->share[y], fill, c, dst);
    if (in->type == IMAGE_U8) {
      uint8_t *p = image_row(out, y);
      for (int i = 0; i < n; i++) p[i] = line[i] <= 0.0f ? 0 : line[i] >= 255.0f ? 255 : (uint8_t)(line[i] + 0.5f);
    }
  }
  mem_free(mid);
  return true;
}

/* High half of sample * 2^8 times weight: sample * weight / 2^8. */
static inline uint16_t high(uint8_t v, uint16_t w) { return (uint16_t)(((uint32_t)(uint16_t)(v << 8) * w) >> 16); }

KERNEL static void mix_row_fixed(const uint8_t *src, size_t stride, const uint16_t *w, int k, int n, uint16_t *restrict sum, uint8_t *restrict out) {
  const uint16_t round = (uint16_t)(64 + k / 2); /* each product lost half a unit on average */
  for (int i = 0; i < n; i++) sum[i] = round;
  for (int t = 0; t < k; t += 2) {
    const uint16_t a = w[t], b = t + 1 < k ? w[t + 1] : 0;
    const uint8_t *p = src + (size_t)t * stride, *q = b ? p + stride : p;
    if (!a && !b) continue;
    for (int i = 0; i < n; i++) sum[i] = (uint16_t)(sum[i] + high(p[i], a) + high(q[i], b));
  }
  for (int i = 0; i < n; i++) out[i] = (uint8_t)(sum[i] >> 7 > 255 ? 255 : sum[i] >> 7);
}

/* Columns of BLOCK rows at once: in and out are [column][channel][row]. */
KERNEL static void mix_columns_fixed(const Axis *a, int c, const uint8_t *restrict in, uint8_t *restrict out) {
  const uint16_t round = (uint16_t)(64 + a->k / 2);
  for (int o = 0; o < a->n; o++) {
    const uint16_t *w = a->fixed + (size_t)o * (size_t)a->k;
    for (int j = 0; j < c; j++, out += BLOCK) {
      const uint8_t *p = in + ((size_t)a->first[o] * (size_t)c + (size_t)j) * BLOCK;
      uint16_t sum[BLOCK];
      for (int i = 0; i < BLOCK; i++) sum[i] = round;
      for (int t = 0; t < a->k; t++, p += (size_t)c * BLOCK)
        for (int i = 0; i < BLOCK; i++) sum[i] = (uint16_t)(sum[i] + high(p[i], w[t]));
      for (int i = 0; i < BLOCK; i++) out[i] = (uint8_t)(sum[i] >> 7 > 255 ? 255 : sum[i] >> 7);
    }
  }
}

/* [BLOCK][n] to [n][BLOCK]; n is a multiple of 16. */
static void turn_in(const uint8_t *src, size_t stride, int n, uint8_t *dst) {
  for (int i = 0; i < n; i += 16)
    for (int y = 0; y < BLOCK; y += 16) turn_bytes(src + (size_t)y * stride + i, (ptrdiff_t)stride, dst + (size_t)i * BLOCK + y, BLOCK);
}

/* And back, of which rows x n are wanted. */
static void turn_out(const uint8_t *src, int rows, int n, uint8_t *dst, size_t stride) {
  for (int y = 0; y < rows; y += 16)
    for (int i = 0; i < n; i += 16) {
      if (y + 16 <= rows && i + 16 <= n) {
        turn_bytes(src + (size_t)i * BLOCK + y, BLOCK, dst + (size_t)y * stride + i, (ptrdiff_t)stride);
        continue;
      }
      for (int r = y; r < rows && r < y + 16; r++)
        for (int k = i; k < n && k < i + 16; k++) dst[(size_t)r * stride + (size_t)k] = src[(size_t)k * BLOCK + (size_t)r];
    }
}

static bool scale_fixed(const Axis *ax, const Axis *ay, const Image *in, Image *out, Err *err) {
  const int m = in->w * in->c, n = out->w * in->c;
  const size_t wide = ((size_t)m + 63) & ~(size_t)63;
  uint8_t *rows = mem_aligned(wide * BLOCK);
  uint16_t *sum = mem_alloc((size_t)m, sizeof *sum);
  uint8_t *turned = mem_aligned((wide + (size_t)n) * BLOCK), *done = turned ? turned + wide * BLOCK : NULL;
  bool ok = rows && sum && turned;
  if (ok) memset(rows, 0, wide * BLOCK); /* rows past the last and bytes past the width are turned too */
  for (int y = 0; ok && y < out->h; y += BLOCK) {
    int count = out->h - y < BLOCK ? out->h - y : BLOCK;
    for (int i = 0; i < count; i++)
      mix_row_fixed(image_row(in, ay->first[y + i]), in->stride, ay->fixed + (size_t)(y + i) * (size_t)ay->k, ay->k, m, sum, rows + wide * (size_t)i);
    turn_in(rows, wide, (m + 15) & ~15, turned);
    mix_columns_fixed(ax, in->c, turned, done);
    turn_out(done, count, n, image_row(out, y), out->stride);
  }
  mem_free(rows);
  mem_free(sum);
  mem_free(turned);
  return ok || err_memory(err);
}

/* Exactly half the size: the fixed weights above are two halves and round up, so every step is a mean rounded up. */
static bool is_half(const Stage *s, const Image *in) {
  const double *m = s->back;
  return in->type == IMAGE_U8 && s->interp == INTERP_AREA && in->w == 2 * s->out_w && in->h == 2 * s->out_h && m[0] == 2.0 &&
         m[4] == 2.0 && m[2] == 0.0 && m[5] == 0.0;
}

static inline uint8_t mean_up(int a, int b) { return (uint8_t)((a + b + 1) >> 1); }

#if defined(__x86_64__) && (defined(BRINK_CLONES) || defined(__SANITIZE_ADDRESS__))
#include <immintrin.h>

/* As many whole pixels as come from 16 bytes at a time; up to 8 bytes are written, of which the next step writes the
 * last ones again. Bytes done of n. */
__attribute__((target("ssse3"))) static size_t halve_wide(const uint8_t *a, const uint8_t *b, size_t c, uint8_t *dst, size_t n) {
  const size_t step = 8 / c * c;
  uint8_t right[16], both[16];
  size_t i = 0;
  if (!__builtin_cpu_supports("ssse3")) return 0;
  for (size_t k = 0; k < 16; k++) right[k] = (uint8_t)(k + c < 16 ? k + c : 15), both[k] = (uint8_t)(k < step ? k / c * 2 * c + k % c : 0);
  const __m128i to_right = _mm_loadu_si128((const __m128i *)(const void *)right), kept = _mm_loadu_si128((const __m128i *)(const void *)both);
  for (; i + 8 <= n; i += step) {
    __m128i v = _mm_avg_epu8(_mm_loadu_si128((const __m128i *)(const void *)(a + 2 * i)), _mm_loadu_si128((const __m128i *)(const void *)(b + 2 * i)));
    v = _mm_shuffle_epi8(_mm_avg_epu8(v, _mm_shuffle_epi8(v, to_right)), kept);
    _mm_storel_epi64((__m128i *)(void *)(dst + i), v);
  }
  return i;
}
#else
static size_t halve_wide(const uint8_t *a, const uint8_t *b, size_t c, uint8_t *dst, size_t n) { return (void)a, (void)b, (void)c, (void)dst, (void)n, 0; }
#endif

static Image *halve(const Image *in, Err *err) {
  const size_t c = (size_t)in->c;
  Image *out = image_new(in->w / 2, in->h / 2, in->c, in->type, in->alpha, err);
  for (int y = 0; out && y < out->h; y++) {
    const uint8_t *a = image_row(in, 2 * y), *b = image_row(in, 2 * y + 1);
    uint8_t *dst = image_row(out, y);
    const size_t n = (size_t)out->w * c;
    for (size_t i = halve_wide(a, b, c, dst, n); i < n; i++) {
      const size_t k = i / c * 2 * c + i % c;
      dst[i] = mean_up(mean_up(a[k], b[k]), mean_up(a[k + c], b[k + c]));
    }
  }
  return out;
}

/* The weights above left out what the border contributes: nothing, when it is black. */
static void add_fill_u8(const Axis *ax, const Axis *ay, const float *fill, Image *out) {
  const int c = out->c;
  bool lit = false;
  for (int k = 0; k < c; k++) lit = lit || fill[k] != 0.0f;
  for (int y = 0; lit && y < out->h; y++) {
    uint8_t *p = image_row(out, y);
    for (int x = 0; x < out->w; x++, p += c) {
      float missing = 1.0f - ay->share[y] * ax->share[x];
      if (missing == 0.0f) continue;
      for (int k = 0; k < c; k++) {
        float v = p[k] + missing * fill[k] + 0.5f;
        p[k] = v >= 255.0f ? 255 : (uint8_t)v;
      }
    }
  }
}

static Image *scale_image(const Axis *ax, const Axis *ay, const Image *in, const float *fill, Err *err) {
  Image *out = image_new(ax->n, ay->n, in->c, in->type, in->alpha, err);
  if (!out) return NULL;
  bool fixed = ax->fixed && ay->fixed;
  if (fixed ? scale_fixed(ax, ay, in, out, err) : scale_f32(ax, ay, in, fill, out, err)) {
    if (fixed && (!ax->full || !ay->full)) add_fill_u8(ax, ay, fill, out);
    return out;
  }
  image_unref(out);
  return NULL;
}

Image *resample_axes(const Stage *s, const Image *in, Err *err) {
  Axis ax, ay;
  Image *out = NULL;
  const double *m = s->back;
  const bool u8 = in->type == IMAGE_U8;
  if (is_half(s, in)) return halve(in, err);
  float *fill = mem_alloc((size_t)in->c, sizeof *fill);
  if (!fill) return err_memory(err), NULL;
  for (int k = 0; k < in->c; k++) fill[k] = stage_fill(s, in, k);
  if (axis_init(&ax, s->out_w, m[0], m[2], in->w, s->interp, s->border, u8, err)) {
    if (axis_init(&ay, s->out_h, m[4], m[5], in->h, s->interp, s->border, u8, err)) {
      out = scale_image(&ax, &ay, in, fill, err);
      axis_clear(&ay);
    }
    axis_clear(&ax);
  }
  mem_free(fill);
  return out;
}

Image *resample_shrink(const Image *in, int w, int h, Err *err) {
  Stage s = {.in_w = in->w, .in_h = in->h, .out_w = w, .out_h = h, .border = BORDER_REPLICATE, .interp = INTERP_AREA};
  const double back[9] = {(double)in->w / w, 0, 0, 0, (double)in->h / h, 0, 0, 0, 1};
  memcpy(s.back, back, sizeof back);
  return resample_axes(&s, in, err);
}
