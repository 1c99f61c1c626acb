/* core.features: local features of pictures and how far two agree. Extraction
 * and comparison are jobs; a Features userdata holds one reference.
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/mem.h"
#include "lua/bind.h"
#include "model/features.h"

static void unref(void *f) { features_unref(f); }
static const RefType FEATURES = {"brink.Features", "features are gone", unref};

static Features *features_check(lua_State *L, int arg) { return bind_check(L, arg, &FEATURES); }

/* A picture (or its features) against others. */
typedef struct Compare {
  Job job;
  const Image *im;          /* a reference, or NULL when `own` was given */
  Features *own;            /* a reference */
  int n;
  const Features **other;   /* n references; owned */
  int *agree;               /* n; owned */
} Compare;

static void compare_work(Job *job) {
  Compare *w = (Compare *)job;
  if (!w->own) w->own = features_new(w->im, &job->err);
  job->failed = !w->own;
  for (int i = 0; w->own && i < w->n; i++) w->agree[i] = features_agree(w->other[i], w->own);
}

static void compare_clear(Job *job) {
  Compare *w = (Compare *)job;
  for (int i = 0; w->other && i < w->n; i++) features_unref(w->other[i]);
  mem_free(w->other);
  mem_free(w->agree);
  image_unref(w->im);
  features_unref(w->own);
  w->im = NULL, w->own = NULL, w->other = NULL, w->agree = NULL, w->n = 0;
}

/* A new job at the stack's top about the picture or the features at arg. */
static Compare *compare_new(lua_State *L, int arg) {
  Compare *w = bind_job(L, sizeof *w, compare_work, compare_clear);
  if (luaL_testudata(L, arg, FEATURES.name))
    w->own = features_ref(features_check(L, arg));
  else
    w->im = image_hold(L, arg);
  return w;
}

static int extract_finish(lua_State *L) {
  Compare *w = lua_touserdata(L, -1);
  if (w->job.failed) return bind_fail(L, &w->job.err);
  Features *f = features_ref(w->own);
  bind_push(L, &FEATURES, f, (size_t)f->n * sizeof *f->at);
  return 1;
}

/* extract(image) -> Features | nil, message, code */
static int f_extract(lua_State *L) {
  image_check(L, 1);
  compare_new(L, 1);
  return bind_run(L, extract_finish);
}

static int compare_finish(lua_State *L) {
  Compare *w = lua_touserdata(L, -1);
  if (w->job.failed) return bind_fail(L, &w->job.err);
  lua_createtable(L, w->n, 0);
  for (int i = 0; i < w->n; i++) {
    lua_pushinteger(L, w->agree[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_pushinteger(L, w->own->n);
  return 2;
}

/* compare(image | Features, { Features, ... }) -> list of agreeing features, number found in the image | nil, message, code */
static int f_compare(lua_State *L) {
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  lua_Integer n = luaL_len(L, 2);
  luaL_argcheck(L, n >= 0 && n <= 1000000, 2, "a list of 0..1000000 features expected");
  Compare *w = compare_new(L, 1);
  w->other = mem_calloc((size_t)n + 1, sizeof *w->other);
  w->agree = mem_calloc((size_t)n + 1, sizeof *w->agree);
  if (!w->other || !w->agree) {
    Err err;
    err_memory(&err);
    return bind_fail(L, &err);
  }
  for (lua_Integer i = 1; i <= n; i++) {
    lua_rawgeti(L, 2, i);
    Features *f = bind_test(L, -1, &FEATURES);
    if (!f) return luaL_argerror(L, 2, lua_pushfstring(L, "entry %I is not a brink.Features", i));
    w->other[w->n++] = features_ref(f);
    lua_pop(L, 1);
  }
  return bind_run(L, compare_finish);
}

/* match(a, b) -> score in [0,1], agreeing: the share of a's features that b agrees with; 0 for a flat picture */
static int f_match(lua_State *L) {
  const Features *a = features_check(L, 1), *b = features_check(L, 2);
  int agree = features_agree(a, b);
  lua_pushnumber(L, a->n ? (lua_Number)agree / a->n : 0);
  lua_pushinteger(L, agree);
  return 2;
}

static int f_len(lua_State *L) {
  lua_pushinteger(L, features_check(L, 1)->n);
  return 1;
}

/* at(k) -> x, y, scale, angle in degrees; in the picture brought to a long side of 320 px */
static int f_at(lua_State *L) {
  const Features *f = features_check(L, 1);
  lua_Integer k = luaL_checkinteger(L, 2);
  luaL_argcheck(L, k >= 1 && k <= f->n, 2, "no such feature");
  const Feature *p = f->at + k - 1;
  static const double scale[] = {1, 1.5, 2.25, 3.375};
  lua_pushnumber(L, p->x);
  lua_pushnumber(L, p->y);
  lua_pushnumber(L, scale[p->level]);
  lua_pushnumber(L, p->angle * 360.0 / 256);
  return 4;
}

static int f_gc(lua_State *L) { return bind_drop(L, &FEATURES); }

static const luaL_Reg funcs[] = {{"extract", f_extract}, {"compare", f_compare}, {"match", f_match}, {NULL, NULL}};
static const luaL_Reg methods[] = {{"at", f_at}, {NULL, NULL}};
static const luaL_Reg metamethods[] = {{"__len", f_len}, {"__gc", f_gc}, {NULL, NULL}};

int open_features(lua_State *L) {
  bind_type(L, FEATURES.name, methods, metamethods);
  luaL_newlib(L, funcs);
  return 1;
}
