/* Any text through the JSON reader; strings survive quoting and reading again. SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  static Json j, k;
  Err err = { 0 };
  json_init(&j, (const char *)data, n, "fuzz");
  for (size_t tokens = 0;; tokens++) {
    JsonToken t = json_next(&j, &err);
    if (t == JSON_ERROR || t == JSON_END) break;
    if (tokens > n + 1) abort(); /* each token takes a byte */
    if (t == JSON_STRING) {
      Buf out;
      buf_init(&out);
      if (json_quote(&out, (const char *)j.text.data, j.text.n)) {
        json_init(&k, (const char *)out.data, out.n, "again");
        if (json_next(&k, &err) != JSON_STRING || k.text.n != j.text.n || memcmp(k.text.data, j.text.data, j.text.n) != 0) abort();
        json_clear(&k);
      }
      buf_clear(&out);
    }
  }
  json_clear(&j);
  json_init(&j, (const char *)data, n, "skip");
  JsonToken t = json_next(&j, &err);
  if (t != JSON_ERROR && t != JSON_END) (void)json_skip(&j, t, &err);
  json_clear(&j);
  return 0;
}
