/* What the binding files share. Only files in engine/lua and main.c include Lua.
 *
 * Rules: misuse raises (luaL_arg*); the world failing returns nil, message,
 * code by bind_fail. Userdata first, resource second, one closer that serves
 * close, __gc and __close; a collected object may still be reached from another's
 * finalizer and then raises. No lua_* call that can raise while C memory is held
 * outside a userdata. SPDX-License-Identifier: MIT */
#ifndef BRINK_BIND_H
#define BRINK_BIND_H

#include <lauxlib.h>
#include <lua.h>

#include "async/job.h"
#include "base/err.h"
#include "image/image.h"
#include "plan/plan.h"

/* nil, message, code word on the stack; returns 3. */
int bind_fail(lua_State *L, const Err *err);

/* A metatable "brink.X" with methods in __index, and the metamethods. Pops nothing, leaves nothing. */
void bind_type(lua_State *L, const char *name, const luaL_Reg *methods, const luaL_Reg *metamethods);

/* A full userdata with one reference to a C object that lives on its own. */
typedef struct RefType {
  const char *name;         /* of the metatable: "brink.Image" */
  const char *gone;         /* the argument error once it was closed or collected: "image is closed" */
  void (*unref)(void *);
} RefType;
/* Takes over the reference, also when it raises, and tells the collector its size. */
void bind_push(lua_State *L, const RefType *type, void *thing, size_t bytes);
void *bind_check(lua_State *L, int arg, const RefType *type); /* argument error: another type, or gone */
void *bind_test(lua_State *L, int arg, const RefType *type);  /* NULL: another type, or gone */
/* close, __gc and __close: gives the reference back, once. Returns 0. */
int bind_drop(lua_State *L, const RefType *type);

/* A path: no empty text, no zero bytes (C would take what is before it). */
const char *bind_path(lua_State *L, int arg);

/* Images. Whatever allocates may run a finalizer, and that may close an image which an argument still names: take
 * the reference (image_hold) after the last allocation and put it where the collector finds it. */
void image_push(lua_State *L, Image *im);
Image *image_check(lua_State *L, int arg);       /* argument error when closed or not an image */
const Image *image_hold(lua_State *L, int arg);  /* the same, counted: the caller's to unref */
Image *image_anchor(lua_State *L, int arg);      /* the same, counted by an object that is pushed */

/* Plans: a Plan userdata, or a list of step tables compiled on the fly into one (replaced on the stack). */
const Plan *plan_check(lua_State *L, int arg);
/* Run the plan (or list) at one stack index on the image at the other, as a job: `return plan_run_at(...)`.
 * Results: image | nil, message, code. The job holds both, so they may be collected meanwhile. */
int plan_run_at(lua_State *L, int plan, int image, bool fuse);
/* The `fuse` field of an options table at arg: true when absent. */
bool plan_fuse_option(lua_State *L, int arg);

/* A job living in a userdata (freed by the collector, which waits while it runs), pushed. The struct starts with a Job
 * and is zeroed. clear (NULL: nothing to do) releases what the struct owns. What a job refers to stays alive while
 * it is in the caller's arguments or the job's user value. */
void *bind_job(lua_State *L, size_t size, void (*work)(Job *), void (*clear)(Job *));
/* Run the job at stack top: inside a scheduler task it yields, else it blocks. Then `finish` is called with the job
 * userdata at stack top and pushes the results: use as `return bind_run(L, finish);` */
int bind_run(lua_State *L, lua_CFunction finish);
/* The Loop of this state (made on first use). */
Loop *bind_loop(lua_State *L);
/* Take over the signals that end a run (see loop_signals). The first one then raises an interruption, a table with
 * exit = 128 + signal, in the Lua thread named by bind_breakable, and breaks brink.map off in any case. */
bool bind_signals(lua_State *L, bool on); /* whether that changed anything */
/* thread: the Lua thread a signal may break, NULL: none. Returns the one before. */
lua_State *bind_breakable(lua_State *L, lua_State *thread);
/* Forget an interruption (the REPL goes on). */
void bind_clear_interruption(lua_State *L);

/* Collector pressure for memory Lua cannot see. */
void bind_account(lua_State *L, size_t bytes);
/* Bytes once accounted are gone again. */
void bind_released(size_t bytes);

/* Openers: each leaves one table on the stack; core.c lists them. */
int open_image(lua_State *L);
int open_plan(lua_State *L);
int open_rng(lua_State *L);
int open_math(lua_State *L);
int open_json(lua_State *L);
int open_file(lua_State *L);
int open_async(lua_State *L);
int open_study(lua_State *L);
int open_features(lua_State *L);
int open_term(lua_State *L);
int open_test(lua_State *L);
int open_base64(lua_State *L);
int open_draw(lua_State *L);
int open_overlap(lua_State *L);
int open_resample(lua_State *L);
int open_shapes(lua_State *L);
int open_process(lua_State *L);
int open_wire(lua_State *L);
int open_http(lua_State *L);
int open_index(lua_State *L);
int open_xml(lua_State *L);
int open_yaml(lua_State *L);
int open_version(lua_State *L);
int luaopen_brink_core(lua_State *L);
int luaopen_brink(lua_State *L); /* for brink.so and the executable: core, embedded modules, require "brink" */

#endif
