/* What the files that bind images share. SPDX-License-Identifier: MIT */
#ifndef BRINK_BIND_IMAGE_H
#define BRINK_BIND_IMAGE_H

#include "codec/codec.h"
#include "lua/bind.h"
#include "lua/bind_options.h"

/* One piece of work on images. Which fields matter is the kind's business. */
typedef struct ImageWork {
  Job job;
  const Image *a, *b, *mask; /* references */
  Image *out;
  char *path;                /* to load or save; also the name in error texts */
  Buf bytes;
  DecodeOptions decode;
  CodecLimits limits;
  DecodeInfo info;
  EncodeOptions encode;
  char format[8];
  uint8_t palette[768];
  ImageType type;
  int c;
  bool alpha;
  ImageOp op;
  double num[2];
  int at[4];
  ImageStats stats;
} ImageWork;

ImageWork *image_work_new(lua_State *L, void (*work)(Job *));
/* The work at stack top is over. Its references go now, not when the collector finds the userdata: pixels are big. */
ImageWork *image_work_done(lua_State *L);
/* For bind_run: the image made, or true. */
int image_work_image(lua_State *L);
int image_work_true(lua_State *L);
/* A usage error is the script's own: raised. Everything else is an answer. */
int image_fail(lua_State *L, const Err *err);

ImageType image_check_type(lua_State *L, int arg, const char *word);
ImageType image_option_type(lua_State *L, int arg, ImageType def);

/* Adds load, decode, probe to the table at funcs, save and encode to the one at methods. */
void image_files(lua_State *L, int funcs, int methods);

#endif
