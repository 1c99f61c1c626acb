/* Failing allocations in feature extraction and in the primitives that allocate. SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "model/features.h"
#include "plan/plan.h"

static Image *texture(int w, int h) {
  Image *im = image_new(w, h, 3, IMAGE_U8, false, NULL);
  for (int y = 0; y < h; y++)
    for (int x = 0; x < 3 * w; x++) {
      uint32_t v[4];
      rng_block(7, (uint64_t)(x / 3 / 7), (uint64_t)(y / 7), v);
      image_row(im, y)[x] = (uint8_t)(v[0] >> 24);
    }
  return im;
}

static void every_failing_allocation_of_extraction_is_an_error(void **state) {
  (void)state;
  Image *im = texture(200, 150);
  uint64_t k = 1;
  for (;; k++) {
    Err err = {0};
    mem_fail_at(k, false);
    Features *f = features_new(im, &err);
    uint64_t asked = mem_count();
    mem_fail_at(0, false);
    if (f) {
      assert_true(f->n > 20);
      assert_int_equal(features_agree(f, f) > 20, 1);
      features_unref(f);
      if (asked < k) break;
    } else {
      assert_int_equal(err.code, ERR_MEMORY);
    }
  }
  assert_true(k > 10);
  image_unref(im);
}

static void every_failing_allocation_of_damage_is_an_error(void **state) {
  (void)state;
  static const struct { const char *name; double first; } steps[] = {{"downscale", 2.5}, {"pixelate", 7}, {"shot_noise", 30}, {"jpeg", 40}};
  Image *im = texture(50, 40);
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
    Plan plan;
    plan_init(&plan);
    Step *s = plan_add(&plan, prim_find(steps[i].name), NULL);
    assert_non_null(s);
    s->num[0] = steps[i].first;
    uint64_t k = 1;
    for (;; k++) {
      Err err = {0};
      mem_fail_at(k, false);
      Image *out = plan_run(&plan, im, true, &err);
      uint64_t asked = mem_count();
      mem_fail_at(0, false);
      image_unref(out);
      if (out && asked < k) break;
      if (!out) assert_int_equal(err.code, ERR_MEMORY);
      assert_true(k < 1000);
    }
    assert_true(k > 1);
    plan_clear(&plan);
  }
  image_unref(im);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_failing_allocation_of_extraction_is_an_error),
                                     cmocka_unit_test(every_failing_allocation_of_damage_is_an_error)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
