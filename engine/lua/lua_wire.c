/* core.wire: the worker's end of the worker protocol (engine/model/wire.h).
 *
 *   open() -> Wire | nil, message, code
 *   wire:read() -> header, body | nil at the end | nil, message, code
 *   wire:write(header[, tensors]) -> true | nil, message, code; wire:close()
 *
 * SPDX-License-Identifier: MIT */
#include "base/mem.h"
#include "lua/bind.h"
#include "lua/bind_tensor.h"
#include "model/wire.h"

#define WIRE "brink.Wire"

typedef struct Box { Wire wire; Buf header, body; } Box;

static int f_open(lua_State *L) {
  Box *box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = (Box){.wire = {-1, -1}};
  luaL_setmetatable(L, WIRE);
  Err err;
  return wire_open(&box->wire, &err) ? 1 : bind_fail(L, &err);
}

static int f_close(lua_State *L) {
  Box *box = luaL_checkudata(L, 1, WIRE);
  wire_close(&box->wire);
  buf_clear(&box->header);
  buf_clear(&box->body);
  return 0;
}

static Box *check(lua_State *L) {
  Box *box = luaL_checkudata(L, 1, WIRE);
  luaL_argcheck(L, box->wire.in >= 0, 1, "closed");
  return box;
}

static int f_read(lua_State *L) {
  Box *box = check(L);
  Err err;
  int got = wire_read(&box->wire, &box->header, &box->body, &err);
  if (got < 0) return bind_fail(L, &err);
  if (got == 0) return lua_pushnil(L), 1;
  lua_pushlstring(L, (const char *)box->header.data, box->header.n);
  lua_pushlstring(L, box->body.n ? (const char *)box->body.data : "", box->body.n);
  buf_clear(&box->body);
  return 2;
}

static int f_write(lua_State *L) {
  Box *box = check(L);
  size_t n;
  Err err;
  const char *header = luaL_checklstring(L, 2, &n);
  lua_settop(L, 3);
  lua_Integer count = lua_isnil(L, 3) ? 0 : luaL_len(L, 3);
  luaL_argcheck(L, count >= 0 && count <= 65536, 3, "0..65536 tensors expected");
  Tensor **list = lua_newuserdatauv(L, ((size_t)count + 1) * sizeof *list, 0);
  for (lua_Integer k = 0; k < count; k++) {
    lua_geti(L, 3, k + 1);
    list[k] = tensor_check(L, -1); /* the table keeps it */
    lua_pop(L, 1);
  }
  if (!wire_write(&box->wire, header, n, list, (int)count, &err)) return bind_fail(L, &err);
  lua_pushboolean(L, true);
  return 1;
}

static const luaL_Reg methods[] = {{"read", f_read}, {"write", f_write}, {"close", f_close}, {NULL, NULL}};
static const luaL_Reg metamethods[] = {{"__gc", f_close}, {"__close", f_close}, {NULL, NULL}};
static const luaL_Reg funcs[] = {{"open", f_open}, {NULL, NULL}};

int open_wire(lua_State *L) {
  bind_type(L, WIRE, methods, metamethods);
  luaL_newlib(L, funcs);
  return 1;
}
