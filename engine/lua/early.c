/* Weak forms of functions whose owners land later: the strong ones win at link time. This file goes as soon as
 * warp.c, lua_image.c and the jobs are in. SPDX-License-Identifier: MIT */
#include <string.h>

#include "lua/bind.h"

#define WEAK __attribute__((weak))

WEAK void warp_init(Warp *w, int in_w, int in_h) {
  memset(w, 0, sizeof *w);
  w->in_w = w->out_w = in_w;
  w->in_h = w->out_h = in_h;
}
WEAK void warp_clear(Warp *w) { (void)w; }
WEAK bool warp_is_identity(const Warp *w) { return w->n == 0; }
static bool absent(Err *err) { return err_set(err, ERR_UNSUPPORTED, "warps: not in this build"); }
WEAK bool warp_copy(Warp *to, const Warp *from, Err *err) { (void)to, (void)from; return absent(err); }
WEAK bool warp_append(Warp *w, const Warp *next, Err *err) { (void)w; return next->n == 0 || absent(err); }
WEAK Image *warp_image(const Warp *w, const Image *in, Err *err) { (void)w, (void)in; return absent(err), NULL; }
WEAK Image *warp_mask(const Warp *w, const Image *in, float o, Err *err) { (void)w, (void)in, (void)o; return absent(err), NULL; }
WEAK bool warp_point(const Warp *w, double x, double y, double out[2]) { (void)w; out[0] = x, out[1] = y; return true; }
WEAK void warp_source(const Warp *w, double x, double y, double out[2]) { (void)w; out[0] = x, out[1] = y; }
