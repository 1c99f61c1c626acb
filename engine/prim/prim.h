/* Primitives: one C operation each, every parameter explicit, no hidden
 * randomness. A family file implements some and ends in its table of rows; the
 * list of tables is prim.c. Everything else (Lua constructors, JSON, range
 * checks, tests, the catalogue page) is read from the rows.
 * SPDX-License-Identifier: MIT */
#ifndef BRINK_PRIM_H
#define BRINK_PRIM_H

#include "image/image.h"
#include "prim/warp.h"

typedef enum ParamType {
  PARAM_NUM,  /* double */
  PARAM_INT,  /* integral double */
  PARAM_BOOL, /* 0 or 1 */
  PARAM_ENUM, /* index into choices; a string outside C */
  PARAM_KEY,  /* 64-bit stream key; 16 hex digits outside C; at most one, held in Step.key */
  PARAM_LIST  /* list of numbers; at most one, held in Step.list */
} ParamType;

typedef struct Param {
  const char *name;
  ParamType type;
  double lo, hi;              /* legal range, inclusive; for LIST: of each element */
  double def;                 /* default; NAN: required (LIST and KEY ignore it) */
  const char *unit;           /* "px", "degrees", "of full scale", ... or "" */
  const char *doc;
  const char *const *choices; /* ENUM: NULL-terminated; else NULL */
  bool optional;              /* LIST and KEY: may be absent (n == 0, key == 0) */
} Param;

enum { PRIM_PARAMS_MAX = 12 };

typedef struct Prim Prim;

/* One line of a plan: a primitive with its numbers. */
typedef struct Step {
  const Prim *prim;
  double num[PRIM_PARAMS_MAX]; /* by position in prim->params; KEY and LIST slots unused */
  uint64_t key;
  float *list;                 /* owned by the plan */
  size_t n;                    /* elements of list */
} Step;

typedef enum PrimKind {
  PRIM_POINT, /* each output sample from the samples of the same pixel (and its position) */
  PRIM_AREA,  /* anything else that keeps geometry */
  PRIM_WARP   /* moves pixels: fills a Warp, and nothing else */
} PrimKind;

/* What a point primitive computes once per image before rows run. */
typedef struct Point Point;
struct Point {
  const Step *step;
  int w, h, c, colours;     /* of the image; colours excludes alpha */
  ImageType type;
  bool is_lut;              /* u8: the effect is exactly lut[channel][value]; the plan folds such neighbours */
  uint8_t lut[4][256];      /* alpha's table is the identity */
  float f[32];              /* free for the primitive */
  void *extra;              /* mem_alloc'ed by init or NULL; the plan frees it */
  /* NULL after init: nothing changes on this image, and the step is left out.
   * Rows y0 <= y < y1. src and dst are the first bytes of row y0; they may be equal, never overlap otherwise. */
  void (*rows)(const Point *p, const uint8_t *src, size_t src_stride, uint8_t *dst, size_t dst_stride, int y0, int y1);
};

struct Prim {
  const char *name;          /* snake_case noun or verb, the field's term */
  const char *doc;           /* one line */
  const char *source;        /* paper or "" */
  PrimKind kind;
  bool needs_stats;          /* POINT: init looks at all pixels of `in`, so it starts a new pass */
  Param params[PRIM_PARAMS_MAX + 1]; /* ends with name == NULL */
  bool (*check)(const Step *s, Err *err); /* what single ranges cannot say, or NULL */
  bool (*point)(const Step *s, const Image *in, Point *p, Err *err);    /* POINT: p zeroed but for the facts; set lut/rows */
  Image *(*apply)(const Step *s, const Image *in, Err *err);            /* AREA: new image, same w, h, c, type */
  bool (*warp)(const Step *s, int w, int h, Warp *out, Err *err);       /* WARP: out initialised as identity of w x h */
};

/* By name, or NULL. */
const Prim *prim_find(const char *name);
/* i = 0, 1, ... in table order; NULL past the end. */
const Prim *prim_at(int i);
/* Position of a parameter, or -1. */
int prim_param(const Prim *p, const char *name);

/* LUT runner shared by point primitives: rows() for is_lut on u8. */
void point_lut_rows(const Point *p, const uint8_t *src, size_t src_stride, uint8_t *dst, size_t dst_stride, int y0, int y1);

/* Round to nearest, clamp to 0..255. */
static inline uint8_t sample_u8(float v) { return v <= 0.0f ? 0 : v >= 255.0f ? 255 : (uint8_t)(v + 0.5f); }

/* The tables, one per family file. Each ends with a row whose name is NULL. */
extern const Prim PRIM_TONE[], PRIM_COLOUR[], PRIM_NOISE[], PRIM_FILTER[], PRIM_GEOMETRY[], PRIM_BEND[], PRIM_OCCLUDE[], PRIM_SEGMENT[],
    PRIM_DIGITAL[];

#endif
