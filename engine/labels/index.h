/* The index of a COCO file: where each image and its annotations are in it, so that a set of any size is opened by
 * one pass in bounded memory and an image's annotations are read when they are asked for.
 *
 * Entries are checked on the way; a bad one is left out and named. SPDX-License-Identifier: MIT */
#ifndef BRINK_LABELS_INDEX_H
#define BRINK_LABELS_INDEX_H

#include "base/buf.h"
#include "base/err.h"

typedef struct CocoImage {
  uint64_t at;     /* where the object is in the file */
  uint32_t n;      /* its bytes */
  uint32_t number; /* in the file's list, from 0 */
  uint32_t first;  /* of its annotations; the next image's first ends them */
  bool refused;
} CocoImage;

typedef struct CocoNote {
  uint64_t at;
  uint32_t n, number;
} CocoNote;

typedef struct CocoRest { /* a value of the file that is neither images nor annotations */
  char *key, *text;       /* owned */
  size_t n;
} CocoRest;

typedef struct Coco {
  char *path;
  int fd;
  CocoImage *images; /* those that can be used come first, in the order of the file; one more as end mark */
  size_t n_images;   /* those that can be used */
  CocoNote *notes;   /* by image, in the order of the file */
  size_t n_notes;
  CocoRest *rest;
  size_t n_rest;
  char **faults;     /* the first COCO_FAULTS of them */
  size_t n_faults, total_faults;
} Coco;

enum { COCO_FAULTS = 10000 };

/* NULL and *err when the file as a whole cannot be used. */
Coco *coco_open(const char *path, Err *err);
void coco_close(Coco *c); /* NULL-safe */
/* Append n bytes of the file from position at. */
bool coco_read(const Coco *c, uint64_t at, uint32_t n, Buf *out, Err *err);
size_t coco_bytes(const Coco *c); /* memory it holds */

#endif
