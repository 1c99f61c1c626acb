/* Opening a study: is it one, is it whole, is it the one that is meant; and closing it.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/identity.h"
#include "store/inside.h"

enum { APPLICATION = 0x62726e6b /* "brnk" */, FORMAT = 1 };

static const char *const schema[] = {
    "CREATE TABLE meta(key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL, sum INTEGER NOT NULL) WITHOUT ROWID",
    ("CREATE TABLE result(row TEXT NOT NULL, side TEXT NOT NULL, tick INTEGER NOT NULL, sample INTEGER NOT NULL, error REAL, "
    "label TEXT, params TEXT, hash TEXT, failure TEXT, sum INTEGER NOT NULL, PRIMARY KEY(row, side, tick, sample)) WITHOUT ROWID"),
    "CREATE TABLE sample(n INTEGER PRIMARY KEY, id TEXT NOT NULL, path TEXT NOT NULL, label TEXT, failure TEXT, sum INTEGER NOT NULL)",
};

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

static bool pragma_int(Study *s, const char *sql, int64_t *value, Err *err) {
  sqlite3_stmt *st = rows_prepare(s, sql, 0, err);
  if (!st) return false;
  int got = rows_step(s, st, err);
  *value = got > 0 ? sqlite3_column_int64(st, 0) : 0;
  sqlite3_finalize(st);
  return got >= 0;
}

static bool quick_check(Study *s, Err *err) {
  sqlite3_stmt *st = rows_prepare(s, "PRAGMA quick_check(1)", 0, err);
  if (!st) return false;
  int got = rows_step(s, st, err);
  bool ok = got > 0;
  if (ok) {
    const char *said = (const char *)sqlite3_column_text(st, 0);
    ok = said && !strcmp(said, "ok");
    if (!ok) err_set(err, ERR_DAMAGED, "%s: damaged: %.300s", s->path, said ? said : "no answer to its check");
  } else if (got == 0) {
    rows_damaged(s, "no answer to its check", err);
  }
  sqlite3_finalize(st);
  return ok;
}

static bool schema_matches(Study *s, Err *err) {
  sqlite3_stmt *st = rows_prepare(s, "SELECT sql FROM sqlite_schema WHERE name IN ('meta', 'result', 'sample') OR type <> 'table' ORDER BY name", 0, err);
  if (!st) return false;
  size_t k = 0, n = sizeof schema / sizeof *schema;
  int got;
  bool same = true;
  while ((got = rows_step(s, st, err)) > 0) {
    const char *sql = (const char *)sqlite3_column_text(st, 0);
    same = same && k < n && sql && !strcmp(sql, schema[k]);
    k++;
  }
  sqlite3_finalize(st);
  if (got < 0) return false;
  return (same && k == n) || rows_damaged(s, "its tables are not those of a study", err);
}

/* Read every row: each must match its checksum, all together the recorded digest. */
static bool verify(Study *s, Err *err) {
  StudyResult r;
  StudySample m;
  int got = -1;
  uint64_t digest = 0;
  StudyCursor *c = study_cursor(s, RESULT, err);
  while (c && (got = study_cursor_step(c, err)) > 0 && rows_read_result(s, c->st, &r, err)) digest ^= rows_result_sum(&r);
  study_cursor_free(c);
  if (!c || got != 0) return false;
  c = study_samples(s, err);
  while (c && (got = study_next_sample(c, &m, err)) > 0) digest ^= rows_sample_sum(&m);
  study_cursor_free(c);
  if (!c || got != 0) return false;
  Text said;
  char hex[17];
  snprintf(hex, sizeof hex, "%016llx", (unsigned long long)digest);
  got = study_meta(s, text_of("digest"), &said, err);
  bool same = got > 0 && !strcmp(said.s, hex);
  study_release(s);
  s->digest = s->safe = digest;
  return got >= 0 && (same || rows_damaged(s, "results are missing or were added", err));
}

static bool prepare_all(Study *s, Err *err) {
  for (int k = 0; k < STATEMENTS; k++)
    if (!(s->st[k] = rows_prepare(s, texts[k], SQLITE_PREPARE_PERSISTENT, err))) return false;
  return true;
}

static bool create(Study *s, const StudyPair *identity, size_t n, Err *err) {
  char text[96];
  if (!rows_run(s, "BEGIN EXCLUSIVE", err)) return false;
  for (size_t k = 0; k < sizeof schema / sizeof *schema; k++)
    if (!rows_run(s, schema[k], err)) return false;
  snprintf(text, sizeof text, "PRAGMA application_id = %d; PRAGMA user_version = %d", APPLICATION, FORMAT);
  if (!rows_run(s, text, err) || !prepare_all(s, err)) return false;
  for (size_t k = 0; k < n; k++) {
    char key[128];
    snprintf(key, sizeof key, IDENTITY "%s", identity[k].name);
    if (!study_put_meta(s, text_of(key), text_of(identity[k].value), err)) return false;
  }
  s->open = true;
  return study_commit(s, true, err);
}

static bool check_identity(Study *s, const StudyPair *identity, size_t n, Err *err) {
  Identity diff;
  identity_begin(&diff, s->path, identity, n);
  StudyCursor *c = study_cursor(s, "SELECT key, value FROM meta WHERE key >= '" IDENTITY "' AND key < 'identity/' ORDER BY key", err);
  if (!c) return false;
  int got;
  while ((got = study_cursor_step(c, err)) > 0) {
    Text key = rows_text(c->st, 0), value = rows_text(c->st, 1);
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
  sqlite3_busy_timeout(s->db, s->lock ? STUDY_PATIENCE : 10000);
  sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
  sqlite3_db_config(s->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
  if (!rows_run(s, "PRAGMA mmap_size = 0; PRAGMA cell_size_check = ON; PRAGMA cache_spill = OFF; PRAGMA temp_store = MEMORY", err)) return false;
  return s->lock ? rows_run(s, "PRAGMA journal_mode = PERSIST; PRAGMA synchronous = EXTRA", err) : rows_run(s, "PRAGMA query_only = ON", err);
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
    rows_fail(s, rc, err);
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
  return rows_run(s, "BEGIN", err) && schema_matches(s, err) && quick_check(s, err) && prepare_all(s, err) && verify(s, err) && rows_run(s, "COMMIT", err);
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
  bool ok = !s->db || study_commit(s, true, err);
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
