/* What rows of geometry share: the parameters that say how pixels are read and
 * what lies outside the frame. SPDX-License-Identifier: MIT */
#ifndef BRINK_EDGE_H
#define BRINK_EDGE_H

#include "prim/prim.h"

static const char *const INTERPS[] = {"nearest", "linear", "cubic", "area", NULL};
static const char *const BORDERS[] = {"constant", "replicate", "reflect", "wrap", NULL};

#define INTERP_ROW {"interp", PARAM_ENUM, 0, 3, INTERP_LINEAR, "", "how values between pixels are found", INTERPS, false}
#define BORDER_ROWS(border)                                                                                           \
  {"border", PARAM_ENUM, 0, 3, border, "", "what lies outside the frame", BORDERS, false},                             \
  {"fill", PARAM_NUM, 0, 255, 0, "level", "constant border: grey, or the first of three channels", NULL, false},       \
  {"fill_green", PARAM_NUM, -1, 255, -1, "level", "second channel; -1: as fill", NULL, false},                         \
  {"fill_blue", PARAM_NUM, -1, 255, -1, "level", "third channel; -1: as fill", NULL, false},                           \
  {"fill_alpha", PARAM_NUM, 0, 255, 0, "level", "opacity of the fill in pictures that have opacity", NULL, false}
#define NUM(name, lo, hi, def, unit, doc) {name, PARAM_NUM, lo, hi, def, unit, doc, NULL, false}
#define INT(name, lo, hi, def, unit, doc) {name, PARAM_INT, lo, hi, def, unit, doc, NULL, false}

static inline double num(const Step *s, const char *name) { return s->num[prim_param(s->prim, name)]; }

typedef struct Edge {
  Interp interp;
  Border border;
  float fill[4];
} Edge;

static inline Edge edge_of(const Step *s) {
  Edge e = {.interp = INTERP_LINEAR, .border = (Border)num(s, "border")};
  if (prim_param(s->prim, "interp") >= 0) e.interp = (Interp)num(s, "interp");
  double first = num(s, "fill"), green = num(s, "fill_green"), blue = num(s, "fill_blue");
  e.fill[0] = (float)first;
  e.fill[1] = (float)(green < 0 ? first : green);
  e.fill[2] = (float)(blue < 0 ? first : blue);
  e.fill[3] = (float)num(s, "fill_alpha");
  return e;
}

/* Takes over f. */
static inline bool push_field(const Step *s, Warp *out, Field *f, Err *err) {
  Edge e = edge_of(s);
  bool ok = warp_field(out, f, e.interp, e.border, e.fill, err);
  field_unref(f);
  return ok;
}

#endif
