/* core.tensor and the type brink.Tensor: numbers in and out of networks.
 *   tensor.new(shape[, dtype[, values]])   values: a list, or one number for all; default 0
 *   tensor.from_bytes(bytes, shape[, dtype])
 *   tensor.size(shape[, dtype]) -> bytes
 * t.shape t.dtype #t t[i], row-major and from 1. SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/mem.h"
#include "lua/bind.h"
#include "lua/bind_tensor.h"
#include "model/postprocess.h"

static void unref(void *t) { tensor_unref(t); }
static const RefType TENSOR = {"brink.Tensor", "tensor is gone", unref};

void tensor_push(lua_State *L, Tensor *t) { bind_push(L, &TENSOR, t, tensor_bytes(t)); }
Tensor *tensor_test(lua_State *L, int arg) { return bind_test(L, arg, &TENSOR); }
Tensor *tensor_check(lua_State *L, int arg) { return bind_check(L, arg, &TENSOR); }

void tensor_push_shape(lua_State *L, int rank, const int64_t *dim) {
  lua_createtable(L, rank < 0 ? 0 : rank, 0);
  for (int i = 0; i < rank; i++) {
    lua_pushinteger(L, dim[i]);
    lua_rawseti(L, -2, i + 1);
  }
}

static int f_buf_gc(lua_State *L) {
  buf_clear(lua_touserdata(L, 1));
  return 0;
}

Buf *bind_buf(lua_State *L) {
  Buf *b = lua_newuserdatauv(L, sizeof *b, 0);
  buf_init(b);
  if (luaL_newmetatable(L, "brink.Buf")) {
    lua_pushcfunction(L, f_buf_gc);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  return b;
}

/* A failure that the caller's arguments caused is raised, another one answered. */
static int failed(lua_State *L, const Err *err) {
  if (err->code == ERR_USAGE) return luaL_error(L, "%s", err->text);
  return bind_fail(L, err);
}

static int made(lua_State *L, Tensor *t, const Err *err) {
  if (!t) return failed(L, err);
  tensor_push(L, t);
  return 1;
}

static int check_shape(lua_State *L, int arg, int64_t dim[TENSOR_RANK_MAX]) {
  luaL_checktype(L, arg, LUA_TTABLE);
  lua_Integer rank = luaL_len(L, arg);
  luaL_argcheck(L, rank >= 0 && rank <= TENSOR_RANK_MAX, arg, "a list of 0..8 dimensions expected");
  for (int i = 0; i < (int)rank; i++) {
    lua_geti(L, arg, i + 1);
    int ok;
    dim[i] = lua_tointegerx(L, -1, &ok);
    luaL_argcheck(L, ok && dim[i] >= 0, arg, "dimensions: integers from 0 expected");
    lua_pop(L, 1);
  }
  return (int)rank;
}

static TensorType check_type(lua_State *L, int arg) {
  const char *name = luaL_optstring(L, arg, "f32");
  TensorType type = tensor_type_of(name);
  if (type == TENSOR_NONE) luaL_argerror(L, arg, lua_pushfstring(L, "%s: f32, f64, f16, u8, i8, u16, i16, u32, i32, u64, i64 or bool expected", name));
  return type;
}

static void fill_from_list(lua_State *L, int arg, Tensor *t) {
  for (size_t i = 0; i < t->n; i++) {
    int ok;
    lua_geti(L, arg, (lua_Integer)i + 1);
    if (t->type == TENSOR_I64 && lua_isinteger(L, -1)) {
      ((int64_t *)t->data)[i] = lua_tointeger(L, -1);
    } else {
      double v = lua_tonumberx(L, -1, &ok);
      if (!ok) luaL_argerror(L, arg, lua_pushfstring(L, "value %I: a number expected, got %s", (lua_Integer)i + 1, luaL_typename(L, -1)));
      tensor_set(t, i, v);
    }
    lua_pop(L, 1);
  }
}

/* new(shape[, dtype[, values]]) -> tensor; values: a list, or one number for all */
static int f_new(lua_State *L) {
  int64_t dim[TENSOR_RANK_MAX];
  Err err;
  lua_settop(L, 3);
  int rank = check_shape(L, 1, dim);
  TensorType type = check_type(L, 2);
  Tensor *t = tensor_new(type, rank, dim, &err);
  if (!t) return failed(L, &err);
  tensor_push(L, t);
  if (lua_istable(L, 3)) {
    lua_Integer n = luaL_len(L, 3);
    if (n != (lua_Integer)t->n) return luaL_argerror(L, 3, lua_pushfstring(L, "%I values, the shape holds %I", n, (lua_Integer)t->n));
    fill_from_list(L, 3, t);
  } else if (!lua_isnoneornil(L, 3)) {
    double v = luaL_checknumber(L, 3);
    for (size_t i = 0; i < t->n; i++) tensor_set(t, i, v);
  }
  return 1;
}

/* from_bytes(bytes, shape[, dtype]) -> tensor */
static int f_from_bytes(lua_State *L) {
  size_t n;
  int64_t dim[TENSOR_RANK_MAX];
  Err err;
  const char *bytes = luaL_checklstring(L, 1, &n);
  int rank = check_shape(L, 2, dim);
  Tensor *t = tensor_new(check_type(L, 3), rank, dim, &err);
  if (!t) return failed(L, &err);
  tensor_push(L, t);
  if (n != tensor_bytes(t)) return luaL_argerror(L, 1, lua_pushfstring(L, "%I bytes, the shape holds %I", (lua_Integer)n, (lua_Integer)tensor_bytes(t)));
  if (n) memcpy(t->data, bytes, n);
  return 1;
}

static void push_value(lua_State *L, const Tensor *t, size_t i) {
  switch (t->type) {
    case TENSOR_F32: case TENSOR_F64: case TENSOR_F16: lua_pushnumber(L, tensor_get(t, i)); break;
    case TENSOR_I64: lua_pushinteger(L, ((const int64_t *)t->data)[i]); break;
    case TENSOR_U64: lua_pushinteger(L, (lua_Integer)((const uint64_t *)t->data)[i]); break;
    default: lua_pushinteger(L, (lua_Integer)tensor_get(t, i));
  }
}

/* size(shape[, dtype]) -> bytes that such a tensor has */
static int f_shape_size(lua_State *L) {
  int64_t dim[TENSOR_RANK_MAX];
  int rank = check_shape(L, 1, dim);
  size_t n = tensor_type_size(check_type(L, 2));
  for (int i = 0; i < rank; i++)
    if (__builtin_mul_overflow(n, (size_t)dim[i], &n)) return luaL_argerror(L, 1, "too large");
  lua_pushinteger(L, (lua_Integer)n);
  return 1;
}

/* t:at(i, j, ...) -> value; one index from 1 for each dimension */
static int f_at(lua_State *L) {
  const Tensor *t = tensor_check(L, 1);
  size_t at = 0;
  if (lua_gettop(L) - 1 != t->rank) return luaL_error(L, "at: %d indexes, the tensor has %d dimensions", lua_gettop(L) - 1, t->rank);
  for (int i = 0; i < t->rank; i++) {
    lua_Integer k = luaL_checkinteger(L, i + 2);
    if (k < 1 || k > t->dim[i]) return luaL_argerror(L, i + 2, lua_pushfstring(L, "index %I outside 1..%I", k, (lua_Integer)t->dim[i]));
    at = at * (size_t)t->dim[i] + (size_t)(k - 1);
  }
  push_value(L, t, at);
  return 1;
}

static size_t nest(lua_State *L, const Tensor *t, int level, size_t at) {
  luaL_checkstack(L, 4, NULL);
  if (level == t->rank) return push_value(L, t, at), at + 1;
  lua_createtable(L, t->dim[level] > 1 << 20 ? 1 << 20 : (int)t->dim[level], 0);
  for (int64_t i = 0; i < t->dim[level]; i++) {
    at = nest(L, t, level + 1, at);
    lua_rawseti(L, -2, i + 1);
  }
  return at;
}

/* t:totable([nested]) -> the values as one list, or as lists within lists */
static int f_totable(lua_State *L) {
  const Tensor *t = tensor_check(L, 1);
  if (lua_toboolean(L, 2)) return nest(L, t, 0, 0), 1;
  lua_createtable(L, t->n > 1 << 24 ? 1 << 24 : (int)t->n, 0);
  for (size_t i = 0; i < t->n; i++) {
    push_value(L, t, i);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

/* t:bytes() -> the values in the machine's order, row-major */
static int f_bytes(lua_State *L) {
  const Tensor *t = tensor_check(L, 1);
  lua_pushlstring(L, t->data, tensor_bytes(t));
  return 1;
}

/* t:argmax() -> index from 1 into all values, the value; nil for an empty tensor. The first of equals. */
static int f_argmax(lua_State *L) {
  const Tensor *t = tensor_check(L, 1);
  if (t->n == 0) return lua_pushnil(L), 1;
  size_t i = post_argmax(t);
  lua_pushinteger(L, (lua_Integer)i + 1);
  push_value(L, t, i);
  return 2;
}

enum { TOP_MAX = 10000 };

/* t:topk(k) -> { { index from 1, value }, ... }, best first */
static int f_topk(lua_State *L) {
  const Tensor *t = tensor_check(L, 1);
  lua_Integer k = luaL_checkinteger(L, 2);
  luaL_argcheck(L, k >= 1 && k <= TOP_MAX, 2, "expected 1..10000");
  int64_t *index = lua_newuserdatauv(L, (size_t)k * sizeof *index, 0);
  int n = post_topk(t, (int)k, index);
  lua_createtable(L, n, 0);
  for (int i = 0; i < n; i++) {
    lua_createtable(L, 2, 0);
    lua_pushinteger(L, index[i] + 1);
    lua_rawseti(L, -2, 1);
    push_value(L, t, (size_t)index[i]);
    lua_rawseti(L, -2, 2);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

/* The dimension meant: as given from 1, or the last that is longer than 1 (so that 1x1000x1x1 means its 1000). */
static int check_axis(lua_State *L, int arg, const Tensor *t) {
  if (lua_isnoneornil(L, arg)) {
    int axis = t->rank - 1;
    while (axis > 0 && t->dim[axis] == 1) axis--;
    return axis < 0 ? 0 : axis;
  }
  lua_Integer axis = luaL_checkinteger(L, arg);
  luaL_argcheck(L, axis >= 1 && axis <= t->rank, arg, "no such dimension");
  return (int)axis - 1;
}

/* t:softmax([dimension]) -> tensor f32 */
static int f_softmax(lua_State *L) {
  const Tensor *t = tensor_check(L, 1);
  Err err;
  return made(L, post_softmax(t, check_axis(L, 2, t), &err), &err);
}

/* t:sigmoid() -> tensor f32 of 1 / (1 + exp(-v)) */
static int f_sigmoid(lua_State *L) {
  Err err;
  return made(L, post_sigmoid(tensor_check(L, 1), &err), &err);
}

/* t:convert(dtype) -> tensor */
static int f_convert(lua_State *L) {
  Err err;
  const Tensor *t = tensor_check(L, 1);
  luaL_checkstring(L, 2);
  return made(L, tensor_convert(t, check_type(L, 2), &err), &err);
}

/* t:rows(first[, count]) -> the part of the first dimension from `first` (1..) on, copied */
static int f_rows(lua_State *L) {
  Err err;
  const Tensor *t = tensor_check(L, 1);
  lua_Integer first = luaL_checkinteger(L, 2);
  luaL_argcheck(L, first >= 1, 2, "a row from 1 expected");
  return made(L, tensor_rows(t, first - 1, luaL_optinteger(L, 3, 1), &err), &err);
}

/* t:reshape(shape) -> tensor of the same values */
static int f_reshape(lua_State *L) {
  Err err;
  int64_t dim[TENSOR_RANK_MAX];
  const Tensor *t = tensor_check(L, 1);
  int rank = check_shape(L, 2, dim);
  Tensor *out = tensor_new(t->type, rank, dim, &err);
  if (!out) return failed(L, &err);
  tensor_push(L, out);
  if (out->n != t->n) return luaL_argerror(L, 2, lua_pushfstring(L, "holds %I values, the tensor has %I", (lua_Integer)out->n, (lua_Integer)t->n));
  memcpy(out->data, t->data, tensor_bytes(t));
  return 1;
}

/* t:not_finite() -> how many values are NaN or infinite, the index from 1 of the first */
static int f_not_finite(lua_State *L) {
  size_t first = 0, n = tensor_not_finite(tensor_check(L, 1), &first);
  lua_pushinteger(L, (lua_Integer)n);
  if (n == 0) return 1;
  lua_pushinteger(L, (lua_Integer)first + 1);
  return 2;
}

/* t:json() -> text; raises when a value is not finite */
static int f_json(lua_State *L) {
  const Tensor *t = tensor_check(L, 1);
  Buf *b = bind_buf(L);
  if (!tensor_json(t, b)) return luaL_error(L, b->failed ? "out of memory" : "json: a value that is not finite");
  lua_pushlstring(L, (const char *)b->data, b->n);
  buf_clear(b);
  return 1;
}

/* t:size() -> bytes */
static int f_size(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)tensor_bytes(tensor_check(L, 1)));
  return 1;
}

static int f_len(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)tensor_check(L, 1)->n);
  return 1;
}

static int f_tostring(lua_State *L) {
  const Tensor *t = tensor_check(L, 1);
  char shape[128];
  tensor_shape_text(t->rank, t->dim, shape, sizeof shape);
  lua_pushfstring(L, "tensor %s %s", tensor_type_name(t->type), shape);
  return 1;
}

static int f_gc(lua_State *L) { return bind_drop(L, &TENSOR); }

/* t[i], t.shape, t.dtype, methods (in the upvalue) */
static int f_index(lua_State *L) {
  const Tensor *t = tensor_check(L, 1);
  if (lua_isinteger(L, 2)) {
    lua_Integer i = lua_tointeger(L, 2);
    if (i < 1 || i > (lua_Integer)t->n) lua_pushnil(L);
    else push_value(L, t, (size_t)(i - 1));
    return 1;
  }
  const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
  if (!strcmp(key, "shape")) tensor_push_shape(L, t->rank, t->dim);
  else if (!strcmp(key, "dtype")) lua_pushstring(L, tensor_type_name(t->type));
  else lua_pushvalue(L, 2), lua_rawget(L, lua_upvalueindex(1));
  return 1;
}

static const luaL_Reg methods[] = {{"at", f_at},           {"argmax", f_argmax},   {"bytes", f_bytes},   {"convert", f_convert}, {"reshape", f_reshape}, {"rows", f_rows},
                                   {"not_finite", f_not_finite}, {"size", f_size}, {"json", f_json},
                                   {"sigmoid", f_sigmoid}, {"softmax", f_softmax}, {"topk", f_topk},     {"totable", f_totable}, {NULL, NULL}};
static const luaL_Reg metamethods[] = {{"__gc", f_gc}, {"__len", f_len}, {"__tostring", f_tostring}, {NULL, NULL}};
static const luaL_Reg funcs[] = {{"new", f_new}, {"from_bytes", f_from_bytes}, {"size", f_shape_size}, {NULL, NULL}};

int open_tensor(lua_State *L) {
  bind_type(L, TENSOR.name, methods, metamethods);
  luaL_getmetatable(L, TENSOR.name);
  lua_getfield(L, -1, "__index");
  lua_pushcclosure(L, f_index, 1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  luaL_newlib(L, funcs);
  return 1;
}
