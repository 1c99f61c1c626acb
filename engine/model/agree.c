/* How many features of two pictures agree; see features.h.
 *
 * Mutual nearest neighbours by Hamming distance, then a vote: every match alone
 * says how one picture would lie in the other (scale, turn, shift); the matches
 * that fit the best such proposal, refitted to them once by least squares, count.
 * SPDX-License-Identifier: MIT */
#include <pthread.h>

#include "base/cpu.h"
#include "base/fmath.h"
#include "model/features.h"

enum {
  FAR = 80,        /* of 256 bits: unrelated corners differ by 128 +- 20 */
  TURN_APART = 18  /* of 256: 25 degrees between a match and the proposal */
};
#define NEAR 28.0f      /* pixels of FEATURES_SIDE, for a proposal from one match: its turn is good to a few degrees */
#define FITTED 16.0f    /* after refitting: room for perspective and elastic */

typedef struct Match {
  float ax, ay, bx, by;
  float scale;      /* 1.5^(level b - level a) */
  uint8_t turn;     /* angle b - angle a */
} Match;

typedef struct Similarity { float c, s, x, y; } Similarity; /* b = (c -s; s c) a + (x, y) */

/* Descriptors word by word, so that many distances come from one instruction. */
typedef struct Columns { uint64_t word[4][FEATURES_MAX]; } Columns;

/* Distance to the nearest and its number, as distance << 8 | number: the least of them is the first of the nearest. */
typedef struct Nearest { uint32_t of_a[FEATURES_MAX], of_b[FEATURES_MAX]; } Nearest;

enum { BIT = 8, NUMBER = (1 << BIT) - 1 };
_Static_assert((int)FEATURES_MAX <= (int)NUMBER, "the number of a feature fits");

#if defined(__x86_64__) && defined(BRINK_CLONES)
#include <immintrin.h>

/* Distances of p to the first n, rounded up to eights. */
__attribute__((target("avx512f,avx512vl,avx512vpopcntdq"))) static void distances_wide(const uint64_t p[4], const Columns *b, int n, uint32_t *out) {
  for (int j = 0; j < n; j += 8) {
    __m512i sum = _mm512_setzero_si512();
    for (int k = 0; k < 4; k++)
      sum = _mm512_add_epi64(sum, _mm512_popcnt_epi64(_mm512_xor_si512(_mm512_set1_epi64((long long)p[k]), _mm512_loadu_si512(b->word[k] + j))));
    _mm256_storeu_si256((__m256i *)(void *)(out + j), _mm512_cvtepi64_epi32(sum));
  }
}

static bool wide(void) { return __builtin_cpu_supports("avx512vpopcntdq") && __builtin_cpu_supports("avx512vl"); }
#else
static void distances_wide(const uint64_t p[4], const Columns *b, int n, uint32_t *out) { (void)p, (void)b, (void)n, (void)out; }
static bool wide(void) { return false; }
#endif

KERNEL static void distances(const uint64_t p[4], const Columns *b, int n, uint32_t *restrict out) {
  for (int j = 0; j < n; j++)
    out[j] = (uint32_t)(__builtin_popcountll(p[0] ^ b->word[0][j]) + __builtin_popcountll(p[1] ^ b->word[1][j]) +
                        __builtin_popcountll(p[2] ^ b->word[2][j]) + __builtin_popcountll(p[3] ^ b->word[3][j]));
}

/* Number i at these distances: is it the nearest of any, and which of them is its nearest? */
KERNEL static uint32_t take_nearest(const uint32_t *far, int n, uint32_t i, uint32_t *restrict of_b) {
  uint32_t best = UINT32_MAX;
  for (int j = 0; j < n; j++) {
    const uint32_t mine = far[j] << BIT | (uint32_t)j, its = far[j] << BIT | i;
    best = mine < best ? mine : best;
    of_b[j] = its < of_b[j] ? its : of_b[j];
  }
  return best;
}

static void nearest(const Features *a, const Features *b, Nearest *out) {
  Columns columns;
  uint32_t far[FEATURES_MAX];
  const bool is_wide = wide();
  for (int j = 0; j < b->n; j++)
    for (int k = 0; k < 4; k++) columns.word[k][j] = b->at[j].bits[k];
  for (int j = b->n; j % 8; j++)
    for (int k = 0; k < 4; k++) columns.word[k][j] = 0;
  for (int j = 0; j < b->n; j++) out->of_b[j] = UINT32_MAX;
  for (int i = 0; i < a->n; i++) {
    if (is_wide) distances_wide(a->at[i].bits, &columns, b->n, far);
    else distances(a->at[i].bits, &columns, b->n, far);
    out->of_a[i] = take_nearest(far, b->n, (uint32_t)i, out->of_b);
  }
}

static int matches(const Features *a, const Features *b, Match *out) {
  static const float scale[] = {0.2962963f, 0.4444444f, 0.6666667f, 1.0f, 1.5f, 2.25f, 3.375f};
  Nearest found;
  int n = 0;
  nearest(a, b, &found);
  for (int i = 0; i < a->n; i++) {
    const int j = found.of_a[i] & NUMBER;
    if (found.of_a[i] >> BIT > FAR || (int)(found.of_b[j] & NUMBER) != i) continue;
    const Feature *p = a->at + i, *q = b->at + j;
    out[n++] = (Match){p->x, p->y, q->x, q->y, scale[3 + q->level - p->level], (uint8_t)(q->angle - p->angle)};
  }
  return n;
}

static bool turns_agree(uint8_t a, uint8_t b) {
  int d = (uint8_t)(a - b);
  return d <= TURN_APART || d >= 256 - TURN_APART;
}

/* The matches that t explains, marked in in[]; scale and turn as the proposing match has them. */
static int fits(const Match *m, int n, Similarity t, const Match *like, float near, bool *in) {
  int count = 0;
  for (int i = 0; i < n; i++) {
    float dx = t.c * m[i].ax - t.s * m[i].ay + t.x - m[i].bx, dy = t.s * m[i].ax + t.c * m[i].ay + t.y - m[i].by;
    float ratio = m[i].scale / like->scale;
    bool ok = dx * dx + dy * dy <= near * near && turns_agree(m[i].turn, like->turn) && ratio > 0.6f && ratio < 1.6f;
    if (in) in[i] = ok;
    count += ok;
  }
  return count;
}

/* Cosine and sine of k/256 turns. */
static struct {
  pthread_once_t once;
  float cos[256], sin[256];
} turns = {.once = PTHREAD_ONCE_INIT};

static void turns_build(void) {
  for (int k = 0; k < 256; k++) {
    turns.cos[k] = (float)fm_cos(k * (FM_PI / 128));
    turns.sin[k] = (float)fm_sin(k * (FM_PI / 128));
  }
}

static Similarity proposal(const Match *m) {
  Similarity t = {.c = m->scale * turns.cos[m->turn], .s = m->scale * turns.sin[m->turn]};
  t.x = m->bx - (t.c * m->ax - t.s * m->ay);
  t.y = m->by - (t.s * m->ax + t.c * m->ay);
  return t;
}

/* Least squares over the marked matches; false where they are one point. */
static bool refit(const Match *m, int n, const bool *in, Similarity *out) {
  double ax = 0, ay = 0, bx = 0, by = 0, dot = 0, cross = 0, size = 0;
  int count = 0;
  for (int i = 0; i < n; i++)
    if (in[i]) ax += m[i].ax, ay += m[i].ay, bx += m[i].bx, by += m[i].by, count++;
  ax /= count, ay /= count, bx /= count, by /= count;
  for (int i = 0; i < n; i++) {
    if (!in[i]) continue;
    double px = m[i].ax - ax, py = m[i].ay - ay, qx = m[i].bx - bx, qy = m[i].by - by;
    dot += px * qx + py * qy;
    cross += px * qy - py * qx;
    size += px * px + py * py;
  }
  if (!(size > 1)) return false;
  double c = dot / size, s = cross / size;
  *out = (Similarity){(float)c, (float)s, (float)(bx - (c * ax - s * ay)), (float)(by - (s * ax + c * ay))};
  return true;
}

int features_agree(const Features *a, const Features *b) {
  Match m[FEATURES_MAX];
  bool in[FEATURES_MAX];
  if (a->n < 2 || b->n < 2) return 0;
  pthread_once(&turns.once, turns_build);
  int n = matches(a, b, m), best = 0, like = 0;
  for (int i = 0; i < n; i++) {
    int count = fits(m, n, proposal(m + i), m + i, NEAR, NULL);
    if (count > best) best = count, like = i;
  }
  if (best < 2) return best;
  Similarity t;
  fits(m, n, proposal(m + like), m + like, NEAR, in);
  if (!refit(m, n, in, &t)) return 1;
  return fits(m, n, t, m + like, FITTED, NULL);
}
