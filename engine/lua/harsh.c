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
  uint64_t collect; /* every so many: a full collection; 0: none */
  uint64_t fail_at; /* 0: never */
  bool sticky, again;
} gate;

/* A refused allocation makes Lua collect everything and ask once more. */
static bool refused(void) {
  if (gate.again) {
    gate.again = false;
    return gate.fail_at && gate.grown >= gate.fail_at && (gate.sticky || gate.grown == gate.fail_at);
  }
  gate.grown++;
  bool fails = gate.fail_at && (gate.grown == gate.fail_at || (gate.sticky && gate.grown > gate.fail_at));
  gate.again = fails || (gate.collect && gate.grown % gate.collect == 0);
  return gate.again;
}

static void *gated(void *ud, void *old, size_t had, size_t wanted) {
  (void)ud;
  if (wanted > (old ? had : 0) && refused()) return NULL;
  return gate.next(gate.ud, old, had, wanted);
}

static void install(lua_State *L) {
  if (gate.next) return;
  gate.next = lua_getallocf(L, &gate.ud);
  lua_setallocf(L, gated, NULL);
}

void harsh_fail_at(lua_State *L, uint64_t k, bool sticky) {
  install(L);
  gate.grown = 0;
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
