/* Median over a square of 2 radius + 1 pixels.
 *
 * Up to NETWORK_RADIUS, and for f32 always: a sorting network (Batcher's odd-even
 * merge, pruned to what the middle depends on) run on whole rows at once, so its
 * minima and maxima are vector instructions. u8 beyond: a histogram that slides
 * along the row (Huang, Yang & Tang 1979). Same result, by definition.
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "prim/filter.h"

enum { RADIUS_MAX = 7, SIDE_MAX = 2 * RADIUS_MAX + 1, NETWORK_RADIUS = 3, WIRES = SIDE_MAX * SIDE_MAX, BLOCK = 256 };

typedef enum Part { BOTH, LOW, HIGH } Part; /* what of an exchange is used later */

typedef struct Exchange { uint8_t a, b, part; } Exchange; /* afterwards a holds the smaller */

typedef struct Network {
  Exchange *list; /* owned */
  size_t n, cap;
} Network;

static bool add(Network *net, int a, int b) {
  if (net->n == net->cap) {
    size_t cap = net->cap ? 2 * net->cap : 256;
    Exchange *list = mem_realloc(net->list, cap, sizeof *list);
    if (!list) return false;
    net->list = list, net->cap = cap;
  }
  net->list[net->n++] = (Exchange){(uint8_t)a, (uint8_t)b, BOTH};
  return true;
}

/* Batcher's merge exchange (Knuth, TAOCP 3, 5.2.2 M) for any n, then, from the back, what the middle wire needs. */
static bool build(Network *net, int n) {
  int top = 1;
  while (2 * top < n) top *= 2;
  for (int p = top; p > 0; p /= 2)
    for (int q = top, r = 0, d = p;; d = q - p, q /= 2, r = p) {
      for (int i = 0; i < n - d; i++)
        if ((i & p) == r && !add(net, i, i + d)) return false;
      if (q == p) break;
    }
  bool need[WIRES] = {0};
  need[n / 2] = true;
  size_t kept = net->n;
  for (size_t i = net->n; i-- > 0;) {
    Exchange e = net->list[i];
    if (!need[e.a] && !need[e.b]) continue;
    e.part = need[e.a] && need[e.b] ? BOTH : need[e.a] ? LOW : HIGH;
    need[e.a] = need[e.b] = true;
    net->list[--kept] = e;
  }
  memmove(net->list, net->list + kept, (net->n - kept) * sizeof *net->list);
  net->n -= kept;
  return true;
}

KERNEL static void run_u8(const Exchange *list, size_t count, uint8_t (*wire)[BLOCK]) {
  for (size_t k = 0; k < count; k++) {
    uint8_t *restrict a = wire[list[k].a], *restrict b = wire[list[k].b];
    if (list[k].part == BOTH)
      for (int i = 0; i < BLOCK; i++) {
        uint8_t lo = a[i] < b[i] ? a[i] : b[i], hi = a[i] < b[i] ? b[i] : a[i];
        a[i] = lo, b[i] = hi;
      }
    else if (list[k].part == LOW)
      for (int i = 0; i < BLOCK; i++) a[i] = a[i] < b[i] ? a[i] : b[i];
    else
      for (int i = 0; i < BLOCK; i++) b[i] = a[i] < b[i] ? b[i] : a[i];
  }
}

KERNEL static void run_f32(const Exchange *list, size_t count, float (*wire)[BLOCK]) {
  for (size_t k = 0; k < count; k++) {
    float *restrict a = wire[list[k].a], *restrict b = wire[list[k].b];
    if (list[k].part == BOTH)
      for (int i = 0; i < BLOCK; i++) {
        float lo = a[i] < b[i] ? a[i] : b[i], hi = a[i] < b[i] ? b[i] : a[i];
        a[i] = lo, b[i] = hi;
      }
    else if (list[k].part == LOW)
      for (int i = 0; i < BLOCK; i++) a[i] = a[i] < b[i] ? a[i] : b[i];
    else
      for (int i = 0; i < BLOCK; i++) b[i] = a[i] < b[i] ? b[i] : a[i];
  }
}

/* Three by three by hand: sort the columns, then the middle of (largest low, middle of middles, smallest high). */
static inline uint8_t lo2(uint8_t a, uint8_t b) { return a < b ? a : b; }
static inline uint8_t hi2(uint8_t a, uint8_t b) { return a < b ? b : a; }
static inline uint8_t mid3(uint8_t a, uint8_t b, uint8_t c) { return hi2(lo2(a, b), lo2(hi2(a, b), c)); }

KERNEL static void columns3(const uint8_t *a, const uint8_t *b, const uint8_t *c, uint8_t *restrict lo, uint8_t *restrict mid,
                            uint8_t *restrict hi, size_t n) {
  for (size_t i = 0; i < n; i++) {
    uint8_t p = lo2(a[i], b[i]), q = hi2(a[i], b[i]);
    hi[i] = hi2(q, c[i]);
    lo[i] = lo2(p, c[i]);
    mid[i] = hi2(p, lo2(q, c[i]));
  }
}

KERNEL static void middle3(const uint8_t *lo, const uint8_t *mid, const uint8_t *hi, size_t c, uint8_t *restrict out, size_t n) {
  for (size_t i = 0; i < n; i++)
    out[i] = mid3(hi2(hi2(lo[i], lo[i + c]), lo[i + 2 * c]), mid3(mid[i], mid[i + c], mid[i + 2 * c]),
                  lo2(lo2(hi[i], hi[i + c]), hi[i + 2 * c]));
}

/* What a picture needs while its rows run. */
typedef struct Median {
  const Image *in;
  Image *out;
  const uint8_t *data; /* padded by radius */
  size_t stride, px;
  int radius;
} Median;

static const uint8_t *window_row(const Median *m, int y) { return m->data + (size_t)reflect(y, m->in->h) * m->stride - (size_t)m->radius * m->px; }

static bool three(const Median *m) {
  size_t c = m->px, n = (size_t)m->in->w * c, wide = n + 2 * c;
  uint8_t *own = mem_alloc(wide, 3);
  for (int y = 0; own && y < m->in->h; y++) {
    columns3(window_row(m, y - 1), window_row(m, y), window_row(m, y + 1), own, own + wide, own + 2 * wide, wide);
    middle3(own, own + wide, own + 2 * wide, c, image_row(m->out, y), n);
  }
  mem_free(own);
  return own != NULL;
}

static bool network(const Median *m) {
  size_t size = image_sample_size(m->in), n = image_row_bytes(m->in);
  int side = 2 * m->radius + 1;
  Network net = {0};
  uint8_t *wires = build(&net, side * side) ? mem_aligned((size_t)(side * side) * BLOCK * size) : NULL;
  if (wires) memset(wires, 0, (size_t)(side * side) * BLOCK * size);
  for (int y = 0; wires && y < m->in->h; y++)
    for (size_t at = 0; at < n; at += BLOCK * size) {
      size_t count = n - at < BLOCK * size ? n - at : BLOCK * size;
      for (int i = 0; i < side * side; i++)
        memcpy(wires + (size_t)i * BLOCK * size, window_row(m, y - m->radius + i / side) + at + (size_t)(i % side) * m->px, count);
      if (size == 1) run_u8(net.list, net.n, (uint8_t(*)[BLOCK])wires);
      else run_f32(net.list, net.n, (float(*)[BLOCK])(void *)wires);
      memcpy(image_row(m->out, y) + at, wires + (size_t)(side * side / 2) * BLOCK * size, count);
    }
  mem_free(wires);
  mem_free(net.list);
  return wires != NULL;
}

/* One channel of one row: counts of 256 values, and how many lie below the current middle. */
static void slide(const Median *m, int y, size_t channel) {
  const uint8_t *rows[SIDE_MAX];
  int side = 2 * m->radius + 1, half = side * side / 2, below = 0, middle = 0;
  uint16_t count[256] = {0};
  for (int k = 0; k < side; k++) {
    rows[k] = window_row(m, y - m->radius + k) + channel;
    for (int x = 0; x < side; x++) count[rows[k][(size_t)x * m->px]]++;
  }
  uint8_t *out = image_row(m->out, y) + channel;
  for (int x = 0;; x++) {
    while (below > half) below -= count[--middle];
    while (below + count[middle] <= half) below += count[middle++];
    out[(size_t)x * m->px] = (uint8_t)middle;
    if (x + 1 == m->in->w) break;
    for (int k = 0; k < side; k++) {
      uint8_t gone = rows[k][(size_t)x * m->px], come = rows[k][(size_t)(x + side) * m->px];
      count[gone]--, count[come]++;
      below += (come < middle) - (gone < middle);
    }
  }
}

static bool histogram(const Median *m) {
  for (int y = 0; y < m->in->h; y++)
    for (size_t k = 0; k < m->px; k++) slide(m, y, k);
  return true;
}

Image *median_apply(const Step *s, const Image *in, Err *err) {
  Median m = {.in = in, .radius = (int)s->num[0], .px = image_sample_size(in) * (size_t)in->c};
  if (m.radius == 0) return image_copy(in, err);
  uint8_t *own;
  m.data = pad_image(in, m.radius, m.radius, &m.stride, &own, err);
  if (!m.data) return NULL;
  m.out = image_like(in, err);
  bool u8 = in->type == IMAGE_U8, ok = false;
  if (m.out) ok = u8 && m.radius == 1 ? three(&m) : u8 && m.radius > NETWORK_RADIUS ? histogram(&m) : network(&m);
  mem_free(own);
  if (ok) return keep_alpha(m.out, in), m.out;
  if (m.out) err_memory(err);
  image_unref(m.out);
  return NULL;
}
