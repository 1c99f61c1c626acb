/* Row runners of u8 maps: however a CPU does it, the bytes are the table's.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "prim/point.h"

enum { WIDE_MAX = 431 };

/* One row through p->rows, with guards on both sides, compared with the table; then the same in place. */
static void check_row(Point *p, int w) {
  uint8_t src[WIDE_MAX * 4], want[WIDE_MAX * 4], got[WIDE_MAX * 4 + 128];
  const size_t n = (size_t)w * (size_t)p->c;
  Rng r;
  rng_init(&r, (uint64_t)w);
  for (size_t i = 0; i < n; i++) {
    src[i] = (uint8_t)rng_u32(&r);
    want[i] = p->lut[i % (size_t)p->c][src[i]];
  }
  p->w = w, p->h = 1;
  memset(got, 0xa5, sizeof got);
  p->rows(p, src, n, got + 64, n, 0, 1);
  assert_memory_equal(got + 64, want, n);
  for (int i = 0; i < 64; i++) {
    assert_int_equal(got[i], 0xa5);
    assert_int_equal(got[64 + n + (size_t)i], 0xa5);
  }
  p->rows(p, src, n, src, n, 0, 1);
  assert_memory_equal(src, want, n);
}

static void check_widths(Point *p) {
  static const int widths[] = {1, 2, 3, 15, 16, 17, 21, 22, 31, 32, 33, 63, 64, 65, 127, 128, 129, 192, 193, 431};
  for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) check_row(p, widths[i]);
}

static void tables_of_any_bytes(void **state) {
  point_limit((int)(intptr_t)*state);
  for (int c = 1; c <= 4; c++)
    for (int same = 0; same < 2; same++) {
      Point p = {.c = c, .colours = c, .is_lut = true, .rows = point_lut_rows};
      Rng r;
      rng_init(&r, (uint64_t)c);
      for (int k = 0; k < c; k++)
        for (int v = 0; v < 256; v++) p.lut[k][v] = same && k ? p.lut[0][v] : (uint8_t)rng_u32(&r);
      check_widths(&p);
    }
}

static void affine_is_its_table(void **state) {
  point_limit((int)(intptr_t)*state);
  static const float maps[][8] = {
      {1.3f, 1.3f, 1.3f, 1.3f, 0, 0, 0, 0},       {1, 1, 1, 1, 40.5f, 40.5f, 40.5f, 40.5f},
      {1, 1, 1, 1, -300, -300, -300, -300},       {1, 1, 1, 1, 300, 300, 300, 300},
      {1, 1, 1, 1, 17, 0, -90.49f, 3},            {-1, -1, -1, -1, 255, 255, 255, 255},
      {0, 0, 0, 0, 99.5f, 99.5f, 99.5f, 99.5f},   {0.33f, 1.7f, -2, 64, 5, -0.5f, 400, -8000},
      {0.1f, 1, 1, 1, 0.5f, 0, 0, 0},             {64, 64, 64, 64, -1020, -1020, -1020, -1020},
  };
  for (size_t m = 0; m < sizeof maps / sizeof *maps; m++)
    for (int c = 1; c <= 4; c++)
      for (int alpha = 0; alpha <= (c == 2 || c == 4); alpha++) {
        Point p = {.c = c, .colours = c - alpha, .type = IMAGE_U8};
        memcpy(p.f, maps[m], sizeof maps[m]);
        assert_true(point_affine(&p));
        if (!p.rows) continue;
        assert_true(p.is_lut);
        if (alpha)
          for (int v = 0; v < 256; v++) assert_int_equal(p.lut[c - 1][v], v);
        check_widths(&p);
      }
}

static void affine_table_is_the_rounded_value(void **state) {
  (void)state;
  Point p = {.c = 1, .colours = 1, .type = IMAGE_U8};
  p.f[0] = 1.75f, p.f[4] = -20.25f; /* exact in binary: no doubt about rounding */
  assert_true(point_affine(&p));
  for (int v = 0; v < 256; v++) {
    int q = 7 * v - 81, want = q < 0 ? 0 : (q + 2) / 4; /* quarters */
    assert_int_equal(p.lut[0][v], want > 255 ? 255 : want);
  }
}

static void neutral_maps_do_nothing(void **state) {
  (void)state;
  Point p = {.c = 4, .colours = 3, .type = IMAGE_U8, .f = {1, 1, 1, 5, 0, 0, 0, 7}};
  assert_true(point_affine(&p));
  assert_null(p.rows);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      {"tables_of_any_bytes at level 0", tables_of_any_bytes, NULL, NULL, (void *)0},
      {"tables_of_any_bytes at level 1", tables_of_any_bytes, NULL, NULL, (void *)1},
      {"tables_of_any_bytes at level 2", tables_of_any_bytes, NULL, NULL, (void *)2},
      {"affine_is_its_table at level 0", affine_is_its_table, NULL, NULL, (void *)0},
      {"affine_is_its_table at level 1", affine_is_its_table, NULL, NULL, (void *)1},
      {"affine_is_its_table at level 2", affine_is_its_table, NULL, NULL, (void *)2},
      cmocka_unit_test(affine_table_is_the_rounded_value),
      cmocka_unit_test(neutral_maps_do_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
