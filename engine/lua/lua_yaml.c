/* core.yaml: the data of a YAML file: maps, lists, texts, numbers. No anchors, no tags, one document; for the settings
 * of data sets, not for objects. Scalars mean what JSON's core schema says. SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lua/bind.h"

#ifdef HAVE_YAML_0_1
#include <yaml.h>

#define PARSER "brink.yaml.parser"
#define ARRAY "brink.json.array"

enum { DEPTH_MAX = 64, NODES_MAX = 5000000 };

typedef struct Parse {
  yaml_parser_t yaml;
  yaml_event_t event;
  bool open, has_event;
  const char *name;
  Err err;
  int depth;
  long nodes;
} Parse;

static int f_gc(lua_State *L) {
  Parse *p = lua_touserdata(L, 1);
  if (p->has_event) yaml_event_delete(&p->event);
  if (p->open) yaml_parser_delete(&p->yaml);
  p->has_event = p->open = false;
  return 0;
}

static bool fail(Parse *p, ErrCode code, yaml_mark_t at, const char *what) {
  return err_set(&p->err, code, "%s:%lu:%lu: %s", p->name, (unsigned long)at.line + 1, (unsigned long)at.column + 1, what);
}

static bool next(Parse *p) {
  if (p->has_event) yaml_event_delete(&p->event);
  p->has_event = false;
  if (!yaml_parser_parse(&p->yaml, &p->event)) return fail(p, ERR_REFUSED, p->yaml.problem_mark, p->yaml.problem ? p->yaml.problem : "cannot be read");
  p->has_event = true;
  return true;
}

static bool is_word(const char *s, const char *const *words) {
  for (; *words; words++)
    if (!strcmp(s, *words)) return true;
  return false;
}

/* A plain scalar: null, true, false, integer, float, else text. */
static void push_plain(lua_State *L, const char *s, size_t n) {
  static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL}, *const yes[] = {"true", "True", "TRUE", NULL},
                    *const no[] = {"false", "False", "FALSE", NULL};
  if (is_word(s, nulls)) {
    lua_getfield(L, LUA_REGISTRYINDEX, "brink.json.null");
    return;
  }
  if (is_word(s, yes) || is_word(s, no)) {
    lua_pushboolean(L, is_word(s, yes));
    return;
  }
  const char *digits = s + (*s == '-' || *s == '+');
  bool number = *digits && strspn(digits, "0123456789.eE+-") == strlen(digits) && strpbrk(digits, "0123456789") && (*digits != 'e' && *digits != 'E');
  if (number && lua_stringtonumber(L, s) == n + 1) return;
  lua_pushlstring(L, s, n);
}

static bool push_node(lua_State *L, Parse *p);

static bool push_list(lua_State *L, Parse *p) {
  lua_newtable(L);
  luaL_setmetatable(L, ARRAY);
  for (lua_Integer i = 1;; i++) {
    if (!next(p)) return false;
    if (p->event.type == YAML_SEQUENCE_END_EVENT) return true;
    if (!push_node(L, p)) return false;
    lua_rawseti(L, -2, i);
  }
}

static bool push_map(lua_State *L, Parse *p) {
  lua_newtable(L);
  for (;;) {
    if (!next(p)) return false;
    if (p->event.type == YAML_MAPPING_END_EVENT) return true;
    yaml_mark_t at = p->event.start_mark;
    if (p->event.type != YAML_SCALAR_EVENT) return fail(p, ERR_REFUSED, at, "a key that is no scalar");
    if (!push_node(L, p)) return false;
    if (!lua_isstring(L, -1)) return fail(p, ERR_REFUSED, at, "a text or an integer expected as key");
    lua_pushvalue(L, -1);
    if (lua_rawget(L, -3) != LUA_TNIL) return fail(p, ERR_REFUSED, at, "a second entry with this key");
    lua_pop(L, 1);
    if (!next(p) || !push_node(L, p)) return false;
    lua_rawset(L, -3);
  }
}

/* Push the node that begins with the event at hand. */
static bool push_node(lua_State *L, Parse *p) {
  luaL_checkstack(L, 8, "yaml");
  yaml_mark_t at = p->event.start_mark;
  if (++p->nodes > NODES_MAX) return fail(p, ERR_LIMIT, at, "more than 5 million values");
  bool ok;
  switch (p->event.type) {
    case YAML_SCALAR_EVENT:
      if (p->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
        push_plain(L, (char *)p->event.data.scalar.value, p->event.data.scalar.length);
      else
        lua_pushlstring(L, (char *)p->event.data.scalar.value, p->event.data.scalar.length);
      return true;
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
      if (p->depth >= DEPTH_MAX) return fail(p, ERR_LIMIT, at, "nested deeper than 64 levels");
      p->depth++;
      ok = p->event.type == YAML_MAPPING_START_EVENT ? push_map(L, p) : push_list(L, p);
      p->depth--;
      return ok;
    case YAML_ALIAS_EVENT: return fail(p, ERR_UNSUPPORTED, at, "aliases are not read");
    default: return fail(p, ERR_REFUSED, at, "a value is expected");
  }
}

static bool push_document(lua_State *L, Parse *p) {
  if (!next(p) || !next(p)) return false; /* stream start, document start or stream end */
  if (p->event.type == YAML_STREAM_END_EVENT) return fail(p, ERR_REFUSED, p->event.start_mark, "nothing in it");
  if (!next(p) || !push_node(L, p) || !next(p) || !next(p)) return false;
  return p->event.type == YAML_STREAM_END_EVENT || fail(p, ERR_UNSUPPORTED, p->event.start_mark, "a second document");
}

/* decode(text[, name]) -> value | nil, message, code. Lists carry the mark of json.array, null is json.null. */
static int f_decode(lua_State *L) {
  size_t n;
  const char *s = luaL_checklstring(L, 1, &n), *name = luaL_optstring(L, 2, "yaml");
  lua_settop(L, 2);
  Parse *p = lua_newuserdatauv(L, sizeof *p, 0);
  memset(p, 0, sizeof *p);
  luaL_setmetatable(L, PARSER);
  p->name = name;
  if (!yaml_parser_initialize(&p->yaml)) return luaL_error(L, "out of memory");
  p->open = true;
  yaml_parser_set_input_string(&p->yaml, (const unsigned char *)s, n);
  if (push_document(L, p)) return 1;
  lua_settop(L, 3);
  return bind_fail(L, &p->err);
}
#else
static int f_decode(lua_State *L) {
  Err err = {0};
  err_set(&err, ERR_UNSUPPORTED, "yaml: this build cannot read it; install libyaml-dev and build again");
  return bind_fail(L, &err);
}
#endif

int open_yaml(lua_State *L) {
  static const luaL_Reg funcs[] = {{"decode", f_decode}, {NULL, NULL}};
#ifdef HAVE_YAML_0_1
  static const luaL_Reg meta[] = {{"__gc", f_gc}, {NULL, NULL}};
  bind_type(L, PARSER, NULL, meta);
#endif
  luaL_newlib(L, funcs);
  return 1;
}
