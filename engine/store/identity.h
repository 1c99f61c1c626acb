/* What a study belongs to, and the sentence when it belongs to something else.
 * SPDX-License-Identifier: MIT */
#ifndef BRINK_IDENTITY_H
#define BRINK_IDENTITY_H

#include "store/study.h"

#define IDENTITY "identity." /* prefix of the meta keys */

typedef struct Identity {
  const StudyPair *given;
  size_t n, differ;
  uint64_t seen; /* bit k: given[k] is in the file too */
  char text[512];
} Identity;

enum { IDENTITY_MOST = 64 }; /* names */

void identity_begin(Identity *d, const char *path, const StudyPair *given, size_t n);
void identity_stored(Identity *d, const char *name, const char *value); /* each pair of the file */
bool identity_end(Identity *d, Err *err);                               /* false: ERR_MISMATCH */

#endif
