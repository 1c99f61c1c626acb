/* core.preprocess: from pictures to tensors. The Lua side (brink.model.preprocess)
 * knows presets and checks; here every field is already there.
 *   prep = preprocess.new{ fit=, interpolation=, antialias=, width=, height=, side=, ... }
 *   prep:apply(image) -> tensor, map | nil, message, code      (a job)
 *   preprocess.pil_resize(image, w, h, interpolation, antialias) -> image   (a job)
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "lua/bind.h"
#include "lua/bind_tensor.h"

#define PREP "brink.Preprocess"

static const char *const FITS[] = {"squash", "crop", "letterbox", "none", NULL};
static const char *const INTERPS[] = {"nearest", "bilinear", "bicubic", NULL};

const Prep *prep_check(lua_State *L, int arg) { return luaL_checkudata(L, arg, PREP); }

static const char *const MAP[] = {"sx", "sy", "ox", "oy", "width", "height", "image_width", "image_height"};

void prep_map_push(lua_State *L, const PrepMap *m) {
  const double v[] = {m->sx, m->sy, m->ox, m->oy};
  const int n[] = {m->w, m->h, m->image_w, m->image_h};
  lua_createtable(L, 0, 8);
  for (int i = 0; i < 8; i++) {
    if (i < 4) lua_pushnumber(L, v[i]);
    else lua_pushinteger(L, n[i - 4]);
    lua_setfield(L, -2, MAP[i]);
  }
}

void prep_map_check(lua_State *L, int arg, PrepMap *m) {
  double v[8];
  luaL_checktype(L, arg, LUA_TTABLE);
  for (int i = 0; i < 8; i++) {
    lua_getfield(L, arg, MAP[i]);
    v[i] = luaL_checknumber(L, -1);
    bool ok = i < 2 ? v[i] > 0 && v[i] < 1e9 : i < 4 ? fabs(v[i]) < 1e9 : v[i] >= 1 && v[i] <= IMAGE_SIDE_MAX;
    if (!ok) luaL_argerror(L, arg, lua_pushfstring(L, "map.%s: %f", MAP[i], v[i]));
    lua_pop(L, 1);
  }
  *m = (PrepMap){v[0], v[1], v[2], v[3], (int)v[4], (int)v[5], (int)v[6], (int)v[7]};
}

static int choice(lua_State *L, const char *field, const char *const *names) {
  lua_getfield(L, 1, field);
  int i = luaL_checkoption(L, -1, NULL, names);
  lua_pop(L, 1);
  return i;
}

static lua_Integer integer(lua_State *L, const char *field, lua_Integer lo, lua_Integer hi) {
  int ok;
  lua_getfield(L, 1, field);
  lua_Integer v = lua_tointegerx(L, -1, &ok);
  if (!ok || v < lo || v > hi) luaL_error(L, "preprocess: %s: %s, an integer in %I..%I expected", field, luaL_tolstring(L, -1, NULL), lo, hi);
  lua_pop(L, 1);
  return v;
}

static double number(lua_State *L, const char *field) {
  int ok;
  lua_getfield(L, 1, field);
  double v = lua_tonumberx(L, -1, &ok);
  if (!ok || !isfinite(v)) luaL_error(L, "preprocess: %s: a finite number expected", field);
  lua_pop(L, 1);
  return v;
}

static bool flag(lua_State *L, const char *field) {
  lua_getfield(L, 1, field);
  bool v = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return v;
}

static void numbers(lua_State *L, const char *field, int n, double *out) {
  lua_getfield(L, 1, field);
  for (int i = 0; i < n; i++) {
    int ok;
    lua_geti(L, -1, i + 1);
    out[i] = lua_tonumberx(L, -1, &ok);
    if (!ok || !isfinite(out[i])) luaL_error(L, "preprocess: %s: %d finite numbers expected", field, n);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

/* new(spec) -> preprocess; every field given */
static int f_new(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  Prep *p = lua_newuserdatauv(L, sizeof *p, 0);
  memset(p, 0, sizeof *p);
  p->fit = (PrepFit)choice(L, "fit", FITS);
  p->interp = (PrepInterp)choice(L, "interpolation", INTERPS);
  p->antialias = flag(L, "antialias");
  p->w = (int)integer(L, "width", p->fit == PREP_NONE ? 0 : 1, 65536);
  p->h = (int)integer(L, "height", p->fit == PREP_NONE ? 0 : 1, 65536);
  p->side = p->fit == PREP_CROP ? (int)integer(L, "side", 1, 65536) : 0;
  p->torchvision = flag(L, "torchvision");
  p->corner = flag(L, "corner");
  p->grow = flag(L, "grow");
  p->pad = number(L, "pad");
  p->channels = (int)integer(L, "channels", 1, 4);
  luaL_argcheck(L, p->channels != 2, 1, "channels: 1, 3 or 4 expected");
  p->bgr = flag(L, "bgr");
  p->nhwc = flag(L, "nhwc");
  lua_getfield(L, 1, "dtype");
  p->type = tensor_type_of(luaL_checkstring(L, -1));
  luaL_argcheck(L, p->type != TENSOR_NONE, 1, "dtype: no such type");
  lua_pop(L, 1);
  p->scale = number(L, "scale");
  numbers(L, "mean", p->channels, p->mean);
  numbers(L, "std", p->channels, p->std);
  for (int i = 0; i < p->channels; i++) luaL_argcheck(L, p->std[i] != 0, 1, "std: 0");
  luaL_setmetatable(L, PREP);
  return 1;
}

typedef struct Apply {
  Job job;
  Prep prep;
  const Image *im; /* a reference */
  Tensor *out;
  Image *resized;
  PrepMap map;
} Apply;

static void apply_clear(Job *job) {
  Apply *a = (Apply *)job;
  image_unref(a->im);
  image_unref(a->resized);
  tensor_unref(a->out);
  a->im = a->resized = NULL;
  a->out = NULL;
}

static void apply_work(Job *job) {
  Apply *a = (Apply *)job;
  int64_t dim[4];
  prep_shape(&a->prep, a->im->w, a->im->h, dim);
  a->out = tensor_new(a->prep.type, 4, dim, &job->err);
  job->failed = !a->out || !prep_run(&a->prep, a->im, a->out, 0, &a->map, &job->err);
}

static int apply_finish(lua_State *L) {
  Apply *a = lua_touserdata(L, -1);
  if (a->job.failed) return bind_fail(L, &a->job.err);
  tensor_push(L, tensor_ref(a->out));
  prep_map_push(L, &a->map);
  apply_clear(&a->job);
  return 2;
}

/* prep:apply(image) -> tensor, map */
static int f_apply(lua_State *L) {
  const Prep *p = prep_check(L, 1);
  Apply *a = bind_job(L, sizeof *a, apply_work, apply_clear);
  a->prep = *p;
  a->im = image_hold(L, 2);
  return bind_run(L, apply_finish);
}

static void resize_work(Job *job) {
  Apply *a = (Apply *)job;
  const Prep *p = &a->prep;
  a->resized = pil_resize(a->im, p->w, p->h, 0, 0, p->w, p->h, p->interp, p->antialias, &job->err);
  job->failed = !a->resized;
}

static int resize_finish(lua_State *L) {
  Apply *a = lua_touserdata(L, -1);
  if (a->job.failed) return bind_fail(L, &a->job.err);
  Image *im = a->resized;
  a->resized = NULL;
  apply_clear(&a->job);
  image_push(L, im);
  return 1;
}

/* pil_resize(image, w, h[, interpolation[, antialias]]) -> image */
static int f_pil_resize(lua_State *L) {
  image_check(L, 1);
  lua_Integer w = luaL_checkinteger(L, 2), h = luaL_checkinteger(L, 3);
  luaL_argcheck(L, w >= 1 && w <= 65536, 2, "expected 1..65536 pixels");
  luaL_argcheck(L, h >= 1 && h <= 65536, 3, "expected 1..65536 pixels");
  int interp = luaL_checkoption(L, 4, "bilinear", INTERPS);
  bool antialias = lua_isnoneornil(L, 5) || lua_toboolean(L, 5);
  Apply *a = bind_job(L, sizeof *a, resize_work, apply_clear);
  a->prep = (Prep){.w = (int)w, .h = (int)h, .interp = (PrepInterp)interp, .antialias = antialias};
  a->im = image_hold(L, 1);
  return bind_run(L, resize_finish);
}

/* prep:shape(w, h) -> { 1, ... } of the tensor for a picture of that size */
static int f_shape(lua_State *L) {
  int64_t dim[4];
  const Prep *p = prep_check(L, 1);
  lua_Integer w = luaL_checkinteger(L, 2), h = luaL_checkinteger(L, 3);
  luaL_argcheck(L, w >= 1 && w <= IMAGE_SIDE_MAX, 2, "1..1048576 pixels expected");
  luaL_argcheck(L, h >= 1 && h <= IMAGE_SIDE_MAX, 3, "1..1048576 pixels expected");
  prep_shape(p, (int)w, (int)h, dim);
  tensor_push_shape(L, 4, dim);
  return 1;
}

static const luaL_Reg methods[] = {{"apply", f_apply}, {"shape", f_shape}, {NULL, NULL}};
static const luaL_Reg funcs[] = {{"new", f_new}, {"pil_resize", f_pil_resize}, {NULL, NULL}};

int open_preprocess(lua_State *L) {
  bind_type(L, PREP, methods, NULL);
  luaL_newlib(L, funcs);
  return 1;
}
