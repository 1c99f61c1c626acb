/* core.async: jobs in userdata, the bridge between coroutines and the pool.
 *
 * brink.map registers its coroutines as tasks. In a task bind_run queues the
 * job and yields the job userdata; the scheduler (lua/brink/map.lua) fetches
 * finished jobs with next() and resumes the task with the same userdata, upon
 * which the C function's `finish` runs. Anywhere else the work is done on the
 * spot. SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>
#include <signal.h>
#include <stdlib.h>

#include "lua/bind.h"

#define JOB "brink.Job"
#define LOOP "brink.Loop"
#define INTERRUPTION "brink.Interruption"

typedef struct Box {
  Loop *loop;
  lua_State *volatile breakable; /* read by the signal handler */
} Box;

static const char box_key = 0, tasks_key = 0, queued_key = 0;

/* The interruption as an error value. */
static void push_interruption(lua_State *L, int signo) {
  const char *name = signo == SIGINT ? "SIGINT" : signo == SIGTERM ? "SIGTERM" : signo == SIGHUP ? "SIGHUP" : "SIGXCPU";
  lua_createtable(L, 0, 3);
  lua_pushliteral(L, "cancelled");
  lua_setfield(L, -2, "code");
  lua_pushstring(L, name);
  lua_setfield(L, -2, "signal");
  lua_pushinteger(L, 128 + signo);
  lua_setfield(L, -2, "exit");
  luaL_setmetatable(L, INTERRUPTION);
}

static int f_interruption_text(lua_State *L) {
  lua_getfield(L, 1, "signal");
  lua_pushfstring(L, "interrupted by %s", luaL_tolstring(L, -1, NULL));
  return 1;
}

/* Instructions a script has for tidying up after the interruption was raised. One that goes on after them (a loop around
 * pcall) is broken at each of its own until the error is at the top. */
enum { GRACE = 1000000 };

static void again_hook(lua_State *L, lua_Debug *ar);
static void break_again(lua_State *L, int count) { lua_sethook(L, again_hook, LUA_MASKCOUNT, count); }

/* After the grace, unless it runs already. */
static void break_later(lua_State *L) {
  if (lua_gethook(L) != again_hook) break_again(L, GRACE);
}

static lua_State *main_thread(lua_State *L) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
  lua_State *main = lua_tothread(L, -1);
  lua_pop(L, 1);
  return main;
}

static void raise_pending(lua_State *L, int count) {
  int signo = loop_signal(bind_loop(L));
  lua_sethook(L, NULL, 0, 0);
  if (!signo) return;
  break_again(L, count);
  if (main_thread(L) != L) break_later(main_thread(L));
  push_interruption(L, signo);
  lua_error(L);
}

static void break_hook(lua_State *L, lua_Debug *ar) {
  (void)ar;
  raise_pending(L, GRACE);
}

/* Whether a chunk is one of our modules, embedded or of the working copy. */
static bool is_ours(const char *source) {
  const char *root = getenv("BRINK_LUA");
  size_t n = root ? strlen(root) : 0;
  return !strncmp(source, "@brink/", 7) || (n && !strncmp(source + 1, root, n));
}

/* Our own modules pass the error on and may finish what they do. */
static void again_hook(lua_State *L, lua_Debug *ar) {
  if (lua_getinfo(L, "S", ar) && is_ours(ar->source)) break_again(L, 100);
  else raise_pending(L, 1);
}

/* Inside the signal handler, on the Lua thread: only plants the hook, as lua.c does. */
static void on_signal(void *data) {
  Box *box = data;
  lua_State *L = box->breakable;
  if (L) lua_sethook(L, break_hook, LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1);
}

static int f_box_gc(lua_State *L) {
  Box *box = luaL_checkudata(L, 1, LOOP);
  Loop *loop = box->loop;
  box->loop = NULL;
  loop_free(loop);
  return 0;
}

static Box *get_box(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &box_key);
  Box *box = lua_touserdata(L, -1);
  lua_pop(L, 1);
  if (!box) {
    box = lua_newuserdatauv(L, sizeof *box, 0);
    memset(box, 0, sizeof *box);
    luaL_setmetatable(L, LOOP);
    Err err;
    if (!(box->loop = loop_new(0, &err))) luaL_error(L, "%s", err.text);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &box_key);
  }
  if (!box->loop) luaL_error(L, "the Lua state is closing");
  return box;
}

Loop *bind_loop(lua_State *L) { return get_box(L)->loop; }

bool bind_signals(lua_State *L, bool on) {
  Box *box = get_box(L);
  if (!loop_signals(box->loop, on)) return false;
  if (on) loop_on_signal(box->loop, on_signal, box);
  return true;
}

lua_State *bind_breakable(lua_State *L, lua_State *thread) {
  Box *box = get_box(L);
  lua_State *was = box->breakable;
  box->breakable = thread;
  if (thread && loop_signal(box->loop)) break_later(thread);
  return was;
}

void bind_clear_interruption(lua_State *L) {
  Box *box = get_box(L);
  lua_State *threads[] = {L, main_thread(L), box->breakable};
  loop_clear(box->loop);
  for (int k = 0; k < 3; k++)
    if (threads[k] && (lua_gethook(threads[k]) == break_hook || lua_gethook(threads[k]) == again_hook)) lua_sethook(threads[k], NULL, 0, 0);
}

static int f_job_gc(lua_State *L) {
  Job *job = lua_touserdata(L, 1);
  if (job->queued) { /* only when the state closes: queued jobs are anchored */
    loop_cancel(job->loop);
    loop_wait(job->loop, job);
  }
  if (job->clear) job->clear(job);
  job->clear = NULL;
  return 0;
}

void *bind_job(lua_State *L, size_t size, void (*work)(Job *), void (*clear)(Job *)) {
  bind_loop(L); /* first, so that it is collected after the job */
  Job *job = lua_newuserdatauv(L, size, 1);
  memset(job, 0, size);
  job->work = work;
  job->clear = clear;
  luaL_setmetatable(L, JOB);
  return job;
}

static bool in_task(lua_State *L) {
  if (!lua_isyieldable(L)) return false;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &tasks_key);
  lua_pushthread(L);
  bool is = lua_rawget(L, -2) == LUA_TBOOLEAN;
  lua_pop(L, 2);
  return is;
}

/* While queued, the registry holds the job, and through it the coroutine with all that the job may refer to. */
static void anchor(lua_State *L, Job *job, int at) {
  at = lua_absindex(L, at);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &queued_key);
  lua_pushthread(L);
  lua_pushvalue(L, at);
  lua_pushvalue(L, at);
  lua_rawsetp(L, -4, job);
  lua_insert(L, -2);
  lua_rawset(L, -3);
  lua_pop(L, 1);
}

/* Drops the anchors and pushes the job. */
static void release(lua_State *L, Job *job) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &queued_key);
  lua_rawgetp(L, -1, job);
  lua_pushvalue(L, -1);
  lua_pushnil(L);
  lua_rawset(L, -4);
  lua_pushnil(L);
  lua_rawsetp(L, -3, job);
  lua_remove(L, -2);
}

static void queue(Loop *loop, Job *job) {
  if (!job->start) {
    if (job_submit(loop, job, &job->err)) return;
    job->failed = true;
    job_begin(loop, job);
    job_finish(loop, job);
    return;
  }
  job_begin(loop, job);
  if (job->start(job)) return;
  job->failed = true;
  job_finish(loop, job);
}

static int after_yield(lua_State *L, int status, lua_KContext finish) {
  (void)status;
  Job *job = luaL_testudata(L, -1, JOB);
  if (!job || job->queued) return luaL_error(L, "a task that waits for a job was resumed by something else than brink.map");
  return ((lua_CFunction)finish)(L);
}

int bind_run(lua_State *L, lua_CFunction finish) {
  luaL_checkstack(L, 10, NULL);
  Job *job = lua_touserdata(L, -1);
  Loop *loop = bind_loop(L);
  if (in_task(L)) {
    anchor(L, job, -1);
    queue(loop, job);
    return lua_yieldk(L, 1, (lua_KContext)finish, after_yield);
  }
  if (job->start) {
    anchor(L, job, -1);
    queue(loop, job);
    loop_wait(loop, job);
    release(L, job);
    lua_pop(L, 1);
  } else {
    job->work(job);
  }
  return finish(L);
}

/* sleep: a timer. Its handle lives in the job until libuv says that it is closed. */
typedef struct Sleep {
  Job job;
  uv_timer_t timer;
  double seconds;
} Sleep;

static void sleep_closed(uv_handle_t *timer) {
  Job *job = timer->data;
  job_finish(job->loop, job);
}

static void sleep_over(uv_timer_t *timer) { uv_close((uv_handle_t *)timer, sleep_closed); }

static void sleep_cancel(Job *job) {
  Sleep *s = (Sleep *)job;
  if (uv_is_closing((uv_handle_t *)&s->timer)) return;
  job->failed = !err_set(&job->err, ERR_CANCELLED, "interrupted");
  uv_close((uv_handle_t *)&s->timer, sleep_closed);
}

static bool sleep_start(Job *job) {
  Sleep *s = (Sleep *)job;
  uv_timer_init(loop_uv(job->loop), &s->timer);
  s->timer.data = job;
  uv_update_time(loop_uv(job->loop));
  uv_timer_start(&s->timer, sleep_over, (uint64_t)ceil(s->seconds * 1e3), 0);
  return true;
}

static int sleep_finish(lua_State *L) {
  Job *job = lua_touserdata(L, -1);
  lua_pushboolean(L, !job->failed);
  return 1;
}

/* sleep(seconds): true, or false when an interruption cut it short */
static int f_sleep(lua_State *L) {
  double seconds = luaL_checknumber(L, 1);
  luaL_argcheck(L, seconds >= 0 && seconds <= 1e9, 1, "expected 0..1e9 seconds");
  Sleep *s = bind_job(L, sizeof *s, NULL, NULL);
  s->seconds = seconds;
  s->job.start = sleep_start;
  s->job.cancel = sleep_cancel;
  return bind_run(L, sleep_finish);
}

/* next(): the next finished job, or nil and "idle" or "interrupted" */
static int f_next(lua_State *L) {
  Loop *loop = bind_loop(L);
  Job *job = loop_next(loop);
  if (job) {
    release(L, job);
    return 1;
  }
  lua_pushnil(L);
  lua_pushstring(L, loop_interrupted(loop) ? "interrupted" : "idle");
  return 2;
}

/* drain(): cancel all that is under way and wait for the rest; the results are dropped */
static int f_drain(lua_State *L) {
  Loop *loop = bind_loop(L);
  Job *job;
  loop_cancel(loop);
  while ((job = loop_drain(loop))) {
    release(L, job);
    lua_pop(L, 1);
  }
  return 0;
}

/* task(coroutine, is): whether jobs in this coroutine yield to the scheduler */
static int f_task(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTHREAD);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &tasks_key);
  lua_pushvalue(L, 1);
  if (lua_toboolean(L, 2)) lua_pushboolean(L, 1);
  else lua_pushnil(L);
  lua_rawset(L, -3);
  return 0;
}

/* queued(value): is it a job under way? */
static int f_queued(lua_State *L) {
  Job *job = luaL_testudata(L, 1, JOB);
  lua_pushboolean(L, job && job->queued);
  return 1;
}

/* threads([n]): the size of the pool, which n (0 = cores) sets while no job was queued yet */
static int f_threads(lua_State *L) {
  Loop *loop = bind_loop(L);
  if (!lua_isnoneornil(L, 1)) {
    lua_Integer n = luaL_checkinteger(L, 1);
    luaL_argcheck(L, n >= 0 && n <= 1024, 1, "expected 0..1024 threads");
    loop_want_threads(loop, (int)n);
  }
  lua_pushinteger(L, loop_threads(loop));
  return 1;
}

/* interrupted() -> has a signal come since it was last forgotten? */
static int f_interrupted(lua_State *L) {
  lua_pushboolean(L, loop_interrupted(bind_loop(L)));
  return 1;
}

/* interruption(): the error value of the interruption, nil when there was none */
static int f_interruption(lua_State *L) {
  int signo = loop_signal(bind_loop(L));
  if (signo) push_interruption(L, signo);
  else lua_pushnil(L);
  return 1;
}

/* signals(on): take or give back the signals that end a run; whether that changed anything */
static int f_signals(lua_State *L) {
  lua_pushboolean(L, bind_signals(L, lua_toboolean(L, 1)));
  return 1;
}

/* breakable(thread | true | false | former): which Lua thread the first signal may break; returns the former */
static int f_breakable(lua_State *L) {
  lua_State *thread = lua_islightuserdata(L, 1) ? lua_touserdata(L, 1) : lua_isthread(L, 1) ? lua_tothread(L, 1) : lua_toboolean(L, 1) ? L : NULL;
  thread = bind_breakable(L, thread);
  if (thread) lua_pushlightuserdata(L, thread);
  else lua_pushboolean(L, 0);
  return 1;
}

/* clear(): forget the interruption */
static int f_clear(lua_State *L) {
  bind_clear_interruption(L);
  return 0;
}

static const luaL_Reg funcs[] = {
    {"next", f_next},       {"drain", f_drain},             {"task", f_task},               {"queued", f_queued},   {"threads", f_threads},
    {"sleep", f_sleep},     {"interrupted", f_interrupted}, {"interruption", f_interruption}, {"signals", f_signals}, {"breakable", f_breakable},
    {"clear", f_clear},     {NULL, NULL}};

static void metatable(lua_State *L, const char *name, const char *event, lua_CFunction f) {
  luaL_newmetatable(L, name);
  lua_pushcfunction(L, f);
  lua_setfield(L, -2, event);
  lua_pop(L, 1);
}

int open_async(lua_State *L) {
  metatable(L, JOB, "__gc", f_job_gc);
  metatable(L, LOOP, "__gc", f_box_gc);
  metatable(L, INTERRUPTION, "__tostring", f_interruption_text);
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "k");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &tasks_key);
  lua_newtable(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &queued_key);
  luaL_newlib(L, funcs);
  return 1;
}
