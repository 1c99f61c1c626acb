/* ONNX files as protobuf: see the header. SPDX-License-Identifier: MIT */
#include "model/onnxpb.h"

#include <string.h>

#include "base/mem.h"

enum {
  MODEL_IR = 1, MODEL_GRAPH = 7, MODEL_OPSET = 8, MODEL_META = 14,
  GRAPH_NODE = 1, GRAPH_INITIALIZER = 5, GRAPH_INPUT = 11, GRAPH_OUTPUT = 12, GRAPH_VALUE_INFO = 13,
  NODE_INPUT = 1, NODE_OUTPUT = 2, NODE_OP = 4, NODE_ATTRIBUTE = 5, ATTRIBUTE_TENSOR = 5, ATTRIBUTE_GRAPH = 6,
  TENSOR_NAME = 8, TENSOR_EXTERNAL = 13, VALUE_NAME = 1, VALUE_TYPE = 2, TYPE_TENSOR = 1, TENSOR_ELEM = 1, TENSOR_SHAPE = 2,
  SHAPE_DIM = 1, DIM_VALUE = 1, DIM_PARAM = 2, OPSET_DOMAIN = 1, OPSET_VERSION = 2, PAIR_KEY = 1, PAIR_VALUE = 2,
  DEPTH_MAX = 16, /* of graphs within graphs */
  COUNT_MAX = 4096 /* of inputs, outputs, external files */
};

static bool varint(Pb *pb, uint64_t *out) {
  uint64_t v = 0;
  for (int shift = 0; shift < 70; shift += 7) {
    if (pb->p == pb->end) return false;
    uint8_t b = *pb->p++;
    if (shift < 64) v |= (uint64_t)(b & 127) << shift;
    if (!(b & 128)) return *out = v, true;
  }
  return false;
}

static bool fixed(Pb *pb, int n, uint64_t *out) {
  if (pb->end - pb->p < n) return false;
  *out = 0;
  for (int i = 0; i < n; i++) *out |= (uint64_t)pb->p[i] << 8 * i;
  pb->p += n;
  return true;
}

int pb_next(Pb *pb, PbField *f) {
  uint64_t tag;
  if (pb->p == pb->end) return 0;
  f->start = pb->p;
  f->value = 0;
  f->bytes = (Pb){NULL, NULL};
  if (!varint(pb, &tag) || tag >> 3 == 0 || tag >> 3 > 0x1fffffff) return -1;
  f->number = (int)(tag >> 3);
  f->wire = (int)(tag & 7);
  switch (f->wire) {
    case 0: return varint(pb, &f->value) ? 1 : -1;
    case 1: return fixed(pb, 8, &f->value) ? 1 : -1;
    case 5: return fixed(pb, 4, &f->value) ? 1 : -1;
    case 2:
      if (!varint(pb, &f->value) || f->value > (uint64_t)(pb->end - pb->p)) return -1;
      f->bytes = (Pb){pb->p, pb->p + f->value};
      pb->p += f->value;
      return 1;
    default: return -1; /* groups are no part of ONNX */
  }
}

void pb_put_varint(Buf *b, uint64_t v) {
  uint8_t out[10];
  int n = 0;
  do {
    out[n] = (uint8_t)(v & 127);
    v >>= 7;
    if (v) out[n] |= 128;
    n++;
  } while (v);
  buf_append(b, out, (size_t)n);
}

void pb_put_bytes(Buf *b, int field, const void *data, size_t n) {
  pb_put_varint(b, (uint64_t)field << 3 | 2);
  pb_put_varint(b, n);
  if (n) buf_append(b, data, n);
}

static size_t pb_size(Pb pb) { return (size_t)(pb.end - pb.p); }
static bool same(Pb a, Pb b) { return pb_size(a) == pb_size(b) && (pb_size(a) == 0 || !memcmp(a.p, b.p, pb_size(a))); }

/* The first field with this number, NULL bytes when absent. */
static Pb find(Pb pb, int number) {
  PbField f;
  while (pb_next(&pb, &f) == 1)
    if (f.number == number && f.wire == 2) return f.bytes;
  return (Pb){NULL, NULL};
}

static char *text(Pb pb) {
  char *s = mem_alloc(pb_size(pb) + 1, 1);
  if (!s) return NULL;
  if (pb.p) memcpy(s, pb.p, pb_size(pb));
  s[pb_size(pb)] = 0;
  return s;
}

/* Whether the bytes are well-formed all the way down the messages we know; the runtime's reader sees only those. */
static bool well_formed(Pb pb) {
  PbField f;
  int rc;
  while ((rc = pb_next(&pb, &f)) == 1) {}
  return rc == 0;
}

static bool is_initializer(Pb graph, Pb name) {
  PbField f;
  while (pb_next(&graph, &f) == 1)
    if (f.number == GRAPH_INITIALIZER && f.wire == 2 && same(find(f.bytes, TENSOR_NAME), name)) return true;
  return false;
}

static void read_dims(Pb shape, OnnxValue *v) {
  PbField f;
  v->rank = 0;
  while (pb_next(&shape, &f) == 1) {
    if (f.number != SHAPE_DIM || f.wire != 2) continue;
    int64_t dim = -1;
    PbField d;
    while (pb_next(&f.bytes, &d) == 1)
      if (d.number == DIM_VALUE && d.wire == 0) dim = (int64_t)d.value;
    if (v->rank < TENSOR_RANK_MAX) v->dim[v->rank] = dim < 0 ? -1 : dim;
    v->rank++;
  }
  if (v->rank > TENSOR_RANK_MAX) v->rank = -1;
}

static bool read_value(Pb info, OnnxValue *v) {
  Pb tensor = find(find(info, VALUE_TYPE), TYPE_TENSOR), shape;
  PbField f;
  v->rank = -1;
  v->name = text(find(info, VALUE_NAME));
  v->producer = mem_strdup("");
  shape = find(tensor, TENSOR_SHAPE);
  while (pb_next(&tensor, &f) == 1)
    if (f.number == TENSOR_ELEM && f.wire == 0) v->type = f.value > 64 ? 0 : (int)f.value;
  if (shape.p) read_dims(shape, v);
  return v->name && v->producer;
}

/* The node that makes `name`; its operator and first input. */
static bool node_of(Pb graph, Pb name, Pb *op, Pb *input) {
  PbField f, g;
  while (pb_next(&graph, &f) == 1) {
    if (f.number != GRAPH_NODE || f.wire != 2) continue;
    Pb node = f.bytes;
    while (pb_next(&node, &g) == 1) {
      if (g.number != NODE_OUTPUT || g.wire != 2 || !same(g.bytes, name)) continue;
      *op = find(f.bytes, NODE_OP);
      *input = find(f.bytes, NODE_INPUT);
      return true;
    }
  }
  return false;
}

/* Operators that only rearrange: what matters to a reader of the values is before them. */
static bool rearranges(Pb op) {
  static const char *const names[] = {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Cast", "Dropout", "Transpose", NULL};
  for (int i = 0; names[i]; i++)
    if (pb_size(op) == strlen(names[i]) && !memcmp(op.p, names[i], pb_size(op))) return true;
  return false;
}

static bool find_producer(Pb graph, OnnxValue *v) {
  Pb name = {(const uint8_t *)v->name, (const uint8_t *)v->name + strlen(v->name)}, op = {NULL, NULL}, input;
  for (int hops = 0; hops < 8; hops++) {
    if (!node_of(graph, name, &op, &input)) return true;
    if (!rearranges(op) || !input.p) break;
    name = input;
  }
  char *producer = text(op);
  if (!producer) return false;
  mem_free(v->producer);
  v->producer = producer;
  return true;
}

static bool add_value(OnnxValue **list, int *n, Pb info, Err *err) {
  if (*n >= COUNT_MAX) return err_set(err, ERR_LIMIT, "ONNX model: more than %d inputs or outputs", COUNT_MAX);
  OnnxValue *bigger = mem_realloc(*list, (size_t)*n + 1, sizeof **list);
  if (!bigger) return err_memory(err);
  *list = bigger;
  memset(&bigger[*n], 0, sizeof *bigger);
  return read_value(info, &bigger[(*n)++]) || err_memory(err);
}

static bool add_external(OnnxInfo *info, Pb pair, Err *err) {
  Pb key = find(pair, PAIR_KEY), value = find(pair, PAIR_VALUE);
  if (pb_size(key) != 8 || memcmp(key.p, "location", 8)) return true;
  for (int i = 0; i < info->n_external; i++)
    if (strlen(info->external[i]) == pb_size(value) && !memcmp(info->external[i], value.p, pb_size(value))) return true;
  if (info->n_external >= COUNT_MAX) return err_set(err, ERR_LIMIT, "ONNX model: more than %d external files", COUNT_MAX);
  char **bigger = mem_realloc(info->external, (size_t)info->n_external + 1, sizeof *bigger);
  if (!bigger) return err_memory(err);
  info->external = bigger;
  if (!(bigger[info->n_external] = text(value))) return err_memory(err);
  info->n_external++;
  return true;
}

static bool read_tensor(OnnxInfo *info, Pb tensor, Err *err) {
  PbField f;
  int rc;
  while ((rc = pb_next(&tensor, &f)) == 1)
    if (f.number == TENSOR_EXTERNAL && f.wire == 2 && !add_external(info, f.bytes, err)) return false;
  return rc == 0 || err_set(err, ERR_DAMAGED, "ONNX model: a tensor is damaged");
}

static bool read_graph(OnnxInfo *info, Pb graph, int depth, Err *err);

static bool read_node(OnnxInfo *info, Pb node, int depth, Err *err) {
  PbField f, g;
  int rc;
  while ((rc = pb_next(&node, &f)) == 1) {
    if (f.number != NODE_ATTRIBUTE || f.wire != 2) continue;
    int inner;
    while ((inner = pb_next(&f.bytes, &g)) == 1) {
      if (g.number == ATTRIBUTE_TENSOR && g.wire == 2 && !read_tensor(info, g.bytes, err)) return false;
      if (g.number == ATTRIBUTE_GRAPH && g.wire == 2 && !read_graph(info, g.bytes, depth + 1, err)) return false;
    }
    if (inner < 0) rc = -1;
    if (rc < 0) break;
  }
  return rc == 0 || err_set(err, ERR_DAMAGED, "ONNX model: a node is damaged");
}

/* Inputs and outputs count at the top only; nodes and external files anywhere. */
static bool read_graph(OnnxInfo *info, Pb graph, int depth, Err *err) {
  Pb all = graph;
  PbField f;
  int rc;
  if (depth > DEPTH_MAX) return err_set(err, ERR_LIMIT, "ONNX model: graphs within graphs beyond %d", DEPTH_MAX);
  while ((rc = pb_next(&graph, &f)) == 1) {
    if (f.wire != 2) continue;
    bool ok = true;
    if (f.number == GRAPH_NODE) {
      info->nodes++;
      ok = read_node(info, f.bytes, depth, err);
    } else if (f.number == GRAPH_INITIALIZER) {
      ok = read_tensor(info, f.bytes, err);
    } else if (depth == 0 && (f.number == GRAPH_INPUT || f.number == GRAPH_OUTPUT)) {
      if (!well_formed(f.bytes)) ok = err_set(err, ERR_DAMAGED, "ONNX model: an input or output is damaged");
      else if (f.number == GRAPH_OUTPUT) ok = add_value(&info->out, &info->n_out, f.bytes, err);
      else if (!is_initializer(all, find(f.bytes, VALUE_NAME))) ok = add_value(&info->in, &info->n_in, f.bytes, err);
    }
    if (!ok) return false;
  }
  if (rc < 0) return err_set(err, ERR_DAMAGED, "ONNX model: the graph is damaged");
  for (int i = 0; depth == 0 && i < info->n_out; i++)
    if (!find_producer(all, &info->out[i])) return err_memory(err);
  return true;
}

static void read_opset(OnnxInfo *info, Pb opset) {
  Pb domain = find(opset, OPSET_DOMAIN);
  PbField f;
  if (pb_size(domain) && !(pb_size(domain) == 7 && !memcmp(domain.p, "ai.onnx", 7))) return;
  while (pb_next(&opset, &f) == 1)
    if (f.number == OPSET_VERSION && f.wire == 0) info->opset = (int64_t)f.value;
}

static bool read_meta(OnnxInfo *info, Pb pair, Err *err) {
  if (info->n_meta >= COUNT_MAX) return err_set(err, ERR_LIMIT, "ONNX model: more than %d metadata entries", COUNT_MAX);
  OnnxPair *bigger = mem_realloc(info->meta, (size_t)info->n_meta + 1, sizeof *bigger);
  if (!bigger) return err_memory(err);
  info->meta = bigger;
  OnnxPair *p = &bigger[info->n_meta++];
  p->key = text(find(pair, PAIR_KEY));
  p->value = text(find(pair, PAIR_VALUE));
  return (p->key && p->value) || err_memory(err);
}

bool onnx_inspect(const void *data, size_t n, OnnxInfo *out, Err *err) {
  Pb pb = {data, (const uint8_t *)data + n};
  OnnxInfo info = {0};
  PbField f;
  bool graph = false, ok = true;
  int rc;
  while (ok && (rc = pb_next(&pb, &f)) != 0) {
    if (rc < 0) {
      ok = err_set(err, info.ir > 0 || graph ? ERR_DAMAGED : ERR_REFUSED, info.ir > 0 || graph ? "ONNX model: damaged or truncated at byte %zu" : "not an ONNX model: no protobuf at byte %zu",
                   (size_t)(f.start - (const uint8_t *)data));
    } else if (f.number == MODEL_IR && f.wire == 0) {
      info.ir = (int64_t)f.value;
    } else if (f.number == MODEL_GRAPH && f.wire == 2) {
      graph = true;
      ok = read_graph(&info, f.bytes, 0, err);
    } else if (f.number == MODEL_OPSET && f.wire == 2) {
      read_opset(&info, f.bytes);
    } else if (f.number == MODEL_META && f.wire == 2) {
      ok = read_meta(&info, f.bytes, err);
    }
  }
  if (ok && !graph) ok = err_set(err, ERR_REFUSED, "not an ONNX model: it has no graph");
  if (ok && info.n_out == 0) ok = err_set(err, ERR_REFUSED, "ONNX model: no outputs");
  if (!ok) onnx_info_clear(&info);
  else *out = info;
  return ok;
}

static void free_values(OnnxValue *list, int n) {
  for (int i = 0; i < n; i++) {
    mem_free(list[i].name);
    mem_free(list[i].producer);
  }
  mem_free(list);
}

void onnx_info_clear(OnnxInfo *info) {
  free_values(info->in, info->n_in);
  free_values(info->out, info->n_out);
  for (int i = 0; i < info->n_meta; i++) {
    mem_free(info->meta[i].key);
    mem_free(info->meta[i].value);
  }
  for (int i = 0; i < info->n_external; i++) mem_free(info->external[i]);
  mem_free(info->meta);
  mem_free(info->external);
  memset(info, 0, sizeof *info);
}

/* Copy a message with field `number` rewritten by `change`, which gets the bytes and writes the new ones. Only the first
 * such field when `first_only`. */
typedef void Change(Pb bytes, Buf *out);

static void rewrite(Pb pb, int number, bool first_only, Change *change, Buf *out) {
  PbField f;
  bool done = false;
  while (pb_next(&pb, &f) == 1) {
    if (f.number != number || f.wire != 2 || done) {
      buf_append(out, f.start, (size_t)(pb.p - f.start));
      continue;
    }
    Buf inner;
    buf_init(&inner);
    change(f.bytes, &inner);
    pb_put_bytes(out, number, inner.data, inner.n);
    if (inner.failed) out->failed = true;
    buf_clear(&inner);
    done = first_only;
  }
}

static void put_symbol(Pb dim, Buf *out) {
  (void)dim;
  pb_put_bytes(out, DIM_PARAM, "brink_batch", 11);
}
static void free_shape(Pb shape, Buf *out) { rewrite(shape, SHAPE_DIM, true, put_symbol, out); }
static void free_tensor(Pb tensor, Buf *out) { rewrite(tensor, TENSOR_SHAPE, false, free_shape, out); }
static void free_type(Pb type, Buf *out) { rewrite(type, TYPE_TENSOR, false, free_tensor, out); }
static void free_value(Pb info, Buf *out) { rewrite(info, VALUE_TYPE, false, free_type, out); }

static void free_graph(Pb graph, Buf *out) {
  Pb all = graph;
  PbField f;
  while (pb_next(&graph, &f) == 1) {
    bool input = f.number == GRAPH_INPUT && f.wire == 2 && !is_initializer(all, find(f.bytes, VALUE_NAME));
    if (f.number == GRAPH_VALUE_INFO) continue;
    if (!input && !(f.number == GRAPH_OUTPUT && f.wire == 2)) {
      buf_append(out, f.start, (size_t)(graph.p - f.start));
      continue;
    }
    Buf inner;
    buf_init(&inner);
    free_value(f.bytes, &inner);
    pb_put_bytes(out, f.number, inner.data, inner.n);
    if (inner.failed) out->failed = true;
    buf_clear(&inner);
  }
}

bool onnx_free_batch(const void *data, size_t n, Buf *out, Err *err) {
  OnnxInfo info;
  if (!onnx_inspect(data, n, &info, err)) return false;
  onnx_info_clear(&info);
  rewrite((Pb){data, (const uint8_t *)data + n}, MODEL_GRAPH, false, free_graph, out);
  return !out->failed || err_memory(err);
}
