/* SPDX-License-Identifier: MIT */
#include "image/image.h"

#include <string.h>

#define XXH_STATIC_LINKING_ONLY /* the hash state's size, to keep it on the stack */
#include <xxhash.h>

#include "base/mem.h"

Image *image_new(int w, int h, int c, ImageType type, bool alpha, Err *err) {
  if (w < 1 || h < 1 || c < 1 || w > IMAGE_SIDE_MAX || h > IMAGE_SIDE_MAX || c > IMAGE_SIDE_MAX)
    return err_set(err, ERR_LIMIT, "image of %d x %d x %d: each must be 1..%d", w, h, c, IMAGE_SIDE_MAX), NULL;
  if (type == IMAGE_U8 && c > 4)
    return err_set(err, ERR_USAGE, "u8 image of %d channels: 1..4 expected (f32 takes any number)", c), NULL;
  size_t sample = type == IMAGE_U8 ? 1 : sizeof(float);
  size_t row = ((size_t)w * (size_t)c * sample + 63) & ~(size_t)63;
  if (row > IMAGE_BYTES_MAX / (size_t)h)
    return err_set(err, ERR_LIMIT, "image of %d x %d x %d: larger than %zu bytes", w, h, c, IMAGE_BYTES_MAX), NULL;
  Image *im = mem_alloc(1, sizeof *im);
  if (!im) return err_memory(err), NULL;
  *im = (Image){.w = w, .h = h, .c = c, .type = type, .alpha = alpha && c > 1, .stride = row};
  atomic_init(&im->refs, 1);
  im->data = mem_aligned(row * (size_t)h);
  if (!im->data) {
    mem_free(im);
    return err_memory(err), NULL;
  }
  return im;
}

Image *image_like(const Image *im, Err *err) { return image_new(im->w, im->h, im->c, im->type, im->alpha, err); }

Image *image_copy(const Image *im, Err *err) {
  Image *out = image_like(im, err);
  if (out && image_row_bytes(im) == im->stride) memcpy(out->data, im->data, image_bytes(im));
  else if (out)
    for (int y = 0; y < im->h; y++) memcpy(image_row(out, y), image_row(im, y), image_row_bytes(im));
  return out;
}

Image *image_ref(const Image *im) {
  Image *own = (Image *)im; /* the count is not part of the value */
  if (own) atomic_fetch_add_explicit(&own->refs, 1, memory_order_relaxed);
  return own;
}

void image_unref(const Image *im) {
  Image *own = (Image *)im;
  if (!own || atomic_fetch_sub_explicit(&own->refs, 1, memory_order_acq_rel) != 1) return;
  mem_free(own->data);
  mem_free(own);
}

bool image_equal(const Image *a, const Image *b) {
  if (a->w != b->w || a->h != b->h || a->c != b->c || a->type != b->type || a->alpha != b->alpha) return false;
  for (int y = 0; y < a->h; y++)
    if (memcmp(image_row(a, y), image_row(b, y), image_row_bytes(a))) return false;
  return true;
}

static uint8_t *put32(uint8_t *p, uint32_t v) {
  for (int i = 0; i < 4; i++) *p++ = (uint8_t)(v >> (8 * i));
  return p;
}

Hash image_hash(const Image *im) {
  uint8_t head[20], *p = head;
  p = put32(p, (uint32_t)im->w);
  p = put32(p, (uint32_t)im->h);
  p = put32(p, (uint32_t)im->c);
  p = put32(p, (uint32_t)im->type);
  put32(p, im->alpha);
  XXH3_state_t state;
  XXH3_INITSTATE(&state);
  XXH3_128bits_reset(&state);
  XXH3_128bits_update(&state, head, sizeof head);
  for (int y = 0; y < im->h; y++) XXH3_128bits_update(&state, image_row(im, y), image_row_bytes(im));
  XXH128_hash_t h = XXH3_128bits_digest(&state);
  return (Hash){.hi = h.high64, .lo = h.low64};
}

void image_fill(Image *im, const double *v) {
  for (int x = 0; x < im->w; x++)
    for (int k = 0; k < im->c; k++) {
      size_t i = (size_t)x * (size_t)im->c + (size_t)k;
      if (im->type == IMAGE_F32)
        image_row_f(im, 0)[i] = (float)v[k];
      else
        image_row(im, 0)[i] = !(v[k] > 0) ? 0 : v[k] >= 255 ? 255 : (uint8_t)(v[k] + 0.5);
    }
  for (int y = 1; y < im->h; y++) memcpy(image_row(im, y), image_row(im, 0), image_row_bytes(im));
}

Image *image_crop(const Image *im, int x, int y, int w, int h, Err *err) {
  if (x < 0 || y < 0 || w < 1 || h < 1 || x > im->w - w || y > im->h - h)
    return err_set(err, ERR_USAGE, "crop %d %d %d %d reaches outside %d x %d pixels", x, y, w, h, im->w, im->h), NULL;
  Image *out = image_new(w, h, im->c, im->type, im->alpha, err);
  const size_t px = (size_t)im->c * image_sample_size(im);
  if (out)
    for (int i = 0; i < h; i++) memcpy(image_row(out, i), image_row(im, y + i) + (size_t)x * px, image_row_bytes(out));
  return out;
}
