/* brink.core.plan: plans. A plan outlives its userdata while jobs run it, so the
 * userdata holds a counted reference. SPDX-License-Identifier: MIT */
#include <stdatomic.h>
#include <string.h>

#include "base/mem.h"
#include "lua/bind_plan.h"

typedef struct Shared {
  Plan plan;
  atomic_int refs;
} Shared;

static void shared_unref(void *shared) {
  Shared *s = shared;
  if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1) return;
  plan_clear(&s->plan);
  mem_free(s);
}

static const RefType PLAN = {"brink.Plan", "plan is gone", shared_unref};

static Shared *push_shared(lua_State *L) {
  Shared *s = mem_calloc(1, sizeof *s);
  if (!s) luaL_error(L, "out of memory");
  plan_init(&s->plan);
  atomic_init(&s->refs, 1);
  bind_push(L, &PLAN, s, sizeof *s);
  return s;
}

/* The list at arg as a new plan at the top of the stack. */
static Shared *compile(lua_State *L, int arg) {
  luaL_checktype(L, arg, LUA_TTABLE);
  Shared *s = push_shared(L);
  plan_read(L, arg, &s->plan);
  return s;
}

static Shared *check_shared(lua_State *L, int arg) {
  arg = lua_absindex(L, arg);
  if (lua_type(L, arg) == LUA_TTABLE) {
    compile(L, arg);
    lua_replace(L, arg);
  }
  return bind_check(L, arg, &PLAN);
}

const Plan *plan_check(lua_State *L, int arg) { return &check_shared(L, arg)->plan; }

/* new(list of { op = name, parameter = value, ... }) -> plan. Raises on what is misspelt, missing or out of range. */
static int f_new(lua_State *L) {
  check_shared(L, 1);
  lua_settop(L, 1);
  return 1;
}

static int f_gc(lua_State *L) { return bind_drop(L, &PLAN); }

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
  check_shared(L, plan);
  RunJob *r = bind_job(L, sizeof *r, run_work, run_clear);
  Shared *s = check_shared(L, plan);
  atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
  r->plan = s;
  r->in = image_hold(L, image);
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

/* plan:run(image[, { fuse = true }]) -> image | nil, message, code. A job. fuse = false runs every step by itself. */
static int f_run(lua_State *L) {
  luaL_checkudata(L, 1, PLAN.name);
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
      param_push(L, a, s->num[i]);
    lua_setfield(L, -2, a->name);
  }
}

/* plan:steps() -> list of { op =, ... } with every parameter, keys as 16 hex digits: plan.new takes it back */
static int f_steps(lua_State *L) {
  luaL_checkudata(L, 1, PLAN.name);
  const Plan *p = plan_check(L, 1);
  lua_createtable(L, p->n, 0);
  for (int i = 0; i < p->n; i++) {
    push_step(L, &p->step[i]);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

static int f_len(lua_State *L) {
  luaL_checkudata(L, 1, PLAN.name);
  lua_pushinteger(L, plan_check(L, 1)->n);
  return 1;
}

static int f_tostring(lua_State *L) {
  luaL_checkudata(L, 1, PLAN.name);
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
  luaL_checkudata(L, 1, PLAN.name);
  const Plan *p = plan_check(L, 1);
  int w = side(L, 2), h = side(L, 3);
  Warp *warp = bind_warp_new(L, w, h);
  return plan_warp(p, w, h, warp, err) ? warp : NULL;
}

/* plan:warp(w, h) -> the geometry of all its steps for a picture of w x h pixels, 1..1048576 | nil, message, code */
static int f_warp(lua_State *L) {
  Err err;
  return push_warp(L, &err) ? 1 : bind_fail(L, &err);
}

/* plan:size(w, h) -> width, height of what comes out of a picture of w x h pixels | nil, message, code */
static int f_size(lua_State *L) {
  Err err;
  const Warp *w = push_warp(L, &err);
  if (!w) return bind_fail(L, &err);
  lua_pushinteger(L, w->out_w);
  lua_pushinteger(L, w->out_h);
  return 2;
}

static const luaL_Reg funcs[] = {{"new", f_new}, {"prims", plan_prims}, {NULL, NULL}};
static const luaL_Reg methods[] = {{"run", f_run},   {"steps", f_steps}, {"size", f_size},
                                   {"warp", f_warp}, {NULL, NULL}};
static const luaL_Reg metamethods[] = {{"__gc", f_gc}, {"__len", f_len}, {"__tostring", f_tostring}, {NULL, NULL}};

int open_plan(lua_State *L) {
  bind_type(L, PLAN.name, methods, metamethods);
  bind_warp_type(L);
  luaL_newlib(L, funcs);
  lua_pushinteger(L, PLAN_RESULT_VERSION);
  lua_setfield(L, -2, "result_version");
  return 1;
}
