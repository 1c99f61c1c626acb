/* What the files of a study share: the open file (rows.c speaks to SQLite and
 * checks what it says), its transaction (study.c), opening and closing (open.c).
 * SPDX-License-Identifier: MIT */
#ifndef BRINK_STORE_INSIDE_H
#define BRINK_STORE_INSIDE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <string.h>

#include "store/lock.h"
#include "store/study.h"

enum { STUDY_PATIENCE = 60000 }; /* ms to wait for readers */

enum { PUT, SUM_OF, GET, PUT_SAMPLE, SAMPLE_SUM_OF, GET_META, PUT_META, COUNT, COUNT_SAMPLES, BEGIN, COMMIT, STATEMENTS };

#define RESULT "SELECT row, side, tick, sample, error, label, params, hash, failure, sum FROM result "
#define SAMPLE "SELECT n, id, path, label, failure, sum FROM sample "

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

static inline Text text_of(const char *s) { return (Text){s, s ? strlen(s) : 0}; }

bool rows_fail(Study *s, int rc, Err *err); /* err from SQLite's answer; returns false */
bool rows_damaged(Study *s, const char *what, Err *err);
bool rows_run(Study *s, const char *sql, Err *err); /* text that gives no rows */
sqlite3_stmt *rows_prepare(Study *s, const char *sql, unsigned flags, Err *err);
int rows_step(Study *s, sqlite3_stmt *st, Err *err);  /* 1 row, 0 done, -1 error; after both the statement is reset */
void rows_bind(sqlite3_stmt *st, int k, Text t);      /* without a copy: it outlives the step */
Text rows_text(sqlite3_stmt *st, int k);              /* absent unless it is text: a damaged type must not pass as the same bytes */

uint64_t rows_result_sum(const StudyResult *r);
uint64_t rows_sample_sum(const StudySample *r);
uint64_t rows_meta_sum(Text key, Text value);
bool rows_read_result(Study *s, sqlite3_stmt *st, StudyResult *r, Err *err); /* the row at hand of RESULT; checked */
bool rows_read_sample(Study *s, sqlite3_stmt *st, StudySample *r, Err *err);

bool study_put_meta(Study *s, Text key, Text value, Err *err); /* inside a transaction */
bool study_commit(Study *s, bool wait, Err *err);
StudyCursor *study_cursor(Study *s, const char *sql, Err *err);
int study_cursor_step(StudyCursor *c, Err *err);

#endif
