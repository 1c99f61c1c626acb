/* core.study: the study file (store/study.h) in Lua's hands. Labels and
 * parameters are JSON text; intensities are kept in millionths.
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "lua/bind.h"
#include "store/study.h"

#define STUDY "brink.Study"
#define CURSOR "brink.StudyCursor"

typedef struct Ticker Ticker;

typedef struct Box {
  Study *s;       /* NULL: closed */
  Ticker *ticker; /* NULL: reading */
  Err late;       /* what a commit by the ticker met, told by the next call */
  bool failed;
} Box;

/* A commit is due after a second even when nothing more is put: a timer of the loop sees to it. */
struct Ticker {
  uv_timer_t timer;
  Box *box;
};

typedef struct Cursor { StudyCursor *c; } Cursor;

static void ticked(uv_timer_t *timer) {
  Box *box = ((Ticker *)timer)->box;
  Err err = {0};
  if (study_tick(box->s, &err) || box->failed) return;
  box->late = err;
  box->failed = true;
}

static void ticker_closed(uv_handle_t *timer) { mem_free(timer); }

static void ticker_start(lua_State *L, Box *box) {
  uv_loop_t *loop = loop_uv(bind_loop(L));
  Ticker *t = mem_calloc(1, sizeof *t);
  if (!t) luaL_error(L, "out of memory");
  t->box = box;
  uv_timer_init(loop, &t->timer);
  uv_unref((uv_handle_t *)&t->timer);
  uv_timer_start(&t->timer, ticked, 500, 500);
  box->ticker = t;
}

static Box *check(lua_State *L) {
  Box *box = luaL_checkudata(L, 1, STUDY);
  luaL_argcheck(L, box->s, 1, "the study is closed");
  return box;
}

static int done(lua_State *L, bool ok, const Err *err) {
  if (!ok) return bind_fail(L, err);
  lua_pushboolean(L, 1);
  return 1;
}

/* Has a commit in the background failed? Told once. */
static bool late(Box *box, Err *err) {
  if (!box->failed) return false;
  box->failed = false;
  *err = box->late;
  return true;
}

static bool close_box(Box *box, Err *err) {
  Study *s = box->s;
  box->s = NULL;
  if (box->ticker) {
    uv_timer_stop(&box->ticker->timer);
    uv_close((uv_handle_t *)&box->ticker->timer, ticker_closed);
    box->ticker = NULL;
  }
  Err why = {0};
  bool ok = study_close(s, &why);
  if (!ok) *err = why;
  return !late(box, err) && ok;
}

/* close() -> true: what was put is on disk and the file free | nil, message, code. Again: true */
static int f_close(lua_State *L) {
  Box *box = luaL_checkudata(L, 1, STUDY);
  Err err = {0};
  return done(L, close_box(box, &err), &err);
}

static Text text_arg(lua_State *L, int arg) {
  Text t = {NULL, 0};
  t.s = luaL_checklstring(L, arg, &t.n);
  return t;
}

static Text text_or_none(lua_State *L, int arg) { return lua_isnoneornil(L, arg) ? (Text){NULL, 0} : text_arg(L, arg); }

static int64_t tick_of(lua_State *L, int arg, double i) {
  luaL_argcheck(L, i >= -1e6 && i <= 1e6, arg, "intensity outside -1e6..1e6");
  return (int64_t)floor(i * 1e6 + 0.5);
}

/* The text field `name` of the table at 1, which stays on the stack. */
static Text text_field(lua_State *L, const char *name, bool needed) {
  int type = lua_getfield(L, 2, name);
  Text t = {NULL, 0};
  if (type == LUA_TSTRING) t.s = lua_tolstring(L, -1, &t.n);
  else if (type != LUA_TNIL || needed) luaL_error(L, "%s: expected a string, got %s", name, lua_typename(L, type));
  return t;
}

static bool number_field(lua_State *L, const char *name, bool needed, double *v) {
  int type = lua_getfield(L, 2, name);
  if (type == LUA_TNIL && !needed) return false;
  if (type != LUA_TNUMBER) luaL_error(L, "%s: expected a number, got %s", name, lua_typename(L, type));
  *v = lua_tonumber(L, -1);
  if (!isfinite(*v)) luaL_error(L, "%s: expected a finite number", name);
  return true;
}

static int64_t integer_field(lua_State *L, const char *name) {
  int ok, type = lua_getfield(L, 2, name);
  lua_Integer v = lua_tointegerx(L, -1, &ok);
  if (type != LUA_TNUMBER || !ok) luaL_error(L, "%s: expected an integer, got %s", name, luaL_tolstring(L, -1, NULL));
  return v;
}

/* put{row=, side="", i=, sample=, error= or failure=, label=, params=, hash=} -> true */
static int f_put(lua_State *L) {
  Box *box = check(L);
  luaL_checktype(L, 2, LUA_TTABLE);
  luaL_checkstack(L, 16, NULL);
  StudyResult r = {.row = text_field(L, "row", true), .side = text_field(L, "side", false), .label = text_field(L, "label", false),
                   .params = text_field(L, "params", false), .hash = text_field(L, "hash", false), .failure = text_field(L, "failure", false)};
  if (!r.side.s) r.side = (Text){"", 0};
  double i = 0;
  number_field(L, "i", true, &i);
  r.tick = tick_of(L, 2, i);
  r.sample = integer_field(L, "sample");
  r.has_error = number_field(L, "error", false, &r.error);
  luaL_argcheck(L, r.has_error || r.failure.s, 2, "a result has an error or a failure");
  Err err = {0};
  return done(L, !late(box, &err) && study_put(box->s, &r, &err), &err);
}

/* put_sample{n=, id=, path=, label=, failure=} -> true */
static int f_put_sample(lua_State *L) {
  Box *box = check(L);
  luaL_checktype(L, 2, LUA_TTABLE);
  StudySample r = {.n = integer_field(L, "n"), .id = text_field(L, "id", true), .path = text_field(L, "path", true),
                   .label = text_field(L, "label", false), .failure = text_field(L, "failure", false)};
  Err err = {0};
  return done(L, !late(box, &err) && study_put_sample(box->s, &r, &err), &err);
}

static void set_text(lua_State *L, const char *name, Text t) {
  if (!t.s) return;
  lua_pushlstring(L, t.s, t.n);
  lua_setfield(L, -2, name);
}

static void push_result(lua_State *L, const StudyResult *r) {
  lua_createtable(L, 0, 10);
  set_text(L, "row", r->row);
  set_text(L, "side", r->side);
  lua_pushnumber(L, (lua_Number)r->tick / 1e6);
  lua_setfield(L, -2, "i");
  lua_pushinteger(L, r->tick);
  lua_setfield(L, -2, "tick");
  lua_pushinteger(L, r->sample);
  lua_setfield(L, -2, "sample");
  if (r->has_error) {
    lua_pushnumber(L, r->error);
    lua_setfield(L, -2, "error");
  }
  set_text(L, "label", r->label);
  set_text(L, "params", r->params);
  set_text(L, "hash", r->hash);
  set_text(L, "failure", r->failure);
}

/* get(row, side, i, sample) -> result, or nil when there is none */
static int f_get(lua_State *L) {
  Box *box = check(L);
  Text row = text_arg(L, 2), side = text_arg(L, 3);
  int64_t tick = tick_of(L, 4, luaL_checknumber(L, 4)), sample = luaL_checkinteger(L, 5);
  StudyResult r;
  Err err = {0};
  int got = study_get(box->s, row, side, tick, sample, &r, &err);
  if (got > 0) push_result(L, &r);
  study_release(box->s);
  if (got > 0) return 1;
  if (got < 0) return bind_fail(L, &err);
  lua_pushnil(L);
  return 1;
}

/* meta(key) -> value or nil; meta(key, value) -> true */
static int f_meta(lua_State *L) {
  Box *box = check(L);
  Text key = text_arg(L, 2), value;
  Err err = {0};
  if (!lua_isnoneornil(L, 3)) {
    luaL_argcheck(L, strcmp(key.s, "digest") && strncmp(key.s, "identity.", 9), 2, "this key belongs to the store");
    value = text_arg(L, 3);
    return done(L, !late(box, &err) && study_set_meta(box->s, key, value, &err), &err);
  }
  int got = study_meta(box->s, key, &value, &err);
  if (got > 0) lua_pushlstring(L, value.s, value.n);
  study_release(box->s);
  if (got < 0) return bind_fail(L, &err);
  if (got == 0) lua_pushnil(L);
  return 1;
}

/* count([row[, side[, i]]]) -> how many results */
static int f_count(lua_State *L) {
  Box *box = check(L);
  Text row = text_or_none(L, 2), side = text_or_none(L, 3);
  bool has = !lua_isnoneornil(L, 4);
  Err err = {0};
  int64_t n = study_count(box->s, row, side, has, has ? tick_of(L, 4, luaL_checknumber(L, 4)) : 0, &err);
  if (n < 0) return bind_fail(L, &err);
  lua_pushinteger(L, n);
  return 1;
}

/* count_samples() -> how many samples */
static int f_count_samples(lua_State *L) {
  Box *box = check(L);
  Err err = {0};
  int64_t n = study_count_samples(box->s, &err);
  if (n < 0) return bind_fail(L, &err);
  lua_pushinteger(L, n);
  return 1;
}

/* Iterators: errors raise, since nil is the end. The cursor is the closing value of a for loop. */
static Cursor *push_cursor(lua_State *L) {
  Cursor *c = lua_newuserdatauv(L, sizeof *c, 1);
  c->c = NULL;
  luaL_setmetatable(L, CURSOR);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, 1); /* the study outlives its cursors */
  return c;
}

static int iterate(lua_State *L, Cursor *c, const Err *err, lua_CFunction next) {
  if (!c->c) return luaL_error(L, "%s", err->text);
  lua_pushcfunction(L, next);
  lua_pushvalue(L, -2);
  lua_pushnil(L);
  lua_rotate(L, -4, 3); /* next, cursor, nil, cursor */
  return 4;
}

static StudyCursor *cursor(lua_State *L) {
  Cursor *c = luaL_checkudata(L, 1, CURSOR);
  luaL_argcheck(L, c->c, 1, "this iterator is closed");
  return c->c;
}

static int f_next_result(lua_State *L) {
  StudyResult r;
  Err err = {0};
  int got = study_next(cursor(L), &r, &err);
  if (got < 0) return luaL_error(L, "%s", err.text);
  if (got) push_result(L, &r);
  else lua_pushnil(L);
  return 1;
}

static int f_next_sample(lua_State *L) {
  StudySample r;
  Err err = {0};
  int got = study_next_sample(cursor(L), &r, &err);
  if (got < 0) return luaL_error(L, "%s", err.text);
  if (!got) return lua_pushnil(L), 1;
  lua_createtable(L, 0, 5);
  lua_pushinteger(L, r.n);
  lua_setfield(L, -2, "n");
  set_text(L, "id", r.id);
  set_text(L, "path", r.path);
  set_text(L, "label", r.label);
  set_text(L, "failure", r.failure);
  return 1;
}

/* for result in store:results(row, side): in (tick, sample) order */
static int f_results(lua_State *L) {
  Box *box = check(L);
  Text row = text_arg(L, 2), side = text_arg(L, 3);
  Cursor *c = push_cursor(L);
  Err err = {0};
  c->c = study_results(box->s, row, side, &err);
  return iterate(L, c, &err, f_next_result);
}

/* for sample in store:samples(): in order of n */
static int f_samples(lua_State *L) {
  Box *box = check(L);
  Cursor *c = push_cursor(L);
  Err err = {0};
  c->c = study_samples(box->s, &err);
  return iterate(L, c, &err, f_next_sample);
}

/* rows() -> list of {row=, side=}, sorted */
static int f_rows(lua_State *L) {
  Box *box = check(L);
  Cursor *c = push_cursor(L);
  Err err = {0};
  StudyResult r;
  int got = -1;
  lua_newtable(L);
  c->c = study_rows(box->s, &err);
  for (lua_Integer k = 1; c->c && (got = study_next_row(c->c, &r, &err)) > 0; k++) {
    lua_createtable(L, 0, 2);
    set_text(L, "row", r.row);
    set_text(L, "side", r.side);
    lua_rawseti(L, -2, k);
  }
  study_cursor_free(c->c);
  c->c = NULL;
  return got < 0 ? bind_fail(L, &err) : 1;
}

static int f_cursor_close(lua_State *L) {
  Cursor *c = luaL_checkudata(L, 1, CURSOR);
  study_cursor_free(c->c);
  c->c = NULL;
  return 0;
}

/* flush() -> true once everything put is on disk | nil, message, code */
static int f_flush(lua_State *L) {
  Box *box = check(L);
  Err err = {0};
  return done(L, !late(box, &err) && study_flush(box->s, &err), &err);
}

/* path() -> as it was opened */
static int f_path(lua_State *L) {
  lua_pushstring(L, study_path(check(L)->s));
  return 1;
}

/* dirty() -> is something not committed yet */
static int f_dirty(lua_State *L) {
  lua_pushboolean(L, study_dirty(check(L)->s));
  return 1;
}

static int by_name(const void *a, const void *b) { return strcmp(((const StudyPair *)a)->name, ((const StudyPair *)b)->name); }

/* The table at arg as sorted pairs, in a userdata that is pushed. */
static StudyPair *pairs_arg(lua_State *L, int arg, size_t *n) {
  luaL_checktype(L, arg, LUA_TTABLE);
  StudyPair *p = lua_newuserdatauv(L, 64 * sizeof *p, 0);
  *n = 0;
  lua_pushnil(L);
  while (lua_next(L, arg)) {
    luaL_argcheck(L, *n < 64, arg, "more than 64 names");
    if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING) luaL_argerror(L, arg, "names and values are strings");
    p[*n] = (StudyPair){lua_tostring(L, -2), lua_tostring(L, -1)};
    luaL_argcheck(L, *p[*n].name && lua_rawlen(L, -2) <= 100, arg, "a name has 1..100 bytes");
    luaL_argcheck(L, strlen(p[*n].value) == lua_rawlen(L, -1) && strlen(p[*n].name) == lua_rawlen(L, -2), arg, "no NUL in names and values");
    ++*n;
    lua_pop(L, 1);
  }
  qsort(p, *n, sizeof *p, by_name);
  return p;
}

static Box *push_box(lua_State *L) {
  bind_loop(L); /* first, so that it is collected after the study */
  Box *box = lua_newuserdatauv(L, sizeof *box, 0);
  memset(box, 0, sizeof *box);
  luaL_setmetatable(L, STUDY);
  return box;
}

/* open(path, identity) -> store | nil, message, code */
static int f_open(lua_State *L) {
  const char *path = bind_path(L, 1);
  size_t n;
  StudyPair *identity = pairs_arg(L, 2, &n);
  Box *box = push_box(L);
  Err err = {0};
  if (!(box->s = study_open(path, identity, n, &err))) return bind_fail(L, &err);
  ticker_start(L, box);
  return 1;
}

/* read(path) -> store that cannot be written | nil, message, code */
static int f_read(lua_State *L) {
  const char *path = bind_path(L, 1);
  Box *box = push_box(L);
  Err err = {0};
  if (!(box->s = study_read(path, &err))) return bind_fail(L, &err);
  return 1;
}

/* __gc: nobody is left to be told. */
static int f_gc(lua_State *L) {
  Err err;
  close_box(luaL_checkudata(L, 1, STUDY), &err);
  return 0;
}

/* __close: what could not be stored is an error, unless one is on its way already (at 2). */
static int f_scope_end(lua_State *L) {
  Err err = {0};
  if (!close_box(luaL_checkudata(L, 1, STUDY), &err) && lua_isnoneornil(L, 2)) return luaL_error(L, "%s", err.text);
  return 0;
}

static const luaL_Reg methods[] = {
    {"put", f_put},         {"get", f_get},         {"results", f_results}, {"rows", f_rows},   {"count", f_count},
    {"put_sample", f_put_sample}, {"samples", f_samples}, {"count_samples", f_count_samples}, {"meta", f_meta}, {"flush", f_flush},
    {"close", f_close},     {"path", f_path},       {"dirty", f_dirty},     {NULL, NULL}};
static const luaL_Reg metamethods[] = {{"__gc", f_gc}, {"__close", f_scope_end}, {NULL, NULL}};
static const luaL_Reg cursor_metamethods[] = {{"__gc", f_cursor_close}, {"__close", f_cursor_close}, {NULL, NULL}};
static const luaL_Reg funcs[] = {{"open", f_open}, {"read", f_read}, {NULL, NULL}};

int open_study(lua_State *L) {
  bind_type(L, STUDY, methods, metamethods);
  bind_type(L, CURSOR, NULL, cursor_metamethods);
  luaL_newlib(L, funcs);
  return 1;
}
