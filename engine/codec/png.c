/* PNG through libpng's row interface and nothing else of it: no simplified
 * API, quantising, background or gamma. Ancillary chunks but tRNS are skipped
 * unread; orientation comes from our own walk over the chunks. libpng's errors
 * jump, so each leaf function keeps its state in a Reader or Writer on the
 * heap and owns nothing. SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <png.h>
#include <zlib.h>

#include "base/mem.h"
#include "codec/formats.h"

enum { CHUNK_CACHE = 128, CHUNK_BYTES = 8000000, TAIL_MAX = 1 << 16 };

typedef struct Reader {
  png_structp png;
  png_infop info;
  jmp_buf jump;
  const Source *src;
  size_t at;        /* next byte libpng reads */
  Image *im;
  uint8_t *raw;     /* rows as libpng gives them, where they need conversion: all of them when interlaced, else one */
  size_t raw_row;
  int passes, pass, row;
  int channels, depth; /* after expansion; depth 8 or 16 */
  bool memory;      /* an allocation failed */
  uint64_t gated;   /* bytes the gate knows of */
  char why[128], note[128];
} Reader;

static void on_error(png_structp png, png_const_charp text) {
  Reader *r = png_get_error_ptr(png);
  snprintf(r->why, sizeof r->why, "%s", text);
  longjmp(r->jump, 1);
}

static void on_warning(png_structp png, png_const_charp text) {
  Reader *r = png_get_error_ptr(png);
  if (!*r->note) snprintf(r->note, sizeof r->note, "%s", text);
}

static png_voidp on_alloc(png_structp png, png_alloc_size_t n) {
  bool *memory = png_get_mem_ptr(png);
  void *p = mem_alloc(1, n);
  if (!p) *memory = true;
  return p;
}

static void on_free(png_structp png, png_voidp p) {
  (void)png;
  mem_free(p);
}

static void on_read(png_structp png, png_bytep out, size_t n) {
  Reader *r = png_get_io_ptr(png);
  if (n > r->src->n - r->at) {
    r->at = r->src->n;
    png_error(png, "the file ends inside a chunk");
  }
  memcpy(out, r->src->bytes + r->at, n);
  r->at += n;
}

static uint32_t big32(const uint8_t *p) { return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]; }

/* Orientation in the first intact eXIf chunk. */
static int find_orientation(const uint8_t *b, size_t n) {
  for (size_t at = 8; n - at >= 12;) {
    size_t len = big32(b + at);
    if (len > n - at - 12) return 1;
    const uint8_t *type = b + at + 4;
    if (!memcmp(type, "IEND", 4)) return 1;
    if (!memcmp(type, "eXIf", 4) && crc32(0, type, (uInt)len + 4) == big32(type + 4 + len))
      return exif_orientation(type + 4, len);
    at += len + 12;
  }
  return 1;
}

/* Everything that does not change pixels is passed over without being stored. */
static void skip_metadata(png_structp png) {
  static const uint8_t names[] = "bKGD\0cHRM\0cICP\0cLLI\0eXIf\0gAMA\0hIST\0iCCP\0iTXt\0mDCV\0oFFs\0pCAL\0pHYs\0sBIT\0sCAL\0"
                                 "sPLT\0sRGB\0sTER\0tEXt\0tIME\0zTXt";
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, 0);
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, names, (int)(sizeof names / 5));
}

static bool open_reader(Reader *r) {
  if (setjmp(r->jump)) return false;
  r->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, r, on_error, on_warning, &r->memory, on_alloc, on_free);
  if (r->png) r->info = png_create_info_struct(r->png);
  if (!r->info) return r->memory = true, false;
  png_set_read_fn(r->png, r, on_read);
  png_set_user_limits(r->png, 0x7fffffff, 0x7fffffff); /* ours follow, with our texts */
  png_set_chunk_cache_max(r->png, CHUNK_CACHE);
  png_set_chunk_malloc_max(r->png, CHUNK_BYTES);
  skip_metadata(r->png);
  png_read_info(r->png, r->info);
  return true;
}

static bool choose_output(Reader *r) {
  if (setjmp(r->jump)) return false;
  bool palette = png_get_color_type(r->png, r->info) == PNG_COLOR_TYPE_PALETTE;
  if (palette && r->src->opts->keep_palette)
    png_set_packing(r->png);
  else
    png_set_expand(r->png); /* palette to RGB, low grey depths to 8 bit, tRNS to alpha */
  r->passes = png_set_interlace_handling(r->png);
  png_read_update_info(r->png, r->info);
  r->channels = png_get_channels(r->png, r->info);
  r->depth = png_get_bit_depth(r->png, r->info);
  r->raw_row = png_get_rowbytes(r->png, r->info);
  return true;
}

/* One row as libpng gives it, to the image's type; 16 bit is big-endian in the file. */
static void store_row(const Reader *r, int y, const uint8_t *s) {
  const int n = r->im->w * r->im->c;
  float *f = image_row_f(r->im, y);
  uint8_t *d = image_row(r->im, y);
  if (r->depth == 8)
    for (int i = 0; i < n; i++) f[i] = (float)s[i] / 255.0f;
  else if (r->im->type == IMAGE_F32)
    for (int i = 0; i < n; i++) f[i] = (float)(s[2 * i] << 8 | s[2 * i + 1]) / 65535.0f;
  else
    for (int i = 0; i < n; i++) d[i] = (uint8_t)(((uint32_t)(s[2 * i] << 8 | s[2 * i + 1]) * 255u + 32767u) / 65535u);
}

/* Image data behind the last row, which libpng would inflate to its end only to check its sum: an honest file has a few
 * bytes there. Compressed bytes from r->at on. */
static size_t tail(const Reader *r) {
  const uint8_t *b = r->src->bytes;
  size_t n = r->src->n, sum = 0;
  for (size_t at = 8; n - at >= 12;) {
    size_t len = big32(b + at), end;
    if (len > n - at - 12) len = n - at - 12;
    end = at + 8 + len;
    if (!memcmp(b + at + 4, "IDAT", 4) && end > r->at) sum += end - (r->at > at + 8 ? r->at : at + 8);
    at = end + 4;
  }
  return sum;
}

static bool read_rows(Reader *r) {
  if (setjmp(r->jump)) return false;
  for (; r->pass < r->passes; r->pass++)
    for (r->row = 0; r->row < r->im->h; r->row++) {
      uint8_t *raw = r->raw ? r->raw + (r->passes > 1 ? (size_t)r->row * r->raw_row : 0) : image_row(r->im, r->row);
      png_read_row(r->png, raw, NULL);
      if (r->raw && r->passes == 1) store_row(r, r->row, raw);
    }
  if (tail(r) > TAIL_MAX) png_error(r->png, "more image data than rows");
  png_read_end(r->png, NULL);
  return true;
}

static bool fail(const Reader *r, Err *err) {
  if (r->memory) return err_memory(err);
  if (r->at >= r->src->n)
    return err_set(err, ERR_DAMAGED, "%s: truncated at byte %zu, row %d: %s", r->src->name, r->at, r->row, r->why);
  return err_set(err, ERR_DAMAGED, "%s: damaged at byte %zu, row %d: %s", r->src->name, r->at, r->row, r->why);
}

/* A stream of n bytes inflates to 1032 n at most (zlib technical details), so a header can promise too much. */
static bool check_header(const Reader *r, uint32_t w, uint32_t h, Err *err) {
  if (!limits_check(r->src, w, h, err)) return false;
  uint64_t bits = (uint64_t)png_get_channels(r->png, r->info) * png_get_bit_depth(r->png, r->info);
  uint64_t raw = ((uint64_t)w * bits + 7) / 8 * h;
  if (raw > 4000000 && raw / 1032 > r->src->n)
    return err_set(err, ERR_DAMAGED, "%s: truncated: %zu bytes cannot hold %u x %u pixels", r->src->name, r->src->n, w, h);
  return true;
}

static bool make_image(Reader *r, uint32_t w, uint32_t h, Err *err) {
  bool alpha = r->channels == 2 || r->channels == 4, interlaced = r->passes > 1;
  size_t sample = r->src->opts->type == IMAGE_U8 ? 1 : sizeof(float);
  gate_enter(r->gated = ((uint64_t)w * (unsigned)r->channels * sample + (interlaced ? r->raw_row : 0)) * h);
  r->im = image_new((int)w, (int)h, r->channels, r->src->opts->type, alpha, err);
  if (!r->im) return false;
  if (r->depth == 16 || r->im->type == IMAGE_F32) {
    r->raw = mem_calloc(interlaced ? h : 1, r->raw_row);
    if (!r->raw) return err_memory(err);
  } else if (interlaced) {
    memset(r->im->data, 0, image_bytes(r->im)); /* a pass writes only its own pixels */
  }
  return true;
}

/* keep_damaged: rows never reached are black, so that the result is the same each time. */
static void blank_rest(Reader *r) {
  if (r->passes > 1) return;
  for (int y = r->row; y < r->im->h; y++) memset(image_row(r->im, y), 0, r->im->stride);
}

static bool decode(Reader *r, DecodeInfo *info, Err *err) {
  if (!open_reader(r)) return fail(r, err);
  const Source *s = r->src;
  uint32_t w = png_get_image_width(r->png, r->info), h = png_get_image_height(r->png, r->info);
  bool palette = png_get_color_type(r->png, r->info) == PNG_COLOR_TYPE_PALETTE;
  int depth = png_get_bit_depth(r->png, r->info);
  *info = (DecodeInfo){.format = "png", .w = (int)w, .h = (int)h, .depth = palette ? 8 : depth};
  info->orientation = find_orientation(s->bytes, s->n);
  if (!s->header_only && !check_header(r, w, h, err)) return false;
  if (s->header_only) { /* libpng would make room for a row, and the header may promise any size */
    info->channels = (palette ? 3 : png_get_channels(r->png, r->info)) + (png_get_valid(r->png, r->info, PNG_INFO_tRNS) ? 1 : 0);
    return true;
  }
  if (!choose_output(r)) return fail(r, err);
  info->channels = r->channels;
  if (!make_image(r, w, h, err)) return false;
  bool whole = read_rows(r);
  if (!whole) {
    /* rows all there and the trouble behind them is trouble still: the check sums have not been seen */
    if (r->memory || !s->opts->keep_damaged) return fail(r, err);
    blank_rest(r);
  }
  if (r->raw && r->passes > 1)
    for (int y = 0; y < r->im->h; y++) store_row(r, y, r->raw + (size_t)y * r->raw_row);
  snprintf(info->note, sizeof info->note, "%s", whole ? r->note : r->why);
  return true;
}

bool read_png(const Source *s, DecodeInfo *info, Image **image, Err *err) {
  Reader *r = mem_calloc(1, sizeof *r);
  if (!r) return err_memory(err);
  r->src = s;
  bool ok = decode(r, info, err);
  if (ok && image) {
    *image = r->im;
    r->im = NULL;
  }
  if (r->png) png_destroy_read_struct(&r->png, &r->info, NULL);
  mem_free(r->raw);
  image_unref(r->im);
  if (r->gated) gate_leave(r->gated);
  mem_free(r);
  return ok;
}

typedef struct Writer {
  png_structp png;
  png_infop info;
  jmp_buf jump;
  const Image *im;
  const EncodeOptions *opts;
  Buf *out;
  uint8_t *line;          /* one row of 16-bit samples, f32 images only */
  png_color colours[256]; /* palette */
  bool memory;
  char why[128];
} Writer;

static void on_write_error(png_structp png, png_const_charp text) {
  Writer *w = png_get_error_ptr(png);
  snprintf(w->why, sizeof w->why, "%s", text);
  longjmp(w->jump, 1);
}

static void on_write_warning(png_structp png, png_const_charp text) { (void)png, (void)text; }

static void on_write(png_structp png, png_bytep data, size_t n) {
  Writer *w = png_get_io_ptr(png);
  if (buf_append(w->out, data, n)) return;
  w->memory = true;
  png_error(png, "out of memory");
}

static void on_flush(png_structp png) { (void)png; }

static void fill_line(Writer *w, int y) {
  const float *s = image_row_f(w->im, y);
  const int n = w->im->w * w->im->c;
  for (int i = 0; i < n; i++) {
    float v = s[i];
    unsigned u = !(v > 0.0f) ? 0 : v >= 1.0f ? 65535 : (unsigned)(v * 65535.0f + 0.5f);
    w->line[2 * i] = (uint8_t)(u >> 8);
    w->line[2 * i + 1] = (uint8_t)u;
  }
}

static void write_header(Writer *w) {
  static const int types[] = {PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB, PNG_COLOR_TYPE_RGB_ALPHA};
  const Image *im = w->im;
  const EncodeOptions *o = w->opts;
  png_set_IHDR(w->png, w->info, (png_uint_32)im->w, (png_uint_32)im->h, im->type == IMAGE_U8 ? 8 : 16,
               o->palette ? PNG_COLOR_TYPE_PALETTE : types[im->c - 1], PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  if (o->palette) {
    for (int i = 0; i < 256; i++) w->colours[i] = (png_color){o->palette[3 * i], o->palette[3 * i + 1], o->palette[3 * i + 2]};
    png_set_PLTE(w->png, w->info, w->colours, 256);
  }
  /* The default is quick: synthesis writes many. Runs after SUB beat level 1's matches on photographs, measured on 15 of
   * them: 91 for 65 MB/s, 58.3 for 59.0 % of the bytes. A level asked for gets the full search for filters. */
  if (o->level < 0) png_set_compression_strategy(w->png, Z_RLE);
  png_set_compression_level(w->png, o->level < 0 ? 1 : o->level);
  png_set_filter(w->png, 0, o->palette || o->level == 0 ? PNG_FILTER_NONE : o->level < 0 ? PNG_FILTER_SUB : PNG_ALL_FILTERS);
  png_set_compression_buffer_size(w->png, 1 << 16);
  png_write_info(w->png, w->info);
}

static bool encode(Writer *w) {
  if (setjmp(w->jump)) return false;
  w->png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, w, on_write_error, on_write_warning, &w->memory, on_alloc, on_free);
  if (w->png) w->info = png_create_info_struct(w->png);
  if (!w->info) return w->memory = true, false;
  png_set_write_fn(w->png, w, on_write, on_flush);
  png_set_user_limits(w->png, IMAGE_SIDE_MAX, IMAGE_SIDE_MAX);
  write_header(w);
  for (int y = 0; y < w->im->h; y++) {
    if (w->line) fill_line(w, y);
    png_write_row(w->png, w->line ? w->line : image_row(w->im, y));
  }
  png_write_end(w->png, NULL);
  return true;
}

static bool check_writable(const Image *im, const EncodeOptions *opts, Err *err) {
  if (im->c > 4) return err_set(err, ERR_UNSUPPORTED, "png: %d channels, expected 1..4", im->c);
  if (opts->level < -1 || opts->level > 9) return err_set(err, ERR_USAGE, "png: level %d is outside 0..9", opts->level);
  if (opts->palette && (im->c != 1 || im->type != IMAGE_U8))
    return err_set(err, ERR_USAGE, "png: a palette needs a u8 image of 1 channel");
  return true;
}

bool write_png(const Image *im, const EncodeOptions *opts, Buf *out, Err *err) {
  if (!check_writable(im, opts, err)) return false;
  Writer *w = mem_calloc(1, sizeof *w);
  if (!w) return err_memory(err);
  w->im = im;
  w->opts = opts;
  w->out = out;
  const size_t before = out->n;
  bool ok = true;
  if (im->type == IMAGE_F32) {
    w->line = mem_alloc((size_t)im->w * (size_t)im->c, 2);
    ok = w->line != NULL;
    w->memory = !ok;
  }
  ok = ok && encode(w);
  if (!ok) {
    out->n = before;
    if (w->memory) err_memory(err);
    else err_set(err, ERR_INTERNAL, "png: %s", w->why);
  }
  if (w->png) png_destroy_write_struct(&w->png, &w->info);
  mem_free(w->line);
  mem_free(w);
  return ok;
}
