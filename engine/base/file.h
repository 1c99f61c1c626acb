/* The one file layer: whole reads with a limit, atomic writes, directories.
 * Only regular files are read (no FIFO hangs). Every call can be made to fail
 * by a test double. SPDX-License-Identifier: MIT */
#ifndef BRINK_FILE_H
#define BRINK_FILE_H

#include "base/buf.h"
#include "base/err.h"

typedef enum FileType { FILE_REGULAR, FILE_DIR, FILE_OTHER, FILE_MISSING } FileType;

typedef struct FileInfo {
  FileType type; /* of what the name leads to (links followed) */
  uint64_t size; /* bytes */
  uint64_t dev, ino;
} FileInfo;

/* Missing is not an error: info->type says so. */
bool file_info(const char *path, FileInfo *info, Err *err);

/* Append the whole file to *out. Larger than limit bytes: ERR_LIMIT. Not regular: ERR_IO. */
bool file_read(const char *path, uint64_t limit, Buf *out, Err *err);

/* Replace path by these bytes so that a reader (or a crash) sees the old or the new, never a part:
 * temporary beside it, write, fsync, rename, fsync of the folder. durable=false leaves the fsyncs out. */
bool file_write(const char *path, const void *data, size_t n, bool durable, Err *err);

/* Make the folder and its parents; existing is fine. */
bool file_mkdirs(const char *path, Err *err);

/* Make one folder that this user alone may enter; existing is fine when it is a folder of this user's and no link, and
 * closed to the writing of others. */
bool file_private(const char *path, Err *err);

/* Names in a folder in bytewise order, without . and .. ; each callback false stops (and is not an error). */
typedef bool (*FileVisit)(void *data, const char *name);
bool file_list(const char *dir, FileVisit visit, void *data, Err *err);

/* What was written to this file, or into this folder, is on disk afterwards. */
bool file_sync(const char *path, Err *err);

/* Cut a file to its first n bytes, durably. */
bool file_truncate(const char *path, uint64_t n, Err *err);

/* Append-only text file for manifests. */
typedef struct Appender Appender;
Appender *appender_open(const char *path, Err *err);
bool appender_write(Appender *a, const void *data, size_t n, Err *err); /* whole or error */
bool appender_sync(Appender *a, Err *err);                              /* data is on disk afterwards */
bool appender_close(Appender *a, Err *err);                             /* NULL-safe; a is gone even on error */

/* Test double: the k-th call into this layer from now fails with `error` (an errno). 0: off. */
void file_fail_at(uint64_t k, int error);

#endif
