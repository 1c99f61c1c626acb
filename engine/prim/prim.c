/* The list of families. SPDX-License-Identifier: MIT */
#include "prim/prim.h"

#include <string.h>

static const Prim *const families[] = {PRIM_TONE,     PRIM_COLOUR,  PRIM_NOISE,   PRIM_FILTER,
                                       PRIM_GEOMETRY, PRIM_BEND, PRIM_OCCLUDE, PRIM_SEGMENT, PRIM_DIGITAL};
enum { FAMILIES = sizeof families / sizeof *families };

const Prim *prim_at(int i) {
  for (int f = 0; f < FAMILIES; f++)
    for (const Prim *p = families[f]; p->name; p++)
      if (i-- == 0) return p;
  return NULL;
}

const Prim *prim_find(const char *name) {
  const Prim *p;
  for (int i = 0; (p = prim_at(i)); i++)
    if (!strcmp(p->name, name)) return p;
  return NULL;
}

int prim_param(const Prim *p, const char *name) {
  for (int i = 0; p->params[i].name; i++)
    if (!strcmp(p->params[i].name, name)) return i;
  return -1;
}
