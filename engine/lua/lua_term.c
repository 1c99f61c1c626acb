/* SPDX-License-Identifier: MIT */
#include "lua/bind.h"

int open_term(lua_State *L) {
  lua_newtable(L);
  return 1;
}
