/* core.file: the file layer for Lua. Failures are nil, message, code.
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "lua/bind.h"

#define BUF "brink.file.buf"
#define APPENDER "brink.Appender"
#define LOCK "brink.Lock"
#define READ_LIMIT ((uint64_t)1 << 32)

static int done(lua_State *L, bool ok, const Err *err) {
  if (!ok) return bind_fail(L, err);
  lua_pushboolean(L, 1);
  return 1;
}

static int f_buf_gc(lua_State *L) { return buf_clear(lua_touserdata(L, 1)), 0; }

static Buf *push_buf(lua_State *L) {
  Buf *b = lua_newuserdatauv(L, sizeof *b, 0);
  buf_init(b);
  luaL_setmetatable(L, BUF);
  return b;
}

/* info(path) -> { type = "file" | "dir" | "other" | "missing", size, dev, ino } */
static int f_info(lua_State *L) {
  static const char *const types[] = {"file", "dir", "other", "missing"};
  FileInfo info;
  Err err = {0};
  if (!file_info(bind_path(L, 1), &info, &err)) return bind_fail(L, &err);
  lua_createtable(L, 0, 4);
  lua_pushstring(L, types[info.type]), lua_setfield(L, -2, "type");
  lua_pushinteger(L, (lua_Integer)info.size), lua_setfield(L, -2, "size");
  lua_pushinteger(L, (lua_Integer)info.dev), lua_setfield(L, -2, "dev");
  lua_pushinteger(L, (lua_Integer)info.ino), lua_setfield(L, -2, "ino");
  return 1;
}

/* read(path[, limit in bytes = 4 GiB]) -> bytes */
static int f_read(lua_State *L) {
  const char *path = bind_path(L, 1);
  lua_Integer limit = luaL_optinteger(L, 2, (lua_Integer)READ_LIMIT);
  luaL_argcheck(L, limit >= 0, 2, "expected 0 or more bytes");
  Err err = {0};
  Buf *b = push_buf(L);
  if (!file_read(path, (uint64_t)limit, b, &err)) return bind_fail(L, &err);
  lua_pushlstring(L, (char *)b->data, b->n);
  buf_clear(b);
  return 1;
}

/* write(path, bytes[, { durable = true }]) -> true; whole or not at all */
static int f_write(lua_State *L) {
  size_t n;
  const char *path = bind_path(L, 1), *data = luaL_checklstring(L, 2, &n);
  bool durable = true;
  if (lua_istable(L, 3)) durable = lua_getfield(L, 3, "durable") == LUA_TNIL || lua_toboolean(L, -1);
  Err err = {0};
  return done(L, file_write(path, data, n, durable, &err), &err);
}

/* mkdirs(path) -> true; parents too */
static int f_mkdirs(lua_State *L) {
  Err err = {0};
  return done(L, file_mkdirs(bind_path(L, 1), &err), &err);
}

/* private(path) -> true; a folder for this user alone */
static int f_private(lua_State *L) {
  Err err = {0};
  return done(L, file_private(luaL_checkstring(L, 1), &err), &err);
}

/* user() -> number of the user this runs as */
static int f_user(lua_State *L) { return lua_pushinteger(L, (lua_Integer)geteuid()), 1; }

/* cache() -> where this user's cache of brink's is, made or not: below $XDG_CACHE_HOME, $HOME, else the home that the
 * system's list of users has; nil without any */
static int f_cache(lua_State *L) {
  const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
  if (cache && *cache) return lua_pushfstring(L, "%s/brink", cache), 1;
  if (!home || !*home) {
    struct passwd *user = getpwuid(geteuid());
    home = user ? user->pw_dir : NULL;
  }
  if (!home || !*home) return lua_pushnil(L), 1;
  return lua_pushfstring(L, "%s/.cache/brink", home), 1;
}

static bool collect(void *data, const char *name) { return buf_append(data, name, strlen(name) + 1); }

/* list(folder) -> names in byte order */
static int f_list(lua_State *L) {
  const char *path = bind_path(L, 1);
  Err err = {0};
  Buf *b = push_buf(L);
  if (!file_list(path, collect, b, &err)) return bind_fail(L, &err);
  if (b->failed) return err_memory(&err), bind_fail(L, &err);
  lua_newtable(L);
  lua_Integer k = 0;
  for (size_t at = 0; at < b->n; at += strlen((char *)b->data + at) + 1) {
    lua_pushstring(L, (char *)b->data + at);
    lua_rawseti(L, -2, ++k);
  }
  buf_clear(b);
  return 1;
}

/* remove(path) -> true; a file or an empty folder */
static int f_remove(lua_State *L) {
  const char *path = bind_path(L, 1);
  Err err = {0};
  return done(L, remove(path) == 0 || err_errno(&err, path, "remove it"), &err);
}

/* rename(from, to) -> true; what is at `to` is replaced */
static int f_rename(lua_State *L) {
  const char *from = bind_path(L, 1), *to = bind_path(L, 2);
  Err err = {0};
  return done(L, rename(from, to) == 0 || err_errno(&err, from, "rename it"), &err);
}

static int push_hash(lua_State *L, const void *data, size_t n) {
  char text[33];
  hash_text(hash_bytes(data, n), text);
  lua_pushstring(L, text);
  return 1;
}

/* hash(path) -> 32 hex digits of the content */
static int f_hash(lua_State *L) {
  const char *path = bind_path(L, 1);
  Err err = {0};
  Buf *b = push_buf(L);
  if (!file_read(path, READ_LIMIT, b, &err)) return bind_fail(L, &err);
  push_hash(L, b->data, b->n);
  buf_clear(b);
  return 1;
}

/* hash_text(bytes) -> 32 hex digits */
static int f_hash_text(lua_State *L) {
  size_t n;
  const char *s = luaL_checklstring(L, 1, &n);
  return push_hash(L, s, n);
}

/* Syncing waits for the disk, so it is a job. The paths lie one after another, each with its zero. */
typedef struct Sync {
  Job job;
  Buf paths;
} Sync;

static void sync_work(Job *job) {
  const Buf *b = &((Sync *)job)->paths;
  for (size_t at = 0; at < b->n && !job->failed; at += strlen((char *)b->data + at) + 1)
    job->failed = !file_sync((char *)b->data + at, &job->err);
}

static void sync_clear(Job *job) { buf_clear(&((Sync *)job)->paths); }

static int sync_finish(lua_State *L) {
  Job *job = lua_touserdata(L, -1);
  return done(L, !job->failed, &job->err);
}

/* sync(list of paths) -> true once what was written to these files, and into these folders, is on disk; a job */
static int f_sync_paths(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_Integer n = luaL_len(L, 1);
  Sync *s = bind_job(L, sizeof *s, sync_work, sync_clear);
  buf_init(&s->paths);
  for (lua_Integer k = 1; k <= n; k++) {
    size_t length;
    lua_geti(L, 1, k);
    const char *path = lua_tolstring(L, -1, &length);
    if (!path || strlen(path) != length) return luaL_error(L, "path %d: a text without zero bytes expected, got a %s", (int)k, luaL_typename(L, -1));
    if (!buf_append(&s->paths, path, length + 1)) return luaL_error(L, "out of memory");
    lua_pop(L, 1);
  }
  return bind_run(L, sync_finish);
}

/* truncate(path, bytes) -> true; durably */
static int f_truncate(lua_State *L) {
  const char *path = bind_path(L, 1);
  lua_Integer n = luaL_checkinteger(L, 2);
  luaL_argcheck(L, n >= 0, 2, "expected 0 or more bytes");
  Err err = {0};
  return done(L, file_truncate(path, (uint64_t)n, &err), &err);
}

/* appender(path) -> object with write, sync, close */
static int f_appender(lua_State *L) {
  const char *path = bind_path(L, 1);
  Err err = {0};
  Appender **a = lua_newuserdatauv(L, sizeof *a, 0);
  *a = NULL;
  luaL_setmetatable(L, APPENDER);
  *a = appender_open(path, &err);
  return *a ? 1 : bind_fail(L, &err);
}

static Appender *appender_check(lua_State *L) {
  Appender **a = luaL_checkudata(L, 1, APPENDER);
  luaL_argcheck(L, *a, 1, "appender is closed");
  return *a;
}

/* appender:write(bytes) -> true; all of them, at the end of the file */
static int f_append(lua_State *L) {
  Appender *a = appender_check(L);
  size_t n;
  const char *s = luaL_checklstring(L, 2, &n);
  Err err = {0};
  return done(L, appender_write(a, s, n, &err), &err);
}

/* appender:sync() -> true once what was written is on disk */
static int f_sync(lua_State *L) {
  Err err = {0};
  return done(L, appender_sync(appender_check(L), &err), &err);
}

/* appender:close() -> true; without syncing. Again: true */
static int f_close(lua_State *L) {
  Appender **a = luaL_checkudata(L, 1, APPENDER), *own = *a;
  Err err = {0};
  *a = NULL;
  return done(L, appender_close(own, &err), &err);
}

/* Who holds a lock file, as its text says. */
static int fail_locked(lua_State *L, const char *path, int fd) {
  char who[128];
  ssize_t n = pread(fd, who, sizeof who - 1, 0);
  who[n > 0 ? n : 0] = 0;
  who[strcspn(who, "\n")] = 0;
  Err err = {0};
  err_set(&err, ERR_LOCKED, "%s: another run holds it (%s)", path, *who ? who : "owner unknown");
  close(fd);
  return bind_fail(L, &err);
}

/* lock(path) -> object whose close releases | nil, message, "locked". The kernel drops it when the process dies. */
static int f_lock(lua_State *L) {
  const char *path = bind_path(L, 1);
  Err err = {0};
  int *slot = lua_newuserdatauv(L, sizeof *slot, 0);
  *slot = -1;
  luaL_setmetatable(L, LOCK);
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0) return err_errno(&err, path, "open it"), bind_fail(L, &err);
  if (flock(fd, LOCK_EX | LOCK_NB)) return errno == EWOULDBLOCK ? fail_locked(L, path, fd) : (err_errno(&err, path, "lock it"), close(fd), bind_fail(L, &err));
  char host[64] = "", who[128];
  gethostname(host, sizeof host - 1);
  int n = snprintf(who, sizeof who, "process %ld on %s\n", (long)getpid(), host);
  if (ftruncate(fd, 0) || pwrite(fd, who, (size_t)n, 0) != n) return err_errno(&err, path, "write it"), close(fd), bind_fail(L, &err);
  *slot = fd;
  return 1;
}

/* lock:close(): others may take it; the file stays */
static int f_unlock(lua_State *L) {
  int *slot = luaL_checkudata(L, 1, LOCK);
  if (*slot >= 0) close(*slot);
  *slot = -1;
  return 0;
}

#define CLOSER(name, fn) static const luaL_Reg name[] = {{"__gc", fn}, {"__close", fn}, {NULL, NULL}}
CLOSER(buf_meta, f_buf_gc);
CLOSER(appender_meta, f_close);
CLOSER(lock_meta, f_unlock);

int open_file(lua_State *L) {
  static const luaL_Reg appender[] = {{"write", f_append}, {"sync", f_sync}, {"close", f_close}, {NULL, NULL}};
  static const luaL_Reg lock[] = {{"close", f_unlock}, {NULL, NULL}};
  static const luaL_Reg funcs[] = {{"info", f_info},       {"read", f_read},     {"write", f_write},   {"mkdirs", f_mkdirs},
                                   {"list", f_list},       {"remove", f_remove}, {"rename", f_rename}, {"hash", f_hash},
                                   {"hash_text", f_hash_text}, {"appender", f_appender}, {"lock", f_lock},
                                   {"sync", f_sync_paths}, {"truncate", f_truncate}, {"private", f_private},
                                   {"user", f_user}, {"cache", f_cache}, {NULL, NULL}};
  bind_type(L, BUF, NULL, buf_meta);
  bind_type(L, APPENDER, appender, appender_meta);
  bind_type(L, LOCK, lock, lock_meta);
  luaL_newlib(L, funcs);
  return 1;
}
