/* core.image and the type brink.Image; files are in lua_codec.c. Whatever
 * takes longer than a table look-up is a job: its struct holds references to the
 * images it reads and the one it makes, and lives in a userdata.
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/mem.h"
#include "lua/bind_image.h"

static void unref(void *im) { image_unref(im); }
static const RefType IMAGE = {"brink.Image", "image is closed", unref};

void image_push(lua_State *L, Image *im) { bind_push(L, &IMAGE, im, image_bytes(im)); }
Image *image_check(lua_State *L, int arg) { return bind_check(L, arg, &IMAGE); }
const Image *image_hold(lua_State *L, int arg) { return image_ref(image_check(L, arg)); }

Image *image_anchor(lua_State *L, int arg) {
  Image *im = image_ref(image_check(L, arg));
  bind_push(L, &IMAGE, im, 0);
  return im;
}

static void clear_work(Job *job) {
  ImageWork *w = (ImageWork *)job;
  image_unref(w->a);
  image_unref(w->b);
  image_unref(w->mask);
  image_unref(w->out);
  mem_free(w->path);
  buf_clear(&w->bytes);
  w->a = w->b = w->mask = w->out = NULL;
  w->path = NULL;
}

ImageWork *image_work_new(lua_State *L, void (*work)(Job *)) { return bind_job(L, sizeof(ImageWork), work, clear_work); }

int image_fail(lua_State *L, const Err *err) {
  if (err->code == ERR_USAGE || err->code == ERR_INTERNAL) return luaL_error(L, "%s", err->text);
  return bind_fail(L, err);
}

ImageWork *image_work_done(lua_State *L) {
  ImageWork *w = lua_touserdata(L, -1);
  image_unref(w->a);
  image_unref(w->b);
  image_unref(w->mask);
  w->a = w->b = w->mask = NULL;
  return w;
}

int image_work_image(lua_State *L) {
  ImageWork *w = image_work_done(L);
  buf_clear(&w->bytes);
  if (w->job.failed) return image_fail(L, &w->job.err);
  Image *im = w->out;
  w->out = NULL;
  image_push(L, im);
  return 1;
}

int image_work_true(lua_State *L) {
  const ImageWork *w = image_work_done(L);
  if (w->job.failed) return image_fail(L, &w->job.err);
  lua_pushboolean(L, 1);
  return 1;
}

static int finish_number(lua_State *L) {
  const ImageWork *w = image_work_done(L);
  if (w->job.failed) return image_fail(L, &w->job.err);
  lua_pushnumber(L, w->num[0]);
  return 1;
}

ImageType image_check_type(lua_State *L, int arg, const char *word) {
  if (!strcmp(word, "u8")) return IMAGE_U8;
  if (strcmp(word, "f32")) luaL_argerror(L, arg, lua_pushfstring(L, "type: '%s' is unknown, expected u8 or f32", word));
  return IMAGE_F32;
}

ImageType image_option_type(lua_State *L, int arg, ImageType def) {
  if (!bind_option(L, arg, "type")) return def;
  if (lua_type(L, -1) != LUA_TSTRING) luaL_argerror(L, arg, "type: u8 or f32 expected");
  def = image_check_type(L, arg, lua_tostring(L, -1));
  lua_pop(L, 1);
  return def;
}

/* Making */

static int check_side(lua_State *L, int arg) {
  lua_Integer v = luaL_checkinteger(L, arg);
  luaL_argcheck(L, v >= 1 && v <= IMAGE_SIDE_MAX, arg, "size outside 1..1048576");
  return (int)v;
}

static bool opt_alpha(lua_State *L, int arg, int c) {
  if (lua_isnoneornil(L, arg)) return c == 2 || c == 4;
  luaL_checktype(L, arg, LUA_TBOOLEAN);
  return lua_toboolean(L, arg);
}

/* new(w, h, channels[, type = "u8"[, fill = 0[, alpha]]]) -> image; fill is a number or a list with one per channel;
 * alpha: the last channel is opacity, by default with 2 and 4 channels */
static int f_new(lua_State *L) {
  int w = check_side(L, 1), h = check_side(L, 2), c = check_side(L, 3);
  ImageType type = image_check_type(L, 4, luaL_optstring(L, 4, "u8"));
  bool list = lua_type(L, 5) == LUA_TTABLE, alpha = opt_alpha(L, 6, c);
  double one = list ? 0 : luaL_optnumber(L, 5, 0);
  double *v = lua_newuserdatauv(L, (size_t)c * sizeof *v, 0);
  if (list) luaL_argcheck(L, lua_rawlen(L, 5) == (size_t)c, 5, "one number per channel expected");
  for (int k = 0; k < c; k++) {
    v[k] = one;
    if (!list) continue;
    luaL_argcheck(L, lua_rawgeti(L, 5, k + 1) == LUA_TNUMBER, 5, "list of numbers expected");
    v[k] = lua_tonumber(L, -1);
    lua_pop(L, 1);
  }
  Err err = {0};
  Image *im = image_new(w, h, c, type, alpha, &err);
  if (!im) return image_fail(L, &err);
  image_fill(im, v);
  image_push(L, im);
  return 1;
}

/* from_bytes(w, h, channels, type, bytes[, alpha]) -> image; rows without padding, f32 in the machine's order */
static int f_from_bytes(lua_State *L) {
  int w = check_side(L, 1), h = check_side(L, 2), c = check_side(L, 3);
  ImageType type = image_check_type(L, 4, luaL_checkstring(L, 4));
  bool alpha = opt_alpha(L, 6, c);
  size_t n;
  const char *s = luaL_checklstring(L, 5, &n);
  size_t row = (size_t)w * (size_t)c * (type == IMAGE_U8 ? 1 : sizeof(float));
  if (n / row != (size_t)h || n % row) luaL_argerror(L, 5, lua_pushfstring(L, "%I bytes, expected %I", (lua_Integer)n, (lua_Integer)(row * (size_t)h)));
  Err err = {0};
  Image *im = image_new(w, h, c, type, alpha, &err);
  if (!im) return image_fail(L, &err);
  for (int y = 0; y < h; y++) memcpy(image_row(im, y), s + (size_t)y * row, row);
  image_push(L, im);
  return 1;
}

static int push_result(lua_State *L, Image *im, const Err *err) {
  if (!im) return image_fail(L, err);
  image_push(L, im);
  return 1;
}

/* image:copy() -> image with pixels of its own */
static int f_copy(lua_State *L) {
  Err err = {0};
  return push_result(L, image_copy(image_check(L, 1), &err), &err);
}

static int check_int(lua_State *L, int arg) {
  lua_Integer v = luaL_checkinteger(L, arg);
  luaL_argcheck(L, v >= -(1 << 30) && v <= 1 << 30, arg, "outside -2^30..2^30");
  return (int)v;
}

/* image:crop(x, y, w, h) -> image */
static int f_crop(lua_State *L) {
  Image *im = image_check(L, 1);
  Err err = {0};
  return push_result(L, image_crop(im, check_int(L, 2), check_int(L, 3), check_int(L, 4), check_int(L, 5), &err), &err);
}

static void work_convert(Job *job) {
  ImageWork *w = (ImageWork *)job;
  w->out = image_convert(w->a, w->type, w->c, w->alpha, &job->err);
  job->failed = !w->out;
}

/* image:convert({ type =, channels =, alpha = }) -> image. Only alpha given: channels follow it. */
static int f_convert(lua_State *L) {
  static const char *const names[] = {"type", "channels", "alpha", NULL};
  image_check(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  bind_check_options(L, 2, names);
  ImageWork *w = image_work_new(L, work_convert);
  const Image *im = w->a = image_hold(L, 1);
  lua_Integer c = bind_option_int(L, 2, "channels", 1, IMAGE_SIDE_MAX, 0);
  w->type = image_option_type(L, 2, im->type);
  w->alpha = bind_option_bool(L, 2, "alpha", c ? c == 2 || c == 4 : im->alpha);
  w->c = c ? (int)c : image_colours(im) + w->alpha;
  return bind_run(L, image_work_image);
}

static void work_combine(Job *job) {
  ImageWork *w = (ImageWork *)job;
  w->out = w->b ? image_combine(w->a, w->b, w->op, &job->err) : image_scale(w->a, w->num[0], w->num[1], &job->err);
  job->failed = !w->out;
}

/* image op image, image op number, number op image: numbers in sample units, factors as they are. */
static int arithmetic(lua_State *L, ImageOp op) {
  bool left = luaL_testudata(L, 1, IMAGE.name) != NULL, both = left && luaL_testudata(L, 2, IMAGE.name);
  double v = both ? 0 : luaL_checknumber(L, left ? 2 : 1);
  ImageWork *w = image_work_new(L, work_combine);
  w->op = op;
  w->a = image_hold(L, left ? 1 : 2);
  if (both) w->b = image_hold(L, 2);
  w->num[0] = op == IMAGE_MUL ? v : op == IMAGE_SUB && !left ? -1 : 1;
  w->num[1] = op == IMAGE_MUL ? 0 : op == IMAGE_SUB && left ? -v : v;
  return bind_run(L, image_work_image);
}

/* image + image | number, image - ..., number - image, image * image | number -> image: numbers in sample units (0..255
 * or full scale 1), factors as they are; alpha stays that of the left image */
static int f_add(lua_State *L) { return arithmetic(L, IMAGE_ADD); }
static int f_sub(lua_State *L) { return arithmetic(L, IMAGE_SUB); }
static int f_mul(lua_State *L) { return arithmetic(L, IMAGE_MUL); }

static void work_blend(Job *job) {
  ImageWork *w = (ImageWork *)job;
  w->out = image_blend(w->a, w->b, w->num[0], w->mask, &job->err);
  job->failed = !w->out;
}

/* image:blend(other, weight | mask) -> image */
static int f_blend(lua_State *L) {
  bool weight = lua_type(L, 3) == LUA_TNUMBER;
  ImageWork *w = image_work_new(L, work_blend);
  w->num[0] = weight ? lua_tonumber(L, 3) : 1;
  w->a = image_hold(L, 1);
  w->b = image_hold(L, 2);
  if (!weight) w->mask = image_hold(L, 3);
  return bind_run(L, image_work_image);
}

static void work_paste(Job *job) {
  ImageWork *w = (ImageWork *)job;
  w->out = image_paste(w->a, w->b, w->at[0], w->at[1], &job->err);
  job->failed = !w->out;
}

/* image:paste(other, x, y) -> image */
static int f_paste(lua_State *L) {
  ImageWork *w = image_work_new(L, work_paste);
  w->a = image_hold(L, 1);
  w->b = image_hold(L, 2);
  w->at[0] = check_int(L, 3);
  w->at[1] = check_int(L, 4);
  return bind_run(L, image_work_image);
}

/* Looking */

/* image:hash() -> 32 hex digits of size, type and pixels */
static int f_hash(lua_State *L) {
  char text[33];
  hash_text(image_hash(image_check(L, 1)), text);
  lua_pushstring(L, text);
  return 1;
}

/* image:pixel(x, y) -> one number per channel; the top left pixel is 0, 0 */
static int f_pixel(lua_State *L) {
  Image *im = image_check(L, 1);
  lua_Integer x = luaL_checkinteger(L, 2), y = luaL_checkinteger(L, 3);
  luaL_argcheck(L, x >= 0 && x < im->w, 2, "outside the image");
  luaL_argcheck(L, y >= 0 && y < im->h, 3, "outside the image");
  luaL_checkstack(L, im->c, "too many channels");
  for (int k = 0; k < im->c; k++) {
    size_t i = (size_t)x * (size_t)im->c + (size_t)k;
    if (im->type == IMAGE_U8) lua_pushinteger(L, image_row(im, (int)y)[i]);
    else lua_pushnumber(L, (double)image_row_f(im, (int)y)[i]);
  }
  return im->c;
}

/* image:bytes() -> rows without padding */
static int f_bytes(lua_State *L) {
  Image *im = image_check(L, 1);
  size_t row = image_row_bytes(im);
  luaL_Buffer b;
  char *p = luaL_buffinitsize(L, &b, row * (size_t)im->h);
  im = image_check(L, 1); /* not closed by a finalizer meanwhile */
  for (int y = 0; y < im->h; y++) memcpy(p + (size_t)y * row, image_row(im, y), row);
  luaL_pushresultsize(&b, row * (size_t)im->h);
  return 1;
}

static void push_list(lua_State *L, const double *v, int n, const char *name) {
  lua_createtable(L, n, 0);
  for (int k = 0; k < n; k++) {
    lua_pushnumber(L, v[k]);
    lua_rawseti(L, -2, k + 1);
  }
  lua_setfield(L, -2, name);
}

static void work_stats(Job *job) {
  ImageWork *w = (ImageWork *)job;
  image_stats(w->a, &w->stats);
}

static int finish_stats(lua_State *L) {
  const ImageWork *w = image_work_done(L);
  const ImageStats *s = &w->stats;
  int n = w->c;
  lua_createtable(L, 0, 7);
  push_list(L, s->mean, n, "mean");
  push_list(L, s->dev, n, "dev");
  push_list(L, s->min, n, "min");
  push_list(L, s->max, n, "max");
  lua_pushnumber(L, s->luma_mean), lua_setfield(L, -2, "luma_mean");
  lua_pushnumber(L, s->luma_dev), lua_setfield(L, -2, "luma_dev");
  lua_pushnumber(L, s->entropy), lua_setfield(L, -2, "entropy");
  return 1;
}

/* image:stats() -> { mean, dev, min, max: lists by colour channel in sample units; luma_mean, luma_dev in 0..255;
 * entropy in bits } */
static int f_stats(lua_State *L) {
  ImageWork *w = image_work_new(L, work_stats);
  w->a = image_hold(L, 1);
  w->c = image_colours(w->a) < 4 ? image_colours(w->a) : 4;
  return bind_run(L, finish_stats);
}

static void work_distance(Job *job) {
  ImageWork *w = (ImageWork *)job;
  job->failed = !image_distance(w->a, w->b, &w->num[0], &job->err);
}

static void work_ssim(Job *job) {
  ImageWork *w = (ImageWork *)job;
  job->failed = !image_ssim(w->a, w->b, &w->num[0], &job->err);
}

static int compare(lua_State *L, void (*work)(Job *)) {
  ImageWork *w = image_work_new(L, work);
  w->a = image_hold(L, 1);
  w->b = image_hold(L, 2);
  return bind_run(L, finish_number);
}

/* image:distance(other) -> mean difference of colour samples, 0..255 */
static int f_distance(lua_State *L) { return compare(L, work_distance); }
/* image:ssim(other) -> structural similarity, 1 for equal */
static int f_ssim(lua_State *L) { return compare(L, work_ssim); }

/* image:equal(other) -> whether size, type and pixels are the same */
static int f_equal(lua_State *L) {
  const Image *a = image_check(L, 1), *b = image_check(L, 2);
  lua_pushboolean(L, image_equal(a, b));
  return 1;
}

/* Plans */

static int after_run(lua_State *L, int status, lua_KContext base) {
  (void)status;
  return lua_gettop(L) - (int)base;
}

/* The method `run` of the plan at index 2, with the image and the options at 3. */
static int run_plan(lua_State *L) {
  lua_settop(L, 3);
  lua_getfield(L, 2, "run");
  lua_pushvalue(L, 2);
  lua_pushvalue(L, 1);
  lua_pushvalue(L, 3);
  lua_callk(L, 3, LUA_MULTRET, 3, after_run);
  return after_run(L, LUA_OK, 3);
}

/* image:run(plan[, options]) -> image; plan is a Plan or a list of steps */
static int f_run(lua_State *L) {
  image_check(L, 1);
  lua_settop(L, 3);
  plan_check(L, 2);
  return run_plan(L);
}

/* image:resize(w, h[, { interp = }]) -> image */
static int f_resize(lua_State *L) {
  static const char *const names[] = {"interp", NULL};
  image_check(L, 1);
  int w = check_side(L, 2), h = check_side(L, 3);
  lua_settop(L, 4);
  bind_check_options(L, 4, names);
  lua_createtable(L, 1, 0);
  lua_createtable(L, 0, 4);
  lua_pushliteral(L, "resize"), lua_setfield(L, -2, "op");
  lua_pushinteger(L, w), lua_setfield(L, -2, "w");
  lua_pushinteger(L, h), lua_setfield(L, -2, "h");
  if (bind_option(L, 4, "interp")) lua_setfield(L, -2, "interp");
  lua_rawseti(L, -2, 1);
  lua_replace(L, 2);
  lua_settop(L, 2);
  plan_check(L, 2);
  return run_plan(L);
}

/* Life */

/* image:close(): the pixels are given back at once; using the image afterwards is an error */
static int f_close(lua_State *L) {
  const Image *im = bind_test(L, 1, &IMAGE);
  if (im) bind_released(image_bytes(im));
  return bind_drop(L, &IMAGE);
}

static int f_tostring(lua_State *L) {
  const Image *im = bind_test(L, 1, &IMAGE);
  if (!im) lua_pushliteral(L, "image (closed)");
  else lua_pushfstring(L, "image %d x %d x %d %s", im->w, im->h, im->c, im->type == IMAGE_U8 ? "u8" : "f32");
  return 1;
}

/* Fields first; methods are in the upvalue. */
static int f_index(lua_State *L) {
  const Image *im = bind_test(L, 1, &IMAGE);
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) return 1;
  const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
  static const char *const names[] = {"width", "height", "channels", "type", "alpha", NULL};
  int i = 0;
  while (names[i] && strcmp(names[i], key)) i++;
  if (!names[i]) return lua_pushnil(L), 1;
  luaL_argcheck(L, im, 1, "image is closed");
  if (i == 3) lua_pushstring(L, im->type == IMAGE_U8 ? "u8" : "f32");
  else if (i == 4) lua_pushboolean(L, im->alpha);
  else lua_pushinteger(L, i == 0 ? im->w : i == 1 ? im->h : im->c);
  return 1;
}

static const luaL_Reg methods[] = {
    {"blend", f_blend},       {"bytes", f_bytes}, {"close", f_close}, {"convert", f_convert}, {"copy", f_copy},     {"crop", f_crop},   {"equal", f_equal},
    {"distance", f_distance}, {"hash", f_hash},   {"paste", f_paste}, {"pixel", f_pixel},     {"resize", f_resize}, {"run", f_run},
    {"ssim", f_ssim},         {"stats", f_stats}, {NULL, NULL}};

static const luaL_Reg metamethods[] = {{"__add", f_add},     {"__sub", f_sub},     {"__mul", f_mul},          {"__gc", f_close},
                                       {"__close", f_close}, {"__tostring", f_tostring}, {NULL, NULL}};

static const luaL_Reg funcs[] = {{"new", f_new}, {"from_bytes", f_from_bytes}, {NULL, NULL}};

/* core.image; its field `methods` is where the Lua side adds conveniences. */
int open_image(lua_State *L) {
  bind_type(L, IMAGE.name, methods, metamethods);
  luaL_newlib(L, funcs);
  luaL_getmetatable(L, IMAGE.name);
  lua_getfield(L, -1, "__index");
  image_files(L, lua_gettop(L) - 2, lua_gettop(L));
  lua_pushvalue(L, -1);
  lua_setfield(L, -4, "methods");
  lua_pushcclosure(L, f_index, 1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  return 1;
}
