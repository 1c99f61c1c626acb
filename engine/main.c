/* The executable: a Lua state with brink in it, handed to lua/brink/cli.
 * Exit codes are decided there and only passed on here.
 * SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <lualib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lua/bind.h"
#include "lua/harsh.h"

static int traceback(lua_State *L) {
  if (lua_type(L, 1) == LUA_TTABLE && lua_getfield(L, 1, "exit") == LUA_TNUMBER) return lua_settop(L, 1), 1; /* an interruption */
  const char *msg = lua_tostring(L, 1);
  if (!msg) msg = luaL_tolstring(L, 1, NULL);
  luaL_traceback(L, L, msg, 1);
  return 1;
}

/* In: argc, argv. Out: the exit code. */
static int run(lua_State *L) {
  int argc = (int)lua_tointeger(L, 1);
  char **argv = lua_touserdata(L, 2);
  luaL_openlibs(L);
  luaL_requiref(L, "brink", luaopen_brink, 0);
  bind_signals(L, true);
  bind_breakable(L, L);
  lua_createtable(L, argc, 1);
  for (int i = 0; i < argc; i++) {
    lua_pushstring(L, argv[i]);
    lua_rawseti(L, -2, i);
  }
  lua_pushvalue(L, -1);
  lua_setglobal(L, "arg");
  lua_getglobal(L, "require");
  lua_pushliteral(L, "brink.cli");
  lua_call(L, 1, 1);
  lua_getfield(L, -1, "main");
  lua_pushvalue(L, -3);
  lua_call(L, 1, 1);
  return 1;
}

/* A standard stream that was closed stays an error to use, but its number is taken: no file or pipe of ours gets it. */
static void keep_numbers(void) {
  for (int fd = 0; fd <= 2; fd++)
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd ? O_RDONLY : O_WRONLY) < 0) return;
}

int main(int argc, char **argv) {
  keep_numbers();
  signal(SIGPIPE, SIG_IGN); /* a closed stdout or worker is an error value, not a death */
  signal(SIGXFSZ, SIG_IGN);
  lua_State *L = luaL_newstate();
  if (!L) {
    fputs("brink: out of memory\n", stderr);
    return 8;
  }
  harsh_memory(L);
  lua_pushcfunction(L, traceback);
  lua_pushcfunction(L, run);
  lua_pushinteger(L, argc);
  lua_pushlightuserdata(L, argv);
  int code = 8;
  if (lua_pcall(L, 2, 1, 1) == LUA_OK) {
    code = (int)lua_tointeger(L, -1);
  } else if (lua_istable(L, -1)) {
    lua_pushliteral(L, "exit");
    lua_rawget(L, -2);
    code = (int)lua_tointeger(L, -1);
  } else {
    fprintf(stderr, "brink: %s\n", lua_tostring(L, -1));
  }
  lua_close(L);
  return code;
}
