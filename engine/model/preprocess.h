/* From a picture to a network's input. The picture is brought to the size (in
 * Pillow's arithmetic, to the bit: most networks were trained through it), then
 * each sample v of 0..255 becomes (v * scale - mean) / std, rounded once to f32.
 * What happened to the geometry is kept, so that boxes can go back.
 * SPDX-License-Identifier: MIT */
#ifndef BRINK_PREPROCESS_H
#define BRINK_PREPROCESS_H

#include "image/image.h"
#include "model/tensor.h"

typedef enum PrepFit {
  PREP_SQUASH,    /* to w x h, proportions lost */
  PREP_CROP,      /* short side to `side`, then the middle w x h */
  PREP_LETTERBOX, /* into w x h whole, the rest filled with `pad` */
  PREP_NONE       /* as it is; w, h: what it must be, 0: anything */
} PrepFit;

typedef enum PrepInterp { PREP_NEAREST, PREP_BILINEAR, PREP_BICUBIC } PrepInterp;

typedef struct Prep {
  PrepFit fit;
  PrepInterp interp;
  bool antialias;   /* widen the kernel when shrinking, as Pillow; else as OpenCV */
  int w, h;         /* pixels; 0 only with PREP_NONE */
  int side;         /* PREP_CROP: the short side before the crop, >= max(w, h) for a crop that lies inside */
  bool torchvision; /* its roundings: long side down, crop's corner to even; else nearest, down */
  bool corner;      /* PREP_LETTERBOX: picture at the top left, else in the middle */
  bool grow;        /* PREP_LETTERBOX: also enlarge small pictures */
  double pad;       /* level of the fill, 0..255 */
  int channels;     /* 1, 3 or 4 of the input */
  bool bgr;         /* blue first; mean and std are in that order too */
  bool nhwc;
  TensorType type;  /* f32, f16, f64, or an integer type: rounded and clamped */
  double scale, mean[4], std[4];
} Prep;

/* Where picture coordinates went: input = picture * s + o, on each axis, in continuous pixels. */
typedef struct PrepMap {
  double sx, sy, ox, oy;
  int w, h;         /* of the input */
  int image_w, image_h;
} PrepMap;

/* Shape of the input for one picture of this size. */
void prep_shape(const Prep *prep, int image_w, int image_h, int64_t dim[4]);
/* Write the picture into row `row` of a tensor of that shape (its first dimension is the number of pictures). */
bool prep_run(const Prep *prep, const Image *im, Tensor *out, int64_t row, PrepMap *map, Err *err);

/* Pillow's resize of the picture to w x h, of which only the part [x, x+cw) x [y, y+ch) is made. u8 gives Pillow's bytes;
 * f32 is weighted in double as its mode F. */
Image *pil_resize(const Image *im, int w, int h, int x, int y, int cw, int ch, PrepInterp interp, bool antialias, Err *err);

#endif
