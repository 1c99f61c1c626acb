/* core.test: the doubles of the foundations, for tests. SPDX-License-Identifier: MIT */
#include <errno.h>

#include "base/file.h"
#include "base/mem.h"
#include "lua/bind.h"
#include "lua/harsh.h"

/* fail_alloc(k[, sticky = false]): the k-th allocation of the engine from now fails; sticky: all later ones too. 0: off. */
static int f_fail_alloc(lua_State *L) {
  lua_Integer k = luaL_checkinteger(L, 1);
  luaL_argcheck(L, k >= 0, 1, "0 or more expected");
  mem_fail_at((uint64_t)k, lua_toboolean(L, 2));
  return 0;
}

/* alloc_count() -> allocations asked for since fail_alloc */
static int f_alloc_count(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)mem_count());
  return 1;
}

/* fail_lua(k[, sticky = false]): the same for what Lua itself allocates. */
static int f_fail_lua(lua_State *L) {
  lua_Integer k = luaL_checkinteger(L, 1);
  luaL_argcheck(L, k >= 0, 1, "0 or more expected");
  harsh_fail_at(L, (uint64_t)k, lua_toboolean(L, 2));
  return 0;
}

/* lua_count() -> allocations Lua asked for since fail_lua */
static int f_lua_count(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)harsh_count());
  return 1;
}

/* fail_file(k[, error = "ENOSPC"]): the k-th call into the file layer from now fails. 0: off. */
static int f_fail_file(lua_State *L) {
  static const char *const names[] = {"ENOSPC", "EIO", "EINTR", "EDQUOT", "EACCES", "EMFILE", NULL};
  static const int codes[] = {ENOSPC, EIO, EINTR, EDQUOT, EACCES, EMFILE};
  lua_Integer k = luaL_checkinteger(L, 1);
  luaL_argcheck(L, k >= 0, 1, "0 or more expected");
  file_fail_at((uint64_t)k, codes[luaL_checkoption(L, 2, "ENOSPC", names)]);
  return 0;
}

static const luaL_Reg funcs[] = {
    {"fail_alloc", f_fail_alloc}, {"alloc_count", f_alloc_count}, {"fail_lua", f_fail_lua}, {"lua_count", f_lua_count},
    {"fail_file", f_fail_file}, {NULL, NULL}};

int open_test(lua_State *L) {
  luaL_newlib(L, funcs);
  return 1;
}
