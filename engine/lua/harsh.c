/* SPDX-License-Identifier: MIT */
#include "lua/harsh.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Lua's own allocator behind a gate; one state, one thread at a time. */
static struct {
  lua_Alloc next;
  void *ud;
  uint64_t grown;   /* allocations that asked for more */
  uint64_t collect; /* after so many: a full collection; 0: none */
  uint64_t collected;
  uint64_t fail_at; /* 0: never */
  bool sticky, again;
} gate;

/* A refused allocation makes Lua collect everything and ask once more. Only for a new object is that sure: the growth of a
 * luaL_Buffer is not asked for again, so `object` says what may be refused for a collection's sake. */
static bool refused(bool object) {
  if (gate.again) {
    gate.again = false;
    return gate.fail_at && gate.grown >= gate.fail_at && (gate.sticky || gate.grown == gate.fail_at);
  }
  gate.grown++;
  bool fails = gate.fail_at && (gate.grown == gate.fail_at || (gate.sticky && gate.grown > gate.fail_at));
  bool due = gate.collect && gate.grown - gate.collected >= gate.collect && object;
  if (due) gate.collected = gate.grown;
  gate.again = fails || due;
  return gate.again;
}

static void *gated(void *ud, void *old, size_t had, size_t wanted) {
  (void)ud; /* a new object says its type in `had` */
  if (wanted > (old ? had : 0) && refused(!old && had)) return NULL;
  return gate.next(gate.ud, old, had, wanted);
}

static void install(lua_State *L) {
  if (gate.next) return;
  gate.next = lua_getallocf(L, &gate.ud);
  lua_setallocf(L, gated, NULL);
}

void harsh_fail_at(lua_State *L, uint64_t k, bool sticky) {
  install(L);
  gate.grown = gate.collected = 0;
  gate.fail_at = k;
  gate.sticky = sticky;
  gate.again = false;
}

uint64_t harsh_count(void) { return gate.grown; }

void harsh_memory(lua_State *L) {
  const char *collect = getenv("BRINK_GC"), *fail = getenv("BRINK_FAIL_LUA");
  if (!(collect && *collect) && !(fail && *fail)) return;
  if (collect && *collect) {
    gate.collect = strcmp(collect, "hostile") == 0 ? 61 : strtoull(collect, NULL, 10);
    lua_gc(L, LUA_GCINC, 1, 1000, 1);
  }
  if (fail && *fail) {
    char *end;
    gate.fail_at = strtoull(fail, &end, 10);
    gate.sticky = *end == '+';
  }
  install(L);
}
