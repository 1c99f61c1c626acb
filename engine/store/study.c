/* A study's transaction: putting, finding, counting, reading in order.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <time.h>

#include "base/mem.h"
#include "store/inside.h"

enum { GROUP = 64 }; /* results to a commit */

const char *study_path(const Study *s) { return s->path; }
bool study_dirty(const Study *s) { return s->open; }

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool begin(Study *s, Err *err) {
  if (!s->lock) return err_set(err, ERR_USAGE, "%s: opened for reading", s->path);
  if (s->open) return true;
  if (rows_step(s, s->st[BEGIN], err) < 0) return false;
  s->open = true;
  s->since = now();
  return true;
}

bool study_put_meta(Study *s, Text key, Text value, Err *err) {
  sqlite3_stmt *st = s->st[PUT_META];
  rows_bind(st, 1, key);
  rows_bind(st, 2, value);
  sqlite3_bind_int64(st, 3, (int64_t)rows_meta_sum(key, value));
  return rows_step(s, st, err) == 0;
}

/* The transaction is lost: everything since the last commit. */
static void give_up(Study *s) {
  if (!sqlite3_get_autocommit(s->db)) sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
  s->open = false;
  s->pending = 0;
  s->digest = s->safe;
}

bool study_commit(Study *s, bool wait, Err *err) {
  if (!s->open) return true;
  char hex[17];
  double start = now();
  Err why = {0};
  snprintf(hex, sizeof hex, "%016llx", (unsigned long long)s->digest);
  sqlite3_busy_timeout(s->db, wait ? STUDY_PATIENCE : 0);
  bool ok = study_put_meta(s, text_of("digest"), text_of(hex), &why) && rows_step(s, s->st[COMMIT], &why) == 0;
  sqlite3_busy_timeout(s->db, STUDY_PATIENCE);
  double end = now();
  s->rest = end + 7 * (end - start);
  if (ok) {
    s->open = false;
    s->pending = 0;
    s->safe = s->digest;
    return true;
  }
  if (why.code == ERR_LOCKED && !sqlite3_get_autocommit(s->db)) { /* a reader is in the way: later */
    s->since = end;
    if (!wait) return true;
    return err_set(err, ERR_LOCKED, "%s: a reader keeps it locked", s->path);
  }
  int lost = s->pending;
  give_up(s);
  if (err) {
    *err = why;
    size_t n = strlen(err->text);
    snprintf(err->text + n, sizeof err->text - n, " (%d results since the last commit not stored)", lost);
  }
  return false;
}

static bool commit_due(Study *s, Err *err) {
  if (!s->open) return true;
  double t = now();
  if (t - s->since < 1 && (s->pending < GROUP || t < s->rest)) return true;
  return study_commit(s, false, err);
}

bool study_tick(Study *s, Err *err) { return commit_due(s, err); }
bool study_flush(Study *s, Err *err) { return study_commit(s, true, err); }

/* The checksum of the row that st looks up, 0: no such row. */
static bool old_sum(Study *s, sqlite3_stmt *st, uint64_t *sum, Err *err) {
  int got = rows_step(s, st, err);
  *sum = got > 0 ? (uint64_t)sqlite3_column_int64(st, 0) : 0;
  sqlite3_reset(st);
  return got >= 0;
}

static void bind_key(sqlite3_stmt *st, Text row, Text side, int64_t tick, int64_t sample) {
  rows_bind(st, 1, row);
  rows_bind(st, 2, side);
  sqlite3_bind_int64(st, 3, tick);
  sqlite3_bind_int64(st, 4, sample);
}

/* After a statement that put a row, ok or not. */
static bool settle(Study *s, bool ok, uint64_t old, uint64_t sum, Err *err) {
  if (!ok) {
    if (sqlite3_get_autocommit(s->db)) give_up(s); /* SQLite rolled back: disk full and the like */
    return false;
  }
  s->digest ^= old ^ sum;
  s->pending++;
  return commit_due(s, err);
}

bool study_put(Study *s, const StudyResult *r, Err *err) {
  uint64_t old, sum = rows_result_sum(r);
  if (!begin(s, err)) return false;
  bind_key(s->st[SUM_OF], r->row, r->side, r->tick, r->sample);
  if (!old_sum(s, s->st[SUM_OF], &old, err)) return false;
  sqlite3_stmt *st = s->st[PUT];
  bind_key(st, r->row, r->side, r->tick, r->sample);
  if (r->has_error) sqlite3_bind_double(st, 5, r->error);
  else sqlite3_bind_null(st, 5);
  rows_bind(st, 6, r->label);
  rows_bind(st, 7, r->params);
  rows_bind(st, 8, r->hash);
  rows_bind(st, 9, r->failure);
  sqlite3_bind_int64(st, 10, (int64_t)sum);
  return settle(s, rows_step(s, st, err) == 0, old, sum, err);
}

bool study_put_sample(Study *s, const StudySample *r, Err *err) {
  uint64_t old, sum = rows_sample_sum(r);
  if (!begin(s, err)) return false;
  sqlite3_bind_int64(s->st[SAMPLE_SUM_OF], 1, r->n);
  if (!old_sum(s, s->st[SAMPLE_SUM_OF], &old, err)) return false;
  sqlite3_stmt *st = s->st[PUT_SAMPLE];
  sqlite3_bind_int64(st, 1, r->n);
  rows_bind(st, 2, r->id);
  rows_bind(st, 3, r->path);
  rows_bind(st, 4, r->label);
  rows_bind(st, 5, r->failure);
  sqlite3_bind_int64(st, 6, (int64_t)sum);
  return settle(s, rows_step(s, st, err) == 0, old, sum, err);
}

bool study_set_meta(Study *s, Text key, Text value, Err *err) {
  return begin(s, err) && settle(s, study_put_meta(s, key, value, err), 0, 0, err);
}

int study_get(Study *s, Text row, Text side, int64_t tick, int64_t sample, StudyResult *r, Err *err) {
  sqlite3_stmt *st = s->st[GET];
  bind_key(st, row, side, tick, sample);
  int got = rows_step(s, st, err);
  return got > 0 && !rows_read_result(s, st, r, err) ? -1 : got;
}

void study_release(Study *s) {
  sqlite3_reset(s->st[GET]);
  sqlite3_reset(s->st[GET_META]);
}

int study_meta(Study *s, Text key, Text *value, Err *err) {
  sqlite3_stmt *st = s->st[GET_META];
  rows_bind(st, 1, key);
  int got = rows_step(s, st, err);
  if (got <= 0) return got;
  *value = rows_text(st, 0);
  if (value->s && rows_meta_sum(key, *value) == (uint64_t)sqlite3_column_int64(st, 1)) return 1;
  err_set(err, ERR_DAMAGED, "%s: damaged: meta %.60s does not match its checksum", s->path, key.s);
  return -1;
}

static int64_t counted(Study *s, sqlite3_stmt *st, Err *err) {
  int64_t n = rows_step(s, st, err) > 0 ? sqlite3_column_int64(st, 0) : -1;
  sqlite3_reset(st);
  return n;
}

int64_t study_count(Study *s, Text row, Text side, bool has_tick, int64_t tick, Err *err) {
  sqlite3_stmt *st = s->st[COUNT];
  rows_bind(st, 1, row);
  rows_bind(st, 2, side);
  if (has_tick) sqlite3_bind_int64(st, 3, tick);
  else sqlite3_bind_null(st, 3);
  return counted(s, st, err);
}

int64_t study_count_samples(Study *s, Err *err) { return counted(s, s->st[COUNT_SAMPLES], err); }

StudyCursor *study_cursor(Study *s, const char *sql, Err *err) {
  StudyCursor *c = mem_calloc(1, sizeof *c);
  if (!c) return err_memory(err), NULL;
  if (!(c->st = rows_prepare(s, sql, 0, err))) return mem_free(c), NULL;
  c->study = s;
  c->next = s->cursors;
  s->cursors = c;
  return c;
}

StudyCursor *study_results(Study *s, Text row, Text side, Err *err) {
  StudyCursor *c = study_cursor(s, RESULT "WHERE row = ? AND side = ? ORDER BY tick, sample", err);
  if (!c) return NULL;
  if (row.s) sqlite3_bind_text64(c->st, 1, row.s, row.n, SQLITE_TRANSIENT, SQLITE_UTF8);
  if (side.s) sqlite3_bind_text64(c->st, 2, side.s, side.n, SQLITE_TRANSIENT, SQLITE_UTF8);
  return c;
}

StudyCursor *study_samples(Study *s, Err *err) { return study_cursor(s, SAMPLE "ORDER BY n", err); }
StudyCursor *study_rows(Study *s, Err *err) { return study_cursor(s, "SELECT DISTINCT row, side FROM result ORDER BY row, side", err); }

int study_cursor_step(StudyCursor *c, Err *err) {
  if (!c->study) return err_set(err, ERR_USAGE, "the study was closed while its results were read"), -1;
  return rows_step(c->study, c->st, err);
}

int study_next(StudyCursor *c, StudyResult *r, Err *err) {
  int got = study_cursor_step(c, err);
  if (got <= 0) return got;
  if (!rows_read_result(c->study, c->st, r, err)) return -1;
  if (c->any && (r->tick < c->tick || (r->tick == c->tick && r->sample <= c->sample))) return rows_damaged(c->study, "results out of order", err), -1;
  c->any = true;
  c->tick = r->tick;
  c->sample = r->sample;
  return 1;
}

int study_next_sample(StudyCursor *c, StudySample *r, Err *err) {
  int got = study_cursor_step(c, err);
  return got > 0 && !rows_read_sample(c->study, c->st, r, err) ? -1 : got;
}

int study_next_row(StudyCursor *c, StudyResult *r, Err *err) {
  int got = study_cursor_step(c, err);
  if (got > 0) *r = (StudyResult){.row = rows_text(c->st, 0), .side = rows_text(c->st, 1)};
  return got;
}

void study_cursor_free(StudyCursor *c) {
  if (!c) return;
  if (c->study) {
    StudyCursor **at = &c->study->cursors;
    while (*at != c) at = &(*at)->next;
    *at = c->next;
    sqlite3_finalize(c->st);
  }
  mem_free(c);
}
