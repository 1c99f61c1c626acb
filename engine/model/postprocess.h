/* From a network's output to labels: probabilities, best classes, boxes, maps.
 * Ties go to the lower index everywhere, sums have a fixed order and exp is our
 * own, so that the same numbers give the same label on every machine.
 * SPDX-License-Identifier: MIT */
#ifndef BRINK_POSTPROCESS_H
#define BRINK_POSTPROCESS_H

#include "image/image.h"
#include "model/preprocess.h"
#include "model/tensor.h"

typedef enum Activation { ACT_NONE, ACT_SOFTMAX, ACT_SIGMOID } Activation;

/* f32, along one dimension (0-based). */
Tensor *post_softmax(const Tensor *t, int axis, Err *err);
Tensor *post_sigmoid(const Tensor *t, Err *err);
/* Index of the greatest value; NaN is never it (0 when there is nothing else). n > 0. */
size_t post_argmax(const Tensor *t);
/* Indexes of the k greatest values, best first, into index; returns how many (at most k, NaN left out). k >= 1. */
int post_topk(const Tensor *t, int k, int64_t *index);

typedef enum BoxForm {
  BOX_XYXY,   /* left, top, right, bottom */
  BOX_YXYX,   /* top, left, bottom, right */
  BOX_XYWH,   /* left, top, width, height */
  BOX_CXCYWH  /* centre, width, height */
} BoxForm;

/* Where candidates are found: value j of candidate i is data[i * row + j * column]. */
typedef struct Grid {
  const float *data;
  size_t row, column;
} Grid;

typedef struct DetectRule {
  int64_t n;            /* candidates */
  Grid box, score, objectness, label; /* score: one per class; objectness.data NULL: none; label.data: class ids, then one score */
  int classes;          /* scores of each candidate */
  int background;       /* class that means nothing, -1: none; those after it keep their number */
  BoxForm form;
  Grid prior;           /* data NULL: none. Else centre, width, height as shares of the input, from which the boxes are differences
                         * in SSD's code: centre + v * variance * size, size * exp(v * variance); form BOX_YXYX: y first */
  float variance[4];    /* in the order of the code */
  bool relative;        /* coordinates are shares of the input */
  Activation activation; /* of scores (and objectness, which is never softmaxed) */
  float least;          /* score from which a box counts */
  float overlap;        /* NMS: a box that shares more than this with a better one goes; >= 1: no NMS */
  bool agnostic;        /* NMS across classes */
  int most;             /* boxes kept */
  PrepMap map;          /* back to the picture */
  bool clip;            /* to the picture's frame */
} DetectRule;

typedef struct Detection {
  double x0, y0, x1, y1; /* picture pixels */
  float score;
  int cls;               /* as the model numbers them */
  int64_t from;          /* the candidate */
} Detection;

/* The boxes, best first. *out is the caller's (mem_free). Candidates whose numbers are not finite are left out. */
bool post_detect(const DetectRule *rule, Detection **out, int *n, Err *err);

/* A mask of the picture's size, 0 and 1, u8: the prototypes (K x H x W), each times its coefficient, summed; 1 where that is above
 * `threshold` (of the sum) within the box. */
Image *post_mask(const Tensor *prototypes, int k, int h, int w, const Grid *coefficient, int64_t i, const PrepMap *map, const Detection *box, float threshold, Err *err);

/* Class map of the picture's size, u8. t: scores C x H x W (C > 1: the best class where the scores are interpolated; C = 1:
 * class 1 where the value is above `threshold`) or class ids H x W (C = 0). Outside what the network saw: 255. */
Image *post_segment(const Tensor *t, int channels, int h, int w, bool nhwc, const PrepMap *map, float threshold, Err *err);

#endif
