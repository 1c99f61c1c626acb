/* What Lua cannot reach: raw Philox words, failing calls, number text. SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"

/* Known answers of the Random123 distribution (kat_vectors, philox4x32 10). */
static void philox_known_answers(void **state) {
  (void)state;
  uint32_t out[4];
  rng_block(0, 0, 0, out);
  const uint32_t zero[] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
  assert_memory_equal(out, zero, sizeof zero);
  rng_block(UINT64_MAX, UINT64_MAX, UINT64_MAX, out);
  const uint32_t ones[] = {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd};
  assert_memory_equal(out, ones, sizeof ones);
  rng_block(0x299f31d0a4093822, 0x85a308d3243f6a88, 0x0370734413198a2e, out);
  const uint32_t pi[] = {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1};
  assert_memory_equal(out, pi, sizeof pi);
}

static void a_fill_does_not_depend_on_where_it_starts(void **state) {
  (void)state;
  float all[1000], part[100];
  rng_fill_normal(42, 0, all, 1000);
  for (size_t first = 0; first < 900; first += 37) {
    rng_fill_normal(42, first, part, 100);
    assert_memory_equal(part, all + first, sizeof part);
  }
}

static void numbers_read_back(void **state) {
  (void)state;
  char text[32];
  const double v[] = {0.1, 1.0 / 3, 5e-324, 1.7976931348623157e308, -0.0, 123456789012345680.0, 1e21, 0.3};
  for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
    num_text(v[i], text);
    double back = strtod(text, NULL);
    assert_memory_equal(&back, &v[i], sizeof back);
  }
  num_text(2, text);
  assert_string_equal(text, "2.0");
}

/* Each call of the file layer fails in turn: the old content or the new, never a part, nothing left behind. */
static void a_failing_write_keeps_the_old_file(void **state) {
  (void)state;
  char dir[] = "/tmp/brinkXXXXXX", path[64];
  assert_non_null(mkdtemp(dir));
  snprintf(path, sizeof path, "%s/f", dir);
  Err err;
  assert_true(file_write(path, "old", 3, true, &err));
  for (uint64_t k = 1;; k++) {
    file_fail_at(k, ENOSPC);
    bool ok = file_write(path, "newer", 5, true, &err);
    file_fail_at(0, 0);
    Buf b;
    buf_init(&b);
    assert_true(file_read(path, 100, &b, &err));
    assert_true((b.n == 3 && !memcmp(b.data, "old", 3)) || (b.n == 5 && !memcmp(b.data, "newer", 5)));
    buf_clear(&b);
    if (ok) break;
    assert_int_equal(err.code, ERR_IO);
    assert_true(file_write(path, "old", 3, true, &err));
    assert_true(k < 50);
  }
  unlink(path);
  assert_int_equal(rmdir(dir), 0); /* no temporary left */
}

/* What a killed run left at the one place where a name exists is taken over, and nothing stays behind. */
static void a_name_of_255_bytes_and_a_leftover_are_no_trouble(void **state) {
  (void)state;
  char dir[] = "/tmp/brinkXXXXXX", path[400];
  assert_non_null(mkdtemp(dir));
  snprintf(path, sizeof path, "%s/%0255d", dir, 1);
  Err err;
  assert_true(file_write(path, "a", 1, true, &err));
  file_fail_at(3, EIO); /* at the rename of a write that is not durable: open, write, link, rename */
  file_write(path, "b", 1, false, &err);
  file_fail_at(0, 0);
  assert_true(file_write(path, "c", 1, true, &err));
  assert_int_equal(unlink(path), 0);
  assert_int_equal(rmdir(dir), 0);
}

static void a_failing_allocation_is_an_error(void **state) {
  (void)state;
  const char *text = "{\"a\":[1,2,\"x\\u00e9\"],\"b\":1.25e3}";
  for (uint64_t k = 1;; k++) {
    Json j;
    Err err = {0};
    json_init(&j, text, strlen(text), "t");
    mem_fail_at(k, true);
    JsonToken t;
    do t = json_next(&j, &err);
    while (t != JSON_END && t != JSON_ERROR);
    mem_fail_at(0, false);
    json_clear(&j);
    if (t == JSON_END) {
      assert_true(k > 1);
      return;
    }
    assert_int_equal(err.code, ERR_MEMORY);
    assert_true(k < 100);
  }
}

static void sizes_that_overflow_are_refused(void **state) {
  (void)state;
  assert_null(mem_alloc(SIZE_MAX / 2, 4));
  assert_null(mem_calloc(SIZE_MAX, SIZE_MAX));
  assert_null(mem_aligned(SIZE_MAX - 8));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(philox_known_answers),
      cmocka_unit_test(a_fill_does_not_depend_on_where_it_starts),
      cmocka_unit_test(numbers_read_back),
      cmocka_unit_test(a_failing_write_keeps_the_old_file),
      cmocka_unit_test(a_name_of_255_bytes_and_a_leftover_are_no_trouble),
      cmocka_unit_test(a_failing_allocation_is_an_error),
      cmocka_unit_test(sizes_that_overflow_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
