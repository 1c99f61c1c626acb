/* core.base64: RFC 4648 with padding, for pictures inside pages and label files.
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "lua/bind.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* encode(bytes) -> text */
static int f_encode(lua_State *L) {
  size_t n;
  const unsigned char *s = (const unsigned char *)luaL_checklstring(L, 1, &n);
  luaL_Buffer b;
  char *out = luaL_buffinitsize(L, &b, (n + 2) / 3 * 4), *at = out;
  for (size_t i = 0; i < n; i += 3) {
    unsigned v = (unsigned)s[i] << 16 | (i + 1 < n ? (unsigned)s[i + 1] << 8 : 0) | (i + 2 < n ? s[i + 2] : 0);
    *at++ = digits[v >> 18];
    *at++ = digits[v >> 12 & 63];
    *at++ = i + 1 < n ? digits[v >> 6 & 63] : '=';
    *at++ = i + 2 < n ? digits[v & 63] : '=';
  }
  luaL_pushresultsize(&b, (size_t)(at - out));
  return 1;
}

/* decode(text) -> bytes | nil, message, code. White space is passed over. */
static int f_decode(lua_State *L) {
  size_t n, used = 0;
  const char *s = luaL_checklstring(L, 1, &n);
  luaL_Buffer b;
  char *out = luaL_buffinitsize(L, &b, n / 4 * 3 + 3), *at = out;
  unsigned v = 0, pads = 0;
  for (size_t i = 0; i < n; i++) {
    if (strchr(" \t\r\n", s[i]) && s[i]) continue;
    const char *d = s[i] && s[i] != '=' ? strchr(digits, s[i]) : NULL;
    if (s[i] == '=' ? ++pads > 2 : !d || pads) {
      Err err = {0};
      err_set(&err, ERR_REFUSED, "base64: unexpected byte at position %zu", i + 1);
      return bind_fail(L, &err);
    }
    v = v << 6 | (d ? (unsigned)(d - digits) : 0);
    if (++used % 4 == 0)
      for (int k = 0; k < 3; k++) *at++ = (char)(v >> (16 - 8 * k));
  }
  if (used % 4) {
    Err err = {0};
    err_set(&err, ERR_REFUSED, "base64: %zu digits, a multiple of 4 is expected", used);
    return bind_fail(L, &err);
  }
  luaL_pushresultsize(&b, (size_t)(at - out) - pads);
  return 1;
}

int open_base64(lua_State *L) {
  static const luaL_Reg funcs[] = {{"encode", f_encode}, {"decode", f_decode}, {NULL, NULL}};
  luaL_newlib(L, funcs);
  return 1;
}
