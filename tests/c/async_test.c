/* Jobs on the pool, seen from C: what runs at the same time is counted, not timed. SPDX-License-Identifier: MIT */
#include <lualib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lua/bind.h"

static atomic_int running, most, ran;

typedef struct Probe {
  Job job;
  int wait;  /* until so many run at once, 0: do not */
  int value;
  char *owned;
} Probe;

static atomic_int cleared;

static void probe_work(Job *job) {
  Probe *p = (Probe *)job;
  int n = atomic_fetch_add(&running, 1) + 1, m = atomic_load(&most);
  while (n > m && !atomic_compare_exchange_weak(&most, &m, n)) {}
  for (int k = 0; k < 20000 && atomic_load(&most) < p->wait; k++) usleep(500);
  atomic_fetch_add(&ran, 1);
  p->value *= 2;
  if (p->value == 26) job->failed = !err_set(&job->err, ERR_MODEL, "unlucky");
  atomic_fetch_sub(&running, 1);
}

static void probe_clear(Job *job) {
  (void)job;
  atomic_fetch_add(&cleared, 1);
}

static int probe_finish(lua_State *L) {
  Probe *p = lua_touserdata(L, -1);
  if (p->job.failed) return bind_fail(L, &p->job.err);
  lua_pushinteger(L, p->value);
  lua_pushvalue(L, 1); /* the arguments are still there */
  return 2;
}

/* probe(value, wait) -> 2 * value, value */
static int f_probe(lua_State *L) {
  lua_Integer value = luaL_checkinteger(L, 1), wait = luaL_optinteger(L, 2, 0);
  Probe *p = bind_job(L, sizeof *p, probe_work, probe_clear);
  p->value = (int)value;
  p->wait = (int)wait;
  return bind_run(L, probe_finish);
}

static lua_State *fresh(void) {
  lua_State *L = luaL_newstate();
  luaL_openlibs(L);
  luaL_requiref(L, "brink", luaopen_brink, 0);
  lua_setglobal(L, "brink");
  lua_register(L, "probe", f_probe);
  atomic_store(&running, 0);
  atomic_store(&most, 0);
  atomic_store(&ran, 0);
  atomic_store(&cleared, 0);
  return L;
}

static void run(lua_State *L, const char *text) {
  if (luaL_dostring(L, text) != LUA_OK) fail_msg("%s", lua_tostring(L, -1));
}

#define ITEMS "local items = {} for k = 1, N do items[k] = k end "

static void sequential_functions_run_side_by_side(void **state) {
  (void)state;
  lua_State *L = fresh();
  run(L, "assert(brink.core.async.threads(4) == 4)");
  run(L, "local N = 12 " ITEMS
         "local out = brink.map(items, function(k) local a = probe(k, 4) return probe(a, 4) end)"
         "for k = 1, N do assert(out[k] == (k * 2 == 13 and nil or 4 * k), k) end");
  assert_int_equal(atomic_load(&most), 4);
  assert_int_equal(atomic_load(&ran), 24);
  lua_close(L);
  assert_int_equal(atomic_load(&cleared), 24);
}

static void plain_code_runs_one_at_a_time(void **state) {
  (void)state;
  lua_State *L = fresh();
  run(L, "local a, b = probe(5) assert(a == 10 and b == 5)"
         "local v, why, code = probe(13) assert(v == nil and why == 'unlucky' and code == 'model')"
         "local co = coroutine.wrap(function() coroutine.yield(probe(7)) end) assert(co() == 14)"
         "brink.map({ 1 }, function() local co = coroutine.wrap(function() coroutine.yield(probe(7)) end) assert(co() == 14) end)");
  assert_int_equal(atomic_load(&most), 1);
  lua_close(L);
}

static void failures_reach_the_task(void **state) {
  (void)state;
  lua_State *L = fresh();
  run(L, "local N = 40 " ITEMS
         "local ok, err = pcall(brink.map, items, function(k) return (assert(probe(k))) end)"
         "assert(not ok and err:find('^item 13: [^\\n]*unlucky'), err)");
  assert_true(atomic_load(&ran) >= 13 && atomic_load(&ran) < 40);
  lua_close(L);
}

static void the_collector_may_run_at_any_time(void **state) {
  (void)state;
  lua_State *L = fresh();
  run(L, "collectgarbage('setpause', 0) collectgarbage('setstepmul', 1000) local N = 300 " ITEMS
         "local out = brink.map(items, function(k) collectgarbage('step') local inner = brink.map({ k, k + 1 }, function(v)"
         "  collectgarbage() return (probe(v + 1000)) end) return inner[1] + inner[2] end)"
         "for k = 1, N do assert(out[k] == 4 * (k + 1000) + 2) end");
  lua_close(L);
  assert_int_equal(atomic_load(&cleared), 600);
}

static void closing_the_state_waits_for_jobs(void **state) {
  (void)state;
  lua_State *L = fresh();
  run(L, "for k = 1, 64 do local co = coroutine.create(function() probe(k, 2) end) brink.core.async.task(co, true) coroutine.resume(co) end");
  lua_close(L);
  assert_int_equal(atomic_load(&running), 0);
  assert_int_equal(atomic_load(&cleared), 64);
}

static void loops_are_independent(void **state) {
  (void)state;
  Err err;
  Loop *a = loop_new(0, &err), *b = loop_new(0, &err);
  Probe p = {.job.work = probe_work, .value = 1}, q = {.job.work = probe_work, .value = 2};
  assert_true(job_submit(a, &p.job, &err) && job_submit(b, &q.job, &err));
  assert_ptr_equal(loop_next(b), &q.job);
  assert_null(loop_next(b));
  assert_int_equal(loop_pending(a), 1);
  loop_wait(a, &p.job);
  assert_int_equal(loop_pending(a), 0);
  assert_int_equal(p.value + q.value, 6);
  loop_free(a);
  loop_free(b);
}

static atomic_bool gate;

/* A job that ends in a timer's callback and leaves nothing else to happen. */
static uv_timer_t bell;

static void rung(uv_timer_t *timer) {
  Job *job = timer->data;
  job_finish(job->loop, job);
}

static bool bell_start(Job *job) {
  uv_timer_init(loop_uv(job->loop), &bell);
  bell.data = job;
  return uv_timer_start(&bell, rung, 0, 0) == 0; /* due at once: uv_run calls it before it waits for events */
}

static void a_job_may_end_in_a_timer(void **state) {
  (void)state;
  Err err;
  Loop *loop = loop_new(1, &err);
  assert_non_null(loop);
  for (int waited = 0; waited < 2; waited++) {
    Job job = {.start = bell_start};
    job_begin(loop, &job);
    assert_true(job.start(&job));
    alarm(5); /* it hung here */
    if (waited) loop_wait(loop, &job);
    else assert_ptr_equal(loop_next(loop), &job);
    alarm(0);
    assert_false(job.failed);
    uv_close((uv_handle_t *)&bell, NULL);
    while (uv_run(loop_uv(loop), UV_RUN_NOWAIT) && uv_is_active((uv_handle_t *)&bell)) {}
  }
  loop_free(loop);
}

static void gated_work(Job *job) {
  (void)job;
  atomic_fetch_add(&ran, 1);
  while (!atomic_load(&gate)) usleep(500);
}

static void cancelling_spares_what_has_not_begun(void **state) {
  (void)state;
  Err err;
  Loop *l = loop_new(0, &err);
  enum { N = 50 };
  static Probe p[N];
  atomic_store(&ran, 0);
  atomic_store(&gate, false);
  int done = 0, cancelled = 0;
  memset(p, 0, sizeof p);
  for (int k = 0; k < N; k++) {
    p[k].job.work = gated_work;
    assert_true(job_submit(l, &p[k].job, &err));
  }
  loop_cancel(l);
  atomic_store(&gate, true);
  for (Job *j; (j = loop_drain(l));) {
    if (j->failed && j->err.code == ERR_CANCELLED) cancelled++;
    else done++;
  }
  assert_int_equal(done + cancelled, N);
  assert_int_equal(done, atomic_load(&ran));
  assert_true(cancelled >= N - loop_threads(l));
  loop_free(l);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sequential_functions_run_side_by_side), cmocka_unit_test(plain_code_runs_one_at_a_time),
      cmocka_unit_test(failures_reach_the_task),               cmocka_unit_test(the_collector_may_run_at_any_time),
      cmocka_unit_test(closing_the_state_waits_for_jobs),      cmocka_unit_test(loops_are_independent),
      cmocka_unit_test(cancelling_spares_what_has_not_begun), cmocka_unit_test(a_job_may_end_in_a_timer),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
