/* A model in ONNX Runtime: options, providers, what it takes and gives, one
 * run. SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "model/limit.h"
#include "model/ort_api.h"

/* Providers with an options object of their own: the functions follow each other from `first` on as append, create,
 * update, text, release. Others are appended by their short name. */
static const struct {
  const char *name; /* the runtime's, without "ExecutionProvider" */
  int first, since;
} OWN[] = {{"CUDA", APPEND_CUDA, 12}, {"Tensorrt", APPEND_TENSORRT, 12}, {"Dnnl", APPEND_DNNL, 15}};

static size_t stem(const char *name) {
  size_t n = strlen(name), tail = strlen("ExecutionProvider");
  return n > tail && !strcasecmp(name + n - tail, "ExecutionProvider") ? n - tail : n;
}

static bool append_own(const Ort *ort, void *options, int first, const char *label, Err *err) {
  void *own = NULL;
  if (!ort_ok(ort, ORT_CALL(ort, first + 1, (void **))(&own), label, err)) return false;
  bool ok = ort_ok(ort, ORT_CALL(ort, first, (void *, const void *))(options, own), label, err);
  ORT_VOID(ort, first + 4, (void *))(own);
  return ok;
}

/* name: exactly as the runtime spells it. */
static bool append(const Ort *ort, void *options, const char *name, Err *err) {
  char brief[64];
  size_t n = stem(name);
  if (n >= sizeof brief) return err_set(err, ERR_USAGE, "%s: no such provider", name);
  memcpy(brief, name, n);
  brief[n] = 0;
  for (size_t i = 0; i < sizeof OWN / sizeof *OWN; i++)
    if (!strcmp(OWN[i].name, brief)) {
      if (ort->minor < OWN[i].since) return err_set(err, ERR_UNSUPPORTED, "%s: needs ONNX Runtime 1.%d", name, OWN[i].since);
      return append_own(ort, options, OWN[i].first, name, err);
    }
  return ort_ok(ort, ORT_CALL(ort, APPEND_PROVIDER, (void *, const char *, const char *const *, const char *const *, size_t))(options, brief, NULL, NULL, 0), name, err);
}

/* The runtime's spelling of a provider, in out; false when this build lacks it. */
static bool spelled(const char *have, const char *name, char *out, size_t room) {
  size_t n = stem(name);
  for (const char *line = have; line && *line;) {
    const char *end = strchr(line, '\n');
    size_t len = end ? (size_t)(end - line) : strlen(line);
    if (len < room) {
      memcpy(out, line, len);
      out[len] = 0;
      if (stem(out) == n && !strncasecmp(out, name, n)) return true;
    }
    line = end ? end + 1 : NULL;
  }
  return false;
}

static bool is_cpu(const char *name) { return stem(name) == 3 && !strncasecmp(name, "CPU", 3); }

static void missing(Session *s, const char *name, const char *have) {
  buf_printf(&s->notes, "execution provider %s: not in this ONNX Runtime %s, which has", name, s->ort->version);
  for (const char *line = have; line && *line;) {
    const char *end = strchr(line, '\n');
    buf_printf(&s->notes, " %.*s", (int)(end ? end - line : (ptrdiff_t)strlen(line)), line);
    line = end ? end + 1 : NULL;
  }
  buf_putc(&s->notes, '\n');
}

static bool providers(Session *s, void *options, const SessionOptions *o, Err *err) {
  Buf have;
  buf_init(&have);
  bool ok = ort_providers(s->ort, &have, err);
  bool cpu = false; /* it is last: what follows would not be asked */
  for (int i = 0; ok && !cpu && i < o->n_provider; i++) {
    char name[96];
    Err why;
    if (is_cpu(o->provider[i])) {
      cpu = true;
    } else if (!spelled((const char *)have.data, o->provider[i], name, sizeof name)) {
      missing(s, o->provider[i], (const char *)have.data);
    } else if (append(s->ort, options, name, &why)) {
      buf_printf(&s->provider, "%s\n", name);
    } else {
      buf_printf(&s->notes, "execution provider %s\n", why.text);
    }
  }
  buf_puts(&s->provider, "CPUExecutionProvider\n");
  buf_clear(&have);
  return ok && ((!s->notes.failed && !s->provider.failed) || err_memory(err));
}

static bool configure(Session *s, void *options, const SessionOptions *o, Err *err) {
  const Ort *ort = s->ort;
  static const char *const entries[][2] = {{"session.intra_op.allow_spinning", "0"}, {"session.inter_op.allow_spinning", "0"}};
  for (int i = 0; i < 2; i++)
    if (!ort_ok(ort, ORT_CALL(ort, ADD_CONFIG, (void *, const char *, const char *))(options, entries[i][0], entries[i][1]), o->label, err)) return false;
  return ort_ok(ort, ORT_CALL(ort, SET_LOG_SEVERITY, (void *, int))(options, 4), o->label, err) &&
         ort_ok(ort, ORT_CALL(ort, SET_OPTIMIZATION, (void *, int))(options, o->optimize), o->label, err) &&
         ort_ok(ort, ORT_CALL(ort, SET_INTRA_OP_THREADS, (void *, int))(options, o->intra_op), o->label, err) &&
         ort_ok(ort, ORT_CALL(ort, SET_INTER_OP_THREADS, (void *, int))(options, 1), o->label, err) && providers(s, options, o, err);
}

static bool create(Session *s, const SessionOptions *o, Err *err) {
  const Ort *ort = s->ort;
  void *options = NULL;
  if (!ort_ok(ort, ORT_CALL(ort, CREATE_SESSION_OPTIONS, (void **))(&options), o->label, err)) return false;
  bool ok = configure(s, options, o, err);
  if (ok && o->path)
    ok = ort_ok(ort, ORT_CALL(ort, CREATE_SESSION, (void *, const char *, const void *, void **))(ort->env, o->path, options, &s->handle), o->label, err);
  else if (ok)
    ok = ort_ok(ort, ORT_CALL(ort, CREATE_SESSION_FROM_ARRAY, (void *, const void *, size_t, const void *, void **))(ort->env, o->data, o->n, options, &s->handle), o->label, err);
  ORT_VOID(ort, RELEASE_SESSION_OPTIONS, (void *))(options);
  return ok;
}

/* Element type and shape from a tensor's info object. */
static bool read_info(const Ort *ort, const void *info, SessionValue *v, const char *label, Err *err) {
  int type = 0;
  size_t rank = 0;
  if (!ort_ok(ort, ORT_CALL(ort, ELEMENT_TYPE, (const void *, int *))(info, &type), label, err) ||
      !ort_ok(ort, ORT_CALL(ort, DIM_COUNT, (const void *, size_t *))(info, &rank), label, err))
    return false;
  if (rank > TENSOR_RANK_MAX) return err_set(err, ERR_UNSUPPORTED, "%s: %s has %zu dimensions, at most %d are supported", label, v->name, rank, (int)TENSOR_RANK_MAX);
  v->type = tensor_type_size((TensorType)type) ? (TensorType)type : TENSOR_NONE;
  v->rank = (int)rank;
  return ort_ok(ort, ORT_CALL(ort, DIMS, (const void *, int64_t *, size_t))(info, v->dim, rank), label, err);
}

static bool describe(Session *s, bool output, size_t i, SessionValue *v, const char *label, Err *err) {
  const Ort *ort = s->ort;
  char *name = NULL;
  void *type = NULL;
  const void *info = NULL;
  if (!ort_ok(ort, ORT_CALL(ort, output ? OUTPUT_NAME : INPUT_NAME, (const void *, size_t, void *, char **))(s->handle, i, ort->allocator, &name), label, err)) return false;
  v->name = mem_strdup(name);
  ort_ok(ort, ORT_CALL(ort, ALLOCATOR_FREE, (void *, void *))(ort->allocator, name), label, NULL);
  if (!v->name) return err_memory(err);
  if (!ort_ok(ort, ORT_CALL(ort, output ? OUTPUT_TYPE : INPUT_TYPE, (const void *, size_t, void **))(s->handle, i, &type), label, err)) return false;
  bool ok = ort_ok(ort, ORT_CALL(ort, CAST_TYPE_TO_TENSOR, (const void *, const void **))(type, &info), label, err);
  if (ok && info) ok = read_info(ort, info, v, label, err);
  ORT_VOID(ort, RELEASE_TYPE_INFO, (void *))(type);
  return ok;
}

static bool describe_all(Session *s, const char *label, Err *err) {
  const Ort *ort = s->ort;
  size_t n_in = 0, n_out = 0;
  if (!ort_ok(ort, ORT_CALL(ort, INPUT_COUNT, (const void *, size_t *))(s->handle, &n_in), label, err) ||
      !ort_ok(ort, ORT_CALL(ort, OUTPUT_COUNT, (const void *, size_t *))(s->handle, &n_out), label, err))
    return false;
  s->in = mem_calloc(n_in + 1, sizeof *s->in);
  s->out = mem_calloc(n_out + 1, sizeof *s->out);
  if (!s->in || !s->out) return err_memory(err);
  s->n_in = (int)n_in;
  s->n_out = (int)n_out;
  for (size_t i = 0; i < n_in; i++)
    if (!describe(s, false, i, &s->in[i], label, err)) return false;
  for (size_t i = 0; i < n_out; i++)
    if (!describe(s, true, i, &s->out[i], label, err)) return false;
  return true;
}

Session *session_new(Ort *ort, const SessionOptions *options, Err *err) {
  Session *s = mem_calloc(1, sizeof *s);
  if (!s) return err_memory(err), NULL;
  s->ort = ort;
  s->timeout = options->timeout;
  buf_init(&s->notes);
  buf_init(&s->provider);
  if (create(s, options, err) && describe_all(s, options->label, err)) return s;
  session_free(s);
  return NULL;
}

static void free_values(SessionValue *list, int n) {
  for (int i = 0; list && i < n; i++) mem_free(list[i].name);
  mem_free(list);
}

void session_free(Session *s) {
  if (!s) return;
  if (s->handle) ORT_VOID(s->ort, RELEASE_SESSION, (void *))(s->handle);
  free_values(s->in, s->n_in);
  free_values(s->out, s->n_out);
  buf_clear(&s->notes);
  buf_clear(&s->provider);
  mem_free(s);
}

static bool wrap(const Session *s, const Tensor *t, const SessionValue *v, void **value, Err *err) {
  if (v->type != t->type)
    return err_set(err, ERR_USAGE, "input %s: got %s, the model expects %s", v->name, tensor_type_name(t->type), tensor_type_name(v->type));
  bool fits = v->rank == t->rank;
  for (int i = 0; fits && i < t->rank; i++) fits = v->dim[i] < 0 || v->dim[i] == t->dim[i];
  if (!fits) {
    char got[96], want[96];
    tensor_shape_text(t->rank, t->dim, got, sizeof got);
    tensor_shape_text(v->rank, v->dim, want, sizeof want);
    return err_set(err, ERR_USAGE, "input %s: got %s, the model expects %s", v->name, got, want);
  }
  return ort_ok(s->ort, ORT_CALL(s->ort, CREATE_TENSOR_WITH_DATA, (const void *, void *, size_t, const int64_t *, size_t, int, void **))(
                            s->ort->cpu, t->data, tensor_bytes(t), t->dim, (size_t)t->rank, (int)t->type, value), v->name, err);
}

static Tensor *unwrap(const Session *s, void *value, const SessionValue *v, Err *err) {
  const Ort *ort = s->ort;
  int is = 0;
  void *info = NULL, *data = NULL;
  if (!ort_ok(ort, ORT_CALL(ort, IS_TENSOR, (const void *, int *))(value, &is), v->name, err)) return NULL;
  if (!is) return err_set(err, ERR_UNSUPPORTED, "output %s: not a tensor", v->name), NULL;
  if (!ort_ok(ort, ORT_CALL(ort, TENSOR_TYPE_AND_SHAPE, (const void *, void **))(value, &info), v->name, err)) return NULL;
  SessionValue seen = {.name = v->name};
  bool ok = read_info(ort, info, &seen, "output", err);
  ORT_VOID(ort, RELEASE_TENSOR_INFO, (void *))(info);
  if (ok && seen.type == TENSOR_NONE) ok = err_set(err, ERR_UNSUPPORTED, "output %s: a type of value that is no number", v->name);
  if (!ok || !ort_ok(ort, ORT_CALL(ort, TENSOR_DATA, (void *, void **))(value, &data), v->name, err)) return NULL;
  Tensor *t = tensor_new(seen.type, seen.rank, seen.dim, err);
  if (t && t->n) memcpy(t->data, data, tensor_bytes(t));
  return t;
}

static void release(const Session *s, void **value, int n) {
  for (int i = 0; value && i < n; i++)
    if (value[i]) ORT_VOID(s->ort, RELEASE_VALUE, (void *))(value[i]);
  mem_free(value);
}

typedef struct Run { const Session *s; void *options; Limit limit; } Run;

static void terminate(void *arg) {
  Run *r = arg;
  ort_ok(r->s->ort, ORT_CALL(r->s->ort, SET_TERMINATE, (void *))(r->options), "run", NULL);
}

/* given: inputs, then room for outputs; likewise their names. */
static bool call(const Session *s, void *options, void **given, const char **names, Err *err) {
  OrtStatus *status = ORT_CALL(s->ort, RUN, (void *, const void *, const char *const *, const void *const *, size_t, const char *const *, size_t, void **))(
      s->handle, options, names, (const void *const *)given, (size_t)s->n_in, names + s->n_in, (size_t)s->n_out, given + s->n_in);
  return ort_ok(s->ort, status, "run", err);
}

static bool call_limited(const Session *s, void **given, const char **names, Err *err) {
  Run r = {.s = s, .limit = {.stop = terminate, .what = &r}};
  if (!ort_ok(s->ort, ORT_CALL(s->ort, CREATE_RUN_OPTIONS, (void **))(&r.options), "run", err)) return false;
  bool ok = limit_begin(&r.limit, s->timeout, err);
  if (ok) {
    ok = call(s, r.options, given, names, err);
    if (limit_end(&r.limit)) ok = err_set(err, ERR_MODEL, "no answer within %.6g s", s->timeout);
  }
  ORT_VOID(s->ort, RELEASE_RUN_OPTIONS, (void *))(r.options);
  return ok;
}

static bool run(const Session *s, Tensor *const *in, void **values, const char **names, Tensor **out, Err *err) {
  void **given = values, **got = values + s->n_in;
  for (int i = 0; i < s->n_in; i++) {
    names[i] = s->in[i].name;
    if (!wrap(s, in[i], &s->in[i], &given[i], err)) return false;
  }
  for (int i = 0; i < s->n_out; i++) names[s->n_in + i] = s->out[i].name;
  if (!(s->timeout > 0 ? call_limited(s, values, names, err) : call(s, NULL, values, names, err))) return false;
  for (int i = 0; i < s->n_out; i++) {
    if ((out[i] = unwrap(s, got[i], &s->out[i], err))) continue;
    while (i-- > 0) tensor_unref(out[i]), out[i] = NULL;
    return false;
  }
  return true;
}

bool session_run(const Session *s, Tensor *const *in, Tensor **out, Err *err) {
  int n = s->n_in + s->n_out;
  void **values = mem_calloc((size_t)n + 1, sizeof *values);
  const char **names = mem_calloc((size_t)n + 1, sizeof *names);
  bool ok = values && names ? run(s, in, values, names, out, err) : err_memory(err);
  release(s, values, n);
  mem_free(names);
  return ok;
}
