/* Plans as data: building and checking. Running is run.c.
 * SPDX-License-Identifier: MIT */
#include "plan/plan.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

enum { PLAN_STEPS_MAX = 4096, PLAN_LIST_MAX = 1 << 24 };

void plan_init(Plan *p) { *p = (Plan){0}; }

void plan_clear(Plan *p) {
  for (int i = 0; i < p->n; i++) mem_free(p->step[i].list);
  mem_free(p->step);
  plan_init(p);
}

Step *plan_add(Plan *p, const Prim *prim, Err *err) {
  if (p->n >= PLAN_STEPS_MAX) return err_set(err, ERR_LIMIT, "plan: more than %d steps", PLAN_STEPS_MAX), NULL;
  if (p->n == p->cap) {
    int cap = p->cap ? p->cap * 2 : 4;
    Step *grown = mem_realloc(p->step, (size_t)cap, sizeof *grown);
    if (!grown) return err_memory(err), NULL;
    p->step = grown;
    p->cap = cap;
  }
  Step *s = &p->step[p->n++];
  *s = (Step){.prim = prim};
  for (int i = 0; prim->params[i].name; i++) {
    const Param *a = &prim->params[i];
    if (a->type != PARAM_LIST && a->type != PARAM_KEY) s->num[i] = a->def;
  }
  return s;
}

float *step_list(Step *s, size_t n, Err *err) {
  if (n > PLAN_LIST_MAX) {
    err_set(err, ERR_LIMIT, "%s: a list of %zu numbers is longer than %d", s->prim->name, n, PLAN_LIST_MAX);
    return NULL;
  }
  float *list = mem_alloc(n, sizeof *list);
  if (!list) return err_memory(err), NULL;
  mem_free(s->list);
  s->list = list;
  s->n = n;
  return list;
}

/* "12 is outside 0..10 px" */
static bool outside(const Step *s, const Param *a, size_t element, double v, Err *err) {
  char at[32] = "";
  if (element) snprintf(at, sizeof at, "[%zu]", element);
  return err_set(err, ERR_USAGE, "%s.%s%s: %.9g is outside %.9g..%.9g%s%s", s->prim->name, a->name, at, v, a->lo, a->hi,
                 *a->unit ? " " : "", a->unit);
}

static bool missing(const Step *s, const Param *a, Err *err) {
  return err_set(err, ERR_USAGE, "%s.%s: missing, it has no default", s->prim->name, a->name);
}

/* The negated form refuses NaN too. */
static bool in_range(const Param *a, double v) { return v >= a->lo && v <= a->hi; }

static int choices(const Param *a) {
  int n = 0;
  while (a->choices[n]) n++;
  return n;
}

static bool check_param(const Step *s, int i, Err *err) {
  const Param *a = &s->prim->params[i];
  double v = s->num[i];
  switch (a->type) {
  case PARAM_KEY:
    return s->key || a->optional || missing(s, a, err);
  case PARAM_LIST:
    if (!s->n) return a->optional || missing(s, a, err);
    for (size_t k = 0; k < s->n; k++)
      if (!in_range(a, s->list[k])) return outside(s, a, k + 1, s->list[k], err);
    return true;
  case PARAM_BOOL:
    if (v == 0 || v == 1) return true;
    return err_set(err, ERR_USAGE, "%s.%s: %.9g is neither true nor false", s->prim->name, a->name, v);
  case PARAM_ENUM:
    if (isnan(v) && isnan(a->def)) return missing(s, a, err);
    if (v >= 0 && v < choices(a) && v == floor(v)) return true;
    return err_set(err, ERR_USAGE, "%s.%s: %.9g is not the number of a choice", s->prim->name, a->name, v);
  case PARAM_INT:
    if (in_range(a, v) && v != floor(v))
      return err_set(err, ERR_USAGE, "%s.%s: %.9g is not a whole number", s->prim->name, a->name, v);
    break;
  case PARAM_NUM:
    break;
  }
  if (isnan(v) && isnan(a->def)) return missing(s, a, err);
  return in_range(a, v) || outside(s, a, 0, v, err);
}

bool step_check(const Step *s, Err *err) {
  for (int i = 0; s->prim->params[i].name; i++)
    if (!check_param(s, i, err)) return false;
  return !s->prim->check || s->prim->check(s, err);
}
