/* From a picture to a network's input: geometry, then numbers.
 * SPDX-License-Identifier: MIT */
#include "model/preprocess.h"

#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"

/* Where the resized picture (rw x rh) lies in the input, and which part of it is seen. */
typedef struct Place {
  int rw, rh;         /* size after resizing */
  int x, y, cw, ch;   /* the part of it that is used */
  int at_x, at_y;     /* its corner in the input */
  int w, h;           /* of the input */
} Place;

static int nearest(double v) { return (int)floor(v + 0.5); }
static int at_least_1(int v) { return v < 1 ? 1 : v; }

static void place_crop(const Prep *p, int w, int h, Place *at) {
  bool wide = w > h;
  double other = (double)p->side * (wide ? w : h) / (wide ? h : w);
  int far = at_least_1(p->torchvision ? (int)other : nearest(other));
  at->rw = wide ? far : p->side;
  at->rh = wide ? p->side : far;
  for (int axis = 0; axis < 2; axis++) {
    int room = axis ? at->rh : at->rw, want = axis ? p->h : p->w;
    int gap = room - want, used = gap < 0 ? room : want;
    int from = gap < 0 ? 0 : p->torchvision ? (int)rint(gap / 2.0) : gap / 2, put = gap < 0 ? -gap / 2 : 0;
    if (axis) at->y = from, at->ch = used, at->at_y = put;
    else at->x = from, at->cw = used, at->at_x = put;
  }
}

static void place_letterbox(const Prep *p, int w, int h, Place *at) {
  double s = fmin((double)p->w / w, (double)p->h / h);
  if (!p->grow && s > 1) s = 1;
  at->rw = at_least_1(nearest(w * s));
  at->rh = at_least_1(nearest(h * s));
  if (at->rw > p->w) at->rw = p->w;
  if (at->rh > p->h) at->rh = p->h;
  at->cw = at->rw;
  at->ch = at->rh;
  /* halves go to the bottom and right, as Ultralytics does: round(pad - 0.1) */
  at->at_x = p->corner ? 0 : nearest((p->w - at->rw) / 2.0 - 0.1);
  at->at_y = p->corner ? 0 : nearest((p->h - at->rh) / 2.0 - 0.1);
}

static Place place(const Prep *p, int w, int h) {
  Place at = {.w = p->w ? p->w : w, .h = p->h ? p->h : h};
  at.rw = at.cw = at.w;
  at.rh = at.ch = at.h;
  if (p->fit == PREP_CROP) place_crop(p, w, h, &at);
  if (p->fit == PREP_LETTERBOX) place_letterbox(p, w, h, &at);
  return at;
}

void prep_shape(const Prep *p, int image_w, int image_h, int64_t dim[4]) {
  int64_t w = p->w ? p->w : image_w, h = p->h ? p->h : image_h, c = p->channels;
  dim[0] = 1;
  dim[1] = p->nhwc ? h : c;
  dim[2] = p->nhwc ? w : h;
  dim[3] = p->nhwc ? c : w;
}

/* (v * scale - mean) / std in double: rounded once, on the way into the tensor. */
static double number(const Prep *p, int c, double v) { return (v * p->scale - p->mean[c]) / p->std[c]; }

KERNEL static void plane_u8(const uint8_t *restrict src, int step, int n, const float *restrict table, float *restrict dst, int to) {
  if (to == 1)
    for (int x = 0; x < n; x++) dst[x] = table[src[(size_t)x * (size_t)step]];
  else
    for (int x = 0; x < n; x++) dst[(size_t)x * (size_t)to] = table[src[(size_t)x * (size_t)step]];
}

/* One channel of one row into the tensor, from index `at` on in steps of `to`. table: its 256 values, for u8. */
static void put_row(const Prep *p, const Image *im, int y, int from, int c, const float *table, Tensor *out, size_t at, int to) {
  if (im->type == IMAGE_U8 && out->type == TENSOR_F32) {
    plane_u8(image_row(im, y) + from, im->c, im->w, table, tensor_f32(out) + at, to);
    return;
  }
  for (int x = 0; x < im->w; x++) {
    size_t i = (size_t)x * (size_t)im->c + (size_t)from;
    double v = im->type == IMAGE_U8 ? image_row(im, y)[i] : image_row_f(im, y)[i] * 255.0;
    tensor_set(out, at + (size_t)x * (size_t)to, number(p, c, v));
  }
}

static int source_channel(const Prep *p, int c) { return p->bgr && c < 3 ? 2 - c : c; }

static void put_image(const Prep *p, const Image *im, const Place *at, Tensor *out, size_t base) {
  const int c = p->channels;
  const size_t plane = (size_t)at->w * (size_t)at->h;
  for (int k = 0; k < c; k++) {
    float table[256];
    for (int v = 0; v < 256; v++) table[v] = (float)number(p, k, v);
    for (int y = 0; y < im->h; y++) {
      size_t i = (size_t)(at->at_y + y) * (size_t)at->w + (size_t)at->at_x;
      put_row(p, im, y, source_channel(p, k), k, table, out, base + (p->nhwc ? i * (size_t)c + (size_t)k : plane * (size_t)k + i), p->nhwc ? c : 1);
    }
  }
}

static void put_pad(const Prep *p, const Place *at, Tensor *out, size_t base) {
  const size_t plane = (size_t)at->w * (size_t)at->h;
  for (int k = 0; k < p->channels; k++)
    for (size_t i = 0; i < plane; i++) tensor_set(out, base + (p->nhwc ? i * (size_t)p->channels + (size_t)k : plane * (size_t)k + i), number(p, k, p->pad));
}

bool prep_run(const Prep *p, const Image *im, Tensor *out, int64_t row, PrepMap *map, Err *err) {
  if (p->fit == PREP_NONE && ((p->w && p->w != im->w) || (p->h && p->h != im->h)))
    return err_set(err, ERR_USAGE, "image: %dx%d, the input is %dx%d and fit is \"none\"", im->w, im->h, p->w, p->h);
  Place at = place(p, im->w, im->h);
  const bool alpha = p->channels == 4;
  if (at.rw > IMAGE_SIDE_MAX || at.rh > IMAGE_SIDE_MAX) return err_set(err, ERR_LIMIT, "image: %dx%d would become %dx%d", im->w, im->h, at.rw, at.rh);
  const Image *plain = im->c == p->channels && im->alpha == alpha ? image_ref(im) : image_convert(im, im->type, p->channels, alpha, err);
  Image *sized = plain ? pil_resize(plain, at.rw, at.rh, at.x, at.y, at.cw, at.ch, p->interp, p->antialias, err) : NULL;
  image_unref(plain);
  if (!sized) return false;
  size_t base = (size_t)row * (size_t)at.w * (size_t)at.h * (size_t)p->channels;
  if (at.cw < at.w || at.ch < at.h) put_pad(p, &at, out, base);
  put_image(p, sized, &at, out, base);
  image_unref(sized);
  *map = (PrepMap){.sx = (double)at.rw / im->w, .sy = (double)at.rh / im->h, .ox = at.at_x - at.x, .oy = at.at_y - at.y, .w = at.w, .h = at.h,
                   .image_w = im->w, .image_h = im->h};
  return true;
}
