/* JPEG through the libjpeg API (libjpeg-turbo).
 *
 * libjpeg reports errors by a callback that must not return, so each leaf
 * function below sets a jump point and keeps everything it needs in a Reader
 * on the heap: no local is live across a jump and no frame that owns
 * something is jumped over. A walk over the markers comes first: orientation,
 * and the number of scans before a coefficient is stored.
 * SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

#include "base/mem.h"
#include "codec/formats.h"

/* Coefficients of 100 MP in 4:2:0 fit; more is refused by libjpeg itself before it is allocated. */
enum { MEMORY_MAX = 512 << 20 };

typedef struct Reader {
  struct jpeg_decompress_struct c;
  struct jpeg_error_mgr errors;
  struct jpeg_progress_mgr progress;
  jmp_buf jump;
  const Source *src;
  Image *im;       /* pixels, rows below c.output_scanline unset */
  uint8_t *line;   /* one decoded row where it needs conversion */
  bool cmyk;       /* output is CMYK and becomes RGB here */
  bool created;
  uint64_t gated;  /* bytes the gate knows of */
  ErrCode code;    /* of what ended the decode, ERR_NONE while fine */
  bool damaged;    /* a warning said that pixels are lost */
  char why[JMSG_LENGTH_MAX + 64];
  size_t at;       /* byte where the damage was noticed */
  unsigned row;
  char note[128];
} Reader;

/* What the markers tell without decoding. */
typedef struct Walk {
  int scans;
  int orientation;
} Walk;

/* Next marker at or after *at: its code, *at behind it; -1 at the end. Stuffed zeros and restarts are data. */
static int next_marker(const uint8_t *b, size_t n, size_t *at) {
  for (size_t i = *at; i + 1 < n;) {
    const uint8_t *p = memchr(b + i, 0xff, n - 1 - i);
    if (!p) return -1;
    i = (size_t)(p - b);
    int m = b[i + 1];
    if (m == 0xff) {
      i++;
    } else if (m == 0 || (m >= 0xd0 && m <= 0xd7)) {
      i += 2;
    } else {
      *at = i + 2;
      return m;
    }
  }
  return -1;
}

static Walk walk_markers(const uint8_t *b, size_t n) {
  Walk w = {.orientation = 1};
  bool exif = false;
  for (size_t at = 2;;) {
    int m = next_marker(b, n, &at);
    if (m < 0 || m == 0xd9) return w;
    if (m == 0xd8 || m == 0x01 || n - at < 2) continue;
    size_t len = (size_t)b[at] << 8 | b[at + 1];
    if (m == 0xda) w.scans++;
    if (m == 0xe1 && !exif && !w.scans && len >= 8 && len <= n - at && !memcmp(b + at + 2, "Exif\0", 5)) {
      exif = true;
      w.orientation = exif_orientation(b + at + 8, len - 8);
    }
    if (len >= 2 && len <= n - at) at += len;
  }
}

static size_t position(const Reader *r) {
  const uint8_t *p = r->c.src ? r->c.src->next_input_byte : NULL;
  return p && p >= r->src->bytes && p <= r->src->bytes + r->src->n ? (size_t)(p - r->src->bytes) : r->src->n;
}

static _Noreturn void stop(Reader *r, ErrCode code) {
  r->code = code;
  longjmp(r->jump, 1);
}

static bool means_unsupported(int code) {
  return code == JERR_SOF_UNSUPPORTED || code == JERR_BAD_PRECISION || code == JERR_CONVERSION_NOTIMPL ||
         code == JERR_NOT_COMPILED || code == JERR_ARITH_NOTIMPL || code == JERR_FRACT_SAMPLE_NOTIMPL ||
         code == JERR_CCIR601_NOTIMPL;
}

static void on_error(j_common_ptr c) {
  Reader *r = c->client_data;
  int code = c->err->msg_code;
  c->err->format_message(c, r->why);
  r->at = position(r);
  r->row = r->c.output_scanline;
  if (code == JERR_OUT_OF_MEMORY) stop(r, ERR_MEMORY);
  if (code == JERR_NO_BACKING_STORE) {
    snprintf(r->why, sizeof r->why, "coefficients need more than the limit of %d MiB", MEMORY_MAX >> 20);
    stop(r, ERR_LIMIT);
  }
  stop(r, code == JERR_IMAGE_TOO_BIG ? ERR_LIMIT : means_unsupported(code) ? ERR_UNSUPPORTED : ERR_DAMAGED);
}

static bool means_damage(int code) {
  return code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER || code == JWRN_HUFF_BAD_CODE || code == JWRN_MUST_RESYNC ||
         code == JWRN_ARITH_BAD_CODE;
}

static void on_message(j_common_ptr c, int level) {
  Reader *r = c->client_data;
  if (level >= 0) return;
  c->err->num_warnings++;
  if (means_damage(c->err->msg_code)) {
    if (r->damaged) return;
    r->damaged = true;
    r->row = r->c.output_scanline;
    r->at = c->err->msg_code == JWRN_JPEG_EOF ? r->src->n : position(r);
    c->err->format_message(c, r->why);
    if (!r->src->opts->keep_damaged) stop(r, ERR_DAMAGED);
  } else if (!*r->note) {
    char text[JMSG_LENGTH_MAX];
    c->err->format_message(c, text);
    snprintf(r->note, sizeof r->note, "%.*s", (int)sizeof r->note - 1, text);
  }
}

static void on_progress(j_common_ptr c) {
  Reader *r = c->client_data;
  const CodecLimits *l = r->src->limits;
  uint64_t scans = (uint64_t)r->c.input_scan_number, pixels = (uint64_t)r->c.image_width * r->c.image_height;
  if (scans <= (uint64_t)l->scans && (scans <= 1 || scans * pixels <= l->scan_pixels)) return;
  snprintf(r->why, sizeof r->why, "more scans than the limits allow");
  stop(r, ERR_LIMIT);
}

static void ignore_output(j_common_ptr c) { (void)c; }

static bool read_header(Reader *r) {
  if (setjmp(r->jump)) return false;
  jpeg_create_decompress(&r->c);
  r->created = true;
  r->c.client_data = r;
  r->c.mem->max_memory_to_use = MEMORY_MAX;
  r->c.progress = &r->progress;
  jpeg_mem_src(&r->c, r->src->bytes, r->src->n);
  jpeg_read_header(&r->c, TRUE);
  return true;
}

/* Limits that the header and the markers can tell. */
static bool check_header(const Reader *r, const Walk *w, Err *err) {
  const Source *s = r->src;
  uint64_t width = r->c.image_width, height = r->c.image_height, pixels = width * height;
  if (r->c.num_components > 4) /* nobody writes these: the count is corrupt */
    return err_set(err, ERR_DAMAGED, "%s: damaged: header says %d components, expected 1, 3 or 4", s->name, r->c.num_components);
  if (r->c.num_components == 2) return err_set(err, ERR_UNSUPPORTED, "%s: JPEG of 2 components, expected 1, 3 or 4", s->name);
  if (!limits_check(s, width, height, err)) return false;
  if (w->scans > s->limits->scans || (w->scans > 1 && (uint64_t)w->scans * pixels > s->limits->scan_pixels))
    return err_set(err, ERR_LIMIT, "%s: %d scans of %llu x %llu pixels: more than %d, or than %llu scanned pixels", s->name,
                   w->scans, (unsigned long long)width, (unsigned long long)height, s->limits->scans,
                   (unsigned long long)s->limits->scan_pixels);
  /* each 8x8 block costs a Huffman coded file at least one bit; an arithmetic coder can go far below */
  uint64_t per_byte = r->c.arith_code ? 512 * 64 : 512;
  if (pixels > 4000000 && pixels / per_byte > s->n)
    return err_set(err, ERR_DAMAGED, "%s: truncated: %zu bytes cannot hold %llu x %llu pixels", s->name, s->n,
                   (unsigned long long)width, (unsigned long long)height);
  return true;
}

static void choose_output(Reader *r) {
  const DecodeOptions *o = r->src->opts;
  r->c.dct_method = JDCT_ISLOW;
  r->c.do_fancy_upsampling = TRUE;
  r->cmyk = r->c.num_components == 4;
  r->c.out_color_space = r->cmyk ? JCS_CMYK : r->c.num_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
  if (o->scale_hint == 2 || o->scale_hint == 4 || o->scale_hint == 8) {
    r->c.scale_num = 1;
    r->c.scale_denom = (unsigned)o->scale_hint;
  }
}

static bool start(Reader *r) {
  if (setjmp(r->jump)) return false;
  choose_output(r);
  jpeg_start_decompress(&r->c);
  return true;
}

/* Adobe writes CMYK inverted, everybody else does not; no colour management either way. */
static void cmyk_to_rgb(uint8_t *dst, const uint8_t *src, int w, bool inverted) {
  const uint8_t flip = inverted ? 0 : 255;
  for (int x = 0; x < w; x++, src += 4, dst += 3) {
    unsigned k = src[3] ^ flip;
    for (int i = 0; i < 3; i++) dst[i] = (uint8_t)(((unsigned)(src[i] ^ flip) * k + 127) / 255);
  }
}

static void store_row(Reader *r, int y, uint8_t *rgb) {
  const int n = r->im->w * r->im->c;
  if (r->cmyk) {
    uint8_t *dst = r->im->type == IMAGE_U8 ? image_row(r->im, y) : rgb;
    cmyk_to_rgb(dst, rgb, r->im->w, r->c.saw_Adobe_marker);
  }
  if (r->im->type == IMAGE_F32) {
    float *f = image_row_f(r->im, y);
    for (int i = 0; i < n; i++) f[i] = (float)rgb[i] / 255.0f;
  }
}

static bool read_rows(Reader *r) {
  if (setjmp(r->jump)) return false;
  while (r->c.output_scanline < r->c.output_height) {
    int y = (int)r->c.output_scanline;
    JSAMPROW row = r->line ? r->line : image_row(r->im, y);
    jpeg_read_scanlines(&r->c, &row, 1);
    if (r->line) store_row(r, y, r->line);
  }
  jpeg_finish_decompress(&r->c);
  return true;
}

static bool fail(const Reader *r, Err *err) {
  const char *name = r->src->name;
  if (r->code == ERR_MEMORY) return err_memory(err);
  if (r->code == ERR_LIMIT || r->code == ERR_UNSUPPORTED) return err_set(err, r->code, "%s: %s", name, r->why);
  const char *how = r->at >= r->src->n ? "truncated" : "damaged";
  return err_set(err, ERR_DAMAGED, "%s: %s at byte %zu, row %u: %s", name, how, r->at, r->row, r->why);
}

static bool make_image(Reader *r, Err *err) {
  int c = r->cmyk ? 3 : r->c.output_components;
  r->im = image_new((int)r->c.output_width, (int)r->c.output_height, c, r->src->opts->type, false, err);
  if (!r->im) return false;
  if (r->cmyk || r->im->type == IMAGE_F32) {
    r->line = mem_alloc((size_t)r->c.output_width, (size_t)r->c.output_components);
    if (!r->line) return err_memory(err);
  }
  return true;
}

/* Pixels, and the coefficients of a file in several scans. */
static void enter_gate(Reader *r) {
  uint64_t bytes = (uint64_t)r->c.image_width * r->c.image_height * 3 * (r->src->opts->type == IMAGE_U8 ? 1 : sizeof(float));
  if (jpeg_has_multiple_scans(&r->c))
    for (int i = 0; i < r->c.num_components; i++)
      bytes += (uint64_t)r->c.comp_info[i].width_in_blocks * r->c.comp_info[i].height_in_blocks * sizeof(JBLOCK);
  gate_enter(r->gated = bytes + 1);
}

/* keep_damaged: rows never reached are black, so that the result is the same each time. */
static void blank_rest(Reader *r) {
  for (int y = (int)r->c.output_scanline; y < r->im->h; y++) memset(image_row(r->im, y), 0, r->im->stride);
}

static bool decode(Reader *r, DecodeInfo *info, Err *err) {
  const Source *s = r->src;
  if (!read_header(r)) return fail(r, err);
  Walk w = walk_markers(s->bytes, s->n);
  info->format = "jpeg";
  info->w = (int)r->c.image_width;
  info->h = (int)r->c.image_height;
  info->channels = r->c.num_components;
  info->depth = r->c.data_precision;
  info->orientation = w.orientation;
  if (s->header_only) return true;
  if (!check_header(r, &w, err)) return false;
  enter_gate(r);
  if (!start(r)) return fail(r, err);
  if (!make_image(r, err)) return false;
  if (!read_rows(r)) {
    if (r->code != ERR_DAMAGED || !s->opts->keep_damaged) return fail(r, err);
    r->damaged = true;
    blank_rest(r);
  }
  snprintf(info->note, sizeof info->note, "%.*s", (int)sizeof info->note - 1, r->damaged ? r->why : r->note);
  return true;
}

static void release(Reader *r) {
  if (r->created) jpeg_destroy_decompress(&r->c);
  mem_free(r->line);
  image_unref(r->im);
  if (r->gated) gate_leave(r->gated);
  mem_free(r);
}

bool read_jpeg(const Source *s, DecodeInfo *info, Image **image, Err *err) {
  Reader *r = mem_calloc(1, sizeof *r);
  if (!r) return err_memory(err);
  r->src = s;
  r->c.err = jpeg_std_error(&r->errors);
  r->c.client_data = r;
  r->errors.error_exit = on_error;
  r->errors.emit_message = on_message;
  r->errors.output_message = ignore_output;
  r->progress.progress_monitor = on_progress;
  bool ok = decode(r, info, err);
  if (ok && image) {
    *image = r->im;
    r->im = NULL;
  }
  release(r);
  return ok;
}

typedef struct Writer {
  struct jpeg_compress_struct c;
  struct jpeg_error_mgr errors;
  struct jpeg_destination_mgr dest;
  jmp_buf jump;
  const Image *im;
  const EncodeOptions *opts;
  Buf *out;
  uint8_t *line;  /* colour samples of one row as bytes; NULL when the image's rows will do */
  bool created, memory;
  char why[JMSG_LENGTH_MAX];
} Writer;

enum { CHUNK = 1 << 16 };

static void on_write_error(j_common_ptr c) {
  Writer *w = c->client_data;
  c->err->format_message(c, w->why);
  w->memory = w->memory || c->err->msg_code == JERR_OUT_OF_MEMORY;
  longjmp(w->jump, 1);
}

static void on_write_message(j_common_ptr c, int level) { (void)c, (void)level; }

/* Room for CHUNK more bytes, offered to libjpeg. */
static void offer(j_compress_ptr c) {
  Writer *w = c->client_data;
  if (!buf_reserve(w->out, CHUNK)) {
    w->memory = true;
    longjmp(w->jump, 1);
  }
  w->dest.next_output_byte = w->out->data + w->out->n;
  w->dest.free_in_buffer = CHUNK;
}

static boolean on_full(j_compress_ptr c) {
  Writer *w = c->client_data;
  w->out->n += CHUNK;
  offer(c);
  return TRUE;
}

static void on_end(j_compress_ptr c) {
  Writer *w = c->client_data;
  w->out->n += CHUNK - w->dest.free_in_buffer;
  if (w->out->data) w->out->data[w->out->n] = 0;
}

static void fill_line(Writer *w, int y) {
  const Image *im = w->im;
  const int colours = image_colours(im);
  if (im->type == IMAGE_U8) {
    const uint8_t *s = image_row(im, y);
    for (int x = 0; x < im->w; x++)
      for (int k = 0; k < colours; k++) w->line[x * colours + k] = s[x * im->c + k];
  } else {
    const float *s = image_row_f(im, y);
    for (int x = 0; x < im->w; x++)
      for (int k = 0; k < colours; k++) w->line[x * colours + k] = image_u8_of(s[x * im->c + k]);
  }
}

static bool encode(Writer *w) {
  if (setjmp(w->jump)) return false;
  jpeg_create_compress(&w->c);
  w->created = true;
  w->c.client_data = w;
  w->c.dest = &w->dest;
  w->c.image_width = (unsigned)w->im->w;
  w->c.image_height = (unsigned)w->im->h;
  w->c.input_components = image_colours(w->im);
  w->c.in_color_space = w->c.input_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults(&w->c);
  jpeg_set_quality(&w->c, w->opts->quality ? w->opts->quality : 95, TRUE);
  w->c.dct_method = JDCT_ISLOW;
  if (w->c.input_components == 3 && !w->opts->chroma_420) w->c.comp_info[0].h_samp_factor = w->c.comp_info[0].v_samp_factor = 1;
  jpeg_start_compress(&w->c, TRUE);
  while (w->c.next_scanline < w->c.image_height) {
    JSAMPROW row = w->line ? w->line : image_row(w->im, (int)w->c.next_scanline);
    if (w->line) fill_line(w, (int)w->c.next_scanline);
    jpeg_write_scanlines(&w->c, &row, 1);
  }
  jpeg_finish_compress(&w->c);
  return true;
}

static bool check_writable(const Image *im, const EncodeOptions *opts, Err *err) {
  int colours = image_colours(im);
  if (colours != 1 && colours != 3)
    return err_set(err, ERR_UNSUPPORTED, "jpeg: %d colour channels, expected 1 or 3", colours);
  if (im->w > JPEG_MAX_DIMENSION || im->h > JPEG_MAX_DIMENSION)
    return err_set(err, ERR_LIMIT, "jpeg: %d x %d pixels: a side is longer than %ld", im->w, im->h, JPEG_MAX_DIMENSION);
  if (opts->quality < 0 || opts->quality > 100)
    return err_set(err, ERR_USAGE, "jpeg: quality %d is outside 1..100", opts->quality);
  return true;
}

bool write_jpeg(const Image *im, const EncodeOptions *opts, Buf *out, Err *err) {
  if (!check_writable(im, opts, err)) return false;
  Writer *w = mem_calloc(1, sizeof *w);
  if (!w) return err_memory(err);
  *w = (Writer){.im = im, .opts = opts, .out = out};
  w->c.err = jpeg_std_error(&w->errors);
  w->c.client_data = w;
  w->errors.error_exit = on_write_error;
  w->errors.emit_message = on_write_message;
  w->dest = (struct jpeg_destination_mgr){.init_destination = offer, .empty_output_buffer = on_full, .term_destination = on_end};
  const size_t before = out->n;
  bool ok = true;
  if (im->type == IMAGE_F32 || im->alpha) {
    w->line = mem_alloc((size_t)im->w, (size_t)image_colours(im));
    ok = w->line != NULL;
    w->memory = !ok;
  }
  ok = ok && encode(w);
  if (!ok) {
    out->n = before;
    if (w->memory) err_memory(err);
    else err_set(err, ERR_INTERNAL, "jpeg: %s", w->why);
  }
  if (w->created) jpeg_destroy_compress(&w->c);
  mem_free(w->line);
  mem_free(w);
  return ok;
}
