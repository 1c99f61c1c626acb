/* core.term: what the command line needs to know of the terminal, and a line
 * editor. libedit runs by its callback interface: we wait for keys ourselves,
 * so that a signal ends the wait and the loop's timers go on. No Lua error
 * passes through libedit: the completer runs protected and fills a list first.
 * SPDX-License-Identifier: MIT */
#include <locale.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#ifdef HAVE_LIBEDIT
#include <editline/readline.h>
#endif

#include "lua/bind.h"

#define LINE "brink.Line"

static int fd_arg(lua_State *L, int arg) {
  lua_Integer fd = luaL_checkinteger(L, arg);
  luaL_argcheck(L, fd >= 0 && fd <= 1 << 20, arg, "not a file descriptor");
  return (int)fd;
}

/* isatty(fd) */
static int f_isatty(lua_State *L) {
  lua_pushboolean(L, isatty(fd_arg(L, 1)));
  return 1;
}

/* width() -> columns of the terminal; COLUMNS or 80 where there is none */
static int f_width(lua_State *L) {
  struct winsize size;
  const char *env = getenv("COLUMNS");
  int n = env ? atoi(env) : 0;
  for (int fd = 2; fd >= 0 && n < 1; fd--)
    if (ioctl(fd, TIOCGWINSZ, &size) == 0) n = size.ws_col;
  lua_pushinteger(L, n < 1 ? 80 : n > 10000 ? 10000 : n);
  return 1;
}

static bool is_set(const char *name) {
  const char *value = getenv(name);
  return value && *value;
}

/* colour(fd) -> may colours be written there? NO_COLOR and TERM=dumb say no, CLICOLOR_FORCE says yes */
static int f_colour(lua_State *L) {
  int fd = fd_arg(L, 1);
  const char *term = getenv("TERM");
  bool able = isatty(fd) && term && *term && strcmp(term, "dumb");
  lua_pushboolean(L, !is_set("NO_COLOR") && (able || is_set("CLICOLOR_FORCE")));
  return 1;
}

/* clock() -> seconds since some moment, never going back; for progress, never for results */
static int f_clock(lua_State *L) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  lua_pushnumber(L, (lua_Number)t.tv_sec + 1e-9 * (lua_Number)t.tv_nsec);
  return 1;
}

static double seconds(struct timeval t) { return (double)t.tv_sec + 1e-6 * (double)t.tv_usec; }

/* rusage() -> {rss = bytes now, peak = bytes at most, cpu = seconds of all threads} */
static int f_rusage(lua_State *L) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  long pages = 0;
  FILE *f = fopen("/proc/self/statm", "r");
  if (f) {
    if (fscanf(f, "%*s %ld", &pages) != 1) pages = 0;
    fclose(f);
  }
  lua_Integer peak = (lua_Integer)u.ru_maxrss * 1024;
  lua_createtable(L, 0, 3);
  lua_pushinteger(L, pages > 0 ? (lua_Integer)pages * sysconf(_SC_PAGESIZE) : peak);
  lua_setfield(L, -2, "rss");
  lua_pushinteger(L, peak);
  lua_setfield(L, -2, "peak");
  lua_pushnumber(L, seconds(u.ru_utime) + seconds(u.ru_stime));
  lua_setfield(L, -2, "cpu");
  return 1;
}

/* ---- lines */

typedef struct Line { char *text; /* malloc'd by the C library or libedit */ } Line;

static int f_line_gc(lua_State *L) {
  Line *line = luaL_checkudata(L, 1, LINE);
  free(line->text);
  line->text = NULL;
  return 0;
}

/* Wait for a key, letting the loop do what is due meanwhile. false: interrupted. */
static bool wait_key(Loop *loop) {
  struct pollfd p[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = uv_backend_fd(loop_uv(loop)), .events = POLLIN}};
  for (;;) {
    if (loop_interrupted(loop)) return false;
    int n = poll(p, 2, 500);
    if (n <= 0 || p[1].revents) uv_run(loop_uv(loop), UV_RUN_NOWAIT);
    if (n > 0 && p[0].revents) return !loop_interrupted(loop);
  }
}

/* Without an editor. *eof only when nothing was read. false: interrupted. */
static bool plain_line(Loop *loop, const char *prompt, Line *line) {
  size_t cap = 0;
  if (isatty(STDIN_FILENO)) {
    fputs(prompt, stdout);
    fflush(stdout);
    if (!wait_key(loop)) return false;
  }
  ssize_t n = getline(&line->text, &cap, stdin);
  if (n < 0) {
    free(line->text);
    line->text = NULL;
  } else if (n > 0 && line->text[n - 1] == '\n') {
    line->text[n - 1] = 0;
  }
  return true;
}

#ifdef HAVE_LIBEDIT
static const char completer_key = 0, matches_key = 0;

static struct {
  lua_State *L;       /* while a line is read */
  Line *line;
  bool done;
  const char **match; /* candidates, in a userdata */
  int at, n;
} ed;

static void got_line(char *text) {
  ed.line->text = text;
  ed.done = true;
  rl_callback_handler_remove(); /* else the prompt is shown again */
}

/* Protected. In: the text, its start and end (counted from 1), the completer beneath. Leaves ed.match. */
static int collect(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &completer_key);
  lua_pushstring(L, lua_touserdata(L, 1));
  lua_pushstring(L, rl_line_buffer);
  lua_pushvalue(L, 2);
  lua_pushvalue(L, 3);
  lua_call(L, 4, 1);
  if (!lua_istable(L, -1)) return 0;
  lua_Unsigned n = lua_rawlen(L, -1);
  if (n == 0 || n > 10000) return 0;
  lua_createtable(L, 2, 0); /* holds the list and the pointers into it */
  lua_pushvalue(L, -2);
  lua_rawseti(L, -2, 1);
  const char **match = lua_newuserdatauv(L, (size_t)n * sizeof *match, 0);
  lua_rawseti(L, -2, 2);
  int kept = 0;
  for (lua_Unsigned k = 1; k <= n; k++) {
    if (lua_rawgeti(L, -2, (lua_Integer)k) == LUA_TSTRING) match[kept++] = lua_tostring(L, -1);
    lua_pop(L, 1);
  }
  lua_rawsetp(L, LUA_REGISTRYINDEX, &matches_key);
  ed.match = match;
  ed.n = kept;
  return 0;
}

static char *next_match(const char *text, int state) {
  (void)text;
  (void)state;
  return ed.at < ed.n ? strdup(ed.match[ed.at++]) : NULL;
}

static char **complete(const char *text, int start, int end) {
  lua_State *L = ed.L;
  ed.at = ed.n = 0;
  rl_attempted_completion_over = 1; /* no file names */
  rl_completion_append_character = '\0';
  if (!L || !lua_checkstack(L, 8)) return NULL;
  int top = lua_gettop(L);
  lua_pushcfunction(L, collect);
  lua_pushlightuserdata(L, (void *)text);
  lua_pushinteger(L, start + 1);
  lua_pushinteger(L, end);
  bool ok = lua_pcall(L, 3, 0, 0) == LUA_OK; /* a completer that fails has no suggestions */
  lua_settop(L, top);
  return ok && ed.n > 0 ? rl_completion_matches(text, next_match) : NULL;
}

static void editor_init(void) {
  static bool ready;
  if (ready) return;
  ready = true;
  setlocale(LC_CTYPE, ""); /* typed characters; numbers keep the C locale */
  rl_readline_name = "brink";
  rl_catch_signals = 0;
  rl_initialize();
  rl_attempted_completion_function = complete;
  rl_completion_append_character = '\0';
  using_history();
  stifle_history(2000);
}

static bool edited_line(lua_State *L, Loop *loop, const char *prompt, Line *line) {
  editor_init();
  fflush(stdout);
  ed.L = L;
  ed.line = line;
  ed.done = false;
  rl_callback_handler_install(prompt, got_line);
  while (!ed.done && wait_key(loop)) rl_callback_read_char();
  if (!ed.done) rl_callback_handler_remove();
  ed.L = NULL;
  ed.line = NULL;
  return ed.done;
}
#endif

static bool read_line(lua_State *L, Loop *loop, const char *prompt, Line *line) {
#ifdef HAVE_LIBEDIT
  if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)) return edited_line(L, loop, prompt, line);
#endif
  (void)L;
  return plain_line(loop, prompt, line);
}

/* readline([prompt]) -> line without its end; nil, "eof"; nil, "interrupted" (see core.async.clear) */
static int f_readline(lua_State *L) {
  const char *prompt = luaL_optstring(L, 1, "");
  Loop *loop = bind_loop(L);
  Line *line = lua_newuserdatauv(L, sizeof *line, 0);
  line->text = NULL;
  luaL_setmetatable(L, LINE);
  luaL_checkstack(L, 16, NULL);
  lua_State *was = bind_breakable(L, NULL); /* a signal is told by the return */
  bool ok = read_line(L, loop, prompt, line);
  bind_breakable(L, was);
  if (ok && line->text) {
    lua_pushstring(L, line->text);
    return 1;
  }
  lua_pushnil(L);
  lua_pushstring(L, ok ? "eof" : "interrupted");
  return 2;
}

/* add_history(line) */
static int f_add_history(lua_State *L) {
  const char *line = luaL_checkstring(L, 1);
#ifdef HAVE_LIBEDIT
  editor_init();
  add_history(line);
#else
  (void)line;
#endif
  return 0;
}

/* set_completer(fn | nil): fn(text, line, first, last) -> list of replacements for line:sub(first, last) */
static int f_set_completer(lua_State *L) {
  if (!lua_isnoneornil(L, 1)) luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
#ifdef HAVE_LIBEDIT
  lua_rawsetp(L, LUA_REGISTRYINDEX, &completer_key);
#endif
  return 0;
}

/* read_history(path), write_history(path) -> true | nil, message, code; without an editor: true */
static int history(lua_State *L, bool writing) {
  const char *path = luaL_checkstring(L, 1);
  Err err = {0};
#ifdef HAVE_LIBEDIT
  editor_init();
  int rc = writing ? write_history(path) : read_history(path);
  if (rc != 0) return err_set(&err, ERR_IO, "%s: cannot %s the history", path, writing ? "write" : "read"), bind_fail(L, &err);
#else
  (void)path, (void)writing, (void)err;
#endif
  lua_pushboolean(L, 1);
  return 1;
}
static int f_read_history(lua_State *L) { return history(L, false); }
static int f_write_history(lua_State *L) { return history(L, true); }

static const luaL_Reg funcs[] = {{"isatty", f_isatty},
                                 {"width", f_width},
                                 {"colour", f_colour},
                                 {"clock", f_clock},
                                 {"rusage", f_rusage},
                                 {"readline", f_readline},
                                 {"add_history", f_add_history},
                                 {"set_completer", f_set_completer},
                                 {"read_history", f_read_history},
                                 {"write_history", f_write_history},
                                 {NULL, NULL}};

int open_term(lua_State *L) {
  static const luaL_Reg line_metamethods[] = {{"__gc", f_line_gc}, {NULL, NULL}};
  bind_type(L, LINE, NULL, line_metamethods);
  luaL_newlib(L, funcs);
  return 1;
}
