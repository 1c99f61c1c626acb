/* SPDX-License-Identifier: MIT */
#include "lua/bind.h"

int open_async(lua_State *L) {
  lua_newtable(L);
  return 1;
}
