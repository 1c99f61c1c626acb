/* SPDX-License-Identifier: MIT */
#include "store/study.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "store/identity.h"
#include "store/lock.h"

enum { APPLICATION = 0x62726e6b /* "brnk" */, FORMAT = 1, GROUP = 64, PATIENCE = 60000 /* ms to wait for readers */ };

enum { PUT, SUM_OF, GET, PUT_SAMPLE, SAMPLE_SUM_OF, GET_META, PUT_META, COUNT, COUNT_SAMPLES, BEGIN, COMMIT, STATEMENTS };

static const char *const schema[] = {
    "CREATE TABLE meta(key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL, sum INTEGER NOT NULL) WITHOUT ROWID",
    ("CREATE TABLE result(row TEXT NOT NULL, side TEXT NOT NULL, tick INTEGER NOT NULL, sample INTEGER NOT NULL, error REAL, "
    "label TEXT, params TEXT, hash TEXT, failure TEXT, sum INTEGER NOT NULL, PRIMARY KEY(row, side, tick, sample)) WITHOUT ROWID"),
    "CREATE TABLE sample(n INTEGER PRIMARY KEY, id TEXT NOT NULL, path TEXT NOT NULL, label TEXT, failure TEXT, sum INTEGER NOT NULL)",
};

#define RESULT "SELECT row, side, tick, sample, error, label, params, hash, failure, sum FROM result "
#define SAMPLE "SELECT n, id, path, label, failure, sum FROM sample "

static const char *const texts[STATEMENTS] = {
    [PUT] = "INSERT OR REPLACE INTO result(row, side, tick, sample, error, label, params, hash, failure, sum) VALUES(?,?,?,?,?,?,?,?,?,?)",
    [SUM_OF] = "SELECT sum FROM result WHERE row = ? AND side = ? AND tick = ? AND sample = ?",
    [GET] = RESULT "WHERE row = ? AND side = ? AND tick = ? AND sample = ?",
    [PUT_SAMPLE] = "INSERT OR REPLACE INTO sample(n, id, path, label, failure, sum) VALUES(?,?,?,?,?,?)",
    [SAMPLE_SUM_OF] = "SELECT sum FROM sample WHERE n = ?",
    [GET_META] = "SELECT value, sum FROM meta WHERE key = ?",
    [PUT_META] = "INSERT OR REPLACE INTO meta(key, value, sum) VALUES(?,?,?)",
    [COUNT] = "SELECT count(*) FROM result WHERE (?1 IS NULL OR row = ?1) AND (?2 IS NULL OR side = ?2) AND (?3 IS NULL OR tick = ?3)",
    [COUNT_SAMPLES] = "SELECT count(*) FROM sample",
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
};

struct Study {
  sqlite3 *db;
  Lock *lock; /* NULL: reading */
  char *path;
  sqlite3_stmt *st[STATEMENTS];
  StudyCursor *cursors;
  uint64_t digest;  /* exclusive or of the checksums of all results and samples */
  uint64_t safe;    /* the digest as committed */
  int pending;      /* rows in the open transaction */
  bool open;        /* a transaction is open */
  double since;     /* when it was opened, monotonic s */
  double rest;      /* no commit before, unless a second passed */
};

struct StudyCursor {
  Study *study; /* NULL: closed under us */
  sqlite3_stmt *st;
  StudyCursor *next;
  int64_t tick, sample;
  bool any;
};

const char *study_path(const Study *s) { return s->path; }
bool study_dirty(const Study *s) { return s->open; }

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool fail(Study *s, int rc, Err *err) {
  ErrCode code = ERR_INTERNAL;
  switch (rc & 0xff) {
    case SQLITE_BUSY: case SQLITE_LOCKED: code = ERR_LOCKED; break;
    case SQLITE_FULL: case SQLITE_IOERR: case SQLITE_CANTOPEN: case SQLITE_READONLY: case SQLITE_PERM: case SQLITE_ABORT:
      code = ERR_IO;
      break;
    case SQLITE_CORRUPT: case SQLITE_ERROR: code = ERR_DAMAGED; break; /* our own statements are right: the file is not */
    case SQLITE_NOTADB: return err_set(err, ERR_REFUSED, "%s: not a study: not an SQLite database", s->path);
    case SQLITE_NOMEM: return err_memory(err);
  }
  return err_set(err, code, "%s: %s", s->path, s->db ? sqlite3_errmsg(s->db) : sqlite3_errstr(rc));
}

static bool damaged(Study *s, const char *what, Err *err) { return err_set(err, ERR_DAMAGED, "%s: damaged: %s", s->path, what); }

/* Run text that gives no rows. */
static bool run(Study *s, const char *sql, Err *err) {
  int rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
  return rc == SQLITE_OK || fail(s, rc, err);
}

/* One step of a prepared statement: 1 row, 0 done, -1 error (the statement is reset). */
static int step(Study *s, sqlite3_stmt *st, Err *err) {
  int rc = sqlite3_step(st);
  if (rc == SQLITE_ROW) return 1;
  if (rc == SQLITE_DONE) return sqlite3_reset(st), 0;
  fail(s, rc, err);
  sqlite3_reset(st);
  return -1;
}

static sqlite3_stmt *prepare(Study *s, const char *sql, unsigned flags, Err *err) {
  sqlite3_stmt *st = NULL;
  int rc = sqlite3_prepare_v3(s->db, sql, -1, flags, &st, NULL);
  if (rc != SQLITE_OK) fail(s, rc, err);
  return st;
}

/* Texts are bound without a copy: they outlive the step. */
static void bind_text(sqlite3_stmt *st, int k, Text t) {
  if (t.s) sqlite3_bind_text64(st, k, t.s, t.n, SQLITE_STATIC, SQLITE_UTF8);
  else sqlite3_bind_null(st, k);
}

/* Absent unless it is text: a damaged type must not pass as the same bytes. */
static Text column(sqlite3_stmt *st, int k) {
  if (sqlite3_column_type(st, k) != SQLITE_TEXT) return (Text){NULL, 0};
  Text t = {(const char *)sqlite3_column_text(st, k), 0};
  if (t.s) t.n = (size_t)sqlite3_column_bytes(st, k);
  return t;
}

static Text text_of(const char *s) { return (Text){s, s ? strlen(s) : 0}; }

/* Checksums: a chain over the fields; absent is not empty. */
static Hash chain(Hash h, Text t) { return hash_mix(h, t.s ? hash_bytes(t.s, t.n) : (Hash){0, 0}); }

static uint64_t result_sum(const StudyResult *r) {
  struct { int64_t tick, sample; double error; int64_t has; } f = {r->tick, r->sample, r->has_error ? r->error : 0, r->has_error};
  Hash h = hash_bytes(&f, sizeof f);
  h = chain(chain(chain(h, r->row), r->side), r->label);
  return chain(chain(chain(h, r->params), r->hash), r->failure).lo;
}

static uint64_t sample_sum(const StudySample *r) {
  Hash h = hash_bytes(&r->n, sizeof r->n);
  return chain(chain(chain(chain(h, r->id), r->path), r->label), r->failure).lo;
}

static uint64_t meta_sum(Text key, Text value) { return chain(chain((Hash){1, 1}, key), value).lo; }

static bool read_result(Study *s, sqlite3_stmt *st, StudyResult *r, Err *err) {
  *r = (StudyResult){.row = column(st, 0), .side = column(st, 1), .tick = sqlite3_column_int64(st, 2), .sample = sqlite3_column_int64(st, 3),
                     .error = sqlite3_column_double(st, 4), .has_error = sqlite3_column_type(st, 4) != SQLITE_NULL, .label = column(st, 5),
                     .params = column(st, 6), .hash = column(st, 7), .failure = column(st, 8)};
  if (!r->has_error) r->error = 0;
  if (!r->row.s || !r->side.s || sqlite3_column_type(st, 2) != SQLITE_INTEGER || sqlite3_column_type(st, 3) != SQLITE_INTEGER)
    return damaged(s, "a result without its key", err);
  if (result_sum(r) == (uint64_t)sqlite3_column_int64(st, 9)) return true;
  return err_set(err, ERR_DAMAGED, "%s: damaged: result %.60s%.2s at %lld, sample %lld, does not match its checksum", s->path, r->row.s, r->side.s,
                 (long long)r->tick, (long long)r->sample);
}

static bool read_sample(Study *s, sqlite3_stmt *st, StudySample *r, Err *err) {
  *r = (StudySample){sqlite3_column_int64(st, 0), column(st, 1), column(st, 2), column(st, 3), column(st, 4)};
  if (r->id.s && r->path.s && sample_sum(r) == (uint64_t)sqlite3_column_int64(st, 5)) return true;
  return err_set(err, ERR_DAMAGED, "%s: damaged: sample %lld does not match its checksum", s->path, (long long)r->n);
}

static bool begin(Study *s, Err *err) {
  if (!s->lock) return err_set(err, ERR_USAGE, "%s: opened for reading", s->path);
  if (s->open) return true;
  if (step(s, s->st[BEGIN], err) < 0) return false;
  s->open = true;
  s->since = now();
  return true;
}

static bool put_meta(Study *s, Text key, Text value, Err *err) {
  sqlite3_stmt *st = s->st[PUT_META];
  bind_text(st, 1, key);
  bind_text(st, 2, value);
  sqlite3_bind_int64(st, 3, (int64_t)meta_sum(key, value));
  return step(s, st, err) == 0;
}

/* The transaction is lost: everything since the last commit. */
static void give_up(Study *s) {
  if (!sqlite3_get_autocommit(s->db)) sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
  s->open = false;
  s->pending = 0;
  s->digest = s->safe;
}

static bool commit(Study *s, bool wait, Err *err) {
  if (!s->open) return true;
  char hex[17];
  double start = now();
  Err why = {0};
  snprintf(hex, sizeof hex, "%016llx", (unsigned long long)s->digest);
  sqlite3_busy_timeout(s->db, wait ? PATIENCE : 0);
  bool ok = put_meta(s, text_of("digest"), text_of(hex), &why) && step(s, s->st[COMMIT], &why) == 0;
  sqlite3_busy_timeout(s->db, PATIENCE);
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
  return commit(s, false, err);
}

bool study_tick(Study *s, Err *err) { return commit_due(s, err); }
bool study_flush(Study *s, Err *err) { return commit(s, true, err); }

/* The checksum of the row that st looks up, 0: no such row. */
static bool old_sum(Study *s, sqlite3_stmt *st, uint64_t *sum, Err *err) {
  int got = step(s, st, err);
  *sum = got > 0 ? (uint64_t)sqlite3_column_int64(st, 0) : 0;
  sqlite3_reset(st);
  return got >= 0;
}

static void bind_key(sqlite3_stmt *st, Text row, Text side, int64_t tick, int64_t sample) {
  bind_text(st, 1, row);
  bind_text(st, 2, side);
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
  uint64_t old, sum = result_sum(r);
  if (!begin(s, err)) return false;
  bind_key(s->st[SUM_OF], r->row, r->side, r->tick, r->sample);
  if (!old_sum(s, s->st[SUM_OF], &old, err)) return false;
  sqlite3_stmt *st = s->st[PUT];
  bind_key(st, r->row, r->side, r->tick, r->sample);
  if (r->has_error) sqlite3_bind_double(st, 5, r->error);
  else sqlite3_bind_null(st, 5);
  bind_text(st, 6, r->label);
  bind_text(st, 7, r->params);
  bind_text(st, 8, r->hash);
  bind_text(st, 9, r->failure);
  sqlite3_bind_int64(st, 10, (int64_t)sum);
  return settle(s, step(s, st, err) == 0, old, sum, err);
}

bool study_put_sample(Study *s, const StudySample *r, Err *err) {
  uint64_t old, sum = sample_sum(r);
  if (!begin(s, err)) return false;
  sqlite3_bind_int64(s->st[SAMPLE_SUM_OF], 1, r->n);
  if (!old_sum(s, s->st[SAMPLE_SUM_OF], &old, err)) return false;
  sqlite3_stmt *st = s->st[PUT_SAMPLE];
  sqlite3_bind_int64(st, 1, r->n);
  bind_text(st, 2, r->id);
  bind_text(st, 3, r->path);
  bind_text(st, 4, r->label);
  bind_text(st, 5, r->failure);
  sqlite3_bind_int64(st, 6, (int64_t)sum);
  return settle(s, step(s, st, err) == 0, old, sum, err);
}

bool study_set_meta(Study *s, Text key, Text value, Err *err) {
  return begin(s, err) && settle(s, put_meta(s, key, value, err), 0, 0, err);
}

int study_get(Study *s, Text row, Text side, int64_t tick, int64_t sample, StudyResult *r, Err *err) {
  sqlite3_stmt *st = s->st[GET];
  bind_key(st, row, side, tick, sample);
  int got = step(s, st, err);
  return got > 0 && !read_result(s, st, r, err) ? -1 : got;
}

void study_release(Study *s) {
  sqlite3_reset(s->st[GET]);
  sqlite3_reset(s->st[GET_META]);
}

int study_meta(Study *s, Text key, Text *value, Err *err) {
  sqlite3_stmt *st = s->st[GET_META];
  bind_text(st, 1, key);
  int got = step(s, st, err);
  if (got <= 0) return got;
  *value = column(st, 0);
  if (value->s && meta_sum(key, *value) == (uint64_t)sqlite3_column_int64(st, 1)) return 1;
  err_set(err, ERR_DAMAGED, "%s: damaged: meta %.60s does not match its checksum", s->path, key.s);
  return -1;
}

static int64_t counted(Study *s, sqlite3_stmt *st, Err *err) {
  int64_t n = step(s, st, err) > 0 ? sqlite3_column_int64(st, 0) : -1;
  sqlite3_reset(st);
  return n;
}

int64_t study_count(Study *s, Text row, Text side, bool has_tick, int64_t tick, Err *err) {
  sqlite3_stmt *st = s->st[COUNT];
  bind_text(st, 1, row);
  bind_text(st, 2, side);
  if (has_tick) sqlite3_bind_int64(st, 3, tick);
  else sqlite3_bind_null(st, 3);
  return counted(s, st, err);
}

int64_t study_count_samples(Study *s, Err *err) { return counted(s, s->st[COUNT_SAMPLES], err); }

static StudyCursor *cursor_new(Study *s, const char *sql, Err *err) {
  StudyCursor *c = mem_calloc(1, sizeof *c);
  if (!c) return err_memory(err), NULL;
  if (!(c->st = prepare(s, sql, 0, err))) return mem_free(c), NULL;
  c->study = s;
  c->next = s->cursors;
  s->cursors = c;
  return c;
}

StudyCursor *study_results(Study *s, Text row, Text side, Err *err) {
  StudyCursor *c = cursor_new(s, RESULT "WHERE row = ? AND side = ? ORDER BY tick, sample", err);
  if (!c) return NULL;
  if (row.s) sqlite3_bind_text64(c->st, 1, row.s, row.n, SQLITE_TRANSIENT, SQLITE_UTF8);
  if (side.s) sqlite3_bind_text64(c->st, 2, side.s, side.n, SQLITE_TRANSIENT, SQLITE_UTF8);
  return c;
}

StudyCursor *study_samples(Study *s, Err *err) { return cursor_new(s, SAMPLE "ORDER BY n", err); }
StudyCursor *study_rows(Study *s, Err *err) { return cursor_new(s, "SELECT DISTINCT row, side FROM result ORDER BY row, side", err); }

static int cursor_step(StudyCursor *c, Err *err) {
  if (!c->study) return err_set(err, ERR_USAGE, "the study was closed while its results were read"), -1;
  return step(c->study, c->st, err);
}

int study_next(StudyCursor *c, StudyResult *r, Err *err) {
  int got = cursor_step(c, err);
  if (got <= 0) return got;
  if (!read_result(c->study, c->st, r, err)) return -1;
  if (c->any && (r->tick < c->tick || (r->tick == c->tick && r->sample <= c->sample))) return damaged(c->study, "results out of order", err), -1;
  c->any = true;
  c->tick = r->tick;
  c->sample = r->sample;
  return 1;
}

int study_next_sample(StudyCursor *c, StudySample *r, Err *err) {
  int got = cursor_step(c, err);
  return got > 0 && !read_sample(c->study, c->st, r, err) ? -1 : got;
}

int study_next_row(StudyCursor *c, StudyResult *r, Err *err) {
  int got = cursor_step(c, err);
  if (got > 0) *r = (StudyResult){.row = column(c->st, 0), .side = column(c->st, 1)};
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

/* ---- opening */

static bool pragma_int(Study *s, const char *sql, int64_t *value, Err *err) {
  sqlite3_stmt *st = prepare(s, sql, 0, err);
  if (!st) return false;
  int got = step(s, st, err);
  *value = got > 0 ? sqlite3_column_int64(st, 0) : 0;
  sqlite3_finalize(st);
  return got >= 0;
}

static bool quick_check(Study *s, Err *err) {
  sqlite3_stmt *st = prepare(s, "PRAGMA quick_check(1)", 0, err);
  if (!st) return false;
  int got = step(s, st, err);
  bool ok = got > 0;
  if (ok) {
    const char *said = (const char *)sqlite3_column_text(st, 0);
    ok = said && !strcmp(said, "ok");
    if (!ok) err_set(err, ERR_DAMAGED, "%s: damaged: %.300s", s->path, said ? said : "no answer to its check");
  } else if (got == 0) {
    damaged(s, "no answer to its check", err);
  }
  sqlite3_finalize(st);
  return ok;
}

static bool schema_matches(Study *s, Err *err) {
  sqlite3_stmt *st = prepare(s, "SELECT sql FROM sqlite_schema WHERE name IN ('meta', 'result', 'sample') OR type <> 'table' ORDER BY name", 0, err);
  if (!st) return false;
  size_t k = 0, n = sizeof schema / sizeof *schema;
  int got;
  bool same = true;
  while ((got = step(s, st, err)) > 0) {
    const char *sql = (const char *)sqlite3_column_text(st, 0);
    same = same && k < n && sql && !strcmp(sql, schema[k]);
    k++;
  }
  sqlite3_finalize(st);
  if (got < 0) return false;
  return (same && k == n) || damaged(s, "its tables are not those of a study", err);
}

/* Read every row: each must match its checksum, all together the recorded digest. */
static bool verify(Study *s, Err *err) {
  StudyResult r;
  StudySample m;
  int got = -1;
  uint64_t digest = 0;
  StudyCursor *c = cursor_new(s, RESULT, err);
  while (c && (got = cursor_step(c, err)) > 0 && read_result(s, c->st, &r, err)) digest ^= result_sum(&r);
  study_cursor_free(c);
  if (!c || got != 0) return false;
  c = study_samples(s, err);
  while (c && (got = study_next_sample(c, &m, err)) > 0) digest ^= sample_sum(&m);
  study_cursor_free(c);
  if (!c || got != 0) return false;
  Text said;
  char hex[17];
  snprintf(hex, sizeof hex, "%016llx", (unsigned long long)digest);
  got = study_meta(s, text_of("digest"), &said, err);
  bool same = got > 0 && !strcmp(said.s, hex);
  study_release(s);
  s->digest = s->safe = digest;
  return got >= 0 && (same || damaged(s, "results are missing or were added", err));
}

static bool prepare_all(Study *s, Err *err) {
  for (int k = 0; k < STATEMENTS; k++)
    if (!(s->st[k] = prepare(s, texts[k], SQLITE_PREPARE_PERSISTENT, err))) return false;
  return true;
}

static bool create(Study *s, const StudyPair *identity, size_t n, Err *err) {
  char text[96];
  if (!run(s, "BEGIN EXCLUSIVE", err)) return false;
  for (size_t k = 0; k < sizeof schema / sizeof *schema; k++)
    if (!run(s, schema[k], err)) return false;
  snprintf(text, sizeof text, "PRAGMA application_id = %d; PRAGMA user_version = %d", APPLICATION, FORMAT);
  if (!run(s, text, err) || !prepare_all(s, err)) return false;
  for (size_t k = 0; k < n; k++) {
    char key[128];
    snprintf(key, sizeof key, IDENTITY "%s", identity[k].name);
    if (!put_meta(s, text_of(key), text_of(identity[k].value), err)) return false;
  }
  s->open = true;
  return commit(s, true, err);
}

static bool check_identity(Study *s, const StudyPair *identity, size_t n, Err *err) {
  Identity diff;
  identity_begin(&diff, s->path, identity, n);
  StudyCursor *c = cursor_new(s, "SELECT key, value FROM meta WHERE key >= '" IDENTITY "' AND key < 'identity/' ORDER BY key", err);
  if (!c) return false;
  int got;
  while ((got = cursor_step(c, err)) > 0) {
    Text key = column(c->st, 0), value = column(c->st, 1);
    if (!key.s || !value.s) continue;
    identity_stored(&diff, key.s + strlen(IDENTITY), value.s);
  }
  study_cursor_free(c);
  return got == 0 && identity_end(&diff, err);
}

/* Is it ours? *empty: nothing in it yet. */
static bool recognise(Study *s, bool *empty, Err *err) {
  int64_t application, format, tables;
  if (!pragma_int(s, "PRAGMA application_id", &application, err) || !pragma_int(s, "PRAGMA user_version", &format, err) ||
      !pragma_int(s, "SELECT count(*) FROM sqlite_schema", &tables, err))
    return false;
  *empty = application == 0 && format == 0 && tables == 0;
  if (*empty) return true;
  if (application != APPLICATION) return err_set(err, ERR_REFUSED, "%s: not a study: an SQLite database of another program", s->path);
  if (format > FORMAT)
    return err_set(err, ERR_REFUSED, "%s: written by a newer brink: format %lld, this one knows up to %d", s->path, (long long)format, FORMAT);
  if (format < 1) return err_set(err, ERR_REFUSED, "%s: not a study: format %lld, expected 1..%d", s->path, (long long)format, FORMAT);
  return true;
}

static bool settings(Study *s, Err *err) {
  sqlite3_extended_result_codes(s->db, 1);
  sqlite3_busy_timeout(s->db, s->lock ? PATIENCE : 10000);
  sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
  sqlite3_db_config(s->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
  if (!run(s, "PRAGMA mmap_size = 0; PRAGMA cell_size_check = ON; PRAGMA cache_spill = OFF; PRAGMA temp_store = MEMORY", err)) return false;
  return s->lock ? run(s, "PRAGMA journal_mode = PERSIST; PRAGMA synchronous = EXTRA", err) : run(s, "PRAGMA query_only = ON", err);
}

/* The name for SQLite: never ":memory:" or an URI. */
static char *plain_name(const char *path) {
  if (*path == '/') return mem_strdup(path);
  size_t n = strlen(path);
  char *p = mem_alloc(n + 3, 1);
  if (p) memcpy(p, "./", 2), memcpy(p + 2, path, n + 1);
  return p;
}

static Study *connect(const char *path, bool writing, Err *err) {
  FileInfo info;
  if (!file_info(path, &info, err)) return NULL;
  if (info.type == FILE_DIR || info.type == FILE_OTHER)
    return err_set(err, ERR_REFUSED, "%s: not a study: %s", path, info.type == FILE_DIR ? "a folder" : "not a regular file"), NULL;
  if (!writing && info.type == FILE_MISSING) return err_set(err, ERR_IO, "%s: no such file", path), NULL;
  Study *s = mem_calloc(1, sizeof *s);
  char *name = plain_name(path);
  if (!s || !name || !(s->path = mem_strdup(path))) {
    err_memory(err);
    goto fail;
  }
  if (writing && !(s->lock = lock_take(path, err))) goto fail;
  int rc = sqlite3_open_v2(name, &s->db, SQLITE_OPEN_READWRITE | (writing ? SQLITE_OPEN_CREATE : 0), NULL);
  if (rc != SQLITE_OK) {
    fail(s, rc, err);
    goto fail;
  }
  if (!settings(s, err)) goto fail;
  mem_free(name);
  return s;
fail:
  mem_free(name);
  study_close(s, NULL);
  return NULL;
}

static bool load(Study *s, Err *err) {
  return run(s, "BEGIN", err) && schema_matches(s, err) && quick_check(s, err) && prepare_all(s, err) && verify(s, err) && run(s, "COMMIT", err);
}

Study *study_open(const char *path, const StudyPair *identity, size_t n, Err *err) {
  Study *s = connect(path, true, err);
  bool empty;
  if (s && recognise(s, &empty, err) && (empty ? create(s, identity, n, err) : load(s, err) && check_identity(s, identity, n, err))) return s;
  study_close(s, NULL);
  return NULL;
}

Study *study_read(const char *path, Err *err) {
  Study *s = connect(path, false, err);
  bool empty;
  if (s && recognise(s, &empty, err)) {
    if (empty) err_set(err, ERR_REFUSED, "%s: not a study: empty", path);
    else if (load(s, err)) return s;
  }
  study_close(s, NULL);
  return NULL;
}

bool study_close(Study *s, Err *err) {
  if (!s) return true;
  bool ok = !s->db || commit(s, true, err);
  for (StudyCursor *c = s->cursors; c; c = c->next) {
    sqlite3_finalize(c->st);
    c->study = NULL;
  }
  for (int k = 0; k < STATEMENTS; k++) sqlite3_finalize(s->st[k]);
  if (s->db && !sqlite3_get_autocommit(s->db)) sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
  if (s->db && s->lock) sqlite3_exec(s->db, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL); /* tidies the journal away */
  sqlite3_close(s->db);
  lock_release(s->lock);
  mem_free(s->path);
  mem_free(s);
  return ok;
}
