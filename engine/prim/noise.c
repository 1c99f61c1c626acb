/* Noise: what a sensor or a bad line adds. All point primitives.
 *
 * The number that meets a sample depends on (key, row, position in the row)
 * alone and is then scaled by the amount, so one key draws one noise field and
 * the amount turns it up: curves over the amount are smooth and paired, a larger
 * share of dropped pixels contains the smaller one. Rows go through strips of
 * floats: load the colour samples, change them, store; opacity is not touched.
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "base/cpu.h"
#include "base/fmath.h"
#include "base/mem.h"
#include "prim/colours.h"
#include "prim/prim.h"
#include "prim/stream.h"

/* Change n colour samples, elements first .. of row y counted without alpha. */
typedef void (*Strip)(const Point *p, float *v, int y, int first, int n);

static void run_strip(const Point *p, const uint8_t *src, uint8_t *dst, int y, int first, int n, Strip strip) {
  float v[STREAM_STRIP];
  colours_load(v, src, p->type, p->c, p->colours, (size_t)first, (size_t)n);
  strip(p, v, y, first, n);
  colours_store(dst, v, p->type, p->c, p->colours, (size_t)first, (size_t)n);
}

/* f[0] is the amount: 0 means every sample stays, to the bit. */
static void run_rows(const Point *p, const uint8_t *src, size_t src_stride, uint8_t *dst, size_t dst_stride, int y0, int y1,
                     Strip strip) {
  size_t bytes = (size_t)p->w * (size_t)p->c * (p->type == IMAGE_U8 ? 1 : sizeof(float));
  bool off = !(p->f[0] > 0.0f), whole = off || p->c != p->colours;
  int n = p->w * p->colours;
  for (int y = y0; y < y1; y++, src += src_stride, dst += dst_stride) {
    if (whole && src != dst) memcpy(dst, src, bytes);
    if (off) continue;
    for (int first = 0; first < n; first += STREAM_STRIP)
      run_strip(p, src, dst, y, first, n - first < STREAM_STRIP ? n - first : STREAM_STRIP, strip);
  }
}

/* A stream, per sample or one number for all channels of a pixel. */
typedef void (*Fill)(float *out, uint64_t key, uint32_t lane, int y, int first, int n);

static void draw(const Point *p, Fill fill, bool per_channel, float *out, uint32_t lane, int y, int first, int n) {
  uint64_t key = p->step->key;
  if (per_channel || p->colours == 1) {
    fill(out, key, lane, y, first, n);
    return;
  }
  float pixel[STREAM_STRIP];
  int x = first / p->colours, ch = first % p->colours, k = 0;
  fill(pixel, key, lane, y, x, (first + n - 1) / p->colours - x + 1);
  if (p->colours == 3 && ch == 0) {
    for (int i = 0; i < n; i++) out[i] = pixel[i / 3];
    return;
  }
  for (int i = 0; i < n; i++) {
    out[i] = pixel[k];
    if (++ch == p->colours) ch = 0, k++;
  }
}

/* Full scale in sample units. */
static float full(const Point *p) { return p->type == IMAGE_U8 ? 255.0f : 1.0f; }

KERNEL static void add_scaled(float *v, const float *z, float amount, int n) {
  for (int i = 0; i < n; i++) v[i] += amount * z[i];
}

KERNEL static void mul_scaled(float *v, const float *z, float amount, int n) {
  for (int i = 0; i < n; i++) v[i] *= 1.0f + amount * z[i];
}

/* v where u >= share, else value: z(share) is contained in z(larger share). */
KERNEL static void replace(float *v, const float *u, float share, float value, int n) {
  for (int i = 0; i < n; i++) v[i] = u[i] < share ? value : v[i];
}

KERNEL static void replace_either(float *v, const float *u, const float *side, float share, float ratio, float white, int n) {
  for (int i = 0; i < n; i++) {
    float value = side[i] < ratio ? white : 0.0f;
    v[i] = u[i] < share ? value : v[i];
  }
}

/* gaussian_noise { std, per_channel, key } */
static void gaussian_strip(const Point *p, float *v, int y, int first, int n) {
  float z[STREAM_STRIP];
  draw(p, stream_normal, p->step->num[1] != 0, z, 0, y, first, n);
  add_scaled(v, z, p->f[0], n);
}
static void gaussian_rows(const Point *p, const uint8_t *src, size_t ss, uint8_t *dst, size_t ds, int y0, int y1) {
  run_rows(p, src, ss, dst, ds, y0, y1, gaussian_strip);
}
static bool gaussian_point(const Step *s, const Image *in, Point *p, Err *err) {
  (void)in, (void)err;
  p->f[0] = (float)s->num[0] * full(p);
  p->rows = gaussian_rows;
  return true;
}

/* uniform_noise { amplitude, per_channel, key } */
static void uniform_strip(const Point *p, float *v, int y, int first, int n) {
  float z[STREAM_STRIP];
  draw(p, stream_signed, p->step->num[1] != 0, z, 0, y, first, n);
  add_scaled(v, z, p->f[0], n);
}
static void uniform_rows(const Point *p, const uint8_t *src, size_t ss, uint8_t *dst, size_t ds, int y0, int y1) {
  run_rows(p, src, ss, dst, ds, y0, y1, uniform_strip);
}
static bool uniform_point(const Step *s, const Image *in, Point *p, Err *err) {
  (void)in, (void)err;
  p->f[0] = (float)s->num[0] * full(p);
  p->rows = uniform_rows;
  return true;
}

/* multiplicative_noise { spread, per_channel, key }; speckle { std, per_channel, key } */
static void multiplicative_strip(const Point *p, float *v, int y, int first, int n) {
  float z[STREAM_STRIP];
  draw(p, stream_signed, p->step->num[1] != 0, z, 0, y, first, n);
  mul_scaled(v, z, p->f[0], n);
}
static void multiplicative_rows(const Point *p, const uint8_t *src, size_t ss, uint8_t *dst, size_t ds, int y0, int y1) {
  run_rows(p, src, ss, dst, ds, y0, y1, multiplicative_strip);
}
static bool multiplicative_point(const Step *s, const Image *in, Point *p, Err *err) {
  (void)in, (void)err;
  p->f[0] = (float)s->num[0];
  p->rows = multiplicative_rows;
  return true;
}

static void speckle_strip(const Point *p, float *v, int y, int first, int n) {
  float z[STREAM_STRIP];
  draw(p, stream_normal, p->step->num[1] != 0, z, 0, y, first, n);
  mul_scaled(v, z, p->f[0], n);
}
static void speckle_rows(const Point *p, const uint8_t *src, size_t ss, uint8_t *dst, size_t ds, int y0, int y1) {
  run_rows(p, src, ss, dst, ds, y0, y1, speckle_strip);
}
static bool speckle_point(const Step *s, const Image *in, Point *p, Err *err) {
  (void)in, (void)err;
  p->f[0] = (float)s->num[0];
  p->rows = speckle_rows;
  return true;
}

/* salt_pepper { amount, ratio, per_channel, key } */
static void salt_strip(const Point *p, float *v, int y, int first, int n) {
  float u[STREAM_STRIP], side[STREAM_STRIP];
  bool per_channel = p->step->num[2] != 0;
  draw(p, stream_unit, per_channel, u, 0, y, first, n);
  draw(p, stream_unit, per_channel, side, 1, y, first, n);
  replace_either(v, u, side, p->f[0], p->f[1], full(p), n);
}
static void salt_rows(const Point *p, const uint8_t *src, size_t ss, uint8_t *dst, size_t ds, int y0, int y1) {
  run_rows(p, src, ss, dst, ds, y0, y1, salt_strip);
}
static bool salt_point(const Step *s, const Image *in, Point *p, Err *err) {
  (void)in, (void)err;
  p->f[0] = (float)s->num[0];
  p->f[1] = (float)s->num[1];
  p->rows = salt_rows;
  return true;
}

/* pixel_dropout { p, value, per_channel, key } */
static void dropout_strip(const Point *p, float *v, int y, int first, int n) {
  float u[STREAM_STRIP];
  draw(p, stream_unit, p->step->num[2] != 0, u, 0, y, first, n);
  replace(v, u, p->f[0], p->f[1], n);
}
static void dropout_rows(const Point *p, const uint8_t *src, size_t ss, uint8_t *dst, size_t ds, int y0, int y1) {
  run_rows(p, src, ss, dst, ds, y0, y1, dropout_strip);
}
static bool dropout_point(const Step *s, const Image *in, Point *p, Err *err) {
  (void)in, (void)err;
  p->f[0] = (float)s->num[0];
  p->f[1] = (float)s->num[1] * full(p) / 255.0f;
  p->rows = dropout_rows;
  return true;
}

/* shot_noise { photons, key }: k / photons with k the Poisson quantile of the sample's own uniform number. Below a mean
 * of SMALL by adding up probabilities, above by the normal asymptotic expansion of the quantile (Giles 2016,
 * "Algorithm 955", Q_N2), whose chance of being one off is below 1e-3 there. */
enum { SMALL = 12, COUNTS = 48, GUIDE = 64 };
#define PHOTONS_OFF 1e9

typedef struct Shot {
  int32_t last[256][COUNTS]; /* largest half for which the count is k or less */
  uint8_t guide[256][GUIDE]; /* the count of half = index * 1024: where the walk starts */
  float mean[256], root[256];
  int small;                 /* levels below this one use the tables */
} Shot;

static void shot_level(Shot *t, int level, double mean) {
  double chance = fm_exp(-mean), sum = 0;
  for (int k = 0; k < COUNTS; k++) {
    sum += chance;
    double last = floor(65536.0 * sum - 0.5);
    t->last[level][k] = k == COUNTS - 1 || last > 65535 ? 65535 : (int32_t)last;
    chance *= mean / (k + 1);
  }
  for (int g = 0, k = 0; g < GUIDE; g++) {
    while (g * (65536 / GUIDE) > t->last[level][k]) k++;
    t->guide[level][g] = (uint8_t)k;
  }
}

static inline float shot_large(float mean, float root, float z) {
  float k = mean + root * z + (2.0f + z * z) * (1.0f / 6.0f) - z * (2.0f + z * z) / (72.0f * root);
  return k > 0.0f ? floorf(k) : 0.0f;
}

/* exp(-k / 64) for the means that shot_small sees. */
static struct { pthread_once_t once; double at[64 * SMALL + 1]; } fall = {.once = PTHREAD_ONCE_INIT};

static void fall_build(void) {
  for (int k = 0; k <= 64 * SMALL; k++) fall.at[k] = fm_exp(-k / 64.0);
}

/* exp(-mean), 0 <= mean <= SMALL, relative error below 1e-11. */
static double no_photon(double mean) {
  int k = (int)(mean * 64);
  double r = mean - k / 64.0;
  return fall.at[k] * (1 - r * (1 - r * (0.5 - r * (1.0 / 6 - r * (1.0 / 24)))));
}

static float shot_small(double mean, uint16_t half) {
  static const double inverse[COUNTS] = {0,        1.0,      1.0 / 2,  1.0 / 3,  1.0 / 4,  1.0 / 5,  1.0 / 6,  1.0 / 7,  1.0 / 8,  1.0 / 9,
                                         1.0 / 10, 1.0 / 11, 1.0 / 12, 1.0 / 13, 1.0 / 14, 1.0 / 15, 1.0 / 16, 1.0 / 17, 1.0 / 18, 1.0 / 19,
                                         1.0 / 20, 1.0 / 21, 1.0 / 22, 1.0 / 23, 1.0 / 24, 1.0 / 25, 1.0 / 26, 1.0 / 27, 1.0 / 28, 1.0 / 29,
                                         1.0 / 30, 1.0 / 31, 1.0 / 32, 1.0 / 33, 1.0 / 34, 1.0 / 35, 1.0 / 36, 1.0 / 37, 1.0 / 38, 1.0 / 39,
                                         1.0 / 40, 1.0 / 41, 1.0 / 42, 1.0 / 43, 1.0 / 44, 1.0 / 45, 1.0 / 46, 1.0 / 47};
  double at = ((double)half + 0.5) / 65536.0, chance = no_photon(mean), sum = chance;
  int k = 0;
  while (sum < at && k < COUNTS - 1) {
    k++;
    chance *= mean * inverse[k];
    sum += chance;
  }
  return (float)k;
}

static void shot_strip(const Point *p, float *v, int y, int first, int n) {
  StreamBuf buf;
  float z[STREAM_STRIP], photons = p->f[1], one = full(p) / photons;
  const Shot *t = p->extra;
  const uint16_t *half = stream_halves(&buf, p->step->key, 0, y, first, n);
  stream_normal(z, p->step->key, 0, y, first, n);
  for (int i = 0; i < n; i++) {
    if (!(v[i] > 0.0f)) continue;
    if (t) {
      int level = (int)v[i];
      if (level >= t->small) {
        v[i] = one * shot_large(t->mean[level], t->root[level], z[i]);
        continue;
      }
      int k = t->guide[level][half[i] / (65536 / GUIDE)];
      while (half[i] > t->last[level][k]) k++;
      v[i] = one * (float)k;
    } else {
      float mean = v[i] * photons;
      v[i] = one * (mean < (float)SMALL ? shot_small(mean, half[i]) : shot_large(mean, sqrtf(mean), z[i]));
    }
  }
}
static void shot_rows(const Point *p, const uint8_t *src, size_t ss, uint8_t *dst, size_t ds, int y0, int y1) {
  run_rows(p, src, ss, dst, ds, y0, y1, shot_strip);
}
static bool shot_point(const Step *s, const Image *in, Point *p, Err *err) {
  (void)in;
  double photons = s->num[0];
  p->f[0] = photons < PHOTONS_OFF ? 1.0f : 0.0f;
  p->f[1] = (float)photons;
  p->rows = shot_rows;
  pthread_once(&fall.once, fall_build);
  if (p->type != IMAGE_U8 || p->f[0] == 0.0f) return true;
  Shot *t = mem_alloc(1, sizeof *t);
  if (!t) return err_memory(err);
  t->small = 0;
  for (int level = 0; level < 256; level++) {
    double mean = photons * level / 255.0;
    t->mean[level] = (float)mean;
    t->root[level] = sqrtf((float)mean);
    if (mean < SMALL) shot_level(t, level, mean), t->small = level + 1;
  }
  p->extra = t;
  return true;
}

#define PER_CHANNEL(on) {.name = "per_channel", .type = PARAM_BOOL, .lo = 0, .hi = 1, .def = on, .unit = "", .doc = "each channel draws its own number; else all channels of a pixel share one"}
#define KEY {.name = "key", .type = PARAM_KEY, .unit = "", .doc = "stream of random numbers"}

const Prim PRIM_NOISE[] = {
    {.name = "gaussian_noise", .doc = "add normal noise", .source = "", .kind = PRIM_POINT, .point = gaussian_point,
     .params = {{.name = "std", .type = PARAM_NUM, .lo = 0, .hi = 4, .def = NAN, .unit = "of full scale", .doc = "standard deviation"},
                PER_CHANNEL(1), KEY}},
    {.name = "uniform_noise", .doc = "add noise spread evenly over -amplitude..amplitude", .source = "", .kind = PRIM_POINT, .point = uniform_point,
     .params = {{.name = "amplitude", .type = PARAM_NUM, .lo = 0, .hi = 4, .def = NAN, .unit = "of full scale", .doc = "largest change"},
                PER_CHANNEL(1), KEY}},
    {.name = "multiplicative_noise", .doc = "multiply by numbers spread evenly over 1-spread..1+spread: no gain", .source = "",
     .kind = PRIM_POINT, .point = multiplicative_point,
     .params = {{.name = "spread", .type = PARAM_NUM, .lo = 0, .hi = 8, .def = NAN, .unit = "of the value", .doc = "largest relative change"},
                PER_CHANNEL(1), KEY}},
    {.name = "speckle", .doc = "multiply by 1 + normal noise", .source = "Hendrycks & Dietterich 2019", .kind = PRIM_POINT, .point = speckle_point,
     .params = {{.name = "std", .type = PARAM_NUM, .lo = 0, .hi = 8, .def = NAN, .unit = "of the value", .doc = "standard deviation of the factor"},
                PER_CHANNEL(1), KEY}},
    {.name = "shot_noise", .doc = "count photons: Poisson noise", .source = "Giles 2016, Algorithm 955", .kind = PRIM_POINT, .point = shot_point,
     .params = {{.name = "photons", .type = PARAM_NUM, .lo = 0.01, .hi = PHOTONS_OFF, .def = NAN, .unit = "photons",
                 .doc = "mean count at full scale; 1e9 leaves the image as it is"},
                KEY}},
    {.name = "salt_pepper", .doc = "turn pixels white or black", .source = "", .kind = PRIM_POINT, .point = salt_point,
     .params = {{.name = "amount", .type = PARAM_NUM, .lo = 0, .hi = 1, .def = NAN, .unit = "of the pixels", .doc = "share that is hit; a larger share contains a smaller one"},
                {.name = "ratio", .type = PARAM_NUM, .lo = 0, .hi = 1, .def = 0.5, .unit = "of the hits", .doc = "share of white among them"},
                PER_CHANNEL(0), KEY}},
    {.name = "pixel_dropout", .doc = "replace pixels by one value", .source = "", .kind = PRIM_POINT, .point = dropout_point,
     .params = {{.name = "p", .type = PARAM_NUM, .lo = 0, .hi = 1, .def = NAN, .unit = "of the pixels", .doc = "share that is replaced; a larger share contains a smaller one"},
                {.name = "value", .type = PARAM_NUM, .lo = 0, .hi = 255, .def = 0, .unit = "0..255", .doc = "what replaces them"},
                PER_CHANNEL(0), KEY}},
    {0}};
