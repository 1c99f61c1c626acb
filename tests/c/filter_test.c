/* Filters and segments when memory runs out: every allocation fails once in turn, and each time the answer is
 * NULL with a reason, nothing leaks (under the sanitizer) and the input is untouched.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "prim/prim.h"

static Image *picture(ImageType type) {
  Err err = {0};
  Image *im = image_new(37, 23, 3, type, false, &err);
  assert_non_null(im);
  for (int y = 0; y < im->h; y++)
    for (int i = 0; i < im->w * im->c; i++)
      if (type == IMAGE_U8) image_row(im, y)[i] = (uint8_t)(i * 7 + y * 31);
      else image_row_f(im, y)[i] = (float)((i * 7 + y * 31) % 256) / 255.0f;
  return im;
}

static void fails_whole(const char *name, double a, double b, double c) {
  static float kernel[9] = {1, 2, 1, 2, 4, 2, 1, 2, 1};
  Step s = {.prim = prim_find(name), .num = {a, b, c, 1.0 / 16, 0}, .key = 7, .list = kernel, .n = 9};
  assert_non_null(s.prim);
  for (ImageType type = IMAGE_U8; type <= IMAGE_F32; type++) {
    Image *in = picture(type), *kept = picture(type), *out = NULL;
    uint64_t k = 1;
    for (; k < 200 && !out; k++) {
      Err err = {0};
      mem_fail_at(k, false);
      out = s.prim->apply(&s, in, &err);
      mem_fail_at(0, false);
      if (!out) assert_int_equal(err.code, ERR_MEMORY);
    }
    assert_non_null(out);
    assert_true(k > 2); /* at least the result itself could fail */
    assert_true(image_equal(in, kept));
    image_unref(out);
    image_unref(in);
    image_unref(kept);
  }
}

static void test_memory(void **state) {
  (void)state;
  fails_whole("gaussian", 2, 0, 0);
  fails_whole("gaussian", 9, 0, 0);
  fails_whole("gaussian", 0, 0, 0);
  fails_whole("box", 2.5, 0, 0);
  fails_whole("unsharp", 2, 5, 0);
  fails_whole("motion", 9, 30, 0);
  fails_whole("motion", 90, 30, 0);
  fails_whole("motion", 90, 80, 0);
  fails_whole("defocus", 4, 0, 0);
  fails_whole("zoom_blur", 0.5, 0, 0);
  fails_whole("glass", 4, 0, 0);
  fails_whole("median", 1, 0, 0);
  fails_whole("median", 2, 0, 0);
  fails_whole("median", 6, 0, 0);
  fails_whole("sharpen", 1, 1, 0);
  fails_whole("emboss", 1, 1, 0);
  fails_whole("convolve", 0, 3, 3);
  fails_whole("superpixels", 8, 1, 0);
  fails_whole("patch_shuffle", 8, 1, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_memory)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
