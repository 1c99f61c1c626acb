/* core.xml: XML as a tree, or the places of one element's occurrences in a large file. Entities beyond the five of
 * XML are not read, and nothing outside the text is. SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "lua/bind.h"

#ifdef HAVE_EXPAT
#include <expat.h>

#define PARSER "brink.xml.parser"

enum { DEPTH_MAX = 128, CHUNK = 1 << 16 };

/* What expat reports is noted in a buffer and becomes Lua values when expat is through: a Lua error (memory) must not
 * jump over its frames. */
typedef struct Parse {
  XML_Parser expat;
  const char *name;
  const char *each;    /* index: the element looked for */
  Err err;
  int depth, inside;   /* inside: depth of the element under way, 0 none */
  int64_t nodes, start;
  Buf notes;           /* tree: see tree_start; index: int64_t start, end, line, ... */
  int fd;
} Parse;

static int f_gc(lua_State *L) {
  Parse *p = lua_touserdata(L, 1);
  if (p->expat) XML_ParserFree(p->expat);
  if (p->fd >= 0) close(p->fd);
  buf_clear(&p->notes);
  p->expat = NULL, p->fd = -1;
  return 0;
}

static void stop(Parse *p, ErrCode code, const char *what) {
  if (p->err.code != ERR_NONE) return;
  err_set(&p->err, code, "%s:%lu:%lu: %s", p->name, (unsigned long)XML_GetCurrentLineNumber(p->expat),
          (unsigned long)XML_GetCurrentColumnNumber(p->expat) + 1, what);
  XML_StopParser(p->expat, XML_FALSE);
}

static void note(Parse *p, const void *data, size_t n) {
  if (!buf_append(&p->notes, data, n)) stop(p, ERR_MEMORY, "out of memory");
}
static void note_number(Parse *p, int64_t v) { note(p, &v, sizeof v); }
static void note_text(Parse *p, const char *s) { note(p, s, strlen(s) + 1); }

static void XMLCALL on_entity(void *data, const XML_Char *entity, int is_parameter, const XML_Char *value, int length,
                              const XML_Char *base, const XML_Char *system, const XML_Char *public, const XML_Char *notation) {
  (void)entity, (void)is_parameter, (void)value, (void)length, (void)base, (void)system, (void)public, (void)notation;
  stop(data, ERR_REFUSED, "entity declarations are refused");
}

static bool enter(Parse *p) {
  if (p->depth >= DEPTH_MAX) return stop(p, ERR_LIMIT, "nested deeper than 128 elements"), false;
  if (++p->nodes > 50000000) return stop(p, ERR_LIMIT, "more than 50 million elements"), false;
  p->depth++;
  return true;
}

/* The tree's notes: '<' line tag 0 (name 0 value 0)* 0 ... '>', and '"' length bytes. */
static void XMLCALL tree_start(void *data, const XML_Char *tag, const XML_Char **attributes) {
  Parse *p = data;
  if (!enter(p)) return;
  note(p, "<", 1);
  note_number(p, (int64_t)XML_GetCurrentLineNumber(p->expat));
  note_text(p, tag);
  for (; attributes[0]; attributes++) note_text(p, attributes[0]);
  note(p, "", 1);
}

static void XMLCALL tree_end(void *data, const XML_Char *tag) {
  Parse *p = data;
  (void)tag;
  if (p->err.code != ERR_NONE) return;
  note(p, ">", 1);
  p->depth--;
}

static void XMLCALL tree_text(void *data, const XML_Char *s, int n) {
  Parse *p = data;
  if (p->err.code != ERR_NONE || !p->depth) return;
  note(p, "\"", 1);
  note_number(p, n);
  note(p, s, (size_t)n);
}

static int64_t take_number(const char **at) {
  int64_t v;
  memcpy(&v, *at, sizeof v);
  *at += sizeof v;
  return v;
}

static const char *take_text(const char **at) {
  const char *s = *at;
  *at += strlen(s) + 1;
  return s;
}

/* An open element { tag =, line =, attributes = } at the top. */
static void push_element(lua_State *L, const char **at) {
  luaL_checkstack(L, 8, "xml");
  lua_createtable(L, 0, 4);
  lua_pushinteger(L, take_number(at)), lua_setfield(L, -2, "line");
  lua_pushstring(L, take_text(at)), lua_setfield(L, -2, "tag");
  lua_newtable(L);
  for (const char *name; *(name = take_text(at));) lua_pushstring(L, take_text(at)), lua_setfield(L, -2, name);
  lua_setfield(L, -2, "attributes");
}

/* Pieces of text that follow each other join what the element at the top has. */
static void add_text(lua_State *L, const char **at, const char *end) {
  luaL_Buffer b;
  lua_getfield(L, -1, "text");
  bool had = !lua_isnil(L, -1);
  if (!had) lua_pop(L, 1);
  luaL_buffinit(L, &b);
  while (*at < end && **at == '"') {
    ++*at;
    size_t n = (size_t)take_number(at);
    luaL_addlstring(&b, *at, n);
    *at += n;
  }
  luaL_pushresult(&b);
  if (had) lua_concat(L, 2);
  lua_setfield(L, -2, "text");
}

/* The notes of a whole document as its root element, pushed. */
static void push_tree(lua_State *L, const Buf *notes) {
  const char *at = (const char *)notes->data, *end = at + notes->n;
  for (int depth = 0; at < end;) {
    switch (*at) {
      case '<': at++, depth++, push_element(L, &at); break;
      case '>':
        at++;
        if (--depth) lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1); /* into its parent */
        break;
      default: add_text(L, &at, end);
    }
  }
}

static Parse *push_parse(lua_State *L, const char *name) {
  Parse *p = lua_newuserdatauv(L, sizeof *p, 0);
  memset(p, 0, sizeof *p);
  p->fd = -1, p->name = name;
  luaL_setmetatable(L, PARSER);
  p->expat = XML_ParserCreate(NULL);
  if (!p->expat) luaL_error(L, "out of memory");
  XML_SetUserData(p->expat, p);
  XML_SetEntityDeclHandler(p->expat, on_entity);
  return p;
}

static void note_failure(Parse *p) {
  if (p->err.code == ERR_NONE) stop(p, ERR_REFUSED, XML_ErrorString(XML_GetErrorCode(p->expat)));
}

/* parse(text[, name]) -> { tag, attributes = {}, line, text, children... } | nil, message, code */
static int f_parse(lua_State *L) {
  size_t n;
  const char *s = luaL_checklstring(L, 1, &n), *name = luaL_optstring(L, 2, "xml");
  luaL_argcheck(L, n < (size_t)1 << 30, 1, "less than 1 GiB expected");
  lua_settop(L, 2);
  Parse *p = push_parse(L, name);
  XML_SetElementHandler(p->expat, tree_start, tree_end);
  XML_SetCharacterDataHandler(p->expat, tree_text);
  if (XML_Parse(p->expat, s, (int)n, 1) != XML_STATUS_OK || p->err.code != ERR_NONE) {
    note_failure(p);
    return bind_fail(L, &p->err);
  }
  push_tree(L, &p->notes);
  buf_clear(&p->notes);
  return 1;
}

static void XMLCALL each_start(void *data, const XML_Char *tag, const XML_Char **attributes) {
  Parse *p = data;
  (void)attributes;
  if (!enter(p) || p->inside || strcmp(tag, p->each)) return;
  p->inside = p->depth, p->start = XML_GetCurrentByteIndex(p->expat);
}

static void XMLCALL each_end(void *data, const XML_Char *tag) {
  Parse *p = data;
  (void)tag;
  if (p->err.code != ERR_NONE) return;
  if (p->inside == p->depth) {
    int64_t at = XML_GetCurrentByteIndex(p->expat);
    int bytes = XML_GetCurrentByteCount(p->expat); /* of the closing tag; 0 for <tag/> */
    int64_t end = bytes ? at + bytes : -1;
    note_number(p, p->start);
    note_number(p, end);
    note_number(p, (int64_t)XML_GetCurrentLineNumber(p->expat));
    p->inside = 0;
  }
  p->depth--;
}

/* The whole file through expat, in pieces; false with p->err. */
static bool feed(Parse *p, const char *path) {
  struct stat st;
  p->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (p->fd < 0) return err_errno(&p->err, path, "open it");
  if (fstat(p->fd, &st) || !S_ISREG(st.st_mode)) return err_set(&p->err, ERR_IO, "%s: not a regular file", path);
  for (ssize_t got = 1; got;) {
    void *room = XML_GetBuffer(p->expat, CHUNK);
    if (!room) return err_memory(&p->err);
    do got = read(p->fd, room, CHUNK);
    while (got < 0 && errno == EINTR);
    if (got < 0) return err_errno(&p->err, path, "read it");
    if (XML_ParseBuffer(p->expat, (int)got, got == 0) != XML_STATUS_OK || p->err.code != ERR_NONE) return note_failure(p), false;
  }
  return true;
}

/* index(path, tag) -> { start, end, line, ... }: the bytes each outermost element of this name takes up (start from 0, end
 * behind the last; -1 for one without content, as in <tag/>) and the line it ends in | nil, message, code */
static int f_index(lua_State *L) {
  const char *path = bind_path(L, 1), *each = luaL_checkstring(L, 2);
  lua_settop(L, 2);
  Parse *p = push_parse(L, path);
  p->each = each;
  XML_SetElementHandler(p->expat, each_start, each_end);
  if (!feed(p, path)) return bind_fail(L, &p->err);
  const char *at = (const char *)p->notes.data;
  size_t n = p->notes.n / sizeof(int64_t);
  lua_createtable(L, n < INT_MAX ? (int)n : INT_MAX, 0);
  for (size_t k = 1; k <= n; k++) {
    lua_pushinteger(L, take_number(&at));
    lua_rawseti(L, -2, (lua_Integer)k);
  }
  close(p->fd);
  p->fd = -1;
  buf_clear(&p->notes);
  return 1;
}
#else
static int f_parse(lua_State *L) {
  Err err = {0};
  err_set(&err, ERR_UNSUPPORTED, "xml: this build cannot read it; install libexpat1-dev and build again");
  return bind_fail(L, &err);
}
static int f_index(lua_State *L) { return f_parse(L); }
#endif

/* quote(text) -> the text with what is special in XML escaped; control characters XML cannot hold become U+FFFD */
static int f_quote(lua_State *L) {
  size_t n;
  const char *s = luaL_checklstring(L, 1, &n);
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  for (size_t i = 0; i < n; i++) {
    unsigned char c = (unsigned char)s[i];
    if (c == '&') luaL_addstring(&b, "&amp;");
    else if (c == '<') luaL_addstring(&b, "&lt;");
    else if (c == '>') luaL_addstring(&b, "&gt;");
    else if (c == '"') luaL_addstring(&b, "&quot;");
    else if (c == '\r') luaL_addstring(&b, "&#13;");
    else if (c < 0x20 && c != '\t' && c != '\n') luaL_addstring(&b, "\xEF\xBF\xBD");
    else luaL_addchar(&b, (char)c);
  }
  luaL_pushresult(&b);
  return 1;
}

int open_xml(lua_State *L) {
  static const luaL_Reg funcs[] = {{"parse", f_parse}, {"index", f_index}, {"quote", f_quote}, {NULL, NULL}};
#ifdef HAVE_EXPAT
  static const luaL_Reg meta[] = {{"__gc", f_gc}, {NULL, NULL}};
  bind_type(L, PARSER, NULL, meta);
#endif
  luaL_newlib(L, funcs);
  return 1;
}
