/* core.onnx: ONNX Runtime and models in it.
 *   runtime = onnx.open(path) | nil, message, code;  runtime.version, .path, :providers()
 *   runtime:session{ path= | bytes=, label=, intra_op=, optimize=, providers={} } -> session   (a job)
 *   session.inputs / .outputs: { { name, dtype, shape }, ... }; .notes, .providers: lists of text
 *   session:run(feeds[, { finite=, split= }]) -> outputs, maps   (a job)
 *     feeds: one per input, a tensor or { prep=, images={...} }; outputs: a list, or with split = n a list of n lists
 *   onnx.inspect(bytes), onnx.free_batch(bytes): the file itself, no runtime needed
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "lua/bind.h"
#include "lua/bind_tensor.h"
#include "model/onnxpb.h"
#include "model/ort.h"

#define RUNTIME "brink.OnnxRuntime"
#define SESSION "brink.OnnxSession"

typedef struct OrtBox { Ort *ort; } OrtBox;
typedef struct SessionBox { Session *s; } SessionBox;

/* open(path) -> runtime */
static int f_open(lua_State *L) {
  Err err;
  const char *path = luaL_checkstring(L, 1);
  OrtBox *box = lua_newuserdatauv(L, sizeof *box, 0);
  if (!(box->ort = ort_open(path, &err))) return bind_fail(L, &err);
  luaL_setmetatable(L, RUNTIME);
  return 1;
}

static Ort *check_ort(lua_State *L, int arg) { return ((OrtBox *)luaL_checkudata(L, arg, RUNTIME))->ort; }

/* The lines of text as a list. */
static void push_lines(lua_State *L, const Buf *b) {
  const char *p = (const char *)b->data, *end = p + b->n;
  lua_newtable(L);
  for (int i = 1; p && p < end; i++) {
    const char *stop = memchr(p, '\n', (size_t)(end - p));
    lua_pushlstring(L, p, (size_t)((stop ? stop : end) - p));
    lua_rawseti(L, -2, i);
    p = stop ? stop + 1 : end;
  }
}

static int f_providers(lua_State *L) {
  Err err;
  const Ort *ort = check_ort(L, 1);
  Buf *b = bind_buf(L);
  if (!ort_providers(ort, b, &err)) return bind_fail(L, &err);
  push_lines(L, b);
  return 1;
}

static int f_runtime_index(lua_State *L) {
  const Ort *ort = check_ort(L, 1);
  const char *key = luaL_checkstring(L, 2);
  if (!strcmp(key, "version")) lua_pushstring(L, ort_version(ort));
  else if (!strcmp(key, "path")) lua_pushstring(L, ort_path(ort));
  else lua_pushvalue(L, 2), lua_rawget(L, lua_upvalueindex(1));
  return 1;
}

/* Making a session */

typedef struct Make {
  Job job;
  Ort *ort;
  SessionOptions options; /* its texts are anchored on the caller's stack; the list is owned */
  const char **provider;
  Session *out;
} Make;

static void make_work(Job *job) {
  Make *m = (Make *)job;
  m->out = session_new(m->ort, &m->options, &job->err);
  job->failed = !m->out;
}

static void make_clear(Job *job) {
  Make *m = (Make *)job;
  session_free(m->out);
  mem_free(m->provider);
  m->out = NULL;
  m->provider = NULL;
}

static int make_finish(lua_State *L) {
  Make *m = lua_touserdata(L, -1);
  if (m->job.failed) return bind_fail(L, &m->job.err);
  SessionBox *box = lua_newuserdatauv(L, sizeof *box, 0);
  box->s = m->out;
  m->out = NULL;
  luaL_setmetatable(L, SESSION);
  return 1;
}

static const char *text_field(lua_State *L, int arg, const char *name, size_t *n) {
  if (lua_getfield(L, arg, name) == LUA_TNIL) return NULL; /* stays on the stack: anchored */
  if (lua_type(L, -1) != LUA_TSTRING) luaL_error(L, "session: %s: a string expected", name);
  return lua_tolstring(L, -1, n);
}

static lua_Integer int_field(lua_State *L, int arg, const char *name, lua_Integer otherwise) {
  lua_getfield(L, arg, name);
  lua_Integer v = luaL_optinteger(L, -1, otherwise);
  lua_pop(L, 1);
  return v;
}

/* The list of provider names at `list` (a table or nil) into the job; the strings stay in that table. */
static void take_providers(lua_State *L, Make *m, int list) {
  lua_Integer n = lua_istable(L, list) ? luaL_len(L, list) : 0;
  if (n > 32) luaL_error(L, "session: providers: more than 32");
  if (!(m->provider = mem_calloc((size_t)n + 1, sizeof *m->provider))) luaL_error(L, "out of memory");
  for (lua_Integer i = 0; i < n; i++) {
    lua_geti(L, list, i + 1);
    if (lua_type(L, -1) != LUA_TSTRING) luaL_error(L, "session: providers: a list of names expected");
    m->provider[i] = lua_tostring(L, -1);
    lua_pop(L, 1);
  }
  m->options.provider = m->provider;
  m->options.n_provider = (int)n;
}

static int f_session(lua_State *L) {
  Ort *ort = check_ort(L, 1);
  SessionOptions o = {0};
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  o.path = text_field(L, 2, "path", NULL);
  o.data = text_field(L, 2, "bytes", &o.n);
  o.label = text_field(L, 2, "label", NULL);
  if (!o.path == !o.data) return luaL_error(L, "session: path or bytes expected");
  if (!o.label) o.label = o.path ? o.path : "model";
  lua_getfield(L, 2, "providers");
  int list = lua_gettop(L);
  o.intra_op = (int)int_field(L, 2, "intra_op", 1);
  o.optimize = (int)int_field(L, 2, "optimize", 99);
  lua_getfield(L, 2, "timeout");
  o.timeout = luaL_optnumber(L, -1, 0);
  lua_pop(L, 1);
  luaL_argcheck(L, o.timeout >= 0 && o.timeout <= 1e6, 2, "timeout: 0..1e6 s expected");
  luaL_argcheck(L, o.intra_op >= 1 && o.intra_op <= 1024, 2, "intra_op: 1..1024 expected");
  Make *m = bind_job(L, sizeof *m, make_work, make_clear);
  m->ort = ort;
  m->options = o;
  take_providers(L, m, list);
  return bind_run(L, make_finish);
}

static Session *check_session(lua_State *L, int arg) { return ((SessionBox *)luaL_checkudata(L, arg, SESSION))->s; }

static void push_values(lua_State *L, const SessionValue *v, int n) {
  lua_createtable(L, n, 0);
  for (int i = 0; i < n; i++) {
    lua_createtable(L, 0, 3);
    lua_pushstring(L, v[i].name);
    lua_setfield(L, -2, "name");
    lua_pushstring(L, v[i].type == TENSOR_NONE ? "other" : tensor_type_name(v[i].type));
    lua_setfield(L, -2, "dtype");
    tensor_push_shape(L, v[i].rank, v[i].dim);
    lua_setfield(L, -2, "shape");
    lua_rawseti(L, -2, i + 1);
  }
}

static int f_session_index(lua_State *L) {
  const Session *s = check_session(L, 1);
  const char *key = luaL_checkstring(L, 2);
  if (!strcmp(key, "inputs")) push_values(L, s->in, s->n_in);
  else if (!strcmp(key, "outputs")) push_values(L, s->out, s->n_out);
  else if (!strcmp(key, "notes")) push_lines(L, &s->notes);
  else if (!strcmp(key, "providers")) push_lines(L, &s->provider);
  else lua_pushvalue(L, 2), lua_rawget(L, lua_upvalueindex(1));
  return 1;
}

static int f_session_gc(lua_State *L) {
  SessionBox *box = luaL_checkudata(L, 1, SESSION);
  session_free(box->s);
  box->s = NULL;
  return 0;
}

/* A run: pictures of one input made ready, the network, its answers looked at and shared out. */

typedef struct Run {
  Job job;
  const Session *session; /* in the caller's arguments */
  int n_in, n_out;        /* its: the session may be gone when the job is collected */
  Prep prep;
  int image_input;        /* -1: none */
  int n_image;
  const Image **image;    /* references; owned list */
  PrepMap *map;           /* n_image */
  Tensor **in;            /* n_in references */
  Tensor **out;           /* n_out, then split x n_out */
  int split;              /* 0: outputs as they are */
  bool finite;
} Run;

static void unref_all(Tensor **t, int n) {
  for (int i = 0; t && i < n; i++) tensor_unref(t[i]);
  mem_free(t);
}

static void run_clear(Job *job) {
  Run *r = (Run *)job;
  for (int i = 0; r->image && i < r->n_image; i++) image_unref(r->image[i]);
  mem_free(r->image);
  mem_free(r->map);
  unref_all(r->in, r->n_in);
  unref_all(r->out, r->n_out * (1 + r->split));
  r->image = NULL;
  r->map = NULL;
  r->in = r->out = NULL;
}

static bool prepare(Run *r, Err *err) {
  int64_t dim[4], other[4];
  const SessionValue *v = &r->session->in[r->image_input];
  prep_shape(&r->prep, r->image[0]->w, r->image[0]->h, dim);
  dim[0] = r->n_image;
  Tensor *t = r->in[r->image_input] = tensor_new(r->prep.type, 4, dim, err);
  for (int i = 0; t && i < r->n_image; i++) {
    prep_shape(&r->prep, r->image[i]->w, r->image[i]->h, other);
    if (memcmp(dim + 1, other + 1, 3 * sizeof *dim)) return err_set(err, ERR_USAGE, "batch: pictures of one size expected when the input's size is not declared");
    if (!prep_run(&r->prep, r->image[i], t, i, &r->map[i], err)) return false;
  }
  if (t && v->rank == 3 && r->n_image == 1) { /* a model without a batch dimension */
    memmove(t->dim, t->dim + 1, 3 * sizeof *t->dim);
    t->rank = 3;
  }
  return t != NULL;
}

static bool all_finite(const Run *r, Err *err) {
  for (int i = 0; i < r->session->n_out; i++) {
    size_t first, bad = tensor_not_finite(r->out[i], &first);
    if (!bad) continue;
    double v = tensor_get(r->out[i], first);
    return err_set(err, ERR_MODEL, "output %s: %zu of %zu values are not finite, the first %s at %zu", r->session->out[i].name, bad, r->out[i]->n,
                   v != v ? "nan" : v > 0 ? "inf" : "-inf", first + 1);
  }
  return true;
}

static bool share_out(Run *r, Err *err) {
  const int n = r->session->n_out;
  for (int k = 0; k < r->split; k++)
    for (int i = 0; i < n; i++) {
      const Tensor *t = r->out[i];
      if (t->rank < 1 || t->dim[0] != r->split) {
        char shape[128];
        tensor_shape_text(t->rank, t->dim, shape, sizeof shape);
        return err_set(err, ERR_MODEL, "output %s: got %s for a batch of %d", r->session->out[i].name, shape, r->split);
      }
      if (!(r->out[(1 + k) * n + i] = tensor_rows(t, k, 1, err))) return false;
    }
  return true;
}

static void run_work(Job *job) {
  Run *r = (Run *)job;
  job->failed = (r->image_input >= 0 && !prepare(r, &job->err)) || !session_run(r->session, r->in, r->out, &job->err) ||
                (r->finite && !all_finite(r, &job->err)) || !share_out(r, &job->err);
}

static void push_outputs(lua_State *L, Tensor **t, int n) {
  lua_createtable(L, n, 0);
  for (int i = 0; i < n; i++) {
    tensor_push(L, tensor_ref(t[i]));
    lua_rawseti(L, -2, i + 1);
  }
}

static int run_finish(lua_State *L) {
  Run *r = lua_touserdata(L, -1);
  const int n = r->session->n_out;
  if (r->job.failed) {
    run_clear(&r->job);
    return bind_fail(L, &r->job.err);
  }
  if (r->split == 0) {
    push_outputs(L, r->out, n);
  } else {
    lua_createtable(L, r->split, 0);
    for (int k = 0; k < r->split; k++) {
      push_outputs(L, r->out + (1 + k) * n, n);
      lua_rawseti(L, -2, k + 1);
    }
  }
  lua_createtable(L, r->n_image, 0);
  for (int i = 0; i < r->n_image; i++) {
    prep_map_push(L, &r->map[i]);
    lua_rawseti(L, -2, i + 1);
  }
  run_clear(&r->job);
  return 2;
}

/* { prep=, images= } at the stack's top, for input i. */
static void take_images(lua_State *L, Run *r, int i) {
  int at = lua_gettop(L);
  if (r->image_input >= 0) luaL_error(L, "run: pictures for more than one input");
  lua_getfield(L, at, "prep");
  r->prep = *prep_check(L, -1);
  lua_getfield(L, at, "images");
  luaL_checktype(L, -1, LUA_TTABLE);
  lua_Integer n = luaL_len(L, -1);
  if (n < 1 || n > 65536) luaL_error(L, "run: images: 1..65536 expected, got %I", n);
  r->image = mem_calloc((size_t)n, sizeof *r->image);
  r->map = mem_calloc((size_t)n, sizeof *r->map);
  if (!r->image || !r->map) luaL_error(L, "out of memory");
  for (lua_Integer k = 0; k < n; k++) {
    lua_geti(L, -1, k + 1);
    r->image[k] = image_ref(image_check(L, -1));
    r->n_image = (int)k + 1;
    lua_pop(L, 1);
  }
  r->image_input = i;
  lua_settop(L, at);
}

static int f_run(lua_State *L) {
  const Session *s = check_session(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 3);
  Run *r = bind_job(L, sizeof *r, run_work, run_clear);
  int job = lua_gettop(L);
  r->session = s;
  r->n_in = s->n_in;
  r->n_out = s->n_out;
  r->image_input = -1;
  r->finite = true;
  if (lua_istable(L, 3)) {
    lua_getfield(L, 3, "finite");
    r->finite = lua_isnil(L, -1) || lua_toboolean(L, -1);
    lua_getfield(L, 3, "split");
    lua_Integer split = luaL_optinteger(L, -1, 0);
    luaL_argcheck(L, split >= 0 && split <= 65536, 3, "split: 0..65536 expected");
    r->split = (int)split;
  }
  r->in = mem_calloc((size_t)s->n_in + 1, sizeof *r->in);
  r->out = mem_calloc((size_t)s->n_out * (size_t)(1 + r->split) + 1, sizeof *r->out);
  if (!r->in || !r->out) return luaL_error(L, "out of memory");
  for (int i = 0; i < s->n_in; i++) {
    lua_geti(L, 2, i + 1);
    Tensor *t = tensor_test(L, -1);
    if (t) r->in[i] = tensor_ref(t);
    else if (lua_istable(L, -1)) take_images(L, r, i);
    else return luaL_error(L, "run: input %s: a tensor or pictures expected, got %s", s->in[i].name, luaL_typename(L, -1));
    lua_pop(L, 1);
  }
  lua_settop(L, job);
  return bind_run(L, run_finish);
}

/* The file itself */

typedef struct Look { OnnxInfo info; } Look;

static int f_look_gc(lua_State *L) {
  onnx_info_clear(&((Look *)lua_touserdata(L, 1))->info);
  return 0;
}

static void push_info_values(lua_State *L, const OnnxValue *v, int n) {
  lua_createtable(L, n, 0);
  for (int i = 0; i < n; i++) {
    lua_createtable(L, 0, 4);
    lua_pushstring(L, v[i].name);
    lua_setfield(L, -2, "name");
    lua_pushstring(L, v[i].producer);
    lua_setfield(L, -2, "producer");
    lua_pushstring(L, tensor_type_name((TensorType)v[i].type));
    lua_setfield(L, -2, "dtype");
    if (v[i].rank >= 0) {
      tensor_push_shape(L, v[i].rank, v[i].dim);
      lua_setfield(L, -2, "shape");
    }
    lua_rawseti(L, -2, i + 1);
  }
}

/* inspect(bytes) -> { opset, nodes, inputs, outputs, external, metadata } */
static int f_inspect(lua_State *L) {
  size_t n;
  Err err;
  const char *bytes = luaL_checklstring(L, 1, &n);
  Look *look = lua_newuserdatauv(L, sizeof *look, 0);
  memset(look, 0, sizeof *look);
  if (luaL_newmetatable(L, "brink.OnnxLook")) {
    lua_pushcfunction(L, f_look_gc);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  if (!onnx_inspect(bytes, n, &look->info, &err)) return bind_fail(L, &err);
  const OnnxInfo *o = &look->info;
  lua_createtable(L, 0, 6);
  lua_pushinteger(L, o->opset);
  lua_setfield(L, -2, "opset");
  lua_pushinteger(L, o->nodes);
  lua_setfield(L, -2, "nodes");
  push_info_values(L, o->in, o->n_in);
  lua_setfield(L, -2, "inputs");
  push_info_values(L, o->out, o->n_out);
  lua_setfield(L, -2, "outputs");
  lua_createtable(L, o->n_external, 0);
  for (int i = 0; i < o->n_external; i++) {
    lua_pushstring(L, o->external[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "external");
  lua_createtable(L, 0, o->n_meta);
  for (int i = 0; i < o->n_meta; i++) {
    lua_pushstring(L, o->meta[i].value);
    lua_setfield(L, -2, o->meta[i].key);
  }
  lua_setfield(L, -2, "metadata");
  return 1;
}

/* free_batch(bytes) -> bytes */
static int f_free_batch(lua_State *L) {
  size_t n;
  Err err;
  const char *bytes = luaL_checklstring(L, 1, &n);
  Buf *b = bind_buf(L);
  if (!onnx_free_batch(bytes, n, b, &err)) return bind_fail(L, &err);
  lua_pushlstring(L, (const char *)b->data, b->n);
  return 1;
}

static void indexed(lua_State *L, const char *name, const luaL_Reg *methods, const luaL_Reg *meta, lua_CFunction index) {
  bind_type(L, name, methods, meta);
  luaL_getmetatable(L, name);
  lua_getfield(L, -1, "__index");
  lua_pushcclosure(L, index, 1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

static const luaL_Reg funcs[] = {{"open", f_open}, {"inspect", f_inspect}, {"free_batch", f_free_batch}, {NULL, NULL}};
static const luaL_Reg runtime_methods[] = {{"providers", f_providers}, {"session", f_session}, {NULL, NULL}};
static const luaL_Reg session_methods[] = {{"run", f_run}, {NULL, NULL}};
static const luaL_Reg session_meta[] = {{"__gc", f_session_gc}, {NULL, NULL}};

int open_onnx(lua_State *L) {
  indexed(L, RUNTIME, runtime_methods, NULL, f_runtime_index);
  indexed(L, SESSION, session_methods, session_meta, f_session_index);
  luaL_newlib(L, funcs);
  return 1;
}
