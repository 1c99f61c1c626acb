/* SPDX-License-Identifier: MIT */
#include "image/image.h"

#include <string.h>

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
  if (out)
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
