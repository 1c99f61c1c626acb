/* Median over a square of 2 radius + 1 pixels.
 *
 * Up to NETWORK_RADIUS, and for f32 always: sorting networks run on many pixels at
 * once, so that minima and maxima are vector instructions. Columns are sorted once
 * for all windows they are in; Batcher's odd-even merges, pruned to what the middle
 * depends on, do the rest: 82 exchanges a pixel at 5 x 5 and 205 at 7 x 7, where a
 * network over the whole window takes 113 and 313. u8 beyond: a histogram that slides
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

/* Batcher's odd-even merge (Knuth, TAOCP 3, 5.3.4) of two sorted lists of wires; out lists all of them in order. */
static bool merge(Network *net, const uint8_t *a, int m, const uint8_t *b, int n, uint8_t *out) {
  if (m == 0 || n == 0) {
    memcpy(out, m ? a : b, (size_t)(m + n));
    return true;
  }
  if (m == 1 && n == 1) {
    out[0] = a[0], out[1] = b[0];
    return add(net, a[0], b[0]);
  }
  uint8_t part[2][WIRES], odd[WIRES], even[WIRES]; /* the lists' 1st, 3rd, ... and 2nd, 4th, ... */
  int vm = (m + 1) / 2, vn = (n + 1) / 2, wm = m / 2, wn = n / 2;
  for (int i = 0; i < vm; i++) part[0][i] = a[2 * i];
  for (int i = 0; i < vn; i++) part[1][i] = b[2 * i];
  if (!merge(net, part[0], vm, part[1], vn, odd)) return false;
  for (int i = 0; i < wm; i++) part[0][i] = a[2 * i + 1];
  for (int i = 0; i < wn; i++) part[1][i] = b[2 * i + 1];
  if (!merge(net, part[0], wm, part[1], wn, even)) return false;
  int at = 0;
  out[at++] = odd[0];
  for (int i = 0; i < wm + wn; i++) {
    out[at++] = even[i];
    if (i + 1 >= vm + vn) continue;
    if (!add(net, even[i], odd[i + 1])) return false;
    out[at++] = odd[i + 1];
  }
  if (vm + vn > wm + wn + 1) out[at] = odd[vm + vn - 1];
  return true;
}

/* Keep, from the back, what the wanted wire depends on. */
static void prune(Network *net, int wanted) {
  bool need[WIRES] = {0};
  need[wanted] = true;
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
}

/* Merge `lists` lists of n wires each, list k on wires k n .. k n + n - 1, by pairs; order gets all wires, sorted. */
static bool merge_lists(Network *net, int lists, int n, uint8_t *order) {
  uint8_t next[WIRES];
  int length[SIDE_MAX];
  for (int i = 0; i < lists * n; i++) order[i] = (uint8_t)i;
  for (int k = 0; k < lists; k++) length[k] = n;
  while (lists > 1) {
    int at = 0, made = 0;
    for (int k = 0; k < lists; k += 2) {
      int other = k + 1 < lists ? length[k + 1] : 0;
      if (!merge(net, order + at, length[k], order + at + length[k], other, next + at)) return false;
      at += length[made++] = length[k] + other;
    }
    memcpy(order, next, (size_t)at);
    lists = made;
  }
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

/* Five by five: columns are sorted, neighbouring columns merged into tens that two windows share, and a window is two
 * tens and a column. Straight code, since 112 minima and maxima cost less than moving their operands about. */
#define ORDER(a, b)                                \
  do {                                             \
    uint8_t low = lo2(a, b), high = hi2(a, b);     \
    (a) = low, (b) = high;                         \
  } while (0)

enum { FIVE = 1024, FIVE_ROW = FIVE + 64 }; /* samples of a row done together, and with what a window reaches beyond them */

/* Shortest network for five. */
KERNEL static void columns5(const uint8_t *const row[5], size_t n, uint8_t *restrict out, size_t wide) {
  const uint8_t *r0 = row[0], *r1 = row[1], *r2 = row[2], *r3 = row[3], *r4 = row[4];
  for (size_t i = 0; i < n; i++) {
    uint8_t a = r0[i], b = r1[i], c = r2[i], d = r3[i], e = r4[i];
    ORDER(a, b); ORDER(d, e); ORDER(c, e); ORDER(c, d); ORDER(b, e); ORDER(a, d); ORDER(a, c); ORDER(b, d); ORDER(b, c);
    out[i] = a, out[wide + i] = b, out[2 * wide + i] = c, out[3 * wide + i] = d, out[4 * wide + i] = e;
  }
}

/* Batcher's merge of the column at i and its neighbour at i + c. */
KERNEL static void tens5(const uint8_t *restrict in, size_t wide, size_t c, size_t n, uint8_t *restrict out) {
  const uint8_t *r0 = in, *r1 = r0 + wide, *r2 = r1 + wide, *r3 = r2 + wide, *r4 = r3 + wide;
  for (size_t i = 0; i < n; i++) {
    uint8_t a0 = r0[i], a1 = r1[i], a2 = r2[i], a3 = r3[i], a4 = r4[i];
    uint8_t b0 = r0[i + c], b1 = r1[i + c], b2 = r2[i + c], b3 = r3[i + c], b4 = r4[i + c];
    ORDER(a0, b0); ORDER(a4, b4); ORDER(b0, a4); ORDER(a2, b2); ORDER(a2, b0); ORDER(b2, a4); /* a0 a2 b0 b2 a4 b4 */
    ORDER(a1, b1); ORDER(a3, b3); ORDER(b1, a3);                                               /* a1 b1 a3 b3 */
    ORDER(a1, a2); ORDER(b1, b0); ORDER(a3, b2); ORDER(b3, a4);
    uint8_t *const o = out + i;
    o[0] = a0, o[FIVE_ROW] = a1, o[2 * FIVE_ROW] = a2, o[3 * FIVE_ROW] = b1, o[4 * FIVE_ROW] = b0;
    o[5 * FIVE_ROW] = a3, o[6 * FIVE_ROW] = b2, o[7 * FIVE_ROW] = b3, o[8 * FIVE_ROW] = a4, o[9 * FIVE_ROW] = b4;
  }
}

/* The greatest three of five, ascending, to v[2], v[3], v[4]. */
static inline __attribute__((always_inline)) void greatest3(uint8_t v[5]) {
  ORDER(v[0], v[1]); ORDER(v[2], v[3]); ORDER(v[0], v[2]); ORDER(v[1], v[3]); ORDER(v[1], v[2]);
  ORDER(v[3], v[4]); ORDER(v[2], v[3]); ORDER(v[1], v[2]);
}

static inline __attribute__((always_inline)) void least3(uint8_t v[5]) {
  ORDER(v[3], v[4]); ORDER(v[1], v[2]); ORDER(v[2], v[4]); ORDER(v[1], v[3]); ORDER(v[2], v[3]);
  ORDER(v[0], v[1]); ORDER(v[1], v[2]); ORDER(v[2], v[3]);
}

/* Of the twenty in two tens only those of ranks 7 to 12 can be the middle of 25. min(a[k], b[9 - k]) are the lesser ten,
 * in rising and falling order; the greater halves of such a sequence's pairs half its length apart are its greater half. */
KERNEL static void middle5(const uint8_t *restrict ten, const uint8_t *restrict five, size_t wide, size_t c, uint8_t *restrict out, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const uint8_t *const one = ten + i, *const two = one + 2 * c, *const v = five + i + 4 * c;
    uint8_t less[5], more[5];
    for (int k = 0; k < 5; k++) {
      const uint8_t a = one[k * FIVE_ROW], b = two[(9 - k) * FIVE_ROW], d = one[(k + 5) * FIVE_ROW], e = two[(4 - k) * FIVE_ROW];
      less[k] = hi2(lo2(a, b), lo2(d, e));
      more[k] = lo2(hi2(a, b), hi2(d, e));
    }
    greatest3(less);
    least3(more);
    uint8_t m = lo2(more[2], hi2(more[1], v[0]));
    m = lo2(m, hi2(more[0], v[wide]));
    m = lo2(m, hi2(less[4], v[2 * wide]));
    m = lo2(m, hi2(less[3], v[3 * wide]));
    out[i] = lo2(m, hi2(less[2], v[4 * wide]));
  }
}

/* What a picture needs while its rows run. */
typedef struct Median {
  const Image *in;
  Image *out;
  const uint8_t *data; /* padded by radius */
  size_t stride, px;
  int radius;
} Median;

static const uint8_t *window_row(const Median *m, int y) {
  return m->data + (size_t)reflect(y, m->in->h) * m->stride - (size_t)m->radius * m->px;
}

static const uint8_t *plain_row(const Median *m, int y) { return image_row(m->in, reflect(y, m->in->h)); }

static bool three(const Median *m) {
  const size_t c = m->px, n = (size_t)m->in->w * c, wide = n + 2 * c;
  uint8_t *own = mem_alloc(wide, 3);
  for (int y = 0; own && y < m->in->h; y++) {
    uint8_t *lo = own + c, *mid = lo + wide, *hi = mid + wide;
    columns3(plain_row(m, y - 1), plain_row(m, y), plain_row(m, y + 1), lo, mid, hi, n);
    for (int k = 0; k < 3; k++) pad_row(lo + (size_t)k * wide, m->in->w, c, 1, 1);
    middle3(own, own + wide, own + 2 * wide, c, image_row(m->out, y), n);
  }
  mem_free(own);
  return own != NULL;
}

static bool five(const Median *m) {
  const size_t c = m->px, n = (size_t)m->in->w * c, wide = n + 4 * c;
  uint8_t *sorted = mem_alloc(5, wide), *tens = mem_alloc(10, FIVE_ROW);
  bool ok = sorted && tens;
  for (int y = 0; ok && y < m->in->h; y++) {
    const uint8_t *row[5];
    for (int k = 0; k < 5; k++) row[k] = plain_row(m, y + k - 2);
    columns5(row, n, sorted + 2 * c, wide);
    for (size_t k = 0; k < 5; k++) pad_row(sorted + 2 * c + k * wide, m->in->w, c, 2, 2);
    for (size_t at = 0; at < n; at += FIVE) {
      const size_t count = n - at < FIVE ? n - at : FIVE;
      tens5(sorted + at, wide, c, count + 2 * c, tens);
      middle5(tens, sorted + at, wide, c, image_row(m->out, y) + at, count);
    }
  }
  mem_free(sorted);
  mem_free(tens);
  return ok;
}

static void run(const Network *net, size_t size, uint8_t *wires) {
  if (size == 1) run_u8(net->list, net->n, (uint8_t(*)[BLOCK])wires);
  else run_f32(net->list, net->n, (float(*)[BLOCK])(void *)wires);
}

/* Sort the columns of the window over the whole padded row: rank k of every column ends up in sorted + k wide. */
static void sort_columns(const Median *m, const Network *net, const uint8_t *order, int y, uint8_t *wires, uint8_t *sorted, size_t wide) {
  size_t size = image_sample_size(m->in), block = BLOCK * size;
  int side = 2 * m->radius + 1;
  for (size_t at = 0; at < wide; at += block) {
    size_t count = wide - at < block ? wide - at : block;
    for (int k = 0; k < side; k++) memcpy(wires + (size_t)k * block, window_row(m, y - m->radius + k) + at, count);
    run(net, size, wires);
    for (int k = 0; k < side; k++) memcpy(sorted + (size_t)k * wide + at, wires + (size_t)order[k] * block, count);
  }
}

static void middle_row(const Median *m, const Network *net, int wanted, int y, uint8_t *wires, const uint8_t *sorted, size_t wide) {
  size_t size = image_sample_size(m->in), block = BLOCK * size, n = image_row_bytes(m->in);
  int side = 2 * m->radius + 1;
  for (size_t at = 0; at < n; at += block) {
    size_t count = n - at < block ? n - at : block;
    for (int i = 0; i < side * side; i++)
      memcpy(wires + (size_t)i * block, sorted + (size_t)(i % side) * wide + at + (size_t)(i / side) * m->px, count);
    run(net, size, wires);
    memcpy(image_row(m->out, y) + at, wires + (size_t)wanted * block, count);
  }
}

/* Columns are sorted once for the side windows they are part of; what is left is to merge side sorted lists. */
static bool network(const Median *m) {
  int side = 2 * m->radius + 1, all = side * side;
  size_t size = image_sample_size(m->in), wide = image_row_bytes(m->in) + 2 * (size_t)m->radius * m->px;
  uint8_t column_order[WIRES], order[WIRES];
  Network columns = {0}, rest = {0};
  uint8_t *wires = mem_aligned((size_t)all * BLOCK * size), *sorted = mem_alloc((size_t)side, wide);
  bool ok = wires && sorted && merge_lists(&columns, side, 1, column_order) && merge_lists(&rest, side, side, order);
  if (ok) {
    memset(wires, 0, (size_t)all * BLOCK * size);
    prune(&rest, order[all / 2]);
  }
  for (int y = 0; ok && y < m->in->h; y++) {
    sort_columns(m, &columns, column_order, y, wires, sorted, wide);
    middle_row(m, &rest, order[all / 2], y, wires, sorted, wide);
  }
  mem_free(wires);
  mem_free(sorted);
  mem_free(columns.list);
  mem_free(rest.list);
  return ok;
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

/* Windows of any size, from a picture padded all along. */
static bool padded(Median *m, Err *err) {
  uint8_t *own;
  m->data = pad_image(m->in, m->radius, m->radius, &m->stride, &own, err);
  if (!m->data) return false;
  bool ok = m->in->type == IMAGE_U8 && m->radius > NETWORK_RADIUS ? histogram(m) : network(m);
  mem_free(own);
  return ok;
}

Image *median_apply(const Step *s, const Image *in, Err *err) {
  Median m = {.in = in, .radius = (int)s->num[0], .px = image_sample_size(in) * (size_t)in->c};
  if (m.radius == 0) return image_copy(in, err);
  m.out = image_like(in, err);
  if (!m.out) return NULL;
  const bool u8 = in->type == IMAGE_U8;
  if (u8 && m.radius == 1 ? three(&m) : u8 && m.radius == 2 ? five(&m) : padded(&m, err)) return keep_alpha(m.out, in), m.out;
  image_unref(m.out);
  return err_memory(err), NULL;
}
