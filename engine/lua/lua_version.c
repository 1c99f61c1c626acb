/* core.version: what this build is made of.
 *   { brink = "0.1.0", lua = "5.4.4", result = 1,
 *     libraries = { {name=, version=}, ... }, features = { {name=, present=, gives=}, ... } }
 * Libraries report what is loaded, not what was compiled against, where they
 * can tell. SPDX-License-Identifier: MIT */
#include <png.h>
#include <sqlite3.h>
#include <stdio.h>
#include <uv.h>
#include <xxhash.h>
#include <zlib.h>

#include <jpeglib.h>

#include "lua/bind.h"

#define BRINK_VERSION "0.1.0"
#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

static void add_library(lua_State *L, const char *name, const char *version) {
  lua_createtable(L, 0, 2);
  lua_pushstring(L, name);
  lua_setfield(L, -2, "name");
  lua_pushstring(L, version);
  lua_setfield(L, -2, "version");
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
}

/* major * 10000 + minor * 100 + patch as text. */
static void add_numbered(lua_State *L, const char *name, unsigned v) {
  char text[32];
  snprintf(text, sizeof text, "%u.%u.%u", v / 10000, v / 100 % 100, v % 100);
  add_library(L, name, text);
}

static void libraries(lua_State *L) {
  lua_newtable(L);
  add_library(L, "Lua", LUA_VERSION_MAJOR "." LUA_VERSION_MINOR "." LUA_VERSION_RELEASE);
  add_numbered(L, "libpng", (unsigned)png_access_version_number());
#ifdef LIBJPEG_TURBO_VERSION
  add_library(L, "libjpeg", "turbo " TEXT(LIBJPEG_TURBO_VERSION));
#else
  add_library(L, "libjpeg", TEXT(JPEG_LIB_VERSION));
#endif
  add_library(L, "zlib", zlibVersion());
  add_library(L, "SQLite", sqlite3_libversion());
  add_library(L, "libuv", uv_version_string());
  add_numbered(L, "xxHash", (unsigned)XXH_versionNumber());
}

static void add_feature(lua_State *L, const char *name, int present, const char *gives) {
  lua_createtable(L, 0, 3);
  lua_pushstring(L, name);
  lua_setfield(L, -2, "name");
  lua_pushboolean(L, present);
  lua_setfield(L, -2, "present");
  lua_pushstring(L, gives);
  lua_setfield(L, -2, "gives");
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
}

static void features(lua_State *L) {
  int edit = 0, curl = 0, expat = 0, yaml = 0;
#ifdef HAVE_LIBEDIT
  edit = 1;
#endif
#ifdef HAVE_LIBCURL
  curl = 1;
#endif
#ifdef HAVE_EXPAT
  expat = 1;
#endif
#ifdef HAVE_YAML_0_1
  yaml = 1;
#endif
  lua_newtable(L);
  add_feature(L, "libedit", edit, "line editing and completion in the REPL");
  add_feature(L, "libcurl", curl, "models behind a server");
  add_feature(L, "expat", expat, "XML labels (Pascal VOC, CVAT)");
  add_feature(L, "libyaml", yaml, "YOLO data.yaml");
}

int open_version(lua_State *L) {
  lua_newtable(L);
  lua_pushliteral(L, BRINK_VERSION);
  lua_setfield(L, -2, "brink");
  lua_pushliteral(L, LUA_VERSION_MAJOR "." LUA_VERSION_MINOR "." LUA_VERSION_RELEASE);
  lua_setfield(L, -2, "lua");
  lua_pushinteger(L, PLAN_RESULT_VERSION);
  lua_setfield(L, -2, "result");
  libraries(L);
  lua_setfield(L, -2, "libraries");
  features(L);
  lua_setfield(L, -2, "features");
  return 1;
}
