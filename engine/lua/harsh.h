/* Harsh memory for tests: a Lua state whose collector runs all the time, or whose n-th allocation fails.
 * SPDX-License-Identifier: MIT */
#ifndef BRINK_LUA_HARSH_H
#define BRINK_LUA_HARSH_H

#include <stdbool.h>
#include <stdint.h>

#include <lua.h>

/* What the environment asks for, else nothing:
 * BRINK_GC=hostile   the incremental collector steps at every allocation, and about every 61st one that makes an object is
 *                    preceded by a full collection (BRINK_GC=N: after N allocations)
 * BRINK_FAIL_LUA=K   the K-th allocation from here on fails; K+: it and all after it */
void harsh_memory(lua_State *L);

/* The k-th allocation from now on fails, sticky: and all after it; 0: none. harsh_count: how many were asked for since. */
void harsh_fail_at(lua_State *L, uint64_t k, bool sticky);
uint64_t harsh_count(void);

#endif
