/* brink.Warp: where points go, and images. What it does to labels is in lua_shapes.c. SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "lua/bind_plan.h"

static const char WARP[] = "brink.Warp";

Warp *bind_warp_new(lua_State *L, int w, int h) {
  Warp *warp = lua_newuserdatauv(L, sizeof *warp, 0);
  warp_init(warp, w, h);
  luaL_setmetatable(L, WARP);
  return warp;
}

Warp *bind_warp_check(lua_State *L, int arg) { return luaL_checkudata(L, arg, WARP); }

static int push_point(lua_State *L, const double p[2]) {
  lua_pushnumber(L, p[0]);
  lua_pushnumber(L, p[1]);
  return 2;
}

/* point(x, y) -> x, y, exact: where an input point lands, in pixels, (0.5, 0.5) the middle of the first; exact is false
 * where a folded field has no inverse. */
static int f_point(lua_State *L) {
  double out[2];
  bool exact = warp_point(bind_warp_check(L, 1), luaL_checknumber(L, 2), luaL_checknumber(L, 3), out);
  push_point(L, out);
  lua_pushboolean(L, exact);
  return 3;
}

/* source(x, y) -> x, y: where in the input the output shows at this point; in pixels, as above */
static int f_source(lua_State *L) {
  double out[2];
  warp_source(bind_warp_check(L, 1), luaL_checknumber(L, 2), luaL_checknumber(L, 3), out);
  return push_point(L, out);
}

/* An image sent through a warp. */
typedef struct WarpJob {
  Job job;
  Warp warp;        /* own copy */
  const Image *in;  /* counted */
  Image *out;       /* ours until pushed */
  float outside;
} WarpJob;

static void work_mask(Job *job) {
  WarpJob *j = (WarpJob *)job;
  j->out = warp_mask(&j->warp, j->in, j->outside, &job->err);
  job->failed = !j->out;
}

static void work_heat(Job *job) {
  WarpJob *j = (WarpJob *)job;
  j->out = warp_image(&j->warp, j->in, &job->err);
  job->failed = !j->out;
}

static void clear_job(Job *job) {
  WarpJob *j = (WarpJob *)job;
  warp_clear(&j->warp);
  image_unref(j->in);
  image_unref(j->out);
  j->in = NULL, j->out = NULL;
}

static int finish(lua_State *L) {
  WarpJob *j = lua_touserdata(L, -1);
  if (j->job.failed) return bind_fail(L, &j->job.err);
  Image *out = j->out;
  j->out = NULL;
  image_push(L, out);
  return 1;
}

/* The job with a copy of the warp at 1 and the image at 2, pushed; NULL with *err. */
static WarpJob *new_job(lua_State *L, void (*work)(Job *), Err *err) {
  const Warp *w = bind_warp_check(L, 1);
  WarpJob *j = bind_job(L, sizeof *j, work, clear_job);
  warp_init(&j->warp, w->in_w, w->in_h);
  if (!warp_copy(&j->warp, w, err)) return NULL;
  j->in = image_hold(L, 2);
  return j;
}

/* mask(image[, outside = 0]) -> image: nearest samples, nothing mixed */
static int f_mask(lua_State *L) {
  Err err;
  float outside = (float)luaL_optnumber(L, 3, 0);
  luaL_argcheck(L, isfinite(outside), 3, "a finite number expected");
  WarpJob *j = new_job(L, work_mask, &err);
  if (!j) return bind_fail(L, &err);
  j->outside = outside;
  return bind_run(L, finish);
}

/* heat(image) -> image: interpolated, 0 outside */
static int f_heat(lua_State *L) {
  Err err;
  WarpJob *j = new_job(L, work_heat, &err);
  if (!j) return bind_fail(L, &err);
  for (int i = 0; i < j->warp.n; i++) {
    j->warp.stage[i].interp = INTERP_LINEAR;
    j->warp.stage[i].border = BORDER_CONSTANT;
    memset(j->warp.stage[i].fill, 0, sizeof j->warp.stage[i].fill);
  }
  return bind_run(L, finish);
}

static int f_gc(lua_State *L) {
  warp_clear(bind_warp_check(L, 1));
  return 0;
}

/* Fields first, then methods (upvalue 1). */
static int f_index(lua_State *L) {
  const Warp *w = bind_warp_check(L, 1);
  const char *key = luaL_checkstring(L, 2);
  const struct { const char *name; int value; } fields[] = {
      {"in_width", w->in_w}, {"in_height", w->in_h}, {"out_width", w->out_w}, {"out_height", w->out_h}};
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
    if (!strcmp(fields[i].name, key)) return lua_pushinteger(L, fields[i].value), 1;
  lua_getfield(L, lua_upvalueindex(1), key);
  return 1;
}

static const luaL_Reg methods[] = {{"point", f_point}, {"source", f_source}, {"mask", f_mask}, {"heat", f_heat}, {NULL, NULL}};
static const luaL_Reg metamethods[] = {{"__gc", f_gc}, {NULL, NULL}};

void bind_warp_type(lua_State *L) {
  bind_type(L, WARP, methods, metamethods);
  luaL_getmetatable(L, WARP);
  lua_getfield(L, -1, "__index");
  lua_pushcclosure(L, f_index, 1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}
