/* What the files that bind plans and warps share. SPDX-License-Identifier: MIT */
#ifndef BRINK_BIND_PLAN_H
#define BRINK_BIND_PLAN_H

#include "lua/bind.h"

/* The steps of the list at arg, checked and appended. Raises on misuse, naming the step or the parameter. */
void plan_read(lua_State *L, int arg, Plan *plan);
/* Pushes a number of parameter a the way Lua sees it. */
void param_push(lua_State *L, const Param *a, double v);
/* prims() -> list of { name, doc, source, kind, params }: the table of primitives as data */
int plan_prims(lua_State *L);

void bind_warp_type(lua_State *L);                /* makes the type brink.Warp */
Warp *bind_warp_new(lua_State *L, int w, int h);  /* a userdata at the top: nothing moves yet */
Warp *bind_warp_check(lua_State *L, int arg);     /* argument error when it is no Warp */

#endif
