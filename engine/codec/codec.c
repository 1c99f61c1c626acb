/* Sniffing, limits, dispatch, load and save. SPDX-License-Identifier: MIT */
#include "codec/codec.h"

#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "codec/formats.h"

const CodecLimits CODEC_LIMITS = {
    .pixels = 100000000, .side = 65535, .scan_pixels = 2000000000, .scans = 500, .bytes = (uint64_t)1 << 30};

Format format_sniff(const uint8_t *bytes, size_t n) {
  static const uint8_t png[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  if (n >= sizeof png && !memcmp(bytes, png, sizeof png)) return FORMAT_PNG;
  if (n >= 2 && bytes[0] == 0xff && bytes[1] == 0xd8) return FORMAT_JPEG;
  return FORMAT_NONE;
}

bool limits_check(const Source *s, uint64_t w, uint64_t h, Err *err) {
  uint64_t side = (uint64_t)s->limits->side;
  if (w > side || h > side)
    return err_set(err, ERR_LIMIT, "%s: %llu x %llu pixels: a side is longer than the limit of %llu", s->name,
                   (unsigned long long)w, (unsigned long long)h, (unsigned long long)side);
  if (w * h > s->limits->pixels)
    return err_set(err, ERR_LIMIT, "%s: %llu x %llu pixels: more than the limit of %llu", s->name, (unsigned long long)w,
                   (unsigned long long)h, (unsigned long long)s->limits->pixels);
  return true;
}

/* The first bytes of a file nobody reads here, named where they are well known. */
static bool refuse_unknown(const Source *s, Err *err) {
  static const struct { const char *magic; size_t at, n; const char *what; } known[] = {
      {"GIF8", 0, 4, "GIF"},   {"BM", 0, 2, "BMP"},       {"II*\0", 0, 4, "TIFF"},   {"MM\0*", 0, 4, "TIFF"},
      {"WEBP", 8, 4, "WebP"},  {"ftyp", 4, 4, "HEIC, AVIF or MP4"}, {"%PDF", 0, 4, "PDF"}, {"<svg", 0, 4, "SVG"},
      {"\x89PNG", 0, 4, "PNG damaged by a text mode transfer"}};
  if (!s->n) return err_set(err, ERR_REFUSED, "%s: empty, expected PNG or JPEG", s->name);
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (s->n >= known[i].at + known[i].n && !memcmp(s->bytes + known[i].at, known[i].magic, known[i].n))
      return err_set(err, ERR_REFUSED, "%s: content is %s, expected PNG or JPEG", s->name, known[i].what);
  return err_set(err, ERR_REFUSED, "%s: content is neither PNG nor JPEG", s->name);
}

static bool read_any(const Source *s, DecodeInfo *info, Image **image, Err *err) {
  *info = (DecodeInfo){.orientation = 1};
  switch (format_sniff(s->bytes, s->n)) {
    case FORMAT_PNG: return read_png(s, info, image, err);
    case FORMAT_JPEG: return read_jpeg(s, info, image, err);
    default: return refuse_unknown(s, err);
  }
}

Image *codec_decode(const void *bytes, size_t n, const char *name, const DecodeOptions *opts, DecodeInfo *info, Err *err) {
  static const DecodeOptions defaults = {0};
  DecodeInfo own;
  if (!opts) opts = &defaults;
  if (!info) info = &own;
  Source s = {.bytes = bytes, .n = n, .name = name, .opts = opts, .limits = opts->limits ? opts->limits : &CODEC_LIMITS};
  Image *im = NULL;
  if (!read_any(&s, info, &im, err)) return NULL;
  return opts->raw_orientation ? im : exif_apply(im, info->orientation, err);
}

bool codec_probe(const void *bytes, size_t n, const char *name, DecodeInfo *info, Err *err) {
  static const DecodeOptions defaults = {0};
  Source s = {.bytes = bytes, .n = n, .name = name, .opts = &defaults, .limits = &CODEC_LIMITS, .header_only = true};
  return read_any(&s, info, NULL, err);
}

Image *codec_load(const char *path, const DecodeOptions *opts, DecodeInfo *info, Err *err) {
  const CodecLimits *limits = opts && opts->limits ? opts->limits : &CODEC_LIMITS;
  Buf b;
  buf_init(&b);
  Image *im = file_read(path, limits->bytes, &b, err) ? codec_decode(b.data, b.n, path, opts, info, err) : NULL;
  buf_clear(&b);
  return im;
}

bool codec_encode(const Image *im, const EncodeOptions *opts, Buf *out, Err *err) {
  const char *format = opts->format ? opts->format : "png";
  if (!strcasecmp(format, "png")) return write_png(im, opts, out, err);
  if (!strcasecmp(format, "jpeg") || !strcasecmp(format, "jpg")) return write_jpeg(im, opts, out, err);
  return err_set(err, ERR_USAGE, "format: %s is unknown, expected png or jpeg", format);
}

/* "png", "jpeg", or NULL for an extension that says neither. */
static const char *format_of_path(const char *path) {
  const char *dot = strrchr(path, '.');
  if (!dot || strchr(dot, '/')) return NULL;
  if (!strcasecmp(dot, ".png")) return "png";
  return !strcasecmp(dot, ".jpg") || !strcasecmp(dot, ".jpeg") || !strcasecmp(dot, ".jpe") ? "jpeg" : NULL;
}

bool codec_save(const Image *im, const char *path, const EncodeOptions *opts, Err *err) {
  EncodeOptions o = opts ? *opts : (EncodeOptions){.level = -1};
  if (!o.format && !(o.format = format_of_path(path)))
    return err_set(err, ERR_USAGE, "%s: no format given and the extension is none of .png .jpg .jpeg", path);
  Buf b;
  buf_init(&b);
  bool ok = codec_encode(im, &o, &b, err) && file_write(path, b.data, b.n, false, err);
  buf_clear(&b);
  return ok;
}
