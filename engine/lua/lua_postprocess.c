/* core.postprocess: boxes and class maps out of tensors, as jobs. The Lua side
 * (brink.model.output) says where in the tensors things are; a place is
 * { tensor, offset, row, column }: value j of candidate i is at offset + i * row + j * column.
 *   detect{ n=, box=, score=, objectness=, label=, classes=, background=, form=, relative=, activation=, least=, overlap=,
 *           agnostic=, most=, clip=, prior=, variances=, map= } -> { { x, y, w, h, score, class, from }, ... }
 *   mask(prototypes, { place=, at=, box=, threshold=, map= }) -> image of 0 and 1; prototypes 1 x K x H x W, place of the
 *   coefficients, at: candidate
 *   segment(tensor, { channels=, height=, width=, nhwc=, threshold=, map= }) -> image
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "lua/bind.h"
#include "lua/bind_tensor.h"
#include "model/postprocess.h"

typedef struct Detect {
  Job job;
  DetectRule rule;
  Tensor *hold[5]; /* what the grids point into, as f32 */
  int held;
  Detection *list;
  int n;
} Detect;

static void detect_clear(Job *job) {
  Detect *d = (Detect *)job;
  for (int i = 0; i < d->held; i++) tensor_unref(d->hold[i]);
  mem_free(d->list);
  d->list = NULL;
  d->held = 0;
}

static void detect_work(Job *job) {
  Detect *d = (Detect *)job;
  job->failed = !post_detect(&d->rule, &d->list, &d->n, &job->err);
}

static int detect_finish(lua_State *L) {
  Detect *d = lua_touserdata(L, -1);
  if (d->job.failed) return bind_fail(L, &d->job.err);
  lua_createtable(L, d->n, 0);
  for (int i = 0; i < d->n; i++) {
    const Detection *p = &d->list[i];
    const struct { const char *name; double v; } f[] = {{"x", p->x0}, {"y", p->y0}, {"w", p->x1 - p->x0}, {"h", p->y1 - p->y0}, {"score", (double)p->score}};
    lua_createtable(L, 0, 7);
    for (int k = 0; k < 5; k++) {
      lua_pushnumber(L, f[k].v);
      lua_setfield(L, -2, f[k].name);
    }
    lua_pushinteger(L, p->cls);
    lua_setfield(L, -2, "class");
    lua_pushinteger(L, p->from + 1);
    lua_setfield(L, -2, "from");
    lua_rawseti(L, -2, i + 1);
  }
  detect_clear(&d->job);
  return 1;
}

static double field(lua_State *L, const char *name, double otherwise) {
  lua_getfield(L, 1, name);
  double v = luaL_optnumber(L, -1, otherwise);
  lua_pop(L, 1);
  return v;
}

static bool flag(lua_State *L, int arg, const char *name) {
  lua_getfield(L, arg, name);
  bool v = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return v;
}

/* The place at the stack's top, of `width` values for each of n candidates; checked to lie within its tensor. Pops it. The
 * caller owns the tensor it points into. */
static Tensor *place(lua_State *L, const char *name, int64_t n, int width, Grid *g) {
  Err err;
  lua_Integer v[3];
  luaL_checktype(L, -1, LUA_TTABLE);
  for (int i = 0; i < 3; i++) {
    lua_geti(L, -1, i + 2);
    v[i] = luaL_checkinteger(L, -1);
    if (v[i] < 0 || v[i] > (lua_Integer)1 << 33) luaL_error(L, "detect: %s: no such place", name);
    lua_pop(L, 1);
  }
  lua_geti(L, -1, 1);
  const Tensor *t = tensor_check(L, -1);
  double last = (double)v[0] + (double)(n - 1) * (double)v[1] + (double)(width - 1) * (double)v[2];
  if (n > 0 && width > 0 && last >= (double)t->n) luaL_error(L, "detect: %s: value %f of %f", name, last + 1, (double)t->n);
  Tensor *own = tensor_convert(t, TENSOR_F32, &err);
  if (!own) luaL_error(L, "%s", err.text);
  *g = (Grid){tensor_f32(own) + v[0], (size_t)v[1], (size_t)v[2]};
  lua_pop(L, 2);
  return own;
}

static void take_grid(lua_State *L, Detect *d, const char *name, int width, Grid *g) {
  if (lua_getfield(L, 1, name) == LUA_TNIL) lua_pop(L, 1);
  else d->hold[d->held++] = place(L, name, d->rule.n, width, g);
}

static void take_variances(lua_State *L, float out[4]) {
  lua_getfield(L, 1, "variances");
  luaL_checktype(L, -1, LUA_TTABLE);
  for (int i = 0; i < 4; i++) {
    lua_geti(L, -1, i + 1);
    out[i] = (float)luaL_checknumber(L, -1);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

/* detect(rule) -> list of boxes */
static int f_detect(lua_State *L) {
  static const char *const forms[] = {"xyxy", "yxyx", "xywh", "cxcywh", NULL}, *const acts[] = {"none", "softmax", "sigmoid", NULL};
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  Detect *d = bind_job(L, sizeof *d, detect_work, detect_clear);
  DetectRule *r = &d->rule;
  r->n = (int64_t)field(L, "n", 0);
  r->classes = (int)field(L, "classes", 1);
  if (r->n < 0 || r->n > 1 << 26 || r->classes < 1 || r->classes > 1 << 20) return luaL_error(L, "detect: n or classes out of range");
  r->background = (int)field(L, "background", -1);
  lua_getfield(L, 1, "form");
  r->form = (BoxForm)luaL_checkoption(L, -1, "xyxy", forms);
  lua_getfield(L, 1, "activation");
  r->activation = (Activation)luaL_checkoption(L, -1, "none", acts);
  r->relative = flag(L, 1, "relative");
  r->agnostic = flag(L, 1, "agnostic");
  r->clip = flag(L, 1, "clip");
  r->least = (float)field(L, "least", 0.25);
  r->overlap = (float)field(L, "overlap", 0.45);
  double most = field(L, "most", 300);
  r->most = most < 1 ? 1 : most > 100000 ? 100000 : (int)most;
  lua_getfield(L, 1, "map");
  prep_map_check(L, lua_gettop(L), &r->map);
  lua_settop(L, 2);
  take_grid(L, d, "box", 4, &r->box);
  take_grid(L, d, "label", 1, &r->label);
  take_grid(L, d, "score", r->label.data ? 1 : r->classes, &r->score);
  take_grid(L, d, "objectness", 1, &r->objectness);
  take_grid(L, d, "prior", 4, &r->prior);
  if (r->prior.data) take_variances(L, r->variance);
  if (!r->box.data || !r->score.data) return luaL_error(L, "detect: box and score expected");
  lua_settop(L, 2);
  return bind_run(L, detect_finish);
}

typedef struct Mask {
  Job job;
  Tensor *t, *hold; /* references */
  int k, h, w;
  Grid coefficient;
  int64_t at;
  Detection box;
  PrepMap map;
  float threshold;
  Image *out;
} Mask;

static void mask_clear(Job *job) {
  Mask *m = (Mask *)job;
  tensor_unref(m->t);
  tensor_unref(m->hold);
  image_unref(m->out);
  m->t = m->hold = NULL;
  m->out = NULL;
}

static void mask_work(Job *job) {
  Mask *m = (Mask *)job;
  m->out = post_mask(m->t, m->k, m->h, m->w, &m->coefficient, m->at, &m->map, &m->box, m->threshold, &job->err);
  job->failed = !m->out;
}

static int mask_finish(lua_State *L) {
  Mask *m = lua_touserdata(L, -1);
  if (m->job.failed) return bind_fail(L, &m->job.err);
  Image *im = m->out;
  m->out = NULL;
  mask_clear(&m->job);
  image_push(L, im);
  return 1;
}

/* The prototypes at 1 as f32, 1 x K x H x W of some size. */
static void take_prototypes(lua_State *L, Mask *m) {
  Err err;
  const Tensor *t = tensor_check(L, 1);
  bool fits = t->rank == 4 && t->dim[0] == 1;
  for (int i = 1; fits && i < 4; i++) fits = t->dim[i] >= 1 && t->dim[i] <= 65536;
  if (!fits) luaL_error(L, "mask: prototypes of 1 x K x H x W expected");
  m->k = (int)t->dim[1], m->h = (int)t->dim[2], m->w = (int)t->dim[3];
  if (!(m->t = tensor_convert(t, TENSOR_F32, &err))) luaL_error(L, "%s", err.text);
}

static int f_mask(lua_State *L) {
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  Mask *m = bind_job(L, sizeof *m, mask_work, mask_clear);
  take_prototypes(L, m);
  lua_getfield(L, 2, "at");
  m->at = luaL_checkinteger(L, -1) - 1;
  luaL_argcheck(L, m->at >= 0 && m->at < 1 << 26, 2, "at: no such candidate");
  lua_getfield(L, 2, "place");
  m->hold = place(L, "mask", m->at + 1, m->k, &m->coefficient);
  lua_getfield(L, 2, "threshold");
  m->threshold = (float)luaL_checknumber(L, -1);
  lua_getfield(L, 2, "box");
  double *const v[] = {&m->box.x0, &m->box.y0, &m->box.x1, &m->box.y1};
  luaL_checktype(L, -1, LUA_TTABLE);
  for (int i = 0; i < 4; i++) {
    lua_geti(L, -1, i + 1);
    *v[i] = luaL_checknumber(L, -1);
    lua_pop(L, 1);
  }
  lua_getfield(L, 2, "map");
  prep_map_check(L, lua_gettop(L), &m->map);
  lua_settop(L, 3);
  return bind_run(L, mask_finish);
}

typedef struct Segment {
  Job job;
  Tensor *t; /* a reference */
  int channels, h, w;
  bool nhwc;
  float threshold;
  PrepMap map;
  Image *out;
} Segment;

static void segment_clear(Job *job) {
  Segment *s = (Segment *)job;
  tensor_unref(s->t);
  image_unref(s->out);
  s->t = NULL;
  s->out = NULL;
}

static void segment_work(Job *job) {
  Segment *s = (Segment *)job;
  s->out = post_segment(s->t, s->channels, s->h, s->w, s->nhwc, &s->map, s->threshold, &job->err);
  job->failed = !s->out;
}

static int segment_finish(lua_State *L) {
  Segment *s = lua_touserdata(L, -1);
  if (s->job.failed) return bind_fail(L, &s->job.err);
  Image *im = s->out;
  s->out = NULL;
  segment_clear(&s->job);
  image_push(L, im);
  return 1;
}

/* segment(tensor, rule) -> image */
static int f_segment(lua_State *L) {
  Tensor *t = tensor_check(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  Segment *s = bind_job(L, sizeof *s, segment_work, segment_clear);
  static const char *const names[] = {"channels", "height", "width"};
  lua_Integer v[3];
  for (int i = 0; i < 3; i++) {
    lua_getfield(L, 2, names[i]);
    v[i] = luaL_checkinteger(L, -1);
    if (v[i] < (i ? 1 : 0) || v[i] > 65536) return luaL_error(L, "segment: %s: %I", names[i], v[i]);
  }
  lua_getfield(L, 2, "threshold");
  s->threshold = (float)luaL_optnumber(L, -1, 0.5);
  s->nhwc = flag(L, 2, "nhwc");
  lua_getfield(L, 2, "map");
  prep_map_check(L, lua_gettop(L), &s->map);
  if ((double)(v[0] ? v[0] : 1) * (double)v[1] * (double)v[2] != (double)t->n) return luaL_error(L, "segment: the tensor has not %I x %I x %I values", v[0], v[1], v[2]);
  s->channels = (int)v[0], s->h = (int)v[1], s->w = (int)v[2];
  s->t = tensor_ref(t);
  lua_settop(L, 3);
  return bind_run(L, segment_finish);
}

static const luaL_Reg funcs[] = {{"detect", f_detect}, {"mask", f_mask}, {"segment", f_segment}, {NULL, NULL}};

int open_postprocess(lua_State *L) {
  luaL_newlib(L, funcs);
  return 1;
}
