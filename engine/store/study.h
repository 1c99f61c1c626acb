/* A study on disk: one SQLite file.
 *
 * Durability: rollback journal, synchronous=EXTRA. A committed result survives
 * kill -9 and power loss. Not WAL: its shared memory does not work between the
 * machines of a cluster, and a finished study must be one file that can be read
 * from a read-only folder. Commits are grouped: every 64 results or about a
 * second, and no more than an eighth of the time goes into them.
 * Truth: every row carries a checksum and the file the exclusive or of them
 * all; both are checked when it is opened, so a flipped bit is an error and
 * never another result.
 * One writer (store/lock.h); readers may look in at any time.
 * SPDX-License-Identifier: MIT */
#ifndef BRINK_STUDY_H
#define BRINK_STUDY_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

typedef struct Study Study;
typedef struct StudyCursor StudyCursor;

typedef struct Text { const char *s; size_t n; } Text; /* s NULL: absent */

typedef struct StudyPair { const char *name, *value; } StudyPair;

typedef struct StudyResult {
  Text row, side;
  int64_t tick;      /* intensity in millionths */
  int64_t sample;    /* sample.n */
  double error;      /* when has_error */
  bool has_error;
  Text label, params; /* JSON */
  Text hash;          /* of the pixels tested */
  Text failure;       /* why there is no error */
} StudyResult;

typedef struct StudySample {
  int64_t n;
  Text id, path;
  Text label;   /* JSON */
  Text failure; /* why it takes no part */
} StudySample;

/* Open for writing. At most 64 names of up to 100 bytes. A new file records the identity (names and values, any order); an existing one that records
 * another is refused with ERR_MISMATCH and a sentence that says what differs. */
Study *study_open(const char *path, const StudyPair *identity, size_t n, Err *err);
Study *study_read(const char *path, Err *err);
/* Commits and releases. s is gone even on failure, and with it every cursor. NULL-safe. */
bool study_close(Study *s, Err *err);

bool study_put(Study *s, const StudyResult *r, Err *err);        /* replaces the one of the same key; commits when due */
bool study_put_sample(Study *s, const StudySample *r, Err *err);
bool study_flush(Study *s, Err *err);                            /* what was put is on disk afterwards */
bool study_tick(Study *s, Err *err);                             /* commit when due: call about once a second */
bool study_dirty(const Study *s);                                /* something is not committed */

/* 1: *r filled, its texts valid until study_release. 0: none. -1: error. */
int study_get(Study *s, Text row, Text side, int64_t tick, int64_t sample, StudyResult *r, Err *err);
int study_meta(Study *s, Text key, Text *value, Err *err);
void study_release(Study *s); /* after study_get and study_meta: lets writers in */
bool study_set_meta(Study *s, Text key, Text value, Err *err);
/* Results of a row, side and tick; absent texts and has_tick=false mean any. -1: error. */
int64_t study_count(Study *s, Text row, Text side, bool has_tick, int64_t tick, Err *err);
int64_t study_count_samples(Study *s, Err *err);

/* In (tick, sample) order. The texts of a row are valid until the next step. */
StudyCursor *study_results(Study *s, Text row, Text side, Err *err);
StudyCursor *study_samples(Study *s, Err *err); /* in order of n */
StudyCursor *study_rows(Study *s, Err *err);    /* distinct (row, side) in bytewise order; fills row and side only */
int study_next(StudyCursor *c, StudyResult *r, Err *err);
int study_next_sample(StudyCursor *c, StudySample *r, Err *err);
int study_next_row(StudyCursor *c, StudyResult *r, Err *err);
void study_cursor_free(StudyCursor *c); /* NULL-safe; also after the study is closed */

const char *study_path(const Study *s);

#endif
