/* The places of the functions used, and how they are called: private to ort.c
 * and session.c. SPDX-License-Identifier: MIT */
#ifndef BRINK_ORT_API_H
#define BRINK_ORT_API_H

#include "model/ort.h"

typedef struct OrtStatus OrtStatus; /* NULL: it worked */
typedef void (*OrtFunction)(void);  /* cast to its own type before the call */

enum {
  GET_ERROR_MESSAGE = 2,
  CREATE_ENV = 3,
  CREATE_SESSION = 7,
  CREATE_SESSION_FROM_ARRAY = 8,
  RUN = 9,
  CREATE_SESSION_OPTIONS = 10,
  SET_LOG_SEVERITY = 22,
  SET_OPTIMIZATION = 23,
  SET_INTRA_OP_THREADS = 24,
  SET_INTER_OP_THREADS = 25,
  INPUT_COUNT = 30,
  OUTPUT_COUNT = 31,
  INPUT_TYPE = 33,
  OUTPUT_TYPE = 34,
  INPUT_NAME = 36,
  OUTPUT_NAME = 37,
  CREATE_RUN_OPTIONS = 39,
  SET_TERMINATE = 46,
  CREATE_TENSOR_WITH_DATA = 49,
  IS_TENSOR = 50,
  TENSOR_DATA = 51,
  CAST_TYPE_TO_TENSOR = 55,
  ELEMENT_TYPE = 60,
  DIM_COUNT = 61,
  DIMS = 62,
  TENSOR_TYPE_AND_SHAPE = 65,
  CREATE_CPU_MEMORY_INFO = 69,
  ALLOCATOR_FREE = 76,
  DEFAULT_ALLOCATOR = 78,
  RELEASE_STATUS = 93,
  RELEASE_SESSION = 95,
  RELEASE_VALUE = 96,
  RELEASE_RUN_OPTIONS = 97,
  RELEASE_TYPE_INFO = 98,
  RELEASE_TENSOR_INFO = 99,
  RELEASE_SESSION_OPTIONS = 100,
  AVAILABLE_PROVIDERS = 125,         /* 4 */
  RELEASE_AVAILABLE_PROVIDERS = 126, /* 4 */
  ADD_CONFIG = 130,                  /* 5 */
  APPEND_TENSORRT = 172,             /* 9: append, create, update, text, release follow each other */
  APPEND_CUDA = 204,                 /* 11 */
  APPEND_PROVIDER = 216,             /* 12 */
  APPEND_DNNL = 239                  /* 15 */
};

struct Ort {
  char *path, *version;
  int minor; /* of 1.minor, which is also the API's version */
  void *lib;
  const OrtFunction *api;
  void *env, *cpu, *allocator;
  Ort *next;
};

/* ORT_CALL(ort, RUN, (types))(arguments) */
#define ORT_CALL(ort, slot, types) ((OrtStatus * (*) types)(ort)->api[slot])
#define ORT_VOID(ort, slot, types) ((void(*) types)(ort)->api[slot])

/* True when status is NULL; else its text goes into *err after "LABEL: " and it is released. */
bool ort_ok(const Ort *ort, OrtStatus *status, const char *label, Err *err);

#endif
