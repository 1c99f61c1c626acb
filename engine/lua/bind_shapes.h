/* What the bindings of polygons, masks and warps of labels share: polygons to and from Lua. A polygon is { parts = { {x, y, ...},
 * ... }, holes = { ... } } or one flat ring. SPDX-License-Identifier: MIT */
#ifndef BRINK_LUA_BIND_SHAPES_H
#define BRINK_LUA_BIND_SHAPES_H

#include "labels/poly.h"
#include "lua/bind.h"

void shapes_type(lua_State *L);  /* makes the type of polygons */
Poly *shapes_poly(lua_State *L); /* an empty one, a userdata at the top */
/* The flat list at the top becomes one more ring; popped. */
void shapes_ring(lua_State *L, Poly *p, bool hole, const char *what);
Poly *shapes_read(lua_State *L, int arg);             /* at arg, as a userdata at the top */
Poly *shapes_clean(lua_State *L, int arg, Err *err);  /* the same, made clean; NULL with *err */
void shapes_push_flat(lua_State *L, const double *xy, int n);
void shapes_push_rings(lua_State *L, const Poly *p, bool hole);
int shapes_push(lua_State *L, const Poly *p);         /* nil for nothing */
int shapes_push_box(lua_State *L, const double b[4]); /* x0, y0, x1, y1 as x, y, w, h */
uint8_t shapes_value(lua_State *L, int arg);          /* 1..255, 1 without */
int shapes_push_image(lua_State *L, Image *im, const Err *err);

/* Each adds its functions to the table at the top. */
void open_shapes_rle(lua_State *L);
void open_shapes_warp(lua_State *L); /* to brink.Warp, in truth */

#endif
