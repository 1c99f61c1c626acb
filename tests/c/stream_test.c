/* Row streams against the generator they claim to be. SPDX-License-Identifier: MIT */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "prim/stream.h"

static uint32_t expected_word(uint64_t key, uint32_t lane, int y, int e) {
  uint32_t out[4];
  int group = e / 64, r = e % 64;
  rng_block(key, (uint64_t)(group * 16 + r % 16), (uint64_t)y | (uint64_t)lane << 32, out);
  return out[r / 16];
}

static void words_are_philox_blocks(void **state) {
  (void)state;
  StreamBuf buf;
  const uint64_t key = 0x0123456789abcdefu;
  const uint32_t *w = stream_words(&buf, key, 3, 1000000, 70, 300);
  for (int i = 0; i < 300; i++) assert_int_equal(w[i], expected_word(key, 3, 1000000, 70 + i));
}

static void halves_are_the_words_low_first(void **state) {
  (void)state;
  StreamBuf buf;
  const uint16_t *h = stream_halves(&buf, 9, 0, 7, 129, 500);
  for (int i = 0; i < 500; i++) {
    int e = 129 + i;
    uint32_t w = expected_word(9, 0, 7, e / 2);
    assert_int_equal(h[i], e % 2 ? w >> 16 : w & 0xffff);
  }
}

static void any_cut_of_a_row_gives_the_same_numbers(void **state) {
  (void)state;
  float whole[STREAM_STRIP], part[STREAM_STRIP];
  stream_normal(whole, 5, 1, 2, 0, STREAM_STRIP);
  for (int first = 0; first < STREAM_STRIP; first += 97) {
    int n = STREAM_STRIP - first < 97 ? STREAM_STRIP - first : 97;
    stream_normal(part, 5, 1, 2, first, n);
    for (int i = 0; i < n; i++) assert_true(part[i] == whole[first + i]);
  }
}

/* The claims of stream.h over all 65,536 values. */
static void the_normal_table_is_what_it_says(void **state) {
  (void)state;
  double sum = 0, squares = 0, fourth = 0;
  for (int h = 0; h < 65536; h++) {
    double z = stream_quantile((uint16_t)h);
    sum += z, squares += z * z, fourth += z * z * z * z;
    assert_true(z == -(double)stream_quantile((uint16_t)(65535 - h)));
    assert_true(h == 0 || stream_quantile((uint16_t)h) >= stream_quantile((uint16_t)(h - 1)));
    double p = 0.5 * erfc(-z / sqrt(2)); /* the C library's: this is only a check */
    assert_true(fabs(p - (h + 0.5) / 65536) < 0x1p-15);
  }
  assert_true(sum == 0);
  assert_true(fabs(squares / 65536 - 1) < 1e-6);
  assert_true(fabs(fourth / 65536 - 3) < 0.01);
  assert_true(stream_quantile(65535) > 4.3f && stream_quantile(65535) < 4.35f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(words_are_philox_blocks), cmocka_unit_test(halves_are_the_words_low_first),
      cmocka_unit_test(any_cut_of_a_row_gives_the_same_numbers), cmocka_unit_test(the_normal_table_is_what_it_says)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
