/* One writer per file: an open-file-description lock on "PATH-lock", which the
 * kernel drops when the process ends, however it ends. A lock on the file
 * itself would not do: closing it drops SQLite's own locks.
 * SPDX-License-Identifier: MIT */
#ifndef BRINK_LOCK_H
#define BRINK_LOCK_H

#include "base/err.h"

typedef struct Lock Lock;

Lock *lock_take(const char *path, Err *err); /* ERR_LOCKED names the owner, at once */
void lock_release(Lock *lock);               /* NULL-safe; removes the lock file */

#endif
