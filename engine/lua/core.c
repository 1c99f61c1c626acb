/* brink.core: one table per binding file. And the embedded Lua side: every
 * lua/brink file is in the binary as text (build/embed.c, made by embed.lua);
 * BRINK_LUA names a folder that is looked in first.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lua/bind.h"
#include "lua/bind_tensor.h"
#include "lua/embed.h"

static const luaL_Reg openers[] = {
    {"image", open_image},
    {"plan", open_plan},
    {"rng", open_rng},
    {"math", open_math},
    {"json", open_json},
    {"file", open_file},
    {"async", open_async},
    {"study", open_study},
    {"features", open_features},
    {"term", open_term},
    {"base64", open_base64},
    {"version", open_version},
    {"test", open_test},
    {"draw", open_draw},
    {"overlap", open_overlap},
    {"resample", open_resample},
    {"shapes", open_shapes},
    {"process", open_process},
    {"wire", open_wire},
    {"tensor", open_tensor},
    {"preprocess", open_preprocess},
    {"postprocess", open_postprocess},
    {"onnx", open_onnx},
    {"http", open_http},
    {"index", open_index},
    {"xml", open_xml},
    {"yaml", open_yaml},
    {NULL, NULL},
};

int luaopen_brink_core(lua_State *L) {
  lua_newtable(L);
  for (const luaL_Reg *r = openers; r->name; r++) {
    r->func(L);
    lua_setfield(L, -2, r->name);
  }
  return 1;
}

/* "brink.search.grid" -> search/grid, or init for "brink". */
static const Embedded *embedded_find(const char *module) {
  for (const Embedded *e = EMBEDDED; e->module; e++)
    if (!strcmp(e->module, module)) return e;
  return NULL;
}

static int load_text(lua_State *L, const char *text, size_t n, const char *chunk, const char *module) {
  if (luaL_loadbufferx(L, text, n, chunk, "t") != LUA_OK) return lua_error(L);
  lua_pushstring(L, module);
  return 2;
}

/* The package searcher for brink and brink.*: working copy first, then the embedded text. */
static int f_search(lua_State *L) {
  const char *module = luaL_checkstring(L, 1);
  const Embedded *e;
  if (strcmp(module, "brink") && strncmp(module, "brink.", 6)) return lua_pushliteral(L, "\n\tnot a brink module"), 1;
  const char *root = getenv("BRINK_LUA");
  if (root && *root) {
    const char *rel = luaL_gsub(L, module, ".", "/");
    const char *tries[] = {lua_pushfstring(L, "%s/%s.lua", root, rel), lua_pushfstring(L, "%s/%s/init.lua", root, rel)};
    for (int i = 0; i < 2; i++) {
      FILE *f = fopen(tries[i], "r");
      if (!f) continue;
      fclose(f);
      if (luaL_loadfilex(L, tries[i], "t") != LUA_OK) return lua_error(L);
      lua_pushstring(L, tries[i]);
      return 2;
    }
  }
  if ((e = embedded_find(module))) return load_text(L, e->text, e->n, e->chunk, module);
  lua_pushfstring(L, "\n\tno embedded module '%s'", module);
  return 1;
}

/* Insert our searcher before the file searchers, once per state. */
static void add_searcher(lua_State *L) {
  static const char mark = 0;
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &mark) != LUA_TNIL) {
    lua_pop(L, 1);
    return;
  }
  lua_pop(L, 1);
  lua_pushboolean(L, 1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &mark);
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "searchers");
  lua_getglobal(L, "table");
  lua_getfield(L, -1, "insert");
  lua_pushvalue(L, -3);
  lua_pushinteger(L, 2);
  lua_pushcfunction(L, f_search);
  lua_call(L, 3, 0);
  lua_pop(L, 3);
}

int luaopen_brink(lua_State *L) {
  luaL_requiref(L, "brink.core", luaopen_brink_core, 0);
  lua_pop(L, 1);
  add_searcher(L);
  /* the searcher's loader for "brink" itself, since `require "brink"` may have found brink.so first */
  lua_pushcfunction(L, f_search);
  lua_pushliteral(L, "brink");
  lua_call(L, 1, 2);
  lua_pushliteral(L, "brink");
  lua_insert(L, -2);
  lua_call(L, 2, 1);
  return 1;
}
