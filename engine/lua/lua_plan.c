/* brink.core.plan: plans and warps. A plan outlives its userdata while jobs run
 * it, so the userdata holds a counted reference. SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "base/mem.h"
#include "lua/bind.h"

typedef struct Shared {
  Plan plan;
  atomic_int refs;
} Shared;

static const char PLAN[] = "brink.Plan", WARP[] = "brink.Warp";

static void shared_unref(Shared *s) {
  if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1) return;
  plan_clear(&s->plan);
  mem_free(s);
}

/* --- reading a list of steps --- */

/* Levenshtein distance; names longer than the row are never near. */
static int distance(const char *a, const char *b) {
  int row[64];
  int n = (int)strlen(b);
  if (n >= 64) return 64;
  for (int j = 0; j <= n; j++) row[j] = j;
  for (int i = 1; a[i - 1]; i++) {
    int corner = row[0];
    row[0] = i;
    for (int j = 1; j <= n; j++) {
      int swap = corner + (a[i - 1] != b[j - 1]);
      corner = row[j];
      int best = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
      row[j] = swap < best ? swap : best;
    }
  }
  return row[n];
}

typedef struct Nearest {
  const char *word, *name;
  int far;
} Nearest;

static void nearer(Nearest *n, const char *name) {
  int d = distance(n->word, name);
  if (d < n->far) n->far = d, n->name = name;
}

/* Raise: text, and the nearest name when one is near. Never returns. */
static int unknown(lua_State *L, const char *text, const Nearest *n) {
  int most = 1 + (int)strlen(n->word) / 3;
  if (n->name && n->far <= most) return luaL_error(L, "%s (nearest: \"%s\")", text, n->name);
  return luaL_error(L, "%s", text);
}

static const Prim *read_op(lua_State *L, int step) {
  if (lua_getfield(L, step, "op") != LUA_TSTRING)
    luaL_error(L, "plan: a step's op is its primitive's name, got %s", luaL_typename(L, -1));
  const char *op = lua_tostring(L, -1);
  const Prim *prim = prim_find(op);
  if (!prim) {
    Nearest near = {op, NULL, 64};
    for (int i = 0; prim_at(i); i++) nearer(&near, prim_at(i)->name);
    unknown(L, lua_pushfstring(L, "plan: no primitive \"%s\"", op), &near);
  }
  lua_pop(L, 1);
  return prim;
}

/* The bytewise first field that is no parameter is named, so that the message does not depend on table order. */
static void refuse_unknown_fields(lua_State *L, int step, const Prim *prim) {
  const char *bad = NULL;
  lua_pushnil(L);
  while (lua_next(L, step)) {
    lua_pop(L, 1);
    if (lua_type(L, -1) != LUA_TSTRING) {
      lua_pushvalue(L, -1);
      luaL_error(L, "%s: parameters are given by name, got a field [%s]", prim->name, luaL_tolstring(L, -1, NULL));
    }
    const char *key = lua_tostring(L, -1);
    if (strcmp(key, "op") && prim_param(prim, key) < 0 && (!bad || strcmp(key, bad) < 0)) bad = key;
  }
  if (!bad) return;
  Nearest near = {bad, NULL, 64};
  for (int i = 0; prim->params[i].name; i++) nearer(&near, prim->params[i].name);
  unknown(L, lua_pushfstring(L, "%s: no parameter \"%s\"", prim->name, bad), &near);
}

static void want(lua_State *L, const Prim *prim, const Param *a, int type) {
  if (lua_type(L, -1) != type)
    luaL_error(L, "%s.%s: %s expected, got %s", prim->name, a->name, lua_typename(L, type), luaL_typename(L, -1));
}

static double read_choice(lua_State *L, const Prim *prim, const Param *a) {
  want(L, prim, a, LUA_TSTRING);
  const char *word = lua_tostring(L, -1);
  Nearest near = {word, NULL, 64};
  luaL_Buffer b;
  for (int i = 0; a->choices[i]; i++) {
    if (!strcmp(a->choices[i], word)) return i;
    nearer(&near, a->choices[i]);
  }
  luaL_buffinit(L, &b);
  for (int i = 0; a->choices[i]; i++) {
    if (i) luaL_addstring(&b, ", ");
    luaL_addstring(&b, a->choices[i]);
  }
  luaL_pushresult(&b);
  return unknown(L, lua_pushfstring(L, "%s.%s: \"%s\" is none of %s", prim->name, a->name, word, lua_tostring(L, -1)), &near);
}

static uint64_t read_key(lua_State *L, const Prim *prim, const Param *a) {
  if (lua_isinteger(L, -1)) return (uint64_t)lua_tointeger(L, -1);
  want(L, prim, a, LUA_TSTRING);
  size_t n;
  const char *s = lua_tolstring(L, -1, &n);
  uint64_t key = 0;
  if (n != 16 || strspn(s, "0123456789abcdefABCDEF") != 16)
    luaL_error(L, "%s.%s: \"%s\" is not a key of 16 hex digits", prim->name, a->name, s);
  for (size_t i = 0; i < n; i++) key = key << 4 | (uint64_t)(s[i] <= '9' ? s[i] - '0' : (s[i] | 32) - 'a' + 10);
  return key;
}

static void read_list(lua_State *L, Step *s, const Param *a) {
  Err err;
  want(L, s->prim, a, LUA_TTABLE);
  size_t n = lua_rawlen(L, -1);
  float *list = step_list(s, n, &err);
  if (!list) luaL_error(L, "%s", err.text);
  for (size_t i = 0; i < n; i++) list[i] = 0;
  for (size_t i = 0; i < n; i++) {
    if (lua_rawgeti(L, -1, (lua_Integer)i + 1) != LUA_TNUMBER)
      luaL_error(L, "%s.%s[%d]: number expected, got %s", s->prim->name, a->name, (int)i + 1, luaL_typename(L, -1));
    list[i] = (float)lua_tonumber(L, -1);
    lua_pop(L, 1);
  }
}

/* The value at the top goes into parameter i. */
static void read_value(lua_State *L, Step *s, int i) {
  const Param *a = &s->prim->params[i];
  switch (a->type) {
  case PARAM_NUM:
  case PARAM_INT:
    want(L, s->prim, a, LUA_TNUMBER);
    s->num[i] = lua_tonumber(L, -1);
    if (isnan(s->num[i])) luaL_error(L, "%s.%s: not a number (nan)", s->prim->name, a->name);
    break;
  case PARAM_BOOL:
    want(L, s->prim, a, LUA_TBOOLEAN);
    s->num[i] = lua_toboolean(L, -1);
    break;
  case PARAM_ENUM: s->num[i] = read_choice(L, s->prim, a); break;
  case PARAM_KEY: s->key = read_key(L, s->prim, a); break;
  case PARAM_LIST: read_list(L, s, a); break;
  }
}

/* The step table at the top becomes one more step of the plan. */
static void read_step(lua_State *L, Plan *plan) {
  Err err;
  int at = lua_gettop(L);
  const Prim *prim = read_op(L, at);
  refuse_unknown_fields(L, at, prim);
  Step *s = plan_add(plan, prim, &err);
  if (!s) luaL_error(L, "%s", err.text);
  for (int i = 0; prim->params[i].name; i++) {
    if (lua_getfield(L, at, prim->params[i].name) != LUA_TNIL) read_value(L, s, i);
    lua_pop(L, 1);
  }
  if (!step_check(s, &err)) luaL_error(L, "%s", err.text);
}

/* A list has fields 1..n and no others. */
static void refuse_fields(lua_State *L, int arg) {
  lua_pushnil(L);
  while (lua_next(L, arg)) {
    lua_pop(L, 1);
    if (!lua_isinteger(L, -1)) {
      lua_pushvalue(L, -1);
      luaL_error(L, "plan: a list of steps expected, got a field '%s'", luaL_tolstring(L, -1, NULL));
    }
  }
}

static Shared *push_shared(lua_State *L) {
  Shared **box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = NULL;
  luaL_setmetatable(L, PLAN);
  if (!(*box = mem_calloc(1, sizeof **box))) luaL_error(L, "out of memory");
  plan_init(&(*box)->plan);
  atomic_init(&(*box)->refs, 1);
  return *box;
}

/* The list at arg as a new plan at the top of the stack. */
static Shared *compile(lua_State *L, int arg) {
  luaL_checktype(L, arg, LUA_TTABLE);
  refuse_fields(L, arg);
  Shared *s = push_shared(L);
  lua_Integer n = (lua_Integer)lua_rawlen(L, arg);
  for (lua_Integer i = 1; i <= n; i++) {
    if (lua_geti(L, arg, i) != LUA_TTABLE)
      luaL_error(L, "plan: step %d: table expected, got %s", (int)i, luaL_typename(L, -1));
    luaL_checkstack(L, 8, "plan");
    read_step(L, &s->plan);
    lua_pop(L, 1);
  }
  return s;
}

static Shared *check_shared(lua_State *L, int arg) {
  arg = lua_absindex(L, arg);
  if (lua_type(L, arg) == LUA_TTABLE) {
    compile(L, arg);
    lua_replace(L, arg);
  }
  return *(Shared **)luaL_checkudata(L, arg, PLAN);
}

const Plan *plan_check(lua_State *L, int arg) { return &check_shared(L, arg)->plan; }

static int f_new(lua_State *L) {
  check_shared(L, 1);
  lua_settop(L, 1);
  return 1;
}

static int f_gc(lua_State *L) {
  Shared **box = luaL_checkudata(L, 1, PLAN);
  shared_unref(*box);
  *box = NULL;
  return 0;
}

/* --- running --- */

typedef struct RunJob {
  Job job;
  Shared *plan;      /* counted */
  const Image *in;   /* counted */
  Image *out;        /* ours until pushed */
  bool fuse;
} RunJob;

static void run_work(Job *job) {
  RunJob *r = (RunJob *)job;
  r->out = plan_run(&r->plan->plan, r->in, r->fuse, &job->err);
  job->failed = !r->out;
}

static void run_clear(Job *job) {
  RunJob *r = (RunJob *)job;
  shared_unref(r->plan);
  image_unref(r->in);
  image_unref(r->out);
  r->plan = NULL, r->in = NULL, r->out = NULL;
}

static int run_finish(lua_State *L) {
  RunJob *r = lua_touserdata(L, -1);
  if (r->job.failed) return bind_fail(L, &r->job.err);
  Image *out = r->out;
  r->out = NULL;
  image_push(L, out);
  return 1;
}

int plan_run_at(lua_State *L, int plan, int image, bool fuse) {
  Shared *s = check_shared(L, plan);
  const Image *in = image_check(L, image);
  RunJob *r = bind_job(L, sizeof *r, run_work, run_clear);
  atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
  r->plan = s;
  r->in = image_ref(in);
  r->fuse = fuse;
  return bind_run(L, run_finish);
}

bool plan_fuse_option(lua_State *L, int arg) {
  if (lua_isnoneornil(L, arg)) return true;
  luaL_checktype(L, arg, LUA_TTABLE);
  bool fuse = true;
  lua_pushnil(L);
  while (lua_next(L, arg)) {
    if (lua_type(L, -2) != LUA_TSTRING || strcmp(lua_tostring(L, -2), "fuse")) {
      lua_pushvalue(L, -2);
      luaL_error(L, "plan.run: no option \"%s\" (nearest: \"fuse\")", luaL_tolstring(L, -1, NULL));
    }
    fuse = lua_toboolean(L, -1);
    lua_pop(L, 1);
  }
  return fuse;
}

static int f_run(lua_State *L) {
  luaL_checkudata(L, 1, PLAN);
  return plan_run_at(L, 1, 2, plan_fuse_option(L, 3));
}

/* --- plans as data --- */

static void push_list(lua_State *L, const Step *s) {
  lua_createtable(L, (int)s->n, 0);
  for (size_t i = 0; i < s->n; i++) {
    lua_pushnumber(L, s->list[i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
}

static void push_key(lua_State *L, uint64_t key) {
  char hex[17];
  for (int i = 15; i >= 0; i--, key >>= 4) hex[i] = "0123456789abcdef"[key & 15];
  lua_pushlstring(L, hex, 16);
}

/* A number of parameter a the way Lua sees it. */
static void push_number(lua_State *L, const Param *a, double v) {
  switch (a->type) {
  case PARAM_BOOL: lua_pushboolean(L, v != 0); break;
  case PARAM_ENUM: lua_pushstring(L, a->choices[(int)v]); break;
  case PARAM_INT: lua_pushinteger(L, (lua_Integer)v); break;
  default: lua_pushnumber(L, v);
  }
}

static void push_step(lua_State *L, const Step *s) {
  lua_newtable(L);
  lua_pushstring(L, s->prim->name);
  lua_setfield(L, -2, "op");
  for (int i = 0; s->prim->params[i].name; i++) {
    const Param *a = &s->prim->params[i];
    if ((a->type == PARAM_LIST && !s->n) || (a->type == PARAM_KEY && !s->key)) continue;
    if (a->type == PARAM_LIST)
      push_list(L, s);
    else if (a->type == PARAM_KEY)
      push_key(L, s->key);
    else
      push_number(L, a, s->num[i]);
    lua_setfield(L, -2, a->name);
  }
}

static int f_steps(lua_State *L) {
  luaL_checkudata(L, 1, PLAN);
  const Plan *p = plan_check(L, 1);
  lua_createtable(L, p->n, 0);
  for (int i = 0; i < p->n; i++) {
    push_step(L, &p->step[i]);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

static int f_len(lua_State *L) {
  luaL_checkudata(L, 1, PLAN);
  lua_pushinteger(L, plan_check(L, 1)->n);
  return 1;
}

static int f_tostring(lua_State *L) {
  luaL_checkudata(L, 1, PLAN);
  int n = plan_check(L, 1)->n;
  lua_pushfstring(L, "brink.Plan (%d %s)", n, n == 1 ? "step" : "steps");
  return 1;
}

static int side(lua_State *L, int arg) {
  lua_Integer v = luaL_checkinteger(L, arg);
  luaL_argcheck(L, v >= 1 && v <= IMAGE_SIDE_MAX, arg, "outside 1..1048576 pixels");
  return (int)v;
}

/* The plan's warp for width and height at 2 and 3, as a userdata at the top; NULL with *err. */
static Warp *push_warp(lua_State *L, Err *err) {
  luaL_checkudata(L, 1, PLAN);
  const Plan *p = plan_check(L, 1);
  int w = side(L, 2), h = side(L, 3);
  Warp *warp = lua_newuserdatauv(L, sizeof *warp, 0);
  warp_init(warp, w, h);
  luaL_setmetatable(L, WARP);
  return plan_warp(p, w, h, warp, err) ? warp : NULL;
}

static int f_warp(lua_State *L) {
  Err err;
  return push_warp(L, &err) ? 1 : bind_fail(L, &err);
}

static int f_size(lua_State *L) {
  Err err;
  const Warp *w = push_warp(L, &err);
  if (!w) return bind_fail(L, &err);
  lua_pushinteger(L, w->out_w);
  lua_pushinteger(L, w->out_h);
  return 2;
}

/* --- warps --- */

static Warp *check_warp(lua_State *L) { return luaL_checkudata(L, 1, WARP); }

static int push_point(lua_State *L, const double p[2]) {
  lua_pushnumber(L, p[0]);
  lua_pushnumber(L, p[1]);
  return 2;
}

/* point(x, y) -> x, y, exact: where an input point lands; exact is false where a folded field has no inverse. */
static int f_warp_point(lua_State *L) {
  double out[2];
  bool exact = warp_point(check_warp(L), luaL_checknumber(L, 2), luaL_checknumber(L, 3), out);
  push_point(L, out);
  lua_pushboolean(L, exact);
  return 3;
}

static int f_warp_source(lua_State *L) {
  double out[2];
  warp_source(check_warp(L), luaL_checknumber(L, 2), luaL_checknumber(L, 3), out);
  return push_point(L, out);
}

typedef struct MaskJob {
  Job job;
  Warp warp;        /* own copy */
  const Image *in;  /* counted */
  Image *out;       /* ours until pushed */
  float outside;
} MaskJob;

static void mask_work(Job *job) {
  MaskJob *m = (MaskJob *)job;
  m->out = warp_mask(&m->warp, m->in, m->outside, &job->err);
  job->failed = !m->out;
}

static void mask_clear(Job *job) {
  MaskJob *m = (MaskJob *)job;
  warp_clear(&m->warp);
  image_unref(m->in);
  image_unref(m->out);
  m->in = NULL, m->out = NULL;
}

static int mask_finish(lua_State *L) {
  MaskJob *m = lua_touserdata(L, -1);
  if (m->job.failed) return bind_fail(L, &m->job.err);
  Image *out = m->out;
  m->out = NULL;
  image_push(L, out);
  return 1;
}

static int f_warp_mask(lua_State *L) {
  Err err;
  const Warp *w = check_warp(L);
  const Image *in = image_check(L, 2);
  float outside = (float)luaL_optnumber(L, 3, 0);
  luaL_argcheck(L, isfinite(outside), 3, "a finite number expected");
  MaskJob *m = bind_job(L, sizeof *m, mask_work, mask_clear);
  warp_init(&m->warp, w->in_w, w->in_h);
  if (!warp_copy(&m->warp, w, &err)) return bind_fail(L, &err);
  m->in = image_ref(in);
  m->outside = outside;
  return bind_run(L, mask_finish);
}

static int f_warp_gc(lua_State *L) {
  warp_clear(check_warp(L));
  return 0;
}

/* Fields first, then methods (upvalue 1). */
static int f_warp_index(lua_State *L) {
  const Warp *w = check_warp(L);
  const char *key = luaL_checkstring(L, 2);
  const struct { const char *name; int value; } fields[] = {
      {"in_width", w->in_w}, {"in_height", w->in_h}, {"out_width", w->out_w}, {"out_height", w->out_h}};
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
    if (!strcmp(fields[i].name, key)) return lua_pushinteger(L, fields[i].value), 1;
  lua_getfield(L, lua_upvalueindex(1), key);
  return 1;
}

/* --- the primitives --- */

static void push_limits(lua_State *L, const Param *a) {
  if (a->type == PARAM_NUM || a->type == PARAM_INT || a->type == PARAM_LIST) {
    push_number(L, a, a->lo);
    lua_setfield(L, -2, "lo");
    push_number(L, a, a->hi);
    lua_setfield(L, -2, "hi");
  }
  if (a->type == PARAM_KEY || a->type == PARAM_LIST) {
    lua_pushboolean(L, !a->optional);
    lua_setfield(L, -2, "required");
  } else if (isnan(a->def)) {
    lua_pushboolean(L, 1);
    lua_setfield(L, -2, "required");
  } else {
    push_number(L, a, a->def);
    lua_setfield(L, -2, "default");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "required");
  }
}

static void push_param(lua_State *L, const Param *a) {
  static const char *const types[] = {[PARAM_NUM] = "number", [PARAM_INT] = "integer", [PARAM_BOOL] = "boolean",
                                      [PARAM_ENUM] = "enum",  [PARAM_KEY] = "key",     [PARAM_LIST] = "list"};
  lua_newtable(L);
  lua_pushstring(L, a->name);
  lua_setfield(L, -2, "name");
  lua_pushstring(L, types[a->type]);
  lua_setfield(L, -2, "type");
  lua_pushstring(L, a->unit);
  lua_setfield(L, -2, "unit");
  lua_pushstring(L, a->doc);
  lua_setfield(L, -2, "doc");
  push_limits(L, a);
  if (a->type != PARAM_ENUM) return;
  lua_newtable(L);
  for (int i = 0; a->choices[i]; i++) {
    lua_pushstring(L, a->choices[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "choices");
}

static void push_prim(lua_State *L, const Prim *p) {
  static const char *const kinds[] = {[PRIM_POINT] = "point", [PRIM_AREA] = "area", [PRIM_WARP] = "warp"};
  lua_newtable(L);
  lua_pushstring(L, p->name);
  lua_setfield(L, -2, "name");
  lua_pushstring(L, p->doc);
  lua_setfield(L, -2, "doc");
  lua_pushstring(L, p->source ? p->source : "");
  lua_setfield(L, -2, "source");
  lua_pushstring(L, kinds[p->kind]);
  lua_setfield(L, -2, "kind");
  lua_newtable(L);
  for (int i = 0; p->params[i].name; i++) {
    push_param(L, &p->params[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "params");
}

static int f_prims(lua_State *L) {
  lua_newtable(L);
  for (int i = 0; prim_at(i); i++) {
    push_prim(L, prim_at(i));
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

static const luaL_Reg funcs[] = {{"new", f_new}, {"prims", f_prims}, {NULL, NULL}};
static const luaL_Reg methods[] = {{"run", f_run},   {"steps", f_steps}, {"size", f_size},
                                   {"warp", f_warp}, {NULL, NULL}};
static const luaL_Reg metamethods[] = {{"__gc", f_gc}, {"__len", f_len}, {"__tostring", f_tostring}, {NULL, NULL}};
static const luaL_Reg warp_methods[] = {{"point", f_warp_point}, {"source", f_warp_source}, {"mask", f_warp_mask}, {NULL, NULL}};
static const luaL_Reg warp_metamethods[] = {{"__gc", f_warp_gc}, {NULL, NULL}};

int open_plan(lua_State *L) {
  bind_type(L, PLAN, methods, metamethods);
  bind_type(L, WARP, warp_methods, warp_metamethods);
  luaL_getmetatable(L, WARP);
  lua_getfield(L, -1, "__index");
  lua_pushcclosure(L, f_warp_index, 1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  luaL_newlib(L, funcs);
  lua_pushinteger(L, PLAN_RESULT_VERSION);
  lua_setfield(L, -2, "result_version");
  return 1;
}
