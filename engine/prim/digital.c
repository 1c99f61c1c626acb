/* Digital damage: compression and lost resolution.
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "codec/codec.h"
#include "prim/colours.h"
#include "prim/prim.h"

/* jpeg { quality, chroma_420 } */

/* n of every `step` samples to n of every `to_step`: a whole pixel at once where the compiler knows both. */
static inline __attribute__((always_inline)) void copy_n(uint8_t *to, size_t to_step, const uint8_t *from, size_t step, int w, size_t n) {
  for (int x = 0; x < w; x++, to += to_step, from += step)
    for (size_t k = 0; k < n; k++) to[k] = from[k];
}

static void copy_some(uint8_t *to, size_t to_step, const uint8_t *from, size_t step, int w, size_t n) {
  if (n == 3 && step == 4) copy_n(to, 3, from, 4, w, 3);
  else if (n == 3 && step == 3) copy_n(to, 4, from, 3, w, 3);
  else copy_n(to, to_step, from, step, w, n);
}

/* Channels first .. first + n - 1 as u8. */
static Image *planes_take(const Image *in, int first, int n, Err *err) {
  Image *out = image_new(in->w, in->h, n, IMAGE_U8, false, err);
  for (int y = 0; out && y < in->h; y++) {
    uint8_t *to = image_row(out, y);
    const float *f = image_row_f(in, y) + first;
    if (in->type == IMAGE_U8)
      copy_some(to, (size_t)n, image_row(in, y) + first, (size_t)in->c, in->w, (size_t)n);
    else
      for (int x = 0; x < in->w; x++, to += n, f += in->c)
        for (int k = 0; k < n; k++) to[k] = sample_u8(f[k] * 255.0f);
  }
  return out;
}

static void planes_put(Image *out, int first, const Image *from) {
  for (int y = 0; y < out->h; y++) {
    const uint8_t *v = image_row(from, y);
    float *f = image_row_f(out, y) + first;
    if (out->type == IMAGE_U8)
      copy_some(image_row(out, y) + first, (size_t)out->c, v, (size_t)from->c, out->w, (size_t)from->c);
    else
      for (int x = 0; x < out->w; x++, v += from->c, f += out->c)
        for (int k = 0; k < from->c; k++) f[k] = (float)v[k] * (1.0f / 255.0f);
  }
}

/* Encode and decode in memory. */
static Image *recompress(const Image *in, const Step *s, Err *err) {
  const EncodeOptions how = {.format = "jpeg", .quality = (int)(s->num[0] + 0.5), .chroma_420 = s->num[1] != 0, .level = -1};
  const CodecLimits limits = {.pixels = UINT64_MAX, .side = IMAGE_SIDE_MAX, .scan_pixels = UINT64_MAX, .scans = 500, .bytes = UINT64_MAX};
  const DecodeOptions back = {.limits = &limits};
  Image *out = NULL;
  Buf b;
  buf_init(&b);
  if (codec_encode(in, &how, &b, err)) out = codec_decode(b.data, b.n, "jpeg", &back, NULL, err);
  buf_clear(&b);
  if (out && (out->w != in->w || out->h != in->h || out->c != in->c || out->type != IMAGE_U8)) {
    image_unref(out);
    return err_set(err, ERR_INTERNAL, "jpeg: %d x %d x %d came back as another shape", in->w, in->h, in->c), NULL;
  }
  return out;
}

/* Channels first .. first + n - 1 of out through the codec. */
static bool recompress_planes(Image *out, int first, int n, const Step *s, Err *err) {
  Image *part = planes_take(out, first, n, err), *back = part ? recompress(part, s, err) : NULL;
  if (back) planes_put(out, first, back);
  image_unref(part);
  image_unref(back);
  return back != NULL;
}

static Image *jpeg_apply(const Step *s, const Image *in, Err *err) {
  const int colours = image_colours(in), n = colours == 3 ? 3 : 1; /* other counts: each channel as a grey picture */
  if (in->type == IMAGE_U8 && in->c == n) return recompress(in, s, err);
  Image *out = image_copy(in, err);
  for (int first = 0; out && first < colours; first += n)
    if (!recompress_planes(out, first, n, s, err)) image_unref(out), out = NULL;
  return out;
}

/* downscale { factor, up } and pixelate { size }: means over cells of `factor` pixels that lie where they lie, whole
 * pixels or not, and then the cells drawn at full size again. Cells of hardly more than a pixel drift against the
 * pixels and blur half of them whatever their size, so below 2 the result is mixed with the picture, factor - 1 of
 * it: 1.01 does a little, and 1 nothing at all. */

/* One axis of n pixels and cells of f pixels. */
typedef struct Axis {
  int n, cells;
  int *cell;       /* n: the cell that pixel begins in */
  float *here;     /* n: the pixel's weight in it */
  float *next;     /* n: and in the one after it */
  int *from;       /* n: drawing: left neighbour */
  float *mix;      /* n: drawing: part of the right one */
  void *memory;    /* owned: all of the above */
} Axis;

static bool axis_init(Axis *a, int n, double f, bool linear, Err *err) {
  a->n = n;
  a->cells = (int)ceil(n / f);
  a->memory = mem_alloc((size_t)n, 2 * sizeof(int) + 3 * sizeof(float));
  if (!a->memory) return err_memory(err);
  a->cell = a->memory;
  a->from = a->cell + n;
  a->here = (float *)(void *)(a->from + n);
  a->next = a->here + n;
  a->mix = a->next + n;
  for (int x = 0; x < n; x++) {
    int j = (int)floor(x / f);
    if (j > a->cells - 1) j = a->cells - 1;
    double end = (j + 1) * f, after = end + f < n ? f : n - end;
    double here = end < x + 1 ? end - x : 1;
    a->cell[x] = j;
    a->here[x] = (float)(here / ((end < n ? end : n) - j * f));
    a->next[x] = here < 1 && j + 1 < a->cells ? (float)((1 - here) / after) : 0.0f;
    double at = linear ? (x + 0.5) / f - 0.5 : floor((x + 0.5) / f);
    at = at > 0 ? at < a->cells - 1 ? at : a->cells - 1 : 0;
    a->from[x] = (int)at < a->cells - 1 ? (int)at : a->cells - 1;
    a->mix[x] = (float)(at - a->from[x]);
  }
  return true;
}

KERNEL static void add_row(float *restrict out, const float *restrict in, float weight, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] += weight * in[i];
}

KERNEL static void mix_rows(float *restrict out, const float *a, const float *b, float t, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = a[i] + t * (b[i] - a[i]);
}

/* Means over the cells of one line; out zeroed. */
static inline void gather_n(float *restrict out, const float *restrict in, const Axis *a, int colours) {
  for (int x = 0; x < a->n; x++, in += colours) {
    float *o = out + (size_t)a->cell[x] * (size_t)colours, here = a->here[x], next = a->next[x];
    for (int k = 0; k < colours; k++) o[k] += here * in[k];
    if (next > 0.0f)
      for (int k = 0; k < colours; k++) o[colours + k] += next * in[k];
  }
}
static void gather(float *out, const float *in, const Axis *a, int colours) {
  if (colours == 3)
    gather_n(out, in, a, 3);
  else
    gather_n(out, in, a, colours);
}

/* A line of cells at full width. */
static inline void widen_n(float *restrict out, const float *restrict in, const Axis *a, int colours) {
  for (int x = 0; x < a->n; x++, out += colours) {
    const float *p = in + (size_t)a->from[x] * (size_t)colours, *q = a->mix[x] > 0.0f ? p + colours : p;
    for (int k = 0; k < colours; k++) out[k] = p[k] + a->mix[x] * (q[k] - p[k]);
  }
}
static void widen(float *out, const float *in, const Axis *a, int colours) {
  if (colours == 3)
    widen_n(out, in, a, 3);
  else
    widen_n(out, in, a, colours);
}

/* small: down->cells x across->cells x colours, zeroed; line: three rows at full width. Down first: it is the cheap axis. */
static void cells_fill(float *small, float *line, const Image *in, const Axis *across, const Axis *down) {
  int colours = image_colours(in);
  size_t n = (size_t)in->w * (size_t)colours;
  float *sum = line + n;
  memset(sum, 0, n * sizeof *sum);
  for (int y = 0; y < in->h; y++) {
    int j = down->cell[y];
    colours_load(line, image_row(in, y), in->type, in->c, colours, 0, n);
    add_row(sum, line, down->here[y], n);
    if (y + 1 < in->h && down->cell[y + 1] == j) continue;
    gather(small + (size_t)j * (size_t)across->cells * (size_t)colours, sum, across, colours);
    memset(sum, 0, n * sizeof *sum);
    if (down->next[y] > 0.0f) add_row(sum, line, down->next[y], n);
  }
}

/* share: of the cells; the rest is the picture itself. line: five rows. */
static void cells_draw(Image *out, const Image *in, const float *small, float *line, const Axis *across, const Axis *down, float share) {
  int colours = image_colours(out), held[2] = {-1, -1}; /* rows of cells that the two lines hold */
  size_t n = (size_t)out->w * (size_t)colours;
  for (int y = 0; y < out->h; y++) {
    int a = down->from[y], b = down->mix[y] > 0.0f ? a + 1 : a;
    for (int j = a; j <= b; j++) {
      if (held[j & 1] == j) continue;
      widen(line + (size_t)(j & 1) * n, small + (size_t)j * (size_t)across->cells * (size_t)colours, across, colours);
      held[j & 1] = j;
    }
    mix_rows(line + 2 * n, line + (size_t)(a & 1) * n, line + (size_t)(b & 1) * n, down->mix[y], n);
    const float *drawn = line + 2 * n;
    if (share < 1.0f) {
      colours_load(line + 3 * n, image_row(in, y), in->type, in->c, colours, 0, n);
      mix_rows(line + 4 * n, line + 3 * n, drawn, share, n);
      drawn = line + 4 * n;
    }
    colours_store(image_row(out, y), drawn, out->type, out->c, colours, 0, n);
  }
}

static Image *through_cells(const Image *in, double factor, bool linear, Err *err) {
  Image *out = factor == 1 || in->alpha ? image_copy(in, err) : image_like(in, err); /* alpha stays */
  if (!out || factor == 1) return out;
  Axis across = {0}, down = {0};
  float *small = NULL, *line = NULL;
  bool ok = axis_init(&across, in->w, factor, linear, err) && axis_init(&down, in->h, factor, linear, err);
  if (ok) {
    size_t colours = (size_t)image_colours(in);
    small = mem_calloc((size_t)across.cells * colours * (size_t)down.cells, sizeof *small);
    line = mem_alloc((size_t)in->w * colours, 5 * sizeof *line);
    ok = (small && line) || err_memory(err);
  }
  if (ok) {
    cells_fill(small, line, in, &across, &down);
    cells_draw(out, in, small, line, &across, &down, factor < 2 ? (float)(factor - 1) : 1.0f);
  } else {
    image_unref(out);
    out = NULL;
  }
  mem_free(small);
  mem_free(line);
  mem_free(across.memory);
  mem_free(down.memory);
  return out;
}

static Image *downscale_apply(const Step *s, const Image *in, Err *err) { return through_cells(in, s->num[0], s->num[1] == 0, err); }
static Image *pixelate_apply(const Step *s, const Image *in, Err *err) { return through_cells(in, s->num[0], false, err); }

static const char *const up_choices[] = {"linear", "nearest", NULL};

const Prim PRIM_DIGITAL[] = {
    {.name = "jpeg", .doc = "compress and decompress", .source = "Hendrycks & Dietterich 2019", .kind = PRIM_AREA, .apply = jpeg_apply,
     .params = {{.name = "quality", .type = PARAM_NUM, .lo = 1, .hi = 100, .def = NAN, .unit = "1..100", .doc = "of libjpeg, to the nearest whole number; 100 is near the original but not it"},
                {.name = "chroma_420", .type = PARAM_BOOL, .lo = 0, .hi = 1, .def = 1, .unit = "", .doc = "colour at half resolution"}}},
    {.name = "downscale", .doc = "make smaller (means) and as large as before again", .source = "", .kind = PRIM_AREA, .apply = downscale_apply,
     .params = {{.name = "factor", .type = PARAM_NUM, .lo = 1, .hi = 4096, .def = NAN, .unit = "times", .doc = "smaller by; any number, below 2 mixed in by degrees"},
                {.name = "up", .type = PARAM_ENUM, .lo = 0, .hi = 1, .def = 0, .unit = "", .doc = "how it is enlarged", .choices = up_choices}}},
    {.name = "pixelate", .doc = "draw in large pixels", .source = "", .kind = PRIM_AREA, .apply = pixelate_apply,
     .params = {{.name = "size", .type = PARAM_NUM, .lo = 1, .hi = 4096, .def = NAN, .unit = "px", .doc = "side of a large pixel; any number, below 2 mixed in by degrees"}}},
    {0}};
