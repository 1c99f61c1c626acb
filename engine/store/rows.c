/* SPDX-License-Identifier: MIT */
#include "store/inside.h"

#include "base/hash.h"

bool rows_fail(Study *s, int rc, Err *err) {
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

bool rows_damaged(Study *s, const char *what, Err *err) { return err_set(err, ERR_DAMAGED, "%s: damaged: %s", s->path, what); }

bool rows_run(Study *s, const char *sql, Err *err) {
  int rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
  return rc == SQLITE_OK || rows_fail(s, rc, err);
}

int rows_step(Study *s, sqlite3_stmt *st, Err *err) {
  int rc = sqlite3_step(st);
  if (rc == SQLITE_ROW) return 1;
  if (rc == SQLITE_DONE) return sqlite3_reset(st), 0;
  rows_fail(s, rc, err);
  sqlite3_reset(st);
  return -1;
}

sqlite3_stmt *rows_prepare(Study *s, const char *sql, unsigned flags, Err *err) {
  sqlite3_stmt *st = NULL;
  int rc = sqlite3_prepare_v3(s->db, sql, -1, flags, &st, NULL);
  if (rc != SQLITE_OK) rows_fail(s, rc, err);
  return st;
}

void rows_bind(sqlite3_stmt *st, int k, Text t) {
  if (t.s) sqlite3_bind_text64(st, k, t.s, t.n, SQLITE_STATIC, SQLITE_UTF8);
  else sqlite3_bind_null(st, k);
}

Text rows_text(sqlite3_stmt *st, int k) {
  if (sqlite3_column_type(st, k) != SQLITE_TEXT) return (Text){NULL, 0};
  Text t = {(const char *)sqlite3_column_text(st, k), 0};
  if (t.s) t.n = (size_t)sqlite3_column_bytes(st, k);
  return t;
}

/* Checksums: a chain over the fields; absent is not empty. */
static Hash chain(Hash h, Text t) { return hash_mix(h, t.s ? hash_bytes(t.s, t.n) : (Hash){0, 0}); }

uint64_t rows_result_sum(const StudyResult *r) {
  struct { int64_t tick, sample; double error; int64_t has; } f = {r->tick, r->sample, r->has_error ? r->error : 0, r->has_error};
  Hash h = hash_bytes(&f, sizeof f);
  h = chain(chain(chain(h, r->row), r->side), r->label);
  return chain(chain(chain(h, r->params), r->hash), r->failure).lo;
}

uint64_t rows_sample_sum(const StudySample *r) {
  Hash h = hash_bytes(&r->n, sizeof r->n);
  return chain(chain(chain(chain(h, r->id), r->path), r->label), r->failure).lo;
}

uint64_t rows_meta_sum(Text key, Text value) { return chain(chain((Hash){1, 1}, key), value).lo; }

bool rows_read_result(Study *s, sqlite3_stmt *st, StudyResult *r, Err *err) {
  *r = (StudyResult){.row = rows_text(st, 0), .side = rows_text(st, 1), .tick = sqlite3_column_int64(st, 2), .sample = sqlite3_column_int64(st, 3),
                     .error = sqlite3_column_double(st, 4), .has_error = sqlite3_column_type(st, 4) != SQLITE_NULL, .label = rows_text(st, 5),
                     .params = rows_text(st, 6), .hash = rows_text(st, 7), .failure = rows_text(st, 8)};
  if (!r->has_error) r->error = 0;
  if (!r->row.s || !r->side.s || sqlite3_column_type(st, 2) != SQLITE_INTEGER || sqlite3_column_type(st, 3) != SQLITE_INTEGER)
    return rows_damaged(s, "a result without its key", err);
  if (rows_result_sum(r) == (uint64_t)sqlite3_column_int64(st, 9)) return true;
  return err_set(err, ERR_DAMAGED, "%s: damaged: result %.60s%.2s at %lld, sample %lld, does not match its checksum", s->path, r->row.s, r->side.s,
                 (long long)r->tick, (long long)r->sample);
}

bool rows_read_sample(Study *s, sqlite3_stmt *st, StudySample *r, Err *err) {
  *r = (StudySample){sqlite3_column_int64(st, 0), rows_text(st, 1), rows_text(st, 2), rows_text(st, 3), rows_text(st, 4)};
  if (r->id.s && r->path.s && rows_sample_sum(r) == (uint64_t)sqlite3_column_int64(st, 5)) return true;
  return err_set(err, ERR_DAMAGED, "%s: damaged: sample %lld does not match its checksum", s->path, (long long)r->n);
}
