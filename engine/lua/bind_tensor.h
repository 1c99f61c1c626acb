/* Tensors and preprocessing in Lua: shared by the bindings of models.
 * SPDX-License-Identifier: MIT */
#ifndef BRINK_BIND_TENSOR_H
#define BRINK_BIND_TENSOR_H

#include <lua.h>

#include "model/preprocess.h"
#include "model/tensor.h"

void tensor_push(lua_State *L, Tensor *t); /* takes over the reference, also when it raises */
Tensor *tensor_check(lua_State *L, int arg);
Tensor *tensor_test(lua_State *L, int arg); /* NULL: no tensor */
void tensor_push_shape(lua_State *L, int rank, const int64_t *dim);

const Prep *prep_check(lua_State *L, int arg);
/* { sx, sy, ox, oy, width, height, image_width, image_height } */
void prep_map_push(lua_State *L, const PrepMap *map);
void prep_map_check(lua_State *L, int arg, PrepMap *map);

/* A buffer the collector owns, pushed. */
Buf *bind_buf(lua_State *L);

int open_tensor(lua_State *L);
int open_preprocess(lua_State *L);
int open_onnx(lua_State *L);
int open_postprocess(lua_State *L);

#endif
